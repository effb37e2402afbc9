#include "parse.h"
#include "weft/protocol/jobs.h"

#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *key)
{
    json_int_t number = json_integer_value(json_object_get(object, key));
    return number > 0 ? (uint64_t)number : 0;
}

static enum err read_one(const json_t *object, job_words_read *read, void *owner,
                         struct error *error)
{
    struct job_words words = {.job = text_of(object, "job"),
                              .kind = text_of(object, "kind"),
                              .project = text_of(object, "project"),
                              .user = text_of(object, "user"),
                              .path = text_of(object, "path"),
                              .state = text_of(object, "state"),
                              .worker = text_of(object, "worker"),
                              .problem = text_of(object, "problem"),
                              .output = text_of(object, "output"),
                              .by = number_of(object, "by"),
                              .f = number_of(object, "f"),
                              .tries = number_of(object, "tries"),
                              .ms = number_of(object, "ms"),
                              .queued_at = number_of(object, "queued_at"),
                              .started_at = number_of(object, "started_at"),
                              .ended_at = number_of(object, "ended_at"),
                              .result_len = number_of(object, "result_bytes"),
                              .is_over = json_object_get(object, "code") != NULL,
                              .code = json_integer_value(json_object_get(object, "code"))};
    if (!words.job[0])
        return error_set(error, ERR_BAD_MESSAGE, "this is no job");
    words.output_len = strlen(words.output);
    read(owner, &words);
    return ERR_OK;
}

static enum err read_all(const json_t *root, job_words_read *read, void *owner, struct error *error)
{
    const json_t *list = json_object_get(root, "jobs");
    const json_t *one;
    size_t i;
    enum err err = ERR_OK;
    if (!json_is_array(list))
        return read_one(root, read, owner, error);
    json_array_foreach(list, i, one)
    {
        err = read_one(one, read, owner, error);
        if (err)
            break;
    }
    return err;
}

enum err decode_http_jobs(const char *data, size_t len, job_words_read *read, void *owner,
                          struct error *error)
{
    static const struct prescan most = {.keys = 100000, .elements = 10000, .depth = 16};
    json_t *root;
    enum err err = parse_json(data, len, &most, &root, error);
    if (err)
        return err;
    err = read_all(root, read, owner, error);
    json_decref(root);
    return err;
}
