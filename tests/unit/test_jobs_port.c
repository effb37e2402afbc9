/*
 * What every backend of the port of jobs must do with the queue, as one table of cases for each
 * backend of jobs_backends.h; what people do with their jobs is in test_jobs_people.c, what
 * programs of others do in test_jobs_redis.c.
 */
#include "check.h"
#include "jobs_backends.h"

/* ---- add and get ---- */

static void a_job_is_kept_as_it_was_asked_for(void)
{
    struct job job = {.id = "j1",
                      .project = "demo",
                      .kind = "words",
                      .f = 3,
                      .path = "src/\"b\".txt",
                      .args = "{\"a\":[1]}",
                      .by = 9007199254740991,
                      .user = "u\xe2\x98\x83",
                      .name = "Ann \"Q\"",
                      .cid = 9007199254740990,
                      .ep = "3.abc",
                      .input = "line\n",
                      .input_len = 5,
                      .v = 7};
    CHECK_EQ_INT(job_add(jobs, &job), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_QUEUED);
    REQUIRE(job_get(jobs, "j1") == JOBS_OK);
    const struct job *got = &jobs->got.job;
    CHECK_EQ_STR(got->id, "j1");
    CHECK_EQ_STR(got->project, "demo");
    CHECK_EQ_STR(got->kind, "words");
    CHECK_EQ_INT(got->f, 3);
    CHECK_EQ_STR(got->path, job.path);
    CHECK_EQ_STR(got->args, job.args);
    CHECK_EQ_INT(got->by, job.by);
    CHECK_EQ_STR(got->user, job.user);
    CHECK_EQ_STR(got->name, job.name);
    CHECK_EQ_INT(got->cid, job.cid);
    if (jobs->jobs->is_shared) { /* for programs of others */
        CHECK_EQ_STR(got->ep, "3.abc");
        CHECK_EQ_STR(got->input, "line\n");
        CHECK_EQ_INT(got->v, 7);
    }
    CHECK_EQ_INT(got->state, JOB_QUEUED);
    CHECK_EQ_INT(got->tries, 0);
    CHECK(got->queued_at > 1700000000000);
    CHECK_EQ_INT(got->started_at, 0);
    CHECK_EQ_INT(got->ended_at, 0);
    CHECK_EQ_STR(got->problem, "");
    CHECK_EQ_STR(got->worker, "");
    CHECK_EQ_INT(jobs->got.output_len, 0);
    CHECK(jobs->got.bytes == NULL);
}

static void the_same_job_is_added_once(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_RUNNING);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_NONE);
    CHECK_EQ_INT(job_list(jobs, "demo", false, 100), 1);
}

static void a_job_is_found_in_its_project_only(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_get(jobs, "j2"), JOBS_NONE);
    CHECK_EQ_INT(JOBS_PROBE_CALL(jobs, get, "other", "j1", false), JOBS_NONE);
    CHECK_EQ_INT(JOBS_PROBE_CALL(jobs, cancel, "other", "j1"), JOBS_NONE);
    CHECK_EQ_INT(JOBS_PROBE_CALL(jobs, get, "demo", "j1", false), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.state, JOB_QUEUED);
    CHECK_EQ_INT(job_list(jobs, "other", false, 100), 0);
}

static void a_project_has_so_many_that_are_not_over(void)
{
    jobs->jobs->waiting_max = 2;
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_ask(jobs, "j2"), JOBS_OK);
    CHECK_EQ_INT(job_ask(jobs, "j3"), JOBS_FULL);
    CHECK_EQ_INT(job_get(jobs, "j3"), JOBS_NONE);
    CHECK_EQ_INT(job_ask(jobs, "j2"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(job_ask(jobs, "j3"), JOBS_FULL);
    CHECK_EQ_INT(job_cancel(jobs, "j2"), JOBS_OK);
    CHECK_EQ_INT(job_ask(jobs, "j3"), JOBS_OK);
}

/* ---- take ---- */

static void the_longest_waiting_is_taken_first(void)
{
    const struct job_kind *both[] = {&words, &format};
    struct job other = {
        .id = "j2", .project = "demo", .kind = "words", .args = "{}", .user = "", .name = ""};
    CHECK_EQ_INT(job_take_of(jobs, both, 2, LONG_MS), JOBS_NONE);
    CHECK(jobs->got.next_ms == UINT64_MAX);
    CHECK_EQ_INT(job_ask(jobs, "j3"), JOBS_OK);
    CHECK_EQ_INT(job_add(jobs, &other), JOBS_OK);
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    const char *order[] = {"j3", "j2", "j1"};
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ_INT(job_take_of(jobs, both, 2, LONG_MS), JOBS_OK);
        CHECK_EQ_STR(jobs->got.job.id, order[i]);
        CHECK_EQ_INT(jobs->got.job.state, JOB_RUNNING);
        CHECK_EQ_INT(jobs->got.job.tries, 1);
        CHECK(jobs->got.job.started_at >= jobs->got.job.queued_at);
        CHECK_EQ_STR(jobs->got.job.worker, jobs->jobs->is_shared ? "first" : "");
    }
    CHECK_EQ_INT(job_take_of(jobs, both, 2, LONG_MS), JOBS_NONE);
}

