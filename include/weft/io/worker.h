/* One thread with a queue, or a pool of them with one queue, for work that would block the loop. A
 * task owns its data: whoever holds it may touch it, and it goes from the loop to a thread and
 * back. One thread takes everything that waits at once, in order, so that its owner can do it
 * together (one commit for many); the threads of a pool take one task each, and come back as they
 * are done. Knows nothing of what the work is. */
#ifndef WEFT_IO_WORKER_H
#define WEFT_IO_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* First member of what the owner sends. */
struct task {
    struct task *next;
};

struct worker_config {
    const char *name; /* of the threads, at most 15 bytes */
    size_t threads;   /* above 1: a pool */
    size_t tasks_max; /* waiting, not yet taken */
    /* Under load the thread lets tasks come together: for gather_us once a batch had more than one
     * (0 = never), up to gather_most_us while thousands a second keep coming. */
    uint32_t gather_us, gather_most_us;
    void *owner;
    /* On a worker's thread: does all tasks of the list, first to last. The list stays as it is. */
    void (*run)(void *owner, struct task *first);
    /* On the worker's thread, after the tasks of a batch went back: what nobody waits for. May be
     * NULL. */
    void (*rest)(void *owner);
    /* On the loop's thread, once per task, in order. Takes the task. */
    void (*finished)(void *owner, struct task *task);
};

struct worker;

/* Returns a new worker whose threads run, or NULL where there are none to be had. Borrows loop
 * for its life, which the worker keeps alive only while tasks are under way; config is copied. */
struct worker *worker_new(uv_loop_t *loop, const struct worker_config *config);
/* Takes task, or returns false, having taken nothing, where tasks_max wait already. */
bool worker_push(struct worker *worker, struct task *task);
/* Takes task, which is finished on a later turn without having run. */
void worker_give_back(struct worker *worker, struct task *task);
/* Tasks that wait for the thread. */
size_t worker_waiting(struct worker *worker);
/* Runs what waits, ends the threads, and finishes every task before it returns (so it blocks). The
 * worker frees itself on a later turn of the loop. */
void worker_close(struct worker *worker);

#endif
