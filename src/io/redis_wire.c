/* hiredis parses (its redisReader); the socket and the order of replies are ours, and not hiredis'
 * own asynchronous layer. That one, in the 0.14 of Debian 12, ends the process by an assertion when
 * a server answers what nobody asked, has no timeouts, no limits and no TLS; what is missing is
 * longer than what is here, and differs with the version.
 *
 * Commands gather in `out` and leave in the idle phase, which comes before the loop sleeps, so that
 * one turn costs one system call, and no failure is told inside the call that met it.
 *
 * Limits: a reply is refused as soon as it announces more bytes or elements than any of ours has,
 * not when they have come. A line (status, error, number) that does not end is one, too.
 *
 * The limit of time is looked at twice, with a short pause: when the process itself was stopped,
 * the answers of meanwhile are in the socket and get read first. */
#include "redis_wire.h"
#include "redis_stream.h"
#include "weft/base/buf.h"
#include "weft/base/mem.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define REPLY_MAX (64u << 20)   /* bytes of one reply */
#define ELEMENTS_MAX (1u << 20) /* of one array */
#define DEPTH_MAX 8             /* of arrays in arrays; hiredis 0.14 has no more, 1.x no limit */
#define LINE_MAX_LEN 65536u     /* of what is no bulk */
#define SECOND_LOOK_MS 50

struct call {
    STAILQ_ENTRY(call) link;
    struct redis_call_back back;
    uint64_t sent_ms;
    size_t confirmations; /* of a subscription, still to come; 0: a command with one reply */
};
STAILQ_HEAD(calls, call);

struct redis_wire {
    struct redis_wire_config config;
    struct redis_stream *stream;
    struct buf out;
    struct calls calls; /* sent or in out, oldest first */
    redisReader *reader;
    redisReplyObjectFunctions functions; /* the reader's, with our limit */
    size_t reply_bytes;                  /* received of the reply that is not complete yet */
    uv_idle_t flush;
    uv_timer_t timer;
    uint64_t started_ms;
    int handles;
    bool is_open, is_closed, has_failed, is_second_look;
    char broken[160]; /* a reason to fail for on the next turn, or "" */
};

/* ---- the reader, and what differs between the versions of hiredis ---- */

#if HIREDIS_MAJOR < 1
static void *limited_array(const redisReadTask *task, int elements)
{
    const redisReplyObjectFunctions *usual = task->privdata;
    return (unsigned)elements > ELEMENTS_MAX ? NULL : usual->createArray(task, elements);
}

static void limit_elements(struct redis_wire *wire)
{
    wire->functions = *wire->reader->fn;
    wire->functions.createArray = limited_array;
    wire->reader->privdata = wire->reader->fn;
    wire->reader->fn = &wire->functions;
}
#else
static void limit_elements(struct redis_wire *wire)
{
    wire->reader->maxelements = ELEMENTS_MAX;
}
#endif

static void make_reader(struct redis_wire *wire)
{
    wire->reader = redisReaderCreate();
    if (!wire->reader)
        abort(); /* out of memory, as in mem.c */
    limit_elements(wire);
}

/* ---- the end ---- */

static void handle_closed(uv_handle_t *handle)
{
    struct redis_wire *wire = handle->data;
    if (--wire->handles > 0)
        return;
    redisReaderFree(wire->reader);
    buf_close(&wire->out);
    free(wire);
}

static void fail(struct redis_wire *wire, const char *reason)
{
    if (wire->is_closed || wire->has_failed)
        return;
    wire->has_failed = true;
    wire->config.failed(wire->config.owner, reason);
}

static void flush(uv_idle_t *idle);

void redis_wire_break(struct redis_wire *wire, const char *reason)
{
    if (wire->broken[0] == '\0')
        snprintf(wire->broken, sizeof(wire->broken), "%s", reason);
    if (!wire->is_closed)
        uv_idle_start(&wire->flush, flush);
}

static void answer(struct call *call, redisReply *reply)
{
    if (call->back.replied)
        call->back.replied(call->back.owner, call->back.data, reply);
    free(call);
}

void redis_wire_close(struct redis_wire *wire)
{
    wire->is_closed = true;
    if (wire->is_open)
        redis_stream_write(wire->stream, wire->out.data, wire->out.len);
    redis_stream_close(wire->stream);
    uv_close((uv_handle_t *)&wire->flush, handle_closed);
    uv_close((uv_handle_t *)&wire->timer, handle_closed);
    while (!STAILQ_EMPTY(&wire->calls)) {
        struct call *call = STAILQ_FIRST(&wire->calls);
        STAILQ_REMOVE_HEAD(&wire->calls, link);
        answer(call, NULL);
    }
}

