/* What the state and other instances say of the tree, of cursors and of people. Nobody vouches for
 * it: it is held to what clients are held to. */
#include "fields.h"
#include "parse.h"
#include "selection.h"
#include "weft/base/mem.h"
#include "weft/protocol/message.h"
#include "weft/text/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct prescan most_fs = {.keys = 64, .elements = SIZE_MAX, .depth = 16};
static const struct prescan most_event = {.keys = 64, .elements = 64, .depth = 16};
static const struct prescan most_short = {
    .keys = 64, .elements = 4 * (size_t)RANGES_MAX, .depth = 16};

static bool is_type(const json_t *object, const char *type)
{
    const char *t = json_string_value(json_object_get(object, "t"));
    return t && strcmp(t, type) == 0;
}

/* ---- fs ---- */

static enum err read_entry(const json_t *f, const json_t *path, struct fs_entry *out,
                           struct error *error)
{
    if (!parse_number(f, 1, NUMBER_MAX, &out->f) || !json_is_string(path))
        return error_set(error, ERR_BAD_MESSAGE, "a change of the tree without a right f and path");
    out->path = json_string_value(path);
    return path_check(out->path, json_string_length(path), error);
}

static enum err read_list(const json_t *list, struct fs_entry *entries, struct error *error)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *pair = json_array_get(list, i);
        if (json_array_size(pair) != 2)
            return error_set(error, ERR_BAD_MESSAGE, "an entry of the tree is [f, path]");
        enum err err =
            read_entry(json_array_get(pair, 0), json_array_get(pair, 1), &entries[i], error);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err read_entries(const json_t *object, struct relayed_fs *out, struct error *error)
{
    const json_t *list = json_object_get(object, "list");
    out->event.folder = list != NULL;
    if (list && (!json_is_array(list) || json_object_get(object, "f")))
        return error_set(error, ERR_BAD_MESSAGE, "either f or a list is expected");
    out->event.count = list ? json_array_size(list) : 1;
    struct fs_entry *entries = mem_zalloc((out->event.count + 1) * sizeof(entries[0]));
    out->event.entries = entries;
    return list ? read_list(list, entries, error)
                : read_entry(json_object_get(object, "f"), json_object_get(object, "path"),
                             &entries[0], error);
}

static bool read_op(const json_t *value, enum fs_op *out)
{
    static const char *const ops[] = {
        [FS_CREATE] = "create", [FS_RENAME] = "rename", [FS_DELETE] = "delete"};
    const char *name = json_string_value(value);
    for (int op = FS_CREATE; name && op <= FS_DELETE; op++) {
        if (strcmp(ops[op], name) == 0) {
            *out = (enum fs_op)op;
            return true;
        }
    }
    return false;
}

/* What only a creation may say, and need not. */
static bool read_made(const json_t *object, struct relayed_fs *out)
{
    const json_t *len = json_object_get(object, "len"), *eol = json_object_get(object, "eol");
    snprintf(out->eol, sizeof(out->eol), "\n");
    if (len && !parse_number(len, 0, NUMBER_MAX, &out->len))
        return false;
    if (!eol)
        return true;
    const char *text = json_string_value(eol);
    if (!text || (strcmp(text, "\n") != 0 && strcmp(text, "\r\n") != 0 && strcmp(text, "\r") != 0))
        return false;
    snprintf(out->eol, sizeof(out->eol), "%s", text);
    return true;
}

static enum err read_fs(const json_t *object, struct relayed_fs *out, struct error *error)
{
    const json_t *by = json_object_get(object, "by");
    if (!is_type(object, "fs"))
        return error_set(error, ERR_UNKNOWN_TYPE, "no change of the tree");
    if (!parse_number(json_object_get(object, "e"), 1, NUMBER_MAX, &out->event.e) ||
        (by && !parse_number(by, 1, CID_MAX, &out->event.by)) ||
        !read_op(json_object_get(object, "op"), &out->event.op) || !read_made(object, out))
        return error_set(error, ERR_BAD_MESSAGE, "a change of the tree that is none");
    enum err err = read_entries(object, out, error);
    if (err == ERR_OK && out->event.folder && out->event.op == FS_CREATE)
        return error_set(error, ERR_BAD_MESSAGE, "a folder is not created");
    return err;
}

