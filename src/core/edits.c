/* An edit's way: it is checked against the text that its author saw, mapped over what was logged
 * since, one entry at a time (R1), and waits in the file. At the end of the turn all that waits
 * becomes one batch: the chain, each edit mapped over those before it in the batch, is built for
 * this one append and thrown away if somebody else was first (R3). The replica moves only when the
 * state has answered; then everybody hears of it, and what arrived meanwhile is mapped over the
 * batch.
 *
 * At most one append is under way per file. A cid has at most one message in flight per file; short
 * forms of one author wait for each other. */
#include "edits.h"
#include "presence.h"
#include "room.h"
#include "root.h"
#include "saver.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_ENTRIES 256u
/* Mapping one message takes at most about so many steps of some 12 ns, one for each part of it and
 * of each entry it is mapped over. Who is further behind opens the file again, and maps himself. */
#define MAP_STEPS 2000000u

struct batch {
    struct edit_list edits; /* as they waited */
    size_t total;           /* change sets, = messages */
    struct change **chain;
    struct state_entry *entries;
    struct selection **sels; /* beside the last change set of an edit that has one, else NULL */
};

/* ---- one edit ---- */

static struct selection *copy_selection(const struct selection *sel)
{
    if (!sel)
        return NULL;
    size_t size = offsetof(struct selection, pos) + sel->count * sizeof sel->pos[0];
    struct selection *copy = mem_alloc(size);
    memcpy(copy, sel, size);
    return copy;
}

static void edit_close(struct edit *edit)
{
    for (size_t i = 0; i < edit->count; i++)
        change_unref(edit->changes[i]);
    free(edit->changes);
    free(edit->sel);
    free(edit->ins);
}

static void edit_free(struct edit *edit)
{
    edit_close(edit);
    free(edit);
}

/* Of one that was taken: it is in the log, or will not be. */
static void edit_end(struct file *file, struct edit *edit)
{
    file->growth -= edit->growth;
    edit_free(edit);
}

/* Over one logged entry: the square grid for the list, and what is left of x moves the selection.
 */
static void edit_map(struct edit *edit, const struct change *x)
{
    struct change *rest = change_ref(x);
    for (size_t i = 0; i < edit->count; i++) {
        struct change *change = edit->changes[i];
        bool needed = i + 1 < edit->count || edit->sel;
        struct change *next = needed ? change_map(rest, change, true) : NULL;
        edit->changes[i] = change_map(change, rest, false);
        change_unref(change);
        change_unref(rest);
        rest = next;
    }
    for (size_t i = 0; edit->sel && i < edit->sel->count; i++)
        edit->sel->pos[i] = change_map_pos(rest, edit->sel->pos[i], -1);
    change_unref(rest);
}

static void clamp_selection(struct selection *sel, size_t len)
{
    for (size_t i = 0; sel && i < sel->count; i++)
        if (sel->pos[i] > len)
            sel->pos[i] = len;
}

/* A deleted unit gives back at least one byte. */
static size_t growth_of(const struct edit *edit)
{
    size_t inserted = 0;
    for (size_t i = 0; i < edit->count; i++)
        inserted += change_inserted_bytes(edit->changes[i]);
    size_t before = change_len_before(edit->changes[0]);
    size_t after = change_len_after(edit->changes[edit->count - 1]);
    size_t shrunk = before > after ? before - after : 0;
    return inserted > shrunk ? inserted - shrunk : 0;
}

static void take(struct file *file, struct edit *edit)
{
    file_author(file, edit->cid)->n_taken = edit->n;
    TAILQ_INSERT_TAIL(&file->waiting, edit, link);
    edit->growth = growth_of(edit);
    file->growth += edit->growth;
    file->room->text_bytes += edit->growth; /* until it is counted again */
    file_mark_dirty(file);
}

