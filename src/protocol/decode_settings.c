#include "parse.h"
#include "weft/protocol/settings.h"

#include <inttypes.h>
#include <stdio.h>

struct settings_reader {
    setting_read *read;
    void *owner;
    struct error *error;
};

static enum err read_object(const struct settings_reader *reader, json_t *object,
                            const char *prefix);

/* One pair for each text: "command[0]", "command[1]"… */
static enum err read_list(const struct settings_reader *reader, const char *name, json_t *list)
{
    char element[SETTING_NAME_SIZE + 24];
    size_t i;
    json_t *value;
    if (json_array_size(list) == 0)
        return error_set(reader->error, ERR_BAD_MESSAGE, "%.60s is an empty list", name);
    json_array_foreach(list, i, value)
    {
        snprintf(element, sizeof(element), "%s[%zu]", name, i);
        if (!json_is_string(value))
            return error_set(reader->error, ERR_BAD_MESSAGE, "%.60s is no text", element);
        enum err err =
            reader->read(reader->owner, element, json_string_value(value), reader->error);
        if (err)
            return err;
    }
    return ERR_OK;
}

static enum err read_value(const struct settings_reader *reader, const char *name, json_t *value)
{
    char number[24];
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return read_object(reader, value, name);
    case JSON_ARRAY:
        return read_list(reader, name, value);
    case JSON_STRING:
        return reader->read(reader->owner, name, json_string_value(value), reader->error);
    case JSON_INTEGER:
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return reader->read(reader->owner, name, number, reader->error);
    case JSON_TRUE:
    case JSON_FALSE:
        return reader->read(reader->owner, name, json_is_true(value) ? "true" : "false",
                            reader->error);
    default:
        return error_set(reader->error, ERR_BAD_MESSAGE,
                         "%.60s is neither a text, a whole number, true nor false", name);
    }
}

static enum err read_object(const struct settings_reader *reader, json_t *object,
                            const char *prefix)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char name[SETTING_NAME_SIZE];
        int len = snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
        if (len >= (int)sizeof(name))
            return error_set(reader->error, ERR_BAD_MESSAGE, "no setting has the name %.60s…",
                             name);
        enum err err = read_value(reader, name, value);
        if (err)
            return err;
    }
    return ERR_OK;
}

enum err decode_settings(const char *data, size_t len, setting_read *read, void *owner,
                         struct error *error)
{
    static const struct prescan most = {.keys = 1000, .elements = 1000, .depth = 16};
    struct settings_reader reader = {read, owner, error};
    json_t *root;
    enum err err = parse_json(data, len, &most, &root, error);
    if (err)
        return err;
    err = json_is_object(root) ? read_object(&reader, root, "")
                               : error_set(error, ERR_BAD_MESSAGE, "it is no object");
    json_decref(root);
    return err;
}
