/*
 * A queue of jobs in memory, shared by both instances of rooms_world.h, and runners that a test
 * tells what to do. Include it once, behind rooms_world.h. The real queues are held to the same
 * rules by test_jobs_port.c; what is left out here are limits, and what people do by HTTP.
 */
#ifndef JOBS_MODEL_H
#define JOBS_MODEL_H

#include "rooms_world.h"

#include "weft/core/jobs.h"
#include "weft/core/runner.h"

#define QUEUE_JOBS 64
#define QUEUE_ANSWERS 256

struct queue_job {
    struct job job; /* its texts are owned */
    char lease[64], output[4096], problem[200];
    uint64_t due_at, lease_until;
    bool is_canceled;
    char *bytes;
    size_t bytes_len;
};

enum queue_what { QUEUE_DONE, QUEUE_TAKEN, QUEUE_RENEWED, QUEUE_ANSWERED };
struct queue_answer {
    enum queue_what what;
    struct jobs *port;
    uint64_t request;
    enum jobs_result result;
    enum job_state state;
    struct queue_job *job;
    char lease[64];
    enum job_lease_state leases[16];
    size_t count;
};

/* What a program of others said, as a test puts it. */
struct queue_said {
    const char *id;
    enum job_state state;
    const char *output, *text;
    int64_t code;
    const char *problem;
    struct queue_job *job;
    bool is_settled;
};

static struct {
    struct queue_job jobs[QUEUE_JOBS];
    size_t job_count;
    struct queue_answer answers[QUEUE_ANSWERS];
    size_t answer_count;
    struct jobs ports[2];
    struct runner runners[2];
    struct queue_said said[8];
    size_t said_count;
    bool is_away; /* every call is JOBS_BUSY */
    unsigned events;
    /* Of the runners: */
    struct {
        struct instance *instance;
        uint64_t id;
        char words[400], input[400];
        char files[400]; /* "path=text;" of each */
        bool is_stopped;
    } runs[64];
    size_t run_count, begun;
} queue;

static struct queue_job *queue_find(const char *id)
{
    for (size_t i = 0; i < queue.job_count; i++)
        if (strcmp(queue.jobs[i].job.id, id) == 0)
            return &queue.jobs[i];
    return NULL;
}

static struct queue_answer *queue_answer_new(struct jobs *port, enum queue_what what,
                                             uint64_t request)
{
    REQUIRE(queue.answer_count < QUEUE_ANSWERS);
    struct queue_answer *answer = &queue.answers[queue.answer_count++];
    *answer = (struct queue_answer){.port = port, .request = request};
    answer->what = what;
    answer->result = queue.is_away ? JOBS_BUSY : JOBS_OK;
    return answer;
}

static bool queue_is_held(const struct queue_job *job, const char *lease)
{
    return job->job.state == JOB_RUNNING && lease && strcmp(job->lease, lease) == 0;
}

static void queue_add(struct jobs *port, uint64_t request, const struct job *job)
{
    struct queue_answer *answer = queue_answer_new(port, QUEUE_DONE, request);
    if (queue.is_away || queue_find(job->id))
        return;
    REQUIRE(queue.job_count < QUEUE_JOBS);
    struct queue_job *new = &queue.jobs[queue.job_count++];
    memset(new, 0, sizeof *new);
    new->job = *job;
    new->job.id = mem_strdup(job->id);
    new->job.project = mem_strdup(job->project);
    new->job.path = mem_strdup(job->path);
    new->job.args = mem_strdup(job->args);
    new->job.user = mem_strdup(job->user);
    new->job.input = job->input ? mem_strndup(job->input, job->input_len) : NULL;
    new->job.ep = job->ep ? mem_strdup(job->ep) : NULL;
    new->job.problem = new->problem;
    new->due_at = rooms.now;
    answer->state = JOB_QUEUED;
}

static void queue_take(struct jobs *port, uint64_t request, const struct job_kind *const *kinds,
                       size_t count, uint64_t lease_ms)
{
    struct queue_answer *answer = queue_answer_new(port, QUEUE_TAKEN, request);
    if (queue.is_away)
        return;
    answer->result = JOBS_NONE;
    for (size_t i = 0; i < queue.job_count; i++) {
        struct queue_job *job = &queue.jobs[i];
        bool is_lost = job->job.state == JOB_RUNNING && job->lease_until <= rooms.now;
        bool is_due = job->job.state == JOB_QUEUED && job->due_at <= rooms.now;
        bool is_wanted = false;
        for (size_t k = 0; k < count; k++)
            is_wanted |= strcmp(kinds[k]->name, job->job.kind) == 0;
        if (!is_wanted || !(is_lost || is_due))
            continue;
        job->job.state = JOB_RUNNING;
        snprintf(job->lease, sizeof job->lease, "%s %u", job->job.id, ++job->job.tries);
        job->lease_until = rooms.now + lease_ms;
        job->output[0] = '\0';
        answer->result = JOBS_OK;
        answer->job = job;
        memcpy(answer->lease, job->lease, sizeof answer->lease);
        return;
    }
}

