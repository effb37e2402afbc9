/* Sentinels are asked on connections of their own that last for one question: what is asked is
 * rare, and a sentinel that was right an hour ago may be gone. Who is master is not believed: the
 * link looks at its role, since the sentinels may be late.
 *
 * The user and password of the URL are Redis'; a sentinel gets them only when it asks for some. */
#include "redis_sentinel.h"
#include "redis_wire.h"
#include "weft/base/mem.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct redis_sentinel {
    struct redis_sentinel_config config;
    struct redis_wire *wire;
    size_t asked;       /* so many in vain */
    bool with_password; /* one of them asked for it */
    char reason[160];   /* why the last one was of no use */
};

static size_t present(const struct redis_sentinel *sentinel)
{
    return (sentinel->config.first + sentinel->asked) % sentinel->config.address->host_count;
}

static void connect_next(struct redis_sentinel *sentinel);

static void failed(void *owner, const char *reason)
{
    struct redis_sentinel *sentinel = owner;
    const struct redis_host *host = &sentinel->config.address->hosts[present(sentinel)];
    snprintf(sentinel->reason, sizeof(sentinel->reason), "sentinel %.64s:%u: %.64s", host->name,
             host->port, reason);
    redis_wire_close(sentinel->wire);
    sentinel->wire = NULL;
    bool is_for_password = sentinel->config.address->password && !sentinel->with_password &&
                           strncmp(reason, "NOAUTH", 6) == 0;
    if (is_for_password)
        sentinel->with_password = true;
    else
        sentinel->asked++;
    if (sentinel->asked < sentinel->config.address->host_count)
        connect_next(sentinel);
    else
        sentinel->config.failed(sentinel->config.owner, sentinel->reason);
}

static bool read_master(const redisReply *reply, struct redis_host *out)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING || reply->element[0]->len == 0 ||
        reply->element[0]->len >= sizeof(out->name))
        return false;
    long port = strtol(reply->element[1]->str, NULL, 10);
    snprintf(out->name, sizeof(out->name), "%s", reply->element[0]->str);
    out->port = (uint16_t)port;
    return port > 0 && port <= 65535;
}

static void authenticate(struct redis_sentinel *sentinel)
{
    const struct redis_address *address = sentinel->config.address;
    struct redis_arg args[3] = {{"AUTH", 4}};
    size_t count = 1;
    if (address->user)
        args[count++] = (struct redis_arg){address->user, strlen(address->user)};
    args[count++] = (struct redis_arg){address->password, strlen(address->password)};
    redis_wire_send(sentinel->wire, args, count, (struct redis_call_back){0});
}

static void replied(void *owner, void *data, redisReply *reply)
{
    struct redis_sentinel *sentinel = owner;
    struct redis_host master;
    (void)data;
    if (!reply)
        return; /* it was closed; where it failed, that is told */
    if (reply->type == REDIS_REPLY_ERROR)
        redis_wire_break(sentinel->wire, reply->str);
    else if (reply->type == REDIS_REPLY_NIL)
        redis_wire_break(sentinel->wire, "does not know the service");
    else if (!read_master(reply, &master))
        redis_wire_break(sentinel->wire, "is no sentinel");
    else
        sentinel->config.found(sentinel->config.owner, &master, present(sentinel));
}

static void opened(void *owner)
{
    struct redis_sentinel *sentinel = owner;
    const char *service = sentinel->config.address->service;
    struct redis_arg args[] = {
        {"SENTINEL", 8}, {"get-master-addr-by-name", 23}, {service, strlen(service)}};
    if (sentinel->with_password)
        authenticate(sentinel);
    redis_wire_send(sentinel->wire, args, 3,
                    (struct redis_call_back){.replied = replied, .owner = sentinel});
}

static void connect_next(struct redis_sentinel *sentinel)
{
    struct redis_wire_config wire = {.loop = sentinel->config.loop,
                                     .address = sentinel->config.address,
                                     .host = &sentinel->config.address->hosts[present(sentinel)],
                                     .timeout_ms = sentinel->config.timeout_ms,
                                     .counts = sentinel->config.counts,
                                     .owner = sentinel,
                                     .opened = opened,
                                     .failed = failed};
    sentinel->wire = redis_wire_new(&wire);
}

struct redis_sentinel *redis_sentinel_new(const struct redis_sentinel_config *config)
{
    struct redis_sentinel *sentinel = mem_zalloc(sizeof(*sentinel));
    sentinel->config = *config;
    connect_next(sentinel);
    return sentinel;
}

void redis_sentinel_close(struct redis_sentinel *sentinel)
{
    if (sentinel->wire)
        redis_wire_close(sentinel->wire);
    free(sentinel);
}
