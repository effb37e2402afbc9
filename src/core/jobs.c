/* A request goes through these steps; who asks over the socket begins at TEXT, for his file is
 * known:
 *
 *     LOOK (HTTP: is there such a project, and such a file?) → TEXT (of a kind that programs of
 *     others do: the file's text goes along) → ADD
 *
 * An answer that nobody knows is asked for again for a while: a job has an id of its own, so that
 * it is added once. */
#include "jobs.h"
#include "backoff.h"
#include "root.h"
#include "room.h"
#include "tree.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/mem.h"
#include "weft/protocol/jobs.h"
#include "weft/text/path.h"
#include "weft/text/rope.h"
#include "work.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MOST 200u
#define ID_LETTERS 16

struct job_ask {
    TAILQ_ENTRY(job_ask) link;
    struct registry *registry;
    uint64_t id;      /* request number of its calls */
    uint64_t session; /* who asked, and what it is answered to; 0: HTTP */
    struct request_id q;
    void *owner;
    void (*run_done)(void *owner, const struct error *error, const char *job);
    void (*got)(void *owner, const struct jobs_got *answer);
    void (*listed)(void *owner, const struct jobs_listed *answer);
    void (*changed)(void *owner, enum err result);
    /* Of a run: its texts are owned. */
    const struct job_kind *kind;
    struct job job;
    char job_id[JOB_ID_SIZE];
    uint64_t until_ms, retry_ms; /* retry_ms 0: its call is under way */
    unsigned failures;
};

/* ---- the list ---- */

static struct job_ask *ask_new(struct registry *registry)
{
    struct job_ask *ask = mem_zalloc(sizeof *ask);
    ask->registry = registry;
    ask->id = registry_id(registry);
    TAILQ_INSERT_TAIL(&registry->jobs.asks, ask, link);
    return ask;
}

static void ask_free(struct job_ask *ask)
{
    TAILQ_REMOVE(&ask->registry->jobs.asks, ask, link);
    free((char *)ask->job.project);
    free((char *)ask->job.path);
    free((char *)ask->job.args);
    free((char *)ask->job.user);
    free((char *)ask->job.name);
    free((char *)ask->job.ep);
    free((char *)ask->job.input);
    free(ask);
}

static struct job_ask *find(const struct registry *registry, uint64_t id)
{
    struct job_ask *ask;
    TAILQ_FOREACH(ask, &registry->jobs.asks, link)
    if (ask->id == id)
        break;
    return ask;
}

/* ---- the answer ---- */

static void tell_session(const struct job_ask *ask, const struct error *error, const char *job)
{
    struct session *session = registry_session(ask->registry, ask->session);
    struct buf *out = &ask->registry->out;
    if (!session)
        return;
    if (error->code) {
        session_error(session, error, &ask->q, ask->job.f, 0, false);
        return;
    }
    buf_reset(out);
    encode_job_ok(out, &ask->q, job);
    session_push_buf(session, out);
}

/* Ends a run or a change. */
static void finish(struct job_ask *ask, enum err code, const char *why)
{
    struct error error = {ERR_OK, ""};
    if (code)
        (void)error_set(&error, code, "%s", why ? why : err_text(code));
    if (ask->session)
        tell_session(ask, &error, ask->job_id);
    else if (ask->run_done)
        ask->run_done(ask->owner, &error, ask->job_id);
    else
        ask->changed(ask->owner, code);
    if (code && (ask->kind || ask->run_done))
        ask->registry->counts.jobs_refused++;
    ask_free(ask);
}

/* ---- to run one ---- */

bool jobs_suits(const struct job_kind *kind, const char *path)
{
    size_t len = strlen(path);
    for (const char *end = kind->paths; *end;) {
        size_t size = strcspn(end, " ");
        if (size && size <= len && memcmp(path + len - size, end, size) == 0)
            return true;
        end += size + strspn(end + size, " ");
    }
    return kind->paths[0] == '\0';
}

const struct job_kind *registry_job_kind(const struct registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->jobs.kind_count; i++)
        if (strcmp(registry->jobs.kinds[i]->name, name) == 0)
            return registry->jobs.kinds[i];
    return NULL;
}

