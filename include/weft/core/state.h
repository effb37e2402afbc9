/* The port to the live state of projects: who has which version, the log of each file, the tree,
 * the people, the room events. Implemented by the journal in SQLite (embedded) and by Redis
 * (shared). One instance of core is a client of it and may be one of many, so every answer can say
 * that somebody else was first.
 *
 * All calls return at once. Each is answered exactly once through the sink, on a later turn of the
 * loop, in the order of the calls of one (project, file) as far as the backend can; an answer names
 * the room and request it belongs to, which core looks up again. What a call is given is borrowed
 * until it returns, except where it says "until the answer". What an answer holds is borrowed until
 * the sink's function returns, except where a reference is handed over. STATE_OK means durable, to
 * the degree the operator asked for.
 *
 * Epoch: every call but open, create and those of a load takes the epoch it believes in, and is
 * answered STATE_EPOCH where that is over.
 *
 * A shared state (is_shared) does not hold every project: somebody loads it under a lease, as
 * docs/redis.md says, and it may lose it. Then calls are answered STATE_UNLOADED: the caller opens
 * again, and offers the replicas it has. STATE_BUSY of a shared state means that nobody knows what
 * became of the call: it may have been done, and it may be done later. All calls may be made again;
 * what was done once is told again, or does nothing. */
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
    STATE_BUSY, /* the backend is away or full; nothing was written, or nobody can know: ask again
                 */
    STATE_UNLOADED, /* shared: not here, being loaded, or of another run of Redis: open again, and
                       offer */
    STATE_LOAD,     /* shared, open: the caller has the loading lease and loads it (token) */
    STATE_WAIT,     /* shared, open: another instance loads it; ask again after wait_ms */
    STATE_LOST,     /* shared: a token or lease is not the caller's any more */
    STATE_STALE,    /* shared, checkpoint: what is there is newer */
    STATE_BROKEN    /* what is stored cannot be understood; error text in the answer; nothing was
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
    uint64_t nonce;  /* of this hello: the same call made again is no straggler */
    const char *user, *name;
    int color; /* -1: none */
    bool want_tree;
};
/* Somebody in the room, on whichever instance. */
struct state_person {
    uint64_t cid, k;
    const char *inst, *user, *name;
    int color; /* -1: none */
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
    /* Shared: */
    uint64_t tick, people_rev;         /* see poll */
    uint64_t next_file;                /* no file has had an id from it on */
    const struct state_person *people; /* where want_tree was set */
    size_t people_count;
    const char *token; /* STATE_LOAD */
    bool recover;      /* STATE_LOAD: keys of another run are there */
    uint64_t ask_ms;   /* STATE_LOAD: how long to ask the others for offers where there is no
                          repository that knows better; 0 = nobody else is alive */
    uint64_t wait_ms;  /* STATE_WAIT */
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
    struct blob *message; /* encoded for exactly version expect + 1 + index; a backend that needs it
                             after the call refs it */
};
struct state_append {
    uint64_t f, expect;
    int64_t utf16_delta; /* for the tree's listing; its bytes are counted anew at the next save */
    const struct state_entry *entries;
    size_t count;
    const char *seal; /* shared: the last word of its hint (hint.h); NULL: none */
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
    /* Shared, want_text: */
    const char *path, *eol;
    uint64_t updated_at, updated_by; /* ms since 1970; cid */
};

/* ---- tree: create, rename, delete; files or folders ---- */
enum state_tree_op { TREE_CREATE, TREE_RENAME, TREE_DELETE };
struct state_tree {
    enum state_tree_op op;
    uint64_t by;            /* cid of who asks; 0 = HTTP */
    uint64_t nonce;         /* shared: of this request; the same one again is told what it did */
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
    enum state_result result; /* STATE_OK, STATE_TRIMMED, EPOCH, BROKEN, BUSY */
    struct blob *const *messages;
    size_t count;
};

/* ---- Shared states only, from here to the sink. An embedded one whose projects are saved to a
 * shared repository has some of it: claim, settle, dirty and saved, and for a project that is not
 * here STATE_LOAD, populate and abandon. ---- */

