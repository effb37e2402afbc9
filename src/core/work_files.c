#include "work_files.h"
#include "weft/base/buf.h"
#include "weft/base/mem.h"
#include "weft/text/rope.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct work_text work_text_of(const struct rope *rope)
{
    struct work_text text = {mem_alloc(rope_len(rope) + 1), rope_len(rope)};
    rope_copy(rope, text.text);
    text.text[text.len] = '\0';
    return text;
}

/* ---- words ---- */

struct stand_in {
    const char *name, *value;
};

/* One pass: what was put in is not looked at again. */
static char *put_in(const char *word, const struct stand_in *all, size_t count)
{
    struct buf out = BUF_EMPTY;
    buf_add(&out, "", 0);
    while (*word) {
        size_t i = 0;
        while (i < count && strncmp(word, all[i].name, strlen(all[i].name)) != 0)
            i++;
        if (i < count) {
            buf_add_text(&out, all[i].value);
            word += strlen(all[i].name);
        } else {
            buf_add_char(&out, *word++);
        }
    }
    char *text = mem_strndup(out.len ? out.data : "", out.len);
    buf_close(&out);
    return text;
}

char **work_argv(const char *const *command, const struct job *job)
{
    char f[24];
    snprintf(f, sizeof f, "%" PRIu64, job->f);
    const struct stand_in all[] = {{"{path}", job->path},
                                   {"{project}", job->project},
                                   {"{f}", f},
                                   {"{user}", job->user},
                                   {"{args}", job->args}};
    size_t count = 0;
    while (command[count])
        count++;
    char **argv = mem_realloc_array(NULL, count + 1, sizeof argv[0]);
    for (size_t i = 0; i < count; i++)
        argv[i] = put_in(command[i], all, sizeof all / sizeof all[0]);
    argv[count] = NULL;
    return argv;
}

void work_argv_free(char **argv)
{
    for (char **word = argv; *word; word++)
        free(*word);
    free(argv);
}

/* ---- files ---- */

void work_files_begin(struct work_files *files, const struct query_project *project)
{
    files->total = project->file_count;
    files->ids = mem_realloc_array(NULL, files->total + 1, sizeof files->ids[0]);
    files->list = mem_realloc_array(NULL, files->total + 1, sizeof files->list[0]);
    for (size_t i = 0; i < files->total; i++)
        files->ids[i] = project->files[i].f;
}

/* As it would be exported: with the file's own line endings. */
static struct work_text with_eol(const struct rope *rope, const char *eol)
{
    struct work_text text = work_text_of(rope);
    struct buf out = BUF_EMPTY;
    if (strcmp(eol, "\n") == 0)
        return text;
    buf_add(&out, "", 0);
    for (const char *at = text.text, *end; at < text.text + text.len; at = end + 1) {
        end = memchr(at, '\n', (size_t)(text.text + text.len - at));
        if (!end) {
            buf_add(&out, at, (size_t)(text.text + text.len - at));
            break;
        }
        buf_add(&out, at, (size_t)(end - at));
        buf_add_text(&out, eol);
    }
    free(text.text);
    text = (struct work_text){mem_strndup(out.len ? out.data : "", out.len), out.len};
    buf_close(&out);
    return text;
}

void work_files_add(struct work_files *files, const struct query_file *file)
{
    struct work_text text = with_eol(file->text, file->eol ? file->eol : "\n");
    files->list[files->count++] = (struct run_file){mem_strdup(file->path), text.text, text.len};
}

void work_files_close(struct work_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free((char *)files->list[i].path);
        free((char *)files->list[i].text);
    }
    free(files->list);
    free(files->ids);
    *files = (struct work_files){0};
}
