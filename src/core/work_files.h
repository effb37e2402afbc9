/* What a job's command is given: words, a text, or the files of a project. */
#ifndef WEFT_CORE_WORK_FILES_H
#define WEFT_CORE_WORK_FILES_H

#include "weft/core/jobs.h"
#include "weft/core/registry.h"
#include "weft/core/runner.h"

struct rope;

struct work_text {
    char *text; /* owned, with a NUL behind it */
    size_t len;
};
struct work_text work_text_of(const struct rope *rope);

/* The words of a command with what stands for {path}, {project}, {f}, {user} and {args} put in. */
char **work_argv(const char *const *command, const struct job *job);
void work_argv_free(char **argv);

/* The files of a project, read one after the other. */
struct work_files {
    uint64_t *ids; /* NULL: not begun */
    size_t total, next;
    struct run_file *list; /* those that were read; owned */
    size_t count;
};
void work_files_begin(struct work_files *files, const struct query_project *project);
void work_files_add(struct work_files *files, const struct query_file *file);
void work_files_close(struct work_files *files);

#endif
