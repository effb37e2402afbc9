/* The port to the live state of projects: who has which version, the log of each file, the tree,
 * the room events. Implemented by the journal in SQLite (embedded) and by Redis. One instance of
 * core is a client of it and may be one of many, so every answer can say that somebody else was
 * first.
 *
 * All calls return at once. Each is answered exactly once through the sink, on a later turn of the
 * loop, in the order of the calls of one (project, file) as far as the backend can; an answer names
 * the room and request it belongs to, which core looks up again. What a call is given is borrowed
 * until it returns, except where it says "until the answer". What an answer holds is borrowed until
 * the sink's function returns, except where a reference is handed over. STATE_OK means durable, to
 * the degree the operator asked for.
 *
 * Epoch: every call but open and create takes the epoch it believes in, and is answered STATE_EPOCH
 * where that is over. */
#ifndef WEFT_CORE_STATE_H
#define WEFT_CORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;

#define EPOCH_SIZE 33 /* with the NUL */

enum state_result {
    STATE_OK,
    STATE_NO_PROJECT, /* open: there is none of this name */
    STATE_EXISTS,     /* create, tree: the name is taken */
    STATE_FULL,       /* tree: the project has files_max files already */
    STATE_NO_FILE,    /* tree, read: no such file or folder */
    STATE_GONE,       /* append, read: the file was deleted */
    STATE_CONFLICT,   /* append: the log is further; the missing entries come along */
    STATE_TRIMMED,    /* append, read, events: the log no longer reaches back that far */
    STATE_SEEN,       /* append: n of one entry (index) is not above its author's last; nothing was
                         written */
    STATE_FENCED, /* append: a newer connection has that entry's (index) cid; nothing was written */
    STATE_STRAGGLER, /* open: k is not above the highest seen for this cid */
    STATE_EPOCH,     /* history was or may have been lost: open again */
    STATE_BUSY,  /* the backend is away or full; nothing was written, or nobody can know: ask again
                  */
    STATE_BROKEN /* what is stored cannot be understood; error text in the answer; nothing was
                    overwritten */
};

struct state_ticket {
    uint64_t room;    /* of core; comes back in the answer */
    uint64_t request; /* likewise */
    const char *project;
    const char *epoch; /* ignored by open and create */
};

/* ---- open: a session joins (cid ≠ 0), or somebody only looks (cid = 0) ---- */
struct state_open {
    uint64_t cid, k; /* k: generation; raises it in the same step. 0 = a new cid, generation 1 */
    const char *user, *name;
    bool want_tree;
};
struct state_file {
    uint64_t f, version, utf16_len, size, saved_version;
    uint64_t rev;
    const char *path;
    const char *eol; /* "\n", "\r\n", "\r": how it is written when exported; the text itself has
                        '\n' only */
};
struct state_opened {
    uint64_t room, request;
    enum state_result result;
    const char *problem; /* STATE_BROKEN, STATE_BUSY: in words; else NULL */
    const char *epoch;
    const char *name;               /* the project's, for people */
    uint64_t e;                     /* last event */
    uint64_t k;                     /* the generation that was given */
    const struct state_file *files; /* where want_tree was set */
    size_t file_count;
};

/* ---- create: a project with its first files ---- */
struct state_new_file {
    const char *path;
    const char *text; /* valid UTF-8, '\n' only */
    size_t len;
    const char *eol;
};
struct state_create {
    const char *name, *template;
    const struct state_new_file *files;
    size_t file_count;
};
struct state_created {
    uint64_t room, request;
    enum state_result result; /* STATE_OK, STATE_EXISTS, STATE_BUSY */
    const char *problem;
};

/* ---- append: n encoded edits behind version expect; all or none ---- */
struct state_entry {
    uint64_t by, n;       /* cid, its number */
    uint64_t k;           /* generation of the connection it came over; 0 = not a session */
    struct blob *message; /* encoded for exactly version expect + 1 + index; the caller keeps it
                             until the answer */
};
struct state_append {
    uint64_t f, expect;
    int64_t utf16_delta; /* for the tree's listing; its bytes are counted anew at the next save */
    const struct state_entry *entries;
    size_t count;
};
struct state_appended {
    uint64_t room, request, f;
    enum state_result result;
    const char *problem;
    uint64_t version; /* of the log after it */
    uint64_t rev;
    size_t index; /* STATE_SEEN, STATE_FENCED */
    struct blob *const
        *missing; /* STATE_CONFLICT: the messages after expect, in order; take a reference */
    size_t missing_count;
};

