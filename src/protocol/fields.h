/* What clients' messages are made of: for each type the fields it may have, with kind and limits.
 * The decoder reads by this table, and the tests make bad messages from it. Which fields go
 * together is not said here but in decode.c. */
#ifndef FIELDS_H
#define FIELDS_H

#include "weft/protocol/message.h"

#include <jansson.h>

#define KEY_TABLE(X)                                                                               \
    X(q)                                                                                           \
    X(f)                                                                                           \
    X(v)                                                                                           \
    X(n)                                                                                           \
    X(k)                                                                                           \
    X(e)                                                                                           \
    X(ts)                                                                                          \
    X(project)                                                                                     \
    X(token)                                                                                       \
    X(name)                                                                                        \
    X(color)                                                                                       \
    X(resume)                                                                                      \
    X(ep)                                                                                          \
    X(template)                                                                                    \
    X(path)                                                                                        \
    X(from)                                                                                        \
    X(text)                                                                                        \
    X(c)                                                                                           \
    X(cs)                                                                                          \
    X(at)                                                                                          \
    X(del)                                                                                         \
    X(ins)                                                                                         \
    X(sel)                                                                                         \
    X(kind)                                                                                        \
    X(args)                                                                                        \
    X(job)

enum key {
#define KEY_ENUM(name) KEY_##name,
    KEY_TABLE(KEY_ENUM)
#undef KEY_ENUM
        KEY_COUNT
};

enum field_kind {
    FIELD_NUMBER,    /* uint64_t, from least to most */
    FIELD_TEXT,      /* struct text of at most `most` bytes */
    FIELD_PATH,      /* the same, with a code of its own for too long */
    FIELD_NAME,      /* the same, without control characters */
    FIELD_PROJECT,   /* struct text, an id of a project */
    FIELD_FILE_TEXT, /* struct text of at most limits.text bytes */
    FIELD_INSERT,    /* struct text of at most limits.insert bytes, without '\r' */
    FIELD_SELECTION, /* the reader's selection */
    FIELD_ARRAY,     /* only that it is one is looked at; struct given has it */
    FIELD_OBJECT,    /* likewise */
    FIELD_ID         /* struct request_id */
};

struct field {
    const char *name;
    enum key key;
    enum field_kind kind;
    bool required;
    uint64_t least, most;
    size_t offset; /* in struct message; unused for FIELD_SELECTION and FIELD_ARRAY */
};

struct message_shape {
    const char *name; /* t */
    const struct field *fields;
    size_t count;
};

/* The shape of a type, and the field that every type has. */
const struct message_shape *message_shape(enum message_type type);
extern const struct field field_q;

/* The values that an object has for the fields of its shape; NULL where absent. */
struct given {
    const json_t *value[KEY_COUNT];
};

struct field_reader {
    const struct limits *limits;
    struct selection *selection; /* where a `sel` goes */
};

/* Reads the fields of out->type from object into out, and what was there into given. The first that
 * is refused ends it: ERR_BAD_MESSAGE for a wrong type, a number out of range or a missing field,
 * ERR_TOO_BIG, ERR_TOO_MANY, ERR_BAD_PATH, ERR_BAD_TEXT. */
ERR_CHECKED enum err fields_read(const struct field_reader *reader, json_t *object,
                                 struct message *out, struct given *given, struct error *error);

/* May it not stand in a name? U+0000–001F, U+007F, U+0080–009F. text is valid UTF-8. */
bool fields_has_control(const char *text, size_t len);

/* q, f and n of a message that was refused, where they are what they should be. */
void fields_peek(json_t *object, struct message *out);

#endif
