#include "frames.h"

#include <string.h>

enum {
    OPCODE_BINARY = 2,
    OPCODE_CLOSE = 8,
    OPCODE_PING = 9,
    CONTROL = 8,
    FINAL = 0x80,
    MASKED = 0x80
};

/* Returns how long the header is, as far as its first two bytes tell. */
static size_t head_size(const uint8_t *head, size_t len)
{
    if (len < 2)
        return 2;
    size_t size = (head[1] & MASKED) ? 6 : 2;
    uint8_t code = head[1] & 0x7f;
    return size + (code == 127 ? 8 : code == 126 ? 2 : 0);
}

static uint64_t payload_len(const uint8_t *head)
{
    uint8_t code = head[1] & 0x7f;
    if (code < 126)
        return code;
    uint64_t len = 0;
    for (int i = 0; i < (code == 126 ? 2 : 8); i++)
        len = len << 8 | head[2 + i];
    return len;
}

/* A whole header is there. Returns the close code for what it says, or 0. */
static int judge_head(const struct frames *frames, size_t most, const char **reason)
{
    uint8_t opcode = frames->head[0] & 0x0f;
    if (!(frames->head[1] & MASKED)) {
        *reason = "frames of a client are masked";
        return 1002;
    }
    if (opcode == OPCODE_BINARY) {
        *reason = "messages are text";
        return 1003;
    }
    uint64_t len = payload_len(frames->head);
    if ((opcode & CONTROL) && len > 125) {
        *reason = "control frames are short";
        return 1002;
    }
    if (!(opcode & CONTROL) && (len > most || frames->message > most - len)) {
        *reason = "the message is larger than the limit";
        return 1009;
    }
    return 0;
}

static void begin_frame(struct frames *frames)
{
    uint8_t opcode = frames->head[0] & 0x0f;
    uint64_t len = payload_len(frames->head);
    frames->left = len;
    frames->head_len = 0;
    frames->count++;
    frames->closed |= opcode == OPCODE_CLOSE;
    frames->pinged |= opcode == OPCODE_PING;
    if (opcode & CONTROL)
        return;
    /* A length beyond any limit is not added up: it could overflow, and was judged already. */
    frames->message = (frames->head[0] & FINAL) || len > UINT32_MAX ? 0 : frames->message + len;
}

struct frames_verdict frames_follow(struct frames *frames, const void *data, size_t len,
                                    size_t most, bool judge)
{
    struct frames_verdict verdict = {.good = len};
    const uint8_t *bytes = data;
    size_t at = 0, start = 0;
    while (at < len) {
        if (frames->left > 0) {
            size_t take = frames->left < len - at ? (size_t)frames->left : len - at;
            frames->left -= take;
            at += take;
            continue;
        }
        if (frames->head_len == 0)
            start = at;
        frames->head[frames->head_len++] = bytes[at++];
        if (frames->head_len < head_size(frames->head, frames->head_len))
            continue;
        if (judge && (verdict.code = judge_head(frames, most, &verdict.reason)) != 0) {
            verdict.good = start;
            judge = false;
        }
        begin_frame(frames);
    }
    return verdict;
}
