/* Between the queue and the work: takes jobs while there is room for them, hands on the answers of
 * programs of others, renews leases, and makes calls again whose time has come. */
#include "weft/base/list.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "work.h"
#include "work_one.h"
#include <stdlib.h>

#define ANSWERS_MS 250u /* how often answers of others are asked for */

/* ---- taking ---- */

static void begin(struct registry *registry, const struct jobs_taken *answer)
{
    const struct job_kind *kind = registry_job_kind(registry, answer->job.kind);
    if (!kind || !kind->command)
        return; /* its lease ends by itself */
    struct work *work = work_new(registry, kind, &answer->job);
    work->lease = mem_strdup(answer->lease);
    registry->counts.jobs_begun++;
    log_info("job begun job=%s kind=%s project=%s tries=%u", work->job.id, kind->name,
             work->job.project, work->job.tries);
    if (registry->drain.active) {
        work->is_put_back = true;
        work_settle(work, JOB_QUEUED, "the worker stops", 0);
    } else {
        work_read(work);
    }
}

void work_taken(void *owner, const struct jobs_taken *answer)
{
    struct registry *registry = owner;
    if (answer->request != registry->jobs.take_id)
        return;
    registry->jobs.take_id = 0;
    if (answer->result == JOBS_OK) {
        registry->jobs.take_ms = 0;
        begin(registry, answer);
        return;
    }
    uint64_t wait = registry->config.jobs_take_ms;
    if (answer->result == JOBS_NONE && !registry->jobs.port->is_shared)
        wait = answer->next_ms;      /* nobody else can add any */
    if (registry->jobs.take_ms != 0) /* else one was added meanwhile */
        registry->jobs.take_ms = wait == UINT64_MAX ? UINT64_MAX : registry->now_ms + wait;
}

void work_hurry(struct registry *registry)
{
    registry->jobs.take_ms = 0;
}

static void take(struct registry *registry)
{
    struct jobs *port = registry->jobs.port;
    if (!registry->jobs.runner || registry->jobs.take_id || registry->drain.active ||
        registry->now_ms < registry->jobs.take_ms || registry->jobs.command_count == 0 ||
        registry->jobs.work_count >= registry->config.jobs_at_once)
        return;
    registry->jobs.take_id = registry_id(registry);
    registry->jobs.take_ms = 1; /* 0 again where work_hurry() comes before the answer */
    port->ops->take(port, registry->jobs.take_id, registry->jobs.commands,
                    registry->jobs.command_count, registry->config.job_lease_ms);
}

/* ---- answers of programs of others ---- */

void work_answered(void *owner, const struct jobs_answered *answer)
{
    struct registry *registry = owner;
    const struct jobs_answer *said = &answer->answer;
    if (answer->request != registry->jobs.answers_id)
        return;
    registry->jobs.answers_id = 0;
    const struct job_kind *kind =
        answer->result == JOBS_OK ? registry_job_kind(registry, said->job.kind) : NULL;
    if (!kind)
        return;
    registry->jobs.answers_ms = 0; /* more may be there */
    struct work *work = work_new(registry, kind, &said->job);
    work->answer = mem_strdup(said->answer);
    if (said->output && said->output_len) {
        buf_add(&work->printed, said->output, said->output_len);
        work_tell_printed(work, true);
    }
    if (said->state == JOB_RUNNING) {
        work_settle(work, JOB_RUNNING, "", 0);
    } else if (said->state == JOB_FAILED) {
        work_fail(work, said->problem && said->problem[0] ? said->problem : "it said so",
                  said->code, false);
    } else if (said->text && said->job.input && said->job.ep) {
        work->base = (struct work_text){mem_strndup(said->job.input, said->job.input_len),
                                        said->job.input_len};
        work->ep = mem_strdup(said->job.ep);
        work->v = said->job.v;
        work_take_text(work, said->text, said->text_len);
        work_edit(work);
    } else {
        work_settle(work, JOB_DONE, "", said->code);
    }
}

static void ask_answers(struct registry *registry)
{
    struct jobs *port = registry->jobs.port;
    if (!port->is_shared || registry->jobs.other_count == 0 || registry->jobs.answers_id ||
        registry->now_ms < registry->jobs.answers_ms || registry->drain.active ||
        registry->jobs.work_count >= 2 * registry->config.jobs_at_once)
        return;
    registry->jobs.answers_id = registry_id(registry);
    registry->jobs.answers_ms = registry->now_ms + ANSWERS_MS;
    port->ops->answers(port, registry->jobs.answers_id, registry->jobs.others,
                       registry->jobs.other_count, registry->config.job_lease_ms);
}

/* ---- leases ---- */

