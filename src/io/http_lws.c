/*
 * Plain HTTP requests over libwebsockets.
 *
 * One exchange per connection at a time: while it is answered, nothing more is read (a client that
 * sends the next request ahead waits, and the loop does not spin on its bytes). The answer is
 * written from the writable callback, in pieces; a whole file of the page is one piece on most
 * sockets.
 *
 * libwebsockets decodes the path: "%2e%2e" and "//" are gone before anybody looks, and no path
 * reaches the disk in any case. Its own answer to a method it does not know is 403.
 *
 * Left out: ranges, chunked requests, compression on the fly, HTTP/2.
 */
#include "lws_private.h"
#include "weft/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PIECE 65535u
#define ANSWER_S 30 /* for a route to answer, and for each piece to leave */
#define HEADERS_MAX 2048

struct exchange {
    uint64_t id;
    struct conn *conn;
    char *path;
    size_t path_len;
    struct buf body;
    bool wants_body, is_answered, is_begun, is_last;
    /* the answer */
    int status;
    char *content_type, *headers;
    char *data;
    size_t len, sent;
    bool is_static;
};

static const char *method_name(struct lws *wsi)
{
    char *path;
    int len;
    switch (lws_http_get_uri_and_method(wsi, &path, &len)) {
    case LWSHUMETH_GET:
        return "GET";
    case LWSHUMETH_POST:
        return "POST";
    case LWSHUMETH_HEAD:
        return "HEAD";
    case LWSHUMETH_PUT:
        return "PUT";
    case LWSHUMETH_PATCH:
        return "PATCH";
    case LWSHUMETH_DELETE:
        return "DELETE";
    case LWSHUMETH_OPTIONS:
        return "OPTIONS";
    default:
        return "?";
    }
}

bool http_is_ambiguous(struct lws *wsi)
{
    char text[32];
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0)
        return true;
    int len = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    if (len <= 0)
        return false;
    return lws_hdr_fragment_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, 1) > 0 || len > 15 ||
           lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_CONTENT_LENGTH) != len ||
           strspn(text, "0123456789") != (size_t)len;
}

int http_refuse(struct lws *wsi, int status, const char *header)
{
    unsigned char text[LWS_PRE + 256], *start = text + LWS_PRE, *at = start;
    at += lws_snprintf((char *)at, 250,
                       "HTTP/1.1 %d Refused\r\n%sConnection: close\r\n"
                       "Content-Length: 0\r\n\r\n",
                       status, header ? header : "");
    lws_write(wsi, start, (size_t)(at - start), LWS_WRITE_HTTP_HEADERS);
    return -1;
}

/* ---- the request ---- */

static const char *copy_header(struct lws *wsi, enum lws_token_indexes header, char *out, int size)
{
    if (lws_hdr_copy(wsi, out, size, header) < 0)
        out[0] = '\0';
    return out;
}

static void hand_over(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    char accept[256], encoding[256], etag[256], query[256];
    struct http_request request = {
        .id = exchange->id,
        .method = method_name(conn->wsi),
        .path = exchange->path,
        .path_len = exchange->path_len,
        .query = copy_header(conn->wsi, WSI_TOKEN_HTTP_URI_ARGS, query, sizeof(query)),
        .accept = copy_header(conn->wsi, WSI_TOKEN_HTTP_ACCEPT, accept, sizeof(accept)),
        .accept_encoding =
            copy_header(conn->wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, encoding, sizeof(encoding)),
        .if_none_match = copy_header(conn->wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, etag, sizeof(etag)),
        .body = exchange->body.data ? exchange->body.data : "",
        .body_len = exchange->body.len,
    };
    lws_rx_flow_control(conn->wsi, 0);
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_HTTP_CONTENT, ANSWER_S);
    conn->server->http.handle(conn->server->http.owner, &request);
}

static struct exchange *exchange_new(struct conn *conn, const char *path, size_t len)
{
    struct exchange *exchange = mem_zalloc(sizeof(*exchange));
    exchange->id = ++conn->server->last_exchange;
    exchange->conn = conn;
    exchange->path = mem_strndup(path, len);
    exchange->path_len = len;
    conn->exchange = exchange;
    map_put(&conn->server->exchange_by_id, exchange->id, exchange);
    return exchange;
}

/* Answers status without asking anybody, and closes: what follows on the connection is in doubt. */
static int reject(struct exchange *exchange, int status)
{
    exchange->is_last = true;
    http_respond(exchange->conn->server, exchange->id, &(struct http_response){.status = status});
    return 0;
}

int http_begun(struct conn *conn, const char *path, size_t len)
{
    struct lws *wsi = conn->wsi;
    char text[32] = "";
    if (conn->exchange)
        http_closed(conn);
    struct exchange *exchange = exchange_new(conn, path, len);
    if (http_is_ambiguous(wsi))
        return reject(exchange, 400);
    bool has_length = lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP_CONTENT_LENGTH) > 0;
    long long body_len = has_length ? atoll(text) : 0;
    bool is_post = lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0;
    bool may_have_body = is_post || lws_hdr_total_length(wsi, WSI_TOKEN_PUT_URI) > 0 ||
                         lws_hdr_total_length(wsi, WSI_TOKEN_PATCH_URI) > 0;
    if (may_have_body && !has_length)
        return reject(exchange, 411);
    if (body_len > (long long)HTTP_BODY_MAX)
        return reject(exchange, 413);
    conn->body_left = (uint64_t)body_len;
    exchange->wants_body = body_len > 0 || is_post;
    if (!exchange->wants_body)
        hand_over(exchange);
    return 0;
}

