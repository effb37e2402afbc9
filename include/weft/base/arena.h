/* Memory that is given back all at once: for what belongs to one request. The arena itself may
 * stand in memory of its own. One thread at a time. */
#ifndef WEFT_BASE_ARENA_H
#define WEFT_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *chunks;
    char *free_from;
    size_t free_len;
};
#define ARENA_EMPTY ((struct arena){NULL, NULL, 0})

/* Aligned for anything; not zeroed. Lives until arena_close. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_zalloc(struct arena *arena, size_t size) __attribute__((returns_nonnull));
/* A copy of len bytes with a NUL behind them. */
char *arena_copy(struct arena *arena, const char *text, size_t len);
/* NULL stays NULL. */
char *arena_copy_text(struct arena *arena, const char *text);
void arena_close(struct arena *arena);

#endif
