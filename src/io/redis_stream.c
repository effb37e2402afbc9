/* One uv handle, tried on one address of the host after the other, since the first of "localhost"
 * is often the one that nobody listens on. A lookup or a handle under way outlives
 * redis_stream_close: `holds` counts them, and the last one frees the stream. After the close
 * `owner` is not called any more.
 *
 * A write first goes straight to the socket; libuv is given a copy only of what the socket did not
 * take. A broken socket is told by the read or by that copy's callback, never by the write. */
#include "redis_stream.h"
#include "redis_tls.h"
#include "weft/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_SIZE 65536

struct redis_stream {
    struct redis_stream_config config;
    char host[REDIS_HOST_SIZE], port[8];
    uv_getaddrinfo_t lookup;
    struct addrinfo *addresses, *next; /* next: to be tried after the present one */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_connect_t connecting;
    struct redis_tls *tls;
    struct buf sealed; /* between TLS and the socket */
    int holds;         /* lookup, handle */
    bool is_looking_up, has_handle, is_closed, has_failed;
    char data[READ_SIZE], plain[READ_SIZE];
};

struct leftover {
    uv_write_t write;
    char data[];
};

/* ---- the end ---- */

static void let_go(struct redis_stream *stream)
{
    if (--stream->holds > 0 || !stream->is_closed)
        return;
    redis_tls_free(stream->tls);
    uv_freeaddrinfo(stream->addresses);
    buf_close(&stream->sealed);
    free(stream);
}

static void handle_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

static void close_handle(struct redis_stream *stream, uv_close_cb closed)
{
    stream->has_handle = false;
    uv_close(&stream->uv.handle, closed);
}

static void fail(struct redis_stream *stream, const char *reason)
{
    if (stream->is_closed || stream->has_failed)
        return;
    stream->has_failed = true;
    stream->config.failed(stream->config.owner, reason);
}

static void fail_uv(struct redis_stream *stream, const char *what, int status)
{
    char reason[128];
    snprintf(reason, sizeof(reason), "%s: %s", what, uv_strerror(status));
    fail(stream, reason);
}

/* ---- bytes ---- */

static void leftover_written(uv_write_t *write, int status)
{
    struct redis_stream *stream = write->data;
    free((struct leftover *)write);
    if (status != 0)
        fail_uv(stream, "cannot send", status);
}

static void send_bytes(struct redis_stream *stream, const char *data, size_t len)
{
    if (stream->uv.stream.write_queue_size == 0) {
        uv_buf_t now = {.base = (char *)data, .len = len};
        int sent = uv_try_write(&stream->uv.stream, &now, 1);
        if (sent > 0) {
            data += sent;
            len -= (size_t)sent;
        }
    }
    if (len == 0)
        return;
    struct leftover *rest = mem_alloc(sizeof(*rest) + len);
    memcpy(rest->data, data, len);
    rest->write.data = stream;
    uv_buf_t later = {.base = rest->data, .len = len};
    if (uv_write(&rest->write, &stream->uv.stream, &later, 1, leftover_written) != 0)
        free(rest); /* the handle is not open: its read has failed already */
}

static void send_sealed(struct redis_stream *stream)
{
    redis_tls_take(stream->tls, &stream->sealed);
    if (stream->sealed.len > 0)
        send_bytes(stream, stream->sealed.data, stream->sealed.len);
    buf_reset(&stream->sealed);
}

/* Gives the owner what can be decrypted; the owner may close the stream at any of it. */
static void read_plain(struct redis_stream *stream)
{
    struct error error = {0};
    bool is_open_now;
    enum err result = redis_tls_shake(stream->tls, &is_open_now, &error);
    if (is_open_now)
        stream->config.opened(stream->config.owner);
    for (size_t len = 1; len > 0 && result == ERR_OK && !stream->is_closed;) {
        result = redis_tls_read(stream->tls, stream->plain, sizeof(stream->plain), &len, &error);
        if (result == ERR_OK && len > 0)
            stream->config.received(stream->config.owner, stream->plain, len);
    }
    if (stream->is_closed)
        return;
    send_sealed(stream); /* an alert that tells the peer why, too */
    if (result != ERR_OK)
        fail(stream, error.text);
}

static void give_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
    (void)wanted;
    struct redis_stream *stream = handle->data;
    *out = uv_buf_init(stream->data, sizeof(stream->data));
}

