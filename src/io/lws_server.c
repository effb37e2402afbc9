/*
 * The listener, libwebsockets' context on our loop, and what happens at the end of a turn.
 *
 * We accept ourselves and libwebsockets adopts the sockets: so a port in use is a clear error, port
 * 0 can be asked for, running out of descriptors pauses the listener instead of spinning, and no
 * more connections can be taken while the others live on.
 *
 * A turn ends in the check phase, right after the sockets were served; the tick is a turn of its
 * own, because the loop would sleep before it comes to the check phase. The tick stops when nobody
 * is connected and core has nothing to do in the background, so that an idle server sleeps.
 *
 * The end takes two calls of lws_context_destroy: one that begins it, and one when the loop has run
 * out of handles.
 */
#define _GNU_SOURCE /* accept4 */
#include "lws_private.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/core/registry.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 50
#define PAUSE_MS 250
#define ACCEPTS_PER_TURN 64
#define RX_BUFFER 160 /* per connection; see docs/decisions/0004-libwebsockets-on-libuv.md */
#define FRAGMENT_ROOM 65540
#define REQUEST_MAX 8192 /* bytes of a request's line and headers */
#define HANDSHAKE_S 5
#define LOST_MS 30000 /* what was sent and not acknowledged for so long ends the connection */

uint64_t server_now_ms(const struct lws_server *server)
{
    return uv_now(server->loop);
}

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the loop ---- */

static void end_turn(struct lws_server *server)
{
    registry_turn(server->registry, server_now_ms(server), wall_ms());
    ws_finish(server);
}

static void checked(uv_check_t *check)
{
    end_turn(check->data);
}

static bool is_idle(const struct lws_server *server)
{
    return server->conn_count == 0 && !registry_needs_ticks(server->registry);
}

static void ticked(uv_timer_t *tick)
{
    struct lws_server *server = tick->data;
    registry_tick(server->registry, server_now_ms(server), wall_ms());
    ws_tick(server);
    end_turn(server);
    if (is_idle(server))
        uv_timer_stop(tick);
}

void lws_server_wake(struct lws_server *server)
{
    if (!server->is_stopped && !uv_is_active((uv_handle_t *)&server->tick))
        uv_timer_start(&server->tick, ticked, TICK_MS, TICK_MS);
}

/* ---- connections by their descriptors, which are small numbers ---- */

struct conn *server_find_conn(const struct lws_server *server, int fd)
{
    return (size_t)fd < server->fd_count ? server->by_fd[fd] : NULL;
}

static struct conn *remember(struct lws_server *server, int fd)
{
    if ((size_t)fd >= server->fd_count) {
        size_t count = (size_t)fd * 2;
        server->by_fd = mem_realloc_array(server->by_fd, count, sizeof(*server->by_fd));
        memset(server->by_fd + server->fd_count, 0,
               (count - server->fd_count) * sizeof(*server->by_fd));
        server->fd_count = count;
    }
    struct conn *conn = mem_zalloc(sizeof(*conn));
    conn->server = server;
    conn->fd = fd;
    server->by_fd[fd] = conn;
    server->conn_count++;
    return conn;
}

static void forget(struct conn *conn)
{
    conn->server->by_fd[conn->fd] = NULL;
    conn->server->conn_count--;
    free(conn);
}

/* ---- the callback: one line a reason ---- */

static int called_back(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t len)
{
    struct conn *conn = lws_get_opaque_user_data(wsi);
    (void)user;
    if (!conn)
        return 0; /* the context itself, or a connection that is about to be adopted */
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return ws_refuse(wsi, in);
    case LWS_CALLBACK_ESTABLISHED:
        return ws_opened(conn);
    case LWS_CALLBACK_RECEIVE:
        return ws_received(conn, in, len);
    case LWS_CALLBACK_RECEIVE_PONG:
        ws_ponged(conn);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return ws_writable(conn);
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        return ws_peer_closes(conn, in, len);
    case LWS_CALLBACK_CLOSED:
        ws_closed(conn);
        return 0;
    case LWS_CALLBACK_HTTP:
        return http_begun(conn, in, len);
    case LWS_CALLBACK_HTTP_BODY:
        return http_body(conn, in, len);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return http_body_completed(conn);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return http_writable(conn);
    case LWS_CALLBACK_CLOSED_HTTP:
        http_closed(conn);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        ws_closed(conn);
        http_closed(conn);
        forget(conn);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {
        .name = WS_SUBPROTOCOL,
        .callback = called_back,
        .rx_buffer_size = RX_BUFFER,
        .tx_packet_size = FRAGMENT_ROOM,
    },
    {0},
};

/* ---- the listener ---- */

static void adopt(struct lws_server *server, int fd)
{
    struct conn *conn = remember(server, fd);
    lws_adopt_desc_t socket = {
        .vh = server->vhost,
        .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP,
        .fd = {.sockfd = fd},
        .opaque = conn,
    };
    /* Where it fails it has closed fd, and told of the wsi's destruction if there was one. */
    struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&socket);
    if (wsi) {
        conn->wsi = wsi;
    } else if (server_find_conn(server, fd) == conn) {
        forget(conn);
    }
}

static void listened(uv_poll_t *listener, int status, int events);

static void paused(uv_timer_t *pause)
{
    struct lws_server *server = pause->data;
    if (server->listen_fd >= 0)
        uv_poll_start(&server->listener, UV_READABLE, listened);
}