static void kinds_that_are_not_asked_for_wait(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &words, LONG_MS), JOBS_NONE);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
}

static void so_many_run_at_once(void)
{
    struct job_kind kind = format;
    kind.concurrency = 2;
    for (char id[] = "j1"; id[1] <= '3'; id[1]++)
        CHECK_EQ_INT(job_ask(jobs, id), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &kind, LONG_MS), JOBS_OK);
    const char *lease = keep_lease();
    CHECK_EQ_INT(job_take(jobs, &kind, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &kind, LONG_MS), JOBS_NONE);
    CHECK_EQ_INT(job_end(jobs, "j1", lease, JOB_DONE), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &kind, LONG_MS), JOBS_OK);
    CHECK_EQ_STR(jobs->got.job.id, "j3");
}

static void so_many_begin_in_a_window(void)
{
    struct job_kind kind = format;
    kind.limit_count = 2;
    kind.limit_ms = LONG_MS;
    for (char id[] = "j1"; id[1] <= '3'; id[1]++)
        CHECK_EQ_INT(job_ask(jobs, id), JOBS_OK);
    for (char id[] = "j1"; id[1] <= '2'; id[1]++) {
        CHECK_EQ_INT(job_take(jobs, &kind, LONG_MS), JOBS_OK);
        CHECK_EQ_INT(job_end(jobs, id, keep_lease(), JOB_DONE), JOBS_OK);
    }
    CHECK_EQ_INT(job_take(jobs, &kind, LONG_MS), JOBS_NONE);
    CHECK(jobs->got.next_ms > LONG_MS / 2 && jobs->got.next_ms <= LONG_MS + 1);
    kind.limit_ms = SHORT_MS;
    job_take_soon(jobs, &kind, LONG_MS);
    CHECK_EQ_STR(jobs->got.job.id, "j3");
}

static void two_takers_never_get_one_job(void)
{
    struct jobs_probe *other = probes[1].jobs ? &probes[1] : jobs;
    const struct job_kind *kind = &(const struct job_kind){
        .name = "format", .tries = 3, .concurrency = 100, .output_max = 1000};
    char id[JOB_ID_SIZE];
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "j%d", i);
        CHECK_EQ_INT(job_ask(jobs, id), JOBS_OK);
    }
    for (int i = 0; i < 15; i++) {
        jobs->jobs->ops->take(jobs->jobs, ++jobs->requests, &kind, 1, LONG_MS);
        other->jobs->ops->take(other->jobs, ++other->requests, &kind, 1, LONG_MS);
    }
    jobs_probe_wait(jobs);
    jobs_probe_wait(other);
    CHECK_EQ_INT(jobs->taken_count + (other == jobs ? 0 : other->taken_count), 20);
    for (int i = 0; i < 20; i++) {
        size_t times = 0;
        snprintf(id, sizeof(id), "j%d", i);
        for (size_t at = 0; at < jobs->taken_count; at++)
            times += strcmp(jobs->taken[at], id) == 0;
        for (size_t at = 0; other != jobs && at < other->taken_count; at++)
            times += strcmp(other->taken[at], id) == 0;
        CHECK_EQ_INT(times, 1);
    }
}

/* ---- leases ---- */

static void a_lease_that_is_renewed_is_held(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    const char *lease = keep_lease();
    CHECK_EQ_INT(job_renew(jobs, "j1", lease, LONG_MS), JOB_LEASE_HELD);
    CHECK_EQ_INT(job_renew(jobs, "j1", "another", LONG_MS), JOB_LEASE_LOST);
    CHECK_EQ_INT(job_renew(jobs, "j2", lease, LONG_MS), JOB_LEASE_LOST);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_NONE);
    if (jobs->jobs->is_shared)
        CHECK(jobs->got.next_ms > LONG_MS / 2 && jobs->got.next_ms <= LONG_MS);
    CHECK_EQ_INT(job_end(jobs, "j1", lease, JOB_DONE), JOBS_OK);
    CHECK_EQ_INT(job_renew(jobs, "j1", lease, LONG_MS), JOB_LEASE_LOST);
}

/* ---- settle ---- */

