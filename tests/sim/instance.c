#include "instance.h"
#include "ghost.h"
#include "wire.h"
#include "weft/base/mem.h"
#include "weft/core/signer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US 50000u
#define SLOW_TICK_US 150000u /* once everything has been well for a while */
#define LOOK_TICKS 4u        /* replicas are looked at every so many ticks */
#define QUERY_US 20000000u   /* in which it is answered */
#define DRAIN_US 20000000u   /* then it ends however much is left */

/* ---- the key that all instances have ---- */

struct signer {
    int unused;
};

static const struct signer signer;

void signer_sign(const struct signer *by, const char *data, size_t len, char out[SIGNER_TEXT_SIZE])
{
    (void)by;
    uint64_t hash = 1469598103934665603u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)data[i]) * 1099511628211u;
    snprintf(out, SIGNER_TEXT_SIZE, "%016" PRIx64 "%016" PRIx64 "%011" PRIx64, hash, ~hash,
             hash & 0xfffffffffffu);
}

bool signer_verify(const struct signer *by, const char *data, size_t len, const char *signature)
{
    char made[SIGNER_TEXT_SIZE];
    signer_sign(by, data, len, made);
    return strcmp(made, signature) == 0;
}

/* ---- time and chance ---- */

uint64_t instance_now_ms(const struct instance *instance)
{
    return instance->clock_ms + world_now_ms(instance->world);
}

uint64_t instance_wall_ms(const struct instance *instance)
{
    return 1730000000000u + 10 * instance->slot + world_now_ms(instance->world);
}

static uint64_t draw(void *owner)
{
    return world_random(((struct instance *)owner)->world);
}

/* ---- turns and ticks ---- */

static void end_turn(struct instance *instance)
{
    registry_turn(instance->registry, instance_now_ms(instance), instance_wall_ms(instance));
}

static void late_turn(struct world *world, void *arg)
{
    (void)world;
    ((struct instance *)arg)->turn_is_due = false;
}

/* Several things may happen in one turn of the loop. */
static void plan_turn(struct instance *instance)
{
    struct world *world = instance->world;
    if (instance->turn_is_due)
        return;
    if (world_roll(world, 4) != 0) {
        end_turn(instance);
        return;
    }
    instance->turn_is_due = true;
    world_at(world, world_roll(world, 1500), instance, late_turn, instance);
}

void instance_event(struct instance *instance, void (*run)(struct world *world, void *arg),
                    void *arg)
{
    if (instance->is_dead)
        return;
    if (instance->is_paused) {
        instance->held = model_grow(&instance->world->model, instance->held, instance->held_count,
                                    &instance->held_room, sizeof(*instance->held));
        instance->held[instance->held_count++] = (struct event){.run = run, .arg = arg};
        return;
    }
    run(instance->world, arg);
    if (!instance->is_dead && !world_failed(instance->world))
        plan_turn(instance);
}

static void tick(struct world *world, void *arg)
{
    struct instance *instance = arg;
    registry_tick(instance->registry, instance_now_ms(instance), instance_wall_ms(instance));
    if (++instance->ticks % LOOK_TICKS == 0)
        ghost_look(instance);
    if (instance->drains_until &&
        (registry_idle(instance->registry) || world->now_us > instance->drains_until))
        instance_crash(instance);
    else
        world_at(world, world->is_resting ? SLOW_TICK_US : TICK_US, instance, tick, instance);
}

/* ---- birth and death ---- */

static const struct template_file plain_files[] = {{"a.txt", "", 0}, {"src/b.txt", "\n", 1}};
static const struct template templates[] = {
    {.name = "blank", .title = "Blank"},
    {.name = "plain", .title = "Plain", .files = plain_files, .file_count = 2}};

static void configure(struct instance *instance, struct registry_config *config)
{
    struct world *world = instance->world;
    *config = registry_config_default();
    config->templates = templates;
    config->template_count = 2;
    config->instance = instance->name;
    config->random = draw;
    config->random_owner = instance;
    config->save_after_ms = 1500;
    config->save_retry_ms = 500;
    config->unload_after_ms = 1000;
    config->peer_off_ms = 1000;
    config->look_again_ms = 2000;
    config->flush_count = 1000;
    config->flush_count_ms = 1;
    config->limits.history = 16 + world->model.config.history;
    config->limits.events = world->model.config.events;
    for (int i = 0; i < RATE_COUNT; i++)
        config->rates[i] = (struct rate){1000000000, 1000000000};
}

static void start(struct world *world, unsigned slot)
{
    struct instance *instance = world_alloc(world, sizeof(*instance));
    struct registry_config config;
    instance->world = world;
    instance->slot = slot;
    instance->id = ++world->instance_ids;
    instance->next = world->all;
    world->all = world->instances[slot] = instance;
    snprintf(instance->name, sizeof(instance->name), "i%u", instance->id);
    instance->clock_ms = 1000 + 777 * slot;
    link_begin(instance);
    shelf_open(instance);
    configure(instance, &config);
    instance->registry = registry_new(&config, &instance->link.state.port, &instance->shelf.port,
                                      &instance->link.bus, &signer);
    link_connect(instance);
    world_at(world, world_between(world, 1, 50), instance, tick, instance);
}

