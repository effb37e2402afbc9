/* At most so many in any stretch of so many ms: the times of the last ones are remembered. Stricter
 * than a token bucket, which lets twice as many through after a rest. Time is given. */
#ifndef WEFT_CORE_WINDOW_H
#define WEFT_CORE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

struct window {
    uint64_t *free_ms; /* per place, when it is free again; the oldest is at next */
    uint32_t count, next;
    uint64_t ms;
};

void window_init(struct window *window, uint32_t count, uint64_t ms);
void window_close(struct window *window);
/* Is there a place now, behind others that have been promised but not taken? */
bool window_has_room(const struct window *window, uint32_t promised, uint64_t now_ms);
/* Takes a place: the one that is free first, also where it is not yet. */
void window_take(struct window *window, uint64_t now_ms);

#endif
