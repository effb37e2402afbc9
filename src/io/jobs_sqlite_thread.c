/* The embedded queue of jobs, on the storage thread: rows of a table. What changes a job's state
 * tells its project in the same transaction. There is one process, so a lease is only a word for
 * one try of a job; what ran when the process ended is queued again at the next start, and its try
 * counts. */
#include "storage_thread.h"
#include "weft/base/blob.h"
#include "weft/base/buf.h"
#include "weft/base/random.h"
#include "weft/protocol/jobs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FAILED_KEPT 30u /* times as long as what went well */

static const char *const state_names[] = {"queued", "running", "done", "failed", "canceled"};

/* A row. */
struct row {
    struct job job;
    const char *lease;
    uint64_t output_max;
    bool is_canceled;
};

/* ---- rows ---- */

static const char *copy_column(struct request *request, sqlite3_stmt *read, int at)
{
    return request_copy_text(request, column_text(read, at));
}

static struct row take_row(struct request *request, sqlite3_stmt *read)
{
    struct row row = {.lease = copy_column(request, read, 17),
                      .output_max = column_u64(read, 18),
                      .is_canceled = column_u64(read, 19) != 0};
    row.job = (struct job){.id = copy_column(request, read, 0),
                           .project = copy_column(request, read, 1),
                           .kind = copy_column(request, read, 2),
                           .f = column_u64(read, 3),
                           .path = copy_column(request, read, 4),
                           .args = copy_column(request, read, 5),
                           .by = column_u64(read, 6),
                           .user = copy_column(request, read, 7),
                           .name = copy_column(request, read, 8),
                           .cid = column_u64(read, 9),
                           .state = (enum job_state)column_u64(read, 10),
                           .tries = (uint32_t)column_u64(read, 11),
                           .queued_at = column_u64(read, 12),
                           .started_at = column_u64(read, 13),
                           .ended_at = column_u64(read, 14),
                           .code = (int64_t)column_u64(read, 15),
                           .problem = copy_column(request, read, 16),
                           .worker = "",
                           .result_len = column_u64(read, 20)};
    if (row.job.state > JOB_CANCELED)
        row.job.state = JOB_FAILED;
    return row;
}

/* False: there is none of this id (in the project that is asked for). */
static bool read_row(struct storage *storage, struct request *request, const char *id,
                     struct row *out)
{
    sqlite3_stmt *read = database_statement(&storage->database, STATEMENT_JOB_READ);
    const char *project = request->u.job.project;
    int code;
    bind_text(read, 1, id);
    if (!database_row(&storage->database, read, &code))
        return false;
    *out = take_row(request, read);
    sqlite3_reset(read);
    return !project[0] || strcmp(project, out->job.project) == 0;
}

static uint64_t count(struct storage *storage, enum statement which, const char *text)
{
    sqlite3_stmt *read = database_statement(&storage->database, which);
    int code;
    bind_text(read, 1, text);
    uint64_t number = database_row(&storage->database, read, &code) ? column_u64(read, 0) : 0;
    sqlite3_reset(read);
    return number;
}

static void write_id(struct storage *storage, enum statement which, const char *id)
{
    sqlite3_stmt *write = database_statement(&storage->database, which);
    bind_text(write, 1, id);
    database_write(&storage->database, write);
}

/* ---- what the room is told ---- */

static void tell(struct request *request, const char *project, uint64_t e, const struct buf *text)
{
    struct job_event *event = &request->answer.jobs.events[request->answer.jobs.event_count++];
    *event = (struct job_event){project, e, blob_new(text->data, text->len)};
}

static bool is_over(enum job_state state)
{
    return state >= JOB_DONE;
}

/* The job is in this state now. A project that is gone hears nothing. */
static void tell_state(struct storage *storage, struct request *request, const struct job *job,
                       uint64_t again_ms)
{
    struct project *project = truth_find_project(&storage->truth, job->project);
    struct buf text = BUF_EMPTY;
    if (!project || project->broken)
        return;
    bool was_begun = job->started_at && job->ended_at >= job->started_at;
    struct job_words words = {.job = job->id,
                              .kind = job->kind,
                              .user = job->user,
                              .path = job->path,
                              .state = state_names[job->state],
                              .problem = job->state == JOB_RUNNING ? "" : job->problem,
                              .e = ++project->e,
                              .by = job->by,
                              .f = job->f,
                              .tries = job->tries,
                              .again_ms = again_ms,
                              .is_over = is_over(job->state),
                              .code = job->code};
    if (is_over(job->state) && was_begun)
        words.ms = job->ended_at - job->started_at;
    encode_job_event(&text, &words);
    write_event(storage, project, &text);
    tell(request, job->project, project->e, &text);
    buf_close(&text);
}

