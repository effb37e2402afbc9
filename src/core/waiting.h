/* Requests that cannot be answered yet, because their project is being loaded or nobody can tell:
 * sessions that said hello, and HTTP queries. A request that waits is asked again when the load
 * ends, when somebody says that the project is ready, or after a while; it is given up when it has
 * waited for wait_ms, so that nobody hangs. Shared states and shared repositories only. */
#ifndef WEFT_CORE_WAITING_H
#define WEFT_CORE_WAITING_H

#include "weft/base/err.h"
#include "weft/core/state.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct query;
struct registry;
struct room;
struct session;

/* Part of the request it stands for: of one of the two. */
struct waiter {
    TAILQ_ENTRY(waiter) link;
    struct session *session;
    struct query *query;
    struct room *room; /* where it waits; NULL: its call is under way */
    uint64_t since_ms; /* when it waited first; 0: it never did */
    uint64_t due_ms;
    unsigned tries; /* without an answer, in a row */
};
TAILQ_HEAD(waiter_list, waiter);

/* Is there anything that is not there at once? */
bool waiting_is_on(const struct registry *registry);
/* It is asked again after so many ms, in the room that its project has now. */
void waiting_add(struct waiter *waiter, uint64_t in_ms);
/* The same after a short wait that grows with each try: nobody knows what became of its call. */
void waiting_try_again(struct waiter *waiter);
/* What the state says to an open that cannot be answered yet: true where the request waits. */
bool waiting_opened(struct waiter *waiter, const struct state_opened *answer);
/* The room is open, but changes of the tree that were made elsewhere before the answer are not here
 * yet: true where the request waits for them. */
bool waiting_for_tree(struct waiter *waiter, const struct state_opened *answer);
/* It is answered, or its session is gone. */
void waiting_stop(struct waiter *waiter);

/* Asks all that wait in the room again, now. */
void waiting_wake(struct room *room);
/* The same, because of a hint: that may be forged, so it is done at most once per 50 ms. */
void waiting_hinted(struct room *room);
/* Gives all of them this answer. */
void waiting_answer(struct room *room, const struct state_opened *answer);
/* Gives all of them up. */
void waiting_fail(struct room *room, enum err code, const char *why);
void waiting_tick(struct room *room, uint64_t now_ms);

#endif