static void draw_id(const struct registry *registry, char out[JOB_ID_SIZE])
{
    uint64_t bits = 0;
    out[0] = 'j';
    for (int i = 0; i < ID_LETTERS; i++) {
        if (i % 8 == 0)
            bits = registry_random(registry);
        out[1 + i] = "abcdefghijklmnopqrstuvwxyz012345"[bits & 31];
        bits >>= 5;
    }
    out[1 + ID_LETTERS] = '\0';
}

static void add(struct job_ask *ask)
{
    struct jobs *port = ask->registry->jobs.port;
    ask->retry_ms = 0;
    port->ops->add(port, ask->id, &ask->job);
}

static struct job_ask *run_new(struct registry *registry, const struct job_kind *kind,
                               const char *project, const char *args)
{
    struct job_ask *ask = ask_new(registry);
    draw_id(registry, ask->job_id);
    ask->kind = kind;
    ask->until_ms = registry->now_ms + registry->config.wait_ms;
    ask->job = (struct job){
        .id = ask->job_id,
        .project = mem_strdup(project),
        .kind = kind->name,
        .args = mem_strdup(args),
        .cid = 1 + registry_random(registry) % CID_MAX,
    };
    return ask;
}

static enum err file_error(enum err result)
{
    return result == ERR_GONE ? ERR_NO_FILE : result;
}

static void text_read(void *owner, const struct query_file *answer)
{
    struct job_ask *ask = owner;
    if (answer->result) {
        finish(ask, file_error(answer->result), NULL);
        return;
    }
    ask->job.input_len = rope_len(answer->text);
    char *input = mem_alloc(ask->job.input_len + 1);
    rope_copy(answer->text, input);
    input[ask->job.input_len] = '\0';
    ask->job.input = input;
    ask->job.ep = mem_strdup(answer->ep);
    ask->job.v = answer->v;
    add(ask);
}

/* Its file, if it needs one, is known. */
static void begin(struct job_ask *ask)
{
    if (!ask->kind->command && ask->kind->input == JOB_INPUT_FILE)
        registry_query_file_by_id(ask->registry, ask->job.project, ask->job.f, ask, text_read);
    else
        add(ask);
}

static enum err check_kind(const struct registry *registry, const char *name,
                           const struct job_kind **out, struct error *error)
{
    *out = registry_job_kind(registry, name);
    return *out ? ERR_OK : error_set(error, ERR_NO_JOB, "there is no kind of job %.32s", name);
}

static enum err check_path(const struct job_kind *kind, const char *path, struct error *error)
{
    if (jobs_suits(kind, path))
        return ERR_OK;
    return error_set(error, ERR_BAD_PATH, "%s is for files that end in %.80s", kind->name,
                     kind->paths);
}

static enum err begin_run(struct session *session, const struct message *message,
                          struct error *error)
{
    const struct job_kind *kind;
    struct file *file = message->f ? room_file(session->room, message->f) : NULL;
    enum err code = check_kind(session->registry, message->u.run.kind.text, &kind, error);
    if (code)
        return code;
    if (message->f && !file)
        return room_no_file(session->room, message->f, error);
    if (kind->input == JOB_INPUT_FILE && !file)
        return error_set(error, ERR_BAD_MESSAGE, "f is missing: %s is done with a file",
                         kind->name);
    if (kind->input == JOB_INPUT_FILE && (code = check_path(kind, file->path, error)))
        return code;
    struct job_ask *ask =
        run_new(session->registry, kind, session->room->project, message->u.run.args);
    ask->session = session->id;
    ask->q = message->q;
    ask->job.f = message->f;
    ask->job.path = mem_strdup(file ? file->path : "");
    ask->job.by = session->cid;
    ask->job.user = mem_strdup(session->person->user);
    ask->job.name = mem_strdup(session->person->name);
    begin(ask);
    return ERR_OK;
}

enum err jobs_run(struct session *session, const struct message *message, struct error *error)
{
    enum err code = begin_run(session, message, error);
    if (code)
        session->registry->counts.jobs_refused++;
    return code;
}

