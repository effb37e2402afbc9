/* Parts are made in the order in which they need each other, and given up in the reverse. */
#include "instance.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/base/random.h"
#include "weft/core/jobs.h"
#include "weft/io/runner.h"
#include "weft/io/signer.h"
#include "weft/server/config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SAVE_GRACE_MS 10000    /* for the last saves, when everybody has been closed */
#define INSTANCE_SIZE 10       /* of a name that nobody chose; two of one name refuse each other */
#define DESCRIPTORS_SPARE 1024 /* for HTTP, handshakes and files, above what is asked for */
#define WATCH_MS 20            /* how often a drain is looked at */

uint64_t instance_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the end ---- */

static void watch_drain(uv_timer_t *watch)
{
    struct instance *instance = watch->data;
    bool is_late = uv_now(&instance->loop) >= instance->drain_until_ms;
    if (!is_late && !registry_idle(instance->registry))
        return;
    if (is_late) {
        log_error("stopped with something not done; what was acknowledged is kept");
        instance->status = EXIT_FAILURE;
    }
    uv_stop(&instance->loop);
}

static void drain(struct instance *instance)
{
    uint64_t now_ms = uv_now(&instance->loop);
    instance->drain_until_ms = now_ms + instance->drain_in_ms + SAVE_GRACE_MS;
    registry_drain(instance->registry, now_ms, instance->drain_in_ms,
                   instance->config->drain_spread_ms, "the server stops");
    if (instance->draining)
        instance->draining(instance->owner);
    uv_timer_start(&instance->watch, watch_drain, 0, WATCH_MS);
}

static void signalled(uv_signal_t *handle, int number)
{
    struct instance *instance = handle->data;
    if (number == SIGHUP) {
        log_info("SIGHUP is ignored: settings are read at start");
    } else if (!instance->is_ready) {
        log_info("stopped before it was ready");
        _exit(EXIT_SUCCESS);
    } else if (instance->drain_until_ms != 0) {
        log_warn("stopped at once, as asked a second time");
        _exit(EXIT_SUCCESS);
    } else {
        log_info("stopping signal=%s", number == SIGTERM ? "SIGTERM" : "SIGINT");
        drain(instance);
    }
}

/* ---- the beginning ---- */

void instance_raise_descriptors(uint32_t count)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t wanted = count + DESCRIPTORS_SPARE;
    if (limit.rlim_max < count)
        log_warn("fewer descriptors than may be needed allowed=%llu needed=%u",
                 (unsigned long long)limit.rlim_max, count);
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void watch_signals(struct instance *instance)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (int i = 0; i < 3; i++) {
        uv_signal_init(&instance->loop, &instance->signals[i]);
        instance->signals[i].data = instance;
        uv_signal_start(&instance->signals[i], signalled, numbers[i]);
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    uv_timer_init(&instance->loop, &instance->watch);
    instance->watch.data = instance;
}

void instance_init(struct instance *instance, struct config *config)
{
    *instance = (struct instance){
        .config = config, .status = EXIT_SUCCESS, .drain_in_ms = config->drain_in_ms};
    uv_loop_init(&instance->loop);
    watch_signals(instance);
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
    config->instance = mem_alloc(INSTANCE_SIZE);
    snprintf(config->instance, INSTANCE_SIZE, "w%08x", (unsigned)(random_u64() & UINT32_MAX));
}

static void make_registry(struct instance *instance)
{
    struct config *config = instance->config;
    struct registry_config *to = &instance->registry_config;
    *to = registry_config_default();
    to->limits = config->limits;
    memcpy(to->rates, config->rates, sizeof(to->rates));
    to->templates = instance->templates.items;
    to->template_count = instance->templates.count;
    to->instance = config->instance;
    to->save_after_ms = config->save_after_ms;
    to->degraded_ms = config->degraded_ms;
    to->save_retry_ms = config->save_retry_ms;
    to->flush_concurrency = (uint32_t)config->save_concurrency;
    to->flush_count = (uint32_t)config->save_rate_count;
    to->flush_count_ms = config->save_rate_ms;
    to->claim_ms = config->save_lease_ms;
    to->save_alarm_tries = (uint32_t)config->save_alarm_tries;
    to->jobs_at_once = (uint32_t)config->worker_concurrency;
    to->job_lease_ms = config->worker_lease_ms;
    to->random = draw;
    const struct backend *backend = &instance->backend;
    instance->registry =
        registry_new(to, backend->state, backend->repository, backend->bus, instance->signer);
    if (backend->checkpoints)
        registry_set_checkpoints(instance->registry, backend->checkpoints);
}

ERR_CHECKED static enum err make_runner(struct instance *instance, struct error *error)
{
    struct runner_config to = runner_config_default();
    to.folder = instance->config->worker_folder;
    instance->runner = runner_new(&to, &instance->loop, error);
    return instance->runner ? ERR_OK : error->code;
}

static void set_jobs(struct instance *instance)
{
    const struct config *config = instance->config;
    struct jobs *jobs = instance->backend.jobs;
    jobs->keep_ms = config->queue_keep_ms;
    jobs->waiting_max = config->limits.jobs;
    registry_set_jobs(instance->registry, jobs, instance->runner, config->jobs.items,
                      config->jobs.count);
}

enum err instance_open(struct instance *instance, bool runs_commands, struct error *error)
{
    struct config *config = instance->config;
    name_instance(config);
    enum err err = backend_open(&instance->backend, config, &instance->loop, error);
    if (!err && runs_commands && config->jobs.count > 0)
        err = make_runner(instance, error);
    if (err)
        return err;
    instance->signer = signer_new(instance->backend.secret);
    templates_init(&instance->templates);
    make_registry(instance);
    set_jobs(instance);
    return ERR_OK;
}

/* ---- giving up ---- */

void instance_close(struct instance *instance)
{
    for (int i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&instance->signals[i], NULL);
    uv_close((uv_handle_t *)&instance->watch, NULL);
    if (instance->registry)
        registry_free(instance->registry); /* takes leave of the backend */
    if (instance->runner)
        runner_free(instance->runner);
    backend_close(&instance->backend);
    uv_run(&instance->loop, UV_RUN_DEFAULT);
}

void instance_free(struct instance *instance)
{
    templates_close(&instance->templates);
    signer_free(instance->signer);
    uv_loop_close(&instance->loop);
}
