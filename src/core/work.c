/* One job here:
 *
 *     READ (what it needs of the project's texts) → RUN → EDIT (where it changes a file) → SETTLE
 *
 * A lease says that it is ours; it is renewed while the work goes on. Where it was lost, somebody
 * else does the job, and nothing that we would say is heard any more. What is done twice has its
 * effect once: the edit is number 1 of the job's own cid.
 *
 * The answer of a program of others begins at EDIT, with the text that it was given. */
#include "work_one.h"
#include "backoff.h"
#include "printed.h"
#include "root.h"
#include "weft/base/list.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/core/runner.h"
#include "weft/text/lines.h"
#include "weft/text/rope.h"
#include "work.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

struct work *work_new(struct registry *registry, const struct job_kind *kind, const struct job *job)
{
    struct work *work = mem_zalloc(sizeof *work);
    work->registry = registry;
    work->id = registry_id(registry);
    work->kind = kind;
    work->job = (struct job){.id = mem_strdup(job->id),
                             .project = mem_strdup(job->project),
                             .kind = kind->name,
                             .f = job->f,
                             .path = mem_strdup(job->path ? job->path : ""),
                             .args = mem_strdup(job->args ? job->args : "{}"),
                             .by = job->by,
                             .user = mem_strdup(job->user ? job->user : ""),
                             .cid = job->cid,
                             .tries = job->tries};
    buf_init(&work->printed);
    TAILQ_INSERT_TAIL(&registry->jobs.works, work, link);
    registry->counts.jobs_running = ++registry->jobs.work_count;
    return work;
}

void work_free(struct work *work)
{
    struct registry *registry = work->registry;
    for (size_t i = 0; i < registry->jobs.renewing_count; i++)
        if (registry->jobs.renewing[i] == work)
            registry->jobs.renewing[i] = NULL;
    TAILQ_REMOVE(&registry->jobs.works, work, link);
    registry->counts.jobs_running = --registry->jobs.work_count;
    free((char *)work->job.id);
    free((char *)work->job.project);
    free((char *)work->job.path);
    free((char *)work->job.args);
    free((char *)work->job.user);
    free(work->lease);
    free(work->answer);
    free(work->ep);
    free(work->problem);
    free(work->base.text);
    free(work->text.text);
    free(work->bytes.text);
    work_files_close(&work->files);
    buf_close(&work->printed);
    free(work);
}

static struct work *find(const struct registry *registry, uint64_t id)
{
    struct work *work;
    TAILQ_FOREACH(work, &registry->jobs.works, link)
    if (work->id == id)
        break;
    return work;
}

static struct jobs *port_of(const struct work *work)
{
    return work->registry->jobs.port;
}

/* ---- the end ---- */

static uint64_t again_ms(const struct work *work)
{
    const struct job_kind *kind = work->kind;
    uint32_t doublings = work->job.tries > 1 ? work->job.tries - 1 : 0;
    uint64_t wait = kind->retry_ms << (doublings < 20 ? doublings : 20);
    if (wait > kind->retry_most_ms)
        wait = kind->retry_most_ms;
    return wait / 2 + registry_random(work->registry) % (wait + 1);
}

static void settle_now(struct work *work)
{
    struct jobs *port = port_of(work);
    work->retry_ms = 0;
    port->ops->settle(port, work->id, &work->settle);
}

void work_settle(struct work *work, enum job_state state, const char *problem, int64_t code)
{
    if (work->is_lost) {
        work_free(work);
        return;
    }
    free(work->problem);
    work->problem = mem_strdup(problem);
    work->phase = WORK_SETTLE;
    work->settle = (struct jobs_settle){.job = work->job.id,
                                        .lease = work->lease,
                                        .answer = work->answer,
                                        .state = state,
                                        .code = code,
                                        .problem = work->problem,
                                        .bytes = work->bytes.text,
                                        .bytes_len = work->bytes.len};
    if (state == JOB_QUEUED)
        work->settle.again_ms = work->is_put_back ? 0 : again_ms(work);
    settle_now(work);
}

/* It is tried again, unless that makes no sense or it was tried often enough. */
void work_fail(struct work *work, const char *problem, int64_t code, bool for_good)
{
    bool is_last = for_good || work->job.tries >= work->kind->tries;
    log_info("job failed job=%s kind=%s project=%s tries=%u last=%d problem=\"%s\"", work->job.id,
             work->kind->name, work->job.project, work->job.tries, is_last, problem);
    work_settle(work, is_last ? JOB_FAILED : JOB_QUEUED, problem, code);
}

