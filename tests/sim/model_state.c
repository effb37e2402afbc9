#include "model_state.h"
#include "weft/base/blob.h"

#include <stdio.h>
#include <string.h>

static struct model_state *state_of(struct state *port)
{
    return (struct model_state *)port;
}

const char *model_op_name(enum model_op op)
{
    static const char *const names[MODEL_OP_COUNT] = {
#define MODEL_OP_NAME(name, writes) [MODEL_##name] = #name,
        MODEL_OPS(MODEL_OP_NAME)
#undef MODEL_OP_NAME
    };
    return names[op];
}

/* ---- copies of what a call is given ---- */

static const char *text(struct model_state *state, const char *from)
{
    return arena_copy_text(&state->model->arena, from);
}

static const void *list(struct model_state *state, const void *from, size_t count, size_t size)
{
    void *copy = arena_alloc(&state->model->arena, count * size);
    if (count > 0)
        memcpy(copy, from, count * size);
    return copy;
}

static struct model_call *new_call(struct state *port, enum model_op op,
                                   const struct state_ticket *ticket)
{
    struct model_state *state = state_of(port);
    struct model_call *call = arena_zalloc(&state->model->arena, sizeof(*call));
    call->op = op;
    call->room = ticket->room;
    call->request = ticket->request;
    call->project = text(state, ticket->project ? ticket->project : "");
    call->epoch = text(state, ticket->epoch ? ticket->epoch : "");
    call->run = state->run;
    call->instance = state->instance;
    return call;
}

/* ---- open and create ---- */

static void call_open(struct state *port, const struct state_ticket *ticket,
                      const struct state_open *open)
{
    struct model_state *state = state_of(port);
    struct model_call *call = new_call(port, MODEL_OPEN, ticket);
    call->u.open.open = *open;
    call->u.open.open.user = text(state, open->user);
    call->u.open.open.name = text(state, open->name);
    call->u.open.ask_ms = state->ask_ms ? state->ask_ms(state) : 0;
    state->send(state, call);
}

static void call_create(struct state *port, const struct state_ticket *ticket,
                        const struct state_create *create)
{
    struct model_state *state = state_of(port);
    struct model_call *call = new_call(port, MODEL_CREATE, ticket);
    char epoch[EPOCH_SIZE];
    snprintf(epoch, sizeof(epoch), "1.%llx", (unsigned long long)state->random(state->owner));
    struct state_new_file *files =
        arena_alloc(&state->model->arena, create->file_count * sizeof(*files));
    for (size_t i = 0; i < create->file_count; i++) {
        files[i] = create->files[i];
        files[i].path = text(state, files[i].path);
        files[i].text = arena_copy(&state->model->arena, files[i].text, files[i].len);
        files[i].eol = text(state, files[i].eol);
    }
    call->u.create.create = (struct state_create){
        text(state, create->name), text(state, create->template), files, create->file_count};
    call->u.create.epoch = text(state, epoch);
    state->send(state, call);
}

/* ---- files ---- */

static void call_append(struct state *port, const struct state_ticket *ticket,
                        const struct state_append *append)
{
    struct model_state *state = state_of(port);
    struct model_call *call = new_call(port, MODEL_APPEND, ticket);
    call->u.append = *append;
    call->u.append.entries =
        list(state, append->entries, append->count, sizeof(append->entries[0]));
    call->u.append.seal = text(state, append->seal);
    for (size_t i = 0; i < append->count; i++)
        model_keep(state->model, blob_ref(append->entries[i].message));
    state->send(state, call);
}

static void call_read(struct state *port, const struct state_ticket *ticket,
                      const struct state_read *read)
{
    struct model_call *call = new_call(port, MODEL_READ, ticket);
    call->u.read = *read;
    state_of(port)->send(state_of(port), call);
}

static void call_tree(struct state *port, const struct state_ticket *ticket,
                      const struct state_tree *tree)
{
    struct model_state *state = state_of(port);
    struct model_call *call = new_call(port, MODEL_TREE, ticket);
    call->u.tree = *tree;
    call->u.tree.from = text(state, tree->from);
    call->u.tree.path = text(state, tree->path);
    call->u.tree.eol = text(state, tree->eol);
    call->u.tree.text = tree->text ? arena_copy(&state->model->arena, tree->text, tree->len) : NULL;
    state->send(state, call);
}

static void call_events(struct state *port, const struct state_ticket *ticket, uint64_t after)
{
    struct model_call *call = new_call(port, MODEL_EVENTS, ticket);
    call->u.events_after = after;
    state_of(port)->send(state_of(port), call);
}

static void call_checkpoint(struct state *port, const struct state_ticket *ticket,
                            const struct state_checkpoint *checkpoint)
{
    struct model_state *state = state_of(port);
    struct model_call *call = new_call(port, MODEL_CHECKPOINT, ticket);
    call->u.checkpoint = *checkpoint;
    call->u.checkpoint.text = arena_copy(&state->model->arena, checkpoint->text, checkpoint->len);
    state->send(state, call);
}

/* ---- people ---- */

