/* /api/v1. An answer that core gives on a later turn finds its request by a struct waiting, which
 * keeps what of the request is still needed. */
#include "routes.h"
#include "weft/base/mem.h"
#include "weft/core/registry.h"
#include "weft/protocol/http.h"
#include "weft/text/path.h"
#include "weft/text/rope.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct waiting {
    struct routes *routes;
    uint64_t id;
    bool wants_json;
    char if_none_match[256];
    char project[65];
};

static struct waiting *waiting_new(struct routes *routes, const struct http_request *request,
                                   const char *project)
{
    struct waiting *waiting = mem_zalloc(sizeof(*waiting));
    waiting->routes = routes;
    waiting->id = request->id;
    waiting->wants_json = strstr(request->accept, "application/json") != NULL;
    snprintf(waiting->if_none_match, sizeof(waiting->if_none_match), "%s", request->if_none_match);
    snprintf(waiting->project, sizeof(waiting->project), "%s", project);
    return waiting;
}

/* why may be "": then the code's own words are given. */
static void fail(struct waiting *waiting, enum err code, const char *why)
{
    struct error error = {code, ""};
    snprintf(error.text, sizeof(error.text), "%s", why);
    routes_fail(waiting->routes, waiting->id, &error);
    free(waiting);
}

static void answer_json(struct waiting *waiting, int status, const char *headers, struct buf *body)
{
    routes_answer(waiting->routes, waiting->id, status, "application/json", headers, body);
    free(waiting);
}

/* ---- templates ---- */

static void answer_templates(struct routes *routes, const struct http_request *request)
{
    size_t count;
    const struct template *templates = registry_templates(routes->registry, &count);
    struct http_template *list = mem_realloc_array(NULL, count + 1, sizeof(*list));
    struct buf body = BUF_EMPTY;
    for (size_t i = 0; i < count; i++)
        list[i] =
            (struct http_template){templates[i].name, templates[i].title, templates[i].description};
    list[count++] = (struct http_template){"blank", "Blank", "No files yet."};
    encode_http_templates(&body, list, count);
    free(list);
    routes_answer(routes, request->id, 200, "application/json", NULL, &body);
}

/* ---- projects ---- */

static void project_created(void *owner, enum err result)
{
    struct waiting *waiting = owner;
    char header[128];
    struct buf body = BUF_EMPTY;
    if (result != ERR_OK) {
        fail(waiting, result, result == ERR_NO_FILE ? "there is no such template" : "");
        return;
    }
    snprintf(header, sizeof(header), "Location: /api/v1/projects/%s\r\n", waiting->project);
    encode_http_created(&body, waiting->project);
    answer_json(waiting, 201, header, &body);
}

static void create_project(struct routes *routes, const struct http_request *request)
{
    struct create_project wanted;
    struct error error = {0};
    if (decode_create_project(request->body, request->body_len, &wanted, &error) != ERR_OK) {
        routes_fail(routes, request->id, &error);
        return;
    }
    registry_create_project(routes->registry, wanted.id, wanted.name[0] ? wanted.name : NULL,
                            wanted.template, waiting_new(routes, request, wanted.id),
                            project_created);
}

static void project_found(void *owner, const struct query_project *answer)
{
    struct waiting *waiting = owner;
    struct buf body = BUF_EMPTY;
    if (answer->result != ERR_OK) {
        fail(waiting, answer->result, "");
        return;
    }
    struct http_project project = {.id = answer->project,
                                   .name = answer->name,
                                   .ep = answer->ep,
                                   .e = answer->e,
                                   .sessions = answer->sessions,
                                   .files = answer->files,
                                   .saved = answer->saved,
                                   .file_count = answer->file_count};
    encode_http_project(&body, &project);
    answer_json(waiting, 200, NULL, &body);
}

/* ---- files ---- */

static void answer_text(struct waiting *waiting, const char *headers, const struct query_file *file)
{
    struct buf body = BUF_EMPTY;
    size_t len = rope_len(file->text);
    rope_copy(file->text, buf_reserve(&body, len));
    body.len = len;
    routes_answer(waiting->routes, waiting->id, 200, "text/plain; charset=utf-8", headers, &body);
    free(waiting);
}

