/* One small script, so that looking and taking are one step. Names whose lease has ended are
 * cleared away by whoever comes along: nothing is left of a process that died. */
#include "redis_name.h"
#include "weft/base/random.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char script[] =
    "local time = redis.call('TIME')\n"
    "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
    "local name, token, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])\n"
    "for _, past in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do\n"
    "  redis.call('HDEL', KEYS[2], past)\n"
    "end\n"
    "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)\n"
    "local ends = redis.call('ZSCORE', KEYS[1], name)\n"
    "if ends and redis.call('HGET', KEYS[2], name) ~= token then\n"
    "  return { tonumber(ends), tonumber(ends) - now }\n"
    "elseif lease == 0 then\n"
    "  redis.call('HDEL', KEYS[2], name)\n"
    "  redis.call('ZREM', KEYS[1], name)\n"
    "else\n"
    "  redis.call('HSET', KEYS[2], name, token)\n"
    "  redis.call('ZADD', KEYS[1], now + lease, name)\n"
    "end\n"
    "return 'held'\n";

void redis_name_init(struct redis_name *name, struct redis_link *link, const char *text,
                     uint64_t lease_ms)
{
    *name = (struct redis_name){.link = link, .name = text, .lease_ms = lease_ms};
    snprintf(name->token, sizeof(name->token), "%016" PRIx64, random_u64());
}

static void run(const struct redis_name *name, uint64_t lease_ms, redis_replied *replied,
                void *data)
{
    char lease[24];
    snprintf(lease, sizeof(lease), "%" PRIu64, lease_ms);
    struct redis_arg args[] = {{"EVAL", 4},
                               {script, sizeof(script) - 1},
                               {"2", 1},
                               {"weft:instances", 14},
                               {"weft:instances:held", 19},
                               {name->name, strlen(name->name)},
                               {name->token, strlen(name->token)},
                               {lease, strlen(lease)}};
    redis_link_send(name->link, args, 8, replied, data);
}

void redis_name_take(const struct redis_name *name, redis_replied *replied, void *data)
{
    run(name, name->lease_ms, replied, data);
}

bool redis_name_read(const redisReply *reply, uint64_t *until_ms, uint64_t *left_ms)
{
    *until_ms = *left_ms = 0;
    if (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS)
        return true;
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[0]->type == REDIS_REPLY_INTEGER &&
        reply->element[1]->type == REDIS_REPLY_INTEGER) {
        *until_ms = (uint64_t)reply->element[0]->integer;
        *left_ms = (uint64_t)reply->element[1]->integer;
    }
    return false;
}

void redis_name_give_back(const struct redis_name *name, redis_replied *replied)
{
    run(name, 0, replied, NULL);
}
