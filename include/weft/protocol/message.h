/* The messages of weft.v1 as plain structs, from text and to text. docs/protocol.md is the
 * contract; this header only names its fields. This layer is the only user of the JSON library. It
 * knows nothing of sessions or rooms: whether an edit fits a document is core's to judge; that its
 * change sets are well-formed is judged here. Any one thread at a time per decoder. */
#ifndef WEFT_PROTOCOL_MESSAGE_H
#define WEFT_PROTOCOL_MESSAGE_H

#include "weft/base/buf.h"
#include "weft/base/err.h"
#include "weft/protocol/limits.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct change;
struct rope;

#define NUMBER_MAX 9007199254740991u /* 2^53 - 1 */
#define CID_MAX 281474976710655u     /* 2^48 - 1 */
#define COLORS 10                    /* a person may have one of */
#define JOB_ID_MAX 24                /* bytes of a job's id, and one */
#define JOB_OUT_MAX 16384            /* bytes of one piece of what a job prints */
#define RANGES_MAX 256               /* the most that limits.ranges may be set to */

enum message_type {
    MESSAGE_HELLO,
    MESSAGE_PING,
    MESSAGE_LIST,
    MESSAGE_OPEN,
    MESSAGE_CLOSE,
    MESSAGE_CREATE,
    MESSAGE_RENAME,
    MESSAGE_DELETE,
    MESSAGE_EDIT,
    MESSAGE_CURSOR,
    MESSAGE_CHECK,
    MESSAGE_RUN,
    MESSAGE_CANCEL,
    MESSAGE_TYPES
};
const char *message_type_name(enum message_type type); /* "hello" */

/* A string of a message: borrowed from the decoder, NUL-terminated; text is NULL where the key was
 * absent. */
struct text {
    const char *text;
    size_t len;
};

/* The q of a request as the JSON text that goes back (a number, or a string of at most 32 bytes,
 * each of which may take six); empty where absent. */
struct request_id {
    char json[200];
};

struct selection {
    uint32_t count; /* positions: 2 per range */
    uint64_t pos[2 * RANGES_MAX];
};

struct message {
    enum message_type type; /* MESSAGE_TYPES where it could not be told */
    struct request_id q;
    uint64_t f; /* file id, 0 = none; set for every type that has one, also when it is refused */
    uint64_t n; /* edit: number of the last change set; 0 = absent */
    union {
        struct {
            uint64_t v; /* protocol version, always 1 */
            struct text project, token, name, resume, ep, template;
            uint64_t k; /* 0 = absent */
            uint64_t e;
            uint64_t color; /* below COLORS */
            bool has_e, has_color;
        } hello;
        struct {
            uint64_t ts;
        } ping;
        struct {
            struct text path; /* either path or message.f, never both; also below */
            struct text ep;
            uint64_t v;
            bool has_v; /* resume */
        } open;
        struct {
            struct text path;
            struct text text; /* absent: an empty file; line endings as they came */
        } create;
        struct {
            struct text path;
            struct text from; /* set: a folder, else message.f */
        } rename;
        struct {
            struct text from; /* set: a folder, else message.f */
        } delete;
        struct {
            uint64_t v; /* 0 in the short form */
            struct change *
                *changes; /* owned by the decoder until its next call; ref what is kept */
            size_t count; /* 1…limits.change_sets, n ≥ count; 0: the short form below */
            bool is_short;
            uint64_t at, del;
            struct text ins; /* without '\r'; absent: nothing is inserted */
            bool has_sel;
            struct selection *sel; /* NULL where absent */
        } edit;
        struct {
            uint64_t v;
            struct selection *sel; /* NULL exactly when f = 0: in no file */
        } cursor;
        struct {
            struct text kind;
            const char *args; /* of an object, printed; "{}" where absent */
        } run;
        struct {
            struct text job;
        } cancel;
    } u;
};

/* Decodes frames one after the other, reusing its memory. */
struct decoder;
struct decoder *decoder_new(const struct limits *limits); /* borrows limits for its life */
void decoder_free(struct decoder *decoder);               /* NULL is allowed */

/* Takes apart one frame (borrowed until return): counts keys and elements in one pass before
 * parsing, then parses. Answers ERR_BAD_JSON, ERR_TOO_BIG (frame, keys, elements), ERR_TOO_MANY
 * (messages), or ERR_OK: then *count is the number of messages, which may be 0 for `[]`. */
ERR_CHECKED enum err decoder_frame(struct decoder *decoder, const char *data, size_t len,
                                   size_t *count, struct error *error);
/* The i-th message of the frame, in any order. On failure (ERR_BAD_MESSAGE, ERR_UNKNOWN_TYPE,
 * ERR_BAD_CHANGE, ERR_BAD_TEXT, ERR_BAD_PATH, ERR_TOO_BIG, ERR_TOO_MANY) out->type, q, f and n are
 * still set as far as they could be read, and out->u is empty. What out points to lives until the
 * next call of any decoder function. */
ERR_CHECKED enum err decoder_message(struct decoder *decoder, size_t i, struct message *out,
                                     struct error *error);

/* A log entry: the very text that clients receive. */
struct logged_edit {
    uint64_t f, v, by, n;
    struct change *change; /* one reference for the caller; NULL where it was refused */
    struct selection sel;  /* of count 0: none */
};
/* Takes apart what encode_edit made, and refuses what it cannot have made (ERR_BAD_JSON,
 * ERR_BAD_MESSAGE, ERR_BAD_CHANGE, ERR_BAD_TEXT): a log may be damaged. The limits of a client's
 * edit do not hold here: mapping may have given an edit more parts than its author wrote, and a
 * line break pasted as one character of a line is an array element in the log. */
