/* What Redis promises to keep, by its settings. */
#ifndef WEFT_IO_REDIS_PROMISE_H
#define WEFT_IO_REDIS_PROMISE_H

#include "weft/io/redis.h"
#include "weft/io/redis_link.h"

#include <stdbool.h>

struct redis_promise {
    enum redis_durability durability;
    bool may_evict;  /* short of memory, it would delete live files */
    char words[160]; /* for people: why */
};

/* Asks for the settings; redis_promise_read takes apart the answer. */
void redis_promise_ask(struct redis_link *link, redis_replied *replied, void *data);
void redis_promise_read(const struct redisReply *reply, struct redis_promise *out);

#endif
