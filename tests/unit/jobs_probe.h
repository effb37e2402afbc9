/*
 * Asks the port of jobs and waits for the answer, of which it keeps a copy until the next one.
 * Include it once, behind state_backends.h.
 */
#ifndef JOBS_PROBE_H
#define JOBS_PROBE_H

#include "state_probe.h"
#include "weft/base/blob.h"
#include "weft/core/jobs.h"

#define JOBS_PROBE_MANY 64

struct jobs_probe {
    uv_loop_t *loop;
    struct jobs *jobs;
    uint64_t requests, answers, events; /* asked; got; of an embedded one: heard */
    bool inside;                        /* a call: nothing may be answered meanwhile */
    struct {
        uint64_t request;
        enum jobs_result result;
        enum job_state state;
        struct job job;
        char lease[80];
        uint64_t next_ms;
        enum job_lease_state leases[JOBS_PROBE_MANY];
        struct job jobs[JOBS_PROBE_MANY];
        size_t count;
        const char *output, *bytes;
        size_t output_len, bytes_len;
        struct jobs_answer answer;
    } got;
    char taken[JOBS_PROBE_MANY][JOB_ID_SIZE]; /* all that were ever taken */
    size_t taken_count;
    void *kept[4096]; /* what got points to */
    size_t kept_count;
};

/* ---- answers ---- */

static void jobs_probe_clear(struct jobs_probe *probe)
{
    while (probe->kept_count > 0)
        free(probe->kept[--probe->kept_count]);
    memset(&probe->got, 0, sizeof(probe->got));
}

/* With a NUL behind it; NULL stays NULL. */
static const char *jobs_probe_keep(struct jobs_probe *probe, const char *data, size_t len)
{
    if (!data)
        return NULL;
    REQUIRE(probe->kept_count < sizeof(probe->kept) / sizeof(probe->kept[0]));
    char *copy = mem_zalloc(len + 1);
    memcpy(copy, data, len);
    probe->kept[probe->kept_count++] = copy;
    return copy;
}

static const char *jobs_probe_text(struct jobs_probe *probe, const char *text)
{
    return jobs_probe_keep(probe, text, text ? strlen(text) : 0);
}

static struct job jobs_probe_job(struct jobs_probe *probe, const struct job *job)
{
    struct job copy = *job;
    copy.id = jobs_probe_text(probe, job->id);
    copy.project = jobs_probe_text(probe, job->project);
    copy.kind = jobs_probe_text(probe, job->kind);
    copy.path = jobs_probe_text(probe, job->path);
    copy.args = jobs_probe_text(probe, job->args);
    copy.user = jobs_probe_text(probe, job->user);
    copy.name = jobs_probe_text(probe, job->name);
    copy.ep = jobs_probe_text(probe, job->ep);
    copy.input = jobs_probe_keep(probe, job->input, job->input_len);
    copy.problem = jobs_probe_text(probe, job->problem);
    copy.worker = jobs_probe_text(probe, job->worker);
    return copy;
}

static struct jobs_probe *jobs_probe_take(void *owner, uint64_t request, enum jobs_result result)
{
    struct jobs_probe *probe = owner;
    CHECK(!probe->inside);
    jobs_probe_clear(probe);
    probe->answers++;
    probe->got.request = request;
    probe->got.result = result;
    return probe;
}

static void jobs_probe_done(void *owner, const struct jobs_done *answer)
{
    jobs_probe_take(owner, answer->request, answer->result)->got.state = answer->state;
}

static void jobs_probe_taken(void *owner, const struct jobs_taken *answer)
{
    struct jobs_probe *probe = jobs_probe_take(owner, answer->request, answer->result);
    probe->got.next_ms = answer->next_ms;
    if (answer->result != JOBS_OK)
        return;
    probe->got.job = jobs_probe_job(probe, &answer->job);
    snprintf(probe->got.lease, sizeof(probe->got.lease), "%s", answer->lease);
    REQUIRE(probe->taken_count < JOBS_PROBE_MANY);
    snprintf(probe->taken[probe->taken_count++], JOB_ID_SIZE, "%s", answer->job.id);
}