static void count_end(struct registry *registry, enum job_state state)
{
    registry->counts.jobs_done += state == JOB_DONE;
    registry->counts.jobs_failed += state == JOB_FAILED;
    registry->counts.jobs_canceled += state == JOB_CANCELED;
    registry->counts.jobs_retried += state == JOB_QUEUED;
}

void work_settled(struct registry *registry, const struct jobs_done *answer)
{
    struct work *work = find(registry, answer->request);
    if (!work || work->phase != WORK_SETTLE)
        return;
    if (answer->result == JOBS_BUSY && !work->is_lost) {
        work->retry_ms = registry->now_ms + backoff_ms(registry, work->failures++);
        return;
    }
    if (answer->result == JOBS_OK)
        count_end(registry, work->settle.state);
    else
        registry->counts.jobs_lost++;
    work_free(work);
    work_hurry(registry);
    registry->jobs.answers_ms = 0;
}

/* ---- EDIT ---- */

static void edited(void *owner, enum err result, uint64_t v)
{
    struct work *work = owner;
    (void)v;
    if (!work->registry->jobs.port->sink.owner)
        return; /* all is over */
    switch (result) {
    case ERR_OK:
        work->registry->counts.job_edits++;
        work_settle(work, JOB_DONE, "", 0);
        break;
    case ERR_BUSY:
        work->retry_ms = work->registry->now_ms + backoff_ms(work->registry, work->failures++);
        break;
    case ERR_STALE:
        work_fail(work, "the file has moved on too far meanwhile", 0, work->answer != NULL);
        break;
    default:
        work_fail(work, err_text(result), 0, true);
    }
}

void work_edit(struct work *work)
{
    const struct server_edit server_edit = {.project = work->job.project,
                                            .ep = work->ep,
                                            .f = work->job.f,
                                            .v = work->v,
                                            .base = work->base.text,
                                            .base_len = work->base.len,
                                            .text = work->text.text,
                                            .len = work->text.len,
                                            .cid = work->job.cid,
                                            .user = work->job.user};
    work->phase = WORK_EDIT;
    work->retry_ms = 0;
    registry_edit_file(work->registry, &server_edit, work, edited);
}

void work_take_text(struct work *work, const char *text, size_t len)
{
    const char *eol;
    work->text.text = mem_strndup(text, len);
    work->text.len = lines_normalise(work->text.text, len, &eol);
}

/* ---- RUN ---- */

/* Gives on what was printed, in pieces. */
void work_tell_printed(struct work *work, bool is_over)
{
    struct jobs *port = port_of(work);
    struct buf piece = BUF_EMPTY;
    size_t done = 0, took;
    do {
        buf_reset(&piece);
        took = printed_take(&piece, work->printed.data + done, work->printed.len - done,
                            JOB_OUT_MAX, is_over);
        done += took;
        if (piece.len && !work->is_lost)
            port->ops->output(port, work->job.id, work->lease, work->piece++, piece.data,
                              piece.len);
    } while (took);
    work->printed.len -= done;
    if (done)
        memmove(work->printed.data, work->printed.data + done, work->printed.len);
    buf_close(&piece);
}

void work_printed(void *owner, uint64_t id, const char *data, size_t len)
{
    struct work *work = find(owner, id);
    if (work)
        buf_add(&work->printed, data, len);
}

static void ran_well(struct work *work, const struct run_end *end)
{
    if (work->kind->output == JOB_OUTPUT_EDIT) {
        work_take_text(work, end->output ? end->output : "", end->output_len);
        work_edit(work);
        return;
    }
    if (work->kind->output == JOB_OUTPUT_FILE) {
        work->bytes.text = mem_strndup(end->output ? end->output : "", end->output_len);
        work->bytes.len = end->output_len;
    }
    work_settle(work, JOB_DONE, "", 0);
}