static void looked(void *owner, const struct query_project *answer)
{
    struct job_ask *ask = owner;
    struct error error = {ERR_OK, ""};
    for (size_t i = 0; i < answer->file_count; i++)
        if (strcmp(answer->files[i].path, ask->job.path) == 0)
            ask->job.f = answer->files[i].f;
    enum err code = answer->result;
    if (!code && ask->job.path[0] && !ask->job.f)
        code = ERR_NO_FILE;
    if (!code && ask->kind->input == JOB_INPUT_FILE)
        code = ask->job.f ? check_path(ask->kind, ask->job.path, &error)
                          : error_set(&error, ERR_BAD_MESSAGE, "path is missing");
    if (code)
        finish(ask, code, error.code ? error.text : NULL);
    else
        begin(ask);
}

/* What is refused at once is told on a later turn, as all is. */
static void refuse(struct job_ask *ask)
{
    ask->retry_ms = 1;
}

void registry_run_job(struct registry *registry, const struct job_request *request, void *owner,
                      void (*done)(void *owner, const struct error *error, const char *job))
{
    const struct job_kind *kind;
    enum err code = check_kind(registry, request->kind, &kind, NULL);
    struct job_ask *ask =
        code ? ask_new(registry) : run_new(registry, kind, request->project, request->args);
    ask->owner = owner;
    ask->run_done = done;
    if (code) {
        refuse(ask);
        return;
    }
    ask->job.path = mem_strdup(request->path ? request->path : "");
    ask->job.user = mem_strdup(request->user ? request->user : "");
    ask->job.name = mem_strdup("");
    registry_query_project(registry, request->project, ask, looked);
}

/* ---- to look at them, and to change them ---- */

static enum err error_of(enum jobs_result result)
{
    static const enum err errors[] = {
        [JOBS_OK] = ERR_OK,       [JOBS_NONE] = ERR_NO_JOB,  [JOBS_FULL] = ERR_TOO_MANY,
        [JOBS_LOST] = ERR_EXISTS, [JOBS_STATE] = ERR_EXISTS, [JOBS_BUSY] = ERR_BUSY,
    };
    return errors[result];
}

static void change(struct registry *registry, uint64_t id, enum job_change what,
                   const char *project, const char *job)
{
    struct jobs *port = registry->jobs.port;
    if (what == JOB_CHANGE_CANCEL)
        port->ops->cancel(port, id, project, job);
    else if (what == JOB_CHANGE_RETRY)
        port->ops->retry(port, id, project, job);
    else
        port->ops->drop(port, id, project, job);
}

void registry_change_job(struct registry *registry, enum job_change what, const char *project,
                         const char *job, void *owner, void (*done)(void *owner, enum err result))
{
    struct job_ask *ask = ask_new(registry);
    ask->owner = owner;
    ask->changed = done;
    change(registry, ask->id, what, project, job);
}

enum err jobs_cancel(struct session *session, const struct message *message, struct error *error)
{
    struct registry *registry = session->registry;
    const char *job = message->u.cancel.job.text;
    if (!registry->jobs.port || message->u.cancel.job.len >= JOB_ID_SIZE)
        return error_set(error, ERR_NO_JOB, "%s", err_text(ERR_NO_JOB));
    struct job_ask *ask = ask_new(registry);
    ask->session = session->id;
    ask->q = message->q;
    snprintf(ask->job_id, sizeof ask->job_id, "%s", job);
    change(registry, ask->id, JOB_CHANGE_CANCEL, session->room->project, job);
    return ERR_OK;
}

void registry_get_job(struct registry *registry, const char *project, const char *job,
                      bool want_bytes, void *owner,
                      void (*done)(void *owner, const struct jobs_got *answer))
{
    struct jobs *port = registry->jobs.port;
    struct job_ask *ask = ask_new(registry);
    ask->owner = owner;
    ask->got = done;
    port->ops->get(port, ask->id, project, job, want_bytes);
}

void registry_list_jobs(struct registry *registry, const char *project, bool failed_only,
                        void *owner, void (*done)(void *owner, const struct jobs_listed *answer))
{
    struct jobs *port = registry->jobs.port;
    const struct jobs_filter filter = {project, failed_only, LIST_MOST};
    struct job_ask *ask = ask_new(registry);
    ask->owner = owner;
    ask->listed = done;
    port->ops->list(port, ask->id, &filter);
}

