/* Finds the messages in a text frame of weft.v1 and the few keys that a load generator looks at,
 * in one pass, without building anything. It is strict about structure (brackets, strings, commas)
 * and does not check what it skips; it is not a JSON parser. */
#ifndef WEFT_BENCH_SCAN_H
#define WEFT_BENCH_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The keys that are kept, by enum name and text. */
#define SCAN_KEY_TABLE(X)                                                                          \
    X(T, "t")                                                                                      \
    X(F, "f")                                                                                      \
    X(V, "v")                                                                                      \
    X(N, "n")                                                                                      \
    X(C, "c")                                                                                      \
    X(PATH, "path")                                                                                \
    X(BY, "by")                                                                                    \
    X(CID, "cid")                                                                                  \
    X(SEL, "sel")                                                                                  \
    X(LEN, "len")                                                                                  \
    X(CODE, "code")                                                                                \
    X(MSG, "msg")

enum scan_key {
#define SCAN_KEY_ENUM(name, text) SCAN_##name,
    SCAN_KEY_TABLE(SCAN_KEY_ENUM)
#undef SCAN_KEY_ENUM
        SCAN_KEYS
};

/* A value as it stands in the frame; strings without their quotes and with their escapes. */
struct scan_value {
    const char *data; /* NULL: the key is not there */
    size_t len;
};

struct scan_message {
    struct scan_value values[SCAN_KEYS];
};

struct scan {
    const char *at;
    const char *end;
    bool array;
    bool started;
    bool cut; /* the frame's end is not here: what was found of a cut message counts */
    bool bad;
};

/* Borrows the frame until the last scan_next(). cut says that only its beginning is given. */
void scan_init(struct scan *scan, const char *frame, size_t len, bool cut);
/* Fills message with the frame's next message. False at the end, or with scan->bad set where the
 * frame is neither an object nor an array of objects. The values are valid as long as the frame. */
bool scan_next(struct scan *scan, struct scan_message *message);

/* The number of a key, or `absent` if it is not there or not a whole number. */
uint64_t scan_number(const struct scan_message *message, enum scan_key key, uint64_t absent);
/* Whether the key is there with exactly this text. */
bool scan_is(const struct scan_message *message, enum scan_key key, const char *text);

#endif
