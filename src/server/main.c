/*
 * weftd: parts are made in the order in which they need each other, and given up in the reverse.
 *
 * A first SIGTERM or SIGINT drains: nobody new, everybody is told to come back elsewhere,
 * everything is saved; then the loop ends, at the latest some seconds after the last client was
 * closed. A second one exits at once, which loses nothing acknowledged: that is in the journal, or
 * in Redis.
 */
#include "weft/base/log.h"
#include "weft/base/random.h"
#include "weft/core/registry.h"
#include "weft/io/lws_server.h"
#include "weft/io/signer.h"
#include "weft/server/backend.h"
#include "weft/server/config.h"
#include "weft/server/lag.h"
#include "weft/server/routes.h"
#include "weft/server/templates.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define DESCRIPTORS_SPARE 1024 /* for HTTP, handshakes and files, above those of sessions */
#define SAVE_GRACE_MS 10000    /* for the last saves, when everybody has been closed */
#define INSTANCE_SIZE 10       /* of a name that nobody chose; two of one name refuse each other */
#define WATCH_MS 20            /* how often a drain is looked at */

struct server {
    struct config config;
    uv_loop_t loop;
    struct lag lag;
    struct backend backend;
    struct signer *signer;
    struct templates templates;
    struct registry_config registry_config;
    struct registry *registry;
    struct routes *routes;
    struct lws_server *lws;
    uv_signal_t signals[3];
    uv_timer_t watch;
    uint64_t drain_until_ms; /* 0: not draining */
    int status;
};

/* ---- the end ---- */

static void watch_drain(uv_timer_t *watch)
{
    struct server *server = watch->data;
    bool is_late = uv_now(&server->loop) >= server->drain_until_ms;
    if (!is_late && !registry_idle(server->registry))
        return;
    if (is_late) {
        log_error("stopped with something not done; what was acknowledged is kept");
        server->status = EXIT_FAILED;
    }
    uv_stop(&server->loop);
}

static void drain(struct server *server)
{
    const struct config *config = &server->config;
    uint64_t now_ms = uv_now(&server->loop);
    server->drain_until_ms = now_ms + config->drain_in_ms + SAVE_GRACE_MS;
    routes_drain(server->routes);
    lws_server_stop_listening(server->lws);
    registry_drain(server->registry, now_ms, config->drain_in_ms, config->drain_spread_ms,
                   "the server stops");
    lws_server_wake(server->lws);
    uv_timer_start(&server->watch, watch_drain, 0, WATCH_MS);
}

static void signalled(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    if (number == SIGHUP) {
        log_info("SIGHUP is ignored: settings are read at start");
    } else if (!server->lws) {
        log_info("stopped before it was ready");
        _exit(EXIT_SUCCESS);
    } else if (server->drain_until_ms != 0) {
        log_warn("stopped at once, as asked a second time");
        _exit(EXIT_SUCCESS);
    } else {
        log_info("stopping signal=%s", number == SIGTERM ? "SIGTERM" : "SIGINT");
        drain(server);
    }
}

/* ---- the beginning ---- */

