/* The loads of this instance: a project comes into the shared state here, by the one way of
 * docs/redis.md, whoever asked first. At most one per project, however many wait for it. */
#ifndef WEFT_CORE_LOADER_H
#define WEFT_CORE_LOADER_H

#include "weft/core/registry.h"

struct registry;

/* What an open of the project was answered, whoever asked: begins a load where this instance was
 * given the lease (STATE_LOAD), even if nobody waits for it any more; where it is loading already
 * under that token nothing happens. Detaches the room that is not in the state any more, and lets
 * those go that are in it again. */
void loader_heard(struct registry *registry, const char *project,
                  const struct state_opened *answer);
bool loader_is_loading(const struct registry *registry, const char *project);
void loader_tick(struct registry *registry);
/* Gives up all of them, and their memory. */
void loader_close(struct registry *registry);

void loader_offers(struct registry *registry, const struct state_offers *answer);
void loader_populated(struct registry *registry, const struct state_populated *answer);
void loader_loaded(struct registry *registry, const struct repository_loaded *answer);
void loader_begun(struct registry *registry, const struct repository_done *answer);
/* The answer to a creation that a load asked for; false where it is not a load's. */
bool loader_created(struct registry *registry, const struct repository_done *answer);

#endif
