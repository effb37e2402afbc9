/* One flush, for flush.c and flush_ours.c. */
#ifndef WEFT_CORE_FLUSH_ONE_H
#define WEFT_CORE_FLUSH_ONE_H

#include "flush.h"
#include "root.h"

#define FLUSH_FILES 64u
#define FLUSH_ANOTHERS "another server has this project in the repository"

struct flush {
    TAILQ_ENTRY(flush) link;
    struct registry *registry;
    uint64_t id; /* request number of its calls */
    char project[65], epoch[EPOCH_SIZE];
    char *lease;
    uint32_t failures; /* before this one, in a row */
    uint64_t until_ms; /* a round is not begun after this */
    bool is_counted;   /* for the rate: it saves something */
    bool has_failed;   /* a file could not be saved */
    bool has_saved;    /* another could */
    bool has_more;     /* than this round takes */
    uint64_t members;
    /* The round: what is dirty, and what of it is read. */
    struct state_dirty_file files[FLUSH_FILES]; /* each with its own path */
    size_t file_count, at;
    struct repository_file saves[FLUSH_FILES];
    char eols[FLUSH_FILES][3]; /* of the saves */
    size_t save_count, bytes;
    char *name, *live; /* not shared: for people; in whose name it is ours */
    /* RELEASE: */
    char *token;
    uint64_t e, next_file, due_ms;
    unsigned tries;
};

struct flush *flush_find(const struct registry *registry, uint64_t id);
struct state_ticket flush_ticket(const struct flush *flush);
/* Reads the next file that is listed, or stores all that was read. */
void flush_read_next(struct flush *flush);
/* Ends it; it is tried again. */
void flush_fail(struct flush *flush, const char *problem);

/* ---- flush_ours.c ---- */

/* Is it known that the repository has the project, and as ours? Of a shared state whoever loads it
 * has seen to that. */
bool flush_is_ours(const struct flush *flush);
/* Finds out, and goes on with the files. */
void flush_look(struct flush *flush);
void flush_tell_room(const struct flush *flush, const struct state_saved_file *saved, size_t count,
                     uint64_t ts);

#endif
