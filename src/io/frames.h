/*
 * What a client's WebSocket frames say in their headers. libwebsockets takes unmasked frames, and
 * waits for whatever length a header announces; nothing of its interface shows the header. So the
 * bytes are followed here as they come from the socket, headers only, and libwebsockets is kept
 * from the first frame that RFC 6455 or a limit forbids.
 *
 * What it is not: a WebSocket parser. Opcodes, fragments, UTF-8 and close frames are judged by
 * libwebsockets. Pure functions over one struct.
 */
#ifndef WEFT_IO_FRAMES_H
#define WEFT_IO_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMES_HEAD_MAX 14

/* All zero is a connection on which nothing came yet. */
struct frames {
    uint64_t left;    /* bytes of the present frame's payload still to come */
    uint64_t message; /* bytes announced so far by the frames of the present message */
    uint32_t count;   /* frames begun; the owner takes it and sets it to zero */
    uint8_t head[FRAMES_HEAD_MAX];
    uint8_t head_len;
    bool closed; /* a close frame has begun */
    bool pinged; /* a ping has come: libwebsockets writes pongs of its own */
};

struct frames_verdict {
    size_t good;        /* bytes up to the first forbidden frame: all, where there is none */
    int code;           /* close code, 0 = nothing forbidden */
    const char *reason; /* in words, static */
};

/* Follows len bytes more. most is the largest message taken; once a frame was forbidden, the rest
 * is still followed (to see a close frame), and not judged any more by calls with judge false. */
struct frames_verdict frames_follow(struct frames *frames, const void *data, size_t len,
                                    size_t most, bool judge);

#endif
