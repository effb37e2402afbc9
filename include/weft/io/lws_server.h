/*
 * The one port of this server: it listens, runs libwebsockets on a libuv loop that is not its own,
 * makes WebSocket connections to sessions of core (it implements core/transport.h) and hands plain
 * HTTP requests to whoever was given in the configuration (io/http_lws.h). At the end of every turn
 * of the loop it calls registry_turn(), and while there is anything to do, every 50 ms
 * registry_tick().
 *
 * It knows neither the protocol nor the routes.
 */
#ifndef WEFT_IO_LWS_SERVER_H
#define WEFT_IO_LWS_SERVER_H

#include "weft/base/err.h"
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http_handler;
struct lws_server;
struct registry;

struct lws_server_config {
    uv_loop_t *loop;
    struct registry *registry;
    const struct http_handler *http;
    const char *host;   /* an address, or "localhost" */
    int port;           /* 0 = a free one */
    size_t hello_frame; /* bytes of a message, until conn_set_limit says otherwise */
};

/* Returns a new server that listens, or NULL with the reason in *error. Borrows what config points
 * to for its life. */
struct lws_server *lws_server_new(const struct lws_server_config *config, struct error *error);

/* The port that it listens on. */
int lws_server_port(const struct lws_server *server);

/* Sees to it that registry_tick is called: something outside has given the registry work. */
void lws_server_wake(struct lws_server *server);

/* Takes no more connections; those that are there live on. */
void lws_server_stop_listening(struct lws_server *server);

/* Begins the end: every connection is cut, and session_disconnected called for it. Afterwards the
 * loop is run until it has nothing left to do, and lws_server_free called. */
void lws_server_stop(struct lws_server *server);
void lws_server_free(struct lws_server *server);

#endif
