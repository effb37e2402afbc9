/* A kind is filled in by a table of settings, as texts and whole numbers; job_kinds_check then puts
 * into the core's struct what has another type there. */
#include "weft/server/job_kinds.h"
#include "setting.h"
#include "weft/base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "jobs."
#define KINDS_MAX 64
#define WORDS_MAX 64 /* of a command */
#define WORD_MAX 4096

struct kind {
    struct job_kind kind; /* first: items points to it */
    char *name, *title, *content_type, *paths;
    uint64_t input, output, tries, concurrency, limit_count;
    char **words; /* of the command, with a NULL behind them */
    size_t word_count;
};

#define OWN(field) offsetof(struct kind, field)
#define CORE(field) offsetof(struct kind, kind.field)

/* clang-format off */
static const struct setting fields[] = {
    {"title", NULL, NULL, "", "for people, in place of its name", OWN(title), TEXT, 0, 80, {NULL}},
    {"input", NULL, NULL, "none", "what the command gets", OWN(input),
     CHOICE, 0, 0, {"none", "file", "project"}},
    {"output", NULL, NULL, "text", "what becomes of what it prints", OWN(output),
     CHOICE, 0, 0, {"text", "edit", "file"}},
    {"content_type", NULL, NULL, "application/octet-stream", "of an output that is a file",
     OWN(content_type), TEXT, 3, 100, {NULL}},
    {"paths", NULL, NULL, "", "suffixes of the files that it is for, \".js .ts\"", OWN(paths),
     TEXT, 0, 500, {NULL}},
    {"time_ms", NULL, NULL, "30000", "then it is killed", CORE(time_ms),
     NUMBER, 1, 86400000, {NULL}},
    {"memory", NULL, NULL, "1073741824", "bytes of address space; 0 = no limit", CORE(memory),
     NUMBER, 0, 1ull << 50, {NULL}},
    {"output_max", NULL, NULL, "1048576", "bytes that it may print", CORE(output_max),
     NUMBER, 1, 64 << 20, {NULL}},
    {"tries", NULL, NULL, "3", "before it is a dead letter", OWN(tries), NUMBER, 1, 100, {NULL}},
    {"concurrency", NULL, NULL, "4", "at once, over all workers", OWN(concurrency),
     NUMBER, 1, 1000, {NULL}},
    {"limit.count", NULL, NULL, "0", "begun …; 0 = no limit", OWN(limit_count),
     NUMBER, 0, 1000000, {NULL}},
    {"limit.ms", NULL, NULL, "0", "… in any so long", CORE(limit_ms), NUMBER, 0, 86400000, {NULL}},
    {"retry_ms", NULL, NULL, "1000", "wait after the first failure, doubling …", CORE(retry_ms),
     NUMBER, 1, 3600000, {NULL}},
    {"retry_most_ms", NULL, NULL, "60000", "… up to this", CORE(retry_most_ms),
     NUMBER, 1, 86400000, {NULL}},
};
/* clang-format on */
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

/* ---- finding ---- */

static struct kind *kind_at(const struct job_kinds *kinds, size_t index)
{
    return (struct kind *)kinds->items[index];
}

static bool is_name(const char *name, size_t len)
{
    static const char more[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    return len > 0 && len < JOB_KIND_SIZE && name[0] >= 'a' && name[0] <= 'z' &&
           strspn(name, more) >= len;
}

static struct kind *add(struct job_kinds *kinds, const char *name, size_t len)
{
    struct kind *kind = mem_zalloc(sizeof(*kind));
    kind->name = mem_strndup(name, len);
    settings_init(fields, FIELD_COUNT, kind);
    kinds->items = mem_realloc_array(kinds->items, kinds->count + 1, sizeof(struct job_kind *));
    kinds->items[kinds->count++] = &kind->kind;
    return kind;
}

static struct kind *find(struct job_kinds *kinds, const char *name, size_t len)
{
    for (size_t i = 0; i < kinds->count; i++) {
        struct kind *kind = kind_at(kinds, i);
        if (strlen(kind->name) == len && strncmp(kind->name, name, len) == 0)
            return kind;
    }
    return NULL;
}

/* ---- setting ---- */

/* The words come in their order. */
static enum err add_word(struct kind *kind, const char *value, struct error *error)
{
    if (kind->word_count == WORDS_MAX || strlen(value) > WORD_MAX)
        return error_set(error, ERR_BAD_MESSAGE,
                         PREFIX "%s.command has at most %d words of %d bytes", kind->name,
                         WORDS_MAX, WORD_MAX);
    kind->words = mem_realloc_array(kind->words, kind->word_count + 2, sizeof(*kind->words));
    kind->words[kind->word_count++] = mem_strdup(value);
    kind->words[kind->word_count] = NULL;
    return ERR_OK;
}

enum err job_kinds_set(struct job_kinds *kinds, const char *name, const char *value,
                       struct error *error)
{
    static const char command[] = "command[";
    const char *begin = name + strlen(PREFIX);
    size_t len = strcspn(begin, ".");
    const char *field = begin[len] == '.' ? begin + len + 1 : "";
    if (!is_name(begin, len))
        return error_set(error, ERR_BAD_MESSAGE,
                         "%.60s: a kind of job has a name of at most %d of a-z 0-9 _ -, and a "
                         "letter first",
                         name, JOB_KIND_SIZE - 1);
    struct kind *kind = find(kinds, begin, len);
    if (!kind && kinds->count == KINDS_MAX)
        return error_set(error, ERR_BAD_MESSAGE, "there are more than %d kinds of jobs", KINDS_MAX);
    if (!kind)
        kind = add(kinds, begin, len);
    if (strncmp(field, command, strlen(command)) == 0 && field[strlen(field) - 1] == ']')
        return add_word(kind, value, error);
    if (strcmp(field, "command") == 0)
        return error_set(error, ERR_BAD_MESSAGE, "%.60s is a list of words, [\"wc\", \"-l\"]",
                         name);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(field, fields[i].name) == 0)
            return setting_set(&fields[i], kind, name, value, error);
    }
    return error_set(error, ERR_BAD_MESSAGE, "there is no setting %.100s", name);
}