/* ---- add ---- */

static void write_job(struct storage *storage, const struct job *job, uint64_t now)
{
    sqlite3_stmt *add = database_statement(&storage->database, STATEMENT_JOB_ADD);
    bind_text(add, 1, job->id);
    bind_text(add, 2, job->project);
    bind_text(add, 3, job->kind);
    bind_u64(add, 4, job->f);
    bind_text(add, 5, job->path);
    bind_text(add, 6, job->args);
    bind_u64(add, 7, job->by);
    bind_text(add, 8, job->user);
    bind_text(add, 9, job->name);
    bind_u64(add, 10, job->cid);
    bind_u64(add, 11, now);
    bind_u64(add, 12, now);
    database_write(&storage->database, add);
}

static void forget_old(struct storage *storage, uint64_t keep_ms, uint64_t now)
{
    sqlite3_stmt *forget = database_statement(&storage->database, STATEMENT_JOBS_FORGET);
    bind_u64(forget, 1, now > keep_ms ? now - keep_ms : 0);
    bind_u64(forget, 2, now > FAILED_KEPT * keep_ms ? now - FAILED_KEPT * keep_ms : 0);
    database_write(&storage->database, forget);
    if (sqlite3_changes(storage->database.handle) > 0)
        database_write(&storage->database,
                       database_statement(&storage->database, STATEMENT_JOBS_OUTPUT_FORGET));
}

static enum jobs_result add(struct storage *storage, struct request *request)
{
    const struct job_request *asked = &request->u.job;
    struct row row;
    uint64_t now = wall_ms();
    bool is_there = read_row(storage, request, asked->id, &row);
    request->answer.jobs.state = is_there ? row.job.state : JOB_QUEUED;
    if (is_there)
        return JOBS_OK;
    if (count(storage, STATEMENT_JOBS_OPEN, asked->project) >= asked->waiting_max)
        return JOBS_FULL;
    if (!storage_begin(storage, request))
        return JOBS_BUSY;
    struct job job = asked->job;
    job.id = asked->id;
    job.project = asked->project;
    job.problem = "";
    job.state = JOB_QUEUED;
    forget_old(storage, asked->keep_ms, now);
    write_job(storage, &job, now);
    tell_state(storage, request, &job, 0);
    return JOBS_OK;
}

/* ---- take ---- */

/* When may another job of the kind begin? 0: now; UINT64_MAX: when one of them has ended. */
static uint64_t free_at(struct storage *storage, const struct job_kind *kind, uint64_t now)
{
    if (kind->concurrency &&
        count(storage, STATEMENT_JOBS_RUNNING, kind->name) >= kind->concurrency)
        return UINT64_MAX;
    if (kind->limit_ms == 0 || kind->limit_count == 0)
        return 0;
    sqlite3_stmt *read = database_statement(&storage->database, STATEMENT_JOB_BEGUN_COUNT);
    int code;
    bind_text(read, 1, kind->name);
    bind_u64(read, 2, now > kind->limit_ms ? now - kind->limit_ms : 0);
    bool is_full =
        database_row(&storage->database, read, &code) && column_u64(read, 0) >= kind->limit_count;
    uint64_t oldest = is_full ? column_u64(read, 1) : 0;
    sqlite3_reset(read);
    return is_full ? oldest + kind->limit_ms : 0;
}

struct choice {
    const struct job_kind *kind;
    const char *id;
    uint64_t due_at, seq;
    uint64_t next_at; /* when something may be due, where nothing is */
};

/* The kind's longest waiting job, if it is before what was chosen. */
static void consider(struct storage *storage, struct request *request, const struct job_kind *kind,
                     uint64_t now, struct choice *best)
{
    sqlite3_stmt *read = database_statement(&storage->database, STATEMENT_JOBS_NEXT);
    int code;
    bind_text(read, 1, kind->name);
    if (!database_row(&storage->database, read, &code))
        return;
    struct choice one = {kind, copy_column(request, read, 0), column_u64(read, 1),
                         column_u64(read, 2), 0};
    sqlite3_reset(read);
    uint64_t at = free_at(storage, kind, now);
    if (at < one.due_at)
        at = one.due_at;
    if (at > now) {
        if (at < best->next_at)
            best->next_at = at;
    } else if (!best->id || one.due_at < best->due_at ||
               (one.due_at == best->due_at && one.seq < best->seq)) {
        one.next_at = best->next_at;
        *best = one;
    }
}

