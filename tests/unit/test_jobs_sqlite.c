/* What only the embedded queue of jobs has: it is a table of the data folder, and a lease ends with
 * the process. */
#include "check.h"

#include "jobs_backends.h"

static struct world *const world = &sqlite_world;

static void start(void)
{
    if (!world_start(world))
        CHECK_FAIL("%s", world->error.text);
    REQUIRE(world->storage != NULL);
    jobs_probe_init(jobs, &world->loop, storage_jobs(world->storage));
}

static void again(void)
{
    jobs_probe_clear(jobs);
    world_stop(world);
    start();
}

static void begin(void)
{
    struct state_new_file file = {"a.txt", "base", 4, "\n"};
    world_init(world);
    start();
    CHECK_EQ_INT(probe_create(&world->probe, "Demo", &file, 1), STATE_OK);
}

static void end(void)
{
    jobs_probe_clear(jobs);
    world_close(world);
}

/* Returns how many events the project has, and its last one in text. */
static uint64_t last_event(char text[400])
{
    CHECK_EQ_INT(probe_open(&world->probe, 5, 0, false), STATE_OK);
    uint64_t e = world->probe.got.e;
    sqlite3 *database;
    sqlite3_stmt *read;
    world_stop(world);
    REQUIRE(sqlite3_open(world_path(world, "weft.db"), &database) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(database, "SELECT payload FROM event ORDER BY e DESC LIMIT 1", -1,
                               &read, NULL) == SQLITE_OK);
    text[0] = '\0';
    if (sqlite3_step(read) == SQLITE_ROW)
        snprintf(text, 400, "%s", (const char *)sqlite3_column_text(read, 0));
    sqlite3_finalize(read);
    sqlite3_close(database);
    start();
    return e;
}

static void what_waits_and_what_ran_is_there_again(void)
{
    char text[400];
    begin();
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_ask(jobs, "j2"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK(job_is("j1"));
    const char *lease = keep_lease();
    jobs_probe_clear(jobs);
    again();
    CHECK_EQ_INT(last_event(text), 4); /* queued, queued, running, queued */
    CHECK(strstr(text, "\"e\":4,\"job\":\"j1\"") && strstr(text, "\"state\":\"queued\""));
    CHECK(strstr(text, "the server ended as it ran") != NULL);
    CHECK_EQ_INT(job_end(jobs, "j1", lease, JOB_DONE), JOBS_LOST);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK(job_is("j1")); /* before what waits since later */
    CHECK_EQ_INT(jobs->got.job.tries, 2);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK(job_is("j2"));
    end();
}

static void what_ends_the_process_each_time_is_given_up(void)
{
    begin();
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    for (uint32_t i = 0; i < format.tries; i++) {
        CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
        again();
    }
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_NONE);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.state, JOB_FAILED);
    CHECK_EQ_STR(jobs->got.job.problem, "the server ended each time that it ran");
    end();
}

static void what_was_canceled_as_it_ran_does_not_begin_again(void)
{
    begin();
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    again();
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_NONE);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.state, JOB_CANCELED);
    end();
}

/* Its tries count anew, its leases do not. */
static void a_retried_job_has_nothing_of_its_former_life(void)
{
    begin();
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    const char *lease = keep_lease();
    CHECK_EQ_INT(job_end(jobs, "j1", lease, JOB_FAILED), JOBS_OK);
    CHECK_EQ_INT(job_retry(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_STR(jobs->got.job.problem, "");
    CHECK_EQ_INT(jobs->got.job.code, 0);
    CHECK_EQ_INT(jobs->got.job.started_at, 0);
    CHECK_EQ_INT(job_end(jobs, "j1", lease, JOB_DONE), JOBS_LOST);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.tries, 1);
    CHECK(strcmp(jobs->got.lease, lease) != 0);
    CHECK_EQ_INT(job_end(jobs, "j1", lease, JOB_DONE), JOBS_LOST);
    end();
}

/* As weftd made it before there were jobs. */
static void an_older_database_gets_its_tables(void)
{
    begin();
    world_stop(world);
    sqlite3 *database;
    REQUIRE(sqlite3_open(world_path(world, "weft.db"), &database) == SQLITE_OK);
    CHECK_EQ_INT(sqlite3_exec(database,
                              "DROP TABLE job; DROP TABLE job_output; DROP TABLE job_begun", NULL,
                              NULL, NULL),
                 SQLITE_OK);
    sqlite3_close(database);
    start();
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    end();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(what_waits_and_what_ran_is_there_again);
    RUN(what_ends_the_process_each_time_is_given_up);
    RUN(what_was_canceled_as_it_ran_does_not_begin_again);
    RUN(a_retried_job_has_nothing_of_its_former_life);
    RUN(an_older_database_gets_its_tables);
    return check_finish();
}
