/* From the file's waiting edits to the log and back. At the end of the turn all that waits becomes
 * one batch: the chain, each edit mapped over those before it in the batch, is built for this one
 * append and thrown away if somebody else was first (R3). The replica moves only when the state has
 * answered; then everybody hears of it, and what arrived meanwhile is mapped over the batch.
 *
 * At most one append is under way per file.
 *
 * With a shared state the replica may move while it is: entries come by a hint or a read of the
 * log, even the batch's own. So what was sent is mapped and dropped like what waits, and the answer
 * is taken by version: of what it says is logged, only what the replica does not have yet is
 * applied. An answer that nobody knows (STATE_BUSY) puts the batch back, to be sent again: if the
 * log has it already, its own entries come back as a conflict. */
#include "batch.h"
#include "authors.h"
#include "catchup.h"
#include "edits.h"
#include "people.h"
#include "presence.h"
#include "room.h"
#include "root.h"
#include "saver.h"
#include "seal.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#define BATCH_ENTRIES 256u

struct batch {
    uint64_t id;            /* request number of the append */
    uint64_t expect;        /* the version that it was sent for */
    struct edit_list edits; /* as they waited; mapped over what the replica got since */
    size_t total;           /* change sets, = messages */
    struct change **chain;
    struct state_entry *entries;
    struct selection **sels; /* beside the last change set of an edit that has one, else NULL */
};

/* ---- sending ---- */

static struct batch *batch_new(struct file *file)
{
    struct registry *registry = file->room->registry;
    struct batch *batch = mem_zalloc(sizeof *batch);
    batch->id = registry_id(registry);
    batch->expect = document_version(file->document);
    TAILQ_INIT(&batch->edits);
    while (!TAILQ_EMPTY(&file->waiting)) {
        struct edit *edit = TAILQ_FIRST(&file->waiting);
        if (batch->total && batch->total + edit->count > BATCH_ENTRIES)
            break;
        TAILQ_REMOVE(&file->waiting, edit, link);
        TAILQ_INSERT_TAIL(&batch->edits, edit, link);
        batch->total += edit->count;
        edit->is_unknown = registry->state->is_shared;
    }
    batch->chain = mem_realloc_array(NULL, batch->total, sizeof batch->chain[0]);
    batch->entries = mem_realloc_array(NULL, batch->total, sizeof batch->entries[0]);
    batch->sels = mem_zalloc(batch->total * sizeof batch->sels[0]);
    return batch;
}

/* The edits themselves are the caller's to move or free before. */
static void batch_free(struct batch *batch)
{
    assert(TAILQ_EMPTY(&batch->edits));
    for (size_t i = 0; i < batch->total; i++) {
        change_unref(batch->chain[i]);
        blob_unref(batch->entries[i].message);
        free(batch->sels[i]);
    }
    free(batch->chain);
    free(batch->entries);
    free(batch->sels);
    free(batch);
}

/* The part of the chain that one edit makes, behind the done entries before it. */
static void chain_edit(struct file *file, struct batch *batch, const struct edit *edit, size_t done)
{
    struct buf *out = &file->room->registry->out;
    struct edit mapped = {.count = edit->count, .sel = edit_copy_selection(edit->sel)};
    mapped.changes = mem_realloc_array(NULL, edit->count, sizeof mapped.changes[0]);
    for (size_t i = 0; i < edit->count; i++)
        mapped.changes[i] = change_ref(edit->changes[i]);
    for (size_t i = 0; i < done; i++)
        edit_map(&mapped, batch->chain[i]);
    for (size_t i = 0; i < edit->count; i++) {
        bool last = i + 1 == edit->count;
        uint64_t n = edit->n - edit->count + 1 + i;
        buf_reset(out);
        encode_edit(out, file->f, document_version(file->document) + done + i + 1, edit->cid, n,
                    mapped.changes[i], last ? mapped.sel : NULL, edit->user);
        batch->chain[done + i] = mapped.changes[i];
        batch->entries[done + i] =
            (struct state_entry){edit->cid, n, edit->k, blob_new(out->data, out->len)};
    }
    batch->sels[done + edit->count - 1] = mapped.sel;
    free(mapped.changes);
}

