#include "runner_copy.h"
#include "weft/base/mem.h"

#include <stdlib.h>

static void copy_argv(struct run *to, const struct run *from)
{
    size_t count = 0;
    while (from->argv[count])
        count++;
    char **argv = mem_zalloc((count + 1) * sizeof(*argv));
    for (size_t i = 0; i < count; i++)
        argv[i] = mem_strdup(from->argv[i]);
    to->argv = (const char *const *)argv;
}

static void copy_files(struct run *to, const struct run *from)
{
    struct run_file *files = mem_zalloc((from->file_count + 1) * sizeof(*files));
    for (size_t i = 0; i < from->file_count; i++) {
        const struct run_file *file = &from->files[i];
        files[i].path = mem_strdup(file->path);
        files[i].text = mem_strndup(file->text, file->len);
        files[i].len = file->len;
    }
    to->files = files;
}

void run_copy(struct run *to, const struct run *from)
{
    *to = *from;
    copy_argv(to, from);
    copy_files(to, from);
    to->input = from->input ? mem_strndup(from->input, from->input_len) : NULL;
}

void run_free_files(struct run *run)
{
    for (size_t i = 0; i < run->file_count; i++) {
        free((char *)run->files[i].path);
        free((char *)run->files[i].text);
    }
    free((struct run_file *)run->files);
    run->files = NULL;
    run->file_count = 0;
}

void run_free(struct run *run)
{
    for (size_t i = 0; run->argv[i]; i++)
        free((char *)run->argv[i]);
    free((char **)run->argv);
    free((char *)run->input);
    run_free_files(run);
}
