/* Every limit on what comes from outside that can be set: its name (config key `limits.<name>`,
 * metric label), default, and how it is answered: ERR_TOO_MANY for counts, ERR_TOO_BIG for bytes
 * and units (and for keys and elements, which stand for the bytes that parsing takes), ERR_RATE for
 * rates. The lengths of single fields are fixed by the protocol: src/protocol/fields.c. */
#ifndef WEFT_PROTOCOL_LIMITS_H
#define WEFT_PROTOCOL_LIMITS_H

#include <stdint.h>

/* name, default, least, most, unit and meaning */
#define LIMIT_TABLE(X)                                                                             \
    X(frame, 2097152, 8192, 16777216, "bytes of a frame from a client")                            \
    X(hello_frame, 8192, 1024, 65536, "bytes of a frame before welcome")                           \
    X(frame_messages, 64, 1, 256, "messages in one array frame from a client")                     \
    X(keys, 2000, 16, 100000, "JSON keys in a frame")                                              \
    X(elements, 200000, 64, 2000000, "JSON array elements in a frame")                             \
    X(parts, 1000, 4, 10000, "parts of a change set")                                              \
    X(insert, 1048576, 1024, 4194304, "bytes that one change set inserts")                         \
    X(change_sets, 64, 1, 64, "change sets in one edit")                                           \
    X(ranges, 32, 1, 256, "selection ranges of a cursor or edit")                                  \
    X(text, 4194304, 1024, 8388608, "bytes of a file")                                             \
    X(project_text, 67108864, 65536, 1073741824, "bytes of a project")                             \
    X(files, 2000, 1, 20000, "files of a project")                                                 \
    X(sessions, 20000, 1, 1000000, "connections of this server")                                   \
    X(room_sessions, 5000, 1, 100000, "sessions of one project")                                   \
    X(open_files, 256, 1, 2000, "files that one session has open")                                 \
    X(waiting, 256, 1, 4096, "short edits of one client and file that wait")                       \
    X(queue_presence, 262144, 4096, 67108864,                                                      \
      "bytes queued for a slow reader before presence is dropped")                                 \
    X(queue_edits, 1048576, 16384, 67108864, "… before its edits are replaced by resync")          \
    X(queue, 4194304, 65536, 268435456, "… before it is closed (4508)")                            \
    X(errors, 100, 1, 100000,                                                                      \
      "refused messages of one connection in a minute before it is closed (4529)")                 \
    X(history, 5000, 16, 100000, "log entries of a file kept for clients that lag")                \
    X(events, 1000, 16, 100000, "room events kept for clients that come back")                     \
    X(jobs, 100, 1, 10000, "jobs of a project that are not over")

struct limits {
#define LIMIT_FIELD(name, def, least, most, text) uint32_t name;
    LIMIT_TABLE(LIMIT_FIELD)
#undef LIMIT_FIELD
};

/* Token buckets per connection, by type of message: `limits.rate.<name>`. */
#define RATE_TABLE(X)                                                                              \
    X(edit, 100, 200)                                                                              \
    X(cursor, 20, 40)                                                                              \
    X(fs, 20, 100)                                                                                 \
    X(open, 50, 500)                                                                               \
    X(check, 5, 20)                                                                                \
    X(run, 1, 5)                                                                                   \
    X(other, 20, 100)                                                                              \
    X(bytes, 1048576, 8388608) /* of frames, taken before they are parsed */

/* Tokens that come back in a second, and how many there are at first and at most. */
struct rate {
    uint32_t per_s;
    uint32_t burst;
};

enum rate_kind {
#define RATE_ENUM(name, per_s, burst) RATE_##name,
    RATE_TABLE(RATE_ENUM)
#undef RATE_ENUM
        RATE_COUNT
};

/* The defaults. */
struct limits limits_default(void);
void rates_default(struct rate rates[RATE_COUNT]);
const char *rate_name(enum rate_kind kind); /* "edit" */

#endif
