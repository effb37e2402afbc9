/* A link is one conversation after the other (redis_wire.c). Between two of them it waits; before
 * each, where there are sentinels, it asks them anew. A conversation is greeted before anybody may
 * use it: the password, the database, a name, and what INFO says of the server. A replica is left
 * again, and so is a server that loads: its PING is refused.
 *
 * Channels have a life of their own, since a person may leave while the confirmation of the join is
 * on its way: what is wanted, what was last sent, and how many confirmations are still to come.
 * Changes gather and go out once per turn, so that a join and a leave in one turn cost nothing.
 *
 * Nothing here calls its owner inside a call of the owner: what must be told at once (a command
 * while the link is down) is told in the idle phase of the loop. */
#include "redis_address.h"
#include "redis_greeting.h"
#include "redis_sentinel.h"
#include "weft/base/buf.h"
#include "weft/base/list.h"
#include "weft/base/log.h"
#include "weft/base/map.h"
#include "weft/base/mem.h"
#include "weft/base/random.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_MS 50u
#define BACKOFF_MOST_MS 1000u
#define STEADY_MS 5000u       /* up for so long: the next failure is a new story */
#define FLAPS_MOST 3u         /* steps of the backoff where it does come up every time */
#define QUEUE_MAX (64u << 20) /* bytes that wait to be sent */
#define CHANNELS_A_COMMAND 256u
#define LOG_EVERY_MS 1000u

struct channel {
    TAILQ_ENTRY(channel) link; /* in changed */
    bool is_changed, is_wanted;
    bool is_asked;          /* since the last that was sent: to be confirmed (again) */
    bool is_sent;           /* the last that was sent is SUBSCRIBE */
    unsigned confirmations; /* to come */
    size_t len;
    char name[];
};
TAILQ_HEAD(channels, channel);

struct refused {
    STAILQ_ENTRY(refused) link;
    redis_replied *replied;
    void *data;
};
STAILQ_HEAD(refusals, refused);

struct pace {
    uint64_t logged_ms; /* 0: never yet */
    unsigned not_logged;
};

struct redis_link {
    struct redis_link_config config;
    struct redis_wire *wire;         /* or NULL */
    struct redis_sentinel *sentinel; /* while they are asked, or NULL */
    size_t sentinel_first;
    struct redis_greeting greeting; /* of the present or last connection */
    struct redis_link_counts counts;
    uv_timer_t backoff;
    uv_idle_t soon;
    int handles;
    unsigned failures; /* in a row */
    bool is_up, is_closed;
    uint64_t up_ms;
    struct pace up_pace, down_pace;
    struct map names; /* of channels */
    struct channels changed;
    struct refusals refusals;
    char problem[160];
};

static void connect_to(struct redis_link *link, const struct redis_host *host);
static void fail(void *owner, const char *reason);
static void soon(uv_idle_t *idle);
static void send_changed_soon(struct redis_link *link);
static void forget_sent(struct redis_link *link);

/* ---- the log: of each kind a line a second at most ---- */

static bool may_log(struct redis_link *link, struct pace *pace)
{
    uint64_t now_ms = uv_now(link->config.loop);
    if (pace->logged_ms != 0 && now_ms - pace->logged_ms < LOG_EVERY_MS) {
        pace->not_logged++;
        return false;
    }
    pace->logged_ms = now_ms;
    return true;
}

static void log_down(struct redis_link *link)
{
    char reason[200];
    if (!may_log(link, &link->down_pace))
        return;
    log_warn("redis is away link=%s address=%s reason=%s not_logged=%u", link->config.name,
             link->config.address->label, log_quote(reason, sizeof(reason), link->problem),
             link->down_pace.not_logged);
    link->down_pace.not_logged = 0;
}

static void log_up(struct redis_link *link)
{
    char version[32];
    if (!may_log(link, &link->up_pace))
        return;
    log_info("redis is there link=%s address=%s version=%s", link->config.name,
             link->config.address->label,
             log_quote(version, sizeof(version), link->greeting.server.version));
}

/* ---- again and again ---- */

static void set_problem(struct redis_link *link, const char *reason)
{
    snprintf(link->problem, sizeof(link->problem), "%s", reason);
}

static void found(void *owner, const struct redis_host *master, size_t by)
{
    struct redis_link *link = owner;
    struct redis_host host = *master;
    redis_sentinel_close(link->sentinel);
    link->sentinel = NULL;
    link->sentinel_first = by;
    connect_to(link, &host);
}

static void ask_sentinels(struct redis_link *link)
{
    struct redis_sentinel_config config = {.loop = link->config.loop,
                                           .address = link->config.address,
                                           .first = link->sentinel_first,
                                           .timeout_ms = link->config.timeout_ms,
                                           .counts = &link->counts,
                                           .owner = link,
                                           .found = found,
                                           .failed = fail};
    link->sentinel = redis_sentinel_new(&config);
}

static void begin(uv_timer_t *backoff)
{
    struct redis_link *link = backoff->data;
    const struct redis_address *address = link->config.address;
    if (address->service)
        ask_sentinels(link);
    else
        connect_to(link, address->host_count > 0 ? &address->hosts[0] : NULL);
}