static void call_leave(struct state *port, const struct state_ticket *ticket, uint64_t cid,
                       uint64_t k)
{
    struct model_call *call = new_call(port, MODEL_LEAVE, ticket);
    call->u.leave = (struct state_member){cid, k};
    state_of(port)->send(state_of(port), call);
}

static void call_renew(struct state *port, const struct state_ticket *ticket,
                       const struct state_member *members, size_t count)
{
    struct model_state *state = state_of(port);
    struct model_call *call = new_call(port, MODEL_RENEW, ticket);
    call->u.renew.members = list(state, members, count, sizeof(members[0]));
    call->u.renew.count = count;
    state->send(state, call);
}

static void call_poll(struct state *port, const struct state_ticket *ticket,
                      const struct state_poll *poll)
{
    struct model_state *state = state_of(port);
    struct model_call *call = new_call(port, MODEL_POLL, ticket);
    call->u.poll = *poll;
    call->u.poll.files = list(state, poll->files, poll->file_count, sizeof(poll->files[0]));
    state->send(state, call);
}

/* What is held here is held by Redis. */
static void call_forget(struct state *port, const struct state_ticket *ticket)
{
    (void)port, (void)ticket;
}

/* ---- load ---- */

static const struct state_offer_tree *copy_tree(struct model_state *state,
                                                const struct state_offer_tree *from)
{
    struct state_offer_tree *tree = arena_alloc(&state->model->arena, sizeof(*tree));
    struct state_file *files = arena_alloc(&state->model->arena, from->file_count * sizeof(*files));
    *tree = *from;
    tree->name = text(state, from->name);
    tree->template = text(state, from->template);
    for (size_t i = 0; i < from->file_count; i++) {
        files[i] = from->files[i];
        files[i].path = text(state, files[i].path);
        files[i].eol = text(state, files[i].eol);
    }
    tree->files = files;
    return tree;
}

static void call_offer(struct state *port, const struct state_ticket *ticket,
                       const struct state_offer *offer)
{
    struct model_state *state = state_of(port);
    struct model_call *call = new_call(port, MODEL_OFFER, ticket);
    struct state_offer_file *files =
        arena_alloc(&state->model->arena, offer->file_count * sizeof(*files));
    for (size_t i = 0; i < offer->file_count; i++) {
        files[i] = offer->files[i];
        files[i].path = text(state, files[i].path);
        files[i].eol = text(state, files[i].eol);
        files[i].text = arena_copy(&state->model->arena, files[i].text, files[i].len);
        files[i].seen = list(state, files[i].seen, files[i].seen_count, sizeof(struct state_seen));
        files[i].entries = NULL;
        files[i].entry_count = 0;
    }
    call->u.offer = (struct state_offer){offer->tree ? copy_tree(state, offer->tree) : NULL, files,
                                         offer->file_count};
    state->send(state, call);
}

static void call_offers(struct state *port, const struct state_ticket *ticket, const char *token)
{
    struct model_call *call = new_call(port, MODEL_OFFERS, ticket);
    call->u.token = text(state_of(port), token);
    state_of(port)->send(state_of(port), call);
}

static void call_abandon(struct state *port, const struct state_ticket *ticket, const char *token)
{
    struct model_call *call = new_call(port, MODEL_ABANDON, ticket);
    call->u.token = text(state_of(port), token);
    state_of(port)->send(state_of(port), call);
}

static void call_populate(struct state *port, const struct state_ticket *ticket,
                          const struct state_populate *populate)
{
    struct model_state *state = state_of(port);
    struct model_call *call = new_call(port, MODEL_POPULATE, ticket);
    struct state_populate *copy = &call->u.populate;
    struct state_populate_file *files =
        arena_alloc(&state->model->arena, populate->file_count * sizeof(*files));
    struct state_populate_deleted *deleted =
        arena_alloc(&state->model->arena, populate->deleted_count * sizeof(*deleted));
    *copy = *populate;
    copy->token = text(state, populate->token);
    copy->epoch = text(state, populate->epoch);
    copy->name = text(state, populate->name);
    copy->template = text(state, populate->template);
    for (size_t i = 0; i < populate->file_count; i++) {
        files[i] = populate->files[i];
        files[i].path = text(state, files[i].path);
        files[i].eol = text(state, files[i].eol);
        files[i].text = arena_copy(&state->model->arena, files[i].text, files[i].len);
        files[i].seen = list(state, files[i].seen, files[i].seen_count, sizeof(struct state_seen));
    }
    for (size_t i = 0; i < populate->deleted_count; i++) {
        deleted[i] = populate->deleted[i];
        deleted[i].path = text(state, deleted[i].path);
    }
    copy->files = files;
    copy->deleted = deleted;
    state->send(state, call);
}

/* ---- flush ---- */

static void call_claim(struct state *port, const struct state_ticket *ticket, uint64_t lease_ms)
{
    struct model_call *call = new_call(port, MODEL_CLAIM, ticket);
    call->u.claim_ms = lease_ms;
    state_of(port)->send(state_of(port), call);
}

