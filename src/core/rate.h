/* Token buckets: so many messages a second, and a burst. Time is given. Eight bytes each, because
 * every session has one per kind of message. */
#ifndef WEFT_CORE_RATE_H
#define WEFT_CORE_RATE_H

#include "weft/protocol/limits.h"
#include <stdbool.h>
#include <stdint.h>

struct bucket {
    uint32_t filled; /* up to when tokens were given, in 1/64 ms modulo 2^32 */
    uint32_t tokens;
};

/* A full bucket. */
void bucket_init(struct bucket *bucket, struct rate rate, uint64_t now_ms);
/* Takes so many tokens; false, taking none, where there are fewer. */
bool bucket_take(struct bucket *bucket, struct rate rate, uint64_t now_ms, uint64_t tokens);
/* One that was taken was not needed. */
void bucket_give_back(struct bucket *bucket, struct rate rate);

#endif