static void jobs_probe_renewed(void *owner, const struct jobs_renewed *answer)
{
    struct jobs_probe *probe = jobs_probe_take(owner, answer->request, answer->result);
    REQUIRE(answer->count <= JOBS_PROBE_MANY);
    probe->got.count = answer->count;
    for (size_t i = 0; i < answer->count; i++)
        probe->got.leases[i] = answer->states[i];
}

static void jobs_probe_got(void *owner, const struct jobs_got *answer)
{
    struct jobs_probe *probe = jobs_probe_take(owner, answer->request, answer->result);
    if (answer->result != JOBS_OK)
        return;
    probe->got.job = jobs_probe_job(probe, &answer->job);
    probe->got.output = jobs_probe_keep(probe, answer->output, answer->output_len);
    probe->got.output_len = answer->output_len;
    probe->got.bytes = jobs_probe_keep(probe, answer->bytes, answer->bytes_len);
    probe->got.bytes_len = answer->bytes_len;
}

static void jobs_probe_listed(void *owner, const struct jobs_listed *answer)
{
    struct jobs_probe *probe = jobs_probe_take(owner, answer->request, answer->result);
    REQUIRE(answer->count <= JOBS_PROBE_MANY);
    probe->got.count = answer->count;
    for (size_t i = 0; i < answer->count; i++)
        probe->got.jobs[i] = jobs_probe_job(probe, &answer->jobs[i]);
}

static void jobs_probe_answered(void *owner, const struct jobs_answered *answer)
{
    struct jobs_probe *probe = jobs_probe_take(owner, answer->request, answer->result);
    if (answer->result != JOBS_OK)
        return;
    struct jobs_answer *said = &probe->got.answer;
    *said = answer->answer;
    said->answer = jobs_probe_text(probe, said->answer);
    said->job = jobs_probe_job(probe, &said->job);
    said->output = jobs_probe_keep(probe, said->output, said->output_len);
    said->text = jobs_probe_keep(probe, said->text, said->text_len);
    said->problem = jobs_probe_text(probe, said->problem);
}

static void jobs_probe_event(void *owner, const char *project, uint64_t e, struct blob *message)
{
    struct jobs_probe *probe = owner;
    (void)e;
    CHECK_EQ_STR(project, "demo");
    CHECK(message->len > 0);
    probe->events++;
}

static void jobs_probe_init(struct jobs_probe *probe, uv_loop_t *loop, struct jobs *jobs)
{
    *probe = (struct jobs_probe){.loop = loop, .jobs = jobs};
    jobs->sink = (struct jobs_sink){.owner = probe,
                                    .done = jobs_probe_done,
                                    .taken = jobs_probe_taken,
                                    .renewed = jobs_probe_renewed,
                                    .got = jobs_probe_got,
                                    .listed = jobs_probe_listed,
                                    .answered = jobs_probe_answered,
                                    .event = jobs_probe_event};
}

/* ---- calls ---- */

static void jobs_probe_wait(struct jobs_probe *probe)
{
    bool late = false;
    uv_timer_t deadline;
    uv_timer_init(probe->loop, &deadline);
    deadline.data = &late;
    uv_timer_start(&deadline, probe_late, PROBE_SECONDS * 1000, 0);
    while (probe->answers < probe->requests && !late)
        uv_run(probe->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&deadline, NULL);
    uv_run(probe->loop, UV_RUN_NOWAIT);
    CHECK_EQ_INT(probe->answers, probe->requests);
}

/* Calls an operation of the port with the next request, and waits for what comes of it. */
#define JOBS_PROBE_CALL(probe, op, ...)                                                            \
    ((probe)->inside = true,                                                                       \
     (probe)->jobs->ops->op((probe)->jobs, ++(probe)->requests, __VA_ARGS__),                      \
     (probe)->inside = false, jobs_probe_wait(probe),                                              \
     CHECK_EQ_INT((probe)->got.request, (probe)->requests), (probe)->got.result)

static CHECK_UNUSED enum jobs_result job_add(struct jobs_probe *probe, const struct job *job)
{
    return JOBS_PROBE_CALL(probe, add, job);
}

