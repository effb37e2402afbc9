/* MongoDB as the repository: projects as plain text in the collections `projects`, `files`,
 * `chat` and `history` (docs/saving.md), for any other program to read. Blocking calls of the
 * client library run on a pool of threads of their own; the loop only hands over and takes back. */
#ifndef WEFT_IO_REPOSITORY_MONGO_H
#define WEFT_IO_REPOSITORY_MONGO_H

#include "weft/base/err.h"
#include "weft/core/repository.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct mongo;

/* The client library makes a file of counters in shared memory before main, in every process; one
 * that is killed would leave it behind, for another of its pid to stumble over. Takes its name
 * away.
 */
void mongo_hide_counters(void);

struct mongo_config {
    const char *uri; /* mongodb://… or mongodb+srv://…; the database is its path, or "weft" */
    size_t threads;  /* calls at once; 4 */
    size_t waiting_max;       /* calls that wait for a thread; above it they fail at once; 64 */
    size_t text_max;          /* bytes of a stored text that are taken; 8 MiB */
    uint64_t points_every_ms; /* a file's history gets a point so often; 0 (the default): never */
    size_t points_most;       /* and has so many; 100 */
};
struct mongo_config mongo_config_default(void);

/* Starts the threads, and has them make the indexes as soon as the server can be reached; it may be
 * away. Returns a new mongo, or NULL with one line in *error where the URI is wrong. Borrows loop;
 * copies config. */
struct mongo *mongo_open(const struct mongo_config *config, uv_loop_t *loop, struct error *error);
/* Does what waits and ends the threads: it blocks for as long as the last calls take. Answers that
 * nobody got by now are dropped. The loop turns once more after it. */
void mongo_close(struct mongo *mongo);

/* Borrowed, valid until mongo_close. */
struct repository *mongo_repository(struct mongo *mongo);
/* Host and database of the URI, without user and password; borrowed. */
const char *mongo_label(const struct mongo *mongo);

/* For /readyz and /metrics. */
struct mongo_counts {
    uint64_t calls, failures;
    uint64_t waiting; /* calls, now */
    bool is_failing;  /* the last call was not answered as it should */
};
struct mongo_counts mongo_counts(struct mongo *mongo);

#endif
