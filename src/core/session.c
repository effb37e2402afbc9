#include "session.h"
#include "file.h"
#include "hello.h"
#include "outbox.h"
#include "people.h"
#include "room.h"
#include "root.h"
#include "weft/base/blob.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/core/transport.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MESSAGES 256 /* most messages in one array to a client */

static struct rate error_rate(const struct registry *registry)
{
    uint32_t per_minute = registry->config.limits.errors;
    return (struct rate){per_minute / 60 + 1, per_minute};
}

struct session *session_new(struct registry *registry, struct conn *conn, const char *remote,
                            uint64_t now_ms)
{
    struct session *session = mem_zalloc(sizeof *session);
    session->registry = registry;
    session->conn = conn;
    session->id = registry_id(registry);
    session->connected_ms = session->heard_ms = now_ms;
    session->remote = mem_strdup(remote);
    for (int i = 0; i < RATE_COUNT; i++)
        bucket_init(&session->buckets[i], registry->config.rates[i], now_ms);
    bucket_init(&session->errors, error_rate(registry), now_ms);
    TAILQ_INIT(&session->subs);
    queue_init(&session->queue);
    return session;
}

void session_forget_greeting(struct session *session)
{
    if (!session->greeting)
        return;
    waiting_stop(&session->greeting->wait);
    free(session->greeting->template);
    free(session->greeting->ep);
    buf_close(&session->greeting->kept);
    free(session->greeting);
    session->greeting = NULL;
}

void session_free(struct session *session)
{
    session_forget_greeting(session);
    person_unref(session->person);
    free(session->remote);
    queue_close(&session->queue);
    free(session);
}

const char *session_label(const struct session *session, char *out, size_t size)
{
    char name[80];
    snprintf(out, size, "session=%" PRIu64 " name=%s project=%s", session->id,
             log_quote(name, sizeof name, session->person ? session->person->name : ""),
             session->room ? session->room->project : "-");
    return out;
}

struct sub *session_find_sub(const struct session *session, const struct file *file)
{
    struct sub *sub;
    TAILQ_FOREACH(sub, &session->subs, of_session)
    if (sub->file == file)
        return sub;
    return NULL;
}

struct sub *session_subscribe(struct session *session, struct file *file)
{
    struct sub *sub = session_find_sub(session, file);
    if (sub)
        return sub;
    sub = mem_zalloc(sizeof *sub);
    sub->session = session;
    sub->file = file;
    TAILQ_INSERT_TAIL(&session->subs, sub, of_session);
    TAILQ_INSERT_TAIL(&file->subs, sub, of_file);
    session->sub_count++;
    file->sub_count++;
    return sub;
}

void session_unsubscribe(struct sub *sub)
{
    struct file *file = sub->file;
    TAILQ_REMOVE(&sub->session->subs, sub, of_session);
    TAILQ_REMOVE(&file->subs, sub, of_file);
    sub->session->sub_count--;
    if (--file->sub_count == 0)
        file->idle_ms = sub->session->registry->now_ms;
    free(sub);
}

static void mark_dirty(struct session *session)
{
    if (session->is_dirty || session->is_choked)
        return;
    session->is_dirty = true;
    TAILQ_INSERT_TAIL(&session->registry->dirty_sessions, session, dirty);
}

/* The edits of one file are dropped; the client opens it again when it has caught up. */
static void drop_edits(struct session *session, uint64_t f)
{
    struct registry *registry = session->registry;
    queue_drop(&session->queue, QUEUE_EDIT, f);
    struct file *file = room_file(session->room, f);
    struct sub *sub = file ? session_find_sub(session, file) : NULL;
    if (sub)
        session_unsubscribe(sub);
    struct buf out = BUF_EMPTY;
    encode_resync(&out, f);
    struct blob *notice = blob_new(out.data, out.len);
    buf_close(&out);
    queue_push(&session->queue, notice, QUEUE_PLAIN, f);
    blob_unref(notice);
    registry->counts.resyncs++;
}

/* A slow reader costs bounded memory: presence goes first, then edits, then the reader. */
static void shed(struct session *session)
{
#if WEFT_MUTANT == 8
    return;
#endif
    struct registry *registry = session->registry;
    const struct limits *limits = &registry->config.limits;
    struct queue *queue = &session->queue;
    if (queue->bytes > limits->queue_presence)
        registry->counts.presence_dropped += queue_drop(queue, QUEUE_PRESENCE, 0);
    for (uint64_t f; queue->bytes > limits->queue_edits && (f = queue_edit_file(queue)) != 0;)
        drop_edits(session, f);
    if (queue->bytes > limits->queue ||
        queue->snapshot_bytes > (size_t)limits->queue + 2 * (size_t)limits->text) {
        registry->counts.slow_closed++;
        session_close(session, 4508, "reading too slowly");
    }
}

void session_push(struct session *session, struct blob *message, enum queue_class class, uint64_t f)
{
    if (session->phase == SESSION_CLOSING) {
        blob_unref(message);
        return;
    }
    queue_push(&session->queue, message, class, f);
    blob_unref(message);
    mark_dirty(session);
    if (session->is_choked)
        shed(session);
    else if (session->queue.bytes > session->registry->config.limits.queue)
        session_flush(session); /* nobody's answers of one turn may fill the memory */
}

