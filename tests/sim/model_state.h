/*
 * Core's ports state and bus of one instance, over the model of Redis (model_redis.h): calls are
 * copied and handed to whoever carries them (the world of the simulation with its faults, or the
 * next turn of a test); answers are given to the sink when the carrier brings them back.
 */
#ifndef MODEL_STATE_H
#define MODEL_STATE_H

#include "model_redis.h"
#include "weft/core/bus.h"

struct model_state {
    struct state port;
    struct model *model;
    const char *instance;
    const char *run; /* of the server, as this connection knows it */
    void *owner;
    /* Carries a call there, and model_answer back; or model_refuse. */
    void (*send)(struct model_state *state, struct model_call *call);
    uint64_t (*ask_ms)(const struct model_state *state); /* see open of state_redis.c */
    uint64_t (*random)(void *owner);
};

/* Fills *state; the caller sets owner, send, ask_ms and random. Borrows model and the texts. */
void model_state_init(struct model_state *state, struct model *model, const char *instance,
                      const char *run);
/* The answer to a call, given to the sink. */
void model_answer(struct model_state *state, const struct model_call *call,
                  struct model_answer *answer);
/* Nobody knows what became of it, or will. */
void model_refuse(struct model_state *state, const struct model_call *call);

const char *model_op_name(enum model_op op);

#endif
