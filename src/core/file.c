#include "file.h"
#include "authors.h"
#include "backoff.h"
#include "batch.h"
#include "catchup.h"
#include "opens.h"
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
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING_BYTES (4u << 20) /* of recent edits in one replica */

struct file *file_new(struct room *room, uint64_t f, const char *path)
{
    struct file *file = mem_zalloc(sizeof *file);
    file->room = room;
    file->f = f;
    file->path = mem_strdup(path);
    file->idle_ms = room->registry->now_ms;
    snprintf(file->eol, sizeof file->eol, "\n");
    map_init(&file->authors);
    TAILQ_INIT(&file->authors_by_time);
    TAILQ_INIT(&file->subs);
    TAILQ_INIT(&file->openers);
    TAILQ_INIT(&file->waiting);
    TAILQ_INIT(&file->shorts);
    outbox_init(&file->outbox);
    outbox_init(&file->cursors);
    return file;
}

static void forget_replica(struct file *file)
{
    authors_clear(file);
    map_close(&file->authors);
    map_init(&file->authors);
    document_free(file->document);
    file->document = NULL;
    blob_unref(file->cached.message);
    file->cached.message = NULL;
    file->catchup.id = 0;
    file->catchup.again = false;
    file->checkpoint.is_ours = false;
}

/* The log stands where it stood; the tree shows it without the replica. */
static void give_up_replica(struct file *file)
{
    const struct rope *rope = document_rope(file->document);
    file->version = document_version(file->document);
    file->utf16_len = rope_utf16_len(rope);
    file->size = rope_len(rope);
    forget_replica(file);
    file->phase = FILE_CLOSED;
}

void file_free(struct file *file)
{
    while (!TAILQ_EMPTY(&file->subs))
        session_unsubscribe(TAILQ_FIRST(&file->subs));
    opens_refuse(file, ERR_BUSY);
    batch_drop_all(file, ERR_BUSY, "the project was closed");
    forget_replica(file);
    map_close(&file->authors);
    outbox_close(&file->outbox);
    outbox_close(&file->cursors);
    if (file->is_dirty)
        TAILQ_REMOVE(&file->room->dirty_files, file, dirty);
    if (file->is_retrying)
        TAILQ_REMOVE(&file->room->retries, file, retry);
    free(file->path);
    free(file);
}

uint64_t file_version(const struct file *file)
{
    return file->document ? document_version(file->document) : file->version;
}

uint64_t file_utf16_len(const struct file *file)
{
    return file->document ? rope_utf16_len(document_rope(file->document)) : file->utf16_len;
}

void file_mark_dirty(struct file *file)
{
    if (!file->is_dirty) {
        file->is_dirty = true;
        TAILQ_INSERT_TAIL(&file->room->dirty_files, file, dirty);
    }
    room_mark_dirty(file->room);
}

void file_post_entry(struct file *file, struct blob *message, uint64_t by, uint64_t n,
                     uint64_t version)
{
    struct buf *out = &file->room->registry->out;
    buf_reset(out);
    encode_ack(out, file->f, version, n);
    outbox_add(&file->outbox, blob_ref(message), blob_new(out->data, out->len), by);
    if (file->outbox.count == OUTBOX_MESSAGES)
        file_flush(file);
    file_mark_dirty(file);
}

void file_flush(struct file *file)
{
    file_deliver(file, &file->outbox, QUEUE_EDIT);
}

void file_deliver(struct file *file, struct outbox *outbox, enum queue_class class)
{
    if (outbox->count == 0)
        return;
    struct registry_counts *counts = &file->room->registry->counts;
    struct sub *sub, *next;
    LIST_EACH_SAFE(sub, &file->subs, of_file, next)
    {
        session_deliver(sub->session, outbox, class, file->f);
        counts->deliveries += outbox->count;
    }
    outbox_clear(outbox);
}

/* ---- loading ---- */

void file_read(struct file *file, uint64_t request, bool want_text, uint64_t after)
{
    struct room *room = file->room;
    struct state_ticket ticket = room_ticket(room, request);
    struct state_read read = {file->f, want_text, after};
    room->pending++;
    room->registry->state->ops->read(room->registry->state, &ticket, &read);
}

void file_read_whole(struct file *file)
{
    file->phase = FILE_LOADING;
    file->load_id = registry_id(file->room->registry);
    file->catchup.again = false;
    file_read(file, file->load_id, true, 0);
}

void file_retry_later(struct file *file)
{
    struct registry *registry = file->room->registry;
    registry->counts.retries++;
    if (file->is_retrying)
        return;
    file->is_retrying = true;
    file->retry_ms = registry->now_ms + backoff_ms(registry, file->tries++);
    TAILQ_INSERT_TAIL(&file->room->retries, file, retry);
}

void file_retry(struct file *file)
{
    file->is_retrying = false;
    TAILQ_REMOVE(&file->room->retries, file, retry);
    if (file->phase == FILE_LOADING && !file->load_id)
        file_read_whole(file);
    if (file->phase != FILE_OPEN)
        return;
    if (file->catchup.again)
        catchup_start(file);
    opens_serve(file);
    file_mark_dirty(file); /* a batch may wait */
}

