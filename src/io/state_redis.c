/* The calls: each is one script, its arguments in the order that the script's first lines name.
 * What can fail comes back in the answer (state_redis_answers.c); here nothing fails. */
#include "state_redis_call.h"
#include "epoch.h"
#include "failpoint.h"
#include "redis_scripts.h"
#include "weft/base/blob.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/core/hint.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define OFFER_KEPT_MS 60000u
#define ASK_MS 500u       /* where others may live */
#define ASK_LONG_MS 3000u /* where Redis was just replaced, and others are on their way back */
#define SETTLED_MS 10000u /* after which everybody who lives has come back */

static struct state_redis *redis_of(struct state *state)
{
    return (struct state_redis *)state;
}

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* ---- open and create ---- */

static uint64_t ask_ms(const struct state_redis *state)
{
    uint64_t now = now_ms();
    if (state->replaced_ms != 0 && now < state->replaced_ms + SETTLED_MS)
        return ASK_LONG_MS;
    return now < state->started_ms + SETTLED_MS ? ASK_MS : 0;
}

/* Who it is: as the hint has it (an array), and as the people have it (inside an object). */
static void add_person(struct call *call, const struct state_open *open)
{
    const char *user = open->user ? open->user : "", *name = open->name ? open->name : "";
    struct buf text = BUF_EMPTY;
    buf_add_char(&text, '[');
    buf_add_json(&text, user, strlen(user));
    buf_add_char(&text, ',');
    buf_add_json(&text, name, strlen(name));
    buf_printf(&text, ",%d]", open->color);
    call_add(call, text.data, text.len);

    buf_reset(&text);
    buf_add_text(&text, "\"user\":");
    buf_add_json(&text, user, strlen(user));
    buf_add_text(&text, ",\"name\":");
    buf_add_json(&text, name, strlen(name));
    buf_printf(&text, ",\"color\":%d", open->color);
    call_add(call, text.data, text.len);
    buf_close(&text);
}

static void call_open(struct state *state, const struct state_ticket *ticket,
                      const struct state_open *open)
{
    struct state_redis *redis = redis_of(state);
    struct call *call = call_new(redis, SCRIPT_OPEN, ticket);
    call_add_u64(call, open->cid);
    call_add_u64(call, open->k);
    call_add_u64(call, open->nonce);
    call_add_text(call, open->user);
    add_person(call, open);
    call_add_u64(call, open->want_tree);
    call_add_u64(call, redis->config.lease_ms);
    call_add_u64(call, redis->config.load_ms);
    call_add_u64(call, redis->config.trust_restarts);
    call_add_u64(call, ask_ms(redis));
    call_add_u64(call, redis->config.save_after_ms);
    call_send(call);
}

static void call_create(struct state *state, const struct state_ticket *ticket,
                        const struct state_create *create)
{
    struct call *call = call_new(redis_of(state), SCRIPT_CREATE, ticket);
    char epoch[EPOCH_SIZE];
    epoch_make(epoch, 1);
    call_add_text(call, epoch);
    call_add_text(call, create->name ? create->name : ticket->project);
    call_add_text(call, create->template);
    call_add_u64(call, redis_of(state)->config.save_after_ms);
    for (size_t i = 0; i < create->file_count; i++) {
        const struct state_new_file *file = &create->files[i];
        call_add_text(call, file->path);
        call_add_eol(call, file->eol);
        call_add_u64(call, utf8_utf16_len(file->text, file->len));
        call_add(call, file->text, file->len);
    }
    call_send(call);
}

/* ---- append and read ---- */

