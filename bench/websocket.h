/* The client's half of RFC 6455, as much as a load generator needs: the handshake, masked frames
 * out, and a decoder that takes bytes as they come. No extensions, no sockets. */
#ifndef WEFT_BENCH_WEBSOCKET_H
#define WEFT_BENCH_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/base/buf.h"

enum websocket_opcode {
    WEBSOCKET_MORE = 0x0,
    WEBSOCKET_TEXT = 0x1,
    WEBSOCKET_BINARY = 0x2,
    WEBSOCKET_CLOSE = 0x8,
    WEBSOCKET_PING = 0x9,
    WEBSOCKET_PONG = 0xa,
};

/* Of a message longer than this only the beginning is kept. */
#define WEBSOCKET_KEEP ((size_t)256 * 1024)

struct websocket_message {
    enum websocket_opcode opcode;
    const char *data;
    size_t len;     /* bytes at data */
    uint64_t total; /* bytes of the message; more than len if it was cut */
    char last;      /* its last byte */
};

struct websocket_decoder {
    unsigned char head[10];
    size_t head_len;
    bool in_payload;
    bool fin;
    bool is_control;
    bool delivered; /* what is kept was given out and goes with the next call */
    enum websocket_opcode opcode;
    uint64_t left;  /* payload bytes of this frame that have not come yet */
    uint64_t total; /* payload bytes of this message so far */
    struct buf kept;
    char last;
    size_t control_len;
    char control[125];
};

enum websocket_result { WEBSOCKET_MESSAGE, WEBSOCKET_WAIT, WEBSOCKET_BAD };

/* Appends the request for path; subprotocol may be NULL. */
void websocket_request(struct buf *out, const char *host, const char *path,
                       const char *subprotocol);
/* The length of the response's head when it is whole and says 101 to websocket_request(); 0 when
 * more is needed, -1 when it says anything else. */
long websocket_response(const char *data, size_t len);

/* Appends one masked frame that is a whole message. */
void websocket_frame(struct buf *out, enum websocket_opcode opcode, const void *data, size_t len);

/* A decoder of zeros is ready. */
void websocket_decoder_close(struct websocket_decoder *decoder);
/* Takes bytes from *at, moves it, and fills message with the next whole message, which is valid
 * until the next call and as long as the bytes. WEBSOCKET_WAIT: all was taken, more is needed. */
enum websocket_result websocket_next(struct websocket_decoder *decoder, const char **at,
                                     const char *end, struct websocket_message *message);

#endif