enum err decode_fs(const char *data, size_t len, struct relayed_fs *out, struct error *error)
{
    json_t *object;
    *out = (struct relayed_fs){0};
    enum err err = parse_json(data, len, &most_fs, &object, error);
    if (err != ERR_OK)
        return err;
    out->parsed = object;
    err = read_fs(object, out, error);
    if (err != ERR_OK)
        relayed_fs_close(out);
    return err;
}

void relayed_fs_close(struct relayed_fs *fs)
{
    free((void *)fs->event.entries);
    json_decref(fs->parsed);
    *fs = (struct relayed_fs){0};
}

/* ---- jobs ---- */

enum err decode_event(const char *data, size_t len, uint64_t *e, struct error *error)
{
    json_t *object;
    enum err err = parse_json(data, len, &most_event, &object, error);
    if (err != ERR_OK)
        return err;
    if (!is_type(object, "job"))
        err = error_set(error, ERR_UNKNOWN_TYPE, "no event that is passed on");
    else if (!parse_number(json_object_get(object, "e"), 1, NUMBER_MAX, e))
        err = error_set(error, ERR_BAD_MESSAGE, "an event without a right e");
    json_decref(object);
    return err;
}

static bool is_job_id(const json_t *value)
{
    const char *id = json_string_value(value);
    return id && *id && json_string_length(value) < JOB_ID_MAX &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789") == json_string_length(value);
}

enum err decode_job_output(const char *data, size_t len, struct error *error)
{
    uint64_t i;
    json_t *object;
    enum err err = parse_json(data, len, &most_event, &object, error);
    if (err != ERR_OK)
        return err;
    const json_t *out = json_object_get(object, "out");
    if (!is_type(object, "job") || json_object_size(object) != 4 ||
        !is_job_id(json_object_get(object, "job")) ||
        !parse_number(json_object_get(object, "i"), 0, NUMBER_MAX, &i) || !json_is_string(out) ||
        json_string_length(out) > JOB_OUT_MAX)
        err = error_set(error, ERR_BAD_MESSAGE, "a piece of output that is none");
    json_decref(object);
    return err;
}

/* ---- cursor ---- */

static enum err read_cursor(const json_t *object, uint32_t ranges_most, struct relayed_cursor *out,
                            struct error *error)
{
    if (!is_type(object, "cursor"))
        return error_set(error, ERR_UNKNOWN_TYPE, "no cursor");
    if (!parse_number(json_object_get(object, "f"), 0, NUMBER_MAX, &out->f) ||
        !parse_number(json_object_get(object, "by"), 1, CID_MAX, &out->by))
        return error_set(error, ERR_BAD_MESSAGE, "a cursor without a right f and by");
    if (out->f == 0)
        return ERR_OK;
    if (!parse_number(json_object_get(object, "v"), 0, NUMBER_MAX, &out->v) ||
        !selection_read(json_object_get(object, "sel"), ranges_most, &out->sel))
        return error_set(error, ERR_BAD_MESSAGE, "a cursor without a right v and sel");
    return ERR_OK;
}

enum err decode_cursor(const char *data, size_t len, uint32_t ranges_most,
                       struct relayed_cursor *out, struct error *error)
{
    json_t *object;
    out->v = 0;
    out->sel.count = 0;
    enum err err = parse_json(data, len, &most_short, &object, error);
    if (err != ERR_OK)
        return err;
    err = read_cursor(object, ranges_most, out, error);
    json_decref(object);
    return err;
}

/* ---- person ---- */

static bool read_words(const json_t *value, char *out, size_t size)
{
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len >= size || fields_has_control(json_string_value(value), len))
        return false;
    memcpy(out, json_string_value(value), len + 1);
    return true;
}

static bool read_color(const json_t *value, int *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < -1 ||
        json_integer_value(value) >= COLORS)
        return false;
    *out = (int)json_integer_value(value);
    return true;
}

enum err decode_person(const char *data, size_t len, struct relayed_person *out,
                       struct error *error)
{
    json_t *array;
    enum err err = parse_json(data, len, &most_short, &array, error);
    if (err != ERR_OK)
        return err;
    if (json_array_size(array) != 3 ||
        !read_words(json_array_get(array, 0), out->user, sizeof(out->user)) ||
        !read_words(json_array_get(array, 1), out->name, sizeof(out->name)) ||
        !read_color(json_array_get(array, 2), &out->color))
        err = error_set(error, ERR_BAD_MESSAGE, "a person is [user, name, color]");
    json_decref(array);
    return err;
}
