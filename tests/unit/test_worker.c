#include "check.h"

#include "weft/base/mem.h"
#include "weft/io/worker.h"

#include <pthread.h>

struct number {
    struct task task;
    uint64_t value;
    bool ran;
};

struct work {
    uv_loop_t loop;
    struct worker *worker;
    pthread_mutex_t gate; /* held: the thread waits in run */
    pthread_t loop_thread;
    uint64_t ran, rests; /* the thread's */
    uint64_t finished, not_run, next_finished;
    uint64_t batch_max;
    uint64_t push_more; /* finished pushes so many again */
};

static void run(void *owner, struct task *first)
{
    struct work *work = owner;
    uint64_t batch = 0;
    CHECK(!pthread_equal(pthread_self(), work->loop_thread));
    pthread_mutex_lock(&work->gate);
    pthread_mutex_unlock(&work->gate);
    for (struct task *task = first; task; task = task->next, batch++) {
        struct number *number = (struct number *)task;
        CHECK_EQ_INT(number->value, work->ran++);
        number->ran = true;
    }
    if (batch > work->batch_max)
        work->batch_max = batch;
}

static void rest(void *owner)
{
    ((struct work *)owner)->rests++;
}

static bool push(struct work *work, uint64_t value)
{
    struct number *number = mem_zalloc(sizeof(*number));
    number->value = value;
    if (worker_push(work->worker, &number->task))
        return true;
    worker_give_back(work->worker, &number->task);
    return false;
}

static void finished(void *owner, struct task *task)
{
    struct work *work = owner;
    struct number *number = (struct number *)task;
    CHECK(pthread_equal(pthread_self(), work->loop_thread));
    work->finished++;
    if (number->ran)
        CHECK_EQ_INT(number->value, work->next_finished++);
    else
        work->not_run++;
    free(number);
    if (work->push_more > 0) {
        work->push_more--;
        CHECK(push(work, work->next_finished));
    }
}

static void start(struct work *work, size_t tasks_max, uint32_t gather_us)
{
    *work = (struct work){.loop_thread = pthread_self()};
    pthread_mutex_init(&work->gate, NULL);
    uv_loop_init(&work->loop);
    work->worker = worker_new(&work->loop, &(struct worker_config){.name = "test",
                                                                   .tasks_max = tasks_max,
                                                                   .gather_us = gather_us,
                                                                   .gather_most_us = 4 * gather_us,
                                                                   .owner = work,
                                                                   .run = run,
                                                                   .rest = rest,
                                                                   .finished = finished});
    REQUIRE(work->worker != NULL);
}

static void stop(struct work *work)
{
    worker_close(work->worker);
    uv_run(&work->loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(uv_loop_close(&work->loop), 0);
    pthread_mutex_destroy(&work->gate);
}

static void jobs_run_in_order_and_come_back_in_order(void)
{
    struct work work;
    start(&work, 100000, 0);
    for (uint64_t i = 0; i < 20000; i++)
        CHECK(push(&work, i));
    CHECK_EQ_INT(work.finished, 0); /* never inside the call */
    uv_run(&work.loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(work.finished, 20000); /* the loop lives as long as tasks do, and no longer */
    stop(&work);
    CHECK(work.rests > 0);
}

static void what_waits_is_taken_together(void)
{
    struct work work;
    start(&work, 1000, 200);
    pthread_mutex_lock(&work.gate);
    for (uint64_t i = 0; i < 500; i++)
        push(&work, i);
    pthread_mutex_unlock(&work.gate);
    uv_run(&work.loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(work.finished, 500);
    stop(&work);
    CHECK(work.batch_max > 100);
}

static void a_full_queue_takes_nothing(void)
{
    struct work work;
    start(&work, 10, 0);
    pthread_mutex_lock(&work.gate);
    uint64_t taken = 0;
    for (uint64_t i = 0; i < 50; i++)
        taken += push(&work, taken);
    CHECK(
        taken >= 10 &&
        taken <=
            21); /* ten wait, and at most as many were taken by the thread before it met the gate */
    CHECK_EQ_INT(worker_waiting(work.worker), 10);
    pthread_mutex_unlock(&work.gate);
    uv_run(&work.loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(work.finished, 50);
    CHECK_EQ_INT(work.not_run, 50 - taken);
    stop(&work);
}

static void finished_may_push_again(void)
{
    struct work work;
    start(&work, 10, 100);
    work.push_more = 999;
    push(&work, 0);
    uv_run(&work.loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(work.finished, 1000);
    stop(&work);
}

static void close_runs_and_finishes_what_waits(void)
{
    struct work work;
    start(&work, 1000, 300);
    for (uint64_t i = 0; i < 700; i++)
        push(&work, i);
    stop(&work);
    CHECK_EQ_INT(work.finished, 700);
    CHECK_EQ_INT(work.ran, 700);
}

static void close_of_an_idle_worker(void)
{
    struct work work;
    start(&work, 1, 0);
    stop(&work);
    CHECK_EQ_INT(work.ran, 0);
}

/* ---- a pool ---- */

#define POOL 3

struct meeting {
    uv_loop_t loop;
    struct worker *worker;
    pthread_barrier_t together; /* of POOL threads */
    uint64_t finished;
};

static void meet(void *owner, struct task *first)
{
    struct meeting *meeting = owner;
    CHECK(first->next == NULL);
    pthread_barrier_wait(&meeting->together);
}

static void met(void *owner, struct task *task)
{
    ((struct meeting *)owner)->finished++;
    free(task);
}

/* Each task waits until as many are done at once as there are threads: one thread fewer, or two
 * tasks taken by one, and it hangs. */
static void the_threads_of_a_pool_take_one_job_each(void)
{
    struct meeting meeting = {.finished = 0};
    uv_loop_init(&meeting.loop);
    pthread_barrier_init(&meeting.together, NULL, POOL);
    struct worker_config config = {.name = "meeting",
                                   .threads = POOL,
                                   .tasks_max = 100,
                                   .owner = &meeting,
                                   .run = meet,
                                   .finished = met};
    meeting.worker = worker_new(&meeting.loop, &config);
    REQUIRE(meeting.worker != NULL);
    for (size_t i = 0; i < 20 * POOL; i++)
        CHECK(worker_push(meeting.worker, mem_zalloc(sizeof(struct task))));
    uv_run(&meeting.loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(meeting.finished, 20 * POOL);
    worker_close(meeting.worker);
    uv_run(&meeting.loop, UV_RUN_DEFAULT);
    pthread_barrier_destroy(&meeting.together);
    CHECK_EQ_INT(uv_loop_close(&meeting.loop), 0);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(jobs_run_in_order_and_come_back_in_order);
    RUN(what_waits_is_taken_together);
    RUN(a_full_queue_takes_nothing);
    RUN(finished_may_push_again);
    RUN(close_runs_and_finishes_what_waits);
    RUN(close_of_an_idle_worker);
    RUN(the_threads_of_a_pool_take_one_job_each);
    return check_finish();
}