/* Half of it is chance, so that the instances do not come back in step. */
static uint64_t next_backoff_ms(struct redis_link *link)
{
    uint64_t most_ms = BACKOFF_MOST_MS;
    if (link->failures < 5)
        most_ms = BACKOFF_FIRST_MS << link->failures;
    link->failures++;
    return most_ms / 2 + random_u64() % (most_ms / 2);
}

static void forget_wire(struct redis_link *link)
{
    struct redis_wire *wire = link->wire;
    struct redis_sentinel *sentinel = link->sentinel;
    link->wire = NULL;
    link->sentinel = NULL;
    if (wire)
        redis_wire_close(wire);
    if (sentinel)
        redis_sentinel_close(sentinel);
}

/* The wire or the sentinels failed. What was under way is answered first, with the link down, so
 * that who sends again at once is refused and not lost. */
static void fail(void *owner, const char *reason)
{
    struct redis_link *link = owner;
    bool was_up = link->is_up;
    uint64_t now_ms = uv_now(link->config.loop);
    set_problem(link, reason);
    link->is_up = false;
    if (was_up && now_ms - link->up_ms >= STEADY_MS)
        link->failures = 0;
    else if (was_up && link->failures > FLAPS_MOST)
        link->failures = FLAPS_MOST;
    forget_wire(link);
    if (link->is_closed)
        return; /* by one of those who were answered */
    forget_sent(link);
    log_down(link);
    uv_timer_start(&link->backoff, begin, next_backoff_ms(link), 0);
    if (was_up && link->config.down)
        link->config.down(link->config.owner, link->problem);
}

void redis_link_break(struct redis_link *link, const char *reason)
{
    if (link->wire)
        redis_wire_break(link->wire, reason);
}

/* ---- a conversation ---- */

static void greeted(void *owner)
{
    struct redis_link *link = owner;
    link->is_up = true;
    link->up_ms = uv_now(link->config.loop);
    link->counts.connects++;
    link->problem[0] = '\0';
    log_up(link);
    send_changed_soon(link);
    if (link->config.up)
        link->config.up(link->config.owner, &link->greeting.server);
}

static void opened(void *owner)
{
    struct redis_link *link = owner;
    link->greeting.wire = link->wire;
    redis_greeting_send(&link->greeting);
}

static void pushed(void *owner, redisReply *reply);

static void connect_to(struct redis_link *link, const struct redis_host *host)
{
    struct redis_wire_config config = {.loop = link->config.loop,
                                       .address = link->config.address,
                                       .host = host,
                                       .is_tls = link->config.address->is_tls,
                                       .timeout_ms = link->config.timeout_ms,
                                       .counts = &link->counts,
                                       .owner = link,
                                       .opened = opened,
                                       .pushed = link->config.pushed ? pushed : NULL,
                                       .failed = fail};
    link->wire = redis_wire_new(&config);
}

/* ---- commands ---- */

static bool may_send(const struct redis_link *link)
{
    return link->is_up && redis_wire_queued(link->wire) < QUEUE_MAX;
}

static void refuse_all(struct redis_link *link)
{
    struct refusals now = STAILQ_HEAD_INITIALIZER(now);
    STAILQ_CONCAT(&now, &link->refusals);
    while (!STAILQ_EMPTY(&now)) {
        struct refused *refused = STAILQ_FIRST(&now);
        STAILQ_REMOVE_HEAD(&now, link);
        refused->replied(link->config.owner, refused->data, NULL);
        free(refused);
    }
}

void redis_link_send(struct redis_link *link, const struct redis_arg *args, size_t count,
                     redis_replied *replied, void *data)
{
    struct redis_call_back back = {replied, link->config.owner, data};
    if (may_send(link)) {
        redis_wire_send(link->wire, args, count, back);
    } else if (replied) {
        struct refused *refused = mem_zalloc(sizeof(*refused));
        refused->replied = replied;
        refused->data = data;
        STAILQ_INSERT_TAIL(&link->refusals, refused, link);
        uv_idle_start(&link->soon, soon);
    }
}

/* ---- channels ---- */

static void send_changed_soon(struct redis_link *link)
{
    if (link->is_up && !TAILQ_EMPTY(&link->changed))
        uv_idle_start(&link->soon, soon);
}

static void change(struct redis_link *link, struct channel *channel, bool is_wanted)
{
    channel->is_wanted = is_wanted;
    channel->is_asked = is_wanted;
    if (!channel->is_changed)
        TAILQ_INSERT_TAIL(&link->changed, channel, link);
    channel->is_changed = true;
    send_changed_soon(link);
}

static void drop(struct redis_link *link, struct channel *channel)
{
    map_remove_text(&link->names, channel->name, channel->len);
    if (channel->is_changed)
        TAILQ_REMOVE(&link->changed, channel, link);
    free(channel);
}

void redis_link_subscribe(struct redis_link *link, const char *name)
{
    size_t len = strlen(name);
    struct channel *channel = map_find_text(&link->names, name, len);
    if (!channel) {
        channel = mem_zalloc(sizeof(*channel) + len);
        channel->len = len;
        memcpy(channel->name, name, len);
        map_put_text(&link->names, name, len, channel);
    }
    change(link, channel, true);
}

