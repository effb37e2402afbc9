/* One conversation with a Redis or a sentinel: commands out, replies in, in order, with a time
 * limit for each and a limit of what a reply may take of memory. It ends once and is not rebuilt.
 */
#ifndef WEFT_IO_REDIS_WIRE_H
#define WEFT_IO_REDIS_WIRE_H

#include "redis_address.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct redis_wire;

struct redis_wire_config {
    uv_loop_t *loop;
    const struct redis_address *address; /* borrowed for the life */
    const struct redis_host *host;       /* NULL: the address' socket; borrowed until return */
    bool is_tls;
    uint64_t timeout_ms; /* to connect, and for each reply */
    struct redis_link_counts *counts;
    void *owner;
    void (*opened)(void *owner);
    /* A message of a subscription, or the confirmation of one channel: an array of three whose
     * first is "message", "subscribe" or "unsubscribe" and whose second is a string. NULL where
     * nothing is subscribed. */
    void (*pushed)(void *owner, struct redisReply *reply);
    /* It has ended by itself; redis_wire_close is still to be called. */
    void (*failed)(void *owner, const char *reason);
};

struct redis_wire *redis_wire_new(const struct redis_wire_config *config);
/* Sends what the socket takes at once, and answers what is under way with NULL. No callback after
 * this. Freed when the loop has turned. */
void redis_wire_close(struct redis_wire *wire);

/* Who is told the reply of a command: replied(owner, data, reply). */
struct redis_call_back {
    redis_replied *replied; /* may be NULL */
    void *owner, *data;
};
/* Only when it is open. All that is sent in one turn of the loop goes in one write. */
void redis_wire_send(struct redis_wire *wire, const struct redis_arg *args, size_t count,
                     struct redis_call_back back);
/* SUBSCRIBE or UNSUBSCRIBE and at least one channel; each is confirmed through `pushed`. */
void redis_wire_subscribe(struct redis_wire *wire, const struct redis_arg *args, size_t count);
/* Has it fail on the next turn. */
void redis_wire_break(struct redis_wire *wire, const char *reason);
size_t redis_wire_queued(const struct redis_wire *wire);

#endif