static void queue_renew(struct jobs *port, uint64_t request, const struct jobs_lease *leases,
                        size_t count, uint64_t lease_ms)
{
    struct queue_answer *answer = queue_answer_new(port, QUEUE_RENEWED, request);
    REQUIRE(count <= 16);
    answer->count = count;
    for (size_t i = 0; i < count && !queue.is_away; i++) {
        struct queue_job *job = queue_find(leases[i].job);
        if (!job || !queue_is_held(job, leases[i].lease)) {
            answer->leases[i] = JOB_LEASE_LOST;
            continue;
        }
        job->lease_until = rooms.now + lease_ms;
        answer->leases[i] = job->is_canceled ? JOB_LEASE_CANCEL : JOB_LEASE_HELD;
    }
}

static void queue_output(struct jobs *port, const char *id, const char *lease, uint64_t i,
                         const char *data, size_t len)
{
    struct queue_job *job = queue_find(id);
    (void)port, (void)i;
    if (job && (!lease || queue_is_held(job, lease)))
        strncat(job->output, data, len < 1000 ? len : 1000);
}

static void queue_settle(struct jobs *port, uint64_t request, const struct jobs_settle *settle)
{
    struct queue_answer *answer = queue_answer_new(port, QUEUE_DONE, request);
    struct queue_job *job = queue_find(settle->job);
    if (queue.is_away || !job)
        return;
    for (size_t i = 0; settle->answer && i < queue.said_count; i++)
        queue.said[i].is_settled |= strcmp(queue.said[i].id, settle->answer) == 0;
    if (settle->lease ? !queue_is_held(job, settle->lease) : job->job.state >= JOB_DONE) {
        answer->result = JOBS_LOST;
        return;
    }
    job->job.state = answer->state = settle->state;
    job->job.code = settle->code;
    job->due_at = rooms.now + settle->again_ms;
    snprintf(job->problem, sizeof job->problem, "%s", settle->problem);
    free(job->bytes);
    job->bytes = settle->bytes ? mem_strndup(settle->bytes, settle->bytes_len) : NULL;
    job->bytes_len = settle->bytes_len;
    queue.events++;
}

static void queue_cancel(struct jobs *port, uint64_t request, const char *project, const char *id)
{
    struct queue_answer *answer = queue_answer_new(port, QUEUE_DONE, request);
    struct queue_job *job = queue_find(id);
    if (queue.is_away)
        return;
    if (!job || (project && strcmp(project, job->job.project) != 0)) {
        answer->result = JOBS_NONE;
    } else if (job->job.state == JOB_RUNNING) {
        job->is_canceled = true;
    } else if (job->job.state == JOB_QUEUED) {
        job->job.state = JOB_CANCELED;
    } else {
        answer->result = JOBS_STATE;
    }
}

static void queue_answers(struct jobs *port, uint64_t request, const struct job_kind *const *kinds,
                          size_t count, uint64_t lease_ms)
{
    (void)kinds, (void)count, (void)lease_ms;
    struct queue_answer *answer = queue_answer_new(port, QUEUE_ANSWERED, request);
    answer->result = JOBS_NONE;
    for (size_t i = 0; i < queue.said_count && answer->result == JOBS_NONE; i++) {
        if (queue.said[i].is_settled || !queue.said[i].job)
            continue;
        answer->result = JOBS_OK;
        answer->job = queue.said[i].job;
        answer->count = i;
        queue.said[i].job = NULL; /* handed out once */
    }
}

static const struct jobs_ops queue_ops = {.add = queue_add,
                                          .take = queue_take,
                                          .renew = queue_renew,
                                          .output = queue_output,
                                          .settle = queue_settle,
                                          .cancel = queue_cancel,
                                          .answers = queue_answers};

static void queue_deliver_said(const struct jobs_sink *sink, const struct queue_answer *answer)
{
    const struct queue_said *said = &queue.said[answer->count];
    struct jobs_answered out = {.request = answer->request, .result = answer->result};
    if (answer->result == JOBS_OK)
        out.answer = (struct jobs_answer){.answer = said->id,
                                          .job = answer->job->job,
                                          .state = said->state,
                                          .output = said->output,
                                          .output_len = said->output ? strlen(said->output) : 0,
                                          .text = said->text,
                                          .text_len = said->text ? strlen(said->text) : 0,
                                          .code = said->code,
                                          .problem = said->problem ? said->problem : ""};
    sink->answered(sink->owner, &out);
}

