#include "weft/server/lag.h"

#include <string.h>

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static uint64_t late_ms(const struct lag *lag)
{
    uint64_t now = now_ms();
    return now > lag->due_ms ? now - lag->due_ms : 0;
}

static void looked(uv_timer_t *timer)
{
    struct lag *lag = timer->data;
    lag->last_ms[lag->next++ % LAG_COUNT] = late_ms(lag);
    lag->due_ms = now_ms() + LAG_EVERY_MS;
}

static void woken(uv_check_t *check)
{
    ((struct lag *)check->data)->woken_us = uv_hrtime() / 1000;
}

static void resting(uv_prepare_t *prepare)
{
    struct lag *lag = prepare->data;
    uint64_t took_us = uv_hrtime() / 1000 - lag->woken_us;
    size_t bucket = 0;
    while (bucket < LAG_BUCKETS - 1 && took_us >= (uint64_t)250 << bucket)
        bucket++;
    lag->turns[bucket]++;
    lag->turns_us += took_us;
}

static void start_turns(struct lag *lag, uv_loop_t *loop)
{
    lag->woken_us = uv_hrtime() / 1000;
    uv_check_init(loop, &lag->woken);
    uv_prepare_init(loop, &lag->resting);
    lag->woken.data = lag->resting.data = lag;
    uv_check_start(&lag->woken, woken);
    uv_prepare_start(&lag->resting, resting);
    uv_unref((uv_handle_t *)&lag->woken);
    uv_unref((uv_handle_t *)&lag->resting);
}

void lag_start(struct lag *lag, uv_loop_t *loop)
{
    memset(lag, 0, sizeof(*lag));
    uv_timer_init(loop, &lag->timer);
    lag->timer.data = lag;
    lag->due_ms = now_ms() + LAG_EVERY_MS;
    uv_timer_start(&lag->timer, looked, LAG_EVERY_MS, LAG_EVERY_MS);
    uv_unref((uv_handle_t *)&lag->timer);
    start_turns(lag, loop);
}

void lag_stop(struct lag *lag)
{
    uv_close((uv_handle_t *)&lag->timer, NULL);
    uv_close((uv_handle_t *)&lag->woken, NULL);
    uv_close((uv_handle_t *)&lag->resting, NULL);
}

uint64_t lag_worst_ms(const struct lag *lag)
{
    uint64_t worst = late_ms(lag);
    for (size_t i = 0; i < LAG_COUNT; i++) {
        if (lag->last_ms[i] > worst)
            worst = lag->last_ms[i];
    }
    return worst;
}
