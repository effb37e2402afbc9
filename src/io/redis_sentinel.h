/* Asks the sentinels, one after the other, where the master of a service is. */
#ifndef WEFT_IO_REDIS_SENTINEL_H
#define WEFT_IO_REDIS_SENTINEL_H

#include "redis_address.h"

#include <uv.h>

struct redis_sentinel;

struct redis_sentinel_config {
    uv_loop_t *loop;
    const struct redis_address *address; /* borrowed for the life */
    size_t first;                        /* the sentinel to ask first */
    uint64_t timeout_ms;                 /* for each */
    struct redis_link_counts *counts;
    void *owner;
    /* One of the two is called, once; redis_sentinel_close is still to be called. by: the sentinel
     * that knew it, to be asked first the next time. */
    void (*found)(void *owner, const struct redis_host *master, size_t by);
    void (*failed)(void *owner, const char *reason);
};

/* No callback before the loop has turned. */
struct redis_sentinel *redis_sentinel_new(const struct redis_sentinel_config *config);
/* No callback after this. */
void redis_sentinel_close(struct redis_sentinel *sentinel);

#endif
