/* What a Redis under the load says of its own work: the calls of scripts, as its statistics count
 * them. Asked over a connection of its own, while everything else waits. */
#ifndef WEFT_BENCH_REDIS_H
#define WEFT_BENCH_REDIS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Adds up the calls by EVAL and EVALSHA in INFO's section `commandstats`. */
uint64_t redis_scripts_parse(const char *info);

/* Asks the Redis there. False, with errno, where it does not answer within seconds. */
bool redis_scripts_ask(const struct sockaddr_in *address, uint64_t *calls);

#endif
