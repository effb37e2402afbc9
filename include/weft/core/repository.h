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
    REPOSITORY_CHANGED, /* begin: the pair is another; create: it is there; release: another's */
    REPOSITORY_UNKNOWN  /* it may have been done */
};
struct repository_done {
    uint64_t request;
    enum repository_outcome result;
    const char *problem;
};

struct repository_sink {
    void *owner;
    void (*saved)(void *owner, const struct repository_saved *answer);
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
