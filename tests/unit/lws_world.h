/*
 * A world for tests of the port: the real server on a loop of the test's own thread, a small
 * registry in the place of core's that echoes, and raw clients over sockets of the same thread.
 * Include it once, behind check.h.
 */
#ifndef LWS_WORLD_H
#define LWS_WORLD_H

#include "check.h"

#include "weft/base/blob.h"
#include "weft/base/mem.h"
#include "weft/core/registry.h"
#include "weft/core/transport.h"
#include "weft/io/http_lws.h"
#include "weft/io/lws_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#define DEADLINE_S 20

/* ---- the registry: sessions that do what the message says, else echo it ---- */

struct session {
    struct conn *conn;
    struct blob *queue[4096];
    size_t queued;
    bool is_choked;
};

static struct {
    uv_loop_t loop;
    struct lws_server *server;
    int opened, closed, alive, choked, received, ticks;
    size_t last_len;
    bool refuses;
    char reason[160];
    int code;
    struct http_handler http;
} world;

struct session *registry_connect(struct registry *registry, struct conn *conn, const char *remote,
                                 uint64_t now_ms)
{
    (void)registry;
    (void)now_ms;
    CHECK(strncmp(remote, "127.0.0.1:", 10) == 0);
    if (world.refuses)
        return NULL;
    struct session *session = mem_zalloc(sizeof(*session));
    session->conn = conn;
    world.opened++;
    return session;
}

static void flush(struct session *session)
{
    size_t done = 0;
    while (!session->is_choked && done < session->queued) {
        if (conn_write(session->conn, session->queue[done])) {
            blob_unref(session->queue[done++]);
            continue;
        }
        session->is_choked = true;
        world.choked++;
        conn_want_write(session->conn);
    }
    session->queued -= done;
    memmove(session->queue, session->queue + done, session->queued * sizeof(session->queue[0]));
}

static void push(struct session *session, struct blob *blob)
{
    REQUIRE(session->queued < 4096);
    session->queue[session->queued++] = blob;
    flush(session);
}

/* "close 4404 why", "limit 100000", "big 300000", "many 500 2000" (messages, bytes each). */
void session_receive(struct session *session, const char *data, size_t len, uint64_t now_ms)
{
    char text[128];
    unsigned a, b;
    int at;
    (void)now_ms;
    world.received++;
    world.last_len = len;
    snprintf(text, sizeof(text), "%.*s", (int)(len < 120 ? len : 120), data);
    if (sscanf(text, "close %u %n", &a, &at) == 1) {
        conn_close(session->conn, (int)a, text + at);
        conn_close(session->conn, 1000, "the first code counts");
    } else if (sscanf(text, "limit %u", &a) == 1) {
        conn_set_limit(session->conn, a);
    } else if (sscanf(text, "many %u %u", &a, &b) == 2) {
        for (unsigned i = 0; i < a; i++) {
            struct blob *blob = blob_new(NULL, b);
            memset(blob->data, 'a' + (int)(i % 26), b);
            push(session, blob);
        }
    } else {
        push(session, blob_new(data, len));
    }
}

void session_alive(struct session *session, uint64_t now_ms)
{
    (void)session;
    (void)now_ms;
    world.alive++;
}

void session_writable(struct session *session)
{
    session->is_choked = false;
    flush(session);
}

void session_disconnected(struct session *session, int code, const char *reason, uint64_t now_ms)
{
    (void)now_ms;
    world.code = code;
    snprintf(world.reason, sizeof(world.reason), "%s", reason);
    for (size_t i = 0; i < session->queued; i++)
        blob_unref(session->queue[i]);
    free(session);
    world.closed++;
}

void registry_turn(struct registry *registry, uint64_t now_ms, uint64_t wall_ms)
{
    (void)registry;
    (void)now_ms;
    CHECK(wall_ms > 1500000000000u);
}

void registry_tick(struct registry *registry, uint64_t now_ms, uint64_t wall_ms)
{
    (void)registry;
    (void)now_ms;
    (void)wall_ms;
    world.ticks++;
}

bool registry_needs_ticks(const struct registry *registry)
{
    (void)registry;
    return world.opened > world.closed;
}

/* ---- the world ---- */

static void no_http(void *owner, const struct http_request *request)
{
    (void)owner;
    http_respond(world.server, request->id, &(struct http_response){.status = 404});
}

/* Who answers plain HTTP; set it before world_open. */
static void (*http_answer)(void *owner, const struct http_request *request) = no_http;

static void world_open(void)
{
    struct error error = {0};
    memset(&world, 0, sizeof(world));
    uv_loop_init(&world.loop);
    world.http.handle = http_answer;
    struct lws_server_config config = {
        .loop = &world.loop, .http = &world.http, .host = "127.0.0.1", .hello_frame = 8192};
    world.server = lws_server_new(&config, &error);
    if (!world.server)
        CHECK_FAIL("%s", error.text);
    REQUIRE(world.server != NULL);
}

CHECK_UNUSED static void world_close(void)
{
    lws_server_stop(world.server);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    lws_server_free(world.server);
    CHECK_EQ_INT(uv_loop_close(&world.loop), 0);
    CHECK_EQ_INT(world.opened, world.closed);
}

static uint64_t deadline(void)
{
    return uv_hrtime() + DEADLINE_S * 1000000000ull;
}

/* Lets the server work, and waits a moment for the client's socket. */
static void pump(int fd, short events)
{
    uv_run(&world.loop, UV_RUN_NOWAIT);
    struct pollfd waited = {.fd = fd, .events = events};
    poll(&waited, 1, 1);
}

#define WAIT_FOR(fd, condition)                                                                    \
    do {                                                                                           \
        for (uint64_t end_ = deadline(); !(condition) && uv_hrtime() < end_;)                      \
            pump(fd, 0);                                                                           \
        CHECK(condition);                                                                          \
    } while (0)

/* ---- clients ---- */

static int dial(int receive_buffer)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)lws_server_port(world.server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (receive_buffer)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    REQUIRE(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

/* Sends all, or as much as a connection takes that the server ends meanwhile. */
static void send_bytes(int fd, const void *data, size_t len)
{
    const char *bytes = data;
    for (uint64_t end = deadline(); len > 0 && uv_hrtime() < end;) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return;
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
        pump(fd, len > 0 ? POLLOUT : 0);
    }
    CHECK_EQ_INT(len, 0);
}

/* Reads up to len bytes; fewer at the end of the connection. */
static size_t read_bytes(int fd, void *out, size_t len)
{
    size_t have = 0;
    uint64_t end = deadline();
    while (have < len) {
        ssize_t n = read(fd, (char *)out + have, len - have);
        if (n > 0)
            have += (size_t)n;
        else if (n == 0 || errno != EAGAIN)
            return have;
        else if (uv_hrtime() > end) {
            CHECK_FAIL("nothing came for %d s", DEADLINE_S);
            return have;
        } else
            pump(fd, POLLIN);
    }
    return have;
}

/* Reads a response's head up to its blank line into out; returns its length. */
static size_t read_head(int fd, char *out, size_t size)
{
    size_t len = 0;
    while (len + 1 < size && read_bytes(fd, out + len, 1) == 1) {
        len++;
        if (len >= 4 && memcmp(out + len - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    out[len] = '\0';
    return len;
}

CHECK_UNUSED static int read_status(int fd)
{
    char head[4096];
    int status = 0;
    read_head(fd, head, sizeof(head));
    sscanf(head, "HTTP/1.1 %d", &status);
    return status;
}

#endif
