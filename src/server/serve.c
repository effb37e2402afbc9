/* `weftd`, or `weftd serve`: the page, the protocol and HTTP on one port. */
#include "commands.h"
#include "instance.h"
#include "run.h"
#include "weft/base/log.h"
#include "weft/io/lws_server.h"
#include "weft/server/config.h"
#include "weft/server/lag.h"
#include "weft/server/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct server {
    struct instance instance;
    struct lag lag;
    struct routes *routes;
    struct lws_server *lws;
};

static void draining(void *owner)
{
    struct server *server = owner;
    routes_drain(server->routes);
    lws_server_stop_listening(server->lws);
    lws_server_wake(server->lws);
}

ERR_CHECKED static enum err start(struct server *server, struct error *error)
{
    struct instance *instance = &server->instance;
    const struct config *config = instance->config;
    enum err err = instance_open(instance, !config->redis_url[0], error);
    if (err)
        return err;
    server->routes = routes_new(instance->registry, &instance->backend, &server->lag);
    struct lws_server_config to = {.loop = &instance->loop,
                                   .registry = instance->registry,
                                   .http = routes_handler(server->routes),
                                   .host = config->host,
                                   .port = (int)config->port,
                                   .hello_frame = config->limits.hello_frame};
    server->lws = lws_server_new(&to, error);
    if (!server->lws)
        return error->code;
    routes_start(server->routes, server->lws);
    lws_server_wake(server->lws);
    instance->is_ready = true;
    return ERR_OK;
}

/* Also of what start left half made. */
static void stop(struct server *server)
{
    lag_stop(&server->lag);
    if (server->lws)
        lws_server_stop(server->lws);
    instance_close(&server->instance);
    if (server->lws)
        lws_server_free(server->lws);
    routes_free(server->routes);
    instance_free(&server->instance);
}

static void print_ready(const struct server *server)
{
    const struct config *config = server->instance.config;
    bool is_v6 = strchr(config->host, ':') != NULL;
    int port = lws_server_port(server->lws);
    backend_log(&server->instance.backend, config);
    printf("ready http://%s%s%s:%d/\n", is_v6 ? "[" : "", config->host, is_v6 ? "]" : "", port);
    fflush(stdout);
    log_info("ready port=%d instance=%s", port, config->instance);
}

static int serve(struct config *config)
{
    struct server server = {.routes = NULL};
    struct instance *instance = &server.instance;
    struct error error = {0};
    instance_raise_descriptors(config->limits.sessions);
    instance_init(instance, config);
    instance->owner = &server;
    instance->draining = draining;
    lag_start(&server.lag, &instance->loop);
    if (start(&server, &error) == ERR_OK) {
        print_ready(&server);
        uv_run(&instance->loop, UV_RUN_DEFAULT);
    } else {
        log_error("weftd does not start: %s", error.text);
        instance->status = EXIT_FAILURE;
    }
    stop(&server);
    return instance->status;
}

int command_serve(char **argv)
{
    return run_with_settings(argv, serve);
}
