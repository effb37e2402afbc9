#include "weft/protocol/limits.h"

#include <assert.h>
#include <string.h>

struct limits limits_default(void)
{
    return (struct limits){
#define LIMIT_DEFAULT(name, def, least, most, text) .name = (def),
        LIMIT_TABLE(LIMIT_DEFAULT)
#undef LIMIT_DEFAULT
    };
}

void rates_default(struct rate rates[RATE_COUNT])
{
    static const struct rate defaults[RATE_COUNT] = {
#define RATE_DEFAULT(name, per_s, burst) [RATE_##name] = {per_s, burst},
        RATE_TABLE(RATE_DEFAULT)
#undef RATE_DEFAULT
    };
    memcpy(rates, defaults, sizeof(defaults));
}

const char *rate_name(enum rate_kind kind)
{
    static const char *const names[RATE_COUNT] = {
#define RATE_NAME(name, per_s, burst) #name,
        RATE_TABLE(RATE_NAME)
#undef RATE_NAME
    };
    assert(kind < RATE_COUNT);
    return names[kind];
}
