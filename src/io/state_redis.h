/* The state port over the scripts of src/io/redis/, on the link for commands. What belongs to Redis
 * as a whole (the links, the name of the instance, the probe, the secret) is redis.c's, which owns
 * this and tells it when the link comes and goes.
 *
 * For open.lua, redis.c keeps the zset weft:instances: the name of each instance that lives, with
 * the end of its lease in ms of Redis' clock as its score. */
#ifndef STATE_REDIS_H
#define STATE_REDIS_H

#include "weft/core/state.h"
#include "weft/io/redis.h"
#include "weft/io/redis_link.h"

struct state_redis;

/* Returns a new state. Borrows link, counts and the texts of config for its life. */
struct state_redis *state_redis_new(const struct redis_config *config, struct redis_link *link,
                                    struct redis_counts *counts);
/* Once the link is closed, so that every call has been answered. */
void state_redis_free(struct state_redis *state);
/* Borrowed, valid until state_redis_free. */
struct state *state_redis_port(struct state_redis *state);

/* From the callbacks up and down of the link. */
void state_redis_up(struct state_redis *state, const struct redis_server *server);
void state_redis_down(struct state_redis *state);

#endif