/* ---- read: a file's text and log ---- */
struct state_read {
    uint64_t f;
    bool want_text;
    uint64_t after; /* without text: entries after this version; STATE_TRIMMED when they are not all
                       there */
};
struct state_seen {
    uint64_t cid, n;
};
struct state_rows {
    uint64_t room, request, f;
    enum state_result result;
    const char *problem;
    const char *content; /* want_text: the text at content_version, valid UTF-8 */
    size_t content_len;
    uint64_t content_version, version, rev, saved_version;
    struct blob *const *entries; /* after content_version (want_text), or after `after`, up to
                                    version; take a reference */
    size_t entry_count;
    const struct state_seen *seen; /* want_text: the last n of every cid, the entries included */
    size_t seen_count;
};

/* ---- tree: create, rename, delete; files or folders ---- */
enum state_tree_op { TREE_CREATE, TREE_RENAME, TREE_DELETE };
struct state_tree {
    enum state_tree_op op;
    uint64_t by;            /* cid of who asks; 0 = HTTP */
    uint64_t f;             /* rename, delete of a file */
    const char *from;       /* rename, delete of a folder ("src/"); else NULL */
    const char *path;       /* create, rename (a folder: "lib/") */
    const char *text, *eol; /* create: '\n' only; borrowed until return */
    size_t len;
    uint32_t files_max; /* create */
};
struct state_tree_entry {
    uint64_t f, rev;
    const char *path; /* the new one; of a deleted file the old one */
};
struct state_treed {
    uint64_t room, request;
    enum state_result result; /* STATE_OK, EXISTS, FULL (also: a path would grow beyond its limits),
                               * NO_FILE, BROKEN (one of the files is), EPOCH, BUSY */
    const char *problem;
    enum state_tree_op op;
    bool folder;
    uint64_t by, e;
    const struct state_tree_entry *entries;
    size_t entry_count;
};

/* ---- events: what the room's stream has after e ---- */
struct state_events {
    uint64_t room, request;
    enum state_result result; /* STATE_OK, STATE_TRIMMED, EPOCH, BUSY */
    struct blob *const *messages;
    size_t count;
};

struct state_sink {
    void *owner;
    void (*opened)(void *owner, const struct state_opened *answer);
    void (*created)(void *owner, const struct state_created *answer);
    void (*appended)(void *owner, const struct state_appended *answer);
    void (*rows)(void *owner, const struct state_rows *answer);
    void (*treed)(void *owner, const struct state_treed *answer);
    void (*events)(void *owner, const struct state_events *answer);
};

struct state;
struct state_ops {
    void (*open)(struct state *state, const struct state_ticket *ticket,
                 const struct state_open *open);
    void (*create)(struct state *state, const struct state_ticket *ticket,
                   const struct state_create *create);
    void (*append)(struct state *state, const struct state_ticket *ticket,
                   const struct state_append *append);
    void (*read)(struct state *state, const struct state_ticket *ticket,
                 const struct state_read *read);
    void (*tree)(struct state *state, const struct state_ticket *ticket,
                 const struct state_tree *tree);
    void (*events)(struct state *state, const struct state_ticket *ticket, uint64_t after);
    /* A session left (or its connection died). Not answered. */
    void (*leave)(struct state *state, const struct state_ticket *ticket, uint64_t cid, uint64_t k);
    /* Nothing of this room is held here any more: the backend may forget what it keeps in memory.
     * Not answered. */
    void (*unload)(struct state *state, const struct state_ticket *ticket);
};
/* First member of every backend. The backend is told the sink once, before the first call. */
struct state {
    const struct state_ops *ops;
    struct state_sink sink;
    const char *store_name; /* "sqlite", "redis"…: what people read in welcome.store */
};

#endif
