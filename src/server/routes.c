#include "routes.h"
#include "weft/base/mem.h"
#include "weft/core/registry.h"
#include "weft/protocol/http.h"
#include "weft/server/backend.h"
#include "weft/server/lag.h"
#include "weft/server/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nothing of ours is to be guessed at, framed, or run as a document of its own. */
#define SAFE                                                                                       \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "Content-Security-Policy: default-src 'none'; sandbox; frame-ancestors 'none'\r\n"             \
    "Cache-Control: no-cache\r\n"

void routes_answer(struct routes *routes, uint64_t id, int status, const char *content_type,
                   const char *headers, struct buf *body)
{
    char all[1024];
    snprintf(all, sizeof(all), SAFE "%s", headers ? headers : "");
    struct http_response response = {.status = status,
                                     .content_type = content_type,
                                     .headers = all,
                                     .body = body->data,
                                     .len = body->len};
    buf_init(body);
    http_respond(routes->server, id, &response);
}

void routes_fail(struct routes *routes, uint64_t id, const struct error *error)
{
    struct buf body = BUF_EMPTY;
    encode_http_error(&body, error);
    routes_answer(routes, id, err_http_status(error->code), "application/json", NULL, &body);
}

void routes_fail_method(struct routes *routes, uint64_t id, const char *allowed)
{
    char header[64];
    struct buf body = BUF_EMPTY;
    struct error error = {ERR_BAD_MESSAGE, "this method is not for this address"};
    snprintf(header, sizeof(header), "Allow: %s\r\n", allowed);
    encode_http_error(&body, &error);
    routes_answer(routes, id, 405, "application/json", header, &body);
}

bool routes_is_get(const struct http_request *request)
{
    return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

bool routes_tag_matches(const char *if_none_match, const char *tag)
{
    size_t len = strlen(tag);
    if (strcmp(if_none_match, "*") == 0)
        return true;
    for (const char *at = if_none_match; (at = strstr(at, tag)); at += len) {
        /* `tag` has its quotes with it, so only whole tags match. */
        if (at == if_none_match || strchr(" ,/", at[-1]))
            return true;
    }
    return false;
}

/* ---- health ---- */

static void answer_health(struct routes *routes, const struct http_request *request)
{
    struct buf body = BUF_EMPTY;
    buf_add_text(&body, "ok\n");
    routes_answer(routes, request->id, 200, "text/plain; charset=utf-8", NULL, &body);
}

static void answer_ready(struct routes *routes, const struct http_request *request)
{
    const char *why = routes->is_draining                       ? "draining"
                      : lag_worst_ms(routes->lag) > LAG_MOST_MS ? "the loop is late"
                                                                : backend_problem(routes->backend);
    struct buf body = BUF_EMPTY;
    buf_printf(&body, "%s\n", why ? why : "ready");
    routes_answer(routes, request->id, why ? 503 : 200, "text/plain; charset=utf-8", NULL, &body);
}

static void answer_metrics(struct routes *routes, const struct http_request *request)
{
    struct buf body = BUF_EMPTY;
    metrics_print(&body, routes->registry, routes->backend, routes->lag);
    routes_answer(routes, request->id, 200, "text/plain; version=0.0.4; charset=utf-8", NULL,
                  &body);
}

/* ---- the table ---- */

static const struct {
    const char *path;
    void (*answer)(struct routes *routes, const struct http_request *request);
} pages[] = {
    {"/healthz", answer_health},
    {"/readyz", answer_ready},
    {"/metrics", answer_metrics},
};

static bool answer_page(struct routes *routes, const struct http_request *request)
{
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (strcmp(request->path, pages[i].path) != 0)
            continue;
        if (routes_is_get(request))
            pages[i].answer(routes, request);
        else
            routes_fail_method(routes, request->id, "GET, HEAD");
        return true;
    }
    return false;
}

static const char *behind(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(path, prefix, len) == 0 ? path + len : NULL;
}

static void handle(void *owner, const struct http_request *request)
{
    struct routes *routes = owner;
    const char *rest = behind(request->path, "/api/v1/");
    struct error nothing = {ERR_NO_FILE, "there is nothing at this address"};
    if (strlen(request->path) != request->path_len)
        routes_fail(routes, request->id, &nothing);
    else if (rest)
        routes_api(routes, request, rest);
    else if (!answer_page(routes, request) && !routes_asset(routes, request, request->path))
        routes_fail(routes, request->id, &nothing);
}

struct routes *routes_new(struct registry *registry, const struct backend *backend,
                          const struct lag *lag)
{
    struct routes *routes = mem_zalloc(sizeof(*routes));
    routes->handler = (struct http_handler){routes, handle};
    routes->registry = registry;
    routes->backend = backend;
    routes->lag = lag;
    routes_hash_assets(routes);
    return routes;
}

void routes_free(struct routes *routes)
{
    if (!routes)
        return;
    free(routes->asset_tags);
    free(routes);
}

const struct http_handler *routes_handler(const struct routes *routes)
{
    return &routes->handler;
}

void routes_start(struct routes *routes, struct lws_server *server)
{
    routes->server = server;
}

void routes_drain(struct routes *routes)
{
    routes->is_draining = true;
}
