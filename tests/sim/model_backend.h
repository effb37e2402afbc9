/*
 * The model of Redis as a backend of the state port's tests: calls are executed and answered on the
 * next turn, and time passes when it is told to. Include it once, behind
 * tests/unit/state_backends.h's declarations.
 */
#ifndef MODEL_BACKEND_H
#define MODEL_BACKEND_H

#include "model_state.h"

#define MODEL_BACKEND_INSTANCES 2
#define MODEL_BACKEND_CALLS 1024

static struct {
    struct model model;
    uv_loop_t loop;
    struct model_state states[MODEL_BACKEND_INSTANCES];
    struct bus buses[MODEL_BACKEND_INSTANCES];
    struct probe probes[MODEL_BACKEND_INSTANCES];
    unsigned joined[MODEL_BACKEND_INSTANCES];
    bool is_started[MODEL_BACKEND_INSTANCES];
    unsigned runs;
    struct {
        struct model_state *state;
        struct model_call *call;
    } calls[MODEL_BACKEND_CALLS];
    size_t count;
    struct {
        char *project, *data;
        size_t len;
    } hints[MODEL_BACKEND_CALLS];
    size_t hint_count;
} model_backend_world;

static void model_backend_send(struct model_state *state, struct model_call *call)
{
    REQUIRE(model_backend_world.count < MODEL_BACKEND_CALLS);
    model_backend_world.calls[model_backend_world.count].state = state;
    model_backend_world.calls[model_backend_world.count++].call = call;
}

static void model_backend_publish(void *owner, const char *project, const char *data, size_t len)
{
    (void)owner;
    REQUIRE(model_backend_world.hint_count < MODEL_BACKEND_CALLS);
    model_backend_world.hints[model_backend_world.hint_count].project = mem_strdup(project);
    model_backend_world.hints[model_backend_world.hint_count].len = len;
    model_backend_world.hints[model_backend_world.hint_count++].data = mem_strndup(data, len);
}

static size_t model_backend_instances(void *owner)
{
    (void)owner;
    size_t count = 0;
    for (size_t i = 0; i < MODEL_BACKEND_INSTANCES; i++)
        count += model_backend_world.is_started[i];
    return count;
}

static uint64_t model_backend_random(void *owner)
{
    static uint64_t seed = 1;
    (void)owner;
    return check_random(&seed);
}

static void model_backend_hear(void)
{
    for (size_t at = 0; at < model_backend_world.hint_count; at++) {
        for (size_t i = 0; i < MODEL_BACKEND_INSTANCES; i++) {
            const struct bus_sink *sink = &model_backend_world.buses[i].sink;
            if (model_backend_world.joined[i] && sink->received)
                sink->received(sink->owner, model_backend_world.hints[at].project,
                               model_backend_world.hints[at].data,
                               model_backend_world.hints[at].len);
        }
        free(model_backend_world.hints[at].project);
        free(model_backend_world.hints[at].data);
    }
    model_backend_world.hint_count = 0;
}

/* All that waits is done, in order. */
static void model_backend_turn(struct probe *probe)
{
    (void)probe;
    for (size_t i = 0; i < model_backend_world.count; i++) {
        struct model_answer answer;
        model_backend_world.model.now_us += 10;
        model_execute(&model_backend_world.model, model_backend_world.calls[i].call, &answer);
        model_answer(model_backend_world.calls[i].state, model_backend_world.calls[i].call,
                     &answer);
    }
    model_backend_world.count = 0;
    model_backend_hear();
}

static void model_backend_join(struct bus *bus, const char *project)
{
    (void)project;
    model_backend_world.joined[bus - model_backend_world.buses]++;
    if (bus->sink.joined)
        bus->sink.joined(bus->sink.owner, project);
}

static void model_backend_leave(struct bus *bus, const char *project)
{
    (void)project;
    model_backend_world.joined[bus - model_backend_world.buses]--;
}

static void model_backend_say(struct bus *bus, const char *project, const char *data, size_t len)
{
    (void)bus;
    model_backend_publish(NULL, project, data, len);
}

static const char *model_backend_run(void)
{
    char run[24];
    snprintf(run, sizeof(run), "run%u", model_backend_world.runs);
    return arena_copy_text(&model_backend_world.model.arena, run);
}

static struct probe *model_backend_instance(size_t i)
{
    static const char *const names[MODEL_BACKEND_INSTANCES] = {"first", "second"};
    static const struct bus_ops bus_ops = {model_backend_join, model_backend_leave,
                                           model_backend_say};
    struct model_state *state = &model_backend_world.states[i];
    struct probe *probe = &model_backend_world.probes[i];
    if (model_backend_world.is_started[i])
        return probe;
    model_state_init(state, &model_backend_world.model, names[i], model_backend_run());
    state->send = model_backend_send;
    state->random = model_backend_random;
    model_backend_world.buses[i] = (struct bus){.ops = &bus_ops};
    probe_init(probe, &model_backend_world.loop, &state->port, NULL);
    probe_share(probe);
    probe->turn = model_backend_turn;
    model_backend_world.is_started[i] = true;
    return probe;
}

static struct probe *model_backend_start(const struct backend_options *options)
{
    struct redis_config defaults = redis_config_default();
    struct model_config config = {
        .lease_ms = options->lease_ms ? options->lease_ms : defaults.lease_ms,
        .load_ms = options->load_ms ? options->load_ms : defaults.load_ms,
        .save_after_ms = options->save_after_ms,
        .history = options->history ? options->history : defaults.history,
        .events = options->events ? options->events : defaults.events,
        .trust_restarts = options->trust_restarts,
    };
    memset(&model_backend_world, 0, sizeof(model_backend_world));
    uv_loop_init(&model_backend_world.loop);
    model_init(&model_backend_world.model, &config);
    model_backend_world.model.now_us = 1730000000000000;
    model_backend_world.model.publish = model_backend_publish;
    model_backend_world.model.instances = model_backend_instances;
    return model_backend_instance(0);
}

static void model_backend_stop(void)
{
    model_backend_turn(NULL);
    for (size_t i = 0; i < MODEL_BACKEND_INSTANCES; i++)
        if (model_backend_world.is_started[i])
            probe_clear(&model_backend_world.probes[i]);
    model_close(&model_backend_world.model);
    uv_run(&model_backend_world.loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(uv_loop_close(&model_backend_world.loop), 0);
}

static struct probe *model_backend_second(void)
{
    return model_backend_instance(1);
}

static struct bus *model_backend_bus(size_t i)
{
    return &model_backend_world.buses[i];
}

static void model_backend_pass(uint64_t ms)
{
    model_backend_turn(NULL);
    model_backend_world.model.now_us += 1000 * ms;
}

static void model_backend_restart(void)
{
    model_backend_turn(NULL);
    model_restart(&model_backend_world.model, 0);
    model_backend_world.runs++;
    for (size_t i = 0; i < MODEL_BACKEND_INSTANCES; i++)
        model_backend_world.states[i].run = model_backend_run();
}

static size_t model_backend_keys(const char *project)
{
    model_backend_turn(NULL);
    return model_keys(&model_backend_world.model, project);
}

static CHECK_UNUSED const struct backend model_backend = {.name = "model",
                                                          .start = model_backend_start,
                                                          .stop = model_backend_stop,
                                                          .second = model_backend_second,
                                                          .bus = model_backend_bus,
                                                          .pass = model_backend_pass,
                                                          .restart = model_backend_restart,
                                                          .keys = model_backend_keys};

#endif