static void write_begun(struct storage *storage, const struct choice *chosen, const char *lease,
                        uint64_t now)
{
    struct database *database = &storage->database;
    sqlite3_stmt *begin = database_statement(database, STATEMENT_JOB_BEGIN);
    bind_u64(begin, 1, now);
    bind_text(begin, 2, lease);
    bind_u64(begin, 3, chosen->kind->output_max);
    bind_text(begin, 4, chosen->id);
    database_write(database, begin);
    write_id(storage, STATEMENT_JOB_OUTPUT_CLEAR, chosen->id);
    if (chosen->kind->limit_ms == 0)
        return;
    sqlite3_stmt *forget = database_statement(database, STATEMENT_JOB_BEGUN_FORGET);
    bind_text(forget, 1, chosen->kind->name);
    bind_u64(forget, 2, now > chosen->kind->limit_ms ? now - chosen->kind->limit_ms : 0);
    database_write(database, forget);
    sqlite3_stmt *note = database_statement(database, STATEMENT_JOB_BEGUN_ADD);
    bind_text(note, 1, chosen->kind->name);
    bind_u64(note, 2, now);
    database_write(database, note);
}

static void write_end(struct storage *storage, const struct job *job, uint64_t due_at,
                      const char *bytes, size_t bytes_len)
{
    sqlite3_stmt *end = database_statement(&storage->database, STATEMENT_JOB_END);
    bind_u64(end, 1, job->state);
    bind_u64(end, 2, job->ended_at);
    bind_u64(end, 3, (uint64_t)job->code);
    bind_text(end, 4, job->problem);
    if (bytes)
        sqlite3_bind_blob64(end, 5, bytes, bytes_len, SQLITE_STATIC);
    else
        sqlite3_bind_null(end, 5);
    bind_u64(end, 6, due_at);
    bind_text(end, 7, job->id);
    database_write(&storage->database, end);
}

/* It was canceled as it ran, or has brought down the process so often that it is not begun again.
 */
static void end_unbegun(struct storage *storage, struct request *request, struct row *row,
                        uint64_t now)
{
    row->job.state = row->is_canceled ? JOB_CANCELED : JOB_FAILED;
    row->job.ended_at = now;
    row->job.problem = row->is_canceled ? "" : "the server ended each time that it ran";
    write_end(storage, &row->job, 0, NULL, 0);
    tell_state(storage, request, &row->job, 0);
}

static enum jobs_result take(struct storage *storage, struct request *request)
{
    const struct job_request *asked = &request->u.job;
    uint64_t now = wall_ms();
    struct choice best = {.next_at = UINT64_MAX};
    struct row row;
    for (size_t i = 0; i < asked->count; i++)
        consider(storage, request, asked->kinds[i], now, &best);
    request->answer.jobs.next_ms = best.next_at == UINT64_MAX ? UINT64_MAX : best.next_at - now + 1;
    if (!best.id || !read_row(storage, request, best.id, &row))
        return JOBS_NONE;
    if (!storage_begin(storage, request))
        return JOBS_BUSY;
    if (row.is_canceled || row.job.tries >= best.kind->tries) {
        end_unbegun(storage, request, &row, now);
        request->answer.jobs.next_ms = 0;
        return JOBS_NONE;
    }
    char lease[64]; /* of this try alone: a job that is retried counts its tries anew */
    snprintf(lease, sizeof lease, "%s %u %016" PRIx64, best.id, ++row.job.tries, random_u64());
    row.job.state = JOB_RUNNING;
    row.job.started_at = now;
    write_begun(storage, &best, lease, now);
    tell_state(storage, request, &row.job, 0);
    request->answer.jobs.job = row.job;
    request->answer.jobs.lease = request_copy_text(request, lease);
    return JOBS_OK;
}

/* ---- while it runs ---- */

static bool is_held(const struct row *row, const char *lease)
{
    return row->job.state == JOB_RUNNING && lease && strcmp(row->lease, lease) == 0;
}

/* Whoever had it then has said what became of it. */
static bool is_settled(const struct row *row, const char *lease)
{
    return row->job.state != JOB_RUNNING && lease && lease[0] && strcmp(row->lease, lease) == 0;
}

