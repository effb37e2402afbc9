/* When to make a call again whose outcome nobody knows (STATE_BUSY of a shared state). */
#ifndef WEFT_CORE_BACKOFF_H
#define WEFT_CORE_BACKOFF_H

#include <stdint.h>

struct registry;

/* How long to wait after so many failures before this one: 30 to 120 ms at first, about a second
 * at most; by chance, so that many do not come back at once. */
uint64_t backoff_ms(const struct registry *registry, unsigned failures);

#endif
