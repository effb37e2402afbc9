#include "file.h"
#include "batch.h"
#include "edits.h"
#include "presence.h"
#include "query.h"
#include "room.h"
#include "root.h"
#include "saver.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/text/change.h"
#include "weft/text/path.h"
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
    struct map_iter iter = {0};
    while (map_next(&file->authors, &iter))
        free(iter.value);
    map_close(&file->authors);
    map_init(&file->authors);
    document_free(file->document);
    file->document = NULL;
    blob_unref(file->cached.message);
    file->cached.message = NULL;
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

/* It is answered, or nobody is there to hear it. */
static void end_opener(struct file *file, struct opener *opener)
{
    struct session *session = registry_session(file->room->registry, opener->session);
    TAILQ_REMOVE(&file->openers, opener, link);
    if (session) {
        session->opens--;
        session->is_reading &= !opener->reading;
    }
    free(opener);
}

/* Ends an opener that cannot be served any more. */
static void refuse(struct file *file, struct opener *opener, enum err code)
{
    if (opener->query) {
        query_file_ready(opener->query, NULL, code);
    } else {
        struct session *session = registry_session(file->room->registry, opener->session);
        struct error error = {ERR_OK, ""};
        if (session) {
            (void)error_set(&error, code, "%s", err_text(code));
            session_error(session, &error, &opener->q, file->f, 0, false);
        }
    }
    end_opener(file, opener);
}

static void refuse_all(struct file *file, enum err code)
{
    while (!TAILQ_EMPTY(&file->openers))
        refuse(file, TAILQ_FIRST(&file->openers), code);
}

void file_fail_queries(struct file *file, enum err code)
{
    struct opener *opener, *next;
    LIST_EACH_SAFE(opener, &file->openers, link, next)
    if (opener->query)
        refuse(file, opener, code);
}

