/* Has a hint been lost? Asked of the shared state once a second, and whenever one seems to be
 * missing. The answer says where to read on. */
#ifndef WEFT_CORE_POLL_H
#define WEFT_CORE_POLL_H

#include "room.h"

/* The room was opened: this is what it knows. */
void poll_begin(struct room *room, const struct state_opened *answer);
/* A hint came with this tick (0: it has none). */
void poll_count(struct room *room, uint64_t tick);
/* As soon as may be: something is missing, or not sure. */
void poll_want(struct room *room);
/* The same; and who is here is not sure. */
void poll_want_people(struct room *room);
void poll_tick(struct room *room, uint64_t now_ms);
void poll_answered(struct room *room, const struct state_polled *answer);

#endif