void work_ended(void *owner, const struct run_end *end)
{
    struct work *work = find(owner, end->id);
    char problem[160];
    if (!work)
        return;
    if (work->printed.len)
        work_tell_printed(work, true);
    if (work->is_canceled) {
        work_settle(work, JOB_CANCELED, "", end->code);
    } else if (work->is_put_back) {
        work_settle(work, JOB_QUEUED, "the worker stopped", 0);
    } else if (end->outcome == RUN_EXITED && end->code == 0) {
        ran_well(work, end);
    } else {
        snprintf(problem, sizeof problem, "exit code %d", end->code);
        work_fail(work, end->outcome == RUN_EXITED ? problem : end->problem, end->code, false);
    }
}

static void run(struct work *work)
{
    struct runner *runner = work->registry->jobs.runner;
    if (work->is_canceled || work->is_lost) {
        work_settle(work, JOB_CANCELED, "", 0);
        return;
    }
    char **argv = work_argv(work->kind->command, &work->job);
    const struct run it = {.id = work->id,
                           .argv = (const char *const *)argv,
                           .input = work->base.text,
                           .input_len = work->base.len,
                           .files = work->files.list,
                           .file_count = work->files.count,
                           .time_ms = work->kind->time_ms,
                           .memory = work->kind->memory,
                           .output_max = work->kind->output_max,
                           .keep_output = work->kind->output != JOB_OUTPUT_TEXT};
    work->phase = WORK_RUN;
    runner->ops->start(runner, &it);
    work_argv_free(argv);
    work_files_close(&work->files);
}

/* ---- READ ---- */

/* False where nothing can be read now, or ever. */
static bool is_read(struct work *work, enum err result)
{
    if (!work->registry->jobs.port->sink.owner)
        return false; /* all is over */
    if (result == ERR_OK)
        return true;
    if (result == ERR_BUSY)
        work->retry_ms = work->registry->now_ms + backoff_ms(work->registry, work->failures++);
    else
        work_fail(work, err_text(result), 0, result != ERR_INTERNAL);
    return false;
}

static void text_read(void *owner, const struct query_file *answer)
{
    struct work *work = owner;
    if (!is_read(work, answer->result))
        return;
    work->base = work_text_of(answer->text);
    work->v = answer->v;
    free(work->ep);
    work->ep = mem_strdup(answer->ep);
    free((char *)work->job.path);
    work->job.path = mem_strdup(answer->path); /* it may have been renamed */
    run(work);
}

static void read_next(struct work *work);

static void next_read(void *owner, const struct query_file *answer)
{
    struct work *work = owner;
    bool is_over = !work->registry->jobs.port->sink.owner;
    bool is_gone = answer->result == ERR_GONE || answer->result == ERR_NO_FILE;
    if (is_over || (!is_gone && !is_read(work, answer->result)))
        return;
    if (!is_gone)
        work_files_add(&work->files, answer);
    work->files.next++;
    read_next(work);
}

static void read_next(struct work *work)
{
    if (work->files.next < work->files.total)
        registry_query_file_by_id(work->registry, work->job.project,
                                  work->files.ids[work->files.next], work, next_read);
    else
        run(work);
}

static void project_read(void *owner, const struct query_project *answer)
{
    struct work *work = owner;
    if (!is_read(work, answer->result))
        return;
    work_files_begin(&work->files, answer);
    read_next(work);
}

void work_read(struct work *work)
{
    struct registry *registry = work->registry;
    work->phase = WORK_READ;
    work->retry_ms = 0;
    if (work->kind->input == JOB_INPUT_FILE)
        registry_query_file_by_id(registry, work->job.project, work->job.f, work, text_read);
    else if (work->kind->input == JOB_INPUT_PROJECT && !work->files.ids)
        registry_query_project(registry, work->job.project, work, project_read);
    else if (work->kind->input == JOB_INPUT_PROJECT)
        read_next(work);
    else
        run(work);
}

/* ---- the clock ---- */

void work_stop_run(struct work *work)
{
    struct runner *runner = work->registry->jobs.runner;
    if (work->phase == WORK_RUN)
        runner->ops->stop(runner, work->id);
}

void work_retry(struct work *work)
{
    if (work->is_lost && work->phase != WORK_RUN)
        work_free(work);
    else if (work->is_canceled && work->phase == WORK_READ)
        work_settle(work, JOB_CANCELED, "", 0);
    else if (work->phase == WORK_READ)
        work_read(work);
    else if (work->phase == WORK_EDIT)
        work_edit(work);
    else
        settle_now(work);
}
