/* The history of a file over HTTP: GET /projects/{p}/history/{path} lists the texts that are kept,
 * the newest first; with ?v= the text of that version. */
#include "routes.h"
#include "weft/base/mem.h"
#include "weft/core/registry.h"
#include "weft/protocol/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct looking {
    struct routes *routes;
    uint64_t id, version;
};

static void found(void *owner, enum err result, const struct repository_points *points)
{
    struct looking *looking = owner;
    struct error error = {result, ""};
    struct buf body = BUF_EMPTY;
    if (result == ERR_GONE)
        snprintf(error.text, sizeof error.text, "this version was not kept");
    if (result != ERR_OK) {
        routes_fail(looking->routes, looking->id, &error);
    } else if (looking->version != 0) {
        buf_add(&body, points->items[0].text, points->items[0].len);
        routes_answer(looking->routes, looking->id, 200, "text/plain; charset=utf-8", NULL, &body);
    } else {
        encode_http_points_begin(&body);
        for (size_t i = 0; i < points->count; i++) {
            const struct repository_point *point = &points->items[i];
            encode_http_point(&body, &(struct http_point){point->epoch_number, point->version,
                                                          point->ts, point->by, point->len});
        }
        encode_http_points_end(&body);
        routes_answer(looking->routes, looking->id, 200, "application/json", NULL, &body);
    }
    free(looking);
}

/* 0 where none is asked for; false where what is asked for is no version. */
static bool read_version(const char *query, uint64_t *out)
{
    char *end;
    *out = 0;
    if (*query == '\0')
        return true;
    if (strncmp(query, "v=", 2) != 0 || query[2] < '1' || query[2] > '9')
        return false;
    *out = strtoull(query + 2, &end, 10);
    return *end == '\0' && *out < UINT64_C(1) << 53;
}

void routes_history(struct routes *routes, const struct http_request *request, const char *project,
                    const char *path)
{
    struct error error = {ERR_BAD_MESSAGE, "v is a version, from 1 on"};
    uint64_t version;
    if (!read_version(request->query, &version)) {
        routes_fail(routes, request->id, &error);
        return;
    }
    struct looking *looking = mem_zalloc(sizeof *looking);
    looking->routes = routes;
    looking->id = request->id;
    looking->version = version;
    registry_query_history(routes->registry, project, path, version, looking, found);
}
