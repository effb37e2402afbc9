/* A message that lies whole in the caller's bytes is given out where it lies: under load that is
 * nearly every one. Only a straggler is copied. A snapshot of 4 MiB for each of 150 clients would
 * cost the generator 600 MiB, so of long messages just the first part is kept. */
#include "websocket.h"

#include <string.h>
#include <strings.h>

/* The key of RFC 6455's own example: the answer to it is a constant, so no SHA-1 here. */
#define SAMPLE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define SAMPLE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

void websocket_request(struct buf *out, const char *host, const char *path, const char *subprotocol)
{
    buf_printf(out,
               "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: " SAMPLE_KEY "\r\nSec-WebSocket-Version: 13\r\n",
               path, host);
    if (subprotocol)
        buf_printf(out, "Sec-WebSocket-Protocol: %s\r\n", subprotocol);
    buf_add_text(out, "\r\n");
}

long websocket_response(const char *data, size_t len)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    if (!end)
        return len > 8192 ? -1 : 0;
    size_t head = (size_t)(end - data) + 4;
    if (head < 12 || memcmp(data, "HTTP/1.1 101", 12) != 0)
        return -1;
    return memmem(data, head, SAMPLE_ACCEPT, sizeof SAMPLE_ACCEPT - 1) ? (long)head : -1;
}

static size_t header_write(unsigned char *out, enum websocket_opcode opcode, size_t len)
{
    size_t extra = len < 126 ? 0 : len <= 0xffff ? 2 : 8;
    out[0] = (unsigned char)(0x80U | (unsigned)opcode);
    out[1] = (unsigned char)(0x80U | (extra == 0 ? len : extra == 2 ? 126U : 127U));
    for (size_t i = 0; i < extra; i++)
        out[2 + i] = (unsigned char)(len >> (8 * (extra - 1 - i)));
    return 2 + extra;
}

static uint32_t mask_next(void)
{
    static uint32_t state = 0x9e3779b9U;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void mask_copy(char *out, const char *data, size_t len, uint32_t mask)
{
    uint64_t wide = (uint64_t)mask << 32 | mask;
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        word ^= wide;
        memcpy(out + i, &word, 8);
    }
    for (; i < len; i++)
        out[i] = (char)(data[i] ^ (char)(mask >> (8 * (i & 3))));
}

void websocket_frame(struct buf *out, enum websocket_opcode opcode, const void *data, size_t len)
{
    uint32_t mask = mask_next();
    char *at = buf_reserve(out, len + 14);
    size_t head = header_write((unsigned char *)at, opcode, len);
    memcpy(at + head, &mask, 4); /* little-endian, as mask_copy() counts its bytes */
    mask_copy(at + head + 4, data, len, mask);
    out->len += head + 4 + len;
}

void websocket_decoder_close(struct websocket_decoder *decoder)
{
    buf_close(&decoder->kept);
}

static void kept_forget(struct websocket_decoder *decoder)
{
    if (decoder->kept.cap > 65536)
        buf_close(&decoder->kept);
    buf_reset(&decoder->kept);
    decoder->total = 0;
    decoder->delivered = false;
}

static void keep(struct websocket_decoder *decoder, const char *data, size_t len)
{
    if (len == 0)
        return;
    decoder->last = data[len - 1];
    if (decoder->is_control) {
        memcpy(decoder->control + decoder->control_len, data, len);
        decoder->control_len += len;
        return;
    }
    size_t room = WEBSOCKET_KEEP - decoder->kept.len;
    buf_add(&decoder->kept, data, len < room ? len : room);
    decoder->total += len;
}

