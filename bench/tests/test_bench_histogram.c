#include "histogram.h"

#include "check.h"

static struct histogram histogram;

static void an_empty_one_says_zero(void)
{
    histogram_reset(&histogram);
    CHECK_EQ_INT(histogram_quantile(&histogram, 0.99), 0);
}

static void small_values_are_exact(void)
{
    histogram_reset(&histogram);
    for (uint64_t i = 1; i <= 20; i++)
        histogram_add(&histogram, i);
    CHECK_EQ_INT(histogram_quantile(&histogram, 0.5), 10);
    CHECK_EQ_INT(histogram_quantile(&histogram, 1.0), 20);
    CHECK_EQ_INT(histogram_quantile(&histogram, 0.0001), 1);
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

/* Against the sorted values themselves, over all magnitudes: never below, at most 3.2 % above. */
static void quantiles_are_close_from_above(void)
{
    enum { COUNT = 5000 };
    static uint64_t values[COUNT];
    const double shares[] = {0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0};
    uint64_t seed = check_seed();
    histogram_reset(&histogram);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = check_random(&seed) >> (check_random(&seed) % 64);
        histogram_add(&histogram, values[i]);
    }
    qsort(values, COUNT, sizeof *values, compare);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        size_t rank = (size_t)(shares[i] * (double)COUNT + 0.999999);
        uint64_t exact = values[rank - 1];
        uint64_t found = histogram_quantile(&histogram, shares[i]);
        CHECK(found >= exact);
        CHECK((double)(found - exact) <= 0.032 * (double)exact);
    }
    CHECK_EQ_INT(histogram.max, values[COUNT - 1]);
}

static void the_greatest_value_has_a_bucket(void)
{
    histogram_reset(&histogram);
    histogram_add(&histogram, UINT64_MAX);
    CHECK(histogram_quantile(&histogram, 0.5) == UINT64_MAX);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(an_empty_one_says_zero);
    RUN(small_values_are_exact);
    RUN(quantiles_are_close_from_above);
    RUN(the_greatest_value_has_a_bucket);
    return check_finish();
}