/* ---- time ---- */

static void look_at_time(uv_timer_t *timer);

/* When what is waited for was begun; false where nothing is. */
static bool find_oldest(const struct redis_wire *wire, uint64_t *began_ms)
{
    const struct call *oldest = STAILQ_FIRST(&wire->calls);
    *began_ms = wire->is_open && oldest ? oldest->sent_ms : wire->started_ms;
    return !wire->is_open || oldest;
}

static void watch_time(struct redis_wire *wire)
{
    if (!uv_is_active((uv_handle_t *)&wire->timer))
        uv_timer_start(&wire->timer, look_at_time, wire->config.timeout_ms, 0);
}

static void look_at_time(uv_timer_t *timer)
{
    struct redis_wire *wire = timer->data;
    uint64_t now_ms = uv_now(wire->config.loop), began_ms;
    bool is_waiting = find_oldest(wire, &began_ms);
    uint64_t end_ms = began_ms + wire->config.timeout_ms;
    if (!is_waiting || now_ms < end_ms) {
        wire->is_second_look = false;
        if (is_waiting)
            uv_timer_start(timer, look_at_time, end_ms - now_ms, 0);
    } else if (!wire->is_second_look) {
        wire->is_second_look = true;
        uv_timer_start(timer, look_at_time, SECOND_LOOK_MS, 0);
    } else {
        char reason[64];
        wire->config.counts->timeouts++;
        snprintf(reason, sizeof(reason), "no answer within %llu ms",
                 (unsigned long long)wire->config.timeout_ms);
        fail(wire, reason);
    }
}

/* ---- replies ---- */

static bool is_text(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STRING && reply->len == strlen(text) &&
           memcmp(reply->str, text, reply->len) == 0;
}

static bool is_push(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 &&
           reply->element[0]->type == REDIS_REPLY_STRING &&
           reply->element[1]->type == REDIS_REPLY_STRING;
}

static bool is_message(const redisReply *reply)
{
    return is_push(reply) && is_text(reply->element[0], "message") &&
           reply->element[2]->type == REDIS_REPLY_STRING;
}

static bool is_confirmation(const redisReply *reply)
{
    return is_push(reply) &&
           (is_text(reply->element[0], "subscribe") || is_text(reply->element[0], "unsubscribe"));
}

