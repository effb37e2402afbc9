#include "check.h"

#include "core/rate.h"
#include "core/window.h"

static void a_burst_is_there_at_once_and_comes_back(void)
{
    struct rate rate = {10, 3};
    struct bucket bucket;
    bucket_init(&bucket, rate, 5000);
    for (int i = 0; i < 3; i++)
        CHECK(bucket_take(&bucket, rate, 5000, 1));
    CHECK(!bucket_take(&bucket, rate, 5000, 1));
    CHECK(!bucket_take(&bucket, rate, 5099, 1));
    CHECK(bucket_take(&bucket, rate, 5100, 1));
    CHECK(!bucket_take(&bucket, rate, 5100, 1));
    CHECK(!bucket_take(&bucket, rate, 9000, 4));
    CHECK(bucket_take(&bucket, rate, 9000, 3));
}

/* Asking often must not cost the fractions of tokens. */
static void the_rate_holds_however_often_one_asks(void)
{
    static const struct rate rates[] = {{1, 5},     {3, 9},      {7, 7},
                                        {100, 200}, {999, 2000}, {5000, 5000}};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
        for (uint64_t step = 1; step <= 13; step += 3) {
            struct bucket bucket;
            uint64_t taken = 0, now = UINT32_MAX - 500; /* across the wrap */
            bucket_init(&bucket, rates[i], now);
            for (uint64_t end = now + 10000; now < end; now += step)
                while (bucket_take(&bucket, rates[i], now, 1))
                    taken++;
            uint64_t fair = rates[i].burst + 10 * (uint64_t)rates[i].per_s;
            CHECK(taken <= fair);
            CHECK(taken + 1 + fair / 20 >= fair);
        }
}

/* A bucket lets twice as many through after a rest. */
static void in_no_stretch_are_more_than_the_window_has_places(void)
{
    struct window window;
    uint64_t times[100], count = 0;
    window_init(&window, 3, 1000);
    for (uint64_t now = 5000; count < 100; now += 7 + now % 90)
        while (count < 100 && window_has_room(&window, 0, now)) {
            window_take(&window, now);
            times[count++] = now;
        }
    for (size_t i = 3; i < 100; i++)
        CHECK(times[i] - times[i - 3] >= 1000 && times[i] - times[i - 3] < 1200);
    window_close(&window);
}

static void who_is_promised_a_place_counts(void)
{
    struct window window;
    window_init(&window, 2, 1000);
    CHECK(window_has_room(&window, 1, 5000));
    CHECK(!window_has_room(&window, 2, 5000));
    window_take(&window, 5000);
    CHECK(window_has_room(&window, 0, 5000));
    CHECK(!window_has_room(&window, 1, 5999));
    CHECK(window_has_room(&window, 1, 6000));
    window_close(&window);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_burst_is_there_at_once_and_comes_back);
    RUN(the_rate_holds_however_often_one_asks);
    RUN(in_no_stretch_are_more_than_the_window_has_places);
    RUN(who_is_promised_a_place_counts);
    return check_finish();
}
