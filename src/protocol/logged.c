/* What is read outside a frame: entries of a log, and change sets that stand alone. */
#include "changeset.h"
#include "parse.h"
#include "selection.h"
#include "weft/protocol/message.h"

#include <string.h>

/* A log's text was made by encode_edit, so its size is bounded already; keys only have to be few
 * enough that damage cannot cost much. */
static const struct prescan most_logged = {
    .keys = 64, .elements = SIZE_MAX, .depth = PRESCAN_DEPTH_MAX};

static enum err read_change(const json_t *parts, size_t parts_most, size_t insert_most,
                            struct change **out, struct error *error)
{
    if (!json_is_array(parts))
        return error_set(error, ERR_BAD_MESSAGE, "a change set is an array");
    struct changeset_reader reader;
    changeset_reader_init(&reader, parts_most, insert_most);
    enum err err = changeset_read(&reader, parts, out, error);
    changeset_reader_close(&reader);
    return err;
}

static enum err read_logged_edit(const json_t *object, struct logged_edit *out, struct error *error)
{
    const char *type = json_string_value(json_object_get(object, "t"));
    if (!type || strcmp(type, "edit") != 0)
        return error_set(error, ERR_BAD_MESSAGE, "a log entry is not an edit");
    if (!parse_number(json_object_get(object, "f"), 1, NUMBER_MAX, &out->f) ||
        !parse_number(json_object_get(object, "v"), 1, NUMBER_MAX, &out->v) ||
        !parse_number(json_object_get(object, "by"), 0, CID_MAX, &out->by) ||
        !parse_number(json_object_get(object, "n"), 0, NUMBER_MAX, &out->n))
        return error_set(error, ERR_BAD_MESSAGE, "a log entry without a right f, v, by and n");
    const json_t *sel = json_object_get(object, "sel");
    if (sel && !selection_read(sel, RANGES_MAX, &out->sel))
        return error_set(error, ERR_BAD_MESSAGE, "a log entry without a right sel");
    return read_change(json_object_get(object, "c"), SIZE_MAX, SIZE_MAX, &out->change, error);
}

enum err decode_logged_edit(const char *data, size_t len, struct logged_edit *out,
                            struct error *error)
{
    out->change = NULL;
    out->sel.count = 0;
    json_t *object;
    enum err err = parse_json(data, len, &most_logged, &object, error);
    if (err != ERR_OK)
        return err;
    err = read_logged_edit(object, out, error);
    json_decref(object);
    return err;
}

enum err decode_change(const char *data, size_t len, const struct limits *limits,
                       struct change **out, struct error *error)
{
    const struct prescan most = {limits->keys, limits->elements, PRESCAN_DEPTH_MAX};
    *out = NULL;
    if (len > limits->frame)
        return error_set(error, ERR_TOO_BIG, "more than %u bytes", limits->frame);
    json_t *parts;
    enum err err = parse_json(data, len, &most, &parts, error);
    if (err != ERR_OK)
        return err;
    err = read_change(parts, limits->parts, limits->insert, out, error);
    json_decref(parts);
    return err;
}
