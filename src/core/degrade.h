/* The shared state is away: people are told, and after a while sent away. What they type meanwhile
 * waits, here and in their editors. */
#ifndef WEFT_CORE_DEGRADE_H
#define WEFT_CORE_DEGRADE_H

#include "root.h"

/* The state's link is up, or down. */
void degrade_link(struct registry *registry, bool is_up);
void degrade_tick(struct registry *registry, uint64_t now_ms);
/* Tells somebody who just came. */
void degrade_greet(struct session *session);

#endif
