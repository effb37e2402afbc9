/* Who waits for a file, and how it is answered: with the text, with the edits that were missed
 * since the version that the client has, or with the reason why not. An answer to a session waits
 * until its own edits are in the log, and until it has read what was sent to it before. */
#include "opens.h"
#include "catchup.h"
#include "edits.h"
#include "presence.h"
#include "query.h"
#include "room.h"
#include "root.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/mem.h"
#include "weft/text/path.h"
#include "weft/text/rope.h"
#include <stdlib.h>
#include <string.h>

#define OPEN_WAIT_MS 10000u /* for a shared state to answer */

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

void opens_refuse(struct file *file, enum err code)
{
    while (!TAILQ_EMPTY(&file->openers))
        refuse(file, TAILQ_FIRST(&file->openers), code);
}

void opens_fail_queries(struct file *file, enum err code)
{
    struct opener *opener, *next;
    LIST_EACH_SAFE(opener, &file->openers, link, next)
    if (opener->query)
        refuse(file, opener, code);
}

/* ---- answering ---- */

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
    opener->reading = registry_id(file->room->registry);
    session->is_reading = true;
    file_read(file, opener->reading, false, opener->v);
}

/* The text may be given where the replica has what was logged before this moment; else that is read
 * first, and the opener waits. */
static bool is_fresh(struct file *file, uint64_t since)
{
    if (catchup_is_fresh(file, since))
        return true;
    catchup_since(file, since);
    return false;
}

/* A text comes with the last number of the client's own edits. Under a cid that was used before,
 * that number must not be from before this connection, since when no other one can add to it. And a
 * version that is not here yet may be in the log. */
static bool may_have_text(struct file *file, const struct session *session,
                          const struct opener *opener, const char *reset)
{
    bool ahead = reset && strcmp(reset, "ahead") == 0;
    uint64_t since = session->resumed_id;
    return is_fresh(file, ahead && opener->asked > since ? opener->asked : since);
}

/* False where it must wait. */
static bool serve_text(struct file *file, struct session *session, const struct opener *opener,
                       const char *reset)
{
    if (!may_have_text(file, session, opener, reset))
        return false;
    answer_text(file, session, opener, reset);
    return true;
}

static bool serve_missed(struct file *file, struct session *session, struct opener *opener)
{
    if (opener->v < document_oldest(file->document)) {
        read_missed(file, session, opener);
        return false;
    }
    push_ring(file, session, opener->v);
    answer_synced(file, session, opener);
    return true;
}

/* What was posted earlier in this turn goes to those who had the file open, before anybody joins
 * them. */
static void serve_session(struct file *file, struct session *session, struct opener *opener)
{
    bool wants_text = !opener->has_v || opener->ep[0] == '\0';
    const char *reset = wants_text      ? NULL
                        : opener->reset ? opener->reset
                                        : resume_problem(file, opener);
    file_flush(file);
    if (wants_text || reset ? !serve_text(file, session, opener, reset)
                            : !serve_missed(file, session, opener))
        return;
    welcome_reader(file, session, opener);
    end_opener(file, opener);
}

static void serve(struct file *file, struct opener *opener)
{
    struct session *session = registry_session(file->room->registry, opener->session);
    if (opener->query) {
        if (!is_fresh(file, opener->asked))
            return;
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

void opens_serve(struct file *file)
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
    /* The log may be further than the replica, whose readers hear of that when it is. */
    uint64_t behind = document_version(file->document) - opener->v;
    size_t count = rows->entry_count < behind ? rows->entry_count : (size_t)behind;
    file_flush(file);
    for (size_t i = 0; i < count; i++)
        session_push(session, blob_ref(rows->entries[i]), QUEUE_PLAIN, file->f);
    opener->v += count;
    if (!serve_missed(file, session, opener)) /* so much was logged meanwhile */
        return;
    welcome_reader(file, session, opener);
    end_opener(file, opener);
}

static void missed(struct file *file, struct session *session, struct opener *opener,
                   const struct state_rows *rows)
{
    if (rows->result == STATE_BUSY && file->room->registry->state->is_shared) {
        file_retry_later(file);
    } else if (rows->result == STATE_OK && is_sendable(file, rows)) {
        answer_missed(file, session, opener, rows);
    } else {
        bool failed = rows->result != STATE_OK && rows->result != STATE_TRIMMED;
        opener->reset = failed ? "error" : "trimmed";
        serve_session(file, session, opener);
    }
}

void opens_missed(struct file *file, const struct state_rows *rows)
{
    struct opener *opener;
    TAILQ_FOREACH(opener, &file->openers, link)
    if (opener->reading == rows->request)
        break;
    if (!opener)
        return;
    struct session *session = registry_session(file->room->registry, opener->session);
    opener->reading = 0;
    if (session)
        session->is_reading = false;
    if (file->phase != FILE_OPEN)
        return; /* the file is read again, and serves it then */
    if (session)
        missed(file, session, opener, rows);
    else
        end_opener(file, opener);
}

/* ---- the list ---- */

void opens_add(struct file *file, struct opener *opener)
{
    struct registry *registry = file->room->registry;
    opener->asked = registry_id(registry);
    opener->until_ms = registry->now_ms + OPEN_WAIT_MS;
    TAILQ_INSERT_TAIL(&file->openers, opener, link);
    if (file->phase == FILE_CLOSED)
        file_read_whole(file);
    opens_serve(file);
}

/* Does it wait until its session has read what was sent before? */
static bool waits_for_reader(const struct file *file, const struct opener *opener)
{
    const struct session *session = registry_session(file->room->registry, opener->session);
    return file->phase == FILE_OPEN && session && session->is_stalled && session->queue.count;
}

void opens_expire(struct file *file, uint64_t now_ms)
{
    struct opener *opener, *next;
    LIST_EACH_SAFE(opener, &file->openers, link, next)
    {
        if (waits_for_reader(file, opener))
            opener->until_ms = now_ms + OPEN_WAIT_MS;
        else if (now_ms >= opener->until_ms)
            refuse(file, opener, ERR_BUSY);
    }
}

void opens_cancel(struct file *file, struct session *session)
{
    struct sub *sub = session_find_sub(session, file);
    if (sub)
        session_unsubscribe(sub);
    struct opener *opener;
    TAILQ_FOREACH(opener, &file->openers, link)
    if (session->opens && opener->session == session->id)
        opener->closed = true;
}