static void bytes_read(uv_stream_t *handle, ssize_t count, const uv_buf_t *buffer)
{
    struct redis_stream *stream = handle->data;
    if (count == UV_EOF)
        fail(stream, "closed by the server");
    else if (count < 0)
        fail_uv(stream, "cannot receive", (int)count);
    else if (count > 0 && stream->tls) {
        redis_tls_put(stream->tls, buffer->base, (size_t)count);
        read_plain(stream);
    } else if (count > 0) {
        stream->config.received(stream->config.owner, buffer->base, (size_t)count);
    }
}

/* ---- the beginning ---- */

static void start_bytes(struct redis_stream *stream)
{
    struct error error = {0};
    uv_read_start(&stream->uv.stream, give_buffer, bytes_read);
    if (!stream->config.is_tls) {
        stream->config.opened(stream->config.owner);
        return;
    }
    stream->tls = redis_tls_new(stream->config.address, stream->host, &error);
    if (stream->tls)
        read_plain(stream);
    else
        fail(stream, error.text);
}

static void try_next(uv_handle_t *handle);

static void connected(uv_connect_t *request, int status)
{
    struct redis_stream *stream = request->data;
    if (stream->is_closed)
        return; /* its handle is being closed */
    if (status == 0)
        start_bytes(stream);
    else if (stream->next)
        close_handle(stream, try_next);
    else
        fail_uv(stream, "cannot connect", status);
}

static void connect_tcp(struct redis_stream *stream)
{
    const struct sockaddr *address = stream->next->ai_addr;
    stream->next = stream->next->ai_next;
    uv_tcp_init(stream->config.loop, &stream->uv.tcp);
    stream->has_handle = true;
    stream->uv.handle.data = stream;
    uv_tcp_nodelay(&stream->uv.tcp, 1);
    int status = uv_tcp_connect(&stream->connecting, &stream->uv.tcp, address, connected);
    if (status != 0)
        connected(&stream->connecting, status);
}

static void try_next(uv_handle_t *handle)
{
    struct redis_stream *stream = handle->data;
    if (stream->is_closed)
        let_go(stream);
    else
        connect_tcp(stream);
}

static void looked_up(uv_getaddrinfo_t *lookup, int status, struct addrinfo *addresses)
{
    struct redis_stream *stream = lookup->data;
    stream->is_looking_up = false;
    stream->addresses = stream->next = addresses;
    if (!stream->is_closed && status == 0 && addresses) {
        stream->holds++;
        connect_tcp(stream);
    } else if (!stream->is_closed) {
        fail_uv(stream, "cannot resolve the host", status);
    }
    let_go(stream);
}

static void start_lookup(struct redis_stream *stream)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    stream->lookup.data = stream;
    int status = uv_getaddrinfo(stream->config.loop, &stream->lookup, looked_up, stream->host,
                                stream->port, &hints);
    if (status != 0)
        abort(); /* out of memory, as in mem.c: nothing else can fail here */
    stream->is_looking_up = true;
    stream->holds++;
}

static void connect_unix(struct redis_stream *stream)
{
    uv_pipe_init(stream->config.loop, &stream->uv.pipe, 0);
    stream->has_handle = true;
    stream->uv.handle.data = stream;
    stream->holds++;
    uv_pipe_connect(&stream->connecting, &stream->uv.pipe, stream->config.address->path, connected);
}

struct redis_stream *redis_stream_new(const struct redis_stream_config *config)
{
    struct redis_stream *stream = mem_zalloc(sizeof(*stream));
    stream->config = *config;
    stream->connecting.data = stream;
    if (config->host) {
        snprintf(stream->host, sizeof(stream->host), "%s", config->host->name);
        snprintf(stream->port, sizeof(stream->port), "%u", config->host->port);
        start_lookup(stream);
    } else {
        connect_unix(stream);
    }
    return stream;
}

void redis_stream_close(struct redis_stream *stream)
{
    stream->is_closed = true;
    stream->holds++; /* this call: after a lookup that failed there is no other */
    if (stream->is_looking_up)
        uv_cancel((uv_req_t *)&stream->lookup);
    if (stream->has_handle)
        close_handle(stream, handle_closed);
    let_go(stream);
}

void redis_stream_write(struct redis_stream *stream, const char *data, size_t len)
{
    struct error error = {0};
    if (len == 0 || stream->has_failed)
        return;
    if (!stream->tls) {
        send_bytes(stream, data, len);
        return;
    }
    if (redis_tls_write(stream->tls, data, len, &error) == ERR_OK)
        send_sealed(stream);
}

size_t redis_stream_queued(const struct redis_stream *stream)
{
    return stream->has_handle ? uv_stream_get_write_queue_size(&stream->uv.stream) : 0;
}
