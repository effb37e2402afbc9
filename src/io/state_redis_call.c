#include "state_redis_call.h"
#include "redis_scripts.h"
#include "weft/base/blob.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a call ---- */

/* What was added to the bytes is an argument. */
static void end_argument(struct call *call)
{
    if (call->count == call->room_for) {
        call->room_for = call->room_for ? 2 * call->room_for : 24;
        call->ends = mem_realloc_array(call->ends, call->room_for, sizeof(*call->ends));
    }
    call->ends[call->count++] = call->bytes.len;
}

void call_add(struct call *call, const char *data, size_t len)
{
    buf_add(&call->bytes, data ? data : "", data ? len : 0);
    end_argument(call);
}

void call_add_text(struct call *call, const char *text)
{
    call_add(call, text, text ? strlen(text) : 0);
}

void call_add_u64(struct call *call, uint64_t value)
{
    buf_add_u64(&call->bytes, value);
    end_argument(call);
}

void call_add_i64(struct call *call, int64_t value)
{
    buf_add_i64(&call->bytes, value);
    end_argument(call);
}

static const struct {
    const char *word, *eol;
} eols[] = {{"lf", "\n"}, {"crlf", "\r\n"}, {"cr", "\r"}};
#define EOLS (sizeof(eols) / sizeof(eols[0]))

void call_add_eol(struct call *call, const char *eol)
{
    size_t i = 0;
    while (i + 1 < EOLS && strcmp(eols[i].eol, eol ? eol : "\n") != 0)
        i++;
    call_add_text(call, eols[i].word);
}

struct call *call_new(struct state_redis *state, enum script script,
                      const struct state_ticket *ticket)
{
    struct call *call = mem_zalloc(sizeof(*call));
    char key[96];
    call->state = state;
    call->script = script;
    call->answered = call_answer;
    call->room = ticket->room;
    call->request = ticket->request;
    call_add_text(call, "1");
    if (script == SCRIPT_CLAIM)
        snprintf(key, sizeof(key), "weft:due");
    else if (!ticket->project)
        snprintf(key, sizeof(key), "weft:jobs");
    else
        snprintf(key, sizeof(key), "weft:{%s}:meta", ticket->project);
    call_add_text(call, key);
    call_add_text(call, ticket->epoch);
    call_add_text(call, state->run);
    call_add_text(call, state->config.instance);
    return call;
}

static void call_free(struct call *call)
{
    buf_close(&call->bytes);
    free(call->ends);
    free(call);
}

/* Redis has forgotten the script (SCRIPT FLUSH). */
static bool is_unknown_script(const struct call *call, const struct redisReply *reply)
{
    return !call->is_whole && reply && reply->type == REDIS_REPLY_ERROR &&
           strncmp(reply->str, "NOSCRIPT", 8) == 0;
}

static void replied(void *owner, void *data, struct redisReply *reply)
{
    struct call *call = data;
    (void)owner;
    if (is_unknown_script(call, reply)) {
        call->is_whole = true; /* EVAL has Redis remember it, too */
        call_send(call);
        return;
    }
    call->answered(call, reply);
    call_free(call);
}

static void refused(void *owner, void *data, struct redisReply *reply)
{
    struct call *call = data;
    (void)owner, (void)reply;
    call->answered(call, NULL);
    call_free(call);
}

void call_send(struct call *call)
{
    struct state_redis *state = call->state;
    if (!state->is_up) { /* a command that does nothing, for its answer comes on a later turn */
        redis_link_send(state->link, &(struct redis_arg){"PING", 4}, 1, refused, call);
        return;
    }
    const struct redis_script *script = state->scripts[call->script];
    struct redis_arg *args = mem_realloc_array(NULL, call->count + 2, sizeof(*args));
    args[0] = call->is_whole ? (struct redis_arg){"EVAL", 4} : (struct redis_arg){"EVALSHA", 7};
    args[1] = call->is_whole ? (struct redis_arg){script->text, script->len}
                             : (struct redis_arg){script->sha, strlen(script->sha)};
    size_t begin = 0;
    for (size_t i = 0; i < call->count; i++) {
        args[i + 2] = (struct redis_arg){call->bytes.data + begin, call->ends[i] - begin};
        begin = call->ends[i];
    }
    state->counts->calls++;
    redis_link_send(state->link, args, call->count + 2, replied, call);
    free(args);
}

