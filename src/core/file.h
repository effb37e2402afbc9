/* A file of a room: what the tree says of it, and, once somebody opened it, the replica with its
 * subscribers and the edits that wait for the log. */
#ifndef WEFT_CORE_FILE_H
#define WEFT_CORE_FILE_H

#include "outbox.h"
#include "session.h"
#include "weft/base/map.h"
#include "weft/text/document.h"
#include <sys/queue.h>

struct batch;
struct room;
struct query;

/* The last numbers of one author (cid) in this file. */
struct author {
    TAILQ_ENTRY(author) link;
    uint64_t cid;
    uint64_t seen_ms; /* when it wrote last, or was last known to be in the room */
    uint64_t n;       /* last in the log */
    uint64_t n_taken; /* last accepted here: in the log or waiting */
    uint64_t version; /* of its newest entry; 0 = none that we know */
    unsigned shorts;  /* short forms that wait for the author's earlier edits */
    bool is_broken;   /* one before them was refused, so that their positions mean nothing */
};
TAILQ_HEAD(author_list, author);

/* An edit that waits for the log. Its change sets apply to the document's present version, one
 * after the other; they are mapped over logged entries only (rule R3). */
struct edit {
    TAILQ_ENTRY(edit) link;
    uint64_t session; /* id, to answer */
    uint64_t cid, k, n;
    struct request_id q;
    struct change **changes;
    size_t count;
    struct selection *sel; /* in the text after the last change; NULL = none */
    size_t growth;         /* bytes of text that it adds at most */
    bool is_unknown;       /* it was sent, and may be in the log or come into it */
    uint64_t query;        /* id of the query that made it, not a session; 0 */
    char *user;            /* who asked for that; NULL */
    /* The short form, until it is resolved on the newest text: count is 0. */
    uint64_t at, del;
    char *ins;
    size_t ins_len;
};
TAILQ_HEAD(edit_list, edit);

/* Somebody who waits for the file: a session's open, or a query. */
struct opener {
    TAILQ_ENTRY(opener) link;
    uint64_t session; /* id; 0 = query */
    struct query *query;
    struct request_id q;
    bool has_v;
    uint64_t v;
    char ep[EPOCH_SIZE];
    uint64_t reading; /* number of the read of its missed edits, under way; 0 = none */
    bool closed;      /* by its session, before it was answered */
    /* Shared states: */
    uint64_t asked;    /* number of the moment when it came */
    uint64_t until_ms; /* after which it is refused */
    const char *reset; /* its missed edits cannot be had: why it gets the text; NULL */
};
TAILQ_HEAD(opener_list, opener);

enum file_phase { FILE_CLOSED, FILE_LOADING, FILE_OPEN };

struct file {
    TAILQ_ENTRY(file) dirty; /* has something to send at the end of the turn */
    bool is_dirty;
    struct room *room;
    uint64_t f;
    char *path;
    char eol[3];
    enum file_phase phase;
    /* As the log stands; while the file is open the document is the truth. */
    uint64_t version, utf16_len, size, rev, saved_version;
    struct document *document;          /* while FILE_OPEN */
    struct map authors;                 /* cid → struct author */
    struct author_list authors_by_time; /* see authors.h */
    struct sub_list subs;
    size_t sub_count;
    struct opener_list openers;
    struct edit_list waiting; /* change sets ready for the next batch */
    struct edit_list shorts;  /* short forms that wait */
    size_t growth;            /* bytes that the edits waiting and under way add at most */
    struct batch *batch;      /* the append under way */
    struct outbox outbox;
    struct outbox cursors; /* of this tick */
    struct {
        struct blob *message; /* the snapshot of one version as new readers get it, shared */
        uint64_t v, s;
    } cached;
    uint64_t updated_at, updated_by; /* wall ms; cid */
    uint64_t idle_ms;                /* since when nobody has it open */
    uint64_t load_id;                /* number of the read of all of it, under way; 0 = none */
    uint64_t read_id;                /* number of the newest read that the replica has all of */
    /* Shared states: */
    struct {
        uint64_t id;     /* number of the read under way; 0 = none */
        bool again;      /* the log may be further than that read, or than the replica */
        uint64_t hinted; /* highest version that a hint told of since that read was made */
        uint64_t due_ms; /* before, a hint is no reason to read */
    } catchup;
    struct {
        uint64_t version; /* of the last one */
        uint64_t due_ms;  /* not before */
        bool is_ours;     /* edits of ours came since */
        bool under_way;
    } checkpoint;
    TAILQ_ENTRY(file)
    retry; /* of the room, while is_retrying: nobody knows what became of a call */
    bool is_retrying;
    uint64_t retry_ms;
    unsigned tries; /* calls in a row whose outcome is unknown */
};
TAILQ_HEAD(file_list, file);

struct file *file_new(struct room *room, uint64_t f, const char *path);
void file_free(struct file *file);

uint64_t file_version(const struct file *file);
uint64_t file_utf16_len(const struct file *file);

/* Asks the state for the text and the log of a file that is not open; or for the log alone. */
void file_read_whole(struct file *file);
void file_read(struct file *file, uint64_t request, bool want_text, uint64_t after);
/* The state's answer to a read. */
void file_rows(struct file *file, const struct state_rows *answer);
/* Applies an entry that came from the log and posts it; an error where it does not fit the replica.
 */
ERR_CHECKED enum err file_apply_logged(struct file *file, struct blob *message);
/* Nobody knows what became of a call for this file: all of them are made again, somewhat later. */
void file_retry_later(struct file *file);
/* Makes them now. */
void file_retry(struct file *file);
/* Drops the replica and tells the readers to open again; those whose edits may still come into the
 * log are sent away, to come back as a newer connection. */
void file_reset(struct file *file);
void file_deleted(struct file *file);
/* Gives back the replica of a file that nobody reads, if everything in it is saved. Of a shared
 * state that is the only store it is kept: Redis may lose what instances still have. */
void file_close_if_quiet(struct file *file);

/* Adds an entry of the log for the subscribers: the message, and an ack in its place for its
 * author. Refs message. */
void file_post_entry(struct file *file, struct blob *message, uint64_t by, uint64_t n,
                     uint64_t version);
/* Gives what was posted to the subscribers' queues. */
void file_flush(struct file *file);
/* Gives what is in the outbox to them, and clears it. */
void file_deliver(struct file *file, struct outbox *outbox, enum queue_class class);
void file_mark_dirty(struct file *file);

#endif
