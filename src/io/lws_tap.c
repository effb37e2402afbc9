/*
 * Looks at the bytes of connections before libwebsockets does.
 *
 * libwebsockets takes unmasked frames, waits for whatever length a frame announces and says nothing
 * of pings; its interface shows neither mask nor announcement. It reads its sockets by recv(), and
 * the dynamic linker lets a program define that name for the libraries it loads: so this recv() is
 * called. It is the C library's for every socket but those of connections of the server that this
 * thread runs. Of those it follows the frames, and ends the data before the first forbidden one.
 * What comes after is read and dropped until the client closes: a socket closed over unread bytes
 * is reset, and the close code lost on the way.
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

/* A client has nothing to send behind its handshake before it has the answer; libwebsockets 4.1
 * writes that answer over what it read too much. */
static void follow_http(struct conn *conn, const char *data, size_t len)
{
    static const char blank[] = "\r\n\r\n";
    conn->has_early = false;
    for (size_t i = 0; i < len; i++) {
        if (conn->blank == 4) {
            conn->blank = 0;
            conn->has_early = true;
        }
        if (data[i] == blank[conn->blank])
            conn->blank++;
        else
            conn->blank = data[i] == '\r';
        if (conn->blank == 4)
            conn->has_early = false;
    }
}

/* What recv returns: how many of the len bytes libwebsockets may see; 0 ends the connection. */
static ssize_t look(struct conn *conn, const void *data, size_t len)
{
    if (!conn->is_websocket) {
        follow_http(conn, data, len);
        return (ssize_t)len;
    }
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
    ssize_t got = recvfrom(fd, data, len, flags, NULL, NULL);
    struct conn *conn = got > 0 && tapped ? server_find_conn(tapped, fd) : NULL;
    return conn ? look(conn, data, (size_t)got) : got;
}
