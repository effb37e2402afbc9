#include "link.h"
#include "ghost.h"
#include "instance.h"

#include <stdio.h>
#include <string.h>

#define TIMEOUT_US 2000000u /* a command that is not answered for so long ends the connection */

/* One call on its way. */
struct command {
    struct command *next;
    struct instance *instance;
    struct model_call *call;
    struct model_answer answer;
    unsigned run;
    bool is_done, is_lost, is_broken, is_late;
};

/* ---- calls ---- */

static void refuse(struct world *world, void *arg)
{
    struct command *command = arg;
    (void)world;
    model_refuse(&command->instance->link.state, command->call);
}

static void forget(struct link *link, struct command *command)
{
    struct command **at = &link->under_way;
    while (*at && *at != command)
        at = &(*at)->next;
    if (*at)
        *at = command->next;
    if (link->under_way_end == &command->next)
        link->under_way_end = at;
}

static void reply(struct world *world, void *arg)
{
    struct command *command = arg;
    (void)world;
    if (command->is_broken)
        return;
    forget(&command->instance->link, command);
    model_answer(&command->instance->link.state, command->call, &command->answer);
}

static void trace_done(struct world *world, const struct command *command)
{
    const struct model_call *call = command->call;
    char what[200] = "";
    if (call->op == MODEL_APPEND)
        snprintf(what, sizeof(what), "f%llu expect %llu by %llu n %llu k %llu (%zu)",
                 (unsigned long long)call->u.append.f, (unsigned long long)call->u.append.expect,
                 (unsigned long long)call->u.append.entries[0].by,
                 (unsigned long long)call->u.append.entries[0].n,
                 (unsigned long long)call->u.append.entries[0].k, call->u.append.count);
    else if (call->op == MODEL_OPEN)
        snprintf(what, sizeof(what), "cid %llu k %llu", (unsigned long long)call->u.open.open.cid,
                 (unsigned long long)call->u.open.open.k);
    else if (call->op == MODEL_READ)
        snprintf(what, sizeof(what), "f%llu after %lld -> version %llu",
                 (unsigned long long)call->u.read.f,
                 call->u.read.want_text ? -1 : (long long)call->u.read.after,
                 (unsigned long long)command->answer.u.rows.version);
    world_trace(world, "R %s %s %s -> %d%s", model_op_name(call->op), command->instance->name, what,
                command->answer.result, command->is_late ? " (late)" : "");
}

static void execute(struct world *world, void *arg)
{
    struct command *command = arg;
    struct link *link = &command->instance->link;
    if (command->is_lost || command->is_done || world->redis_is_down || world->run != command->run)
        return;
    if (world->now_us < world->redis_stalls_until) {
        world_at(world, world->redis_stalls_until - world->now_us, NULL, execute, command);
        return;
    }
    command->is_done = true;
    ghost_executing(world, command->call);
    model_execute(&world->model, command->call, &command->answer);
    ghost_executed(world, command->call, &command->answer);
    if (world->is_traced && command->call->op != MODEL_CLAIM && command->call->op != MODEL_POLL)
        trace_done(world, command);
    if (command->is_broken || command->instance->is_dead)
        return;
    uint64_t at = world->now_us + world_between(world, 1, 15);
    link->reply_at = at > link->reply_at ? at : link->reply_at;
    world_at(world, link->reply_at - world->now_us, command->instance, reply, command);
}

/* Unless it was broken meanwhile: then that has said when. */
static void execute_in_time(struct world *world, void *arg)
{
    struct command *command = arg;
    if (!command->is_late)
        execute(world, arg);
}

static void time_out(struct world *world, void *arg)
{
    struct command *command = arg;
    (void)world;
    struct command *at = command->instance->link.under_way;
    while (at && at != command)
        at = at->next;
    if (at)
        link_break(command->instance, true);
}

static void send(struct model_state *state, struct model_call *call)
{
    struct instance *instance = state->owner;
    struct world *world = instance->world;
    struct link *link = &instance->link;
    if (instance->is_dead)
        return;
    struct command *command = world_alloc(world, sizeof(*command));
    command->instance = instance;
    command->call = call;
    command->run = link->run;
    if (!link->is_up) {
        world_at(world, world_between(world, 0, 2), instance, refuse, command);
        return;
    }
    *link->under_way_end = command;
    link->under_way_end = &command->next;
    uint64_t at = world->now_us + (world_chance(world, 0.03) ? world_between(world, 1, 300)
                                                             : world_between(world, 1, 15));
    link->execute_at = at > link->execute_at ? at : link->execute_at;
    world_at(world, link->execute_at - world->now_us, NULL, execute_in_time, command);
    if (world->redis_stalls_until > world->now_us)
        world_at(world, TIMEOUT_US, NULL, time_out, command);
}

