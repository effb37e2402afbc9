/* Core's bus over the two links: a channel `weft:{project}` for each project, by its exact name. */
#ifndef WEFT_IO_BUS_REDIS_H
#define WEFT_IO_BUS_REDIS_H

#include "weft/core/bus.h"
#include "weft/io/redis.h"
#include "weft/io/redis_link.h"

#include <stdbool.h>

struct bus_redis;

/* Returns a new bus. Borrows the links and counts for its life. */
struct bus_redis *bus_redis_new(struct redis_link *commands, struct redis_link *subscriptions,
                                struct redis_counts *counts);
void bus_redis_free(struct bus_redis *bus);
/* Borrowed, valid until bus_redis_free. */
struct bus *bus_redis_port(struct bus_redis *bus);

/* From the callbacks pushed and subscribed of the link of subscriptions. Other channels than those
 * of projects are ignored. */
void bus_redis_pushed(struct bus_redis *bus, const char *channel, size_t channel_len,
                      const char *data, size_t len);
void bus_redis_subscribed(struct bus_redis *bus, const char *channel, size_t channel_len,
                          bool is_on);

#endif
