/* Rooms that the shared state does not hold any more: it was emptied, or is another run's. Nobody
 * is in such a room, nothing can be written, and new sessions get another one; but its replicas may
 * be the only place where some edits still are. So they are kept, and offered to whoever loads the
 * project, until a load has succeeded. Once a second the room asks for one itself. */
#ifndef WEFT_CORE_DETACHED_H
#define WEFT_CORE_DETACHED_H

#include "room.h"

struct choice;

/* The state said that it does not hold the room. Everybody is sent away to come back (4503), and
 * what waited for the log is dropped: it was not acknowledged. */
void detached_begin(struct room *room);
/* Has the room something that may be in no other place? */
bool detached_is_needed(const struct room *room);
void detached_tick(struct room *room, uint64_t now_ms);

/* Somebody loads the project (a hint): every room of it here offers what it has. */
void detached_asked(struct registry *registry, const char *project);
/* Somebody says that it is loaded (a hint): who waits for it, and its rooms, ask at once. */
void detached_ready(struct registry *registry, const char *project);
/* The state holds the project again: the rooms can go. */
void detached_end(struct registry *registry, const char *project);
/* Is there such a room of the project? */
bool detached_exists(const struct registry *registry, const char *project);
/* Adds what they have to what a load here chooses from. */
void detached_give(const struct registry *registry, const char *project, struct choice *choice);

/* The answer to its own asking, where it is not done with by then (see registry.c). */
void detached_opened(struct room *room, const struct state_opened *answer);
void detached_offered(struct room *room, const struct state_offered *answer);

#endif