int http_body(struct conn *conn, const char *data, size_t len)
{
    struct exchange *exchange = conn->exchange;
    if (!exchange || !exchange->wants_body || exchange->is_answered)
        return 0;
    if (exchange->body.len + len > HTTP_BODY_MAX)
        return -1; /* more than the length it gave */
    buf_add(&exchange->body, data, len);
    return 0;
}

int http_body_completed(struct conn *conn)
{
    if (conn->exchange && conn->exchange->wants_body && !conn->exchange->is_answered)
        hand_over(conn->exchange);
    return 0;
}

/* ---- the answer ---- */

void http_respond(struct lws_server *server, uint64_t id, const struct http_response *response)
{
    struct exchange *exchange = map_find(&server->exchange_by_id, id);
    if (!exchange) {
        if (!response->is_static)
            free(response->body);
        return;
    }
    assert(!exchange->is_answered);
    exchange->is_answered = true;
    exchange->status = response->status;
    exchange->content_type = response->content_type ? mem_strdup(response->content_type) : NULL;
    exchange->headers = response->headers ? mem_strdup(response->headers) : NULL;
    exchange->data = response->body;
    exchange->len = response->len;
    exchange->is_static = response->is_static;
    /* libwebsockets writes nothing either while reading is off. */
    lws_rx_flow_control(exchange->conn->wsi, 1);
    lws_callback_on_writable(exchange->conn->wsi);
}

/* Appends "Name: value\r\n" lines by libwebsockets' own function, which knows of room and HTTP/1.
 */
static int add_headers(struct lws *wsi, const char *lines, unsigned char **at, unsigned char *end)
{
    while (lines && *lines) {
        char name[64];
        size_t name_len = strcspn(lines, ":"), line_len = strcspn(lines, "\r\n");
        assert(name_len + 2 < sizeof(name) && name_len < line_len);
        memcpy(name, lines, name_len + 1);
        name[name_len + 1] = '\0';
        const char *value = lines + name_len + 1;
        value += strspn(value, " ");
        if (lws_add_http_header_by_name(wsi, (unsigned char *)name, (const unsigned char *)value,
                                        (int)(lines + line_len - value), at, end))
            return -1;
        lines += line_len + strspn(lines + line_len, "\r\n");
    }
    return 0;
}

static int write_head(struct exchange *exchange)
{
    struct lws *wsi = exchange->conn->wsi;
    unsigned char text[LWS_PRE + HEADERS_MAX], *start = text + LWS_PRE, *at = start;
    unsigned char *end = text + sizeof(text) - 1;
    bool has_body = exchange->status != 304;
    if (lws_add_http_header_status(wsi, (unsigned)exchange->status, &at, end) ||
        (exchange->content_type &&
         lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE,
                                      (const unsigned char *)exchange->content_type,
                                      (int)strlen(exchange->content_type), &at, end)) ||
        (has_body && lws_add_http_header_content_length(wsi, exchange->len, &at, end)) ||
        add_headers(wsi, exchange->headers, &at, end) ||
        (exchange->is_last && add_headers(wsi, "connection: close\r\n", &at, end)) ||
        lws_finalize_http_header(wsi, &at, end))
        return -1;
    size_t len = (size_t)(at - start);
    return lws_write(wsi, start, len, LWS_WRITE_HTTP_HEADERS) == (int)len ? 0 : -1;
}

static int complete(struct exchange *exchange)
{
    struct conn *conn = exchange->conn;
    bool is_last = exchange->is_last;
    http_closed(conn);
    if (is_last)
        return -1;
    return lws_http_transaction_completed(conn->wsi) ? -1 : 0;
}

int http_writable(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    if (!exchange || !exchange->is_answered)
        return 0;
    if (!exchange->is_begun) {
        exchange->is_begun = true;
        if (write_head(exchange) != 0)
            return -1;
        if (strcmp(method_name(conn->wsi), "HEAD") == 0)
            exchange->sent = exchange->len;
    }
    while (exchange->sent < exchange->len && !lws_partial_buffered(conn->wsi)) {
        size_t left = exchange->len - exchange->sent;
        size_t len = left < PIECE ? left : PIECE;
        enum lws_write_protocol how = len == left ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP;
        if (lws_write(conn->wsi, (unsigned char *)exchange->data + exchange->sent, len, how) < 0)
            return -1;
        exchange->sent += len;
    }
    if (exchange->sent == exchange->len && !lws_partial_buffered(conn->wsi))
        return complete(exchange);
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_HTTP_CONTENT, ANSWER_S);
    lws_callback_on_writable(conn->wsi);
    return 0;
}

void http_closed(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    if (!exchange)
        return;
    conn->exchange = NULL;
    map_remove(&conn->server->exchange_by_id, exchange->id);
    if (!exchange->is_static)
        free(exchange->data);
    free(exchange->path);
    free(exchange->content_type);
    free(exchange->headers);
    buf_close(&exchange->body);
    free(exchange);
}
