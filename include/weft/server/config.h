/*
 * The settings of weftd: from flags, the environment and a JSON file, in this order of weight, by
 * one table. Reading is all or nothing: what is not known or out of range is an error that names
 * it.
 */
#ifndef WEFT_SERVER_CONFIG_H
#define WEFT_SERVER_CONFIG_H

#include "weft/base/err.h"
#include "weft/protocol/limits.h"
#include "weft/server/job_kinds.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct config {
    /* texts are owned; "" where not set */
    char *host, *data, *redis_url, *mongodb_uri, *secret, *instance, *worker_folder;
    uint64_t port;
    uint64_t durability;         /* enum durability of io/storage.h */
    uint64_t durability_require; /* enum redis_durability of io/redis.h */
    uint64_t redis_timeout_ms, redis_lease_ms;
    uint64_t redis_trust_restarts;
    uint64_t degraded_ms;
    uint64_t log_level; /* enum log_level */
    uint64_t log_json;
    uint64_t save_after_ms, save_retry_ms;
    uint64_t save_concurrency, save_rate_count, save_rate_ms, save_alarm_tries, save_lease_ms;
    uint64_t history_every_ms, history_keep;
    uint64_t queue_keep_ms;
    uint64_t worker_concurrency, worker_lease_ms;
    uint64_t drain_in_ms, drain_spread_ms;
    struct job_kinds jobs;
    struct limits limits;
    struct rate rates[RATE_COUNT];
};

enum config_action { CONFIG_RUN, CONFIG_CHECK, CONFIG_VERSION, CONFIG_HELP };

/* Fills *config, which the caller closes whatever is returned, and *action. argv is main's. */
ERR_CHECKED enum err config_load(struct config *config, char **argv, enum config_action *action,
                                 struct error *error);
void config_close(struct config *config);

/* The defaults, and then what one JSON text says. For config_load and tests. */
void config_init(struct config *config);
ERR_CHECKED enum err config_read(struct config *config, const char *json, size_t len,
                                 struct error *error);

/* What --help prints. */
void config_print_help(FILE *out);

#endif
