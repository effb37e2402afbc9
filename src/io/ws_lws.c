/*
 * WebSocket connections: core/transport.h over libwebsockets.
 *
 * Reading: libwebsockets hands out pieces of at most rx_buffer_size bytes, which is allocated per
 * connection and therefore small; a message that comes in one piece goes to core as it is, others
 * are put together in conn->message, bounded by conn->limit. What RFC 6455 forbids and
 * libwebsockets lets through is stopped in lws_tap.c, or, in the handshake, in ws_refuse.
 *
 * Writing: the frame header is made once per blob, in its headroom, and header and data go out by
 * one send() while nothing of this connection is buffered; only what the socket did not take is
 * given to libwebsockets, which cost a third more CPU per delivery when all went through it. Larger
 * blobs go as fragments, each copied behind its header: libwebsockets keeps a copy of what the
 * socket did not take, and may put a pong between any two writes, so neither a whole snapshot nor a
 * torn frame may be given to it.
 *
 * Ending: nothing is closed inside a callback. conn_close notes the code; ws_finish, at the end of
 * the turn, hands the close frame to libwebsockets once all that was written is out, or kills what
 * does not get there in time. (Closing by a callback's return value loses the code on libuv.)
 */
#include "lws_private.h"
#include "weft/base/blob.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/core/registry.h"
#include "weft/core/transport.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define FRAGMENT 65535u
#define PING_MS 20000
#define MESSAGE_MS 30000 /* from the first to the last piece of a message */
#define END_MS 5000      /* to get out what was written before a close */
#define KEPT_BYTES 4096u /* of conn->message, between messages */

/* ---- the handshake ---- */

/* Is word one of the comma-separated values of the header? An absent header has none. */
static bool header_has(struct lws *wsi, enum lws_token_indexes header, const char *word)
{
    char text[256], *rest = text, *value;
    if (lws_hdr_copy(wsi, text, sizeof(text), header) <= 0)
        return false;
    while ((value = strsep(&rest, ",")) != NULL) {
        value += strspn(value, " \t");
        value[strcspn(value, " \t")] = '\0';
        if (strcasecmp(value, word) == 0)
            return true;
    }
    return false;
}

static bool has_key(struct lws *wsi)
{
    char key[32];
    return lws_hdr_copy(wsi, key, sizeof(key), WSI_TOKEN_KEY) == 24 &&
           strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == 22 &&
           strcmp(key + 22, "==") == 0;
}

int ws_refuse(struct lws *wsi, const char *upgrade)
{
    char *path;
    int path_len;
    if (strcasecmp(upgrade, "websocket") != 0)
        return http_refuse(wsi, 400, NULL);
    if (lws_http_get_uri_and_method(wsi, &path, &path_len) != LWSHUMETH_GET)
        return http_refuse(wsi, 405, "Allow: GET\r\n");
    if (!header_has(wsi, WSI_TOKEN_VERSION, "13"))
        return http_refuse(wsi, 426, "Sec-WebSocket-Version: 13\r\n");
    if (!header_has(wsi, WSI_TOKEN_HTTP, "HTTP/1.1") || !has_key(wsi) ||
        !header_has(wsi, WSI_TOKEN_CONNECTION, "upgrade") ||
        lws_hdr_total_length(wsi, WSI_TOKEN_HOST) <= 0 || http_is_ambiguous(wsi) ||
        lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0)
        return http_refuse(wsi, 400, NULL);
    if (lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) > 0 &&
        !header_has(wsi, WSI_TOKEN_PROTOCOL, WS_SUBPROTOCOL))
        return http_refuse(wsi, 400, NULL);
    return 0;
}

/* Writes "192.0.2.7:51234" or "[2001:db8::7]:51234". */
static void name_peer(int fd, char *out, size_t size)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    char text[INET6_ADDRSTRLEN] = "?";
    snprintf(out, size, "?");
    if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
        return;
    if (peer.ss_family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)&peer;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
        snprintf(out, size, "%s:%u", text, ntohs(in->sin_port));
    } else if (peer.ss_family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&peer;
        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
        snprintf(out, size, "[%s]:%u", text, ntohs(in6->sin6_port));
    }
}

int ws_opened(struct conn *conn)
{
    struct lws_server *server = conn->server;
    char peer[INET6_ADDRSTRLEN + 10];
    name_peer(conn->fd, peer, sizeof(peer));
    conn->is_websocket = true;
    conn->limit = (uint32_t)server->hello_frame;
    conn->frames_ms = conn->ping_ms = server_now_ms(server);
    TAILQ_INSERT_TAIL(&server->by_ping, conn, by_ping);
    conn->session = registry_connect(server->registry, conn, peer, conn->ping_ms);
    if (!conn->session)
        conn_close(conn, 4503, "overloaded");
    return 0;
}

/* ---- reading ---- */

static void deliver(struct conn *conn, const char *data, size_t len)
{
    if (conn->session)
        session_receive(conn->session, data, len, server_now_ms(conn->server));
}

