#include "world.h"
#include "check.h"
#include "client.h"
#include "faults.h"
#include "ghost.h"
#include "instance.h"
#include "shelf.h"
#include "weft/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_SIZE (4u << 20)
#define EPOCH_US 1730000000000000u /* where the clock of Redis begins */

/* ---- chance and time ---- */

uint64_t world_random(struct world *world)
{
    uint64_t z = (world->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

unsigned world_roll(struct world *world, unsigned sides)
{
    return (unsigned)(world_random(world) % sides);
}

static double unit(struct world *world)
{
    return (double)(world_random(world) >> 11) / 9007199254740992.0;
}

bool world_chance(struct world *world, double p)
{
    return unit(world) < p;
}

uint64_t world_between(struct world *world, double from_ms, double to_ms)
{
    return (uint64_t)((from_ms + unit(world) * (to_ms - from_ms)) * 1000);
}

uint64_t world_now_ms(const struct world *world)
{
    return world->now_us / 1000;
}

/* ---- memory ---- */

void *world_alloc(struct world *world, size_t size)
{
    return arena_zalloc(&world->model.arena, size);
}

char *world_copy(struct world *world, const char *data, size_t len)
{
    return arena_copy(&world->model.arena, data, len);
}

char *world_text(struct world *world, const struct rope *rope)
{
    char *text = arena_alloc(&world->model.arena, rope_len(rope) + 1);
    rope_copy(rope, text);
    text[rope_len(rope)] = '\0';
    return text;
}

/* ---- events: a binary heap ---- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void world_at(struct world *world, uint64_t in_us, struct instance *to,
              void (*run)(struct world *world, void *arg), void *arg)
{
    struct event event = {world->now_us + in_us, ++world->last_order, run, arg, to};
    if (world->heap_count == world->heap_room) {
        world->heap_room = world->heap_room ? 2 * world->heap_room : 256;
        world->heap = mem_realloc_array(world->heap, world->heap_room, sizeof(event));
    }
    size_t i = world->heap_count++;
    for (; i > 0 && is_before(&event, &world->heap[(i - 1) / 2]); i = (i - 1) / 2)
        world->heap[i] = world->heap[(i - 1) / 2];
    world->heap[i] = event;
}

static struct event take_first(struct world *world)
{
    struct event first = world->heap[0], last = world->heap[--world->heap_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= world->heap_count)
            break;
        if (child + 1 < world->heap_count &&
            is_before(&world->heap[child + 1], &world->heap[child]))
            child++;
        if (!is_before(&world->heap[child], &last))
            break;
        world->heap[i] = world->heap[child];
        i = child;
    }
    world->heap[i] = last;
    return first;
}

/* ---- failing and telling ---- */

void world_say(const struct world *world, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("%9.3f ", (double)world->now_us / 1000);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

void world_fail(struct world *world, const char *kind, const char *format, ...)
{
    if (world->failure[0])
        return;
    int len = snprintf(world->failure, sizeof(world->failure), "%s: ", kind);
    va_list args;
    va_start(args, format);
    vsnprintf(world->failure + len, sizeof(world->failure) - (size_t)len, format, args);
    va_end(args);
    world_trace(world, "!!! %s", world->failure);
}

bool world_failed(const struct world *world)
{
    return world->failure[0] != '\0';
}

/* ---- a world's life ---- */

static void begin(struct world *world, const struct world_options *options)
{
    faults_draw(world, options);
    const struct dice *dice = &world->dice;
    struct model_config config = {
        .lease_ms = 10000,
        .load_ms = 15000,
        .save_after_ms = dice->has_repository ? 1500 : 0,
        .history = world_roll(world, 4) == 0 ? world_roll(world, 3) : 3 + world_roll(world, 30),
        .events = 4 + world_roll(world, 30),
    };
    model_init(&world->model, &config);
    world->model.arena.free_from = world->memory;
    world->model.arena.free_len = MEMORY_SIZE;
    world->model.owner = world;
    world->model.now_us = EPOCH_US;
    instances_begin(world);
    ghost_begin(world);
    shelf_begin(world);
    clients_begin(world);
    faults_begin(world);
    check_begin(world);
}

bool world_play(struct world *world, uint64_t seed, const struct world_options *options,
                struct world_counts *counts)
{
    struct event *heap = world->heap;
    char *memory = world->memory ? world->memory : mem_alloc(MEMORY_SIZE);
    size_t heap_room = world->heap_room;
    *world = (struct world){.seed = seed,
                            .random = seed * 0x2545f4914f6cdd1du + 1,
                            .heap = heap,
                            .memory = memory,
                            .heap_room = heap_room,
                            .counts = counts,
                            .is_traced = options->is_traced};
    begin(world, options);
    while (world->heap_count > 0 && !world->is_over && !world_failed(world)) {
        struct event event = take_first(world);
        world->now_us = event.at;
        world->model.now_us = EPOCH_US + event.at;
        counts->events++;
        if (event.to)
            instance_event(event.to, event.run, event.arg);
        else
            event.run(world, event.arg);
    }
    counts->worlds++;
    clients_end(world);
    instances_end(world);
    model_close(&world->model);
    return !world_failed(world);
}

void world_close(struct world *world)
{
    free(world->heap);
    free(world->memory);
    world->heap = NULL;
    world->memory = NULL;
}