static void file_found(void *owner, const struct query_file *answer)
{
    struct waiting *waiting = owner;
    char tag[96], headers[160];
    struct buf body = BUF_EMPTY;
    if (answer->result != ERR_OK) {
        fail(waiting, answer->result, "");
        return;
    }
    snprintf(tag, sizeof(tag), "\"%s-%" PRIu64 "-%" PRIu64 "\"", answer->ep, answer->f, answer->v);
    snprintf(headers, sizeof(headers), "ETag: %s\r\nVary: Accept\r\n", tag);
    if (routes_tag_matches(waiting->if_none_match, tag)) {
        routes_answer(waiting->routes, waiting->id, 304, NULL, headers, &body);
        free(waiting);
    } else if (waiting->wants_json) {
        struct http_file file = {.f = answer->f,
                                 .v = answer->v,
                                 .path = answer->path,
                                 .ep = answer->ep,
                                 .eol = answer->eol,
                                 .text = answer->text};
        encode_http_file(&body, &file);
        answer_json(waiting, 200, headers, &body);
    } else {
        answer_text(waiting, headers, answer);
    }
}

/* ---- the table ---- */

/* rest is what stands behind the project: "" or "/files/src/a.c". */
static void route_project(struct routes *routes, const struct http_request *request,
                          const char *project, const char *rest)
{
    static const char files[] = "/files/", history[] = "/history/";
    struct error error = {ERR_NO_FILE, "there is nothing at this address"};
    if (*rest == '\0') {
        registry_query_project(routes->registry, project, waiting_new(routes, request, project),
                               project_found);
        return;
    }
    bool is_history = strncmp(rest, history, strlen(history)) == 0;
    if (!is_history && strncmp(rest, files, strlen(files)) != 0) {
        routes_fail(routes, request->id, &error);
        return;
    }
    const char *path = rest + strlen(is_history ? history : files);
    error_clear(&error);
    if (path_check(path, strlen(path), &error) != ERR_OK)
        routes_fail(routes, request->id, &error);
    else if (is_history)
        routes_history(routes, request, project, path);
    else
        registry_query_file(routes->registry, project, path, waiting_new(routes, request, project),
                            file_found);
}

/* "jobs", or what stands behind "jobs/"; NULL: it is another address. */
static const char *behind_jobs(const char *path)
{
    static const char jobs[] = "jobs";
    size_t len = strlen(jobs);
    if (strncmp(path, jobs, len) != 0 || (path[len] != '\0' && path[len] != '/'))
        return NULL;
    return path[len] ? path + len + 1 : "";
}

static void route_in_project(struct routes *routes, const struct http_request *request,
                             const char *path)
{
    struct error error = {ERR_NO_PROJECT, ""};
    size_t len = strcspn(path, "/");
    char project[65];
    if (!project_id_valid(path, len)) {
        routes_fail(routes, request->id, &error);
        return;
    }
    snprintf(project, sizeof(project), "%.*s", (int)len, path);
    const char *jobs = path[len] ? behind_jobs(path + len + 1) : NULL;
    if (jobs)
        routes_jobs(routes, request, project, jobs);
    else if (routes_is_get(request))
        route_project(routes, request, project, path + len);
    else
        routes_fail_method(routes, request->id, "GET, HEAD");
}

void routes_api(struct routes *routes, const struct http_request *request, const char *path)
{
    static const char projects[] = "projects/";
    struct error error = {ERR_NO_FILE, "there is nothing at this address"};
    if (strcmp(path, "projects") == 0) {
        if (strcmp(request->method, "POST") == 0)
            create_project(routes, request);
        else
            routes_fail_method(routes, request->id, "POST");
    } else if (strcmp(path, "templates") == 0) {
        if (routes_is_get(request))
            answer_templates(routes, request);
        else
            routes_fail_method(routes, request->id, "GET, HEAD");
    } else if (behind_jobs(path)) {
        routes_jobs(routes, request, "", behind_jobs(path));
    } else if (strncmp(path, projects, strlen(projects)) == 0) {
        route_in_project(routes, request, path + strlen(projects));
    } else {
        routes_fail(routes, request->id, &error);
    }
}
