/* What plain HTTP requests get: the page, the SDK, the API, health and metrics. Paths are looked up
 * in tables and in the assets that weftd carries; none ever reaches the disk. */
#ifndef WEFT_SERVER_ROUTES_H
#define WEFT_SERVER_ROUTES_H

#include "weft/io/http_lws.h"

struct backend;
struct lag;
struct lws_server;
struct registry;
struct routes;

/* Returns new routes; borrows what it is given for its life. Its handler is given to the server,
 * and the server to routes_start before the first request. */
struct routes *routes_new(struct registry *registry, const struct backend *backend,
                          const struct lag *lag);
void routes_free(struct routes *routes);
const struct http_handler *routes_handler(const struct routes *routes);
void routes_start(struct routes *routes, struct lws_server *server);

/* From now on /readyz says no. */
void routes_drain(struct routes *routes);

#endif
