#include "weft/protocol/limits.h"

#include "check.h"

static void defaults_are_within_their_bounds(void)
{
    struct limits limits = limits_default();
#define CHECK_LIMIT(name, def, least, most, text)                                                  \
    CHECK_EQ_INT(limits.name, def);                                                                \
    CHECK((least) >= 1 && (least) <= limits.name && limits.name <= (most));
    LIMIT_TABLE(CHECK_LIMIT)
#undef CHECK_LIMIT
}

static void every_rate_has_a_name_and_a_burst(void)
{
    struct rate rates[RATE_COUNT];
    rates_default(rates);
    for (enum rate_kind kind = 0; kind < RATE_COUNT; kind++) {
        CHECK(rate_name(kind)[0] != '\0');
        CHECK(rates[kind].per_s >= 1 && rates[kind].burst >= rates[kind].per_s);
    }
    CHECK_EQ_STR(rate_name(RATE_edit), "edit");
    CHECK_EQ_INT(rates[RATE_edit].per_s, 100);
    CHECK_EQ_INT(rates[RATE_cursor].burst, 40);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(defaults_are_within_their_bounds);
    RUN(every_rate_has_a_name_and_a_burst);
    return check_finish();
}