static void refuse(struct file *file, const struct edit *edit, enum err code, const char *why)
{
    struct session *session = registry_session(file->room->registry, edit->session);
    struct error error = {ERR_OK, ""};
    if (!session || session->cid != edit->cid)
        return;
    (void)error_set(&error, code, "%s", why);
    file_flush(file); /* its earlier acks go first */
    session_error(session, &error, &edit->q, file->f, edit->n, false);
    if (session->phase == SESSION_CLOSING)
        return;
    struct sub *sub = session_find_sub(session, file);
    if (sub)
        session_unsubscribe(sub);
}

/* ---- accepting ---- */

static enum err check_number(const struct author *author, const struct message *message,
                             bool *duplicate, struct error *error)
{
    *duplicate = message->n <= author->n_taken;
    if (*duplicate)
        return ERR_OK;
    if (message->n - message->u.edit.count < author->n_taken)
        return error_set(error, ERR_OUT_OF_ORDER,
                         "a part of this list is known already: last is %" PRIu64, author->n_taken);
    if (author->n_taken > author->n)
        return error_set(error, ERR_OUT_OF_ORDER,
                         "%" PRIu64 " is not acknowledged yet: one message at a time",
                         author->n_taken);
    return ERR_OK;
}

static enum err check_version(const struct file *file, const struct author *author, uint64_t v,
                              struct error *error)
{
    uint64_t version = document_version(file->document);
    if (v > version)
        return error_set(error, ERR_STALE, "version %" PRIu64 " is not here yet: it is %" PRIu64, v,
                         version);
    if (v < document_oldest(file->document))
        return error_set(error, ERR_STALE, "version %" PRIu64 " is too old: open the file again",
                         v);
    if (v < author->version)
        return error_set(error, ERR_OUT_OF_ORDER,
                         "version %" PRIu64 " does not contain your own edit of version %" PRIu64,
                         v, author->version);
    return ERR_OK;
}

/* Has the text room for it, behind all that waits already? */
static enum err check_room(const struct file *file, const struct edit *edit, struct error *error)
{
    const struct limits *limits = &file->room->registry->config.limits;
    size_t growth = growth_of(edit);
    if (growth == 0)
        return ERR_OK;
    if (rope_len(document_rope(file->document)) + file->growth + growth > limits->text)
        return error_set(error, ERR_TOO_BIG, "a file holds at most %u bytes", limits->text);
    if (file->room->text_bytes + growth > limits->project_text)
        return error_set(error, ERR_TOO_BIG, "a project holds at most %u bytes",
                         limits->project_text);
    return ERR_OK;
}

static enum err check_list(const struct file *file, const struct edit *edit, struct error *error)
{
    if (change_list_splits_pair(edit->changes, edit->count, document_rope(file->document)))
        return error_set(error, ERR_BAD_CHANGE, "a boundary falls inside a surrogate pair");
    return check_room(file, edit, error);
}

static struct edit *new_edit(const struct session *session, const struct message *message)
{
    struct edit *edit = mem_zalloc(sizeof *edit);
    edit->session = session->id;
    edit->cid = session->cid;
    edit->k = session->k;
    edit->n = message->n;
    edit->q = message->q;
    return edit;
}

static enum err check_steps(const struct file *file, const struct message *message,
                            struct error *error)
{
    size_t parts = 0, count = message->u.edit.count, steps = 0;
    for (size_t i = 0; i < count; i++)
        parts += change_parts(message->u.edit.changes[i]);
    for (uint64_t at = message->u.edit.v + 1; at <= document_version(file->document); at++) {
        steps += parts + count * change_parts(document_entry(file->document, at)->change);
        if (steps > MAP_STEPS)
            return error_set(error, ERR_STALE,
                             "version %" PRIu64 " is too old for an edit so large",
                             message->u.edit.v);
    }
    return ERR_OK;
}

