/* Two links and what stands on them. At every connection of the link of commands the same is done,
 * at the first as at the thousandth, since Redis may have been restarted, emptied or replaced by
 * another: the scripts (state_redis.c), the settings, the lease of the name, the secret.
 * redis_open only waits until all of that has been answered once, and judges it. The state is told
 * that the link is up only when weft:protocol has been read: keys of another version of weftd are
 * not touched.
 *
 * A subscription can die without a sign, so the instance publishes to itself on a channel of its
 * own. A link of subscriptions on which three probes in a row did not come back is made again; and
 * so is one that is connected to another Redis than the link of commands, as after a failover that
 * only one of them noticed.
 *
 * The name's lease may be lost, by a pause or by Redis forgetting it, and taken by another instance
 * in the meantime. This one then says so in its health, and takes the name when it is free again:
 * texts do not hang on it. */
#include "weft/io/redis.h"
#include "bus_redis.h"
#include "jobs_redis.h"
#include "redis_name.h"
#include "redis_promise.h"
#include "state_redis.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/base/random.h"
#include "weft/io/redis_link.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_AGAIN_MS 200u /* to look again whether a name has become free */
#define PROBES_LOST_MOST 3u
#define VERSION_LEAST 7
#define PROTOCOL "1"   /* of keys, scripts and hints: docs/redis.md */
#define SECRET_SIZE 65 /* 32 random bytes in hex */

#define LEAVE_MS 500 /* for what was sent last to be done */

enum handle { RENEW, PROBE, OPENING, HANDLES };

struct redis {
    struct redis_config config; /* its texts are ours */
    uv_loop_t *loop;
    struct redis_address *address;
    struct redis_link *commands, *subscriptions;
    struct state_redis *state;
    struct bus_redis *bus;
    struct jobs_redis *jobs;
    struct redis_counts *counts;
    uv_timer_t timers[HANDLES];
    int handles; /* not closed yet */

    struct redis_promise promise;
    struct redis_name name;
    char secret[SECRET_SIZE + 200], commands_name[64], subscriptions_name[64], channel[64];
    bool is_old;                                    /* not of a version that we can use */
    bool is_understood;                             /* weft:protocol is ours */
    bool is_judged, is_named, has_secret, is_heard; /* answered, at least once */
    bool is_given_back;                             /* the name, at the end */
    uint64_t taken_until_ms;                        /* of whoever else has the name, or 0 */
    uint64_t probe, probes_lost;                    /* the last one's number; without an answer */
    uint64_t open_until_ms;                         /* 0: it is open */
    struct error error;                             /* why it cannot be opened */
};

struct redis_config redis_config_default(void)
{
    return (struct redis_config){.url = "redis://127.0.0.1",
                                 .instance = "",
                                 .secret = "",
                                 .open_ms = 10000,
                                 .timeout_ms = 2000,
                                 .probe_ms = 2000,
                                 .lease_ms = 10000,
                                 .load_ms = 15000,
                                 .save_after_ms = 0,
                                 .history = 1000,
                                 .events = 1000,
                                 .require = REDIS_NONE};
}

/* Of no meaning once it is open: then health says what is wrong. */
static void refuse(struct redis *redis, const char *reason)
{
    if (redis->open_until_ms != 0)
        error_set(&redis->error, ERR_BUSY, "%s", reason);
}

static bool is_running(const struct redis *redis)
{
    return redis->open_until_ms == 0;
}

/* ---- what Redis promises ---- */

static void judge_promise(struct redis *redis)
{
    const struct redis_promise *promise = &redis->promise;
    if (promise->durability >= redis->config.require)
        return;
    if (is_running(redis))
        log_error("Redis promises less than durability.require now durability=%s require=%s",
                  redis_durability_name(promise->durability),
                  redis_durability_name(redis->config.require));
    else
        error_set(&redis->error, ERR_BUSY, "durability.require is %s, and Redis promises %s: %s",
                  redis_durability_name(redis->config.require),
                  redis_durability_name(promise->durability), promise->words);
}

static void log_promise(const struct redis_promise *promise)
{
    char words[200];
    log_quote(words, sizeof(words), promise->words);
    if (promise->may_evict)
        log_error("people's texts are in danger: set maxmemory-policy noeviction durability=none "
                  "because=%s",
                  words);
    else
        log_info("what Redis keeps durability=%s because=%s",
                 redis_durability_name(promise->durability), words);
}