static void append(struct file *file, const struct batch *batch)
{
    struct room *room = file->room;
    struct state *state = room->registry->state;
    int64_t before = (int64_t)rope_utf16_len(document_rope(file->document));
    struct state_append append = {
        .f = file->f,
        .expect = batch->expect,
        .utf16_delta = (int64_t)change_len_after(batch->chain[batch->total - 1]) - before,
        .entries = batch->entries,
        .count = batch->total,
    };
    char seal[HINT_SEAL_SIZE];
    if (state->is_shared && seal_make(room, &append, seal))
        append.seal = seal;
    struct state_ticket ticket = room_ticket(room, batch->id);
    room->pending++;
    room->registry->counts.batches++;
    state->ops->append(state, &ticket, &append);
}

void batch_send(struct file *file)
{
    if (file->phase != FILE_OPEN || file->batch || file->is_retrying || TAILQ_EMPTY(&file->waiting))
        return;
    struct batch *batch = file->batch = batch_new(file);
    size_t done = 0;
    struct edit *edit;
    TAILQ_FOREACH(edit, &batch->edits, link)
    {
        chain_edit(file, batch, edit, done);
        done += edit->count;
    }
    append(file, batch);
}

/* ---- the answer ---- */

static void map_waiting(struct edit_list *list, const struct change *x)
{
    struct edit *edit;
    TAILQ_FOREACH(edit, list, link)
    edit_map(edit, x);
}

static void forget(struct file *file, struct edit_list *list, struct edit *edit)
{
    TAILQ_REMOVE(list, edit, link);
    edit_end(file, edit);
}

/* An edit whose own entry came back was logged, and only the reply is late or was lost. */
static void drop_logged(struct file *file, struct edit_list *list, uint64_t by, uint64_t n)
{
    struct edit *edit, *next;
    LIST_EACH_SAFE(edit, list, link, next)
    if (edit->cid == by && edit->n == n)
        forget(file, list, edit);
}

enum err batch_take(struct file *file, struct blob *message)
{
    enum err code = file_apply_logged(file, message);
    if (code)
        return code;
    const struct document_entry *entry =
        document_entry(file->document, document_version(file->document));
    struct edit_list *lists[] = {&file->waiting, file->batch ? &file->batch->edits : NULL};
    for (int i = 0; i < 2 && lists[i]; i++) {
        drop_logged(file, lists[i], entry->by, entry->n);
        map_waiting(lists[i], entry->change);
    }
    file->rev++;
    saver_changed(file->room);
    return ERR_OK;
}

static void log_misfit(const struct file *file)
{
    log_error("the log does not fit the replica project=%s f=%" PRIu64, file->room->project,
              file->f);
}

/* The entry that makes the next version is this one of the batch. */
static void apply_own(struct file *file, struct batch *batch, size_t i)
{
    const struct state_entry *entry = &batch->entries[i];
    uint64_t version = document_version(file->document) + 1;
    document_push(file->document, batch->chain[i], entry->by, entry->n, entry->message);
    struct author *author = authors_get(file, entry->by);
    author->n = entry->n;
    author->version = version;
    file_post_entry(file, entry->message, entry->by, entry->n, version);
    map_waiting(&file->waiting, batch->chain[i]);
    if (batch->sels[i])
        presence_edited(file->room, file, entry->by, version, batch->sels[i]);
    file->updated_by = entry->by;
}

/* The log has the batch. False where the replica has something else at its versions, which only a
 * damaged log can have told it. */
static bool logged(struct file *file, struct batch *batch)
{
    struct registry *registry = file->room->registry;
    size_t applied = 0, left = 0;
    for (size_t i = 0; i < batch->total; i++) {
        if (batch->expect + i < document_version(file->document))
            continue;
        apply_own(file, batch, i);
        applied++;
    }
    file->updated_at = registry->wall_ms;
    registry->counts.edits += batch->total;
    registry->counts.acks += batch->total;
    while (!TAILQ_EMPTY(&batch->edits)) {
        left += TAILQ_FIRST(&batch->edits)->count;
        forget(file, &batch->edits, TAILQ_FIRST(&batch->edits));
    }
    saver_changed(file->room);
    return left == applied;
}

