/*
 * A world of the simulation: one project, a few instances of the real core, people who type, one
 * Redis (model_redis.h), perhaps a repository, and everything that goes wrong between them, on one
 * virtual clock and one seeded generator. A seed is a world; the same seed is the same world again.
 *
 *     client.c   people by the SDK's rules, and a bot        ghost.c  what an all-seeing checker
 * knows wire.c     their connections to the instances          check.c  what must hold, during and
 * at the end instance.c registry, its turns and ticks               faults.c the dice, the moods,
 * what goes wrong link.c     an instance's connections to Redis          shelf.c  the repository
 *
 * Memory of a world is its arena's (model.arena), but what core gives and takes.
 */
#ifndef WORLD_H
#define WORLD_H

#include "model_state.h"
#include "weft/core/registry.h"
#include "weft/text/rope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_PROJECT "p"
#define INSTANCES_MOST 4
#define CLIENTS_MOST 6
#define PATHS_MOST 12

struct world;
struct instance;
struct client;
struct ghost;
struct shelf;

/* ---- the dice: how often what goes wrong, drawn once a world ---- */

enum profile {                   /* what a restart of Redis loses */
               PROFILE_CALM,     /* there is none */
               PROFILE_ALWAYS,   /* nothing */
               PROFILE_EVERYSEC, /* the last writes */
               PROFILE_EMPTY,    /* everything */
               PROFILE_MIXED,
               PROFILES
};
enum mood {
    MOOD_PLAIN,
    MOOD_STALE,
    MOOD_LOSS,
    MOOD_TWICE,
    MOOD_LATE,
    MOOD_RACES,
    MOOD_FENCE,
    MOODS
};

struct dice {
    enum profile profile;
    enum mood mood;
    unsigned instances, people, bots, files;
    bool has_repository, is_new; /* is_new: the project is made by the first who comes */
    /* weights of what happens next */
    unsigned edit, cut, pause, crash, link_breaks, deaf, leave, restart, tree, cursor, choke, forge,
        stall, query, drain;
    double lost_hints, doubled_hints, repository_fails;
    unsigned outage_ms, pause_ms, net_ms, repository_ms, losses_most;
    double all_crash;
    unsigned gap_ms; /* between two things that happen, at most */
    unsigned active_ms;
};

/* ---- events ---- */

/* Something that happens at a time. What happens to an instance waits while it is paused, and is
 * forgotten when it is dead. */
struct event {
    uint64_t at, order;
    void (*run)(struct world *world, void *arg);
    void *arg;
    struct instance *to;
};

struct world_counts {
    uint64_t worlds, events, edits, entries, conflicts, acks, epochs, loads, unloads, saves, resets,
        resumes, crashes, pauses, breaks, restarts, late, hints, lost_hints, polls, trims, fenced,
        tree_changes, excused, forged, recovered_nothing, live_left, queries, drains;
};

struct world {
    uint64_t seed, random;
    uint64_t now_us;
    struct dice dice;
    struct model model;
    struct event *heap; /* it and memory, where the arena begins, serve all worlds */
    char *memory;
    size_t heap_count, heap_room;
    uint64_t last_order;

    unsigned run; /* of Redis */
    const char *run_name;
    bool redis_is_down;
    uint64_t redis_stalls_until, replaced_us;
    uint64_t quiet_until, calm_until; /* no pause or crash; no broken link */
    unsigned losses;
    bool is_healing, is_resting, is_over;

    struct instance *instances[INSTANCES_MOST];
    struct instance *all; /* the dead ones too */
    unsigned instance_ids;
    struct client *clients[CLIENTS_MOST];
    unsigned client_count;
    struct ghost *ghost;
    struct shelf *shelf;

    bool is_traced;
    char failure[1000]; /* "" = none */
    struct world_counts *counts;
};

/* What may be chosen from outside; -1: drawn. */
struct world_options {
    int profile, mood, repository;
    bool is_traced;
};

/* Plays the world of a seed; false where something did not hold: failure says what. */
bool world_play(struct world *world, uint64_t seed, const struct world_options *options,
                struct world_counts *counts);
void world_close(struct world *world);

/* ---- chance and time ---- */

uint64_t world_random(struct world *world);
/* Below sides. */
unsigned world_roll(struct world *world, unsigned sides);
bool world_chance(struct world *world, double p);
/* Microseconds between two times in ms. */
uint64_t world_between(struct world *world, double from_ms, double to_ms);
uint64_t world_now_ms(const struct world *world);

/* to may be NULL. */
void world_at(struct world *world, uint64_t in_us, struct instance *to,
              void (*run)(struct world *world, void *arg), void *arg);

/* ---- failing and telling ---- */

/* The first one ends the world. */
void world_fail(struct world *world, const char *kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool world_failed(const struct world *world);
#define world_trace(world, ...) ((world)->is_traced ? world_say(world, __VA_ARGS__) : (void)0)
void world_say(const struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- memory ---- */

void *world_alloc(struct world *world, size_t size); /* zeroed */
char *world_copy(struct world *world, const char *data, size_t len);
/* The text of a rope, with a NUL. */
char *world_text(struct world *world, const struct rope *rope);

#endif