static void promised(void *owner, void *data, redisReply *reply)
{
    struct redis *redis = owner;
    struct redis_promise before = redis->promise;
    (void)data;
    if (!reply)
        return;
    redis_promise_read(reply, &redis->promise);
    if (!redis->is_judged || strcmp(before.words, redis->promise.words) != 0)
        log_promise(&redis->promise);
    redis->is_judged = true;
    judge_promise(redis);
}

/* ---- the protocol ---- */

static void protocol_told(void *owner, void *data, redisReply *reply)
{
    struct redis *redis = owner;
    char problem[100];
    (void)data;
    if (!reply || redis->is_understood)
        return;
    redis->is_understood = reply->type == REDIS_REPLY_STRING && strcmp(reply->str, PROTOCOL) == 0;
    if (redis->is_understood) {
        state_redis_up(redis->state, redis_link_server(redis->commands));
        return;
    }
    snprintf(problem, sizeof(problem), "weft:protocol in Redis is %.20s, and this weftd's is %s",
             reply->str ? reply->str : "not to be set", PROTOCOL);
    refuse(redis, problem);
    if (is_running(redis))
        log_error("what is in Redis is another weftd's: not touched protocol=%s", PROTOCOL);
}

static void agree_on_protocol(struct redis *redis)
{
    struct redis_arg set[] = {{"SET", 3}, {"weft:protocol", 13}, {PROTOCOL, 1}, {"NX", 2}};
    struct redis_arg get[] = {{"GET", 3}, {"weft:protocol", 13}};
    redis_link_send(redis->commands, set, 4, NULL, NULL);
    redis_link_send(redis->commands, get, 2, protocol_told, NULL);
}

/* ---- the name ---- */

static void renew(uv_timer_t *timer);

static void name_answered(void *owner, void *data, redisReply *reply)
{
    struct redis *redis = owner;
    uint64_t until_ms, left_ms;
    (void)data;
    if (!reply)
        return;
    bool was_named = redis->is_named;
    redis->is_named = redis_name_read(reply, &until_ms, &left_ms);
    if (!redis->is_named && until_ms == 0) {
        refuse(redis, reply->type == REDIS_REPLY_ERROR ? reply->str : "no lease of the name");
        redis->is_named = was_named && is_running(redis); /* nobody else has it */
    } else if (redis->is_named) {
        redis->taken_until_ms = 0;
    } else if (is_running(redis)) {
        if (was_named)
            log_error("another instance has taken the name of this one instance=%s",
                      redis->config.instance);
    } else if (redis->taken_until_ms != 0 && redis->taken_until_ms != until_ms) {
        error_set(&redis->error, ERR_BUSY, "another instance named %s is alive",
                  redis->config.instance);
    } else {
        /* Perhaps one that died, as after a crash: who is alive renews it. */
        redis->taken_until_ms = until_ms;
        redis->open_until_ms = uv_now(redis->loop) + left_ms + redis->config.open_ms;
        uv_timer_start(&redis->timers[RENEW], renew, NAME_AGAIN_MS, 0);
    }
}

static void renew(uv_timer_t *timer)
{
    struct redis *redis = timer->data;
    uv_timer_start(timer, renew, redis->config.lease_ms * 3 / 10, 0);
    if (!redis_link_is_up(redis->commands))
        return;
    redis_name_take(&redis->name, name_answered, NULL);
    if (!redis->is_understood)
        agree_on_protocol(redis);
}

/* ---- the secret ---- */

static void secret_told(void *owner, void *data, redisReply *reply)
{
    struct redis *redis = owner;
    (void)data;
    if (!reply)
        return;
    if (reply->type != REDIS_REPLY_STRING || reply->len == 0 ||
        reply->len >= sizeof(redis->secret)) {
        refuse(redis, reply->type == REDIS_REPLY_ERROR ? reply->str
                                                       : "weft:secret in Redis cannot be used");
    } else if (!redis->has_secret) {
        memcpy(redis->secret, reply->str, reply->len + 1);
        redis->has_secret = true;
    } else if (strcmp(redis->secret, reply->str) != 0) {
        log_warn("weft:secret in Redis has changed: tokens of other instances are refused here "
                 "until this one is restarted");
    }
}