/* Judges a whole header: no extension, no mask, fragments in order, short control frames. */
static bool header_use(struct websocket_decoder *decoder)
{
    const unsigned char *head = decoder->head;
    unsigned opcode = head[0] & 0x0fU;
    bool fin = (head[0] & 0x80U) != 0;
    decoder->is_control = opcode >= WEBSOCKET_CLOSE;
    decoder->left = head[1] & 0x7fU;
    if (decoder->left >= 126) {
        decoder->left = 0;
        for (size_t i = 2; i < decoder->head_len; i++)
            decoder->left = decoder->left << 8 | head[i];
    }
    if ((head[0] & 0x70U) || (head[1] & 0x80U) || opcode > WEBSOCKET_PONG)
        return false;
    if (decoder->is_control) {
        decoder->control_len = 0;
        return fin && decoder->left <= sizeof decoder->control;
    }
    bool within = decoder->opcode != WEBSOCKET_MORE;
    if (within != (opcode == WEBSOCKET_MORE) || (opcode > WEBSOCKET_BINARY))
        return false;
    if (!within)
        decoder->opcode = (enum websocket_opcode)opcode;
    decoder->fin = fin;
    return true;
}

static size_t header_need(const struct websocket_decoder *decoder)
{
    unsigned len = decoder->head_len < 2 ? 0 : decoder->head[1] & 0x7fU;
    return len < 126 ? 2 : len == 126 ? 4 : 10;
}

static enum websocket_result header_take(struct websocket_decoder *decoder, const char **at,
                                         const char *end)
{
    while (decoder->head_len < header_need(decoder)) {
        if (*at == end)
            return WEBSOCKET_WAIT;
        decoder->head[decoder->head_len++] = (unsigned char)*(*at)++;
    }
    if (!header_use(decoder))
        return WEBSOCKET_BAD;
    decoder->in_payload = true;
    return WEBSOCKET_MESSAGE;
}

/* The frame's payload is all here: either it completes a message, or its next fragment follows. */
static bool message_finish(struct websocket_decoder *decoder, struct websocket_message *message)
{
    unsigned opcode = decoder->head[0] & 0x0fU;
    decoder->in_payload = false;
    decoder->head_len = 0;
    if (decoder->is_control) {
        *message =
            (struct websocket_message){(enum websocket_opcode)opcode, decoder->control,
                                       decoder->control_len, decoder->control_len, decoder->last};
        return true;
    }
    if (!decoder->fin)
        return false;
    *message = (struct websocket_message){decoder->opcode, decoder->kept.data, decoder->kept.len,
                                          decoder->total, decoder->last};
    decoder->opcode = WEBSOCKET_MORE;
    decoder->delivered = true;
    return true;
}

/* The common case, without a copy: all of a message's only frame lies at *at. */
static bool message_whole(struct websocket_decoder *decoder, const char **at, const char *end,
                          struct websocket_message *message)
{
    if (decoder->is_control || !decoder->fin || decoder->total > 0 || decoder->left == 0 ||
        decoder->left > (uint64_t)(end - *at))
        return false;
    size_t len = (size_t)decoder->left;
    *message = (struct websocket_message){decoder->opcode, *at, len, len, (*at)[len - 1]};
    *at += len;
    decoder->in_payload = false;
    decoder->head_len = 0;
    decoder->opcode = WEBSOCKET_MORE;
    return true;
}

enum websocket_result websocket_next(struct websocket_decoder *decoder, const char **at,
                                     const char *end, struct websocket_message *message)
{
    if (decoder->delivered)
        kept_forget(decoder);
    for (;;) {
        if (!decoder->in_payload) {
            enum websocket_result result = header_take(decoder, at, end);
            if (result != WEBSOCKET_MESSAGE)
                return result;
            if (message_whole(decoder, at, end, message))
                return WEBSOCKET_MESSAGE;
        }
        size_t here = (size_t)(end - *at);
        size_t take = decoder->left < here ? (size_t)decoder->left : here;
        keep(decoder, *at, take);
        *at += take;
        decoder->left -= take;
        if (decoder->left > 0)
            return WEBSOCKET_WAIT;
        if (message_finish(decoder, message))
            return WEBSOCKET_MESSAGE;
    }
}
