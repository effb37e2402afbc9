#include "weft/base/random.h"

#include "check.h"

static void every_bit_comes_up_both_ways(void)
{
    uint64_t ones = 0, zeros = 0;
    for (int i = 0; i < 200; i++) {
        uint64_t value = random_u64();
        ones |= value;
        zeros |= ~value;
    }
    CHECK(ones == UINT64_MAX && zeros == UINT64_MAX);
}

static void a_large_area_is_filled_to_its_end_and_not_beyond(void)
{
    static unsigned char area[5001];
    unsigned char seen = 0;
    for (int i = 0; i < 64; i++) {
        area[5000] = 7;
        random_fill(area, 5000);
        seen |= area[4999];
        CHECK_EQ_INT(area[5000], 7);
    }
    CHECK_EQ_INT(seen, 0xff);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(every_bit_comes_up_both_ways);
    RUN(a_large_area_is_filled_to_its_end_and_not_beyond);
    return check_finish();
}
