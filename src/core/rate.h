/* Token buckets: so many messages a second, and a burst. Time is given. */
#ifndef WEFT_CORE_RATE_H
#define WEFT_CORE_RATE_H

#include "weft/protocol/limits.h"
#include <stdbool.h>
#include <stdint.h>

struct bucket {
    uint64_t filled_ms; /* when it was last filled */
    uint64_t milli;     /* thousandths of a token */
};

/* A full bucket. */
void bucket_init(struct bucket *bucket, struct rate rate, uint64_t now_ms);
/* Takes so many tokens; false, taking none, where there are fewer. */
bool bucket_take(struct bucket *bucket, struct rate rate, uint64_t now_ms, uint64_t tokens);

#endif
