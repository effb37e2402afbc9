#include "window.h"
#include "weft/base/mem.h"

#include <stdlib.h>

void window_init(struct window *window, uint32_t count, uint64_t ms)
{
    *window =
        (struct window){.free_ms = mem_zalloc(count * sizeof(uint64_t)), .count = count, .ms = ms};
}

void window_close(struct window *window)
{
    free(window->free_ms);
}

bool window_has_room(const struct window *window, uint32_t promised, uint64_t now_ms)
{
    return promised < window->count &&
           window->free_ms[(window->next + promised) % window->count] <= now_ms;
}

void window_take(struct window *window, uint64_t now_ms)
{
    window->free_ms[window->next] = now_ms + window->ms;
    window->next = (window->next + 1) % window->count;
}