/* ---- the connection ---- */

static void tell_up(struct world *world, void *arg)
{
    struct instance *instance = arg;
    (void)world;
    const struct state_sink *sink = &instance->link.state.port.sink;
    if (instance->link.is_up && sink->link)
        sink->link(sink->owner, true);
}

static void tell_down(struct world *world, void *arg)
{
    struct instance *instance = arg;
    (void)world;
    const struct state_sink *sink = &instance->link.state.port.sink;
    if (!instance->link.is_up && sink->link)
        sink->link(sink->owner, false);
}

static void try_again(struct world *world, void *arg)
{
    struct instance *instance = arg;
    struct link *link = &instance->link;
    if (instance->is_dead || link->is_up)
        return;
    if (world->redis_is_down) {
        world_at(world, 60000, NULL, try_again, instance);
        return;
    }
    link->is_up = true;
    link->run = world->run;
    link->state.run = world->run_name;
    link->execute_at = link->reply_at = 0;
    link->under_way = NULL;
    link->under_way_end = &link->under_way;
    world_at(world, 0, instance, tell_up, instance);
}

void link_connect(struct instance *instance)
{
    struct world *world = instance->world;
    if (!world->redis_is_down)
        try_again(world, instance);
    else
        world_at(world, 100000, NULL, try_again, instance);
}

static uint64_t outage(struct world *world)
{
    unsigned most =
        world->is_healing || world->now_us < world->calm_until ? 400 : world->dice.outage_ms;
    return world_between(world, 30, most);
}

void link_break(struct instance *instance, bool keep)
{
    struct world *world = instance->world;
    struct link *link = &instance->link;
    if (!link->is_up)
        return;
    world_trace(world, "%s loses its connection to Redis", instance->name);
    world->counts->breaks++;
    link->is_up = false;
    uint64_t late = world_between(world, 1, world_chance(world, 0.5) ? 100 : 5000);
    for (struct command *command = link->under_way; command; command = command->next) {
        command->is_broken = true;
        if (!command->is_done) {
            keep = keep && world_chance(world, 0.7);
            command->is_lost = !keep;
            command->is_late = keep;
            late += world_between(world, 0, 20);
            world->counts->late += keep;
            if (keep)
                world_at(world, late, NULL, execute, command);
        }
        world_at(world, world_between(world, 1, 30), instance, refuse, command);
    }
    link->under_way = NULL;
    link->under_way_end = &link->under_way;
    world_at(world, 0, instance, tell_down, instance);
    world_at(world, outage(world), NULL, try_again, instance);
}

/* ---- hints ---- */

struct heard {
    struct instance *instance;
    const char *data;
    size_t len;
};

static void hear(struct world *world, void *arg)
{
    struct heard *heard = arg;
    (void)world;
    struct link *link = &heard->instance->link;
    if (link->joined > 0)
        link->bus.sink.received(link->bus.sink.owner, WORLD_PROJECT, heard->data, heard->len);
}

static void publish(void *owner, const char *project, const char *data, size_t len)
{
    struct world *world = owner;
    (void)project;
    const char *copy = world_copy(world, data, len);
    world->counts->hints++;
    for (struct instance *at = world->all; at; at = at->next) {
        if (at->is_dead || !at->link.is_active || at->link.deaf_until > world->now_us)
            continue;
        for (int times = world_chance(world, world->dice.doubled_hints) ? 2 : 1; times > 0;
             times--) {
            if (!world->is_healing && world_chance(world, world->dice.lost_hints)) {
                world->counts->lost_hints++;
                continue;
            }
            struct heard *heard = world_alloc(world, sizeof(*heard));
            *heard = (struct heard){at, copy, len};
            world_at(world,
                     world_chance(world, 0.1) ? world_between(world, 1, 800)
                                              : world_between(world, 1, 25),
                     at, hear, heard);
        }
    }
}

static void tell_joined(struct world *world, void *arg)
{
    struct instance *instance = arg;
    (void)world;
    struct link *link = &instance->link;
    if (link->is_active && link->bus.sink.joined)
        link->bus.sink.joined(link->bus.sink.owner, WORLD_PROJECT);
}

