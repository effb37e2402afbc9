/* The name of an instance, held in Redis under a lease: weft:instances is the zset of the names of
 * those alive, with the end of each lease in ms of Redis' clock, and the hash weft:instances:held
 * says who holds it. Hints are told apart by this name, so that no two may have the same. */
#ifndef WEFT_IO_REDIS_NAME_H
#define WEFT_IO_REDIS_NAME_H

#include "weft/io/redis_link.h"

#include <stdbool.h>
#include <stdint.h>

struct redis_name {
    struct redis_link *link;
    const char *name; /* borrowed */
    char token[20];   /* this process */
    uint64_t lease_ms;
};

void redis_name_init(struct redis_name *name, struct redis_link *link, const char *text,
                     uint64_t lease_ms);
/* Takes the name or renews its lease; redis_name_read takes apart the answer. */
void redis_name_take(const struct redis_name *name, redis_replied *replied, void *data);
/* True where it is ours now. Else *until_ms is the end of the other one's lease, by Redis' clock,
 * and *left_ms what is left of it; both 0 where Redis refused. */
bool redis_name_read(const struct redisReply *reply, uint64_t *until_ms, uint64_t *left_ms);
void redis_name_give_back(const struct redis_name *name, redis_replied *replied);

#endif
