#include "fields.h"
#include "parse.h"
#include "weft/text/path.h"

#include <assert.h>
#include <string.h>

/* Bytes of single fields, by docs/protocol.md. Whether a path is one is core's to
 * judge, which says why; here it only must not be absurd. */
#define TOKEN_BYTES 4096
#define NAME_BYTES 64
#define RESUME_BYTES 256
#define EPOCH_BYTES 32
#define TEMPLATE_BYTES 64
#define PATH_BYTES 4096
#define ID_BYTES 32
#define KIND_BYTES 32

#define NUMBER(key, required, least, most, member)                                                 \
    {                                                                                              \
#key, KEY_##key, FIELD_NUMBER, required, least, most, offsetof(struct message, member)     \
    }
#define TEXT(key, kind, required, most, member)                                                    \
    {                                                                                              \
#key, KEY_##key, kind, required, 0, most, offsetof(struct message, member)                 \
    }
#define OTHER(key, kind, required)                                                                 \
    {                                                                                              \
#key, KEY_##key, kind, required, 0, 0, 0                                                   \
    }

#define NEEDED true
#define OPTIONAL false

const struct field field_q = TEXT(q, FIELD_ID, OPTIONAL, ID_BYTES, q);

static const struct field hello_fields[] = {
    NUMBER(v, NEEDED, 1, 1, u.hello.v),
    TEXT(project, FIELD_PROJECT, NEEDED, 64, u.hello.project),
    TEXT(token, FIELD_TEXT, OPTIONAL, TOKEN_BYTES, u.hello.token),
    TEXT(name, FIELD_NAME, OPTIONAL, NAME_BYTES, u.hello.name),
    NUMBER(color, OPTIONAL, 0, COLORS - 1, u.hello.color),
    TEXT(resume, FIELD_TEXT, OPTIONAL, RESUME_BYTES, u.hello.resume),
    NUMBER(k, OPTIONAL, 1, NUMBER_MAX, u.hello.k),
    TEXT(ep, FIELD_TEXT, OPTIONAL, EPOCH_BYTES, u.hello.ep),
    NUMBER(e, OPTIONAL, 0, NUMBER_MAX, u.hello.e),
    TEXT(template, FIELD_TEXT, OPTIONAL, TEMPLATE_BYTES, u.hello.template),
};

static const struct field ping_fields[] = {
    NUMBER(ts, NEEDED, 0, NUMBER_MAX, u.ping.ts),
};

static const struct field open_fields[] = {
    NUMBER(f, OPTIONAL, 1, NUMBER_MAX, f),
    TEXT(path, FIELD_PATH, OPTIONAL, PATH_BYTES, u.open.path),
    NUMBER(v, OPTIONAL, 0, NUMBER_MAX, u.open.v),
    TEXT(ep, FIELD_TEXT, OPTIONAL, EPOCH_BYTES, u.open.ep),
};

static const struct field close_fields[] = {
    NUMBER(f, NEEDED, 1, NUMBER_MAX, f),
};

static const struct field create_fields[] = {
    TEXT(path, FIELD_PATH, NEEDED, PATH_BYTES, u.create.path),
    TEXT(text, FIELD_FILE_TEXT, OPTIONAL, 0, u.create.text),
};

static const struct field rename_fields[] = {
    NUMBER(f, OPTIONAL, 1, NUMBER_MAX, f),
    TEXT(from, FIELD_PATH, OPTIONAL, PATH_BYTES, u.rename.from),
    TEXT(path, FIELD_PATH, NEEDED, PATH_BYTES, u.rename.path),
};

static const struct field delete_fields[] = {
    NUMBER(f, OPTIONAL, 1, NUMBER_MAX, f),
    TEXT(from, FIELD_PATH, OPTIONAL, PATH_BYTES, u.delete.from),
};

static const struct field edit_fields[] = {
    NUMBER(f, NEEDED, 1, NUMBER_MAX, f),
    NUMBER(v, OPTIONAL, 0, NUMBER_MAX, u.edit.v),
    NUMBER(n, OPTIONAL, 1, NUMBER_MAX, n),
    OTHER(c, FIELD_ARRAY, OPTIONAL),
    OTHER(cs, FIELD_ARRAY, OPTIONAL),
    NUMBER(at, OPTIONAL, 0, NUMBER_MAX, u.edit.at),
    NUMBER(del, OPTIONAL, 0, NUMBER_MAX, u.edit.del),
    TEXT(ins, FIELD_INSERT, OPTIONAL, 0, u.edit.ins),
    OTHER(sel, FIELD_SELECTION, OPTIONAL),
};

