/* Two lists under one lock: tasks that wait for the thread, and tasks that wait for the loop. The
 * loop signals the thread only while that sleeps, and the thread wakes the loop once per batch, so
 * under load neither costs a system call per task.
 *
 * Gathering adapts by what it brings: a batch of two or more says that tasks come faster than they
 * are done, and then the thread lets the next ones come together for gather_us before it takes
 * them, or longer, up to gather_most_us, where thousands a second keep coming. A batch of one says
 * the opposite: the next task is taken at once. So a lone author never waits, nor one who answers
 * each result by the next task. */
#define _GNU_SOURCE /* pthread_setname_np */
#include "weft/io/worker.h"
#include "weft/base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define BUSY_RATE 4000 /* tasks a second */
#define WANTED 8

struct list {
    struct task *first;
    struct task **end;
    size_t count;
};

struct worker {
    struct worker_config config;
    uv_async_t async;
    pthread_t *threads;
    size_t thread_count; /* that run */
    size_t under_way;    /* the loop's: pushed and not yet finished */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct list waiting, done;
    size_t asleep; /* threads */
    bool stop;
};

static void list_clear(struct list *list)
{
    *list = (struct list){NULL, &list->first, 0};
}

static void list_add(struct list *list, struct task *task)
{
    task->next = NULL;
    *list->end = task;
    list->end = &task->next;
    list->count++;
}

/* Moves all of from behind to. */
static void list_move(struct list *to, struct list *from)
{
    if (from->count == 0)
        return;
    *to->end = from->first;
    to->end = from->end;
    to->count += from->count;
    list_clear(from);
}

/* The lock is held. Returns false when it is time to end. */
static bool wait_for_jobs(struct worker *worker)
{
    while (worker->waiting.count == 0 && !worker->stop) {
        worker->asleep++;
        pthread_cond_wait(&worker->more, &worker->lock);
        worker->asleep--;
    }
    return worker->waiting.count > 0;
}

static uint64_t steady_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Tasks a second, a mean over the last batches. */
static uint64_t next_rate(uint64_t rate, size_t last, uint64_t elapsed_us)
{
    return (7 * rate + last * 1000000 / (elapsed_us ? elapsed_us : 1)) / 8;
}

/* How long to wait for company. Tasks that came at one moment say little; only where they keep
 * coming is a longer wait worth its latency, and then it is as long as WANTED of them take. */
static uint32_t next_wait_us(const struct worker_config *config, uint64_t rate, size_t last)
{
    if (last <= 1)
        return 0;
    uint64_t wait_us = rate < BUSY_RATE ? config->gather_us : WANTED * 1000000 / rate;
    return wait_us < config->gather_most_us ? (uint32_t)wait_us : config->gather_most_us;
}

/* The lock is held, and again when it returns. */
static void gather(struct worker *worker, uint32_t wait_us)
{
    if (worker->stop || wait_us == 0)
        return;
    pthread_mutex_unlock(&worker->lock);
    struct timespec pause = {.tv_nsec = (long)wait_us * 1000};
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&worker->lock);
}

