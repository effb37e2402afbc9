#include "rate.h"

#define TICKS_PER_MS 64u
#define TICKS_PER_S (1000u * TICKS_PER_MS)

static uint32_t ticks(uint64_t now_ms)
{
    return (uint32_t)(now_ms * TICKS_PER_MS);
}

void bucket_init(struct bucket *bucket, struct rate rate, uint64_t now_ms)
{
    bucket->filled = ticks(now_ms);
    bucket->tokens = rate.burst;
}

/* Only whole tokens are given, and only their time, rounded up, is counted as given: who asks often
 * gets no more than the rate, and at most a few hundredths less. */
static void fill(struct bucket *bucket, struct rate rate, uint32_t now)
{
    uint64_t elapsed = (uint32_t)(now - bucket->filled);
    uint64_t earned = elapsed * rate.per_s / TICKS_PER_S;
    if (bucket->tokens + earned >= rate.burst) {
        bucket->tokens = rate.burst;
        bucket->filled = now;
    } else {
        bucket->tokens += (uint32_t)earned;
        bucket->filled += (uint32_t)((earned * TICKS_PER_S + rate.per_s - 1) / rate.per_s);
    }
}

bool bucket_take(struct bucket *bucket, struct rate rate, uint64_t now_ms, uint64_t tokens)
{
    fill(bucket, rate, ticks(now_ms));
    if (bucket->tokens < tokens)
        return false;
    bucket->tokens -= (uint32_t)tokens;
    return true;
}

void bucket_give_back(struct bucket *bucket, struct rate rate)
{
    if (bucket->tokens < rate.burst)
        bucket->tokens++;
}
