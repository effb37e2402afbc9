/* One connection of one person: from the socket to welcome, what it has open, what waits to be
 * written to it. Private to core; the transport's view is in weft/core/registry.h. A session ends
 * in one place, session_close(), with a code and a reason in words; its memory goes when the
 * transport reports the end. */
#ifndef WEFT_CORE_SESSION_H
#define WEFT_CORE_SESSION_H

#include "queue.h"
#include "person.h"
#include "rate.h"
#include "waiting.h"
#include "weft/base/buf.h"
#include "weft/base/err.h"
#include "weft/core/registry.h"
#include <sys/queue.h>

struct blob;
struct file;
struct member;
struct outbox;
struct room;

enum session_phase {
    SESSION_NEW,     /* no hello yet */
    SESSION_JOINING, /* hello is being answered; later frames are kept */
    SESSION_LIVE,
    SESSION_CLOSING
};

/* A session's subscription of a file: in the file's list and in the session's. */
struct sub {
    TAILQ_ENTRY(sub) of_file;
    TAILQ_ENTRY(sub) of_session;
    struct session *session;
    struct file *file;
};
TAILQ_HEAD(sub_list, sub);

/* What hello asked for, kept while it is answered. */
struct greeting {
    char *template; /* NULL: the project must exist */
    char *ep;       /* NULL: first visit */
    uint64_t e;
    bool has_e;
    uint64_t k; /* 0: the next one */
    bool is_resumed;
    uint64_t nonce; /* its open, however often it is asked for */
    struct waiter wait;
    struct buf kept; /* frames that came since: length and skipped messages before each */
};

struct session {
    TAILQ_ENTRY(session) link;    /* of the registry */
    TAILQ_ENTRY(session) of_room; /* while LIVE */
    TAILQ_ENTRY(session) dirty;   /* has something to write this turn */
    struct registry *registry;
    struct conn *conn;
    struct room *room; /* from hello on; the room lives while a session points to it */
    struct member *member;
    struct sub_list subs;
    uint32_t sub_count;
    uint32_t opens; /* that wait for their answer */
    enum session_phase phase;
    bool is_dirty, is_choked;
    bool is_reading; /* the log is read for one of the opens */
    bool is_stalled; /* an open waits until what is queued was written */
    uint64_t id, cid, k;
    struct person *person; /* NULL before hello */
    size_t notices_from;   /* the room's notices before it are in its welcome */
    uint64_t resumed_id;   /* shared: number of the moment when it took over a cid that others had
                              used; 0 = a new cid */
    char *remote;
    uint64_t connected_ms, heard_ms;
    struct bucket buckets[RATE_COUNT];
    struct bucket errors;
    struct queue queue;
    struct greeting *greeting; /* while JOINING */
};
TAILQ_HEAD(session_list, session);

struct session *session_new(struct registry *registry, struct conn *conn, const char *remote,
                            uint64_t now_ms);
void session_free(struct session *session);
/* Gives back what hello asked for, when it is answered. */
void session_forget_greeting(struct session *session);

/* Queues a message for the end of this turn. Takes the reference. May shed load, and may close the
 * session. */
void session_push(struct session *session, struct blob *message, enum queue_class class,
                  uint64_t f);
/* Gives it its part of what an audience gets: to the socket at once where nothing stands before it,
 * else behind what is queued. */
void session_deliver(struct session *session, struct outbox *outbox, enum queue_class class,
                     uint64_t f);
/* The same without the first `from` messages, which it knows. */
void session_deliver_from(struct session *session, struct outbox *outbox, size_t from,
                          enum queue_class class, uint64_t f);
/* The same for the text in out, which is reset. */
void session_push_buf(struct session *session, struct buf *out);
/* Tells of an error and closes with this code. */
void session_refuse(struct session *session, const struct error *error, const struct request_id *q,
                    int close_code);
/* Tells of an error; fatal ones close by err_close_code(error->code). */
void session_error(struct session *session, const struct error *error, const struct request_id *q,
                   uint64_t f, uint64_t n, bool fatal);
/* Writes what is queued as far as the socket takes it. */
void session_flush(struct session *session);
/* May another text, or what it missed of one, be queued? If not, its opens are served when what is
 * queued was written. */
bool session_has_room(struct session *session);
/* Serves them, if it was. */
void session_go_on(struct session *session);
/* Ends it: leaves its room, forgets what was queued, closes the connection after what is written.
 */
void session_close(struct session *session, int code, const char *reason);

struct sub *session_find_sub(const struct session *session, const struct file *file);
struct sub *session_subscribe(struct session *session, struct file *file);
void session_unsubscribe(struct sub *sub);

/* `#17 Ann@demo`, for the log. Returns out. */
const char *session_label(const struct session *session, char *out, size_t size);

#endif
