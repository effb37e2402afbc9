/* The loop's side of the embedded queue of jobs: a call becomes a request with copies of what it
 * was given, as for the state; its events are told before its answer. */
#include "storage_thread.h"
#include "weft/base/blob.h"

#include <string.h>

static struct request *request_of(enum job_call call, uint64_t number, const char *project,
                                  const char *id)
{
    const struct state_ticket ticket = {
        .request = number, .project = project ? project : "", .epoch = ""};
    struct request *request = request_new(REQUEST_JOB, &ticket);
    request->u.job = (struct job_request){
        .call = call, .id = request_copy_text(request, id), .project = request->ticket.project};
    return request;
}

static void push(struct jobs *jobs, struct request *request)
{
    request->u.job.keep_ms = jobs->keep_ms;
    request->u.job.waiting_max = jobs->waiting_max;
    storage_push(((struct jobs_port *)jobs)->storage, request);
}

static void call_add(struct jobs *jobs, uint64_t number, const struct job *job)
{
    struct request *request = request_of(JOB_ADD, number, job->project, job->id);
    struct job *copy = &request->u.job.job;
    *copy = *job;
    copy->kind = request_copy_text(request, job->kind);
    copy->path = request_copy_text(request, job->path ? job->path : "");
    copy->args = request_copy_text(request, job->args ? job->args : "{}");
    copy->user = request_copy_text(request, job->user ? job->user : "");
    copy->name = request_copy_text(request, job->name ? job->name : "");
    copy->input = copy->ep = NULL; /* programs of others have no way in here */
    push(jobs, request);
}

static void call_take(struct jobs *jobs, uint64_t number, const struct job_kind *const *kinds,
                      size_t count, uint64_t lease_ms)
{
    (void)lease_ms; /* there is one process: a lease ends with it */
    struct request *request = request_of(JOB_TAKE, number, NULL, NULL);
    const struct job_kind **copy = request_alloc(request, (count + 1) * sizeof(copy[0]));
    memcpy(copy, kinds, count * sizeof(copy[0]));
    request->u.job.kinds = copy;
    request->u.job.count = count;
    push(jobs, request);
}

static const struct jobs_lease *copy_leases(struct request *request,
                                            const struct jobs_lease *leases, size_t count)
{
    struct jobs_lease *copy = request_alloc(request, (count + 1) * sizeof(copy[0]));
    for (size_t i = 0; i < count; i++)
        copy[i] = (struct jobs_lease){request_copy_text(request, leases[i].job),
                                      request_copy_text(request, leases[i].lease)};
    return copy;
}

static void call_renew(struct jobs *jobs, uint64_t number, const struct jobs_lease *leases,
                       size_t count, uint64_t lease_ms)
{
    (void)lease_ms;
    struct request *request = request_of(JOB_RENEW, number, NULL, NULL);
    request->u.job.leases = copy_leases(request, leases, count);
    request->u.job.count = count;
    push(jobs, request);
}

static void call_output(struct jobs *jobs, const char *job, const char *lease, uint64_t i,
                        const char *data, size_t len)
{
    struct request *request = request_of(JOB_OUTPUT, 0, NULL, job);
    request->u.job.leases = copy_leases(request, &(struct jobs_lease){job, lease}, 1);
    request->u.job.i = i;
    request->u.job.data = request_copy(request, data, len);
    request->u.job.len = len;
    push(jobs, request);
}

static void call_settle(struct jobs *jobs, uint64_t number, const struct jobs_settle *settle)
{
    struct request *request = request_of(JOB_SETTLE, number, NULL, settle->job);
    struct jobs_settle *copy = &request->u.job.settle;
    *copy = *settle;
    copy->lease = request_copy_text(request, settle->lease);
    copy->problem = request_copy_text(request, settle->problem ? settle->problem : "");
    copy->bytes = request_copy(request, settle->bytes, settle->bytes ? settle->bytes_len : 0);
    if (!settle->bytes)
        copy->bytes = NULL;
    push(jobs, request);
}

static void call_cancel(struct jobs *jobs, uint64_t number, const char *project, const char *job)
{
    push(jobs, request_of(JOB_CANCEL, number, project, job));
}

static void call_retry(struct jobs *jobs, uint64_t number, const char *project, const char *job)
{
    push(jobs, request_of(JOB_RETRY, number, project, job));
}

static void call_drop(struct jobs *jobs, uint64_t number, const char *project, const char *job)
{
    push(jobs, request_of(JOB_DROP, number, project, job));
}

static void call_get(struct jobs *jobs, uint64_t number, const char *project, const char *job,
                     bool want_bytes)
{
    struct request *request = request_of(JOB_GET, number, project, job);
    request->u.job.want_bytes = want_bytes;
    push(jobs, request);
}

static void call_list(struct jobs *jobs, uint64_t number, const struct jobs_filter *filter)
{
    struct request *request = request_of(JOB_LIST, number, filter->project, NULL);
    request->u.job.filter = *filter;
    push(jobs, request);
}

const struct jobs_ops jobs_sqlite_ops = {
    .add = call_add,
    .take = call_take,
    .renew = call_renew,
    .output = call_output,
    .settle = call_settle,
    .cancel = call_cancel,
    .get = call_get,
    .list = call_list,
    .retry = call_retry,
    .drop = call_drop,
};

/* ---- answers ---- */

static void deliver_taken(const struct jobs_sink *sink, const struct request *request)
{
    const struct jobs_taken answer = {.request = request->ticket.request,
                                      .result = request->answer.jobs.result,
                                      .job = request->answer.jobs.job,
                                      .lease = request->answer.jobs.lease,
                                      .next_ms = request->answer.jobs.next_ms};
    sink->taken(sink->owner, &answer);
}

static void deliver_got(const struct jobs_sink *sink, const struct request *request)
{
    const struct jobs_got answer = {.request = request->ticket.request,
                                    .result = request->answer.jobs.result,
                                    .job = request->answer.jobs.job,
                                    .output = request->answer.jobs.output,
                                    .output_len = request->answer.jobs.output_len,
                                    .bytes = request->answer.jobs.bytes,
                                    .bytes_len = request->answer.jobs.bytes_len};
    sink->got(sink->owner, &answer);
}

static void deliver_answer(const struct jobs_sink *sink, const struct request *request)
{
    uint64_t number = request->ticket.request;
    enum jobs_result result = request->answer.jobs.result;
    switch (request->u.job.call) {
    case JOB_TAKE:
        deliver_taken(sink, request);
        break;
    case JOB_RENEW:
        sink->renewed(sink->owner,
                      &(struct jobs_renewed){number, result, request->answer.jobs.leases,
                                             request->answer.jobs.count});
        break;
    case JOB_GET:
        deliver_got(sink, request);
        break;
    case JOB_LIST:
        sink->listed(sink->owner, &(struct jobs_listed){number, result, request->answer.jobs.list,
                                                        request->answer.jobs.count});
        break;
    case JOB_OUTPUT:
        break;
    default:
        sink->done(sink->owner, &(struct jobs_done){number, result, request->answer.jobs.state});
    }
}

void jobs_deliver(struct jobs *jobs, struct request *request)
{
    const struct jobs_sink *sink = &jobs->sink;
    for (size_t i = 0; i < request->answer.jobs.event_count && sink->owner; i++) {
        const struct job_event *event = &request->answer.jobs.events[i];
        sink->event(sink->owner, event->project, event->e, event->message);
    }
    if (sink->owner)
        deliver_answer(sink, request);
}
