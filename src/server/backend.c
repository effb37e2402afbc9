#include "weft/server/backend.h"
#include "weft/base/log.h"
#include "weft/io/bus_local.h"
#include "weft/io/redis.h"
#include "weft/io/redis_link.h"
#include "weft/io/repository_mongo.h"
#include "weft/io/repository_none.h"
#include "weft/io/storage.h"
#include "weft/server/config.h"

/* ---- the data folder ---- */

ERR_CHECKED static enum err open_storage(struct backend *backend, const struct config *config,
                                         uv_loop_t *loop, struct error *error)
{
    struct storage_config to = storage_config_default();
    to.folder = config->data;
    to.durability = (enum durability)config->durability;
    to.history = config->limits.history;
    to.events = config->limits.events;
    to.secret = config->secret[0] ? config->secret : NULL;
    if (backend->mongo) {
        to.repository = mongo_label(backend->mongo); /* which has the history, too */
        to.save_after_ms = config->save_after_ms;
    } else {
        to.points_every_ms = config->history_every_ms;
        to.points_most = config->history_keep;
    }
    backend->storage = storage_open(&to, loop, error);
    if (!backend->storage)
        return error->code;
    bus_local_init(&backend->local_bus);
    backend->state = storage_state(backend->storage);
    if (backend->mongo)
        backend->checkpoints = storage_repository(backend->storage);
    else
        backend->repository = storage_repository(backend->storage);
    backend->bus = &backend->local_bus;
    backend->jobs = storage_jobs(backend->storage);
    backend->secret = storage_secret(backend->storage);
    return ERR_OK;
}

/* ---- MongoDB ---- */

ERR_CHECKED static enum err open_mongo(struct backend *backend, const struct config *config,
                                       uv_loop_t *loop, struct error *error)
{
    struct mongo_config to = mongo_config_default();
    to.uri = config->mongodb_uri;
    to.text_max = config->limits.text * 2; /* with line endings of two bytes */
    to.points_every_ms = config->history_every_ms;
    to.points_most = config->history_keep;
    backend->mongo = mongo_open(&to, loop, error);
    if (!backend->mongo)
        return error->code;
    backend->repository = mongo_repository(backend->mongo);
    return ERR_OK;
}

/* ---- Redis ---- */

ERR_CHECKED static enum err open_redis(struct backend *backend, const struct config *config,
                                       uv_loop_t *loop, struct error *error)
{
    struct redis_config to = redis_config_default();
    to.url = config->redis_url;
    to.instance = config->instance;
    to.secret = config->secret;
    to.timeout_ms = config->redis_timeout_ms;
    to.lease_ms = config->redis_lease_ms;
    to.save_after_ms = config->mongodb_uri[0] ? config->save_after_ms : 0;
    to.history = config->limits.history;
    to.events = config->limits.events;
    to.trust_restarts = config->redis_trust_restarts != 0;
    to.require = (enum redis_durability)config->durability_require;
    backend->redis = redis_open(&to, loop, error);
    if (!backend->redis)
        return error->code;
    repository_none_init(&backend->none);
    backend->state = redis_state(backend->redis);
    backend->repository = &backend->none;
    backend->bus = redis_bus(backend->redis);
    backend->jobs = redis_jobs(backend->redis);
    backend->secret = redis_secret(backend->redis);
    return config->mongodb_uri[0] ? open_mongo(backend, config, loop, error) : ERR_OK;
}

static const char *redis_problem(const struct redis *redis)
{
    struct redis_health health;
    redis_health(redis, &health);
    return health.commands_up ? health.problem : "Redis does not answer";
}

static void log_redis(const struct backend *backend, const struct config *config)
{
    struct redis_health health;
    struct redis_address *address = redis_address_parse(config->redis_url, NULL);
    const char *label = address ? redis_address_label(address) : "-";
    redis_health(backend->redis, &health);
    if (backend->mongo)
        log_info("projects live in Redis and are saved to MongoDB redis=%s version=%s mongodb=%s",
                 label, health.version, mongo_label(backend->mongo));
    else
        log_info("Redis is the store, for there is no MONGODB_URI: nothing is unloaded from it "
                 "redis=%s version=%s",
                 label, health.version);
    redis_address_free(address);
}

/* ---- either ---- */

enum err backend_open(struct backend *backend, const struct config *config, uv_loop_t *loop,
                      struct error *error)
{
    *backend = (struct backend){0};
    if (config->redis_url[0])
        return open_redis(backend, config, loop, error);
    if (config->mongodb_uri[0] && open_mongo(backend, config, loop, error) != ERR_OK)
        return error->code;
    return open_storage(backend, config, loop, error);
}

void backend_close(struct backend *backend)
{
    if (backend->mongo)
        mongo_close(backend->mongo);
    if (backend->redis)
        redis_close(backend->redis);
    if (backend->storage)
        storage_close(backend->storage);
}

const char *backend_problem(const struct backend *backend)
{
    if (backend->redis)
        return redis_problem(backend->redis);
    return storage_counts(backend->storage).failing ? "the store refuses writes" : NULL;
}

void backend_log(const struct backend *backend, const struct config *config)
{
    const char *durability = config->durability == DURABILITY_RESTART ? "restart" : "power-cut";
    if (backend->redis)
        log_redis(backend, config);
    else if (backend->mongo)
        log_info("projects are kept in the data folder and saved to MongoDB data=%s durability=%s "
                 "mongodb=%s",
                 config->data, durability, mongo_label(backend->mongo));
    else
        log_info("projects are kept in the data folder data=%s durability=%s", config->data,
                 durability);
}