/* One of kind "format" for file 1 of "demo". */
static CHECK_UNUSED enum jobs_result job_ask(struct jobs_probe *probe, const char *id)
{
    return job_add(probe, &(struct job){.id = id,
                                        .project = "demo",
                                        .kind = "format",
                                        .f = 1,
                                        .path = "a.txt",
                                        .args = "{}",
                                        .by = 5,
                                        .user = "u1",
                                        .name = "Ann",
                                        .cid = 9});
}

static CHECK_UNUSED enum jobs_result job_take_of(struct jobs_probe *probe,
                                                 const struct job_kind *const *kinds, size_t count,
                                                 uint64_t lease_ms)
{
    return JOBS_PROBE_CALL(probe, take, kinds, count, lease_ms);
}

static CHECK_UNUSED enum jobs_result job_take(struct jobs_probe *probe, const struct job_kind *kind,
                                              uint64_t lease_ms)
{
    return job_take_of(probe, &kind, 1, lease_ms);
}

/* Until there is one, or the test fails. */
static CHECK_UNUSED void job_take_soon(struct jobs_probe *probe, const struct job_kind *kind,
                                       uint64_t lease_ms)
{
    uint64_t until_ns = uv_hrtime() + PROBE_SECONDS * 1000000000ull;
    while (job_take(probe, kind, lease_ms) == JOBS_NONE && uv_hrtime() < until_ns)
        continue;
    REQUIRE(probe->got.result == JOBS_OK);
}

static CHECK_UNUSED enum job_lease_state job_renew(struct jobs_probe *probe, const char *job,
                                                   const char *lease, uint64_t lease_ms)
{
    struct jobs_lease one = {job, lease};
    CHECK_EQ_INT(JOBS_PROBE_CALL(probe, renew, &one, 1, lease_ms), JOBS_OK);
    REQUIRE(probe->got.count == 1);
    return probe->got.leases[0];
}

static CHECK_UNUSED enum jobs_result job_settle(struct jobs_probe *probe,
                                                const struct jobs_settle *settle)
{
    return JOBS_PROBE_CALL(probe, settle, settle);
}

static CHECK_UNUSED enum jobs_result job_end(struct jobs_probe *probe, const char *job,
                                             const char *lease, enum job_state state)
{
    return job_settle(probe, &(struct jobs_settle){.job = job,
                                                   .lease = lease,
                                                   .state = state,
                                                   .code = state == JOB_FAILED,
                                                   .problem = state == JOB_FAILED ? "no" : ""});
}

static CHECK_UNUSED enum jobs_result job_get(struct jobs_probe *probe, const char *job)
{
    return JOBS_PROBE_CALL(probe, get, NULL, job, true);
}

static CHECK_UNUSED enum jobs_result job_cancel(struct jobs_probe *probe, const char *job)
{
    return JOBS_PROBE_CALL(probe, cancel, "demo", job);
}

static CHECK_UNUSED enum jobs_result job_retry(struct jobs_probe *probe, const char *job)
{
    return JOBS_PROBE_CALL(probe, retry, "demo", job);
}

static CHECK_UNUSED enum jobs_result job_drop(struct jobs_probe *probe, const char *job)
{
    return JOBS_PROBE_CALL(probe, drop, "demo", job);
}

static CHECK_UNUSED size_t job_list(struct jobs_probe *probe, const char *project, bool failed_only,
                                    size_t most)
{
    struct jobs_filter filter = {project, failed_only, most};
    CHECK_EQ_INT(JOBS_PROBE_CALL(probe, list, &filter), JOBS_OK);
    return probe->got.count;
}

static CHECK_UNUSED enum jobs_result job_answers(struct jobs_probe *probe,
                                                 const struct job_kind *kind, uint64_t lease_ms)
{
    return JOBS_PROBE_CALL(probe, answers, &kind, 1, lease_ms);
}

static CHECK_UNUSED void job_print(struct jobs_probe *probe, const char *job, const char *lease,
                                   uint64_t i, const char *text)
{
    probe->jobs->ops->output(probe->jobs, job, lease, i, text, strlen(text));
}

#endif