void instances_begin(struct world *world)
{
    links_begin(world);
    for (unsigned i = 0; i < world->dice.instances; i++)
        start(world, i);
}

/* Nothing that it still asks for is done. */
static void end(struct instance *instance)
{
    wire_end(instance);
    registry_free(instance->registry);
    instance->registry = NULL;
}

void instances_end(struct world *world)
{
    for (struct instance *instance = world->all; instance; instance = instance->next) {
        if (instance->is_dead)
            continue;
        instance->is_dead = true;
        end(instance);
    }
}

static void start_again(struct world *world, void *arg)
{
    start(world, ((struct instance *)arg)->slot);
}

void instance_crash(struct instance *instance)
{
    struct world *world = instance->world;
    if (instance->is_dead)
        return;
    world_trace(world, "%s %s", instance->name, instance->drains_until ? "ends" : "crashes");
    world->counts->crashes += instance->drains_until == 0;
    instance->is_dead = true;
    ghost_recount(world, false);
    link_break(instance, true);
    wire_crashed(instance);
    end(instance);
    world_at(world, world_between(world, 50, 1500), NULL, start_again, instance);
}

static void drain_now(struct world *world, void *arg)
{
    struct instance *instance = arg;
    (void)world;
    registry_drain(instance->registry, instance_now_ms(instance), 1000, 500, "deploy");
}

void instance_drain(struct instance *instance)
{
    struct world *world = instance->world;
    if (instance->is_dead || instance->drains_until)
        return;
    world_trace(world, "%s is told to end", instance->name);
    world->counts->drains++;
    instance->drains_until = world->now_us + DRAIN_US;
    instance_event(instance, drain_now, instance);
}

void instance_pause(struct instance *instance)
{
    if (instance->is_dead || instance->is_paused)
        return;
    world_trace(instance->world, "%s stands still", instance->name);
    instance->world->counts->pauses++;
    instance->is_paused = true;
    ghost_recount(instance->world, false);
}

void instance_wake(struct instance *instance)
{
    if (!instance->is_paused)
        return;
    world_trace(instance->world, "%s goes on", instance->name);
    struct event *held = instance->held;
    size_t count = instance->held_count;
    instance->is_paused = false;
    instance->held = NULL;
    instance->held_count = instance->held_room = 0;
    for (size_t i = 0; i < count && !world_failed(instance->world); i++)
        instance_event(instance, held[i].run, held[i].arg);
}

struct instance *instance_any(struct world *world)
{
    struct instance *living[INSTANCES_MOST];
    unsigned count = 0;
    for (unsigned i = 0; i < world->dice.instances; i++)
        if (world->instances[i] && !world->instances[i]->is_dead)
            living[count++] = world->instances[i];
    return count > 0 ? living[world_roll(world, count)] : NULL;
}

/* ---- HTTP ---- */

struct asked {
    struct instance *instance;
    const char *path;
    bool is_answered, was_there; /* the project, when it was asked for */
};

static void judge_query(struct asked *asked, enum err result)
{
    struct world *world = asked->instance->world;
    if (asked->is_answered)
        world_fail(world, "query", "it was answered twice");
    if (result == ERR_INTERNAL ||
        (result == ERR_NO_PROJECT && asked->was_there && !world->ghost->is_all_lost))
        world_fail(world, "query", "%s answers %s", asked->instance->name, err_text(result));
    asked->is_answered = true;
}

static void file_is_there(void *owner, const struct query_file *answer)
{
    struct asked *asked = owner;
    judge_query(asked, answer->result);
    if (answer->result == ERR_OK)
        ghost_same(asked->instance->world, "somebody by HTTP", answer->ep, answer->f, answer->v,
                   answer->text);
}

static void project_is_there(void *owner, const struct query_project *answer)
{
    judge_query(owner, answer->result);
}

static void ask(struct world *world, void *arg)
{
    struct asked *asked = arg;
    (void)world;
    if (asked->path)
        registry_query_file(asked->instance->registry, WORLD_PROJECT, asked->path, asked,
                            file_is_there);
    else
        registry_query_project(asked->instance->registry, WORLD_PROJECT, asked, project_is_there);
}

static void check_answered(struct world *world, void *arg)
{
    const struct asked *asked = arg;
    if (!asked->is_answered)
        world_fail(world, "query", "%s does not answer", asked->instance->name);
}

void instance_query(struct instance *instance, const char *path)
{
    struct world *world = instance->world;
    struct asked *asked = world_alloc(world, sizeof(*asked));
    *asked = (struct asked){instance, path, false, world->ghost->node_count > 0};
    world->counts->queries++;
    instance_event(instance, ask, asked);
    world_at(world, QUERY_US, instance, check_answered, asked);
}