/* What was sent waits again, before what came since. */
static void put_back(struct file *file, struct batch *batch)
{
    while (!TAILQ_EMPTY(&batch->edits)) {
        struct edit *edit = TAILQ_LAST(&batch->edits, edit_list);
        TAILQ_REMOVE(&batch->edits, edit, link);
        TAILQ_INSERT_HEAD(&file->waiting, edit, link);
    }
    file_mark_dirty(file);
}

/* The log is past every version that they were sent for: what has not come into it by now never
 * will, and what has (by an earlier call) comes back from it. */
static void know_unlogged(struct batch *batch)
{
    struct edit *edit;
    TAILQ_FOREACH(edit, &batch->edits, link)
    edit->is_unknown = false;
}

static void conflict(struct file *file, const struct batch *batch,
                     const struct state_appended *answer)
{
    uint64_t had = document_version(file->document);
    file->room->registry->counts.conflicts++;
    for (size_t i = 0; i < answer->missing_count; i++) {
        if (batch->expect + i < document_version(file->document))
            continue;
        if (batch_take(file, answer->missing[i])) {
            log_misfit(file);
            file_reset(file);
            return;
        }
    }
    if (document_version(file->document) == had && had == batch->expect)
        file_retry_later(file); /* it told us nothing */
}

/* The edit that this entry of the batch was made of, unless it has come back from the log since. */
static void drop_entry(struct file *file, const struct state_entry *entry, bool fenced)
{
    struct edit *edit;
    TAILQ_FOREACH(edit, &file->waiting, link)
    if (edit->cid == entry->by && entry->n <= edit->n && entry->n + edit->count > edit->n)
        break;
    if (!edit)
        return;
    struct session *session = registry_session(file->room->registry, edit->session);
    struct author *author = authors_get(file, edit->cid);
    if (!fenced && author->n < edit->n)
        author->n = edit->n;
    author->n_taken = author->n;
    forget(file, &file->waiting, edit);
    if (fenced && session)
        session_close(session, 4503, "another connection has this cid");
}

/* Nobody can tell its author whether it is in the log, nor give it the text with the number of its
 * last edit, before no more of this connection can enter the log: it comes back as a newer one. */
static void send_away(struct file *file, const struct edit *edit)
{
    struct session *session = registry_session(file->room->registry, edit->session);
    if (session)
        session_close(session, 4503, "what became of an edit is not known");
}

static void drop_list(struct file *file, struct edit_list *list, enum err code, const char *why)
{
    while (!TAILQ_EMPTY(list)) {
        struct edit *edit = TAILQ_FIRST(list);
        TAILQ_REMOVE(list, edit, link);
        struct author *author = authors_get(file, edit->cid);
        if (edit->count)
            author->n_taken = author->n;
        else
            author->shorts--;
        author->is_broken = author->shorts > 0;
        if (edit->is_unknown && code != ERR_GONE)
            send_away(file, edit);
        else
            edit_refuse(file, edit, code, why);
        edit_end(file, edit);
    }
}

static void drop_batch(struct file *file, enum err code, const char *why)
{
    struct batch *batch = file->batch;
    file->batch = NULL;
    if (!batch)
        return;
    drop_list(file, &batch->edits, code, why);
    batch_free(batch);
}

void batch_drop_all(struct file *file, enum err code, const char *why)
{
    drop_batch(file, code, why);
    drop_list(file, &file->waiting, code, why);
    drop_list(file, &file->shorts, code, why);
}

/* A newer connection of its cid is here: what an older one had sent is not sent again. */
static void drop_outdated(struct file *file)
{
    struct edit *edit, *next;
    LIST_EACH_SAFE(edit, &file->waiting, link, next)
    {
        const struct member *member = people_find(file->room, edit->cid);
        if (!member || !member->session || !edit->k || member->session->k <= edit->k)
            continue;
        struct author *author = authors_get(file, edit->cid);
        author->n_taken = author->n;
        forget(file, &file->waiting, edit);
    }
}

