/* `weftd worker`: takes jobs from the queue in Redis and runs their commands. It is an instance
 * without a listener: it has no clients, and reads and edits files through core as the others do.
 * Any number of them may run; what one that dies had taken is taken by another. */
#include "commands.h"
#include "instance.h"
#include "run.h"
#include "weft/base/log.h"
#include "weft/server/config.h"

#include <stdio.h>
#include <stdlib.h>

#define TICK_MS 50
#define DESCRIPTORS 4 /* of a command */

struct worker_process {
    struct instance instance;
    uv_check_t check;
    uv_timer_t tick;
};

static void end_turn(uv_check_t *check)
{
    struct instance *instance = check->data;
    registry_turn(instance->registry, uv_now(&instance->loop), instance_wall_ms());
}

static void ticked(uv_timer_t *tick)
{
    struct instance *instance = tick->data;
    registry_tick(instance->registry, uv_now(&instance->loop), instance_wall_ms());
}

/* As long as a command may take that was just begun: a drain waits for it. */
static uint64_t longest_ms(const struct job_kinds *kinds)
{
    uint64_t longest = 0;
    for (size_t i = 0; i < kinds->count; i++) {
        if (kinds->items[i]->command && kinds->items[i]->time_ms > longest)
            longest = kinds->items[i]->time_ms;
    }
    return longest;
}

static void start(struct worker_process *process)
{
    struct instance *instance = &process->instance;
    uv_check_init(&instance->loop, &process->check);
    process->check.data = instance;
    uv_check_start(&process->check, end_turn);
    uv_timer_init(&instance->loop, &process->tick);
    process->tick.data = instance;
    uv_timer_start(&process->tick, ticked, TICK_MS, TICK_MS);
    instance->is_ready = true;
}

static void stop(struct worker_process *process)
{
    uv_close((uv_handle_t *)&process->check, NULL);
    uv_close((uv_handle_t *)&process->tick, NULL);
}

static void print_ready(const struct instance *instance)
{
    const struct config *config = instance->config;
    backend_log(&instance->backend, config);
    printf("worker ready %s\n", config->instance);
    fflush(stdout);
    log_info("ready worker=%s kinds=%zu", config->instance, config->jobs.count);
}

static int work(struct config *config)
{
    struct worker_process process;
    struct instance *instance = &process.instance;
    struct error error = {0};
    if (!config->redis_url[0]) {
        log_error("a worker needs REDIS_URL: without it, weftd runs the commands itself");
        return EXIT_USAGE;
    }
    instance_raise_descriptors((uint32_t)config->worker_concurrency * DESCRIPTORS);
    instance_init(instance, config);
    if (instance->drain_in_ms < longest_ms(&config->jobs))
        instance->drain_in_ms = longest_ms(&config->jobs);
    if (instance_open(instance, true, &error) == ERR_OK) {
        start(&process);
        print_ready(instance);
        uv_run(&instance->loop, UV_RUN_DEFAULT);
        stop(&process);
    } else {
        log_error("the worker does not start: %s", error.text);
        instance->status = EXIT_FAILURE;
    }
    instance_close(instance);
    instance_free(instance);
    return instance->status;
}

int command_worker(char **argv)
{
    return run_with_settings(argv, work);
}