static void an_outcome_is_written_once(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    struct jobs_settle settle = {
        .job = "j1", .lease = keep_lease(), .state = JOB_DONE, .code = -3, .problem = "all well"};
    CHECK_EQ_INT(job_settle(jobs, &settle), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_DONE);
    CHECK_EQ_INT(job_settle(jobs, &settle), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_DONE);
    CHECK_EQ_INT(job_end(jobs, "j1", "another", JOB_FAILED), JOBS_LOST);
    CHECK_EQ_INT(job_end(jobs, "j2", "another", JOB_FAILED), JOBS_NONE);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.state, JOB_DONE);
    CHECK_EQ_INT(jobs->got.job.code, -3);
    CHECK_EQ_STR(jobs->got.job.problem, "all well");
    CHECK(jobs->got.job.ended_at >= jobs->got.job.started_at);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_NONE);
}

static void what_failed_is_tried_again_later(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    struct jobs_settle settle = {.job = "j1",
                                 .lease = keep_lease(),
                                 .state = JOB_QUEUED,
                                 .again_ms = SHORT_MS,
                                 .code = 1,
                                 .problem = "no memory"};
    CHECK_EQ_INT(job_settle(jobs, &settle), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_QUEUED);
    CHECK_EQ_INT(job_settle(jobs, &settle), JOBS_OK);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_STR(jobs->got.job.problem, "no memory");
    CHECK_EQ_INT(jobs->got.job.tries, 1);
    job_take_soon(jobs, &format, LONG_MS);
    CHECK_EQ_INT(jobs->got.job.tries, 2);
    settle.lease = keep_lease();
    settle.again_ms = LONG_MS;
    CHECK_EQ_INT(job_settle(jobs, &settle), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_NONE);
    CHECK(jobs->got.next_ms > LONG_MS / 2 && jobs->got.next_ms <= LONG_MS + 1);
}

static void bytes_are_kept_as_they_are(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(job_settle(jobs, &(struct jobs_settle){.job = "j1",
                                                        .lease = keep_lease(),
                                                        .state = JOB_DONE,
                                                        .bytes = "PK\0\xff\n",
                                                        .bytes_len = 5}),
                 JOBS_OK);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.result_len, 5);
    REQUIRE(jobs->got.bytes_len == 5);
    CHECK(memcmp(jobs->got.bytes, "PK\0\xff\n", 5) == 0);
    CHECK_EQ_INT(JOBS_PROBE_CALL(jobs, get, "demo", "j1", false), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.result_len, 5);
    CHECK(jobs->got.bytes == NULL);
}

/* ---- output ---- */

static void what_is_printed_is_kept_in_order(void)
{
    struct job_kind kind = format;
    kind.output_max = 10;
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &kind, LONG_MS), JOBS_OK);
    const char *lease = keep_lease();
    job_print(jobs, "j1", lease, 0, "\xe2\x98\x83\n");
    job_print(jobs, "j1", lease, 0, "\xe2\x98\x83\n"); /* again */
    job_print(jobs, "j1", lease, 1, "\"b\"");
    job_print(jobs, "j1", "another", 2, "x");
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_STR(jobs->got.output, "\xe2\x98\x83\n\"b\"");
    job_print(jobs, "j1", lease, 2, "more than ten");
    job_print(jobs, "j1", lease, 3, "end");
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_STR(jobs->got.output, "\xe2\x98\x83\n\"b\"end");
    CHECK_EQ_INT(job_end(jobs, "j1", lease, JOB_DONE), JOBS_OK);
    job_print(jobs, "j1", lease, 4, "!");
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.output_len, 10);
}

static void each_try_prints_anew(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    job_print(jobs, "j1", keep_lease(), 0, "first");
    CHECK_EQ_INT(job_end(jobs, "j1", keep_lease(), JOB_QUEUED), JOBS_OK);
    job_take_soon(jobs, &format, LONG_MS);
    job_print(jobs, "j1", keep_lease(), 0, "second");
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_STR(jobs->got.output, "second");
}

#define CASES(RUN)                                                                                 \
    RUN(a_job_is_kept_as_it_was_asked_for)                                                         \
    RUN(the_same_job_is_added_once)                                                                \
    RUN(a_job_is_found_in_its_project_only)                                                        \
    RUN(a_project_has_so_many_that_are_not_over)                                                   \
    RUN(the_longest_waiting_is_taken_first)                                                        \
    RUN(kinds_that_are_not_asked_for_wait)                                                         \
    RUN(so_many_run_at_once)                                                                       \
    RUN(so_many_begin_in_a_window)                                                                 \
    RUN(two_takers_never_get_one_job)                                                              \
    RUN(a_lease_that_is_renewed_is_held)                                                           \
    RUN(an_outcome_is_written_once)                                                                \
    RUN(what_failed_is_tried_again_later)                                                          \
    RUN(bytes_are_kept_as_they_are)                                                                \
    RUN(what_is_printed_is_kept_in_order)                                                          \
    RUN(each_try_prints_anew)

int main(int argc, char **argv)
{
    JOBS_MAIN(CASES, &jobs_embedded, &jobs_shared)
}
