#include "rate.h"

void bucket_init(struct bucket *bucket, struct rate rate, uint64_t now_ms)
{
    bucket->filled_ms = now_ms;
    bucket->milli = (uint64_t)rate.burst * 1000;
}

bool bucket_take(struct bucket *bucket, struct rate rate, uint64_t now_ms, uint64_t tokens)
{
    if (now_ms > bucket->filled_ms) {
        /* One token a second is one thousandth a millisecond. */
        bucket->milli += (now_ms - bucket->filled_ms) * rate.per_s;
        bucket->filled_ms = now_ms;
    }
    uint64_t full = (uint64_t)rate.burst * 1000;
    if (bucket->milli > full)
        bucket->milli = full;
    if (bucket->milli < tokens * 1000)
        return false;
    bucket->milli -= tokens * 1000;
    return true;
}