/* rooms.carry_more: gives on the first answer. */
static bool queue_carry_one(void)
{
    if (queue.answer_count == 0)
        return false;
    struct queue_answer answer = queue.answers[0];
    memmove(queue.answers, queue.answers + 1, --queue.answer_count * sizeof queue.answers[0]);
    const struct jobs_sink *sink = &answer.port->sink;
    if (!sink->owner)
        return true;
    if (answer.what == QUEUE_DONE)
        sink->done(sink->owner, &(struct jobs_done){answer.request, answer.result, answer.state});
    else if (answer.what == QUEUE_TAKEN)
        sink->taken(sink->owner,
                    &(struct jobs_taken){answer.request, answer.result,
                                         answer.job ? answer.job->job : (struct job){0},
                                         answer.lease, UINT64_MAX});
    else if (answer.what == QUEUE_RENEWED)
        sink->renewed(sink->owner, &(struct jobs_renewed){answer.request, answer.result,
                                                          answer.leases, answer.count});
    else
        queue_deliver_said(sink, &answer);
    return true;
}

/* ---- runners ---- */

static void run_start(struct runner *runner, const struct run *run)
{
    REQUIRE(queue.run_count < 64);
    size_t i = queue.run_count++;
    queue.begun++;
    memset(&queue.runs[i], 0, sizeof queue.runs[i]);
    queue.runs[i].instance = runner == &queue.runners[0] ? here : there;
    queue.runs[i].id = run->id;
    for (const char *const *word = run->argv; *word; word++) {
        size_t len = strlen(queue.runs[i].words);
        snprintf(queue.runs[i].words + len, sizeof queue.runs[i].words - len, "%s%s",
                 len ? " " : "", *word);
    }
    snprintf(queue.runs[i].input, sizeof queue.runs[i].input, "%.*s", (int)run->input_len,
             run->input ? run->input : "");
    for (size_t f = 0; f < run->file_count; f++) {
        size_t len = strlen(queue.runs[i].files);
        snprintf(queue.runs[i].files + len, sizeof queue.runs[i].files - len, "%s=%.*s;",
                 run->files[f].path, (int)run->files[f].len, run->files[f].text);
    }
}

static void run_stop(struct runner *runner, uint64_t id)
{
    (void)runner;
    for (size_t i = 0; i < queue.run_count; i++)
        if (queue.runs[i].id == id)
            queue.runs[i].is_stopped = true;
}

static const struct runner_ops run_ops = {run_start, run_stop};

static struct runner *run_owner(size_t i)
{
    return &queue.runners[queue.runs[i].instance == here ? 0 : 1];
}

/* Run i ends so. */
CHECK_UNUSED static void run_end(size_t i, enum run_outcome outcome, int code, const char *output)
{
    const struct runner_sink sink = run_owner(i)->sink;
    const struct run_end end = {queue.runs[i].id,
                                outcome,
                                code,
                                outcome ? "it did not end well" : "",
                                output,
                                output ? strlen(output) : 0,
                                5};
    memmove(&queue.runs[i], &queue.runs[i + 1], (--queue.run_count - i) * sizeof queue.runs[0]);
    if (sink.owner)
        sink.ended(sink.owner, &end);
    rooms_settle();
}

CHECK_UNUSED static void run_print(size_t i, const char *text, size_t len)
{
    const struct runner_sink sink = run_owner(i)->sink;
    sink.output(sink.owner, queue.runs[i].id, text, len);
    rooms_settle();
}

/* ---- the world ---- */

/* Both instances share the queue; who runs commands is said by bits. Behind begin(). */
static void queue_begin(const struct job_kind *const *kinds, size_t count, unsigned runners)
{
    memset(&queue, 0, sizeof queue);
    rooms.carry_more = queue_carry_one;
    for (int i = 0; i < 2; i++) {
        queue.ports[i] = (struct jobs){.ops = &queue_ops, .is_shared = true};
        queue.runners[i].ops = &run_ops;
        registry_set_jobs(rooms.all[i].registry, &queue.ports[i],
                          runners & (1u << i) ? &queue.runners[i] : NULL, kinds, count);
    }
}

/* Before end(). */
static void queue_end(void)
{
    while (queue.run_count)
        run_end(0, RUN_STOPPED, 0, NULL);
    for (size_t i = 0; i < queue.job_count; i++) {
        struct queue_job *job = &queue.jobs[i];
        free((char *)job->job.id);
        free((char *)job->job.project);
        free((char *)job->job.path);
        free((char *)job->job.args);
        free((char *)job->job.user);
        free((char *)job->job.input);
        free((char *)job->job.ep);
        free(job->bytes);
    }
    queue.job_count = 0;
}

#endif
