/* The jobs of people over HTTP, below /api/v1:
 *
 *     POST /projects/{p}/jobs              {kind, path, args}: 202 {job, state}
 *     GET  /projects/{p}/jobs              the newest first
 *     GET  /projects/{p}/jobs/failed       those that are not tried any more
 *     GET  /projects/{p}/jobs/{id}         its state, and what it printed
 *     GET  /projects/{p}/jobs/{id}/result  the bytes that it made
 *     POST /projects/{p}/jobs/{id}/cancel  and …/retry, …/drop
 *
 * GET /jobs, /jobs/failed, /jobs/{id}… are the same over all projects. */
#include "routes.h"
#include "weft/base/mem.h"
#include "weft/core/jobs.h"
#include "weft/core/registry.h"
#include "weft/protocol/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[] = {"queued", "running", "done", "failed", "canceled"};

/* A request that core answers later. */
struct asking {
    struct routes *routes;
    uint64_t id;
    char project[65]; /* "": all of them */
    bool wants_bytes;
};

static struct asking *asking_new(struct routes *routes, const struct http_request *request,
                                 const char *project)
{
    struct asking *asking = mem_zalloc(sizeof *asking);
    asking->routes = routes;
    asking->id = request->id;
    snprintf(asking->project, sizeof asking->project, "%s", project);
    return asking;
}

static const char *project_of(const struct asking *asking)
{
    return asking->project[0] ? asking->project : NULL;
}

static void fail(struct asking *asking, const struct error *error)
{
    routes_fail(asking->routes, asking->id, error);
    free(asking);
}

static void fail_code(struct asking *asking, enum err code)
{
    fail(asking, &(struct error){code, ""});
}

static void answer(struct asking *asking, int status, struct buf *body)
{
    routes_answer(asking->routes, asking->id, status, "application/json", NULL, body);
    free(asking);
}

static enum err error_of(enum jobs_result result)
{
    return result == JOBS_OK ? ERR_OK : result == JOBS_NONE ? ERR_NO_JOB : ERR_BUSY;
}

static struct job_words words_of(const struct job *job)
{
    bool is_over = job->state >= JOB_DONE;
    struct job_words words = {.job = job->id,
                              .kind = job->kind,
                              .project = job->project,
                              .user = job->user,
                              .path = job->path,
                              .state = state_names[job->state],
                              .worker = job->worker,
                              .problem = job->problem,
                              .by = job->by,
                              .f = job->f,
                              .tries = job->tries,
                              .is_over = is_over,
                              .code = job->code,
                              .queued_at = job->queued_at,
                              .started_at = job->started_at,
                              .ended_at = job->ended_at,
                              .result_len = job->result_len};
    if (is_over && job->started_at && job->ended_at > job->started_at)
        words.ms = job->ended_at - job->started_at;
    return words;
}

/* ---- to ask for one ---- */

static void run_done(void *owner, const struct error *error, const char *job)
{
    struct asking *asking = owner;
    struct buf body = BUF_EMPTY;
    if (error->code) {
        fail(asking, error);
        return;
    }
    encode_http_job(&body, &(struct job_words){.job = job, .state = state_names[JOB_QUEUED]});
    answer(asking, 202, &body);
}

static void run(struct routes *routes, const struct http_request *request, const char *project)
{
    struct error error = {ERR_OK, ""};
    struct run_job wanted;
    if (decode_run_job(request->body, request->body_len, &wanted, &error) != ERR_OK) {
        routes_fail(routes, request->id, &error);
        return;
    }
    const struct job_request asked = {
        .project = project, .kind = wanted.kind, .path = wanted.path, .args = wanted.args};
    registry_run_job(routes->registry, &asked, asking_new(routes, request, project), run_done);
}

/* ---- to see them ---- */

static void listed(void *owner, const struct jobs_listed *list)
{
    struct asking *asking = owner;
    struct buf body = BUF_EMPTY;
    if (list->result != JOBS_OK) {
        fail_code(asking, error_of(list->result));
        return;
    }
    struct job_words *words = mem_realloc_array(NULL, list->count + 1, sizeof words[0]);
    for (size_t i = 0; i < list->count; i++)
        words[i] = words_of(&list->jobs[i]);
    encode_http_jobs(&body, words, list->count);
    free(words);
    answer(asking, 200, &body);
}