/* ---- poll: has a hint been lost? Once a second, and whenever one seems to be missing ---- */
struct state_poll {
    uint64_t tick, people_rev; /* what the caller knows */
    const uint64_t *files;     /* whose versions it wants */
    size_t file_count;
};
struct state_mark {
    uint64_t f, version, saved_version; /* version UINT64_MAX: there is no such file any more */
};
struct state_polled {
    uint64_t room, request;
    enum state_result result; /* STATE_OK, UNLOADED, EPOCH, BUSY */
    uint64_t tick, e, people_rev;
    const struct state_mark *marks; /* of the files; none where the tick is the caller's */
    size_t mark_count;
    bool has_people; /* people_rev is another: */
    const struct state_person *people;
    size_t people_count;
};

/* ---- renew: the leases of the sessions here, every 3 s; those that ended anywhere are removed and
 * the room is told. Not answered: a lease that was lost is back with the next one, and poll tells
 * the rest. */
struct state_member {
    uint64_t cid, k;
};

/* ---- checkpoint: content behind the edits, so that the log can be trimmed ---- */
struct state_checkpoint {
    uint64_t f, version;
    const char *text; /* the text at version */
    size_t len, utf16_len;
};
struct state_checkpointed {
    uint64_t room, request, f;
    enum state_result result; /* STATE_OK, STALE, GONE, UNLOADED, EPOCH, BUSY */
    uint64_t version;
};

/* ---- load: offers of the instances, then populate, or abandon. The tree is offered like a file:
 * per file the highest (epoch number, version) wins, of the trees the highest (epoch number, e); a
 * file that the winning tree does not list and whose id is below its next_file was deleted. ---- */
struct state_offer_file {
    uint64_t f, epoch_number, version, rev;
    const char *path, *eol;
    const char *text; /* at version; NULL: with content and entries below (Redis' own) */
    size_t len;
    const struct state_seen *seen;
    size_t seen_count;
    uint64_t updated_at, updated_by;
    struct blob *const *entries; /* after text's version; only in an answer of offers */
    size_t entry_count;
    uint64_t content_version; /* of text, where there are entries */
};
struct state_offer_tree {
    uint64_t epoch_number, e, next_file;
    const char *name, *template;
    const struct state_file *files; /* f, path, eol, version */
    size_t file_count;
};
/* What one instance has. Made in as many calls as it takes: tree may be NULL, files may be few. */
struct state_offer {
    const struct state_offer_tree *tree;
    const struct state_offer_file *files;
    size_t file_count;
};
struct state_offered {
    uint64_t room, request;
    enum state_result result; /* STATE_OK, STATE_LOST (no load is under way), BUSY */
};
/* What was offered, the best of each; and what Redis itself has where it recovers. */
struct state_offers {
    uint64_t room, request;
    enum state_result result; /* STATE_OK, STATE_LOST (token), BROKEN, BUSY */
    uint64_t epoch_number;    /* the highest that any of them, or Redis, knows; 0 = none */
    const struct state_offer_tree *trees;
    size_t tree_count;
    const struct state_offer_file *files; /* several of one f may be there */
    size_t file_count;
};
struct state_populate_file {
    uint64_t f, version, rev, saved_version, saved_rev;
    const char *path, *eol, *text;
    size_t len, utf16_len;
    bool dirty;
    const struct state_seen *seen;
    size_t seen_count;
    uint64_t updated_at, updated_by;
};
/* A file that is not in the tree any more, and whose document may be in the repository: dirty, as a
 * tombstone. */
struct state_populate_deleted {
    uint64_t f, rev;
    const char *path;
};
struct state_populate {
    const char *token;
    const char *epoch, *name, *template;
    uint64_t e, next_file;
    const struct state_populate_file *files;
    size_t file_count;
    const struct state_populate_deleted *deleted;
    size_t deleted_count;
};
struct state_populated {
    uint64_t room, request;
    enum state_result result; /* STATE_OK, STATE_LOST, BUSY */
};

/* ---- flush: of a project, whether or not a room of it is open here. The ticket has room 0, and
 * request is the flush; project and epoch come back where it says so. ---- */
struct state_claimed {
    uint64_t request;
    enum state_result result; /* STATE_OK, STATE_NO_PROJECT (nothing is due), BUSY */
    const char *project;
    const char *lease; /* for settle */
    uint32_t tries;    /* that failed since the last that did not, whoever made them */
};
enum state_settled { STATE_SETTLED_WELL, STATE_SETTLED_FAILED, STATE_SETTLED_UNKNOWN };
/* It is due again in so many ms, unless it is unloaded by then; in dirty_ms where something is
 * dirty, which whoever settles may not know yet. */