/* Errors after which this connection is of no use: another server, or a later one, may be. */
static bool is_fatal(const redisReply *reply)
{
    static const char *const prefixes[] = {"READONLY", "LOADING", "NOAUTH", "MASTERDOWN"};
    for (size_t i = 0; reply->type == REDIS_REPLY_ERROR && i < 4; i++)
        if (strncmp(reply->str, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static void give_confirmation(struct redis_wire *wire, struct call *call, redisReply *reply)
{
    if (!is_confirmation(reply)) {
        redis_wire_break(wire, reply->type == REDIS_REPLY_ERROR ? reply->str
                                                                : "no answer to a subscription");
        return;
    }
    if (--call->confirmations == 0) {
        STAILQ_REMOVE_HEAD(&wire->calls, link);
        free(call);
    }
    wire->config.pushed(wire->config.owner, reply);
}

static void give_reply(struct redis_wire *wire, struct call *call, redisReply *reply)
{
    STAILQ_REMOVE_HEAD(&wire->calls, link);
    if (reply->type == REDIS_REPLY_ERROR)
        wire->config.counts->errors++;
    if (is_fatal(reply))
        redis_wire_break(wire, reply->str);
    answer(call, reply);
}

static void give(struct redis_wire *wire, redisReply *reply)
{
    struct call *call = STAILQ_FIRST(&wire->calls);
    if (wire->config.pushed && is_message(reply))
        wire->config.pushed(wire->config.owner, reply);
    else if (!call)
        redis_wire_break(wire, reply->type == REDIS_REPLY_ERROR
                                   ? reply->str
                                   : "an answer that nobody asked for");
    else if (call->confirmations > 0)
        give_confirmation(wire, call, reply);
    else
        give_reply(wire, call, reply);
}

/* Looks at an item that has not come completely. What stands at the reader's place is what follows
 * the item's type: either a line that has no end yet, or the length of a bulk and some of it. */
static const char *judge_unfinished(const struct redis_wire *wire)
{
    const char *at = wire->reader->buf + wire->reader->pos;
    size_t len = wire->reader->len - wire->reader->pos;
    size_t digits = 0, announced = 0;
    while (digits < len && digits < 20 && at[digits] >= '0' && at[digits] <= '9')
        announced = announced * 10 + (size_t)(at[digits++] - '0');
    bool is_bulk = digits > 0 && digits < len && at[digits] == '\r';
    if (wire->reply_bytes > REPLY_MAX || (is_bulk && announced > REPLY_MAX))
        return "an answer larger than any of ours";
    if (!is_bulk && len > LINE_MAX_LEN)
        return "a line without an end";
    if (wire->reader->ridx > DEPTH_MAX)
        return "arrays in arrays without an end";
    return NULL;
}

static void received(void *owner, const char *data, size_t len)
{
    struct redis_wire *wire = owner;
    void *reply = NULL;
    wire->config.counts->bytes_in += len;
    wire->reply_bytes += len;
    int status = redisReaderFeed(wire->reader, data, len);
    while (status == REDIS_OK && wire->broken[0] == '\0' && !wire->is_closed) {
        status = redisReaderGetReply(wire->reader, &reply);
        if (status != REDIS_OK || !reply)
            break;
        wire->reply_bytes = wire->reader->len - wire->reader->pos;
        give(wire, reply);
        freeReplyObject(reply);
    }
    if (wire->is_closed || wire->broken[0])
        return;
    const char *problem = status == REDIS_OK ? judge_unfinished(wire) : wire->reader->errstr;
    if (problem)
        redis_wire_break(wire, problem);
}

/* ---- commands ---- */

static void flush(uv_idle_t *idle)
{
    struct redis_wire *wire = idle->data;
    uv_idle_stop(idle);
    if (wire->broken[0]) {
        fail(wire, wire->broken);
        return;
    }
    redis_stream_write(wire->stream, wire->out.data, wire->out.len);
    buf_reset(&wire->out);
}

static void add_command(struct redis_wire *wire, const struct redis_arg *args, size_t count)
{
    struct buf *out = &wire->out;
    buf_add_char(out, '*');
    buf_add_u64(out, count);
    buf_add(out, "\r\n", 2);
    for (size_t i = 0; i < count; i++) {
        buf_add_char(out, '$');
        buf_add_u64(out, args[i].len);
        buf_add(out, "\r\n", 2);
        buf_add(out, args[i].data, args[i].len);
        buf_add(out, "\r\n", 2);
    }
}

static struct call *send_call(struct redis_wire *wire, const struct redis_arg *args, size_t count)
{
    struct call *call = mem_zalloc(sizeof(*call));
    call->sent_ms = uv_now(wire->config.loop);
    STAILQ_INSERT_TAIL(&wire->calls, call, link);
    add_command(wire, args, count);
    uv_idle_start(&wire->flush, flush);
    watch_time(wire);
    return call;
}

void redis_wire_send(struct redis_wire *wire, const struct redis_arg *args, size_t count,
                     struct redis_call_back back)
{
    wire->config.counts->calls++;
    send_call(wire, args, count)->back = back;
}

void redis_wire_subscribe(struct redis_wire *wire, const struct redis_arg *args, size_t count)
{
    send_call(wire, args, count)->confirmations = count - 1;
}

size_t redis_wire_queued(const struct redis_wire *wire)
{
    return wire->out.len + redis_stream_queued(wire->stream);
}

/* ---- the beginning ---- */

static void opened(void *owner)
{
    struct redis_wire *wire = owner;
    wire->is_open = true;
    wire->config.opened(wire->config.owner);
}

static void stream_failed(void *owner, const char *reason)
{
    struct redis_wire *wire = owner;
    fail(wire, wire->broken[0] ? wire->broken : reason);
}

struct redis_wire *redis_wire_new(const struct redis_wire_config *config)
{
    struct redis_wire *wire = mem_zalloc(sizeof(*wire));
    wire->config = *config;
    STAILQ_INIT(&wire->calls);
    make_reader(wire);
    uv_idle_init(config->loop, &wire->flush);
    uv_timer_init(config->loop, &wire->timer);
    wire->flush.data = wire->timer.data = wire;
    wire->handles = 2;
    wire->started_ms = uv_now(config->loop);
    watch_time(wire);
    struct redis_stream_config stream = {.loop = config->loop,
                                         .address = config->address,
                                         .host = config->host,
                                         .is_tls = config->is_tls,
                                         .owner = wire,
                                         .opened = opened,
                                         .received = received,
                                         .failed = stream_failed};
    wire->stream = redis_stream_new(&stream);
    return wire;
}