/* ---- all of them ---- */

static enum err wrong(const struct kind *kind, const char *why, struct error *error)
{
    return error_set(error, ERR_BAD_MESSAGE, PREFIX "%s: %s", kind->name, why);
}

static enum err check(const struct kind *kind, struct error *error)
{
    bool has_command = kind->word_count > 0;
    if (has_command && (!kind->words[0][0] || strchr(kind->words[0], '{')))
        return wrong(kind, "command[0] is the name of a program", error);
    if (!has_command && kind->input == JOB_INPUT_PROJECT)
        return wrong(kind, "without a command, input is none or file", error);
    if (!has_command && kind->output == JOB_OUTPUT_FILE)
        return wrong(kind, "without a command, output is text or edit", error);
    if (kind->output == JOB_OUTPUT_EDIT && kind->input != JOB_INPUT_FILE)
        return wrong(kind, "with output edit, input is file", error);
    if ((kind->limit_count == 0) != (kind->kind.limit_ms == 0))
        return wrong(kind, "limit has both count and ms", error);
    if (kind->kind.retry_most_ms < kind->kind.retry_ms)
        return wrong(kind, "retry_most_ms is below retry_ms", error);
    if (strpbrk(kind->content_type, "\r\n\t") || !strchr(kind->content_type, '/'))
        return wrong(kind, "content_type is no media type", error);
    return ERR_OK;
}

static void complete(struct kind *kind)
{
    struct job_kind *to = &kind->kind;
    to->name = kind->name;
    to->title = kind->title;
    to->command = (const char *const *)kind->words;
    to->content_type = kind->content_type;
    to->paths = kind->paths;
    to->input = (enum job_input)kind->input;
    to->output = (enum job_output)kind->output;
    to->tries = (uint32_t)kind->tries;
    to->concurrency = (uint32_t)kind->concurrency;
    to->limit_count = (uint32_t)kind->limit_count;
}

enum err job_kinds_check(struct job_kinds *kinds, struct error *error)
{
    enum err err = ERR_OK;
    for (size_t i = 0; !err && i < kinds->count; i++) {
        err = check(kind_at(kinds, i), error);
        complete(kind_at(kinds, i));
    }
    return err;
}

void job_kinds_close(struct job_kinds *kinds)
{
    for (size_t i = 0; i < kinds->count; i++) {
        struct kind *kind = kind_at(kinds, i);
        for (size_t word = 0; word < kind->word_count; word++)
            free(kind->words[word]);
        free(kind->words);
        settings_close(fields, FIELD_COUNT, kind);
        free(kind->name);
        free(kind);
    }
    free(kinds->items);
    *kinds = (struct job_kinds){0};
}

void job_kinds_print_help(FILE *out)
{
    fputs("\nKinds of jobs (docs/jobs.md), {\"jobs\": {\"count\": {\"command\": [\"wc\", \"-l\"], "
          "\"input\": \"file\"}}}:\n\n"
          "  jobs.KIND.command        program and its arguments, with {path}, {project}, {f},\n"
          "                           {user} and {args} put in; none: done by programs of others\n",
          out);
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        fprintf(out, "  jobs.KIND.%-14s %s", fields[i].name, fields[i].meaning);
        for (int c = 0; fields[i].choices[c]; c++)
            fprintf(out, "%s%s", c > 0 ? ", " : ": ", fields[i].choices[c]);
        fprintf(out, fields[i].fallback[0] ? " (%s)\n" : "\n", fields[i].fallback);
    }
}
