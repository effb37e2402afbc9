#include "parse.h"
#include "weft/protocol/http.h"
#include "weft/text/path.h"

#include <string.h>

/* Copies a text of at most 64 bytes without control characters; absent is fine. */
static enum err read_text(json_t *object, const char *key, char out[65], struct error *error)
{
    json_t *value = json_object_get(object, key);
    if (!value)
        return ERR_OK;
    if (!json_is_string(value))
        return error_set(error, ERR_BAD_MESSAGE, "%s is no text", key);
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    if (len > 64)
        return error_set(error, ERR_TOO_BIG, "%s has more than 64 bytes", key);
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return error_set(error, ERR_BAD_TEXT, "%s has control characters", key);
    }
    memcpy(out, text, len + 1);
    return ERR_OK;
}

static enum err read_project(json_t *root, struct create_project *out, struct error *error)
{
    if (!json_is_object(root))
        return error_set(error, ERR_BAD_MESSAGE, "it is no object");
    enum err err = read_text(root, "id", out->id, error);
    if (!err)
        err = read_text(root, "template", out->template, error);
    if (!err)
        err = read_text(root, "name", out->name, error);
    if (!err && !project_id_valid(out->id, strlen(out->id)))
        err = error_set(error, ERR_BAD_MESSAGE, "id is 1 to 64 of A-Z a-z 0-9 . _ -");
    return err;
}

enum err decode_create_project(const char *data, size_t len, struct create_project *out,
                               struct error *error)
{
    static const struct prescan most = {.keys = 64, .elements = 64, .depth = 8};
    json_t *root;
    *out = (struct create_project){.template = "blank"};
    enum err err = parse_json(data, len, &most, &root, error);
    if (err)
        return err;
    err = read_project(root, out, error);
    json_decref(root);
    return err;
}
