/* Redis as the live state and as the bus between instances: two links (commands, subscriptions),
 * the scripts, the probe to itself, the lease of the instance's name, and what Redis promises.
 * Implements core's ports state, bus and jobs; docs/redis.md has the keys. */
#ifndef WEFT_IO_REDIS_H
#define WEFT_IO_REDIS_H

#include "weft/base/err.h"
#include "weft/core/bus.h"
#include "weft/core/jobs.h"
#include "weft/core/state.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct redis;

/* What survives, as Redis is set up: everything may go with the process; a restart of Redis; a
 * power cut. */
enum redis_durability { REDIS_NONE, REDIS_RESTART, REDIS_POWER_CUT };
/* "none", "restart", "power-cut". */
const char *redis_durability_name(enum redis_durability durability);

struct redis_config {
    const char *url;
    const char *instance;   /* unique among those alive */
    const char *secret;     /* "" = made once and kept in Redis (weft:secret) */
    uint64_t open_ms;       /* for all that redis_open waits for; 10,000 */
    uint64_t timeout_ms;    /* per command; 2,000 */
    uint64_t probe_ms;      /* between two probes; 2,000; deaf after three without an answer */
    uint64_t lease_ms;      /* of sessions and of the instance's name; 10,000 */
    uint64_t load_ms;       /* lease of a load; 15,000 */
    uint64_t save_after_ms; /* arms the flush so long after a change; 0 = there is no repository */
    uint32_t history, events; /* log entries below content_version, room events kept */
    bool trust_restarts;      /* an operator vouches that a restart of Redis loses nothing */
    enum redis_durability require;
};
struct redis_config redis_config_default(void);

/* Connects, reads the settings of Redis, takes the instance's name, the secret, and hears itself:
 * turns the loop until that is done or has failed (error: Redis cannot be reached, refuses, is
 * older than 7, has another instance of that name, or promises less than require). A name whose
 * holder died is waited for, at most as long as its lease.
 *
 * A maxmemory-policy other than noeviction promises nothing, since Redis would delete live files
 * when it is short of memory: it is refused where require is above REDIS_NONE, and else logged as
 * an error. Redis' settings are read again at every connection; what has become less than require
 * by then is logged and a problem of redis_health. Borrows nothing. */
struct redis *redis_open(const struct redis_config *config, uv_loop_t *loop, struct error *error);
/* Ends the links in order: gives back the name's lease, turning the loop until that and all that
 * was sent before is done, but for half a second at most; what is still under way is answered
 * STATE_BUSY before it returns. Freed when the loop has turned. */
void redis_close(struct redis *redis);

struct state *redis_state(struct redis *redis);
struct bus *redis_bus(struct redis *redis);
/* The queue, shared by all. The worker of a job is the instance. */
struct jobs *redis_jobs(struct redis *redis);
const char *redis_secret(const struct redis *redis);

/* For /readyz, /metrics and the log. */
struct redis_health {
    bool commands_up, subscriptions_up;
    bool is_heard; /* its own probe came back lately */
    enum redis_durability durability;
    char version[24];
    const char *problem; /* in words, or NULL */
};
void redis_health(const struct redis *redis, struct redis_health *out);
struct redis_counts {
    uint64_t calls, errors, timeouts, reconnects, resubscriptions, probes, messages_in, bytes_in,
        script_loads, hints_too_big;
};
const struct redis_counts *redis_counts(const struct redis *redis);

#endif
