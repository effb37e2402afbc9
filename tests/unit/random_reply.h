/*
 * Answers of Redis as nobody expects them, for what takes them apart. Include it once, behind
 * check.h.
 */
#ifndef RANDOM_REPLY_H
#define RANDOM_REPLY_H

#include "weft/base/buf.h"

#include <hiredis/hiredis.h>

/* One value of RESP, of random shape; texts are more often those that mean something. */
static void add_reply(struct buf *out, uint64_t *seed, int depth)
{
    static const char *const texts[] = {
        "ok",   "conflict", "load",    "wait",    "seen",
        "7",    "-1",       "lf",      "trimmed", "18446744073709551616",
        "\xff", "",         "none",    "1.abc",   "epoch",
        "held", "lost",     "running", "done"};
    uint64_t kind = check_random(seed) % (depth > 0 ? 12 : 8);
    if (kind >= 8) {
        uint64_t count = check_random(seed) % 14;
        buf_printf(out, "*%d\r\n", (int)count);
        for (uint64_t i = 0; i < count; i++)
            add_reply(out, seed, depth - 1);
    } else if (kind >= 2) {
        const char *word = texts[check_random(seed) % (sizeof(texts) / sizeof(texts[0]))];
        buf_printf(out, "$%zu\r\n%s\r\n", strlen(word), word);
    } else if (kind == 1) {
        buf_printf(out, ":%d\r\n", (int)(check_random(seed) % 100) - 5);
    } else {
        buf_add_text(out, check_random(seed) % 2 ? "$-1\r\n" : "-ERR x\r\n");
    }
}

static redisReply *random_reply(uint64_t *seed)
{
    struct buf text = BUF_EMPTY;
    void *reply = NULL;
    uint64_t count = check_random(seed) % 12;
    buf_printf(&text, "*%d\r\n$2\r\nok\r\n", (int)count + 1);
    if (check_random(seed) % 4 == 0)
        buf_reset(&text);
    for (uint64_t i = 0; i < count || text.len == 0; i++)
        add_reply(&text, seed, 3);
    redisReader *reader = redisReaderCreate();
    redisReaderFeed(reader, text.data, text.len);
    REQUIRE(redisReaderGetReply(reader, &reply) == REDIS_OK && reply);
    redisReaderFree(reader);
    buf_close(&text);
    return reply;
}

#endif