static enum jobs_result renew(struct storage *storage, struct request *request)
{
    const struct job_request *asked = &request->u.job;
    enum job_lease_state *states = request_alloc(request, (asked->count + 1) * sizeof states[0]);
    for (size_t i = 0; i < asked->count; i++) {
        struct row row;
        if (!read_row(storage, request, asked->leases[i].job, &row) ||
            !is_held(&row, asked->leases[i].lease))
            states[i] = JOB_LEASE_LOST;
        else
            states[i] = row.is_canceled ? JOB_LEASE_CANCEL : JOB_LEASE_HELD;
    }
    request->answer.jobs.leases = states;
    request->answer.jobs.count = asked->count;
    return JOBS_OK;
}

static void output(struct storage *storage, struct request *request)
{
    const struct job_request *asked = &request->u.job;
    struct buf text = BUF_EMPTY;
    struct row row;
    if (!read_row(storage, request, asked->id, &row) || !is_held(&row, asked->leases[0].lease))
        return;
    if (count(storage, STATEMENT_JOB_OUTPUT_SIZE, asked->id) + asked->len <= row.output_max &&
        storage_begin(storage, request)) {
        sqlite3_stmt *add = database_statement(&storage->database, STATEMENT_JOB_OUTPUT_ADD);
        bind_text(add, 1, asked->id);
        bind_u64(add, 2, asked->i);
        bind_bytes(add, 3, asked->data, asked->len);
        database_write(&storage->database, add);
    }
    encode_job_output(&text, asked->id, asked->i, asked->data, asked->len);
    tell(request, row.job.project, 0, &text);
    buf_close(&text);
}

static enum jobs_result settle(struct storage *storage, struct request *request)
{
    const struct jobs_settle *settle = &request->u.job.settle;
    struct row row;
    uint64_t now = wall_ms();
    if (!read_row(storage, request, request->u.job.id, &row))
        return JOBS_NONE;
    request->answer.jobs.state = row.job.state;
    if (is_settled(&row, settle->lease))
        return JOBS_OK;
    if (!is_held(&row, settle->lease))
        return JOBS_LOST;
    if (!storage_begin(storage, request))
        return JOBS_BUSY;
    row.job.state = settle->state;
    if (row.is_canceled && settle->state == JOB_QUEUED)
        row.job.state = JOB_CANCELED;
    row.job.ended_at = is_over(row.job.state) ? now : 0;
    row.job.code = settle->code;
    row.job.problem = settle->problem;
    write_end(storage, &row.job, now + settle->again_ms, settle->bytes, settle->bytes_len);
    tell_state(storage, request, &row.job, settle->again_ms);
    request->answer.jobs.state = row.job.state;
    return JOBS_OK;
}

/* ---- what people do to them ---- */

static enum jobs_result cancel(struct storage *storage, struct request *request)
{
    struct row row;
    if (!read_row(storage, request, request->u.job.id, &row))
        return JOBS_NONE;
    request->answer.jobs.state = row.job.state;
    if (row.job.state == JOB_CANCELED)
        return JOBS_OK;
    if (is_over(row.job.state))
        return JOBS_STATE;
    if (!storage_begin(storage, request))
        return JOBS_BUSY;
    if (row.job.state == JOB_RUNNING) {
        write_id(storage, STATEMENT_JOB_CANCEL, row.job.id);
        return JOBS_OK;
    }
    row.job.state = request->answer.jobs.state = JOB_CANCELED;
    row.job.ended_at = wall_ms();
    row.job.problem = "";
    write_end(storage, &row.job, 0, NULL, 0);
    tell_state(storage, request, &row.job, 0);
    return JOBS_OK;
}

static enum jobs_result retry(struct storage *storage, struct request *request)
{
    struct row row;
    if (!read_row(storage, request, request->u.job.id, &row))
        return JOBS_NONE;
    if (row.job.state != JOB_FAILED)
        return JOBS_STATE;
    if (!storage_begin(storage, request))
        return JOBS_BUSY;
    sqlite3_stmt *anew = database_statement(&storage->database, STATEMENT_JOB_ANEW);
    bind_u64(anew, 1, wall_ms());
    bind_text(anew, 2, row.job.id);
    database_write(&storage->database, anew);
    row.job.state = request->answer.jobs.state = JOB_QUEUED;
    row.job.tries = 0;
    row.job.code = 0;
    row.job.started_at = row.job.ended_at = 0;
    row.job.problem = "";
    tell_state(storage, request, &row.job, 0);
    return JOBS_OK;
}