static void begin_message(struct conn *conn)
{
    conn->in_message = true;
    conn->message_ms = server_now_ms(conn->server);
    TAILQ_INSERT_TAIL(&conn->server->by_message, conn, by_message);
}

static void end_message(struct conn *conn)
{
    if (!conn->in_message)
        return;
    conn->in_message = false;
    TAILQ_REMOVE(&conn->server->by_message, conn, by_message);
    if (conn->message.cap > KEPT_BYTES)
        buf_close(&conn->message);
    else
        buf_reset(&conn->message);
}

int ws_received(struct conn *conn, const char *data, size_t len)
{
    if (conn->close_code != 0)
        return 0;
    if (lws_frame_is_binary(conn->wsi)) {
        conn_close(conn, 1003, "messages are text");
        return 0;
    }
    if (conn->message.len + len + lws_remaining_packet_payload(conn->wsi) > conn->limit) {
        conn_close(conn, 1009, "the message is larger than the limit");
        return 0;
    }
    bool is_final = lws_is_final_fragment(conn->wsi);
    if (is_final && !conn->in_message) {
        deliver(conn, data, len);
        return 0;
    }
    if (!conn->in_message)
        begin_message(conn);
    buf_add(&conn->message, data, len);
    if (is_final) {
        deliver(conn, conn->message.data, conn->message.len);
        end_message(conn);
    }
    return 0;
}

void ws_ponged(struct conn *conn)
{
    if (conn->session)
        session_alive(conn->session, server_now_ms(conn->server));
}

/* May a client close with this code? RFC 6455, 7.4. */
static bool is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code < 5000);
}

/* libwebsockets sends payload back after this. */
int ws_peer_closes(struct conn *conn, unsigned char *payload, size_t len)
{
    unsigned code = len >= 2 ? (unsigned)payload[0] << 8 | payload[1] : LWS_CLOSE_STATUS_NO_STATUS;
    bool is_wrong = len == 1 || (len >= 2 && !is_close_code(code));
    conn->peer_code = is_wrong ? LWS_CLOSE_STATUS_PROTOCOL_ERR : (int)code;
    if (len == 1) {
        lws_close_reason(conn->wsi, LWS_CLOSE_STATUS_PROTOCOL_ERR, NULL, 0);
        return -1;
    }
    if (is_wrong) {
        payload[0] = LWS_CLOSE_STATUS_PROTOCOL_ERR >> 8;
        payload[1] = LWS_CLOSE_STATUS_PROTOCOL_ERR & 0xff;
    }
    return 0;
}

/* ---- writing ---- */

static void begin_ending(struct conn *conn)
{
    if (conn->is_ending)
        return;
    conn->is_ending = true;
    conn->end_ms = server_now_ms(conn->server);
    TAILQ_INSERT_TAIL(&conn->server->by_end, conn, by_end);
}

/* Has libwebsockets something of this connection that is not out? Only where it was given some, or
 * writes pongs of its own; to ask it costs a look into its memory. */
static bool is_buffered(struct conn *conn)
{
    if (!conn->is_handed && !conn->frames.pinged)
        return false;
    conn->is_handed = lws_partial_buffered(conn->wsi);
    return conn->is_handed;
}

/* Nothing is buffered before it. */
static void write_raw(struct conn *conn, unsigned char *data, size_t len)
{
    ssize_t sent = send(conn->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)len)
        return;
    if (sent > 0) {
        data += sent;
        len -= (size_t)sent;
    }
    conn->is_handed = true;
    if (lws_write(conn->wsi, data, len, LWS_WRITE_HTTP) >= 0)
        return;
    conn->is_dead = true;
    begin_ending(conn);
}

/* Writes the header of a text frame that ends at end, and returns its length. */
static size_t put_head(unsigned char *end, uint8_t first, size_t len)
{
    if (len < 126) {
        end[-2] = first;
        end[-1] = (unsigned char)len;
        return 2;
    }
    assert(len <= UINT16_MAX);
    end[-4] = first;
    end[-3] = 126;
    end[-2] = (unsigned char)(len >> 8);
    end[-1] = (unsigned char)len;
    return 4;
}

static bool is_choked(struct conn *conn)
{
    return conn->sending || is_buffered(conn);
}

/* Sends fragments until the socket is full or the blob is out. */
static void send_fragments(struct conn *conn)
{
    unsigned char *data = conn->server->scratch + 4;
    while (conn->sending && !conn->is_dead && !is_buffered(conn)) {
        struct blob *blob = conn->sending;
        uint32_t left = blob->len - conn->sent;
        uint32_t len = left < FRAGMENT ? left : FRAGMENT;
        uint8_t first = (uint8_t)((conn->sent == 0) | (len == left ? 0x80 : 0));
        memcpy(data, blob->data + conn->sent, len);
        size_t head_len = put_head(data, first, len);
        conn->sent += len;
        write_raw(conn, data - head_len, head_len + len);
        if (len == left) {
            blob_unref(blob);
            conn->sending = NULL;
        }
    }
    if (conn->sending)
        lws_callback_on_writable(conn->wsi);
}