/* The lock is held. */
static void take(struct worker *worker, struct list *batch)
{
    list_clear(batch);
    if (worker->config.threads <= 1) {
        list_move(batch, &worker->waiting);
        return;
    }
    struct task *task = worker->waiting.first;
    worker->waiting.first = task->next;
    if (--worker->waiting.count == 0)
        list_clear(&worker->waiting);
    list_add(batch, task);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    size_t last = 0; /* tasks of the batch before */
    uint64_t rate = 0, before_us = steady_us();
    pthread_mutex_lock(&worker->lock);
    while (wait_for_jobs(worker)) {
        gather(worker, next_wait_us(&worker->config, rate, last));
        struct list batch;
        take(worker, &batch);
        last = batch.count;
        pthread_mutex_unlock(&worker->lock);
        uint64_t now_us = steady_us();
        rate = next_rate(rate, last, now_us - before_us);
        before_us = now_us;

        worker->config.run(worker->config.owner, batch.first);

        pthread_mutex_lock(&worker->lock);
        list_move(&worker->done, &batch);
        pthread_mutex_unlock(&worker->lock);
        uv_async_send(&worker->async);
        if (worker->config.rest)
            worker->config.rest(worker->config.owner);
        pthread_mutex_lock(&worker->lock);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void finish_done(struct worker *worker)
{
    struct list batch;
    list_clear(&batch);
    pthread_mutex_lock(&worker->lock);
    list_move(&batch, &worker->done);
    pthread_mutex_unlock(&worker->lock);

    worker->under_way -= batch.count;
    if (worker->under_way == 0)
        uv_unref((uv_handle_t *)&worker->async);
    for (struct task *task = batch.first; task;) {
        struct task *next = task->next;
        worker->config.finished(worker->config.owner, task);
        task = next;
    }
}

static void awakened(uv_async_t *async)
{
    finish_done(async->data);
}

/* Signals are for the loop's thread. */
static bool start_threads(struct worker *worker)
{
    size_t wanted = worker->config.threads > 1 ? worker->config.threads : 1;
    worker->threads = mem_realloc_array(NULL, wanted, sizeof worker->threads[0]);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (; worker->thread_count < wanted; worker->thread_count++) {
        pthread_t *thread = &worker->threads[worker->thread_count];
        if (pthread_create(thread, NULL, work, worker) != 0)
            break;
        pthread_setname_np(*thread, worker->config.name);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return worker->thread_count == wanted;
}

static void end_threads(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->stop = true;
    pthread_mutex_unlock(&worker->lock);
    pthread_cond_broadcast(&worker->more);
    for (size_t i = 0; i < worker->thread_count; i++)
        pthread_join(worker->threads[i], NULL);
}

static void free_worker(uv_handle_t *handle)
{
    struct worker *worker = handle->data;
    free(worker->threads);
    pthread_mutex_destroy(&worker->lock);
    pthread_cond_destroy(&worker->more);
    free(worker);
}

struct worker *worker_new(uv_loop_t *loop, const struct worker_config *config)
{
    struct worker *worker = mem_zalloc(sizeof(*worker));
    worker->config = *config;
    list_clear(&worker->waiting);
    list_clear(&worker->done);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->more, NULL);
    if (uv_async_init(loop, &worker->async, awakened) != 0) {
        worker->async.data = worker;
        free_worker((uv_handle_t *)&worker->async);
        return NULL;
    }
    worker->async.data = worker;
    uv_unref((uv_handle_t *)&worker->async);
    if (!start_threads(worker)) {
        end_threads(worker);
        uv_close((uv_handle_t *)&worker->async, free_worker);
        return NULL;
    }
    return worker;
}

static void now_under_way(struct worker *worker)
{
    if (worker->under_way++ == 0)
        uv_ref((uv_handle_t *)&worker->async);
}

bool worker_push(struct worker *worker, struct task *task)
{
    pthread_mutex_lock(&worker->lock);
    bool room = worker->waiting.count < worker->config.tasks_max;
    /* One thread that was woken takes all; of a pool each takes one. */
    bool wake =
        room && worker->asleep && (worker->waiting.count == 0 || worker->config.threads > 1);
    if (room)
        list_add(&worker->waiting, task);
    pthread_mutex_unlock(&worker->lock);
    if (wake)
        pthread_cond_signal(&worker->more);
    if (room)
        now_under_way(worker);
    return room;
}

void worker_give_back(struct worker *worker, struct task *task)
{
    pthread_mutex_lock(&worker->lock);
    list_add(&worker->done, task);
    pthread_mutex_unlock(&worker->lock);
    now_under_way(worker);
    uv_async_send(&worker->async);
}

size_t worker_waiting(struct worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    size_t count = worker->waiting.count;
    pthread_mutex_unlock(&worker->lock);
    return count;
}

void worker_close(struct worker *worker)
{
    end_threads(worker);
    finish_done(worker);
    assert(worker->under_way == 0);
    uv_close((uv_handle_t *)&worker->async, free_worker);
}