static enum jobs_result drop(struct storage *storage, struct request *request)
{
    struct row row;
    if (!read_row(storage, request, request->u.job.id, &row))
        return JOBS_NONE;
    request->answer.jobs.state = row.job.state;
    if (!is_over(row.job.state))
        return JOBS_STATE;
    if (!storage_begin(storage, request))
        return JOBS_BUSY;
    write_id(storage, STATEMENT_JOB_DELETE, row.job.id);
    write_id(storage, STATEMENT_JOB_OUTPUT_CLEAR, row.job.id);
    return JOBS_OK;
}

/* ---- what people see of them ---- */

static void read_output(struct storage *storage, struct request *request)
{
    sqlite3_stmt *read = database_statement(&storage->database, STATEMENT_JOB_OUTPUT_READ);
    struct buf all = BUF_EMPTY;
    int code;
    bind_text(read, 1, request->u.job.id);
    while (database_row(&storage->database, read, &code))
        buf_add(&all, column_text(read, 0), (size_t)sqlite3_column_bytes(read, 0));
    request->answer.jobs.output = request_copy(request, all.len ? all.data : "", all.len);
    request->answer.jobs.output_len = all.len;
    buf_close(&all);
}

static void read_bytes(struct storage *storage, struct request *request)
{
    sqlite3_stmt *read = database_statement(&storage->database, STATEMENT_JOB_BYTES);
    int code;
    bind_text(read, 1, request->u.job.id);
    if (database_row(&storage->database, read, &code)) {
        const char *bytes = sqlite3_column_blob(read, 0);
        size_t len = (size_t)sqlite3_column_bytes(read, 0);
        request->answer.jobs.bytes = bytes ? request_copy(request, bytes, len) : NULL;
        request->answer.jobs.bytes_len = len;
    }
    sqlite3_reset(read);
}

static enum jobs_result get(struct storage *storage, struct request *request)
{
    struct row row;
    if (!read_row(storage, request, request->u.job.id, &row))
        return JOBS_NONE;
    request->answer.jobs.job = row.job;
    read_output(storage, request);
    if (request->u.job.want_bytes)
        read_bytes(storage, request);
    return JOBS_OK;
}

static enum jobs_result list(struct storage *storage, struct request *request)
{
    const struct jobs_filter *filter = &request->u.job.filter;
    struct job *found = request_alloc(request, (filter->most + 1) * sizeof found[0]);
    sqlite3_stmt *read = database_statement(&storage->database, STATEMENT_JOBS_LIST);
    size_t many = 0;
    int code;
    bind_text(read, 1, request->u.job.project);
    bind_u64(read, 2, filter->failed_only);
    bind_u64(read, 3, filter->most);
    while (many < filter->most && database_row(&storage->database, read, &code))
        found[many++] = take_row(request, read).job;
    sqlite3_reset(read);
    request->answer.jobs.list = found;
    request->answer.jobs.count = many;
    return JOBS_OK;
}

void execute_job(struct storage *storage, struct request *request)
{
    static enum jobs_result (*const calls[])(struct storage *, struct request *) = {
        [JOB_ADD] = add,       [JOB_TAKE] = take,     [JOB_RENEW] = renew,
        [JOB_SETTLE] = settle, [JOB_CANCEL] = cancel, [JOB_GET] = get,
        [JOB_LIST] = list,     [JOB_RETRY] = retry,   [JOB_DROP] = drop};
    if (request->u.job.call == JOB_OUTPUT)
        output(storage, request);
    else
        request->answer.jobs.result = calls[request->u.job.call](storage, request);
}

/* ---- at start ---- */

static bool requeue_one(struct storage *storage, struct request *request)
{
    sqlite3_stmt *read = database_statement(&storage->database, STATEMENT_JOB_RUNNING);
    struct row row;
    int code;
    bool is_found = database_row(&storage->database, read, &code);
    const char *id = is_found ? copy_column(request, read, 0) : NULL;
    sqlite3_reset(read);
    if (!is_found || !read_row(storage, request, id, &row))
        return false;
    write_id(storage, STATEMENT_JOB_REQUEUE, id);
    row.job.state = JOB_QUEUED;
    row.job.problem = "the server ended as it ran";
    tell_state(storage, request, &row.job, 0);
    return !storage->database.failed;
}

void requeue_jobs(struct storage *storage)
{
    const struct state_ticket nobody = {.project = "", .epoch = ""};
    bool is_more = true;
    while (is_more) {
        struct request *request = request_new(REQUEST_JOB, &nobody);
        request->u.job.project = "";
        is_more = requeue_one(storage, request);
        request_free(request);
    }
}
