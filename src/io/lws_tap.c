/*
 * Looks at the bytes of connections before libwebsockets does.
 *
 * libwebsockets takes unmasked frames, waits for whatever length a frame announces and says nothing
 * of pings; its interface shows neither mask nor announcement. It reads its sockets by recv(), and
 * the dynamic linker lets a program define that name for the libraries it loads: so this recv() is
 * called. It is the C library's for every socket but those of connections of the server that this
 * thread runs. Of those it follows the frames, and ends the data before the first forbidden one.
 * What comes after is read and dropped until the client closes: a socket closed over unread bytes
 * is reset, and the close code lost on the way. Of HTTP it hands over one thing at a time.
 *
 * Where the name is not taken (libwebsockets linked statically) connections work and are judged
 * less strictly; tests/unit/test_ws_lws.c fails there.
 */
#undef _FORTIFY_SOURCE /* its recv() is an inline function */
#include "lws_private.h"

#include <errno.h>
#include <sys/socket.h>

#define FRAMES_PER_S 2000
#define FRAMES_BURST 4000

static _Thread_local struct lws_server *tapped;

void lws_tap_attach(struct lws_server *server)
{
    tapped = server;
}

/* Pings, pongs and empty fragments cost the sender six bytes. Returns false where there are more
 * than anybody needs. */
static bool take_frames(struct conn *conn)
{
    uint64_t now_ms = server_now_ms(conn->server);
    uint64_t earned = (now_ms - conn->frames_ms) * FRAMES_PER_S / 1000;
    if (earned > 0) {
        conn->frames_spent -= earned < conn->frames_spent ? (uint32_t)earned : conn->frames_spent;
        conn->frames_ms = now_ms;
    }
    conn->frames_spent += conn->frames.count;
    conn->frames.count = 0;
    return conn->frames_spent <= FRAMES_BURST;
}

/* Returns how many of the bytes belong to the request's head that is being read. It ends at a line
 * that is empty, and libwebsockets takes a line feed alone as the end of a line too. */
static size_t head_part(struct conn *conn, const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '\n' && conn->blank != 0) {
            conn->blank = 0;
            return i + 1;
        }
        conn->blank = data[i] == '\n' ? 1 : data[i] == '\r' && conn->blank == 1 ? 2 : 0;
    }
    return len;
}

/* Reads one thing at a time: the head of a request, then its body, and what follows only when that
 * was answered. libwebsockets 4.1 loops for ever over a POST that it read together with something
 * before it, and writes its handshake over frames that came behind the request; 4.3 ends the
 * connection when something comes before the answer is out. */
static ssize_t read_http(struct conn *conn, void *data, size_t len)
{
    if (conn->body_left > 0) {
        size_t most = conn->body_left < len ? (size_t)conn->body_left : len;
        ssize_t got = recvfrom(conn->fd, data, most, 0, NULL, NULL);
        conn->body_left -= got > 0 ? (uint64_t)got : 0;
        return got;
    }
    if (conn->exchange) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t there = recvfrom(conn->fd, data, len, MSG_PEEK, NULL, NULL);
    if (there <= 0)
        return there;
    return recvfrom(conn->fd, data, head_part(conn, data, (size_t)there), 0, NULL, NULL);
}

/* What recv returns: how many of the len bytes libwebsockets may see; 0 ends the connection. */
static ssize_t look(struct conn *conn, const void *data, size_t len)
{
    bool is_refused = conn->refused_code != 0;
    struct frames_verdict verdict =
        frames_follow(&conn->frames, data, len, conn->limit, !is_refused);
    if (is_refused) {
        if (conn->frames.closed)
            return 0;
    } else if (verdict.code != 0) {
        ws_forbid(conn, verdict.code, verdict.reason);
        if (verdict.good > 0)
            return (ssize_t)verdict.good;
    } else if (take_frames(conn)) {
        return (ssize_t)len;
    } else {
        ws_forbid(conn, 4529, "too many frames");
    }
    errno = EAGAIN;
    return -1;
}

__attribute__((visibility("default"))) ssize_t recv(int fd, void *data, size_t len, int flags)
{
    struct conn *conn = tapped ? server_find_conn(tapped, fd) : NULL;
    if (conn && !conn->is_websocket)
        return read_http(conn, data, len);
    ssize_t got = recvfrom(fd, data, len, flags, NULL, NULL);
    return conn && got > 0 ? look(conn, data, (size_t)got) : got;
}
