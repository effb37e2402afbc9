/* The loop's side of the state: each call becomes a request with copies of what it was given.
 * Messages are not copied but shared by reference, since the request is back on the loop when the
 * reference is given up. */
#include "storage_thread.h"
#include "weft/base/blob.h"

static struct storage *storage_of(struct state *state)
{
    return ((struct state_port *)state)->storage;
}

static void call_open(struct state *state, const struct state_ticket *ticket,
                      const struct state_open *open)
{
    struct request *request = request_new(REQUEST_OPEN, ticket);
    request->u.open = *open;
    request->u.open.user = request_copy_text(request, open->user ? open->user : "");
    request->u.open.name = NULL; /* people are core's; nothing of them is kept here */
    storage_push(storage_of(state), request);
}

static void call_create(struct state *state, const struct state_ticket *ticket,
                        const struct state_create *create)
{
    struct request *request = request_new(REQUEST_CREATE, ticket);
    struct state_new_file *files = request_alloc(request, create->file_count * sizeof(*files));
    for (size_t i = 0; i < create->file_count; i++) {
        const struct state_new_file *file = &create->files[i];
        files[i] = (struct state_new_file){request_copy_text(request, file->path),
                                           request_copy(request, file->text, file->len), file->len,
                                           request_copy_text(request, file->eol)};
    }
    request->u.create = (struct state_create){
        request_copy_text(request, create->name ? create->name : ticket->project),
        request_copy_text(request, create->template ? create->template : ""), files,
        create->file_count};
    storage_push(storage_of(state), request);
}

static void call_append(struct state *state, const struct state_ticket *ticket,
                        const struct state_append *append)
{
    struct request *request = request_new(REQUEST_APPEND, ticket);
    struct state_entry *entries = request_alloc(request, append->count * sizeof(*entries));
    for (size_t i = 0; i < append->count; i++) {
        entries[i] = append->entries[i];
        blob_ref(entries[i].message);
    }
    request->u.append = *append;
    request->u.append.entries = entries;
    storage_push(storage_of(state), request);
}

static void call_read(struct state *state, const struct state_ticket *ticket,
                      const struct state_read *read)
{
    struct request *request = request_new(REQUEST_READ, ticket);
    request->u.read = *read;
    storage_push(storage_of(state), request);
}

static void call_tree(struct state *state, const struct state_ticket *ticket,
                      const struct state_tree *tree)
{
    struct request *request = request_new(REQUEST_TREE, ticket);
    request->u.tree = *tree;
    request->u.tree.from = request_copy_text(request, tree->from);
    request->u.tree.path = request_copy_text(request, tree->path);
    request->u.tree.eol = request_copy_text(request, tree->eol ? tree->eol : "\n");
    request->u.tree.text = request_copy(request, tree->text, tree->text ? tree->len : 0);
    request->u.tree.len = tree->text ? tree->len : 0;
    storage_push(storage_of(state), request);
}

static void call_events(struct state *state, const struct state_ticket *ticket, uint64_t after)
{
    struct request *request = request_new(REQUEST_EVENTS, ticket);
    request->u.after = after;
    storage_push(storage_of(state), request);
}

/* One instance: that a session left matters to nobody else, and its generation must be remembered
 * anyway. */
static void ignore_leave(struct state *state, const struct state_ticket *ticket, uint64_t cid,
                         uint64_t k)
{
    (void)state, (void)ticket, (void)cid, (void)k;
}

static void call_forget(struct state *state, const struct state_ticket *ticket)
{
    storage_push(storage_of(state), request_new(REQUEST_FORGET, ticket));
}

const struct state_ops state_sqlite_ops = {
    .open = call_open,
    .create = call_create,
    .append = call_append,
    .read = call_read,
    .tree = call_tree,
    .events = call_events,
    .leave = ignore_leave,
    .forget = call_forget,
};

const struct state_ops state_sqlite_flushed_ops = {
    .open = call_open,
    .create = call_create,
    .append = call_append,
    .read = call_read,
    .tree = call_tree,
    .events = call_events,
    .leave = call_leave,
    .forget = call_forget,
    .populate = call_populate,
    .abandon = call_abandon,
    .claim = call_claim,
    .settle = call_flush_settle,
    .dirty = call_dirty,
    .saved = call_saved,
};

void state_deliver(struct state *state, struct request *request)
{
    const struct state_sink *sink = &state->sink;
    switch (request->kind) {
    case REQUEST_OPEN:
        sink->opened(sink->owner, &request->answer.opened);
        break;
    case REQUEST_CREATE:
        sink->created(sink->owner, &request->answer.created);
        break;
    case REQUEST_APPEND:
        sink->appended(sink->owner, &request->answer.appended);
        break;
    case REQUEST_READ:
        sink->rows(sink->owner, &request->answer.rows);
        break;
    case REQUEST_TREE:
        sink->treed(sink->owner, &request->answer.treed);
        break;
    case REQUEST_EVENTS:
        sink->events(sink->owner, &request->answer.events);
        break;
    case REQUEST_CLAIM:
        sink->claimed(sink->owner, &request->answer.claimed.answer);
        break;
    case REQUEST_DIRTY:
        sink->dirty(sink->owner, &request->answer.dirty.answer);
        break;
    case REQUEST_SAVED:
        sink->saved(sink->owner, &request->answer.marked.answer);
        break;
    case REQUEST_POPULATE:
        sink->populated(sink->owner, &request->answer.populated);
        break;
    case REQUEST_FORGET:
    case REQUEST_LEAVE:
    case REQUEST_SETTLE:
    case REQUEST_SAVE:
    case REQUEST_SAY:
    case REQUEST_MESSAGES:
    case REQUEST_POINTS:
    case REQUEST_JOB:
    case REQUEST_KINDS:
        break;
    }
}
