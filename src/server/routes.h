/* What routes.c, routes_api.c and routes_assets.c share. */
#ifndef ROUTES_PRIVATE_H
#define ROUTES_PRIVATE_H

#include "weft/base/buf.h"
#include "weft/base/err.h"
#include "weft/server/routes.h"
#include <stdbool.h>
#include <stdint.h>

struct routes {
    struct http_handler handler;
    struct registry *registry;
    const struct backend *backend;
    const struct lag *lag;
    struct lws_server *server;
    uint64_t *asset_tags; /* a hash of each asset, by its index */
    bool is_draining;
};

/* Answers with what is in body, which is taken and left empty. headers as in http_response. */
void routes_answer(struct routes *routes, uint64_t id, int status, const char *content_type,
                   const char *headers, struct buf *body);
/* Answers with the error as JSON and its status. */
void routes_fail(struct routes *routes, uint64_t id, const struct error *error);
void routes_fail_method(struct routes *routes, uint64_t id, const char *allowed);

/* path is what stands behind "/api/v1/". */
void routes_api(struct routes *routes, const struct http_request *request, const char *path);
/* project "": all of them; rest is what stands behind "jobs/". */
void routes_jobs(struct routes *routes, const struct http_request *request, const char *project,
                 const char *rest);
/* path is a file's, checked. */
void routes_history(struct routes *routes, const struct http_request *request, const char *project,
                    const char *path);
/* Returns false where there is no such asset. */
bool routes_asset(struct routes *routes, const struct http_request *request, const char *path);
void routes_hash_assets(struct routes *routes);

/* Is tag one of the tags of an If-None-Match header? */
bool routes_tag_matches(const char *if_none_match, const char *tag);
bool routes_is_get(const struct http_request *request);

#endif