static void call_settle(struct state *port, const struct state_ticket *ticket,
                        const struct state_settle *settle)
{
    struct model_call *call = new_call(port, MODEL_SETTLE, ticket);
    call->u.settle = *settle;
    call->u.settle.lease = text(state_of(port), settle->lease);
    state_of(port)->send(state_of(port), call);
}

static void call_dirty(struct state *port, const struct state_ticket *ticket, size_t most)
{
    struct model_call *call = new_call(port, MODEL_DIRTY, ticket);
    call->u.dirty_most = most;
    state_of(port)->send(state_of(port), call);
}

static void call_saved(struct state *port, const struct state_ticket *ticket,
                       const struct state_saved_file *files, size_t count, uint64_t ts)
{
    struct model_call *call = new_call(port, MODEL_SAVED, ticket);
    call->u.saved.files = list(state_of(port), files, count, sizeof(files[0]));
    call->u.saved.count = count;
    call->u.saved.ts = ts;
    state_of(port)->send(state_of(port), call);
}

static void call_unload(struct state *port, const struct state_ticket *ticket)
{
    state_of(port)->send(state_of(port), new_call(port, MODEL_UNLOAD, ticket));
}

void model_state_init(struct model_state *state, struct model *model, const char *instance,
                      const char *run)
{
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
    *state = (struct model_state){
        .port = {.ops = &ops, .store_name = "redis", .is_shared = true},
        .model = model,
        .instance = instance,
        .run = run,
    };
}

/* ---- answers ---- */

/* For answers that have no word for it. */
static enum state_result plain(enum state_result result)
{
    return result == STATE_BROKEN ? STATE_BUSY : result;
}

static void answer_tree(const struct model_call *call, struct model_answer *answer)
{
    answer->u.treed.op = call->u.tree.op;
    answer->u.treed.folder = answer->result == STATE_OK && call->u.tree.from != NULL;
    answer->u.treed.by = answer->result == STATE_OK ? call->u.tree.by : 0;
}

/* Gives what is in the union, with the number of its request. */
#define GIVE(field)                                                                                \
    do {                                                                                           \
        answer->u.field.request = call->request;                                                   \
        sink->field(sink->owner, &answer->u.field);                                                \
    } while (0)

/* What only shared states are asked. */
static void answer_shared(const struct state_sink *sink, const struct model_call *call,
                          struct model_answer *answer)
{
    const enum state_result result = plain(answer->result);
    switch (call->op) {
    case MODEL_POLL:
        answer->u.polled.room = call->room;
        answer->u.polled.result = result;
        GIVE(polled);
        break;
    case MODEL_CHECKPOINT:
        sink->checkpointed(sink->owner, &(struct state_checkpointed){call->room, call->request,
                                                                     call->u.checkpoint.f, result,
                                                                     call->u.checkpoint.version});
        break;
    case MODEL_OFFER:
        sink->offered(sink->owner, &(struct state_offered){call->room, call->request, result});
        break;
    case MODEL_OFFERS:
        answer->u.offers.room = call->room;
        answer->u.offers.result = result;
        GIVE(offers);
        break;
    case MODEL_POPULATE:
        sink->populated(sink->owner, &(struct state_populated){call->room, call->request, result});
        break;
    case MODEL_CLAIM:
        answer->u.claimed.result = result;
        GIVE(claimed);
        break;
    case MODEL_DIRTY:
        answer->u.dirty.result = result;
        GIVE(dirty);
        break;
    case MODEL_SAVED:
        answer->u.saved.result = result;
        GIVE(saved);
        break;
    case MODEL_UNLOAD:
        answer->u.unloaded.result = result;
        GIVE(unloaded);
        break;
    default: /* not answered */
        break;
    }
}

void model_answer(struct model_state *state, const struct model_call *call,
                  struct model_answer *answer)
{
    const struct state_sink *sink = &state->port.sink;
    switch (call->op) {
    case MODEL_OPEN:
        answer->u.opened.room = call->room;
        answer->u.opened.result = answer->result;
        GIVE(opened);
        break;
    case MODEL_CREATE:
        sink->created(sink->owner,
                      &(struct state_created){call->room, call->request, answer->result, NULL});
        break;
    case MODEL_APPEND:
        answer->u.appended.room = call->room;
        answer->u.appended.f = call->u.append.f;
        answer->u.appended.result = answer->result;
        GIVE(appended);
        break;
    case MODEL_READ:
        answer->u.rows.room = call->room;
        answer->u.rows.f = call->u.read.f;
        answer->u.rows.result = answer->result;
        GIVE(rows);
        break;
    case MODEL_TREE:
        answer_tree(call, answer);
        answer->u.treed.room = call->room;
        answer->u.treed.result = answer->result;
        GIVE(treed);
        break;
    case MODEL_EVENTS:
        answer->u.events.room = call->room;
        answer->u.events.result = answer->result;
        GIVE(events);
        break;
    default:
        answer_shared(sink, call, answer);
    }
}
#undef GIVE

void model_refuse(struct model_state *state, const struct model_call *call)
{
    struct model_answer answer = {.result = STATE_BUSY};
    model_answer(state, call, &answer);
}
