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

void lag_start(struct lag *lag, uv_loop_t *loop)
{
    memset(lag, 0, sizeof(*lag));
    uv_timer_init(loop, &lag->timer);
    lag->timer.data = lag;
    lag->due_ms = now_ms() + LAG_EVERY_MS;
    uv_timer_start(&lag->timer, looked, LAG_EVERY_MS, LAG_EVERY_MS);
    uv_unref((uv_handle_t *)&lag->timer);
}

void lag_stop(struct lag *lag)
{
    uv_close((uv_handle_t *)&lag->timer, NULL);
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