bool conn_write(struct conn *conn, struct blob *blob)
{
    if (conn->close_code != 0 || conn->is_dead)
        return true;
    if (is_choked(conn))
        return false;
    if (blob->len > FRAGMENT) {
        conn->sending = blob_ref(blob);
        conn->sent = 0;
        send_fragments(conn);
        return true;
    }
    if (blob->head_len == 0)
        blob->head_len = (uint32_t)put_head(blob->head + BLOB_HEADROOM, 0x81, blob->len);
    write_raw(conn, blob->head + BLOB_HEADROOM - blob->head_len, blob->head_len + blob->len);
    return true;
}

void conn_want_write(struct conn *conn)
{
    conn->wants_write = true;
    lws_callback_on_writable(conn->wsi);
}

void conn_set_limit(struct conn *conn, uint32_t bytes)
{
    conn->limit = bytes;
}

int ws_writable(struct conn *conn)
{
    send_fragments(conn);
    if (conn->wants_write && conn->session && !is_choked(conn)) {
        conn->wants_write = false;
        session_writable(conn->session);
    }
    return 0;
}

static void ping(struct conn *conn)
{
    /* With a payload, for libwebsockets says nothing of a pong that has none. */
    static unsigned char frame[] = {0x89, 1, '.'};
    if (conn->close_code == 0 && !is_buffered(conn))
        write_raw(conn, frame, sizeof(frame));
}

void ws_tick(struct lws_server *server)
{
    uint64_t now_ms = server_now_ms(server);
    struct conn *conn;
    while ((conn = TAILQ_FIRST(&server->by_ping)) && now_ms - conn->ping_ms >= PING_MS) {
        conn->ping_ms = now_ms;
        TAILQ_REMOVE(&server->by_ping, conn, by_ping);
        TAILQ_INSERT_TAIL(&server->by_ping, conn, by_ping);
        ping(conn);
    }
    while ((conn = TAILQ_FIRST(&server->by_message)) && now_ms - conn->message_ms >= MESSAGE_MS) {
        end_message(conn);
        conn_close(conn, 4529, "a message took too long");
    }
}

/* ---- ending ---- */

void conn_close(struct conn *conn, int code, const char *reason)
{
    if (conn->close_code != 0)
        return;
    conn->close_code = code;
    conn->close_reason = mem_strndup(reason, strnlen(reason, 120));
    begin_ending(conn);
}

void ws_forbid(struct conn *conn, int code, const char *reason)
{
    conn->refused_code = code;
    conn->refused_reason = reason;
    begin_ending(conn);
}

static void stop_ending(struct conn *conn)
{
    if (!conn->is_ending)
        return;
    conn->is_ending = false;
    TAILQ_REMOVE(&conn->server->by_end, conn, by_end);
}

/* Is it time to leave the connection to libwebsockets? */
static bool try_end(struct conn *conn, uint64_t now_ms)
{
    if (conn->refused_code != 0)
        conn_close(conn, conn->refused_code, conn->refused_reason);
    bool is_late = now_ms - conn->end_ms >= END_MS;
    if (!conn->is_dead && conn->peer_code == 0 && is_choked(conn) && !is_late)
        return false;
    stop_ending(conn);
    if (conn->peer_code != 0)
        return true; /* it answers the client's close, and that is all */
    if (!conn->is_dead && !is_choked(conn))
        lws_close_reason(conn->wsi, (enum lws_close_status)conn->close_code,
                         (unsigned char *)conn->close_reason, strlen(conn->close_reason));
    return true;
}

void ws_finish(struct lws_server *server)
{
    uint64_t now_ms = server_now_ms(server);
    struct conn *conn, *next;
    for (conn = TAILQ_FIRST(&server->by_end); conn; conn = next) {
        next = TAILQ_NEXT(conn, by_end);
        if (try_end(conn, now_ms) && conn->peer_code == 0)
            lws_set_timeout(conn->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
    }
}

static void tell_session(const struct conn *conn, struct session *session)
{
    int code = 1006;
    const char *reason = "connection lost";
    if (conn->peer_code != 0) {
        code = conn->peer_code;
        reason = "closed by the client";
    } else if (conn->close_code != 0) {
        code = conn->close_code;
        reason = conn->close_reason;
    }
    session_disconnected(session, code, reason, server_now_ms(conn->server));
}

void ws_closed(struct conn *conn)
{
    struct lws_server *server = conn->server;
    struct session *session = conn->session;
    conn->session = NULL;
    if (!conn->is_websocket)
        return;
    conn->is_websocket = false;
    TAILQ_REMOVE(&server->by_ping, conn, by_ping);
    end_message(conn);
    stop_ending(conn);
    buf_close(&conn->message);
    blob_unref(conn->sending);
    conn->sending = NULL;
    if (session)
        tell_session(conn, session);
    free(conn->close_reason);
    conn->close_reason = NULL;
    conn->close_code = 1006;
}