static void answer_bytes(struct asking *asking, const struct jobs_got *got)
{
    const struct job_kind *kind = registry_job_kind(asking->routes->registry, got->job.kind);
    const char *type =
        kind && kind->content_type[0] ? kind->content_type : "application/octet-stream";
    char header[200];
    struct buf body = BUF_EMPTY;
    snprintf(header, sizeof header, "Content-Disposition: attachment; filename=\"%s-%s%s\"\r\n",
             got->job.project, got->job.kind, strstr(type, "zip") ? ".zip" : "");
    buf_add(&body, got->bytes, got->bytes_len);
    routes_answer(asking->routes, asking->id, 200, type, header, &body);
    free(asking);
}

static void got(void *owner, const struct jobs_got *found)
{
    struct asking *asking = owner;
    struct buf body = BUF_EMPTY;
    if (found->result != JOBS_OK) {
        fail_code(asking, error_of(found->result));
        return;
    }
    if (asking->wants_bytes && found->bytes) {
        answer_bytes(asking, found);
        return;
    }
    if (asking->wants_bytes) {
        fail(asking, &(struct error){ERR_NO_FILE, "this job has made no file, or not yet"});
        return;
    }
    struct job_words words = words_of(&found->job);
    words.output = found->output ? found->output : "";
    words.output_len = found->output_len;
    encode_http_job(&body, &words);
    answer(asking, 200, &body);
}

/* ---- to change one ---- */

static void changed(void *owner, enum err result)
{
    struct asking *asking = owner;
    struct buf body = BUF_EMPTY;
    if (result == ERR_EXISTS) {
        fail(asking, &(struct error){ERR_EXISTS, "that cannot be done with a job in this state"});
    } else if (result) {
        fail_code(asking, result);
    } else {
        buf_add_text(&body, "{\"ok\":true}\n");
        answer(asking, 200, &body);
    }
}

/* ---- the table ---- */

static bool is_change(const char *name, enum job_change *out)
{
    static const char *const names[] = {
        [JOB_CHANGE_CANCEL] = "cancel", [JOB_CHANGE_RETRY] = "retry", [JOB_CHANGE_DROP] = "drop"};
    for (int i = JOB_CHANGE_CANCEL; i <= JOB_CHANGE_DROP; i++) {
        if (strcmp(name, names[i]) == 0) {
            *out = (enum job_change)i;
            return true;
        }
    }
    return false;
}

static void route_job(struct routes *routes, const struct http_request *request,
                      const char *project, const char *id, const char *action)
{
    struct error nothing = {ERR_NO_FILE, "there is nothing at this address"};
    bool is_post = strcmp(request->method, "POST") == 0;
    enum job_change change;
    bool is_action = is_change(action, &change);
    if (!is_action && action[0] && strcmp(action, "result") != 0) {
        routes_fail(routes, request->id, &nothing);
    } else if (is_action ? !is_post : !routes_is_get(request)) {
        routes_fail_method(routes, request->id, is_action ? "POST" : "GET, HEAD");
    } else {
        struct asking *asking = asking_new(routes, request, project);
        asking->wants_bytes = action[0] && !is_action;
        if (is_action)
            registry_change_job(routes->registry, change, project_of(asking), id, asking, changed);
        else
            registry_get_job(routes->registry, project_of(asking), id, asking->wants_bytes, asking,
                             got);
    }
}

static void route_list(struct routes *routes, const struct http_request *request,
                       const char *project, bool failed_only)
{
    struct asking *asking = asking_new(routes, request, project);
    registry_list_jobs(routes->registry, project_of(asking), failed_only, asking, listed);
}

void routes_jobs(struct routes *routes, const struct http_request *request, const char *project,
                 const char *rest)
{
    char id[JOB_ID_SIZE];
    size_t len = strcspn(rest, "/");
    if (!*rest && project[0] && strcmp(request->method, "POST") == 0) {
        run(routes, request, project);
    } else if (!*rest || strcmp(rest, "failed") == 0) {
        if (routes_is_get(request))
            route_list(routes, request, project, *rest != '\0');
        else
            routes_fail_method(routes, request->id, project[0] ? "GET, HEAD, POST" : "GET, HEAD");
    } else if (len >= sizeof id) {
        routes_fail(routes, request->id, &(struct error){ERR_NO_JOB, ""});
    } else {
        snprintf(id, sizeof id, "%.*s", (int)len, rest);
        route_job(routes, request, project, id, rest[len] ? rest + len + 1 : "");
    }
}
