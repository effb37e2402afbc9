/*
 * The backends of the state port that its tests run on, one after the other: the embedded one, and
 * those that many instances share. Include it once, behind check.h.
 *
 * A test of a shared one may have a second instance, let time pass (really, or in a model), and
 * have the server replaced by one with the same data.
 */
#ifndef STATE_BACKENDS_H
#define STATE_BACKENDS_H

#include "redis_world.h"
#include "shared_probe.h"
#include "storage_world.h"
#include "weft/io/redis.h"

struct backend_options {
    uint64_t lease_ms, load_ms, save_after_ms; /* 0: the default; save_after_ms: no repository */
    uint32_t history, events;                  /* 0: the default */
    bool trust_restarts;
};

struct backend {
    const char *name;
    /* Returns the probe of the first instance on an empty state; leaves the test (SKIP, REQUIRE)
     * where it is not to be had. */
    struct probe *(*start)(const struct backend_options *options);
    void (*stop)(void);
    /* Shared ones: */
    struct probe *(*second)(void);       /* another instance, started when first asked for */
    struct bus *(*bus)(size_t i);        /* of the first (0) or second (1) instance */
    void (*pass)(uint64_t ms);           /* time passes, and things happen */
    void (*restart)(void);               /* another run, with all that was there */
    size_t (*keys)(const char *project); /* how many there are */
};

/* ---- SQLite ---- */

static struct world sqlite_world;

static struct probe *sqlite_start(const struct backend_options *options)
{
    (void)options;
    world_init(&sqlite_world);
    if (!world_start(&sqlite_world))
        CHECK_FAIL("%s", sqlite_world.error.text);
    REQUIRE(sqlite_world.storage != NULL);
    return &sqlite_world.probe;
}

static void sqlite_stop(void)
{
    world_close(&sqlite_world);
}

static CHECK_UNUSED const struct backend sqlite_backend = {
    .name = "sqlite", .start = sqlite_start, .stop = sqlite_stop};

/* ---- Redis: one server for all tests of a program, emptied before each ---- */

#define REDIS_INSTANCES 2

static struct {
    struct redis_world server;
    bool is_running;
    uv_loop_t loop;
    struct redis_config config;
    struct redis *instances[REDIS_INSTANCES];
    struct probe probes[REDIS_INSTANCES];
} redis_backend_world;

static struct probe *redis_join(size_t i)
{
    static const char *const names[REDIS_INSTANCES] = {"first", "second"};
    struct redis_config config = redis_backend_world.config;
    struct error error = {0};
    struct redis **redis = &redis_backend_world.instances[i];
    struct probe *probe = &redis_backend_world.probes[i];
    if (!*redis) {
        config.instance = names[i];
        *redis = redis_open(&config, &redis_backend_world.loop, &error);
        if (!*redis)
            CHECK_FAIL("%s", error.text);
        REQUIRE(*redis != NULL);
        probe_init(probe, &redis_backend_world.loop, redis_state(*redis), NULL);
        probe_share(probe);
    }
    return probe;
}

static struct probe *redis_start(const struct backend_options *options)
{
    struct redis_world *server = &redis_backend_world.server;
    struct redis_config *config = &redis_backend_world.config;
    if (!redis_backend_world.is_running)
        redis_world_start(server, "--appendonly", "yes", "--appendfsync", "always",
                          "--enable-debug-command", "local", NULL);
    redis_backend_world.is_running = true;
    REQUIRE(redis_world_do(server, "FLUSHALL"));
    *config = redis_config_default();
    config->url = redis_world_url(server);
    config->lease_ms = options->lease_ms ? options->lease_ms : config->lease_ms;
    config->load_ms = options->load_ms ? options->load_ms : config->load_ms;
    config->history = options->history ? options->history : config->history;
    config->events = options->events ? options->events : config->events;
    config->save_after_ms = options->save_after_ms;
    config->trust_restarts = options->trust_restarts;
    uv_loop_init(&redis_backend_world.loop);
    return redis_join(0);
}

static void redis_stop(void)
{
    for (size_t i = 0; i < REDIS_INSTANCES; i++) {
        if (redis_backend_world.instances[i]) {
            redis_close(redis_backend_world.instances[i]);
            probe_clear(&redis_backend_world.probes[i]);
        }
        redis_backend_world.instances[i] = NULL;
    }
    uv_run(&redis_backend_world.loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(uv_loop_close(&redis_backend_world.loop), 0);
}

static struct probe *redis_second(void)
{
    return redis_join(1);
}

static struct bus *redis_bus_of(size_t i)
{
    return redis_bus(redis_backend_world.instances[i]);
}

static void redis_pass(uint64_t ms)
{
    bool is_over = false;
    uv_timer_t timer;
    uv_timer_init(&redis_backend_world.loop, &timer);
    timer.data = &is_over;
    uv_timer_start(&timer, probe_late, ms, 0);
    while (!is_over)
        uv_run(&redis_backend_world.loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&redis_backend_world.loop, UV_RUN_NOWAIT);
}

static void redis_restart(void)
{
    redis_world_kill(&redis_backend_world.server);
    redis_world_again(&redis_backend_world.server);
}

static size_t redis_keys(const char *project)
{
    char pattern[100];
    snprintf(pattern, sizeof(pattern), "weft:{%s}:*", project);
    redisReply *reply = redis_world_ask(&redis_backend_world.server, "KEYS", pattern, NULL);
    size_t count = reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : SIZE_MAX;
    freeReplyObject(reply);
    return count;
}

static CHECK_UNUSED const struct backend redis_backend = {.name = "redis",
                                                          .start = redis_start,
                                                          .stop = redis_stop,
                                                          .second = redis_second,
                                                          .bus = redis_bus_of,
                                                          .pass = redis_pass,
                                                          .restart = redis_restart,
                                                          .keys = redis_keys};

/* At the end of the program. */
static CHECK_UNUSED void backends_close(void)
{
    if (redis_backend_world.is_running)
        redis_world_remove(&redis_backend_world.server);
}

#include "model_backend.h"

#endif