ERR_CHECKED enum err decode_logged_edit(const char *data, size_t len, struct logged_edit *out,
                                        struct error *error);

/* A change set alone (tests, HTTP): returns it in *out with one reference for the caller. Fails as
 * decoder_frame and decoder_message do. */
ERR_CHECKED enum err decode_change(const char *data, size_t len, const struct limits *limits,
                                   struct change **out, struct error *error);

/* ---- To text: each appends one object. Strings given are valid UTF-8 and NUL-terminated. A q may
 * be NULL or empty: left out. ---- */

struct file_info {
    uint64_t f, v, len; /* len in UTF-16 units */
    const char *path;
};
struct peer_info {
    uint64_t by, f; /* f 0: in no file, left out */
    const char *user, *name;
    int color; /* -1: left out */
};
struct welcome {
    uint64_t cid, e, now;
    const char *resume, *user, *name, *role, *ep, *inst, *store; /* NULL: left out */
    const struct file_info *files;                               /* NULL: left out */
    size_t file_count;
    const struct peer_info *peers;
    size_t peer_count;
    const struct limits *limits;
    const struct rate *rates;
    const char *jobs; /* what encode_job_kinds made; NULL: left out */
};
void encode_welcome(struct buf *out, const struct welcome *welcome);
void encode_files(struct buf *out, const struct request_id *q, uint64_t e,
                  const struct file_info *files, size_t count);
void encode_pong(struct buf *out, uint64_t ts, uint64_t now);
void encode_drain(struct buf *out, uint64_t in_ms, uint64_t spread_ms, const char *why);

struct snapshot {
    uint64_t f, v, n, s, len;
    const char *path, *ep, *reset; /* reset NULL: left out */
    const struct request_id *q;
};
void encode_file(struct buf *out, const struct snapshot *file, const struct rope *text);
void encode_synced(struct buf *out, const struct request_id *q, uint64_t f, uint64_t v, uint64_t n,
                   uint64_t s);
void encode_resync(struct buf *out, uint64_t f);

/* The log entry, and what every other subscriber receives; sel may be NULL. user: who asked for an
 * edit that the server made; else NULL. */
void encode_edit(struct buf *out, uint64_t f, uint64_t v, uint64_t by, uint64_t n,
                 const struct change *change, const struct selection *sel, const char *user);
void encode_ack(struct buf *out, uint64_t f, uint64_t v, uint64_t n);
void encode_check(struct buf *out, const struct request_id *q, uint64_t f, uint64_t v, uint64_t len,
                  uint32_t crc);

/* f and e 0: left out. */
void encode_ok(struct buf *out, const struct request_id *q, uint64_t f, uint64_t e);
/* f, n 0: left out. An error without words gets those of its code; words that are cut inside a
 * character (they may quote a stranger) lose the rest of it. */
void encode_error(struct buf *out, const struct error *error, const struct request_id *q,
                  uint64_t f, uint64_t n, bool fatal);

enum fs_op { FS_CREATE, FS_RENAME, FS_DELETE };
struct fs_entry {
    uint64_t f;
    const char *path; /* the new one of a rename */
};
struct fs_event {
    uint64_t e, by; /* by 0: left out (HTTP) */
    enum fs_op op;
    bool folder; /* entries as "list" */
    const struct fs_entry *entries;
    size_t count;
};
void encode_fs(struct buf *out, const struct fs_event *event);

/* {"t":"degraded"}: the state is away, or back. */
void encode_degraded(struct buf *out, bool on);

struct cursor {
    uint64_t f, v, by; /* f = 0: no file */
    const struct selection *sel;
};
void encode_cursor(struct buf *out, const struct cursor *cursor);
/* Without f; of who is not on, only by is told. */
void encode_peer(struct buf *out, const struct peer_info *peer, bool on);

struct saved_mark {
    uint64_t f, v;
};
void encode_saved(struct buf *out, const struct saved_mark *marks, size_t count, uint64_t ts);

/* ---- From the state and from other instances: texts that encode_* or a script made, refused like
 * a client's where they are not what those make (ERR_BAD_JSON, ERR_TOO_BIG, ERR_BAD_MESSAGE,
 * ERR_UNKNOWN_TYPE, ERR_BAD_PATH). ---- */

struct relayed_fs {
    struct fs_event event; /* its entries and their paths live until relayed_fs_close */
    uint64_t len;          /* of a created file, in UTF-16 units; 0 where it is not said */
    char eol[3];           /* of a created file; "\n" where it is not said */
    void *parsed;
};
ERR_CHECKED enum err decode_fs(const char *data, size_t len, struct relayed_fs *out,
                               struct error *error);
/* Needed after ERR_OK only. */
void relayed_fs_close(struct relayed_fs *fs);

/* An event that is passed on as it stands ({"t":"job",…}): only that it is one, and its number. */
ERR_CHECKED enum err decode_event(const char *data, size_t len, uint64_t *e, struct error *error);
/* A piece of what a job prints, exactly {"t":"job","job":…,"i":…,"out":…}. */
ERR_CHECKED enum err decode_job_output(const char *data, size_t len, struct error *error);

struct relayed_cursor {
    uint64_t f, v, by; /* f = 0: no file */
    struct selection sel;
};
ERR_CHECKED enum err decode_cursor(const char *data, size_t len, uint32_t ranges_most,
                                   struct relayed_cursor *out, struct error *error);

struct relayed_person {
    char user[65], name[65];
    int color; /* -1: none */
};
/* [user, name, color]. */
ERR_CHECKED enum err decode_person(const char *data, size_t len, struct relayed_person *out,
                                   struct error *error);

#endif