/* ---- answers of the queue ---- */

/* Is it asked for again? A change is safe to make again; but HTTP can do so itself. */
static bool ask_again(struct job_ask *ask)
{
    struct registry *registry = ask->registry;
    if (!ask->kind || !registry->jobs.port->is_shared || registry->now_ms >= ask->until_ms)
        return false;
    ask->retry_ms = registry->now_ms + backoff_ms(registry, ask->failures++);
    return true;
}

static void jobs_done(void *owner, const struct jobs_done *answer)
{
    struct registry *registry = owner;
    struct job_ask *ask = find(registry, answer->request);
    if (!ask) {
        work_settled(registry, answer);
        return;
    }
    if (answer->result == JOBS_BUSY && ask_again(ask))
        return;
    if (answer->result == JOBS_OK) {
        registry->counts.jobs_added += ask->kind != NULL;
        work_hurry(registry); /* a new one, or one that begins anew */
    }
    finish(ask, error_of(answer->result),
           answer->result == JOBS_FULL ? "too many jobs of this project are not over yet" : NULL);
}

static void jobs_got(void *owner, const struct jobs_got *answer)
{
    struct job_ask *ask = find(owner, answer->request);
    if (!ask)
        return;
    ask->got(ask->owner, answer);
    ask_free(ask);
}

static void jobs_listed(void *owner, const struct jobs_listed *answer)
{
    struct job_ask *ask = find(owner, answer->request);
    if (!ask)
        return;
    ask->listed(ask->owner, answer);
    ask_free(ask);
}

static void jobs_event(void *owner, const char *project, uint64_t e, struct blob *message)
{
    struct room *room = room_listed(owner, project);
    if (!room || room->phase != ROOM_READY)
        return;
    if (e)
        tree_event(room, e, message);
    else
        room_print(room, message->data, message->len);
}

void registry_set_jobs(struct registry *registry, struct jobs *jobs, struct runner *runner,
                       const struct job_kind *const *kinds, size_t count)
{
    static const char *const inputs[] = {"none", "file", "project"};
    static const char *const outputs[] = {"text", "edit", "file"};
    struct job_kind_words *words = mem_realloc_array(NULL, count + 1, sizeof words[0]);
    registry->jobs.port = jobs;
    registry->jobs.kinds = kinds;
    registry->jobs.kind_count = count;
    for (size_t i = 0; i < count; i++)
        words[i] = (struct job_kind_words){kinds[i]->name, kinds[i]->title, inputs[kinds[i]->input],
                                           outputs[kinds[i]->output], kinds[i]->paths};
    buf_reset(&registry->jobs.words);
    encode_job_kinds(&registry->jobs.words, words, count);
    free(words);
    jobs->sink = (struct jobs_sink){.owner = registry,
                                    .done = jobs_done,
                                    .taken = work_taken,
                                    .renewed = work_renewed,
                                    .got = jobs_got,
                                    .listed = jobs_listed,
                                    .answered = work_answered,
                                    .event = jobs_event};
    work_set_runner(registry, runner);
}

void jobs_init(struct registry *registry)
{
    TAILQ_INIT(&registry->jobs.asks);
    buf_init(&registry->jobs.words);
    work_init(registry);
}

void jobs_stop(struct registry *registry)
{
    if (registry->jobs.port)
        registry->jobs.port->sink = (struct jobs_sink){.owner = NULL};
    work_stop(registry);
}

void jobs_close(struct registry *registry)
{
    work_close(registry);
    while (!TAILQ_EMPTY(&registry->jobs.asks))
        ask_free(TAILQ_FIRST(&registry->jobs.asks));
    buf_close(&registry->jobs.words);
}

void jobs_tick(struct registry *registry)
{
    struct job_ask *ask, *next;
    LIST_EACH_SAFE(ask, &registry->jobs.asks, link, next)
    {
        if (!ask->retry_ms || registry->now_ms < ask->retry_ms)
            continue;
        if (ask->kind)
            add(ask);
        else
            finish(ask, ERR_NO_JOB, NULL);
    }
    work_tick(registry);
}
