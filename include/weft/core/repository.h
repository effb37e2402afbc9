/* The port to where projects are saved as plain text: SQLite (embedded) or MongoDB (shared).
 * Asynchronous like state.h: one answer per call, on a later turn; a call that failed may have been
 * done, or may be done later. A save is guarded by the pair (epoch number,
 * rev): what is stored under a newer pair stays, and that counts as saved only if the stored pair
 * is at least the one given. */
#ifndef WEFT_CORE_REPOSITORY_H
#define WEFT_CORE_REPOSITORY_H

#include "weft/core/state.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct repository_file {
    uint64_t f, version, rev;
    const char *path;
    char *text; /* taken: the repository frees it, whatever happens */
    size_t len, utf16_len;
    const char *eol;
    uint64_t updated_at, updated_by; /* ms since 1970; cid */
    const struct state_seen *seen;   /* borrowed until the call returns */
    size_t seen_count;
    bool deleted; /* the document goes; text is NULL */
};
struct repository_save {
    uint64_t ts; /* the project's last_sync_timestamp, ms since 1970 */
    const struct repository_file *files;
    size_t count;
};

enum repository_result {
    REPOSITORY_OK,
    REPOSITORY_OLDER, /* a newer pair is stored: counts as saved */
    REPOSITORY_FAILED /* stays dirty; try again later */
};
struct repository_file_saved {
    uint64_t f, version, rev; /* as given */
    enum repository_result result;
};
struct repository_saved {
    uint64_t room, request;
    const char *problem; /* of the first failure, in words; else NULL */
    const struct repository_file_saved *files;
    size_t count;
    uint64_t ts; /* when, ms since 1970 */
};

/* ---- Shared repositories only ---- */

enum repository_found { REPOSITORY_FOUND, REPOSITORY_NONE, REPOSITORY_AWAY, REPOSITORY_BROKEN };
struct repository_loaded_file {
    uint64_t f, version, rev, epoch_number;
    const char *path, *eol, *text;
    size_t len;
    uint64_t updated_at, updated_by;
    const struct state_seen *seen;
    size_t seen_count;
};
struct repository_loaded {
    uint64_t request;
    enum repository_found found;
    const char *problem; /* AWAY, BROKEN: in words */
    const char *name, *template, *epoch;
    const char *live; /* token of who populated the state from it and has not unloaded it; NULL =
                         nobody */
    uint64_t e, next_file;
    const struct repository_loaded_file *files;
    size_t file_count;
};
/* The project is live from now on, under this epoch: compare and set of the pair. */
struct repository_begin {
    const char *was_epoch, *was_live; /* as loaded */
    const char *epoch, *live;
};
/* Not live any more, if it is still this token's. */
struct repository_release {
    const char *live;
    uint64_t e, next_file;
};
enum repository_outcome {
    REPOSITORY_DONE,
    REPOSITORY_CHANGED, /* begin: the pair is another; create: it is there; release: another's;
                           say: the id is */
    REPOSITORY_REFUSED, /* say: it is not UTF-8 without U+0000; nothing was written */
    REPOSITORY_UNKNOWN  /* it may have been done */
};
struct repository_done {
    uint64_t request;
    enum repository_outcome result;
    const char *problem;
};

/* ---- Chat: what was said in a project; no part of any merge ---- */

/* Its id is "<ts>-<n>", and messages are ordered by that pair. */
struct repository_message {
    uint64_t ts, n; /* ts in ms since 1970 */
    const char *user, *name, *text;
    uint64_t f, line; /* what it is about; f 0: no file */
};
#define REPOSITORY_PAGE_MAX 200u
struct repository_page {
    uint64_t before_ts, before_n; /* only what is older; both 0: from the newest */
    size_t limit;                 /* at most REPOSITORY_PAGE_MAX are given */
};
struct repository_messages {
    uint64_t room, request;
    enum repository_found found;            /* never NONE: nothing said is no message */
    const char *problem;                    /* AWAY, BROKEN: in words */
    const struct repository_message *items; /* the newest first */
    size_t count;
    bool more; /* there are older ones */
};

/* ---- History: texts of a file as they were saved, now and then ---- */

/* Kept by `save` itself, as the repository is configured. */
struct repository_point {
    uint64_t epoch_number, version;
    uint64_t ts, by;
    const char *text; /* with '\n'; NULL in a list */
    size_t len;       /* bytes, also in a list */
};
struct repository_point_query {
    uint64_t f;
    uint64_t version; /* with text: the newest point that has it; 0: the list */
    bool wants_text;
};
#define REPOSITORY_POINTS_MAX 1000u
struct repository_points {
    uint64_t room, request;
    enum repository_found found; /* NONE: no such point; an empty list is FOUND */
    const char *problem;
    const struct repository_point *items; /* the newest first */
    size_t count;
};

struct repository_sink {
    void *owner;
    void (*saved)(void *owner, const struct repository_saved *answer);
    void (*said)(void *owner, const struct repository_done *answer);
    void (*messages)(void *owner, const struct repository_messages *answer);
    void (*points)(void *owner, const struct repository_points *answer);
    /* Shared repositories only: */
    void (*loaded)(void *owner, const struct repository_loaded *answer);
    void (*begun)(void *owner, const struct repository_done *answer);
    void (*released)(void *owner, const struct repository_done *answer);
    void (*created)(void *owner, const struct repository_done *answer);
};

struct repository;
struct repository_ops {
    void (*save)(struct repository *repository, const struct state_ticket *ticket,
                 const struct repository_save *save);
    /* The ticket's epoch is ignored in these. say: DONE, also where this very message is there
     * already; CHANGED: another one has its id, so take the next. */
    void (*say)(struct repository *repository, const struct state_ticket *ticket,
                const struct repository_message *message);
    void (*messages)(struct repository *repository, const struct state_ticket *ticket,
                     const struct repository_page *page);
    void (*points)(struct repository *repository, const struct state_ticket *ticket,
                   const struct repository_point_query *query);
    /* Shared repositories only; NULL elsewhere. */
    void (*load)(struct repository *repository, const struct state_ticket *ticket);
    void (*begin)(struct repository *repository, const struct state_ticket *ticket,
                  const struct repository_begin *begin);
    void (*release)(struct repository *repository, const struct state_ticket *ticket,
                    const struct repository_release *release);
    void (*create)(struct repository *repository, const struct state_ticket *ticket,
                   const struct state_create *create);
};
struct repository {
    const struct repository_ops *ops;
    struct repository_sink sink;
    bool is_shared;
};

#endif