/* What is there stays; where Redis was emptied, ours goes back. */
static void agree_on_secret(struct redis *redis)
{
    if (redis->config.secret[0])
        return;
    struct redis_arg set[] = {
        {"SET", 3}, {"weft:secret", 11}, {redis->secret, strlen(redis->secret)}, {"NX", 2}};
    struct redis_arg get[] = {{"GET", 3}, {"weft:secret", 11}};
    redis_link_send(redis->commands, set, 4, NULL, NULL);
    redis_link_send(redis->commands, get, 2, secret_told, NULL);
}

static void make_secret(struct redis *redis)
{
    unsigned char bytes[(SECRET_SIZE - 1) / 2];
    redis->has_secret = redis->config.secret[0] != '\0';
    random_fill(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(redis->secret + 2 * i, 3, "%02x", bytes[i]);
}

/* ---- the probe ---- */

static void send_probe(struct redis *redis)
{
    char text[48];
    if (!redis_link_is_up(redis->commands) || !redis_link_is_up(redis->subscriptions))
        return;
    redis->counts->probes++;
    redis->probes_lost++;
    snprintf(text, sizeof(text), "%s %" PRIu64, redis->name.token, ++redis->probe);
    struct redis_arg args[] = {
        {"PUBLISH", 7}, {redis->channel, strlen(redis->channel)}, {text, strlen(text)}};
    redis_link_send(redis->commands, args, 3, NULL, NULL);
}

static void probe(uv_timer_t *timer)
{
    struct redis *redis = timer->data;
    if (redis->probes_lost >= PROBES_LOST_MOST) {
        redis->probes_lost = 0;
        redis->is_heard = false;
        redis_link_break(redis->subscriptions,
                         "deaf: what this instance tells itself is not heard");
    } else {
        send_probe(redis);
    }
}

static void probe_heard(struct redis *redis, const char *data, size_t len)
{
    size_t token_len = strlen(redis->name.token);
    if (len <= token_len || memcmp(data, redis->name.token, token_len) != 0)
        return; /* of another instance that has our name */
    redis->is_heard = true;
    redis->probes_lost = 0;
}

/* ---- the links ---- */

/* Whichever came up last is believed. */
static void compare_runs(const struct redis_link *newest, struct redis_link *other)
{
    if (redis_link_is_up(other) &&
        strcmp(redis_link_server(newest)->run_id, redis_link_server(other)->run_id) != 0)
        redis_link_break(other, "the other link is connected to another Redis");
}

static void commands_up(void *owner, const struct redis_server *server)
{
    struct redis *redis = owner;
    redis->is_old = strtol(server->version, NULL, 10) < VERSION_LEAST;
    if (redis->is_old)
        refuse(redis, "Redis 7 or newer is needed");
    agree_on_protocol(redis);
    redis_promise_ask(redis->commands, promised, NULL);
    redis_name_take(&redis->name, name_answered, NULL);
    agree_on_secret(redis);
    compare_runs(redis->commands, redis->subscriptions);
    send_probe(redis);
}

static void commands_down(void *owner, const char *reason)
{
    struct redis *redis = owner;
    (void)reason;
    redis->probes_lost = 0;
    redis->is_understood = false;
    state_redis_down(redis->state);
}

static void subscriptions_up(void *owner, const struct redis_server *server)
{
    struct redis *redis = owner;
    (void)server;
    compare_runs(redis->subscriptions, redis->commands);
}

static void subscriptions_down(void *owner, const char *reason)
{
    struct redis *redis = owner;
    (void)reason;
    redis->probes_lost = 0;
    redis->is_heard = false;
}

static bool is_own_channel(const struct redis *redis, const char *channel, size_t len)
{
    return len == strlen(redis->channel) && memcmp(channel, redis->channel, len) == 0;
}

static void pushed(void *owner, const char *channel, size_t channel_len, const char *data,
                   size_t len)
{
    struct redis *redis = owner;
    if (is_own_channel(redis, channel, channel_len))
        probe_heard(redis, data, len);
    else
        bus_redis_pushed(redis->bus, channel, channel_len, data, len);
}

static void subscribed(void *owner, const char *channel, size_t channel_len, bool is_on)
{
    struct redis *redis = owner;
    if (is_own_channel(redis, channel, channel_len))
        send_probe(redis);
    else
        bus_redis_subscribed(redis->bus, channel, channel_len, is_on);
}

static void make_links(struct redis *redis)
{
    struct redis_link_config link = {.loop = redis->loop,
                                     .address = redis->address,
                                     .timeout_ms = redis->config.timeout_ms,
                                     .owner = redis};
    struct redis_link_config to = link;
    to.name = redis->commands_name;
    to.up = commands_up;
    to.down = commands_down;
    redis->commands = redis_link_new(&to);
    to = link;
    to.name = redis->subscriptions_name;
    to.up = subscriptions_up;
    to.down = subscriptions_down;
    to.pushed = pushed;
    to.subscribed = subscribed;
    redis->subscriptions = redis_link_new(&to);
    redis_link_subscribe(redis->subscriptions, redis->channel);
}

/* ---- the whole ---- */

static const char *find_problem(const struct redis *redis)
{
    if (!redis_link_is_up(redis->commands))
        return redis_link_problem(redis->commands);
    if (!redis_link_is_up(redis->subscriptions))
        return redis_link_problem(redis->subscriptions);
    if (!redis->is_heard)
        return "what this instance tells itself through Redis is not heard";
    if (redis->is_old)
        return "Redis 7 or newer is needed";
    if (!redis->is_understood)
        return "weft:protocol in Redis is another";
    if (!redis->is_named)
        return "another instance has the name of this one";
    if (redis->promise.durability < redis->config.require)
        return "Redis promises less than durability.require";
    return NULL;
}

static bool is_name(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return len > 0 && len <= 32 && text[len] == '\0';
}

static void make_timers(struct redis *redis)
{
    for (int i = 0; i < HANDLES; i++) {
        uv_timer_init(redis->loop, &redis->timers[i]);
        redis->timers[i].data = redis;
    }
    redis->handles = HANDLES;
    uv_timer_start(&redis->timers[RENEW], renew, redis->config.lease_ms * 3 / 10, 0);
    uv_timer_start(&redis->timers[PROBE], probe, redis->config.probe_ms, redis->config.probe_ms);
}

static struct redis *make(const struct redis_config *config, uv_loop_t *loop,
                          struct redis_address *address)
{
    struct redis *redis = mem_zalloc(sizeof(*redis));
    redis->config = *config;
    redis->config.url = NULL; /* it has the password */
    redis->config.instance = mem_strdup(config->instance);
    redis->config.secret = mem_strdup(config->secret);
    redis->loop = loop;
    redis->address = address;
    redis->counts = mem_zalloc(sizeof(*redis->counts));
    uv_update_time(loop);
    redis->open_until_ms = uv_now(loop) + config->open_ms;
    snprintf(redis->commands_name, sizeof(redis->commands_name), "weft-%s-commands",
             config->instance);
    snprintf(redis->subscriptions_name, sizeof(redis->subscriptions_name), "weft-%s-subscriptions",
             config->instance);
    snprintf(redis->channel, sizeof(redis->channel), "weft:inst:%s", config->instance);
    make_secret(redis);
    make_timers(redis);
    make_links(redis);
    redis_name_init(&redis->name, redis->commands, redis->config.instance, config->lease_ms);
    redis->state = state_redis_new(&redis->config, redis->commands, redis->counts);
    redis->bus = bus_redis_new(redis->commands, redis->subscriptions, redis->counts);
    redis->jobs = jobs_redis_new(redis->state);
    return redis;
}

static void nothing(uv_timer_t *timer)
{
    (void)timer; /* it only wakes the loop for the deadline */
}

static void wait_until_open(struct redis *redis)
{
    uv_timer_t *timer = &redis->timers[OPENING];
    uv_timer_start(timer, nothing, 100, 100);
    while (redis->error.code == ERR_OK &&
           !(redis->is_understood && redis->is_judged && redis->is_named && redis->has_secret &&
             redis->is_heard)) {
        uv_run(redis->loop, UV_RUN_ONCE);
        if (uv_now(redis->loop) < redis->open_until_ms)
            continue;
        const char *problem = find_problem(redis);
        error_set(&redis->error, ERR_BUSY, "Redis at %.60s: %.80s",
                  redis_address_label(redis->address), problem ? problem : "no answer in time");
    }
    uv_timer_stop(timer);
}

struct redis *redis_open(const struct redis_config *config, uv_loop_t *loop, struct error *error)
{
    if (!is_name(config->instance)) {
        error_set(error, ERR_BAD_MESSAGE,
                  "the name of an instance is 1 to 32 of letters, digits, '.', '_' and '-'");
        return NULL;
    }
    struct redis_address *address = redis_address_parse(config->url, error);
    if (!address)
        return NULL;
    struct redis *redis = make(config, loop, address);
    wait_until_open(redis);
    redis->open_until_ms = 0;
    if (redis->error.code == ERR_OK)
        return redis;
    error_set(error, redis->error.code, "%s", redis->error.text);
    redis_close(redis);
    return NULL;
}

static void timer_closed(uv_handle_t *handle)
{
    struct redis *redis = handle->data;
    if (--redis->handles > 0)
        return;
    free((char *)redis->config.instance);
    free((char *)redis->config.secret);
    free(redis->counts);
    free(redis);
}

static void gave_back(void *owner, void *data, struct redisReply *reply)
{
    struct redis *redis = owner;
    (void)data, (void)reply;
    redis->is_given_back = true;
}

/* Redis does what it gets in order: when the last command is answered, all before it are done too,
 * as the leaves of who was here. */
static void give_name_back(struct redis *redis)
{
    uv_timer_t *timer = &redis->timers[OPENING];
    uint64_t until_ms = uv_now(redis->loop) + LEAVE_MS;
    uv_timer_stop(&redis->timers[RENEW]);
    uv_timer_stop(&redis->timers[PROBE]);
    redis_name_give_back(&redis->name, gave_back);
    uv_timer_start(timer, nothing, 50, 50);
    while (!redis->is_given_back && uv_now(redis->loop) < until_ms)
        uv_run(redis->loop, UV_RUN_ONCE);
}

void redis_close(struct redis *redis)
{
    if (redis_link_is_up(redis->commands))
        give_name_back(redis);
    for (int i = 0; i < HANDLES; i++)
        uv_close((uv_handle_t *)&redis->timers[i], timer_closed);
    redis_link_close(redis->commands);
    redis_link_close(redis->subscriptions);
    bus_redis_free(redis->bus);
    jobs_redis_free(redis->jobs);
    state_redis_free(redis->state);
    redis_address_free(redis->address);
}

struct state *redis_state(struct redis *redis)
{
    return state_redis_port(redis->state);
}

struct bus *redis_bus(struct redis *redis)
{
    return bus_redis_port(redis->bus);
}

struct jobs *redis_jobs(struct redis *redis)
{
    return jobs_redis_port(redis->jobs);
}

const char *redis_secret(const struct redis *redis)
{
    return redis->config.secret[0] ? redis->config.secret : redis->secret;
}

void redis_health(const struct redis *redis, struct redis_health *out)
{
    *out = (struct redis_health){.commands_up = redis_link_is_up(redis->commands),
                                 .subscriptions_up = redis_link_is_up(redis->subscriptions),
                                 .is_heard = redis->is_heard,
                                 .durability = redis->promise.durability,
                                 .problem = find_problem(redis)};
    snprintf(out->version, sizeof(out->version), "%s", redis_link_server(redis->commands)->version);
}

/* What the state counts stands there already. */
const struct redis_counts *redis_counts(const struct redis *redis)
{
    struct redis_counts *counts = redis->counts;
    const struct redis_link_counts *commands = redis_link_counts(redis->commands);
    const struct redis_link_counts *subscriptions = redis_link_counts(redis->subscriptions);
    uint64_t again = subscriptions->connects > 0 ? subscriptions->connects - 1 : 0;
    counts->errors = commands->errors + subscriptions->errors;
    counts->timeouts = commands->timeouts + subscriptions->timeouts;
    counts->reconnects = (commands->connects > 0 ? commands->connects - 1 : 0) + again;
    counts->resubscriptions = again;
    counts->messages_in = subscriptions->messages_in;
    counts->bytes_in = commands->bytes_in + subscriptions->bytes_in;
    return counts;
}
