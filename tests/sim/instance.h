/*
 * An instance: the real core with its ports over the models, its turns and ticks. It can die at any
 * moment, and it can stand still for a while and then go on as if nothing had been.
 */
#ifndef INSTANCE_H
#define INSTANCE_H

#include "link.h"
#include "shelf.h"
#include "world.h"

struct conn;

struct instance {
    struct instance *next; /* of all */
    struct world *world;
    unsigned id, slot;
    char name[16];
    bool is_dead, is_paused;
    uint64_t drains_until; /* us; 0: it is not told to end */
    bool turn_is_due;
    unsigned ticks;
    uint64_t clock_ms; /* its clock, when the world began */
    struct registry *registry;
    struct link link;
    struct shelf_port shelf;
    struct conn *conns;
    struct event *held; /* while it is paused */
    size_t held_count, held_room;
};

void instances_begin(struct world *world);
/* Without answers, as all end. */
void instances_end(struct world *world);
/* Something happens to it; then its turn ends. */
void instance_event(struct instance *instance, void (*run)(struct world *world, void *arg),
                    void *arg);
uint64_t instance_now_ms(const struct instance *instance);
uint64_t instance_wall_ms(const struct instance *instance);
void instance_crash(struct instance *instance);
/* It is told to end, and does so in order; another one takes its place. */
void instance_drain(struct instance *instance);
/* Somebody asks it for a file by HTTP, or for the project (path NULL). */
void instance_query(struct instance *instance, const char *path);
void instance_pause(struct instance *instance);
void instance_wake(struct instance *instance);
/* One that lives, by chance; NULL where there is none. */
struct instance *instance_any(struct world *world);

#endif