/* To the socket at once where nothing stands before it. Takes the reference. */
static void give(struct session *session, struct blob *message, enum queue_class class, uint64_t f)
{
    bool is_first =
        session->phase == SESSION_LIVE && !session->is_choked && session->queue.count == 0;
    if (is_first && conn_write(session->conn, message)) {
        session->registry->counts.frames_out++;
        blob_unref(message);
    } else {
        session_push(session, message, class, f);
    }
}

void session_deliver(struct session *session, struct outbox *outbox, enum queue_class class,
                     uint64_t f)
{
    struct blob *message = outbox_has_author(outbox, session->cid)
                               ? outbox_for_author(outbox, session->cid)
                               : blob_ref(outbox_all(outbox));
    if (message)
        give(session, message, class, f);
}

void session_deliver_from(struct session *session, struct outbox *outbox, size_t from,
                          enum queue_class class, uint64_t f)
{
    if (from == 0) {
        session_deliver(session, outbox, class, f);
        return;
    }
    struct blob *message = outbox_from(outbox, from, session->cid);
    if (message)
        give(session, message, class, f);
}

void session_push_buf(struct session *session, struct buf *out)
{
    session_push(session, blob_new(out->data, out->len), QUEUE_PLAIN, 0);
    buf_reset(out);
}

static void push_error(struct session *session, const struct error *error,
                       const struct request_id *q, uint64_t f, uint64_t n, bool fatal)
{
    struct registry *registry = session->registry;
    registry->counts.refused++;
    registry->counts.errors[error->code]++;
    struct buf *out = &registry->out;
    buf_reset(out);
    encode_error(out, error, q, f, n, fatal);
    session_push_buf(session, out);
}

void session_refuse(struct session *session, const struct error *error, const struct request_id *q,
                    int close_code)
{
    if (session->phase == SESSION_CLOSING)
        return;
    push_error(session, error, q, 0, 0, true);
    session_close(session, close_code, error->text);
}

void session_error(struct session *session, const struct error *error, const struct request_id *q,
                   uint64_t f, uint64_t n, bool fatal)
{
    struct registry *registry = session->registry;
    int code = err_close_code(error->code);
    if (session->phase == SESSION_CLOSING)
        return;
    push_error(session, error, q, f, n, fatal);
    if (fatal) {
        session_close(session, code ? code : 4503, error->text);
    } else if (!bucket_take(&session->errors, error_rate(registry), registry->now_ms, 1)) {
        session_close(session, 4529, "too many refused messages");
    }
}

void session_flush(struct session *session)
{
    struct queue *queue = &session->queue;
    while (queue->count && !session->is_choked) {
        uint32_t taken;
        struct blob *frame = queue_join(queue, FRAME_MESSAGES, &taken);
        if (conn_write(session->conn, frame)) {
            queue_shift(queue, taken);
            session->registry->counts.frames_out++;
        } else {
            session->is_choked = true;
            conn_want_write(session->conn);
        }
        blob_unref(frame);
    }
    if (session->is_choked && session->phase != SESSION_CLOSING)
        shed(session);
}

bool session_has_room(struct session *session)
{
    const struct queue *queue = &session->queue;
    if (!session->is_reading &&
        queue->bytes + queue->snapshot_bytes < session->registry->config.limits.queue_edits)
        return true;
    session->is_stalled = true;
    return false;
}

void session_go_on(struct session *session)
{
    if (!session->is_stalled || session->queue.count || session->phase != SESSION_LIVE)
        return;
    session->is_stalled = false;
    room_serve_openers(session->room);
}

static void log_end(const struct session *session, int code, const char *reason)
{
    char label[256], why[200];
    log_info("session closed %s code=%d reason=%s age_ms=%" PRIu64 " remote=%s",
             session_label(session, label, sizeof label), code, log_quote(why, sizeof why, reason),
             session->registry->now_ms - session->connected_ms, session->remote);
}

/* Out of its room and its files; what its cid has waiting still goes into the log. */
static void detach(struct session *session)
{
    while (!TAILQ_EMPTY(&session->subs))
        session_unsubscribe(TAILQ_FIRST(&session->subs));
    if (session->member)
        people_leave(session->room, session);
    else if (session->greeting)
        hello_left(session);
    session_forget_greeting(session);
    session->room = NULL;
}

void session_close(struct session *session, int code, const char *reason)
{
    if (session->phase == SESSION_CLOSING)
        return;
    log_end(session, code, reason);
    if (!session->is_choked)
        session_flush(session);
    session->phase = SESSION_CLOSING;
    detach(session);
    queue_close(&session->queue);
    conn_close(session->conn, code, reason);
}

void session_writable(struct session *session)
{
    session->is_choked = false;
    session_flush(session);
    session_go_on(session);
}

void session_alive(struct session *session, uint64_t now_ms)
{
    session->heard_ms = now_ms;
}

void session_disconnected(struct session *session, int code, const char *reason, uint64_t now_ms)
{
    struct registry *registry = session->registry;
    registry->now_ms = now_ms;
    if (session->phase != SESSION_CLOSING) {
        log_end(session, code, reason);
        session->phase = SESSION_CLOSING;
        detach(session);
    }
    if (session->is_dirty)
        TAILQ_REMOVE(&registry->dirty_sessions, session, dirty);
    TAILQ_REMOVE(&registry->sessions, session, link);
    registry->session_count--;
    map_remove(&registry->session_by_id, session->id);
    session_free(session);
}