/* The subscription as it was asked for is active from now on. */
static void subscribe(struct world *world, void *arg)
{
    struct instance *instance = arg;
    struct link *link = &instance->link;
    if (instance->is_dead || link->joined == 0)
        return;
    if (world->redis_is_down || link->deaf_until > world->now_us) {
        world_at(world, 50000, NULL, subscribe, instance);
        return;
    }
    link->is_active = true;
    world_at(world, 0, instance, tell_joined, instance);
}

static struct instance *of_bus(struct bus *bus)
{
    return (struct instance *)(void *)((char *)bus - offsetof(struct instance, link.bus));
}

static void bus_join(struct bus *bus, const char *project)
{
    struct instance *instance = of_bus(bus);
    (void)project;
    if (!instance->is_dead && instance->link.joined++ == 0)
        world_at(instance->world, world_between(instance->world, 1, 30), NULL, subscribe, instance);
}

static void bus_leave(struct bus *bus, const char *project)
{
    struct instance *instance = of_bus(bus);
    (void)project;
    if (!instance->is_dead && --instance->link.joined == 0)
        instance->link.is_active = false;
}

struct said {
    const char *data;
    size_t len;
};

static void said(struct world *world, void *arg)
{
    struct said *what = arg;
    if (!world->redis_is_down)
        publish(world, WORLD_PROJECT, what->data, what->len);
}

static void bus_publish(struct bus *bus, const char *project, const char *data, size_t len)
{
    struct instance *instance = of_bus(bus);
    struct world *world = instance->world;
    (void)project;
    if (instance->is_dead || !instance->link.is_up)
        return;
    struct said *what = world_alloc(world, sizeof(*what));
    *what = (struct said){world_copy(world, data, len), len};
    world_at(world, world_between(world, 1, 10), NULL, said, what);
}

void link_deafen(struct instance *instance, uint64_t for_us)
{
    struct world *world = instance->world;
    struct link *link = &instance->link;
    link->deaf_until = world->now_us + for_us;
    link->is_active = false;
    world_at(world, for_us, NULL, subscribe, instance);
}

/* ---- the beginning, and Redis itself ---- */

static uint64_t ask_ms(const struct model_state *state)
{
    const struct world *world = ((struct instance *)state->owner)->world;
    if (world->replaced_us != 0 && world->now_us < world->replaced_us + 10000000)
        return 3000;
    return world->now_us < 10000000 ? 500 : 0;
}

static uint64_t draw(void *owner)
{
    return world_random(((struct instance *)owner)->world);
}

static size_t living(void *owner)
{
    const struct world *world = owner;
    size_t count = 0;
    for (const struct instance *at = world->all; at; at = at->next)
        count += !at->is_dead;
    return count;
}

static void name_run(struct world *world)
{
    char name[24];
    snprintf(name, sizeof(name), "run%u", ++world->run);
    world->run_name = world_copy(world, name, strlen(name));
}

void links_begin(struct world *world)
{
    world->model.publish = publish;
    world->model.instances = living;
    name_run(world);
}

void link_begin(struct instance *instance)
{
    static const struct bus_ops ops = {bus_join, bus_leave, bus_publish};
    struct link *link = &instance->link;
    model_state_init(&link->state, &instance->world->model, instance->name,
                     instance->world->run_name);
    link->state.owner = instance;
    link->state.send = send;
    link->state.ask_ms = ask_ms;
    link->state.random = draw;
    link->bus.ops = &ops;
    link->under_way_end = &link->under_way;
}

void links_stall(struct world *world, uint64_t for_us)
{
    world_trace(world, "Redis stands still for %llu ms", (unsigned long long)for_us / 1000);
    world->redis_stalls_until = world->now_us + for_us;
    for (struct instance *at = world->all; at; at = at->next)
        for (struct command *command = at->link.under_way; command && !at->is_dead;
             command = command->next)
            world_at(world, TIMEOUT_US, NULL, time_out, command);
}

static void come_back(struct world *world, void *arg)
{
    (void)arg;
    world->redis_is_down = false;
}

void links_restart(struct world *world, size_t lost)
{
    world->redis_is_down = true;
    world->replaced_us = world->now_us;
    name_run(world);
    model_restart(&world->model, lost);
    for (struct instance *at = world->all; at; at = at->next) {
        if (at->is_dead)
            continue;
        link_break(at, false);
        link_deafen(at, world_between(world, 100, 600));
    }
    world_at(world, world_between(world, 50, 300), NULL, come_back, NULL);
}