static void watch_signals(struct server *server)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (int i = 0; i < 3; i++) {
        uv_signal_init(&server->loop, &server->signals[i]);
        server->signals[i].data = server;
        uv_signal_start(&server->signals[i], signalled, numbers[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    uv_timer_init(&server->loop, &server->watch);
    server->watch.data = server;
}

/* As many descriptors as sessions may need; libwebsockets makes a table of all that are allowed, so
 * not simply all that there can be. */
static void raise_descriptors(uint32_t sessions)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t wanted = sessions + DESCRIPTORS_SPARE;
    if (limit.rlim_max < sessions)
        log_warn("fewer descriptors than limits.sessions may need allowed=%llu",
                 (unsigned long long)limit.rlim_max);
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static uint64_t draw(void *owner)
{
    (void)owner;
    return random_u64();
}

static void name_instance(struct config *config)
{
    if (config->instance[0])
        return;
    free(config->instance);
    config->instance = malloc(INSTANCE_SIZE);
    if (!config->instance)
        abort();
    snprintf(config->instance, INSTANCE_SIZE, "w%08x", (unsigned)(random_u64() & UINT32_MAX));
}

static void make_registry(struct server *server)
{
    struct config *config = &server->config;
    struct registry_config *to = &server->registry_config;
    *to = registry_config_default();
    to->limits = config->limits;
    memcpy(to->rates, config->rates, sizeof(to->rates));
    to->templates = server->templates.items;
    to->template_count = server->templates.count;
    to->instance = config->instance;
    to->save_after_ms = config->save_after_ms;
    to->degraded_ms = config->degraded_ms;
    to->save_retry_ms = config->save_retry_ms;
    to->flush_concurrency = (uint32_t)config->save_concurrency;
    to->flush_count = (uint32_t)config->save_rate_count;
    to->flush_count_ms = config->save_rate_ms;
    to->claim_ms = config->save_lease_ms;
    to->save_alarm_tries = (uint32_t)config->save_alarm_tries;
    to->random = draw;
    const struct backend *backend = &server->backend;
    server->registry =
        registry_new(to, backend->state, backend->repository, backend->bus, server->signer);
}

ERR_CHECKED static enum err start(struct server *server, struct error *error)
{
    struct config *config = &server->config;
    name_instance(config);
    enum err err = backend_open(&server->backend, config, &server->loop, error);
    if (err)
        return err;
    server->signer = signer_new(server->backend.secret);
    templates_init(&server->templates);
    make_registry(server);
    server->routes = routes_new(server->registry, &server->backend, &server->lag);
    struct lws_server_config to = {.loop = &server->loop,
                                   .registry = server->registry,
                                   .http = routes_handler(server->routes),
                                   .host = config->host,
                                   .port = (int)config->port,
                                   .hello_frame = config->limits.hello_frame};
    server->lws = lws_server_new(&to, error);
    if (!server->lws)
        return error->code;
    routes_start(server->routes, server->lws);
    lws_server_wake(server->lws);
    return ERR_OK;
}

/* Also of what start left half made. */
static void stop(struct server *server)
{
    for (int i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&server->signals[i], NULL);
    uv_close((uv_handle_t *)&server->watch, NULL);
    lag_stop(&server->lag);
    if (server->lws)
        lws_server_stop(server->lws);
    if (server->registry)
        registry_free(server->registry); /* takes leave of the backend */
    backend_close(&server->backend);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    if (server->lws)
        lws_server_free(server->lws);
    routes_free(server->routes);
    templates_close(&server->templates);
    signer_free(server->signer);
    uv_loop_close(&server->loop);
}

static void print_ready(const struct server *server)
{
    const char *host = server->config.host;
    bool is_v6 = strchr(host, ':') != NULL;
    backend_log(&server->backend, &server->config);
    printf("ready http://%s%s%s:%d/\n", is_v6 ? "[" : "", host, is_v6 ? "]" : "",
           lws_server_port(server->lws));
    fflush(stdout);
    log_info("ready port=%d instance=%s", lws_server_port(server->lws), server->config.instance);
}

static int run(struct server *server)
{
    struct error error = {0};
    raise_descriptors(server->config.limits.sessions);
    uv_loop_init(&server->loop);
    watch_signals(server);
    lag_start(&server->lag, &server->loop);
    if (start(server, &error) == ERR_OK) {
        print_ready(server);
        uv_run(&server->loop, UV_RUN_DEFAULT);
    } else {
        log_error("weftd does not start: %s", error.text);
        server->status = EXIT_FAILED;
    }
    stop(server);
    if (server->status == EXIT_SUCCESS)
        log_info("stopped");
    return server->status;
}

/* What is not built must not be taken silently. */
static bool is_buildable(const struct config *config)
{
    bool is_missing = config->mongodb_uri[0] && !config->redis_url[0];
    if (is_missing)
        log_error("weftd does not start: MONGODB_URI without REDIS_URL is not built yet");
    return !is_missing;
}

int main(int argc, char **argv)
{
    struct server server = {.status = EXIT_SUCCESS};
    struct error error = {0};
    enum config_action action;
    (void)argc;
    log_setup(LOG_INFO, false);
    int status = EXIT_SUCCESS;
    if (config_load(&server.config, argv, &action, &error) != ERR_OK) {
        log_error("wrong settings: %s", error.text);
        status = EXIT_USAGE;
    } else if (action == CONFIG_HELP) {
        config_print_help(stdout);
    } else if (action == CONFIG_VERSION) {
        puts("weftd " WEFT_VERSION);
    } else if (!is_buildable(&server.config)) {
        status = EXIT_USAGE;
    } else if (action == CONFIG_RUN) {
        log_setup((enum log_level)server.config.log_level, server.config.log_json != 0);
        status = run(&server);
    }
    config_close(&server.config);
    return status;
}
