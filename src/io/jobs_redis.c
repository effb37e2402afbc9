/* The calls of jobs: each is one script, its arguments in the order that the script's first lines
 * name. What can fail comes back in the answer (jobs_redis_answers.c); here nothing fails. */
#include "failpoint.h"
#include "jobs_redis.h"
#include "state_redis_call.h"
#include "weft/base/mem.h"

#include <stdlib.h>

#define KEEP_MS 86400000u
#define WAITING_MAX 100u

struct jobs_redis {
    struct jobs port; /* first: found by it */
    struct state_redis *state;
};

const char *const job_state_words[JOB_CANCELED + 1] = {[JOB_QUEUED] = "queued",
                                                       [JOB_RUNNING] = "running",
                                                       [JOB_DONE] = "done",
                                                       [JOB_FAILED] = "failed",
                                                       [JOB_CANCELED] = "canceled"};

static struct call *new_call(struct jobs *jobs, enum script script, uint64_t request)
{
    struct state_redis *state = ((struct jobs_redis *)jobs)->state;
    struct call *call = call_new(state, script, &(struct state_ticket){.request = request});
    call->answered = jobs_redis_answer;
    call->owner = jobs;
    call_add_u64(call, state->config.events);
    call_add_u64(call, jobs->keep_ms);
    return call;
}

static void call_add_job(struct jobs *jobs, uint64_t request, const struct job *job)
{
    struct call *call = new_call(jobs, SCRIPT_JOB_ADD, request);
    call_add_u64(call, jobs->waiting_max);
    call_add_text(call, job->id);
    call_add_text(call, job->project);
    call_add_text(call, job->kind);
    call_add_u64(call, job->f);
    call_add_text(call, job->path);
    call_add_text(call, job->args ? job->args : "{}");
    call_add_u64(call, job->by);
    call_add_text(call, job->user);
    call_add_text(call, job->name);
    call_add_u64(call, job->cid);
    call_add_text(call, job->ep);
    call_add_u64(call, job->v);
    call_add_u64(call, job->input != NULL);
    call_add(call, job->input, job->input_len);
    call_send(call);
}

/* ---- workers ---- */

static void call_take(struct jobs *jobs, uint64_t request, const struct job_kind *const *kinds,
                      size_t count, uint64_t lease_ms)
{
    struct call *call = new_call(jobs, SCRIPT_JOB_TAKE, request);
    call_add_u64(call, lease_ms);
    for (size_t i = 0; i < count; i++) {
        call_add_text(call, kinds[i]->name);
        call_add_u64(call, kinds[i]->concurrency);
        call_add_u64(call, kinds[i]->limit_count);
        call_add_u64(call, kinds[i]->limit_ms);
        call_add_u64(call, kinds[i]->tries);
        call_add_u64(call, kinds[i]->output_max);
    }
    call_send(call);
}

/* How long a lease is, is a matter of whoever takes it over. */
static void call_renew(struct jobs *jobs, uint64_t request, const struct jobs_lease *leases,
                       size_t count, uint64_t lease_ms)
{
    struct call *call = new_call(jobs, SCRIPT_JOB_RENEW, request);
    (void)lease_ms;
    for (size_t i = 0; i < count; i++) {
        call_add_text(call, leases[i].job);
        call_add_text(call, leases[i].lease);
    }
    call_send(call);
}

static void call_output(struct jobs *jobs, const char *job, const char *lease, uint64_t i,
                        const char *data, size_t len)
{
    struct call *call = new_call(jobs, SCRIPT_JOB_OUTPUT, 0);
    call_add_text(call, job);
    call_add_text(call, lease);
    call_add_u64(call, i);
    call_add(call, data, len);
    call_send(call);
}

static void call_settle(struct jobs *jobs, uint64_t request, const struct jobs_settle *settle)
{
    struct call *call = new_call(jobs, SCRIPT_JOB_SETTLE, request);
    failpoint_hit("before_settle");
    call_add_text(call, settle->job);
    call_add_text(call, settle->lease);
    call_add_text(call, settle->answer);
    call_add_text(call, job_state_words[settle->state]);
    call_add_u64(call, settle->again_ms);
    call_add_i64(call, settle->code);
    call_add_text(call, settle->problem);
    call_add_u64(call, settle->bytes != NULL);
    call_add(call, settle->bytes, settle->bytes_len);
    call_send(call);
}

static void call_answers(struct jobs *jobs, uint64_t request, const struct job_kind *const *kinds,
                         size_t count, uint64_t lease_ms)
{
    struct call *call = new_call(jobs, SCRIPT_JOB_ANSWERS, request);
    call_add_u64(call, lease_ms);
    for (size_t i = 0; i < count; i++) {
        call_add_text(call, kinds[i]->name);
        call_add_u64(call, kinds[i]->tries);
        call_add_u64(call, kinds[i]->output_max);
    }
    call_send(call);
}

/* ---- people ---- */

static struct call *new_call_of(struct jobs *jobs, enum script script, uint64_t request,
                                const char *project, const char *job)
{
    struct call *call = new_call(jobs, script, request);
    call_add_text(call, project);
    call_add_text(call, job);
    return call;
}

static void call_cancel(struct jobs *jobs, uint64_t request, const char *project, const char *job)
{
    call_send(new_call_of(jobs, SCRIPT_JOB_CANCEL, request, project, job));
}

static void call_retry(struct jobs *jobs, uint64_t request, const char *project, const char *job)
{
    call_send(new_call_of(jobs, SCRIPT_JOB_RETRY, request, project, job));
}

static void call_drop(struct jobs *jobs, uint64_t request, const char *project, const char *job)
{
    call_send(new_call_of(jobs, SCRIPT_JOB_DROP, request, project, job));
}

static void call_get(struct jobs *jobs, uint64_t request, const char *project, const char *job,
                     bool want_bytes)
{
    struct call *call = new_call_of(jobs, SCRIPT_JOB_GET, request, project, job);
    call_add_u64(call, want_bytes);
    call_send(call);
}

static void call_list(struct jobs *jobs, uint64_t request, const struct jobs_filter *filter)
{
    struct call *call = new_call(jobs, SCRIPT_JOB_LIST, request);
    call_add_text(call, filter->project);
    call_add_u64(call, filter->failed_only);
    call_add_u64(call, filter->most);
    call_send(call);
}

/* ---- the port ---- */

static const struct jobs_ops ops = {
    .add = call_add_job,
    .take = call_take,
    .renew = call_renew,
    .output = call_output,
    .settle = call_settle,
    .cancel = call_cancel,
    .get = call_get,
    .list = call_list,
    .retry = call_retry,
    .drop = call_drop,
    .answers = call_answers,
};

struct jobs_redis *jobs_redis_new(struct state_redis *state)
{
    struct jobs_redis *jobs = mem_zalloc(sizeof(*jobs));
    jobs->port = (struct jobs){
        .ops = &ops, .keep_ms = KEEP_MS, .waiting_max = WAITING_MAX, .is_shared = true};
    jobs->state = state;
    return jobs;
}

void jobs_redis_free(struct jobs_redis *jobs)
{
    free(jobs);
}

struct jobs *jobs_redis_port(struct jobs_redis *jobs)
{
    return &jobs->port;
}