static const struct field cursor_fields[] = {
    NUMBER(f, NEEDED, 0, NUMBER_MAX, f),
    NUMBER(v, OPTIONAL, 0, NUMBER_MAX, u.cursor.v),
    OTHER(sel, FIELD_SELECTION, OPTIONAL),
};

static const struct field check_fields[] = {
    NUMBER(f, NEEDED, 1, NUMBER_MAX, f),
};

static const struct field run_fields[] = {
    TEXT(kind, FIELD_NAME, NEEDED, KIND_BYTES, u.run.kind),
    NUMBER(f, OPTIONAL, 1, NUMBER_MAX, f),
    OTHER(args, FIELD_OBJECT, OPTIONAL),
};

static const struct field cancel_fields[] = {
    TEXT(job, FIELD_NAME, NEEDED, JOB_ID_MAX, u.cancel.job),
};

#define SHAPE(name)                                                                                \
    {                                                                                              \
#name, name##_fields, sizeof(name##_fields) / sizeof(name##_fields[0])                     \
    }

static const struct message_shape shapes[MESSAGE_TYPES] = {
    [MESSAGE_HELLO] = SHAPE(hello),     [MESSAGE_PING] = SHAPE(ping),
    [MESSAGE_LIST] = {"list", NULL, 0}, [MESSAGE_OPEN] = SHAPE(open),
    [MESSAGE_CLOSE] = SHAPE(close),     [MESSAGE_CREATE] = SHAPE(create),
    [MESSAGE_RENAME] = SHAPE(rename),   [MESSAGE_DELETE] = SHAPE(delete),
    [MESSAGE_EDIT] = SHAPE(edit),       [MESSAGE_CURSOR] = SHAPE(cursor),
    [MESSAGE_CHECK] = SHAPE(check),     [MESSAGE_RUN] = SHAPE(run),
    [MESSAGE_CANCEL] = SHAPE(cancel),
};

const struct message_shape *message_shape(enum message_type type)
{
    assert(type < MESSAGE_TYPES);
    return &shapes[type];
}

const char *message_type_name(enum message_type type)
{
    return message_shape(type)->name;
}

static enum err read_number(const struct field *field, const json_t *value, uint64_t *out,
                            struct error *error)
{
    if (parse_number(value, field->least, field->most, out))
        return ERR_OK;
    return error_set(error, ERR_BAD_MESSAGE, "%s: a whole number from %llu to %llu is expected",
                     field->name, (unsigned long long)field->least,
                     (unsigned long long)field->most);
}

/* U+0000–001F, U+007F and the C1 controls U+0080–009F. */
bool fields_has_control(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
            return true;
    }
    return false;
}

static size_t text_most(const struct field_reader *reader, const struct field *field)
{
    if (field->kind == FIELD_FILE_TEXT)
        return reader->limits->text;
    return field->kind == FIELD_INSERT ? reader->limits->insert : field->most;
}

static enum err judge_text(const struct field_reader *reader, const struct field *field,
                           const struct text *text, struct error *error)
{
    size_t most = text_most(reader, field);
    if (text->len > most)
        return error_set(error, field->kind == FIELD_PATH ? ERR_BAD_PATH : ERR_TOO_BIG,
                         "%s: more than %zu bytes", field->name, most);
    if (field->kind == FIELD_PROJECT && !project_id_valid(text->text, text->len))
        return error_set(error, ERR_BAD_MESSAGE, "%s: letters, digits and ._- are expected",
                         field->name);
    if (field->kind == FIELD_NAME && fields_has_control(text->text, text->len))
        return error_set(error, ERR_BAD_TEXT, "%s: it has control characters", field->name);
    if (field->kind == FIELD_INSERT && memchr(text->text, '\r', text->len))
        return error_set(error, ERR_BAD_TEXT, "%s: it has a carriage return", field->name);
    return ERR_OK;
}

static enum err read_text(const struct field_reader *reader, const struct field *field,
                          const json_t *value, struct text *out, struct error *error)
{
    if (!json_is_string(value))
        return error_set(error, ERR_BAD_MESSAGE, "%s: a string is expected", field->name);
    out->text = json_string_value(value);
    out->len = json_string_length(value);
    return judge_text(reader, field, out, error);
}

