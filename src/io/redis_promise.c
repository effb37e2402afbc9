/* docs/redis.md, "What durability means", has the measurements behind this. Snapshots (RDB) count
 * as nothing: what was acknowledged since the last one is gone. */
#include "redis_promise.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

void redis_promise_ask(struct redis_link *link, redis_replied *replied, void *data)
{
    static const struct redis_arg args[] = {{"CONFIG", 6},
                                            {"GET", 3},
                                            {"appendonly", 10},
                                            {"appendfsync", 11},
                                            {"maxmemory-policy", 16}};
    redis_link_send(link, args, 5, replied, data);
}

/* The value behind the name in an array of pairs; "" where there is none. */
static const char *find(const redisReply *reply, const char *name)
{
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        const redisReply *key = reply->element[i], *value = reply->element[i + 1];
        if (key->type == REDIS_REPLY_STRING && value->type == REDIS_REPLY_STRING &&
            strcmp(key->str, name) == 0)
            return value->str;
    }
    return "";
}

static void say(struct redis_promise *out, enum redis_durability durability, const char *words)
{
    out->durability = durability;
    snprintf(out->words, sizeof(out->words), "%s", words);
}

void redis_promise_read(const redisReply *reply, struct redis_promise *out)
{
    *out = (struct redis_promise){0};
    if (reply->type != REDIS_REPLY_ARRAY) {
        say(out, REDIS_NONE, "Redis does not tell its settings (CONFIG GET)");
        return;
    }
    const char *policy = find(reply, "maxmemory-policy"), *when = find(reply, "appendfsync");
    out->may_evict = strcmp(policy, "noeviction") != 0;
    if (out->may_evict)
        snprintf(out->words, sizeof(out->words),
                 "short of memory, Redis deletes live files (maxmemory-policy %.40s)", policy);
    else if (strcmp(find(reply, "appendonly"), "yes") != 0)
        say(out, REDIS_NONE, "what was acknowledged is gone when Redis ends (appendonly no)");
    else if (strcmp(when, "always") == 0)
        say(out, REDIS_POWER_CUT, "what was acknowledged is on Redis' disk (appendfsync always)");
    else if (strcmp(when, "everysec") == 0)
        say(out, REDIS_RESTART,
            "a power cut, or a slow disk, can cost about the last second (appendfsync everysec)");
    else
        say(out, REDIS_RESTART,
            "a power cut can cost what the kernel had not written yet (appendfsync no)");
}

const char *redis_durability_name(enum redis_durability durability)
{
    static const char *const names[] = {"none", "restart", "power-cut"};
    return names[durability];
}