static enum err accept_list(struct session *session, struct file *file,
                            const struct message *message, struct error *error)
{
    struct author *author = file_author(file, session->cid);
    uint64_t v = message->u.edit.v;
    bool duplicate;
    enum err code = check_number(author, message, &duplicate, error);
    if (code || duplicate) {
        session->registry->counts.duplicates += duplicate;
        return code;
    }
    if ((code = check_version(file, author, v, error)) ||
        (code = check_steps(file, message, error)))
        return code;
    size_t len = document_len_at(file->document, v);
    if (change_len_before(message->u.edit.changes[0]) != len)
        return error_set(error, ERR_BAD_CHANGE, "length %zu, document has %zu",
                         change_len_before(message->u.edit.changes[0]), len);
    struct edit *edit = new_edit(session, message);
    edit->count = message->u.edit.count;
    edit->changes = mem_realloc_array(NULL, edit->count, sizeof edit->changes[0]);
    for (size_t i = 0; i < edit->count; i++)
        edit->changes[i] = change_ref(message->u.edit.changes[i]);
    edit->sel = message->u.edit.has_sel ? copy_selection(message->u.edit.sel) : NULL;
    clamp_selection(edit->sel, change_len_after(edit->changes[edit->count - 1]));
    for (uint64_t at = v + 1; at <= document_version(file->document); at++)
        edit_map(edit, document_entry(file->document, at)->change);
    if ((code = check_list(file, edit, error)))
        edit_free(edit);
    else
        take(file, edit);
    return code;
}

/* The short form becomes a change set on the newest text. */
static enum err resolve(struct file *file, struct edit *edit, struct error *error)
{
    size_t len = rope_utf16_len(document_rope(file->document));
    if (edit->at > len || edit->del > len - edit->at)
        return error_set(error, ERR_BAD_CHANGE, "at %" PRIu64 " del %" PRIu64 ", document has %zu",
                         edit->at, edit->del, len);
    edit->changes = mem_realloc_array(NULL, 1, sizeof edit->changes[0]);
    edit->changes[0] = change_splice(len, edit->at, edit->del, edit->ins, edit->ins_len);
    edit->count = 1;
    edit->n = file_author(file, edit->cid)->n_taken + 1;
    clamp_selection(edit->sel, change_len_after(edit->changes[0]));
    return check_list(file, edit, error);
}

static enum err accept_short(struct session *session, struct file *file,
                             const struct message *message, struct error *error)
{
    struct author *author = file_author(file, session->cid);
    if (author->shorts >= session->registry->config.limits.waiting)
        return error_set(error, ERR_TOO_MANY, "%u edits wait for the log already", author->shorts);
    struct edit *edit = new_edit(session, message);
    edit->at = message->u.edit.at;
    edit->del = message->u.edit.del;
    edit->ins = mem_strndup(message->u.edit.ins.text ? message->u.edit.ins.text : "",
                            message->u.edit.ins.len);
    edit->ins_len = message->u.edit.ins.len;
    edit->sel = message->u.edit.has_sel ? copy_selection(message->u.edit.sel) : NULL;
    if (edits_waiting(file, session->cid)) {
        author->shorts++;
        TAILQ_INSERT_TAIL(&file->shorts, edit, link);
        return ERR_OK;
    }
    enum err code = resolve(file, edit, error);
    if (code)
        edit_free(edit);
    else
        take(file, edit);
    return code;
}

enum err edits_accept(struct session *session, struct file *file, const struct message *message,
                      struct error *error)
{
    return message->u.edit.is_short ? accept_short(session, file, message, error)
                                    : accept_list(session, file, message, error);
}

bool edits_waiting(const struct file *file, uint64_t cid)
{
    const struct author *author = map_find(&file->authors, cid);
    return author && (author->n_taken > author->n || author->shorts);
}

static void resolve_short(struct file *file, struct author *author, struct edit *edit)
{
    struct error error = {ERR_OK, ""};
    enum err code = author->is_broken
                        ? error_set(&error, ERR_NOT_OPEN, "the edit before it was refused")
                        : resolve(file, edit, &error);
    author->is_broken = code && author->shorts > 0;
    if (code == ERR_OK) {
        take(file, edit);
        return;
    }
    edit->n = 0;
    refuse(file, edit, code, error.text);
    edit_free(edit);
}