static enum err read_selection(const struct field_reader *reader, const struct field *field,
                               const json_t *value, struct error *error)
{
    size_t count = json_array_size(value);
    if (count == 0 || count % 2 != 0)
        return error_set(error, ERR_BAD_MESSAGE, "%s: [anchor, head, …] is expected", field->name);
    if (count > 2 * (size_t)reader->limits->ranges)
        return error_set(error, ERR_TOO_MANY, "%s: more than %u ranges", field->name,
                         reader->limits->ranges);
    for (size_t i = 0; i < count; i++) {
        if (!parse_number(json_array_get(value, i), 0, NUMBER_MAX, &reader->selection->pos[i]))
            return error_set(error, ERR_BAD_MESSAGE, "%s: a position is not a whole number",
                             field->name);
    }
    reader->selection->count = (uint32_t)count;
    return ERR_OK;
}

static enum err read_id(const struct field *field, const json_t *value, struct request_id *out,
                        struct error *error)
{
    uint64_t number;
    bool is_number = parse_number(value, 0, NUMBER_MAX, &number);
    if (!is_number && !json_is_string(value))
        return error_set(error, ERR_BAD_MESSAGE, "%s: a whole number or a string is expected",
                         field->name);
    if (!is_number && json_string_length(value) > field->most)
        return error_set(error, ERR_TOO_BIG, "%s: more than %d bytes", field->name, ID_BYTES);
    struct buf json = BUF_EMPTY;
    if (is_number)
        buf_add_u64(&json, number);
    else
        buf_add_json(&json, json_string_value(value), json_string_length(value));
    assert(json.len < sizeof(out->json));
    memcpy(out->json, json.data, json.len + 1);
    buf_close(&json);
    return ERR_OK;
}

static enum err read_field(const struct field_reader *reader, const struct field *field,
                           const json_t *value, struct message *out, struct error *error)
{
    void *to = (char *)out + field->offset;
    switch (field->kind) {
    case FIELD_NUMBER:
        return read_number(field, value, to, error);
    case FIELD_SELECTION:
        return read_selection(reader, field, value, error);
    case FIELD_ID:
        return read_id(field, value, to, error);
    case FIELD_ARRAY:
        return json_is_array(value)
                   ? ERR_OK
                   : error_set(error, ERR_BAD_MESSAGE, "%s: an array is expected", field->name);
    case FIELD_OBJECT:
        return json_is_object(value)
                   ? ERR_OK
                   : error_set(error, ERR_BAD_MESSAGE, "%s: an object is expected", field->name);
    default:
        return read_text(reader, field, value, to, error);
    }
}

static const struct field *find_field(const struct message_shape *shape, const char *name)
{
    for (size_t i = 0; i < shape->count; i++) {
        if (strcmp(shape->fields[i].name, name) == 0)
            return &shape->fields[i];
    }
    return strcmp(name, field_q.name) == 0 ? &field_q : NULL;
}

/* Walks over what the object has: cheaper than one search for each field it might have. */
enum err fields_read(const struct field_reader *reader, json_t *object, struct message *out,
                     struct given *given, struct error *error)
{
    const struct message_shape *shape = message_shape(out->type);
    memset(given, 0, sizeof(*given));
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const struct field *field = find_field(shape, name);
        if (!field)
            continue;
        given->value[field->key] = value;
        enum err err = read_field(reader, field, value, out, error);
        if (err != ERR_OK)
            return err;
    }
    for (size_t i = 0; i < shape->count; i++) {
        if (shape->fields[i].required && !given->value[shape->fields[i].key])
            return error_set(error, ERR_BAD_MESSAGE, "%s is missing", shape->fields[i].name);
    }
    return ERR_OK;
}

void fields_peek(json_t *object, struct message *out)
{
    const json_t *q = json_object_get(object, "q");
    if (q && read_id(&field_q, q, &out->q, NULL) != ERR_OK)
        out->q.json[0] = '\0';
    if (!parse_number(json_object_get(object, "f"), 0, NUMBER_MAX, &out->f))
        out->f = 0;
    if (!parse_number(json_object_get(object, "n"), 0, NUMBER_MAX, &out->n))
        out->n = 0;
}