static void complain(const struct file *file, const char *problem)
{
    struct registry *registry = file->room->registry;
    if (registry->complained_ms && registry->now_ms - registry->complained_ms < 1000)
        return;
    registry->complained_ms = registry->now_ms;
    log_warn("append failed project=%s f=%" PRIu64 " problem=\"%s\"", file->room->project, file->f,
             problem);
}

static void failed(struct file *file, struct batch *batch, const struct state_appended *answer)
{
    bool is_busy = answer->result == STATE_BUSY;
    if (answer->problem && file->tries == 0)
        complain(file, answer->problem);
    if (is_busy && file->room->registry->state->is_shared) {
        put_back(file, batch);
        drop_outdated(file);
        file_retry_later(file);
        return;
    }
    know_unlogged(batch);
    drop_list(file, &batch->edits, is_busy ? ERR_BUSY : ERR_INTERNAL,
              "the edit could not be stored; keep it and try again");
}

static void refused(struct file *file, struct batch *batch, const struct state_appended *answer)
{
    switch (answer->result) {
    case STATE_CONFLICT:
        know_unlogged(batch);
        put_back(file, batch);
        conflict(file, batch, answer);
        break;
    case STATE_SEEN:
    case STATE_FENCED:
        put_back(file, batch);
        if (answer->index < batch->total)
            drop_entry(file, &batch->entries[answer->index], answer->result == STATE_FENCED);
        break;
    case STATE_GONE:
    case STATE_NO_FILE:
        drop_list(file, &batch->edits, ERR_GONE, "the file was deleted");
        break;
    case STATE_TRIMMED:
        know_unlogged(batch);
        drop_list(file, &batch->edits, ERR_STALE, "the file is read again");
        file_reset(file);
        break;
    default:
        failed(file, batch, answer);
    }
}

static void settle(struct file *file, struct batch *batch, const struct state_appended *answer)
{
    if (answer->result != STATE_BUSY)
        file->tries = 0;
    if (answer->result != STATE_OK) {
        refused(file, batch, answer);
    } else if (logged(file, batch)) {
        if (file->rev < answer->rev)
            file->rev = answer->rev;
        file->checkpoint.is_ours = true;
    } else {
        log_misfit(file);
        file_reset(file);
    }
}

void batch_appended(struct file *file, const struct state_appended *answer)
{
    if (room_upset(file->room, answer->result))
        return;
    struct batch *batch = file->batch;
    if (!batch || batch->id != answer->request) /* the file was read again meanwhile */
        return;
    file->batch = NULL;
    settle(file, batch, answer);
    batch_free(batch);
    if (file->phase != FILE_OPEN)
        return;
    if (answer->result == STATE_CONFLICT && document_version(file->document) < answer->version)
        catchup_start(file);
    catchup_moved(file);
    if (!TAILQ_EMPTY(&file->waiting))
        file_mark_dirty(file);
}

static void fence_list(struct file *file, struct edit_list *list, uint64_t cid)
{
    struct edit *edit, *next;
    LIST_EACH_SAFE(edit, list, link, next)
    {
        if (edit->cid != cid)
            continue;
        TAILQ_REMOVE(list, edit, link);
        edit_end(file, edit);
    }
}

void batch_fence(struct room *room, uint64_t cid)
{
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter)) {
        struct file *file = iter.value;
        struct author *author = map_find(&file->authors, cid);
        if (!author)
            continue;
        fence_list(file, &file->waiting, cid);
        fence_list(file, &file->shorts, cid);
        author->shorts = 0;
        author->is_broken = false;
        author->n_taken = author->n;
        const struct batch *batch = file->batch;
        for (size_t i = 0; batch && i < batch->total; i++)
            if (batch->entries[i].by == cid && author->n_taken < batch->entries[i].n)
                author->n_taken = batch->entries[i].n;
    }
}