/* Short forms whose author has nothing else waiting any more. */
static void resolve_shorts(struct file *file)
{
    struct edit *edit, *next;
    LIST_EACH_SAFE(edit, &file->shorts, link, next)
    {
        struct author *author = file_author(file, edit->cid);
        if (author->n_taken > author->n)
            continue;
        TAILQ_REMOVE(&file->shorts, edit, link);
        author->shorts--;
        resolve_short(file, author, edit);
    }
}

/* ---- sending ---- */

static struct batch *batch_new(struct file *file)
{
    struct batch *batch = mem_zalloc(sizeof *batch);
    TAILQ_INIT(&batch->edits);
    while (!TAILQ_EMPTY(&file->waiting)) {
        struct edit *edit = TAILQ_FIRST(&file->waiting);
        if (batch->total && batch->total + edit->count > BATCH_ENTRIES)
            break;
        TAILQ_REMOVE(&file->waiting, edit, link);
        TAILQ_INSERT_TAIL(&batch->edits, edit, link);
        batch->total += edit->count;
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
    struct edit mapped = {.count = edit->count, .sel = copy_selection(edit->sel)};
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
                    mapped.changes[i], last ? mapped.sel : NULL);
        batch->chain[done + i] = mapped.changes[i];
        batch->entries[done + i] =
            (struct state_entry){edit->cid, n, edit->k, blob_new(out->data, out->len)};
    }
    batch->sels[done + edit->count - 1] = mapped.sel;
    free(mapped.changes);
}

void edits_send(struct file *file)
{
    if (file->phase != FILE_OPEN || file->batch || TAILQ_EMPTY(&file->waiting))
        return;
    struct room *room = file->room;
    struct batch *batch = file->batch = batch_new(file);
    size_t done = 0;
    struct edit *edit;
    TAILQ_FOREACH(edit, &batch->edits, link)
    {
        chain_edit(file, batch, edit, done);
        done += edit->count;
    }
    int64_t before = (int64_t)rope_utf16_len(document_rope(file->document));
    struct state_append append = {
        .f = file->f,
        .expect = document_version(file->document),
        .utf16_delta = (int64_t)change_len_after(batch->chain[batch->total - 1]) - before,
        .entries = batch->entries,
        .count = batch->total,
    };
    struct state_ticket ticket = room_ticket(room, 0);
    room->pending++;
    room->registry->counts.batches++;
    room->registry->state->ops->append(room->registry->state, &ticket, &append);
}

/* ---- the answer ---- */

static void map_waiting(struct edit_list *list, const struct change *x)
{
    struct edit *edit;
    TAILQ_FOREACH(edit, list, link)
    edit_map(edit, x);
}

static void post_entry(struct file *file, const struct state_entry *entry, uint64_t version)
{
    struct buf *out = &file->room->registry->out;
    buf_reset(out);
    encode_ack(out, file->f, version, entry->n);
    file_post(file, blob_ref(entry->message), blob_new(out->data, out->len), entry->by);
}

