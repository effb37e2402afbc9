/* The port to where projects are saved as plain text: SQLite (embedded) or MongoDB. Asynchronous
 * like state.h: one answer per call, on a later turn. A save is guarded by the pair (epoch number,
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
};
struct repository_save {
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

struct repository_sink {
    void *owner;
    void (*saved)(void *owner, const struct repository_saved *answer);
};

struct repository;
struct repository_ops {
    void (*save)(struct repository *repository, const struct state_ticket *ticket,
                 const struct repository_save *save);
};
struct repository {
    const struct repository_ops *ops;
    struct repository_sink sink;
};

#endif
