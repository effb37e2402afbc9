/* Frames to messages. The tree of a frame is made once and lives until the next frame; a message is
 * read from it when it is asked for, because each may be refused by itself while its neighbours are
 * handled. fields.c says what a field may be, this file which fields go together. */
#include "changeset.h"
#include "fields.h"
#include "parse.h"
#include "weft/protocol/jobs.h"
#include "weft/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What each limit may be set to at most: MOST_ranges… */
enum {
#define LIMIT_MOST(name, def, least, most, text) MOST_##name = (most),
    LIMIT_TABLE(LIMIT_MOST)
#undef LIMIT_MOST
};
_Static_assert(MOST_ranges <= RANGES_MAX, "a selection has room for every range that is allowed");

struct decoder {
    const struct limits *limits;
    json_t *root; /* of the frame; NULL before the first and after a bad one */
    size_t count;
    struct changeset_reader changesets;
    struct selection selection;
    struct change *changes[MOST_change_sets];
    size_t change_count;
    char *args; /* of a run; NULL: none */
};

struct decoder *decoder_new(const struct limits *limits)
{
    assert(limits->ranges <= RANGES_MAX && limits->change_sets <= MOST_change_sets);
    struct decoder *decoder = mem_zalloc(sizeof(*decoder));
    decoder->limits = limits;
    changeset_reader_init(&decoder->changesets, limits->parts, limits->insert);
    return decoder;
}

static void drop_message(struct decoder *decoder)
{
    while (decoder->change_count > 0)
        change_unref(decoder->changes[--decoder->change_count]);
    free(decoder->args);
    decoder->args = NULL;
}

static void drop_frame(struct decoder *decoder)
{
    drop_message(decoder);
    json_decref(decoder->root);
    decoder->root = NULL;
    decoder->count = 0;
}

void decoder_free(struct decoder *decoder)
{
    if (!decoder)
        return;
    drop_frame(decoder);
    changeset_reader_close(&decoder->changesets);
    free(decoder);
}

enum err decoder_frame(struct decoder *decoder, const char *data, size_t len, size_t *count,
                       struct error *error)
{
    const struct limits *limits = decoder->limits;
    const struct prescan most = {limits->keys, limits->elements, PRESCAN_DEPTH_MAX};
    *count = 0;
    drop_frame(decoder);
    if (len > limits->frame)
        return error_set(error, ERR_TOO_BIG, "a frame of more than %u bytes", limits->frame);
    enum err err = parse_json(data, len, &most, &decoder->root, error);
    if (err != ERR_OK)
        return err;
    size_t messages = json_is_array(decoder->root) ? json_array_size(decoder->root) : 1;
    if (messages > limits->frame_messages) {
        drop_frame(decoder);
        return error_set(error, ERR_TOO_MANY, "more than %u messages in a frame",
                         limits->frame_messages);
    }
    *count = decoder->count = messages;
    return ERR_OK;
}

/* What a message is read with. */
struct reading {
    struct decoder *decoder;
    struct given given;
    struct error *error;
};

static bool has(const struct reading *reading, enum key key)
{
    return reading->given.value[key] != NULL;
}

static enum err need_one_of(const struct reading *reading, enum key a, enum key b,
                            const char *words)
{
    if (has(reading, a) != has(reading, b))
        return ERR_OK;
    return error_set(reading->error, ERR_BAD_MESSAGE, "%s is expected", words);
}

static enum err finish_short_edit(struct reading *reading, struct message *out)
{
    if (has(reading, KEY_n) || has(reading, KEY_v))
        return error_set(reading->error, ERR_BAD_MESSAGE,
                         "at, del, ins are for the newest text: v and n cannot be given");
    if (!has(reading, KEY_at))
        return error_set(reading->error, ERR_BAD_MESSAGE, "at is missing");
    out->u.edit.is_short = true;
    return ERR_OK;
}

static enum err take_change(struct reading *reading, const json_t *parts)
{
    struct decoder *decoder = reading->decoder;
    struct change *change;
    if (!json_is_array(parts))
        return error_set(reading->error, ERR_BAD_MESSAGE, "cs: an array of arrays is expected");
    enum err err = changeset_read(&decoder->changesets, parts, &change, reading->error);
    if (err != ERR_OK)
        return err;
    decoder->changes[decoder->change_count++] = change;
    if (decoder->change_count < 2)
        return ERR_OK;
    size_t after = change_len_after(decoder->changes[decoder->change_count - 2]);
    if (after != change_len_before(change))
        return error_set(reading->error, ERR_BAD_CHANGE,
                         "change set %zu is for length %zu, the one before it leaves %zu",
                         decoder->change_count, change_len_before(change), after);
    return ERR_OK;
}

static enum err take_changes(struct reading *reading, const json_t *list)
{
    size_t count = json_array_size(list);
    if (count == 0)
        return error_set(reading->error, ERR_BAD_MESSAGE, "cs: there is no change set");
    if (count > reading->decoder->limits->change_sets)
        return error_set(reading->error, ERR_TOO_MANY, "more than %u change sets",
                         reading->decoder->limits->change_sets);
    enum err err = ERR_OK;
    for (size_t i = 0; i < count && err == ERR_OK; i++)
        err = take_change(reading, json_array_get(list, i));
    return err;
}

