/* How late the loop is, by a timer that knows when it ought to run. Late is what everybody waits:
 * a turn that took too long, a machine without time for us, a process that was stopped. And how
 * long its turns are, each: what this process itself is to blame for. */
#ifndef WEFT_SERVER_LAG_H
#define WEFT_SERVER_LAG_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define LAG_EVERY_MS 500
#define LAG_COUNT 10
#define LAG_MOST_MS 1000 /* above it a server is not ready */

/* Bucket i counts turns below 2^i × 0.25 ms, the last all others. */
#define LAG_BUCKETS 14

struct lag {
    uv_timer_t timer;
    uv_check_t woken;     /* a turn begins */
    uv_prepare_t resting; /* and ends */
    uint64_t woken_us, turns[LAG_BUCKETS], turns_us;
    uint64_t due_ms;
    uint64_t last_ms[LAG_COUNT]; /* how late each of the last was */
    size_t next;
};

/* Starts to look, until lag_stop. Borrows loop, which it does not keep alive. */
void lag_start(struct lag *lag, uv_loop_t *loop);
/* *lag is free when the loop has turned. */
void lag_stop(struct lag *lag);

/* The worst of the last 5 s; what is late at this moment counts. */
uint64_t lag_worst_ms(const struct lag *lag);

#endif