/* Who waits in the kernel's queue waits a little longer. */
static void pause_listening(struct lws_server *server)
{
    log_warn("no descriptor for another connection errno=%d connections=%zu", errno,
             server->conn_count);
    uv_poll_stop(&server->listener);
    uv_timer_start(&server->pause, paused, PAUSE_MS, 0);
}

static void listened(uv_poll_t *listener, int status, int events)
{
    struct lws_server *server = listener->data;
    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            adopt(server, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            pause_listening(server);
        break;
    }
    lws_server_wake(server);
}

static int open_listener(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* What accepted sockets shall have they inherit from here. */
    int on = 1, lost_ms = LOST_MS;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &lost_ms, sizeof(lost_ms));
    if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, 4096) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof(bound);
    getsockname(fd, (struct sockaddr *)&bound, &len);
    return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                             : ((struct sockaddr_in *)&bound)->sin_port);
}

ERR_CHECKED static enum err find_port(struct lws_server *server, const char *host, int port,
                                      struct error *error)
{
    struct addrinfo *addresses, hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    char service[8];
    snprintf(service, sizeof(service), "%d", port);
    const char *name = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
    int failed = getaddrinfo(name, service, &hints, &addresses);
    if (failed)
        return error_set(error, ERR_INTERNAL, "host %.60s is not an address: %s", host,
                         gai_strerror(failed));
    server->listen_fd = open_listener(addresses);
    freeaddrinfo(addresses);
    if (server->listen_fd < 0)
        return error_set(error, ERR_INTERNAL, "cannot listen on %.60s port %d: %s", host, port,
                         strerror(errno));
    server->port = port_of(server->listen_fd);
    return ERR_OK;
}

void lws_server_stop_listening(struct lws_server *server)
{
    if (server->listen_fd < 0)
        return;
    uv_close((uv_handle_t *)&server->listener, NULL);
    uv_timer_stop(&server->pause);
    close(server->listen_fd);
    server->listen_fd = -1;
}

/* ---- beginning and end ---- */

static void logged(int level, const char *line)
{
    (void)level;
    log_debug("libwebsockets says: %.*s", (int)strcspn(line, "\n"), line);
}

ERR_CHECKED static enum err create_context(struct lws_server *server, struct error *error)
{
    static const lws_retry_bo_t no_pings_of_its_own = {0};
    void *loops[] = {server->loop};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_VALIDATE_UTF8,
        .foreign_loops = loops,
        .timeout_secs = HANDSHAKE_S,
        .timeout_secs_ah_idle = HANDSHAKE_S,
        .keepalive_timeout = 15,
        .max_http_header_data = REQUEST_MAX,
        .retry_and_idle_policy = &no_pings_of_its_own,
        .vhost_name = "weft",
        .server_string = "weft",
    };
    lws_set_log_level(LLL_ERR | LLL_WARN, logged);
    server->context = lws_create_context(&info);
    if (!server->context)
        return error_set(error, ERR_INTERNAL,
                         "libwebsockets does not start; is its libuv plug-in "
                         "(libwebsockets-evlib-uv) installed?");
    server->vhost = lws_get_vhost_by_name(server->context, info.vhost_name);
    assert(server->vhost);
    return ERR_OK;
}

static void start_turning(struct lws_server *server)
{
    uv_poll_init(server->loop, &server->listener, server->listen_fd);
    uv_check_init(server->loop, &server->check);
    uv_timer_init(server->loop, &server->tick);
    uv_timer_init(server->loop, &server->pause);
    server->listener.data = server->check.data = server;
    server->tick.data = server->pause.data = server;
    uv_poll_start(&server->listener, UV_READABLE, listened);
    uv_check_start(&server->check, checked);
    lws_tap_attach(server);
}

/* What can fail comes first, so that nothing of it is in the loop then. */
struct lws_server *lws_server_new(const struct lws_server_config *config, struct error *error)
{
    struct lws_server *server = mem_zalloc(sizeof(*server));
    server->loop = config->loop;
    server->registry = config->registry;
    server->http = *config->http;
    server->hello_frame = config->hello_frame;
    server->listen_fd = -1;
    map_init(&server->exchange_by_id);
    TAILQ_INIT(&server->by_ping);
    TAILQ_INIT(&server->by_message);
    TAILQ_INIT(&server->by_end);
    if (find_port(server, config->host, config->port, error) != ERR_OK ||
        create_context(server, error) != ERR_OK) {
        if (server->listen_fd >= 0)
            close(server->listen_fd);
        free(server);
        return NULL;
    }
    server->scratch = mem_alloc(FRAGMENT_ROOM);
    start_turning(server);
    return server;
}

int lws_server_port(const struct lws_server *server)
{
    return server->port;
}

void lws_server_stop(struct lws_server *server)
{
    if (server->is_stopped)
        return;
    lws_server_stop_listening(server);
    server->is_stopped = true;
    uv_close((uv_handle_t *)&server->check, NULL);
    uv_close((uv_handle_t *)&server->tick, NULL);
    uv_close((uv_handle_t *)&server->pause, NULL);
    if (server->context)
        lws_context_destroy(server->context);
    while (!TAILQ_EMPTY(&server->by_ping)) /* who was on the way out already */
        ws_closed(TAILQ_FIRST(&server->by_ping));
}

void lws_server_free(struct lws_server *server)
{
    assert(server->is_stopped);
    lws_tap_attach(NULL);
    if (server->context)
        lws_context_destroy(server->context);
    assert(server->conn_count == 0);
    free(server->by_fd);
    map_close(&server->exchange_by_id);
    free(server->scratch);
    free(server);
}