struct state_settle {
    const char *lease;
    enum state_settled outcome; /* of unknown, the count of failures stays as it is */
    uint64_t again_ms, dirty_ms;
};
struct state_dirty_file {
    uint64_t f, rev, version;
    const char *path;
    bool deleted; /* a tombstone */
};
struct state_dirty {
    uint64_t request;
    enum state_result result; /* STATE_OK, UNLOADED (restarted too: open it), BROKEN, BUSY */
    const char *epoch;
    /* Not shared: the project's name for people, and in whose name it is live in the repository: */
    const char *name, *token;
    uint64_t members; /* with an unexpired lease */
    uint64_t e, next_file;
    const struct state_dirty_file
        *files; /* the longest dirty first, at most as many as asked for */
    size_t file_count;
};
struct state_saved_file {
    uint64_t f, rev, version; /* as they were read */
};
struct state_saved {
    uint64_t request;
    enum state_result result; /* STATE_OK, UNLOADED, EPOCH, BUSY */
    uint64_t dirty;           /* files left */
};
struct state_unloaded {
    uint64_t request;
    enum state_result result; /* STATE_OK, STATE_BUSY (somebody came, or is dirty, or unknown),
                                 UNLOADED, EPOCH */
    const char *token;
    uint64_t e, next_file;
};

struct state_sink {
    void *owner;
    void (*opened)(void *owner, const struct state_opened *answer);
    void (*created)(void *owner, const struct state_created *answer);
    void (*appended)(void *owner, const struct state_appended *answer);
    void (*rows)(void *owner, const struct state_rows *answer);
    void (*treed)(void *owner, const struct state_treed *answer);
    void (*events)(void *owner, const struct state_events *answer);
    /* Shared states only: */
    void (*polled)(void *owner, const struct state_polled *answer);
    void (*checkpointed)(void *owner, const struct state_checkpointed *answer);
    void (*offered)(void *owner, const struct state_offered *answer);
    void (*offers)(void *owner, const struct state_offers *answer);
    void (*populated)(void *owner, const struct state_populated *answer);
    void (*claimed)(void *owner, const struct state_claimed *answer);
    void (*dirty)(void *owner, const struct state_dirty *answer);
    void (*saved)(void *owner, const struct state_saved *answer);
    void (*unloaded)(void *owner, const struct state_unloaded *answer);
    /* The backend is away (every call is answered STATE_BUSY at once) or back. */
    void (*link)(void *owner, bool is_up);
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
    void (*forget)(struct state *state, const struct state_ticket *ticket);

    /* Shared states only; NULL elsewhere (but see above). */
    void (*poll)(struct state *state, const struct state_ticket *ticket,
                 const struct state_poll *poll);
    void (*renew)(struct state *state, const struct state_ticket *ticket,
                  const struct state_member *members, size_t count); /* not answered */
    void (*checkpoint)(struct state *state, const struct state_ticket *ticket,
                       const struct state_checkpoint *checkpoint);
    /* The ticket's epoch is ignored in these four. */
    void (*offer)(struct state *state, const struct state_ticket *ticket,
                  const struct state_offer *offer);
    void (*offers)(struct state *state, const struct state_ticket *ticket, const char *token);
    void (*populate)(struct state *state, const struct state_ticket *ticket,
                     const struct state_populate *populate);
    /* There is nothing to load, or it cannot be: gives up the lease. Not answered. */
    void (*abandon)(struct state *state, const struct state_ticket *ticket, const char *token);
    /* project and epoch of the ticket are ignored. */
    void (*claim)(struct state *state, const struct state_ticket *ticket, uint64_t lease_ms);
    void (*settle)(struct state *state, const struct state_ticket *ticket,
                   const struct state_settle *settle); /* not answered */
    void (*dirty)(struct state *state, const struct state_ticket *ticket,
                  size_t most); /* epoch ignored */
    void (*saved)(struct state *state, const struct state_ticket *ticket,
                  const struct state_saved_file *files, size_t count, uint64_t ts);
    void (*unload)(struct state *state, const struct state_ticket *ticket);
};
/* First member of every backend. The backend is told the sink once, before the first call. Without
 * an owner the sink is closed: what is still answered is dropped. */
struct state {
    const struct state_ops *ops;
    struct state_sink sink;
    const char *store_name; /* "sqlite", "redis"…: what people read in welcome.store */
    bool is_shared;         /* many instances, and all calls above */
};

#endif