static void logged(struct file *file, struct batch *batch)
{
    struct registry *registry = file->room->registry;
    for (size_t i = 0; i < batch->total; i++) {
        const struct state_entry *entry = &batch->entries[i];
        uint64_t version = document_version(file->document) + 1;
        document_push(file->document, batch->chain[i], entry->by, entry->n, entry->message);
        struct author *author = file_author(file, entry->by);
        author->n = entry->n;
        author->version = version;
        post_entry(file, entry, version);
        map_waiting(&file->waiting, batch->chain[i]);
        if (batch->sels[i])
            presence_edited(file->room, file, entry->by, version, batch->sels[i]);
        file->updated_by = entry->by;
    }
    file->updated_at = registry->wall_ms;
    registry->counts.edits += batch->total;
    registry->counts.acks += batch->total;
    while (!TAILQ_EMPTY(&batch->edits)) {
        struct edit *edit = TAILQ_FIRST(&batch->edits);
        TAILQ_REMOVE(&batch->edits, edit, link);
        edit_end(file, edit);
    }
    saver_changed(file->room);
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

static void forget(struct file *file, struct edit *edit)
{
    TAILQ_REMOVE(&file->waiting, edit, link);
    edit_end(file, edit);
}

/* An edit whose own entry came back was logged, and only the reply was lost. */
static void drop_logged(struct file *file, uint64_t by, uint64_t n)
{
    struct edit *edit, *next;
    LIST_EACH_SAFE(edit, &file->waiting, link, next)
    if (edit->cid == by && edit->n == n)
        forget(file, edit);
}

static void conflict(struct file *file, const struct state_appended *answer)
{
    file->room->registry->counts.conflicts++;
    for (size_t i = 0; i < answer->missing_count; i++) {
        if (file_apply_logged(file, answer->missing[i])) {
            log_error("the log does not fit the replica project=%s f=%" PRIu64, file->room->project,
                      file->f);
            file_reset(file);
            return;
        }
        const struct document_entry *entry =
            document_entry(file->document, document_version(file->document));
        drop_logged(file, entry->by, entry->n);
        map_waiting(&file->waiting, entry->change);
    }
    saver_changed(file->room);
}

static void drop_entry(struct file *file, size_t index, bool fenced)
{
    struct edit *edit = TAILQ_FIRST(&file->waiting);
    while (edit && index >= edit->count) {
        index -= edit->count;
        edit = TAILQ_NEXT(edit, link);
    }
    if (!edit)
        return;
    struct session *session = registry_session(file->room->registry, edit->session);
    struct author *author = file_author(file, edit->cid);
    if (!fenced && author->n < edit->n)
        author->n = edit->n;
    author->n_taken = author->n;
    forget(file, edit);
    if (fenced && session)
        session_close(session, 4503, "another connection has this cid");
}

static void drop_list(struct file *file, struct edit_list *list, enum err code, const char *why)
{
    while (!TAILQ_EMPTY(list)) {
        struct edit *edit = TAILQ_FIRST(list);
        TAILQ_REMOVE(list, edit, link);
        struct author *author = file_author(file, edit->cid);
        if (edit->count)
            author->n_taken = author->n;
        else
            author->shorts--;
        author->is_broken = author->shorts > 0;
        refuse(file, edit, code, why);
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

void edits_drop_all(struct file *file, enum err code, const char *why)
{
    drop_batch(file, code, why);
    drop_list(file, &file->waiting, code, why);
    drop_list(file, &file->shorts, code, why);
}

static void refused(struct file *file, struct batch *batch, const struct state_appended *answer)
{
    switch (answer->result) {
    case STATE_CONFLICT:
        put_back(file, batch);
        conflict(file, answer);
        break;
    case STATE_SEEN:
    case STATE_FENCED:
        put_back(file, batch);
        drop_entry(file, answer->index, answer->result == STATE_FENCED);
        break;
    case STATE_GONE:
    case STATE_NO_FILE:
        drop_list(file, &batch->edits, ERR_GONE, "the file was deleted");
        break;
    case STATE_TRIMMED:
        drop_list(file, &batch->edits, ERR_STALE, "the file is read again");
        file_reset(file);
        break;
    default:
        if (answer->problem)
            log_warn("append failed project=%s f=%" PRIu64 " problem=\"%s\"", file->room->project,
                     file->f, answer->problem);
        drop_list(file, &batch->edits, answer->result == STATE_BUSY ? ERR_BUSY : ERR_INTERNAL,
                  "the edit could not be stored; keep it and try again");
    }
}

void edits_appended(struct file *file, const struct state_appended *answer)
{
    if (answer->result == STATE_EPOCH) {
        room_end(file->room, 4503, "the project has a new epoch");
        return;
    }
    struct batch *batch = file->batch;
    if (!batch) /* the file was deleted or read again meanwhile */
        return;
    file->batch = NULL;
    if (answer->result == STATE_OK) {
        logged(file, batch);
        file->rev = answer->rev;
    } else {
        refused(file, batch, answer);
    }
    batch_free(batch);
    if (file->phase != FILE_OPEN)
        return;
    resolve_shorts(file);
    file_serve_openers(file);
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

void edits_fence(struct room *room, uint64_t cid)
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
            if (batch->entries[i].by == cid)
                author->n_taken = batch->entries[i].n;
    }
}
