#include "parse.h"
#include "weft/protocol/jobs.h"

#include <stdlib.h>
#include <string.h>

static enum err read_text(const json_t *object, const char *key, char *out, size_t size,
                          struct error *error)
{
    const json_t *value = json_object_get(object, key);
    size_t len = json_string_length(value);
    if (!value)
        return ERR_OK;
    if (!json_is_string(value))
        return error_set(error, ERR_BAD_MESSAGE, "%s is no text", key);
    if (len >= size)
        return error_set(error, ERR_TOO_BIG, "%s has more than %zu bytes", key, size - 1);
    memcpy(out, json_string_value(value), len + 1);
    return ERR_OK;
}

static enum err read_args(const json_t *object, char out[JOB_ARGS_MAX + 1], struct error *error)
{
    const json_t *args = json_object_get(object, "args");
    strcpy(out, "{}");
    if (!args)
        return ERR_OK;
    if (!json_is_object(args))
        return error_set(error, ERR_BAD_MESSAGE, "args is no object");
    size_t len = json_dumpb(args, out, JOB_ARGS_MAX, JSON_COMPACT);
    if (len == 0 || len > JOB_ARGS_MAX)
        return error_set(error, ERR_TOO_BIG, "args has more than %d bytes", JOB_ARGS_MAX);
    out[len] = '\0';
    return ERR_OK;
}

static enum err read_run(const json_t *root, struct run_job *out, struct error *error)
{
    if (!json_is_object(root))
        return error_set(error, ERR_BAD_MESSAGE, "it is no object");
    enum err err = read_text(root, "kind", out->kind, sizeof out->kind, error);
    if (!err)
        err = read_text(root, "path", out->path, sizeof out->path, error);
    return err ? err : read_args(root, out->args, error);
}

enum err decode_run_job(const char *data, size_t len, struct run_job *out, struct error *error)
{
    static const struct prescan most = {.keys = 1000, .elements = 1000, .depth = 16};
    json_t *root;
    out->kind[0] = out->path[0] = '\0';
    enum err err = parse_json(data, len, &most, &root, error);
    if (err)
        return err;
    err = read_run(root, out, error);
    json_decref(root);
    return err;
}
