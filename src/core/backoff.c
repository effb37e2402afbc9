#include "backoff.h"
#include "root.h"

#define LEAST_MS 30u
#define FIRST_MS 120u
#define MOST_MS 1000u

uint64_t backoff_ms(const struct registry *registry, unsigned failures)
{
    const struct registry_config *config = &registry->config;
    uint64_t most = failures < 4 ? FIRST_MS << failures : MOST_MS;
    if (most > MOST_MS)
        most = MOST_MS;
    uint64_t least = failures ? most / 2 : LEAST_MS;
    return least + config->random(config->random_owner) % (most - least + 1);
}
