/* What lws_server.c, lws_tap.c, ws_lws.c and http_lws.c share. Nothing here leaves the folder. */
#ifndef WEFT_IO_LWS_PRIVATE_H
#define WEFT_IO_LWS_PRIVATE_H

#include "frames.h"
#include "weft/base/buf.h"
#include "weft/base/map.h"
#include "weft/io/http_lws.h"
#include "weft/io/lws_server.h"
#include <libwebsockets.h>
#include <stdbool.h>
#include <sys/queue.h>

#define WS_SUBPROTOCOL "weft.v1"

struct blob;
struct exchange;
struct session;

/* A connection, from accept on; most become WebSockets, and core's view of them is in
 * weft/core/transport.h. It lives as long as its wsi. */
struct conn {
    /* What each write looks at stands together. */
    struct lws *wsi;
    struct blob *sending; /* goes out as fragments; sent bytes of it so far */
    uint32_t sent;
    int fd;
    int close_code; /* 0: open */
    bool is_dead;   /* a write failed */
    bool is_handed; /* libwebsockets was given what the socket did not take */
    bool wants_write;
    struct frames frames;

    struct lws_server *server;
    struct exchange *exchange; /* the HTTP request under way */
    uint8_t blank;             /* how far the last bytes of a request's head are its end */
    uint64_t body_left;        /* of the request's body, to be read before the next head */
    bool is_websocket;

    TAILQ_ENTRY(conn) by_ping;    /* all WebSockets, the one pinged longest ago first */
    TAILQ_ENTRY(conn) by_message; /* while a message is on its way, the oldest first */
    TAILQ_ENTRY(conn) by_end;     /* while is_ending */
    struct session *session;      /* NULL: refused by core, or told of the end */
    uint64_t ping_ms, message_ms, end_ms;

    struct buf message; /* the pieces that came of it */
    uint32_t limit;     /* bytes of a message */
    bool in_message;
    uint32_t frames_spent; /* of a burst, earned back with time */
    uint64_t frames_ms;

    int refused_code; /* ≠ 0: a forbidden frame came, and why */
    int peer_code;    /* ≠ 0: the client closes, and how: 1005 without a code */
    const char *refused_reason;
    char *close_reason;
    bool is_ending; /* the close frame has not been handed to libwebsockets */
};
TAILQ_HEAD(conn_list, conn);

struct lws_server {
    uv_loop_t *loop;
    struct registry *registry;
    struct http_handler http;
    struct lws_context *context;
    struct lws_vhost *vhost;
    uv_poll_t listener;
    uv_timer_t pause, tick;
    uv_check_t check;
    int listen_fd, port;
    bool is_stopped;
    size_t hello_frame;
    struct conn **by_fd; /* fd_count places */
    size_t fd_count, conn_count;
    struct conn_list by_ping, by_message, by_end;
    unsigned char *scratch; /* one fragment with its header */
    struct map exchange_by_id;
    uint64_t last_exchange;
};

uint64_t server_now_ms(const struct lws_server *server);
/* The connection on a descriptor of the server's, or NULL. */
struct conn *server_find_conn(const struct lws_server *server, int fd);

/* ---- ws_lws.c: what libwebsockets' callback is told, as it has to be answered ---- */

/* Must this upgrade be refused? Returns 0, having done nothing, or -1, having answered. */
int ws_refuse(struct lws *wsi, const char *upgrade);
int ws_opened(struct conn *conn);
int ws_received(struct conn *conn, const char *data, size_t len);
void ws_ponged(struct conn *conn);
int ws_peer_closes(struct conn *conn, unsigned char *payload, size_t len);
int ws_writable(struct conn *conn);
void ws_closed(struct conn *conn);

/* A forbidden frame came: what was good before it still counts, and then the connection ends. */
void ws_forbid(struct conn *conn, int code, const char *reason);
/* Ends what was to be ended in this turn. */
void ws_finish(struct lws_server *server);
/* Pings who was not pinged for long, and ends messages that take too long. */
void ws_tick(struct lws_server *server);

/* ---- http_lws.c: likewise ---- */

int http_begun(struct conn *conn, const char *path, size_t len);
int http_body(struct conn *conn, const char *data, size_t len);
int http_body_completed(struct conn *conn);
int http_writable(struct conn *conn);
void http_closed(struct conn *conn);
/* Answers at once and without a body; header is a whole line with its "\r\n", or NULL. Returns -1.
 */
int http_refuse(struct lws *wsi, int status, const char *header);
/* May the request's body, if any, be understood in two ways? */
bool http_is_ambiguous(struct lws *wsi);

/* ---- lws_tap.c ---- */

/* From now on this thread's reads of the connections in by_fd are looked at. NULL ends it. */
void lws_tap_attach(struct lws_server *server);

#endif
