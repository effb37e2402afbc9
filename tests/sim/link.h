/*
 * An instance's connections to Redis: commands in order, replies in order, hints as they come. When
 * the connection for commands breaks, what was under way is executed later, or never, and its
 * replies are lost. Hints are lost, doubled and late.
 */
#ifndef LINK_H
#define LINK_H

#include "model_state.h"
#include "weft/core/bus.h"

struct instance;
struct world;
struct command;

struct link {
    struct model_state state;
    struct bus bus;
    bool is_up;
    unsigned run;
    uint64_t execute_at, reply_at; /* of the last command: they stay in order */
    struct command *under_way, **under_way_end;
    uint64_t deaf_until; /* the subscription is down */
    unsigned joined;     /* how often the project was */
    unsigned joins;      /* a subscription that came late must not count for the next */
    bool is_active;
};

void links_begin(struct world *world);
/* Before the registry is there; and behind it. */
void link_begin(struct instance *instance);
void link_connect(struct instance *instance);
/* keep: what was under way may still be executed. */
void link_break(struct instance *instance, bool keep);
void link_deafen(struct instance *instance, uint64_t for_us);
/* Redis answers nobody for a while, and then all that was asked. */
void links_stall(struct world *world, uint64_t for_us);
/* Redis ends and comes back, without its last writes. */
void links_restart(struct world *world, size_t lost);

#endif
