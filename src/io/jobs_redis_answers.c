/* From the tagged lists of the scripts of jobs to the structs of core's port. What cannot be read
 * as a script says it is JOBS_BUSY: nobody knows. Only the words of programs of others, who may
 * write anything, are read with care of their own: they never keep an answer from being settled.
 * Texts stay in the reply until the sink has returned. */
#include "jobs_redis.h"
#include "state_redis_call.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>

/* An answer as it is being taken apart. */
struct answer {
    struct call *call;
    const struct jobs_sink *sink;
    enum jobs_result result;
    struct reading rest; /* behind the first word */
};

static const struct {
    const char *word;
    enum jobs_result result;
} results[] = {
    {"ok", JOBS_OK},     {"none", JOBS_NONE},   {"full", JOBS_FULL},
    {"lost", JOBS_LOST}, {"state", JOBS_STATE},
};

static void read_result(struct answer *answer)
{
    const char *word = take_text(&answer->rest, NULL);
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (strcmp(results[i].word, word) == 0) {
            answer->result = results[i].result;
            return;
        }
    }
    *answer->rest.is_bad = true;
}

static enum jobs_result result_of(const struct answer *answer)
{
    return *answer->rest.is_bad ? JOBS_BUSY : answer->result;
}

/* ---- a job ---- */

static enum job_state take_state(struct reading *from)
{
    const char *word = take_text(from, NULL);
    for (int state = JOB_QUEUED; state <= JOB_CANCELED; state++)
        if (strcmp(job_state_words[state], word) == 0)
            return (enum job_state)state;
    *from->is_bad = true;
    return JOB_QUEUED;
}

/* Of a text: the scripts keep it as they were given it. */
static int64_t take_code(struct reading *from)
{
    return strtoll(take_text(from, NULL), NULL, 10);
}

static struct job take_job(struct reading *from)
{
    struct reading list = take_list(from);
    struct job job = {.id = take_text(&list, NULL)};
    job.project = take_text(&list, NULL);
    job.kind = take_text(&list, NULL);
    job.f = take_u64(&list);
    job.path = take_text(&list, NULL);
    job.args = take_text(&list, NULL);
    job.by = take_u64(&list);
    job.user = take_text(&list, NULL);
    job.name = take_text(&list, NULL);
    job.cid = take_u64(&list);
    job.ep = take_text(&list, NULL);
    job.v = take_u64(&list);
    job.state = take_state(&list);
    job.tries = (uint32_t)take_u64(&list);
    job.queued_at = take_u64(&list);
    job.started_at = take_u64(&list);
    job.ended_at = take_u64(&list);
    job.code = take_code(&list);
    job.problem = take_text(&list, NULL);
    job.worker = take_text(&list, NULL);
    job.result_len = take_u64(&list);
    job.input = take_bytes(&list, &job.input_len);
    return job;
}

/* ---- answers ---- */

static void answer_done(struct answer *answer)
{
    struct jobs_done done = {.request = answer->call->request};
    if (answer->result == JOBS_OK)
        done.state = take_state(&answer->rest);
    done.result = result_of(answer);
    answer->sink->done(answer->sink->owner, &done);
}

static void answer_taken(struct answer *answer)
{
    struct jobs_taken taken = {.request = answer->call->request, .next_ms = UINT64_MAX};
    if (answer->result == JOBS_OK) {
        taken.job = take_job(&answer->rest);
        taken.lease = take_text(&answer->rest, NULL);
    } else if (answer->result == JOBS_NONE && answer->rest.left > 0) {
        taken.next_ms = take_u64(&answer->rest);
    }
    taken.result = result_of(answer);
    answer->sink->taken(answer->sink->owner, &taken);
}

static enum job_lease_state take_lease_state(struct reading *from)
{
    const char *word = take_text(from, NULL);
    if (strcmp(word, "held") == 0)
        return JOB_LEASE_HELD;
    return strcmp(word, "cancel") == 0 ? JOB_LEASE_CANCEL : JOB_LEASE_LOST;
}

