/* Bytes to and from one server: resolved, connected over TCP or a unix socket, and, where asked
 * for, inside TLS. It is not rebuilt; redis_link.c makes the next one. It knows nothing of what it
 * carries. */
#ifndef WEFT_IO_REDIS_STREAM_H
#define WEFT_IO_REDIS_STREAM_H

#include "redis_address.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct redis_stream;

struct redis_stream_config {
    uv_loop_t *loop;
    const struct redis_address *address; /* path, TLS and certificates; borrowed for the life */
    const struct redis_host
        *host; /* NULL: address->path; borrowed until redis_stream_new returns */
    bool is_tls;
    void *owner;
    /* Connected, and the certificate is good: redis_stream_write may be called. */
    void (*opened)(void *owner);
    /* data is borrowed until return. The owner may close the stream in it. */
    void (*received)(void *owner, const char *data, size_t len);
    /* It has ended by itself; redis_stream_close is still to be called. */
    void (*failed)(void *owner, const char *reason);
};

/* Starts to connect. No callback before the loop has turned. */
struct redis_stream *redis_stream_new(const struct redis_stream_config *config);
/* No callback after this. Freed when the loop has turned. */
void redis_stream_close(struct redis_stream *stream);
/* Borrows data. A failure is told on a later turn. */
void redis_stream_write(struct redis_stream *stream, const char *data, size_t len);
/* Bytes that were written and are not yet the kernel's. */
size_t redis_stream_queued(const struct redis_stream *stream);

#endif