void redis_link_unsubscribe(struct redis_link *link, const char *name)
{
    struct channel *channel = map_find_text(&link->names, name, strlen(name));
    if (channel)
        change(link, channel, false);
}

/* A command that names several channels. */
struct batch {
    struct redis_arg args[CHANNELS_A_COMMAND];
    size_t count;
};

static void send_batch(struct redis_link *link, struct batch *batch)
{
    if (batch->count > 1)
        redis_wire_subscribe(link->wire, batch->args, batch->count);
    batch->count = 1;
}

static void send_changed(struct redis_link *link)
{
    struct batch on = {{{"SUBSCRIBE", 9}}, 1}, off = {{{"UNSUBSCRIBE", 11}}, 1};
    struct channel *channel, *following;
    LIST_EACH_SAFE(channel, &link->changed, link, following)
    {
        TAILQ_REMOVE(&link->changed, channel, link);
        channel->is_changed = false;
        if (channel->is_asked || channel->is_wanted != channel->is_sent) {
            struct batch *batch = channel->is_wanted ? &on : &off;
            batch->args[batch->count++] = (struct redis_arg){channel->name, channel->len};
            channel->is_sent = channel->is_wanted;
            channel->is_asked = false;
            channel->confirmations++;
            if (batch->count == CHANNELS_A_COMMAND)
                send_batch(link, batch);
        } else if (!channel->is_wanted && channel->confirmations == 0) {
            drop(link, channel);
        }
    }
    send_batch(link, &on);
    send_batch(link, &off);
}

/* The connection is gone, and with it all that was sent. */
static void forget_sent(struct redis_link *link)
{
    for (struct map_iter it = {0}; map_next(&link->names, &it);) {
        struct channel *channel = it.value;
        channel->is_sent = false;
        channel->confirmations = 0;
        if (channel->is_wanted)
            change(link, channel, true);
        else
            drop(link, channel);
    }
}

static void confirmed(struct redis_link *link, const redisReply *name, bool is_on)
{
    struct channel *channel = map_find_text(&link->names, name->str, name->len);
    if (!channel || channel->confirmations == 0)
        return;
    channel->confirmations--;
    if (!channel->is_wanted && !channel->is_sent && channel->confirmations == 0)
        drop(link, channel);
    if (link->config.subscribed)
        link->config.subscribed(link->config.owner, name->str, name->len, is_on);
}

static void pushed(void *owner, redisReply *reply)
{
    struct redis_link *link = owner;
    const redisReply *kind = reply->element[0], *name = reply->element[1];
    if (kind->str[0] != 'm') {
        confirmed(link, name, kind->str[0] == 's');
        return;
    }
    link->counts.messages_in++;
    link->config.pushed(link->config.owner, name->str, name->len, reply->element[2]->str,
                        reply->element[2]->len);
}

/* ---- the link ---- */

static void soon(uv_idle_t *idle)
{
    struct redis_link *link = idle->data;
    uv_idle_stop(idle);
    if (link->is_up)
        send_changed(link);
    refuse_all(link);
}

struct redis_link *redis_link_new(const struct redis_link_config *config)
{
    struct redis_link *link = mem_zalloc(sizeof(*link));
    link->config = *config;
    link->greeting = (struct redis_greeting){
        .address = config->address, .name = config->name, .owner = link, .greeted = greeted};
    map_init(&link->names);
    TAILQ_INIT(&link->changed);
    STAILQ_INIT(&link->refusals);
    set_problem(link, "not connected yet");
    uv_timer_init(config->loop, &link->backoff);
    uv_idle_init(config->loop, &link->soon);
    link->backoff.data = link->soon.data = link;
    link->handles = 2;
    uv_timer_start(&link->backoff, begin, 0, 0);
    return link;
}

static void handle_closed(uv_handle_t *handle)
{
    struct redis_link *link = handle->data;
    if (--link->handles == 0)
        free(link);
}

void redis_link_close(struct redis_link *link)
{
    link->is_closed = true;
    link->is_up = false;
    forget_wire(link);
    while (!STAILQ_EMPTY(&link->refusals))
        refuse_all(link);
    for (struct map_iter it = {0}; map_next(&link->names, &it);)
        drop(link, it.value);
    map_close(&link->names);
    uv_close((uv_handle_t *)&link->backoff, handle_closed);
    uv_close((uv_handle_t *)&link->soon, handle_closed);
}

bool redis_link_is_up(const struct redis_link *link)
{
    return link->is_up;
}

const struct redis_server *redis_link_server(const struct redis_link *link)
{
    return &link->greeting.server;
}

size_t redis_link_queued(const struct redis_link *link)
{
    return link->wire ? redis_wire_queued(link->wire) : 0;
}

const char *redis_link_problem(const struct redis_link *link)
{
    return link->problem;
}

const struct redis_link_counts *redis_link_counts(const struct redis_link *link)
{
    return &link->counts;
}