static void answer_renewed(struct answer *answer)
{
    struct jobs_renewed renewed = {.request = answer->call->request};
    enum job_lease_state *states = NULL;
    if (answer->result == JOBS_OK) {
        struct reading list = take_list(&answer->rest);
        states = mem_realloc_array(NULL, list.left, sizeof(*states));
        while (list.left > 0)
            states[renewed.count++] = take_lease_state(&list);
    }
    renewed.states = states;
    renewed.result = result_of(answer);
    answer->sink->renewed(answer->sink->owner, &renewed);
    free(states);
}

static void answer_got(struct answer *answer)
{
    struct jobs_got got = {.request = answer->call->request};
    if (answer->result == JOBS_OK) {
        got.job = take_job(&answer->rest);
        got.output = take_text(&answer->rest, &got.output_len);
        got.bytes = take_bytes(&answer->rest, &got.bytes_len);
    }
    got.result = result_of(answer);
    answer->sink->got(answer->sink->owner, &got);
}

static void answer_listed(struct answer *answer)
{
    struct jobs_listed listed = {.request = answer->call->request};
    struct job *jobs = NULL;
    if (answer->result == JOBS_OK) {
        struct reading list = take_list(&answer->rest);
        jobs = mem_realloc_array(NULL, list.left, sizeof(*jobs));
        while (list.left > 0)
            jobs[listed.count++] = take_job(&list);
    }
    listed.jobs = jobs;
    listed.result = result_of(answer);
    answer->sink->listed(answer->sink->owner, &listed);
    free(jobs);
}

/* ---- of programs of others ---- */

static bool is_sound_text(const char *text, size_t len)
{
    return utf8_valid(text, len) && !memchr(text, '\0', len);
}

static void answer_answered(struct answer *answer)
{
    struct jobs_answered answered = {.request = answer->call->request};
    struct jobs_answer *said = &answered.answer;
    size_t problem_len;
    if (answer->result == JOBS_OK) {
        said->answer = take_text(&answer->rest, NULL);
        said->job = take_job(&answer->rest);
        said->state = take_state(&answer->rest);
        said->output = take_bytes(&answer->rest, &said->output_len);
        said->text = take_bytes(&answer->rest, &said->text_len);
        said->code = take_code(&answer->rest);
        said->problem = take_bytes(&answer->rest, &problem_len);
        if (!said->problem || !is_sound_text(said->problem, problem_len))
            said->problem = "";
        if (said->output && !is_sound_text(said->output, said->output_len))
            said->output = NULL, said->output_len = 0;
        if (said->text && !is_sound_text(said->text, said->text_len)) {
            said->text = NULL, said->text_len = 0;
            said->state = JOB_FAILED;
            said->problem = "the text that was answered is not UTF-8";
        }
    }
    answered.result = result_of(answer);
    answer->sink->answered(answer->sink->owner, &answered);
}

/* ---- all of them ---- */

static void (*function_of(enum script script))(struct answer *)
{
    switch (script) {
    case SCRIPT_JOB_TAKE:
        return answer_taken;
    case SCRIPT_JOB_RENEW:
        return answer_renewed;
    case SCRIPT_JOB_GET:
        return answer_got;
    case SCRIPT_JOB_LIST:
        return answer_listed;
    case SCRIPT_JOB_ANSWERS:
        return answer_answered;
    case SCRIPT_JOB_OUTPUT:
        return NULL;
    default:
        return answer_done;
    }
}

void jobs_redis_answer(struct call *call, struct redisReply *reply)
{
    const struct jobs *jobs = call->owner;
    void (*function)(struct answer *) = function_of(call->script);
    bool is_bad = false;
    struct answer answer = {
        .call = call, .sink = &jobs->sink, .result = JOBS_BUSY, .rest = {.is_bad = &is_bad}};
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        call_complain(call, reply->str);
    } else if (reply) {
        answer.rest = reading_of(reply, &is_bad);
        read_result(&answer);
    }
    if (function && jobs->sink.owner)
        function(&answer);
}