static void call_append(struct state *state, const struct state_ticket *ticket,
                        const struct state_append *append)
{
    struct call *call = call_new(redis_of(state), SCRIPT_APPEND, ticket);
    size_t bytes = append->count - 1; /* and line ends between them */
    call->f = append->f;
    call_add_u64(call, append->f);
    call_add_u64(call, append->expect);
    call_add_i64(call, append->utf16_delta);
    call_add_u64(call, call->state->config.save_after_ms);
    call_add_text(call, append->seal);
    for (size_t i = 0; i < append->count; i++) {
        const struct state_entry *entry = &append->entries[i];
        call_add_u64(call, entry->by);
        call_add_u64(call, entry->n);
        call_add_u64(call, entry->k);
        call_add(call, entry->message->data, entry->message->len);
        bytes += entry->message->len;
    }
    if (bytes > HINT_BODY_MAX)
        call->state->counts->hints_too_big++;
    failpoint_hit("before_append");
    call_send(call);
}

static void call_read(struct state *state, const struct state_ticket *ticket,
                      const struct state_read *read)
{
    struct call *call = call_new(redis_of(state), SCRIPT_READ, ticket);
    call->f = read->f;
    call->with_text = read->want_text;
    call_add_u64(call, read->f);
    if (read->want_text)
        call_add_text(call, "text");
    else
        call_add_u64(call, read->after);
    call_send(call);
}

/* ---- tree and events ---- */

static void call_tree(struct state *state, const struct state_ticket *ticket,
                      const struct state_tree *tree)
{
    static const char *const ops[] = {
        [TREE_CREATE] = "create", [TREE_RENAME] = "rename", [TREE_DELETE] = "delete"};
    struct call *call = call_new(redis_of(state), SCRIPT_TREE, ticket);
    size_t len = tree->text ? tree->len : 0;
    call->op = tree->op;
    call->by = tree->by;
    call->is_folder = tree->from != NULL;
    call_add_text(call, ops[tree->op]);
    call_add_u64(call, tree->by);
    call_add_u64(call, tree->nonce);
    call_add_u64(call, tree->f);
    call_add_text(call, tree->from);
    call_add_text(call, tree->path);
    call_add(call, tree->text, len);
    call_add_eol(call, tree->eol);
    call_add_u64(call, len > 0 ? utf8_utf16_len(tree->text, len) : 0);
    call_add_u64(call, tree->files_max);
    call_add_u64(call, call->state->config.events);
    call_add_u64(call, call->state->config.save_after_ms);
    call_send(call);
}

static void call_events(struct state *state, const struct state_ticket *ticket, uint64_t after)
{
    struct call *call = call_new(redis_of(state), SCRIPT_EVENTS, ticket);
    call_add_u64(call, after);
    call_send(call);
}

/* ---- people ---- */

static void call_leave(struct state *state, const struct state_ticket *ticket, uint64_t cid,
                       uint64_t k)
{
    struct call *call = call_new(redis_of(state), SCRIPT_LEAVE, ticket);
    call_add_u64(call, cid);
    call_add_u64(call, k);
    call_send(call);
}

static void call_renew(struct state *state, const struct state_ticket *ticket,
                       const struct state_member *members, size_t count)
{
    struct call *call = call_new(redis_of(state), SCRIPT_RENEW, ticket);
    call_add_u64(call, call->state->config.lease_ms);
    for (size_t i = 0; i < count; i++) {
        call_add_u64(call, members[i].cid);
        call_add_u64(call, members[i].k);
    }
    call_send(call);
}

/* What is held here is held by Redis. */
static void call_forget(struct state *state, const struct state_ticket *ticket)
{
    (void)state, (void)ticket;
}

static void call_poll(struct state *state, const struct state_ticket *ticket,
                      const struct state_poll *poll)
{
    struct call *call = call_new(redis_of(state), SCRIPT_POLL, ticket);
    call_add_u64(call, poll->tick);
    call_add_u64(call, poll->people_rev);
    for (size_t i = 0; i < poll->file_count; i++)
        call_add_u64(call, poll->files[i]);
    call_send(call);
}

static void call_checkpoint(struct state *state, const struct state_ticket *ticket,
                            const struct state_checkpoint *checkpoint)
{
    struct call *call = call_new(redis_of(state), SCRIPT_CHECKPOINT, ticket);
    call->f = checkpoint->f;
    call->version = checkpoint->version;
    call_add_u64(call, checkpoint->f);
    call_add_u64(call, checkpoint->version);
    call_add(call, checkpoint->text, checkpoint->len);
    call_add_u64(call, checkpoint->utf16_len);
    call_add_u64(call, call->state->config.history);
    call_send(call);
}