static enum err finish_long_edit(struct reading *reading, struct message *out)
{
    if (!has(reading, KEY_v) || !has(reading, KEY_n))
        return error_set(reading->error, ERR_BAD_MESSAGE, "%s is missing",
                         has(reading, KEY_v) ? "n" : "v");
    enum err err = has(reading, KEY_c) ? take_change(reading, reading->given.value[KEY_c])
                                       : take_changes(reading, reading->given.value[KEY_cs]);
    if (err != ERR_OK)
        return err;
    out->u.edit.changes = reading->decoder->changes;
    out->u.edit.count = reading->decoder->change_count;
    if (out->n < out->u.edit.count)
        return error_set(reading->error, ERR_BAD_MESSAGE,
                         "n is the number of the last of %zu change sets", out->u.edit.count);
    return ERR_OK;
}

static enum err finish_edit(struct reading *reading, struct message *out)
{
    bool is_short = has(reading, KEY_at) || has(reading, KEY_del) || has(reading, KEY_ins);
    if (has(reading, KEY_c) + has(reading, KEY_cs) + is_short != 1)
        return error_set(reading->error, ERR_BAD_MESSAGE,
                         "one of c, cs, and at with del and ins is expected");
    out->u.edit.has_sel = has(reading, KEY_sel);
    out->u.edit.sel = out->u.edit.has_sel ? &reading->decoder->selection : NULL;
    return is_short ? finish_short_edit(reading, out) : finish_long_edit(reading, out);
}

static enum err finish_cursor(struct reading *reading, struct message *out)
{
    if (out->f == 0)
        return ERR_OK;
    if (!has(reading, KEY_v) || !has(reading, KEY_sel))
        return error_set(reading->error, ERR_BAD_MESSAGE, "%s is missing",
                         has(reading, KEY_v) ? "sel" : "v");
    out->u.cursor.sel = &reading->decoder->selection;
    return ERR_OK;
}

static enum err finish_run(struct reading *reading, struct message *out)
{
    out->u.run.args = "{}";
    if (!has(reading, KEY_args))
        return ERR_OK;
    reading->decoder->args = json_dumps(reading->given.value[KEY_args], JSON_COMPACT);
    out->u.run.args = reading->decoder->args;
    if (!out->u.run.args || strlen(out->u.run.args) > JOB_ARGS_MAX)
        return error_set(reading->error, ERR_TOO_BIG, "args: more than %d bytes", JOB_ARGS_MAX);
    return ERR_OK;
}

/* Which fields go together. */
static enum err finish(struct reading *reading, struct message *out)
{
    switch (out->type) {
    case MESSAGE_HELLO:
        out->u.hello.has_e = has(reading, KEY_e);
        out->u.hello.has_color = has(reading, KEY_color);
        return ERR_OK;
    case MESSAGE_OPEN:
        out->u.open.has_v = has(reading, KEY_v);
        return need_one_of(reading, KEY_f, KEY_path, "f or path");
    case MESSAGE_RENAME:
    case MESSAGE_DELETE:
        return need_one_of(reading, KEY_f, KEY_from, "f of a file or from of a folder");
    case MESSAGE_EDIT:
        return finish_edit(reading, out);
    case MESSAGE_CURSOR:
        return finish_cursor(reading, out);
    case MESSAGE_RUN:
        return finish_run(reading, out);
    default:
        return ERR_OK;
    }
}

static enum err read_type(json_t *object, enum message_type *out, struct error *error)
{
    const char *name = json_string_value(json_object_get(object, "t"));
    if (!name)
        return error_set(error, ERR_BAD_MESSAGE, "an object with a string t is expected");
    for (enum message_type type = 0; type < MESSAGE_TYPES; type++) {
        if (strcmp(message_type_name(type), name) == 0) {
            *out = type;
            return ERR_OK;
        }
    }
    return error_set(error, ERR_UNKNOWN_TYPE, "no message has this type");
}

static enum err read_message(struct reading *reading, json_t *object, struct message *out)
{
    enum err err = read_type(object, &out->type, reading->error);
    if (err != ERR_OK)
        return err;
    const struct field_reader fields = {reading->decoder->limits, &reading->decoder->selection};
    err = fields_read(&fields, object, out, &reading->given, reading->error);
    return err == ERR_OK ? finish(reading, out) : err;
}

enum err decoder_message(struct decoder *decoder, size_t i, struct message *out,
                         struct error *error)
{
    assert(i < decoder->count);
    json_t *object =
        json_is_array(decoder->root) ? json_array_get(decoder->root, i) : decoder->root;
    drop_message(decoder);
    memset(out, 0, sizeof(*out));
    out->type = MESSAGE_TYPES;
    struct reading reading = {.decoder = decoder, .error = error};
    enum err err = read_message(&reading, object, out);
    if (err != ERR_OK) {
        memset(&out->u, 0, sizeof(out->u));
        fields_peek(object, out);
    }
    return err;
}
