/*
 * The backends of the port of jobs, and how its cases run on each: with an empty queue, and the
 * state with a project "demo" of one file, opened, whose room hears of its jobs. Include it once,
 * behind check.h; the cases are X-macros.
 *
 *     int main(int argc, char **argv) { JOBS_MAIN(CASES, &jobs_embedded, &jobs_shared) }
 */
#ifndef JOBS_BACKENDS_H
#define JOBS_BACKENDS_H

#include "state_backends.h"

#include "jobs_probe.h"
#include "weft/base/log.h"

#define LONG_MS 60000u /* a lease that does not end here */
#define SHORT_MS 20u   /* one that is waited for */

static struct probe *state_probe;
static struct jobs_probe probes[2]; /* of two instances, where many share it */
static struct jobs_probe *const jobs = &probes[0];

static CHECK_UNUSED const struct job_kind format = {
    .name = "format", .tries = 3, .concurrency = 4, .output_max = 1 << 20};
static CHECK_UNUSED const struct job_kind words = {
    .name = "words", .tries = 3, .concurrency = 4, .output_max = 1 << 20};

static CHECK_UNUSED bool job_is(const char *id)
{
    return jobs->got.job.id && strcmp(jobs->got.job.id, id) == 0;
}

/* The lease of the one that was taken last, beyond the next answer. */
static CHECK_UNUSED const char *keep_lease(void)
{
    static char leases[4][80];
    static size_t next;
    char *lease = leases[next++ % 4];
    snprintf(lease, 80, "%s", jobs->got.lease);
    return lease;
}

/* ---- the backends ---- */

static struct jobs *redis_jobs_of(size_t i)
{
    if (i == 1)
        redis_second();
    return redis_jobs(redis_backend_world.instances[i]);
}

static struct jobs *sqlite_jobs_of(size_t i)
{
    return i == 0 ? storage_jobs(sqlite_world.storage) : NULL;
}

struct jobs_backend {
    const struct backend *state;
    struct jobs *(*jobs)(size_t i); /* of the first (0) or second (1) instance, started when asked
                                       for; NULL: there is only one */
};
static CHECK_UNUSED const struct jobs_backend jobs_embedded = {&sqlite_backend, sqlite_jobs_of};
static CHECK_UNUSED const struct jobs_backend jobs_shared = {&redis_backend, redis_jobs_of};

static const struct jobs_backend *jobs_backend;
static void (*jobs_case)(void);

static CHECK_UNUSED void jobs_run(void)
{
    struct state_new_file file = {"a.txt", "base", 4, "\n"};
    state_probe = jobs_backend->state->start(&(struct backend_options){0});
    CHECK_EQ_INT(probe_create(state_probe, "Demo", &file, 1), STATE_OK);
    CHECK_EQ_INT(probe_open(state_probe, 5, 1, false), STATE_OK);
    for (size_t i = 0; i < 2; i++) {
        struct jobs *of = jobs_backend->jobs(i);
        probes[i].jobs = NULL;
        if (of)
            jobs_probe_init(&probes[i], state_probe->loop, of);
    }
    jobs_case();
    jobs_backend->state->stop();
    jobs_probe_clear(&probes[0]);
    jobs_probe_clear(&probes[1]);
}

#define JOBS_RUN_CASE(case)                                                                        \
    snprintf(name, sizeof(name), "%s_" #case, jobs_backend->state->name);                          \
    jobs_case = case;                                                                              \
    check_run(name, jobs_run);
/* Runs the cases on each backend that stands behind. */
#define JOBS_MAIN(cases, ...)                                                                      \
    const struct jobs_backend *const backends[] = {__VA_ARGS__};                                   \
    check_init(argc, argv);                                                                        \
    log_setup(LOG_WARN, false);                                                                    \
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {                          \
        char name[160];                                                                            \
        jobs_backend = backends[i];                                                                \
        cases(JOBS_RUN_CASE)                                                                       \
    }                                                                                              \
    backends_close();                                                                              \
    return check_finish();

#endif