/* ---- load ---- */

static void add_seen(struct call *call, const struct state_seen *seen, size_t count)
{
    call_add_u64(call, count);
    for (size_t i = 0; i < count; i++) {
        call_add_u64(call, seen[i].cid);
        call_add_u64(call, seen[i].n);
    }
}

static void add_tree(struct call *call, const struct state_offer_tree *tree)
{
    call_add_u64(call, tree->epoch_number);
    call_add_u64(call, tree->e);
    call_add_u64(call, tree->next_file);
    call_add_text(call, tree->name);
    call_add_text(call, tree->template);
    call_add_u64(call, tree->file_count);
    for (size_t i = 0; i < tree->file_count; i++) {
        call_add_u64(call, tree->files[i].f);
        call_add_text(call, tree->files[i].path);
        call_add_eol(call, tree->files[i].eol);
        call_add_u64(call, tree->files[i].version);
    }
}

static void call_offer(struct state *state, const struct state_ticket *ticket,
                       const struct state_offer *offer)
{
    struct call *call = call_new(redis_of(state), SCRIPT_OFFER, ticket);
    call_add_u64(call, OFFER_KEPT_MS);
    call_add_u64(call, offer->tree ? 1 : 0);
    if (offer->tree)
        add_tree(call, offer->tree);
    for (size_t i = 0; i < offer->file_count; i++) {
        const struct state_offer_file *file = &offer->files[i];
        call_add_u64(call, file->f);
        call_add_u64(call, file->epoch_number);
        call_add_u64(call, file->version);
        call_add_u64(call, file->rev);
        call_add_text(call, file->path);
        call_add_eol(call, file->eol);
        call_add_u64(call, file->updated_at);
        call_add_u64(call, file->updated_by);
        call_add(call, file->text, file->len);
        add_seen(call, file->seen, file->seen_count);
    }
    call_send(call);
}

static void call_offers(struct state *state, const struct state_ticket *ticket, const char *token)
{
    struct call *call = call_new(redis_of(state), SCRIPT_OFFERS, ticket);
    call_add_text(call, token);
    call_send(call);
}

static void call_populate(struct state *state, const struct state_ticket *ticket,
                          const struct state_populate *populate)
{
    struct call *call = call_new(redis_of(state), SCRIPT_POPULATE, ticket);
    call_add_text(call, populate->token);
    call_add_text(call, populate->epoch);
    call_add_text(call, populate->name);
    call_add_text(call, populate->template);
    call_add_u64(call, populate->e);
    call_add_u64(call, populate->next_file);
    call_add_u64(call, call->state->config.save_after_ms);
    call_add_u64(call, populate->deleted_count);
    for (size_t i = 0; i < populate->deleted_count; i++) {
        call_add_u64(call, populate->deleted[i].f);
        call_add_u64(call, populate->deleted[i].rev);
        call_add_text(call, populate->deleted[i].path);
    }
    for (size_t i = 0; i < populate->file_count; i++) {
        const struct state_populate_file *file = &populate->files[i];
        call_add_u64(call, file->f);
        call_add_u64(call, file->version);
        call_add_u64(call, file->rev);
        call_add_u64(call, file->saved_version);
        call_add_u64(call, file->saved_rev);
        call_add_text(call, file->path);
        call_add_eol(call, file->eol);
        call_add_u64(call, file->utf16_len);
        call_add_u64(call, file->dirty);
        call_add_u64(call, file->updated_at);
        call_add_u64(call, file->updated_by);
        call_add(call, file->text, file->len);
        add_seen(call, file->seen, file->seen_count);
    }
    call_send(call);
}

static void call_abandon(struct state *state, const struct state_ticket *ticket, const char *token)
{
    struct call *call = call_new(redis_of(state), SCRIPT_ABANDON, ticket);
    call_add_text(call, token);
    call_send(call);
}

/* ---- flush ---- */