void work_renewed(void *owner, const struct jobs_renewed *answer)
{
    struct registry *registry = owner;
    if (answer->request != registry->jobs.renew_id)
        return;
    registry->jobs.renew_id = 0;
    for (size_t i = 0; i < registry->jobs.renewing_count && i < answer->count; i++) {
        struct work *work = registry->jobs.renewing[i];
        if (!work || answer->result != JOBS_OK || answer->states[i] == JOB_LEASE_HELD)
            continue;
        if (answer->states[i] == JOB_LEASE_LOST && !work->is_lost && work->phase != WORK_SETTLE) {
            work->is_lost = true;
            registry->counts.jobs_lost++;
        }
        work->is_canceled |= answer->states[i] == JOB_LEASE_CANCEL;
        work_stop_run(work);
    }
    registry->jobs.renewing_count = 0;
}

static void renew(struct registry *registry)
{
    struct jobs *port = registry->jobs.port;
    struct work *work;
    size_t count = 0;
    if (registry->jobs.renew_id || registry->now_ms < registry->jobs.renew_ms ||
        registry->jobs.work_count == 0)
        return;
    struct jobs_lease *leases =
        mem_realloc_array(NULL, registry->jobs.work_count, sizeof leases[0]);
    registry->jobs.renewing = mem_realloc_array(registry->jobs.renewing, registry->jobs.work_count,
                                                sizeof registry->jobs.renewing[0]);
    TAILQ_FOREACH(work, &registry->jobs.works, link)
    {
        if (!work->lease || work->is_lost)
            continue;
        registry->jobs.renewing[count] = work;
        leases[count++] = (struct jobs_lease){work->job.id, work->lease};
    }
    registry->jobs.renewing_count = count;
    registry->jobs.renew_ms = registry->now_ms + registry->config.job_lease_ms / 6;
    if (count) {
        registry->jobs.renew_id = registry_id(registry);
        port->ops->renew(port, registry->jobs.renew_id, leases, count,
                         registry->config.job_lease_ms);
    }
    free(leases);
}

/* ---- the clock ---- */

/* At the end of a drain: others do what is not done. What waits for a call to be made again is not
 * waited for. */
static void put_back(struct work *work)
{
    bool is_stuck = work->retry_ms != 0;
    if (is_stuck && (work->answer || work->phase == WORK_SETTLE)) {
        work_free(work); /* others get it when its lease, or the answer's, has ended */
    } else if (is_stuck) {
        work->is_put_back = true;
        work_settle(work, JOB_QUEUED, "the worker stopped", 0);
    } else if (work->phase == WORK_RUN && !work->is_put_back) {
        work->is_put_back = true;
        work_stop_run(work);
    }
}

void work_tick(struct registry *registry)
{
    struct work *work, *next;
    if (!registry->jobs.port)
        return;
    LIST_EACH_SAFE(work, &registry->jobs.works, link, next)
    {
        if (work->printed.len)
            work_tell_printed(work, false);
        if (registry->drain.closed)
            put_back(work);
        else if (work->retry_ms && registry->now_ms >= work->retry_ms)
            work_retry(work);
    }
    take(registry);
    ask_answers(registry);
    renew(registry);
}

bool work_needs_ticks(const struct registry *registry)
{
    if (!registry->jobs.port)
        return false;
    bool takes = registry->jobs.runner && registry->jobs.command_count &&
                 registry->jobs.take_ms != UINT64_MAX;
    bool asks = registry->jobs.port->is_shared && registry->jobs.other_count;
    return takes || asks || registry->jobs.work_count || !TAILQ_EMPTY(&registry->jobs.asks);
}

bool work_is_done(const struct registry *registry)
{
    return registry->jobs.work_count == 0 && !registry->jobs.take_id;
}

/* ---- all ---- */

void work_init(struct registry *registry)
{
    TAILQ_INIT(&registry->jobs.works);
}

void work_set_runner(struct registry *registry, struct runner *runner)
{
    size_t count = registry->jobs.kind_count;
    registry->jobs.runner = runner;
    registry->jobs.commands = mem_realloc_array(NULL, count + 1, sizeof registry->jobs.commands[0]);
    registry->jobs.others = mem_realloc_array(NULL, count + 1, sizeof registry->jobs.others[0]);
    for (size_t i = 0; i < count; i++) {
        const struct job_kind *kind = registry->jobs.kinds[i];
        if (kind->command)
            registry->jobs.commands[registry->jobs.command_count++] = kind;
        else
            registry->jobs.others[registry->jobs.other_count++] = kind;
    }
    if (runner)
        runner->sink =
            (struct runner_sink){.owner = registry, .output = work_printed, .ended = work_ended};
}

void work_stop(struct registry *registry)
{
    struct work *work;
    TAILQ_FOREACH(work, &registry->jobs.works, link)
    work_stop_run(work);
    if (registry->jobs.runner)
        registry->jobs.runner->sink = (struct runner_sink){.owner = NULL};
}

void work_close(struct registry *registry)
{
    while (!TAILQ_EMPTY(&registry->jobs.works))
        work_free(TAILQ_FIRST(&registry->jobs.works));
    free(registry->jobs.renewing);
    free(registry->jobs.commands);
    free(registry->jobs.others);
}