/* ---- the scripts ---- */

static void loaded(void *owner, void *data, struct redisReply *reply)
{
    const struct redis_script *script = data;
    char quoted[200];
    (void)owner;
    if (reply && reply->type == REDIS_REPLY_ERROR)
        log_error("Redis does not take a script name=%s error=%s", script->name,
                  log_quote(quoted, sizeof(quoted), reply->str));
}

void call_load_scripts(struct state_redis *state)
{
    for (size_t i = 0; i < SCRIPTS; i++) {
        const struct redis_script *script = state->scripts[i];
        const struct redis_arg args[] = {{"SCRIPT", 6}, {"LOAD", 4}, {script->text, script->len}};
        state->counts->script_loads++;
        redis_link_send(state->link, args, 3, loaded, (void *)(uintptr_t)script);
    }
}

/* ---- reading an answer ---- */

struct reading reading_of(struct redisReply *reply, bool *is_bad)
{
    if (!reply || reply->type != REDIS_REPLY_ARRAY) {
        *is_bad = true;
        return (struct reading){.is_bad = is_bad};
    }
    return (struct reading){reply->element, reply->elements, is_bad};
}

/* Returns the next one, or NULL where there is none. */
static struct redisReply *take(struct reading *from)
{
    if (from->left == 0) {
        *from->is_bad = true;
        return NULL;
    }
    from->left--;
    return *from->at++;
}

static bool is_text(const struct redisReply *reply)
{
    return reply && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS);
}

uint64_t take_u64(struct reading *from)
{
    const struct redisReply *reply = take(from);
    if (reply && reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0)
        return (uint64_t)reply->integer;
    char *end = NULL;
    if (is_text(reply) && reply->str[0] >= '0' && reply->str[0] <= '9') {
        uint64_t value = strtoull(reply->str, &end, 10);
        if (*end == '\0')
            return value;
    }
    *from->is_bad = true;
    return 0;
}

int take_int(struct reading *from)
{
    const struct redisReply *reply = take(from);
    if (reply && reply->type == REDIS_REPLY_INTEGER)
        return (int)reply->integer;
    if (is_text(reply))
        return atoi(reply->str);
    *from->is_bad = true;
    return 0;
}

const char *take_text(struct reading *from, size_t *len)
{
    const struct redisReply *reply = take(from);
    if (len)
        *len = 0;
    if (!is_text(reply) || !utf8_valid(reply->str, (size_t)reply->len) ||
        (!len && memchr(reply->str, '\0', (size_t)reply->len))) {
        *from->is_bad = true;
        return "";
    }
    if (len)
        *len = (size_t)reply->len;
    return reply->str;
}

const char *take_bytes(struct reading *from, size_t *len)
{
    const struct redisReply *reply = take(from);
    *len = 0;
    if (reply && reply->type == REDIS_REPLY_NIL)
        return NULL;
    if (!is_text(reply)) {
        *from->is_bad = true;
        return NULL;
    }
    *len = (size_t)reply->len;
    return reply->str;
}

const char *take_eol(struct reading *from)
{
    const char *word = take_text(from, NULL);
    for (size_t i = 0; i < EOLS; i++)
        if (strcmp(eols[i].word, word) == 0)
            return eols[i].eol;
    *from->is_bad = true;
    return eols[0].eol;
}

struct reading take_list(struct reading *from)
{
    return reading_of(take(from), from->is_bad);
}

struct blob **take_blobs(struct reading *from, size_t *count)
{
    struct reading list = take_list(from);
    struct blob **blobs = mem_realloc_array(NULL, list.left, sizeof(struct blob *));
    for (*count = 0; list.left > 0; (*count)++) {
        size_t len;
        const char *text = take_text(&list, &len);
        blobs[*count] = blob_new(text, len);
    }
    return blobs;
}

void free_blobs(struct blob **blobs, size_t count)
{
    while (count > 0)
        blob_unref(blobs[--count]);
    free(blobs);
}