/* Applies the entry; of edit, the change is not held. */
static enum err replay(struct file *file, struct blob *message, struct logged_edit *edit)
{
    struct error error = {ERR_OK, ""};
    if (decode_logged_edit(message->data, message->len, edit, &error))
        return ERR_INTERNAL;
    enum err code = ERR_INTERNAL;
    if (edit->f == file->f && edit->v == document_version(file->document) + 1 &&
        change_len_before(edit->change) == rope_utf16_len(document_rope(file->document)) &&
        !change_splits_pair(edit->change, document_rope(file->document))) {
        document_push(file->document, edit->change, edit->by, edit->n, message);
        authors_get(file, edit->by)->version = edit->v;
        code = ERR_OK;
    }
    change_unref(edit->change);
    return code;
}

enum err file_apply_logged(struct file *file, struct blob *message)
{
    struct logged_edit edit;
    enum err code = replay(file, message, &edit);
    if (code)
        return code;
    struct author *author = authors_get(file, edit.by);
    author->n = edit.n;
    if (author->n_taken < edit.n)
        author->n_taken = edit.n;
    file_post_entry(file, message, edit.by, edit.n, edit.v);
    if (edit.sel.count)
        presence_edited(file->room, file, edit.by, edit.v, &edit.sel);
    return ERR_OK;
}

static enum err load(struct file *file, const struct state_rows *rows)
{
    struct document_limits limits = {file->room->registry->config.limits.history, RING_BYTES};
    file->document =
        document_new(rope_new(rows->content, rows->content_len), rows->content_version, limits);
    struct logged_edit edit;
    for (size_t i = 0; i < rows->entry_count; i++)
        if (replay(file, rows->entries[i], &edit))
            return ERR_INTERNAL;
    if (document_version(file->document) != rows->version)
        return ERR_INTERNAL;
    for (size_t i = 0; i < rows->seen_count; i++) {
        struct author *author = authors_get(file, rows->seen[i].cid);
        author->n = author->n_taken = rows->seen[i].n;
#if WEFT_MUTANT == 4
        author->n = author->n_taken = 0;
#endif
    }
    file->rev = rows->rev;
    file->saved_version = rows->saved_version;
    file->checkpoint.version = rows->content_version;
    if (rows->eol)
        snprintf(file->eol, sizeof file->eol, "%s", rows->eol);
    return ERR_OK;
}

static enum err rows_error(enum state_result result)
{
    switch (result) {
    case STATE_OK:
        return ERR_OK;
    case STATE_BUSY:
        return ERR_BUSY;
    case STATE_GONE:
    case STATE_NO_FILE:
        return ERR_GONE;
    default:
        return ERR_INTERNAL;
    }
}

static void not_loaded(struct file *file, enum err code, const char *problem)
{
    if (code == ERR_INTERNAL)
        log_error("file cannot be loaded project=%s f=%" PRIu64 " problem=\"%s\"",
                  file->room->project, file->f, problem);
    forget_replica(file);
    file->phase = FILE_CLOSED;
    opens_refuse(file, code);
}

static void loaded(struct file *file, const struct state_rows *rows)
{
    file->load_id = 0;
    if (rows->result == STATE_BUSY && file->room->registry->state->is_shared) {
        file_retry_later(file);
        return;
    }
    enum err code = rows_error(rows->result);
    if (code == ERR_OK)
        code = load(file, rows);
    if (code != ERR_OK) {
        not_loaded(file, code, rows->problem ? rows->problem : "the log does not fit the text");
        return;
    }
    file->phase = FILE_OPEN;
    file->idle_ms = file->room->registry->now_ms;
    file->read_id = rows->request;
    file->tries = 0;
    if (rows->version > rows->saved_version)
        saver_changed(file->room); /* by a former run */
    if (file->catchup.again)
        catchup_start(file);
    opens_serve(file);
}

void file_rows(struct file *file, const struct state_rows *answer)
{
    if (room_upset(file->room, answer->result))
        return;
    if (answer->request == file->load_id)
        loaded(file, answer);
    else if (answer->request == file->catchup.id)
        catchup_rows(file, answer);
    else
        opens_missed(file, answer);
}

/* ---- the end ---- */

void file_reset(struct file *file)
{
    struct buf *out = &file->room->registry->out;
    batch_drop_all(file, ERR_STALE, "the file is read again");
    outbox_clear(&file->outbox);
    while (!TAILQ_EMPTY(&file->subs)) {
        struct sub *sub = TAILQ_FIRST(&file->subs);
        struct session *session = sub->session;
        session_unsubscribe(sub);
        buf_reset(out);
        encode_resync(out, file->f);
        session_push(session, blob_new(out->data, out->len), QUEUE_PLAIN, file->f);
    }
    give_up_replica(file);
    if (!TAILQ_EMPTY(&file->openers))
        file_read_whole(file);
}

void file_deleted(struct file *file)
{
    file_flush(file);
    file->phase = FILE_CLOSED;
    batch_drop_all(file, ERR_GONE, "the file was deleted");
    opens_refuse(file, ERR_GONE);
    while (!TAILQ_EMPTY(&file->subs))
        session_unsubscribe(TAILQ_FIRST(&file->subs));
    forget_replica(file);
}

static bool is_quiet(const struct file *file)
{
    return !file->batch && !file->catchup.id && !file->is_retrying && TAILQ_EMPTY(&file->openers) &&
           TAILQ_EMPTY(&file->waiting);
}

void file_close_if_quiet(struct file *file)
{
    const struct registry *registry = file->room->registry;
    if (!is_quiet(file) || document_version(file->document) > saver_version(file) ||
        (registry->state->is_shared && !registry->repository->is_shared))
        return;
    give_up_replica(file);
}