void file_free(struct file *file)
{
    while (!TAILQ_EMPTY(&file->subs))
        session_unsubscribe(TAILQ_FIRST(&file->subs));
    refuse_all(file, ERR_BUSY);
    batch_drop_all(file, ERR_BUSY, "the project was closed");
    forget_replica(file);
    map_close(&file->authors);
    outbox_close(&file->outbox);
    outbox_close(&file->cursors);
    if (file->is_dirty)
        TAILQ_REMOVE(&file->room->dirty_files, file, dirty);
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

struct author *file_author(struct file *file, uint64_t cid)
{
    struct author *author = map_find(&file->authors, cid);
    if (!author) {
        author = mem_zalloc(sizeof *author);
        map_put(&file->authors, cid, author);
    }
    return author;
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

static void read_file(struct file *file, uint64_t request, bool want_text, uint64_t after)
{
    struct room *room = file->room;
    struct state_ticket ticket = room_ticket(room, request);
    struct state_read read = {file->f, want_text, after};
    room->pending++;
    room->registry->state->ops->read(room->registry->state, &ticket, &read);
}

static void read_whole(struct file *file)
{
    file->phase = FILE_LOADING;
    read_file(file, 0, true, 0);
}

void file_open(struct file *file, struct opener *opener)
{
    TAILQ_INSERT_TAIL(&file->openers, opener, link);
    if (file->phase == FILE_CLOSED)
        read_whole(file);
    file_serve_openers(file);
}

void file_close(struct file *file, struct session *session)
{
    struct sub *sub = session_find_sub(session, file);
    if (sub)
        session_unsubscribe(sub);
    struct opener *opener;
    TAILQ_FOREACH(opener, &file->openers, link)
    if (session->opens && opener->session == session->id)
        opener->closed = true;
}

static enum err replay(struct file *file, struct blob *message)
{
    struct logged_edit edit;
    struct error error = {ERR_OK, ""};
    if (decode_logged_edit(message->data, message->len, &edit, &error))
        return ERR_INTERNAL;
    enum err code = ERR_INTERNAL;
    if (edit.v == document_version(file->document) + 1 &&
        change_len_before(edit.change) == rope_utf16_len(document_rope(file->document)) &&
        !change_splits_pair(edit.change, document_rope(file->document))) {
        document_push(file->document, edit.change, edit.by, edit.n, message);
        file_author(file, edit.by)->version = edit.v;
        code = ERR_OK;
    }
    change_unref(edit.change);
    return code;
}

enum err file_apply_logged(struct file *file, struct blob *message)
{
    enum err code = replay(file, message);
    if (code)
        return code;
    const struct document_entry *entry =
        document_entry(file->document, document_version(file->document));
    struct author *author = file_author(file, entry->by);
    author->n = entry->n;
    if (author->n_taken < entry->n)
        author->n_taken = entry->n;
    file_post_entry(file, message, entry->by, entry->n, entry->version);
    return ERR_OK;
}

static enum err load(struct file *file, const struct state_rows *rows)
{
    struct document_limits limits = {file->room->registry->config.limits.history, RING_BYTES};
    file->document =
        document_new(rope_new(rows->content, rows->content_len), rows->content_version, limits);
    for (size_t i = 0; i < rows->entry_count; i++)
        if (replay(file, rows->entries[i]))
            return ERR_INTERNAL;
    if (document_version(file->document) != rows->version)
        return ERR_INTERNAL;
    for (size_t i = 0; i < rows->seen_count; i++) {
        struct author *author = file_author(file, rows->seen[i].cid);
        author->n = author->n_taken = rows->seen[i].n;
    }
    file->rev = rows->rev;
    file->saved_version = rows->saved_version;
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

static void loaded(struct file *file, const struct state_rows *rows)
{
    if (file->phase != FILE_LOADING)
        return;
    enum err code = rows_error(rows->result);
    if (code == ERR_OK)
        code = load(file, rows);
    if (code != ERR_OK) {
        if (code == ERR_INTERNAL)
            log_error("file cannot be loaded project=%s f=%" PRIu64 " problem=\"%s\"",
                      file->room->project, file->f,
                      rows->problem ? rows->problem : "the log does not fit the text");
        forget_replica(file);
        file->phase = FILE_CLOSED;
        refuse_all(file, code);
        return;
    }
    file->phase = FILE_OPEN;
    file->idle_ms = file->room->registry->now_ms;
    if (rows->version > rows->saved_version)
        saver_changed(file->room); /* by a former run */
    file_serve_openers(file);
}

/* ---- answering open ---- */

static void push_text(struct session *session, struct buf *out, enum queue_class class, uint64_t f)
{
    session_push(session, blob_new(out->data, out->len), class, f);
    buf_reset(out);
}

/* The snapshot as a new reader gets it is made once per version and shared by all of them. */
static struct blob *snapshot(struct file *file, const struct snapshot *head)
{
    bool plain = head->n == 0 && !head->reset && (!head->q || head->q->json[0] == '\0');
    if (plain && file->cached.message && file->cached.v == head->v && file->cached.s == head->s)
        return blob_ref(file->cached.message);
    struct buf out = BUF_EMPTY;
    blob_begin(&out);
    buf_reserve(&out, rope_len(document_rope(file->document)) + PATH_LEN_MAX);
    encode_file(&out, head, document_rope(file->document));
    struct blob *message = blob_take(&out);
    if (plain) {
        blob_unref(file->cached.message);
        file->cached.message = blob_ref(message);
        file->cached.v = head->v;
        file->cached.s = head->s;
    }
    return message;
}

static void answer_text(struct file *file, struct session *session, const struct opener *opener,
                        const char *reset)
{
    const struct author *author = map_find(&file->authors, session->cid);
    struct snapshot head = {.f = file->f,
                            .v = document_version(file->document),
                            .n = author ? author->n : 0,
                            .s = file->saved_version,
                            .len = rope_utf16_len(document_rope(file->document)),
                            .path = file->path,
                            .ep = file->room->epoch,
                            .reset = reset,
                            .q = &opener->q};
    session_push(session, snapshot(file, &head), QUEUE_SNAPSHOT, file->f);
}

static void answer_synced(struct file *file, struct session *session, const struct opener *opener)
{
    const struct author *author = map_find(&file->authors, session->cid);
    struct buf *out = &session->registry->out;
    buf_reset(out);
    encode_synced(out, &opener->q, file->f, document_version(file->document),
                  author ? author->n : 0, file->saved_version);
    push_text(session, out, QUEUE_PLAIN, 0);
}

static void push_ring(struct file *file, struct session *session, uint64_t after)
{
    for (uint64_t v = after + 1; v <= document_version(file->document); v++)
        session_push(session, blob_ref(document_entry(file->document, v)->message), QUEUE_PLAIN,
                     file->f);
}

static void welcome_reader(struct file *file, struct session *session, const struct opener *opener)
{
    if (session->phase != SESSION_LIVE || opener->closed)
        return;
    session_subscribe(session, file);
    presence_show(session, file);
}

/* Why the version that the client has cannot be resumed, or NULL. */
static const char *resume_problem(const struct file *file, const struct opener *opener)
{
    if (strcmp(opener->ep, file->room->epoch) != 0)
        return "epoch";
    if (opener->v > document_version(file->document))
        return "ahead";
    return NULL;
}

static void read_missed(struct file *file, struct session *session, struct opener *opener)
{
    opener->reading = session->is_reading = true;
    read_file(file, opener->session, false, opener->v);
}

/* What was posted earlier in this turn goes to those who had the file open, before anybody joins
 * them. */
static void serve_session(struct file *file, struct session *session, struct opener *opener)
{
    file_flush(file);
    if (!opener->has_v || opener->ep[0] == '\0') {
        answer_text(file, session, opener, NULL);
    } else if (resume_problem(file, opener)) {
        answer_text(file, session, opener, resume_problem(file, opener));
    } else if (opener->v >= document_oldest(file->document)) {
        push_ring(file, session, opener->v);
        answer_synced(file, session, opener);
    } else {
        read_missed(file, session, opener);
        return;
    }
    welcome_reader(file, session, opener);
    end_opener(file, opener);
}

static void serve(struct file *file, struct opener *opener)
{
    struct session *session = registry_session(file->room->registry, opener->session);
    if (opener->query) {
        query_file_ready(opener->query, file, ERR_OK);
        end_opener(file, opener);
    } else if (!session) {
        end_opener(file, opener);
    } else if (!opener->reading && !edits_waiting(file, session->cid) &&
               session_has_room(session)) {
        /* Its own edits are in the log: n in the answer is the truth, whatever the client does with
         * it. */
        serve_session(file, session, opener);
    }
}

void file_serve_openers(struct file *file)
{
    if (file->phase != FILE_OPEN)
        return;
    struct opener *opener, *next, *last = TAILQ_LAST(&file->openers, opener_list);
    LIST_EACH_SAFE(opener, &file->openers, link, next)
    {
        bool is_last = opener == last;
        serve(file, opener);
        if (is_last)
            break;
    }
}

/* May a reader be given these entries and then what the replica holds? More than its queue would
 * close it, and again when it comes back; then the text is less. */
static bool is_sendable(const struct file *file, const struct state_rows *rows)
{
    size_t bytes = 0;
    for (size_t i = 0; i < rows->entry_count; i++)
        bytes += rows->entries[i]->len;
    return bytes > 0 && bytes < file->room->registry->config.limits.queue / 2;
}

/* The older part of what a client missed, then what the replica holds. */
static void answer_missed(struct file *file, struct session *session, struct opener *opener,
                          const struct state_rows *rows)
{
    file_flush(file);
    if (rows->result != STATE_OK || !is_sendable(file, rows)) {
        bool failed = rows->result != STATE_OK && rows->result != STATE_TRIMMED;
        answer_text(file, session, opener, failed ? "error" : "trimmed");
    } else {
        /* The log may be further than the replica, whose readers hear of that when it is. */
        uint64_t behind = document_version(file->document) - opener->v;
        size_t count = rows->entry_count < behind ? rows->entry_count : (size_t)behind;
        for (size_t i = 0; i < count; i++)
            session_push(session, blob_ref(rows->entries[i]), QUEUE_PLAIN, file->f);
        opener->v += count;
        if (opener->v < document_oldest(file->document)) {
            read_missed(file, session, opener); /* so much was logged meanwhile */
            return;
        }
        push_ring(file, session, opener->v);
        answer_synced(file, session, opener);
    }
    welcome_reader(file, session, opener);
    end_opener(file, opener);
}

static void missed(struct file *file, const struct state_rows *rows)
{
    struct opener *opener;
    TAILQ_FOREACH(opener, &file->openers, link)
    if (opener->reading && opener->session == rows->request)
        break;
    if (!opener)
        return;
    struct session *session = registry_session(file->room->registry, opener->session);
    opener->reading = false;
    if (session)
        session->is_reading = false;
    if (file->phase != FILE_OPEN)
        return; /* the file is read again, and serves it then */
    if (session)
        answer_missed(file, session, opener, rows);
    else
        end_opener(file, opener);
}

void file_rows(struct file *file, const struct state_rows *answer)
{
    if (answer->result == STATE_EPOCH)
        room_end(file->room, 4503, "the project has a new epoch");
    else if (answer->request == 0)
        loaded(file, answer);
    else
        missed(file, answer);
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
        push_text(session, out, QUEUE_PLAIN, file->f);
    }
    give_up_replica(file);
    if (!TAILQ_EMPTY(&file->openers))
        read_whole(file);
}

void file_deleted(struct file *file)
{
    file_flush(file);
    file->phase = FILE_CLOSED;
    batch_drop_all(file, ERR_GONE, "the file was deleted");
    refuse_all(file, ERR_GONE);
    while (!TAILQ_EMPTY(&file->subs))
        session_unsubscribe(TAILQ_FIRST(&file->subs));
    forget_replica(file);
}

void file_close_if_quiet(struct file *file)
{
    if (file->batch || !TAILQ_EMPTY(&file->openers) || !TAILQ_EMPTY(&file->waiting) ||
        document_version(file->document) > file->saved_version)
        return;
    give_up_replica(file);
}
