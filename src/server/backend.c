#include "weft/server/backend.h"
#include "weft/io/bus_local.h"
#include "weft/io/storage.h"
#include "weft/server/config.h"

ERR_CHECKED static enum err open_storage(struct backend *backend, const struct config *config,
                                         uv_loop_t *loop, struct error *error)
{
    struct storage_config to = storage_config_default();
    to.folder = config->data;
    to.durability = (enum durability)config->durability;
    to.history = config->limits.history;
    to.events = config->limits.events;
    to.secret = config->secret[0] ? config->secret : NULL;
    backend->storage = storage_open(&to, loop, error);
    if (!backend->storage)
        return error->code;
    bus_local_init(&backend->local_bus);
    backend->state = storage_state(backend->storage);
    backend->repository = storage_repository(backend->storage);
    backend->bus = &backend->local_bus;
    backend->secret = storage_secret(backend->storage);
    return ERR_OK;
}

enum err backend_open(struct backend *backend, const struct config *config, uv_loop_t *loop,
                      struct error *error)
{
    *backend = (struct backend){0};
    return open_storage(backend, config, loop, error);
}

void backend_close(struct backend *backend)
{
    if (backend->storage)
        storage_close(backend->storage);
}

const char *backend_problem(const struct backend *backend)
{
    return storage_counts(backend->storage).failing ? "the store refuses writes" : NULL;
}