static void call_claim(struct state *state, const struct state_ticket *ticket, uint64_t lease_ms)
{
    struct call *call = call_new(redis_of(state), SCRIPT_CLAIM, ticket);
    call_add_u64(call, lease_ms);
    call_send(call);
}

static void call_settle(struct state *state, const struct state_ticket *ticket,
                        const struct state_settle *settle)
{
    static const char *const outcomes[] = {"well", "failed", "unknown"};
    struct call *call = call_new(redis_of(state), SCRIPT_SETTLE, ticket);
    call_add_text(call, settle->lease);
    call_add_text(call, outcomes[settle->outcome]);
    call_add_u64(call, settle->again_ms);
    call_add_u64(call, settle->dirty_ms);
    call_send(call);
}

static void call_dirty(struct state *state, const struct state_ticket *ticket, size_t most)
{
    struct call *call = call_new(redis_of(state), SCRIPT_DIRTY, ticket);
    call_add_u64(call, most);
    call_send(call);
}

static void call_saved(struct state *state, const struct state_ticket *ticket,
                       const struct state_saved_file *files, size_t count, uint64_t ts)
{
    struct call *call = call_new(redis_of(state), SCRIPT_SAVED, ticket);
    call_add_u64(call, ts);
    for (size_t i = 0; i < count; i++) {
        call_add_u64(call, files[i].f);
        call_add_u64(call, files[i].rev);
        call_add_u64(call, files[i].version);
    }
    call_send(call);
}

static void call_unload(struct state *state, const struct state_ticket *ticket)
{
    call_send(call_new(redis_of(state), SCRIPT_UNLOAD, ticket));
}

/* ---- the state ---- */

static const struct state_ops ops = {
    .open = call_open,
    .create = call_create,
    .append = call_append,
    .read = call_read,
    .tree = call_tree,
    .events = call_events,
    .leave = call_leave,
    .forget = call_forget,
    .poll = call_poll,
    .renew = call_renew,
    .checkpoint = call_checkpoint,
    .offer = call_offer,
    .offers = call_offers,
    .populate = call_populate,
    .abandon = call_abandon,
    .claim = call_claim,
    .settle = call_settle,
    .dirty = call_dirty,
    .saved = call_saved,
    .unload = call_unload,
};

static const struct redis_script *find_script(const char *name)
{
    uint64_t i = 0;
    while (i < redis_script_count && strcmp(redis_scripts[i].name, name) != 0)
        i++;
    assert(i < redis_script_count);
    return &redis_scripts[i];
}

struct state_redis *state_redis_new(const struct redis_config *config, struct redis_link *link,
                                    struct redis_counts *counts)
{
    static const char *const names[] = {
#define SCRIPT_NAME(id, name, answer) [id] = name,
        SCRIPT_TABLE(SCRIPT_NAME)
#undef SCRIPT_NAME
    };
    struct state_redis *state = mem_zalloc(sizeof(*state));
    state->port = (struct state){.ops = &ops, .store_name = "redis", .is_shared = true};
    state->config = *config;
    state->link = link;
    state->counts = counts;
    for (size_t i = 0; i < SCRIPTS; i++)
        state->scripts[i] = find_script(names[i]);
    return state;
}

void state_redis_free(struct state_redis *state)
{
    free(state);
}

struct state *state_redis_port(struct state_redis *state)
{
    return &state->port;
}

void state_redis_up(struct state_redis *state, const struct redis_server *server)
{
    if (state->run[0] && strcmp(state->run, server->run_id) != 0)
        state->replaced_ms = now_ms();
    snprintf(state->run, sizeof(state->run), "%s", server->run_id);
    state->started_ms = now_ms() - server->uptime_ms;
    state->is_up = true;
    call_load_scripts(state);
    if (state->port.sink.link)
        state->port.sink.link(state->port.sink.owner, true);
}

void state_redis_down(struct state_redis *state)
{
    if (!state->is_up)
        return;
    state->is_up = false;
    if (state->port.sink.link)
        state->port.sink.link(state->port.sink.owner, false);
}
