/*
 * What every backend of the port of jobs must do for people: cancel, the dead letters, what is
 * over, and what a room hears, as one table of cases for each backend of jobs_backends.h.
 */
#include "check.h"
#include "jobs_backends.h"

/* ---- cancel ---- */

static void one_that_waits_is_canceled_at_once(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_CANCELED);
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j2"), JOBS_NONE);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_NONE);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.state, JOB_CANCELED);
    CHECK_EQ_INT(job_list(jobs, NULL, true, 10), 0);
}

static void one_that_waits_for_its_next_try_is_canceled(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(job_settle(jobs, &(struct jobs_settle){.job = "j1",
                                                        .lease = keep_lease(),
                                                        .state = JOB_QUEUED,
                                                        .again_ms = LONG_MS}),
                 JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_CANCELED);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_NONE);
    CHECK(jobs->got.next_ms == UINT64_MAX);
}

static void who_runs_it_hears_that_it_is_canceled(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    const char *lease = keep_lease();
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_RUNNING);
    CHECK_EQ_INT(job_renew(jobs, "j1", lease, LONG_MS), JOB_LEASE_CANCEL);
    CHECK_EQ_INT(job_end(jobs, "j1", lease, JOB_CANCELED), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_CANCELED);
    CHECK_EQ_INT(job_ask(jobs, "j2"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(job_end(jobs, "j2", keep_lease(), JOB_DONE), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j2"), JOBS_STATE);
}

static void what_was_canceled_is_not_begun_again(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    const char *lease = keep_lease();
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_end(jobs, "j1", lease, JOB_QUEUED), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_CANCELED);
}

/* ---- the dead ---- */

static void kill_job(const char *id)
{
    CHECK_EQ_INT(job_ask(jobs, id), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(job_end(jobs, id, keep_lease(), JOB_FAILED), JOBS_OK);
}

static void the_dead_are_listed_newest_first(void)
{
    kill_job("j2");
    kill_job("j1");
    CHECK_EQ_INT(job_ask(jobs, "j3"), JOBS_OK);
    CHECK_EQ_INT(job_list(jobs, "demo", true, 10), 2);
    CHECK_EQ_STR(jobs->got.jobs[0].id, "j1");
    CHECK_EQ_STR(jobs->got.jobs[1].id, "j2");
    CHECK_EQ_STR(jobs->got.jobs[0].problem, "no");
    CHECK_EQ_INT(jobs->got.jobs[0].code, 1);
    CHECK_EQ_INT(job_list(jobs, NULL, true, 1), 1);
    CHECK_EQ_STR(jobs->got.jobs[0].id, "j1");
    CHECK_EQ_INT(job_list(jobs, "other", true, 10), 0);
    CHECK_EQ_INT(job_list(jobs, NULL, false, 10), 3);
    CHECK_EQ_STR(jobs->got.jobs[0].id, "j3");
    CHECK_EQ_INT(job_list(jobs, "demo", false, 2), 2);
    CHECK_EQ_STR(jobs->got.jobs[1].id, "j1");
}

static void a_dead_one_is_tried_anew(void)
{
    kill_job("j1");
    CHECK_EQ_INT(job_retry(jobs, "j2"), JOBS_NONE);
    CHECK_EQ_INT(job_retry(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_QUEUED);
    CHECK_EQ_INT(job_retry(jobs, "j1"), JOBS_STATE);
    CHECK_EQ_INT(job_list(jobs, NULL, true, 10), 0);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK(job_is("j1"));
    CHECK_EQ_INT(jobs->got.job.tries, 1);
    CHECK_EQ_INT(job_end(jobs, "j1", keep_lease(), JOB_DONE), JOBS_OK);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.state, JOB_DONE);
}

static void a_dead_one_can_be_dropped(void)
{
    kill_job("j1");
    CHECK_EQ_INT(job_ask(jobs, "j2"), JOBS_OK);
    CHECK_EQ_INT(job_drop(jobs, "j2"), JOBS_STATE);
    CHECK_EQ_INT(job_drop(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_drop(jobs, "j1"), JOBS_NONE);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_NONE);
    CHECK_EQ_INT(job_list(jobs, NULL, false, 10), 1);
}

static void what_is_over_is_forgotten(void)
{
    kill_job("j1");
    CHECK_EQ_INT(job_ask(jobs, "j2"), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j2"), JOBS_OK);
    CHECK_EQ_INT(job_ask(jobs, "j3"), JOBS_OK);
    CHECK_EQ_INT(job_get(jobs, "j2"), JOBS_OK);
    jobs->jobs->keep_ms = 1;
    kill_job("j3");
    CHECK_EQ_INT(job_ask(jobs, "j4"), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j4"), JOBS_OK);
    uint64_t until_ns = uv_hrtime() + PROBE_SECONDS * 1000000000ull;
    char id[JOB_ID_SIZE];
    for (int i = 0; job_get(jobs, "j3") == JOBS_OK && uv_hrtime() < until_ns; i++) {
        snprintf(id, sizeof(id), "n%d", i); /* somebody asks for something now and then */
        CHECK_EQ_INT(job_ask(jobs, id), JOBS_OK);
        CHECK_EQ_INT(job_cancel(jobs, id), JOBS_OK);
    }
    CHECK_EQ_INT(job_get(jobs, "j3"), JOBS_NONE);
    CHECK_EQ_INT(job_get(jobs, "j4"), JOBS_NONE);
    CHECK_EQ_INT(job_ask(jobs, "j3"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_QUEUED);
}

/* ---- events ---- */

/* Whether event i of the room is of this e and says all of these. */
#define SAYS(i, ...) says((i), (const char *const[]){__VA_ARGS__, NULL})
static bool says(size_t i, const char *const *parts)
{
    char start[40];
    snprintf(start, sizeof(start), "{\"t\":\"job\",\"e\":%zu,", i + 1);
    if (i >= state_probe->got.message_count)
        return false;
    const char *message = state_probe->got.messages[i];
    bool all = strncmp(message, start, strlen(start)) == 0;
    for (; *parts; parts++)
        all = all && strstr(message, *parts);
    if (!all)
        printf("event %zu is %s\n", i + 1, message);
    return all;
}

static void each_change_is_an_event_of_the_room(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    struct jobs_settle settle = {.job = "j1",
                                 .lease = keep_lease(),
                                 .state = JOB_QUEUED,
                                 .again_ms = 1,
                                 .code = 7,
                                 .problem = "\"quoted\""};
    CHECK_EQ_INT(job_settle(jobs, &settle), JOBS_OK);
    CHECK_EQ_INT(job_settle(jobs, &settle), JOBS_OK);
    job_take_soon(jobs, &format, LONG_MS);
    settle.lease = keep_lease();
    settle.state = JOB_FAILED;
    CHECK_EQ_INT(job_settle(jobs, &settle), JOBS_OK);
    CHECK_EQ_INT(job_retry(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);

    REQUIRE(probe_ask_events(state_probe, 0) == STATE_OK);
    CHECK_EQ_INT(state_probe->got.message_count, 7);
    if (!jobs->jobs->is_shared)
        CHECK_EQ_INT(jobs->events, 7);
    CHECK(SAYS(0, "\"job\":\"j1\"", "\"kind\":\"format\"", "\"by\":5", "\"user\":\"u1\"", "\"f\":1",
               "\"path\":\"a.txt\"", "\"state\":\"queued\"}"));
    CHECK(SAYS(1, "\"job\":\"j1\"", "\"state\":\"running\"", "\"tries\":1"));
    CHECK(SAYS(2, "\"state\":\"queued\"", "\"tries\":1", "\"again_ms\":1",
               "\"problem\":\"\\\"quoted\\\"\""));
    CHECK(SAYS(3, "\"state\":\"running\"", "\"tries\":2"));
    CHECK(SAYS(4, "\"state\":\"failed\"", "\"code\":7", "\"problem\":\"\\\"quoted\\\"\""));
    CHECK(SAYS(5, "\"state\":\"queued\"}"));
    CHECK(SAYS(6, "\"state\":\"canceled\""));
}

static void events_of_files_and_of_jobs_are_counted_together(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(probe_new_file(state_probe, "new.txt", ""), STATE_OK);
    CHECK_EQ_INT(state_probe->got.e, 2);
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    REQUIRE(probe_ask_events(state_probe, 0) == STATE_OK);
    CHECK_EQ_INT(state_probe->got.message_count, 3);
    CHECK(SAYS(0, "\"state\":\"queued\""));
    CHECK(SAYS(2, "\"state\":\"canceled\""));
}

#define CASES(RUN)                                                                                 \
    RUN(one_that_waits_is_canceled_at_once)                                                        \
    RUN(one_that_waits_for_its_next_try_is_canceled)                                               \
    RUN(who_runs_it_hears_that_it_is_canceled)                                                     \
    RUN(what_was_canceled_is_not_begun_again)                                                      \
    RUN(the_dead_are_listed_newest_first)                                                          \
    RUN(a_dead_one_is_tried_anew)                                                                  \
    RUN(a_dead_one_can_be_dropped)                                                                 \
    RUN(what_is_over_is_forgotten)                                                                 \
    RUN(each_change_is_an_event_of_the_room)                                                       \
    RUN(events_of_files_and_of_jobs_are_counted_together)

int main(int argc, char **argv)
{
    JOBS_MAIN(CASES, &jobs_embedded, &jobs_shared)
}
