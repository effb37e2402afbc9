/* Where this server keeps what people type, as the settings say: in its data folder, alone; or in
 * Redis, with any number of others; and saved to MongoDB where that is set. Gives core its ports.
 */
#ifndef WEFT_SERVER_BACKEND_H
#define WEFT_SERVER_BACKEND_H

#include "weft/base/err.h"
#include "weft/core/bus.h"
#include "weft/core/jobs.h"
#include "weft/core/repository.h"
#include "weft/core/state.h"
#include <uv.h>

struct config;
struct mongo;
struct redis;
struct storage;

struct backend {
    struct state *state;
    struct repository *repository;
    struct repository *checkpoints; /* of the data folder, with MongoDB; else NULL */
    struct bus *bus;
    struct jobs *jobs;
    const char *secret; /* the key that signs resume */

    struct storage *storage; /* without Redis */
    struct redis *redis;     /* with it */
    struct mongo *mongo;     /* with MongoDB */
    struct bus local_bus;
    struct repository none;
};

/* Fills *backend, which the caller closes whatever is returned. Blocks; one line for people in
 * *error. Borrows loop. */
ERR_CHECKED enum err backend_open(struct backend *backend, const struct config *config,
                                  uv_loop_t *loop, struct error *error);
/* Does what waits. The loop turns once more after it. */
void backend_close(struct backend *backend);

/* Why nobody should be sent here now, in words, or NULL. */
const char *backend_problem(const struct backend *backend);
/* Tells the log where everything is kept, and what survives. */
void backend_log(const struct backend *backend, const struct config *config);

#endif
