#include "dispatch.h"
#include "edits.h"
#include "hello.h"
#include "jobs.h"
#include "opens.h"
#include "presence.h"
#include "root.h"
#include "tree.h"
#include "weft/base/blob.h"
#include "weft/base/mem.h"
#include "weft/text/change.h"
#include "weft/text/path.h"
#include "weft/text/rope.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_BYTES 65536u /* of frames while a session is joining */
#define TOKEN_PARTS 100u  /* an edit counts as one message more for each so many parts */

static enum err on_hello(struct session *session, const struct message *message,
                         struct error *error)
{
    (void)session;
    (void)message;
    return error_set(error, ERR_BAD_MESSAGE, "hello was said already");
}

static enum err on_ping(struct session *session, const struct message *message, struct error *error)
{
    (void)error;
    struct registry *registry = session->registry;
    buf_reset(&registry->out);
    encode_pong(&registry->out, message->u.ping.ts, registry->wall_ms);
    session_push_buf(session, &registry->out);
    return ERR_OK;
}

static enum err on_list(struct session *session, const struct message *message, struct error *error)
{
    (void)error;
    struct registry *registry = session->registry;
    struct room *room = session->room; /* flushing may close a slow session, which leaves it */
    size_t count;
    struct file_info *files = room_list(room, &count);
    room_flush(room);
    buf_reset(&registry->out);
    encode_files(&registry->out, &message->q, room->e, files, count);
    session_push_buf(session, &registry->out);
    free(files);
    return ERR_OK;
}

static enum err find_file(const struct session *session, uint64_t f, struct file **out,
                          struct error *error)
{
    *out = room_file(session->room, f);
    return *out ? ERR_OK : room_no_file(session->room, f, error);
}

static enum err find_by_path(const struct session *session, struct text path, struct file **out,
                             struct error *error)
{
    enum err code = path_check(path.text, path.len, error);
    if (code)
        return code;
    *out = room_file_at(session->room, path.text, path.len);
    return *out ? ERR_OK : error_set(error, ERR_NO_FILE, "%s", err_text(ERR_NO_FILE));
}

static enum err on_open(struct session *session, const struct message *message, struct error *error)
{
    struct file *file;
    struct text path = message->u.open.path;
    enum err code = path.text ? find_by_path(session, path, &file, error)
                              : find_file(session, message->f, &file, error);
    if (code)
        return code;
    uint32_t most = session->registry->config.limits.open_files;
    if (session->opens >= most ||
        (session->sub_count + session->opens >= most && !session_find_sub(session, file)))
        return error_set(error, ERR_TOO_MANY, "a session has at most %u files open", most);
    session->opens++;
    struct opener *opener = mem_zalloc(sizeof *opener);
    opener->session = session->id;
    opener->q = message->q;
    opener->has_v = message->u.open.has_v;
    opener->v = message->u.open.v;
    if (message->u.open.ep.text)
        snprintf(opener->ep, sizeof opener->ep, "%s", message->u.open.ep.text);
    opens_add(file, opener);
    return ERR_OK;
}

static enum err on_close(struct session *session, const struct message *message,
                         struct error *error)
{
    (void)error;
    struct file *file = room_file(session->room, message->f);
    if (file)
        opens_cancel(file, session);
    return ERR_OK;
}

static enum err find_open(const struct session *session, uint64_t f, struct file **out,
                          struct error *error)
{
    enum err code = find_file(session, f, out, error);
    if (code)
        return code;
    return session_find_sub(session, *out)
               ? ERR_OK
               : error_set(error, ERR_NOT_OPEN, "%s", err_text(ERR_NOT_OPEN));
}

/* What an edit costs everybody is in its parts. */
static enum err take_parts(struct session *session, const struct message *message,
                           struct error *error)
{
    struct rate rate = session->registry->config.rates[RATE_edit];
    size_t parts = 0;
    for (size_t i = 0; i < message->u.edit.count; i++)
        parts += change_parts(message->u.edit.changes[i]);
    if (bucket_take(&session->buckets[RATE_edit], rate, session->registry->now_ms,
                    parts / TOKEN_PARTS))
        return ERR_OK;
    return error_set(error, ERR_RATE, "more than %u parts of change sets a second",
                     rate.per_s * TOKEN_PARTS);
}

static enum err on_edit(struct session *session, const struct message *message, struct error *error)
{
    struct file *file;
    enum err code = find_open(session, message->f, &file, error);
    if (code || (code = take_parts(session, message, error)))
        return code;
    return edits_accept(session, file, message, error);
}

static enum err on_cursor(struct session *session, const struct message *message,
                          struct error *error)
{
    struct file *file = NULL;
    enum err code = message->f ? find_open(session, message->f, &file, error) : ERR_OK;
    if (code)
        return code;
    presence_move(session, file, message->u.cursor.v, message->u.cursor.sel);
    return ERR_OK;
}

static enum err on_check(struct session *session, const struct message *message,
                         struct error *error)
{
    struct file *file;
    enum err code = find_open(session, message->f, &file, error);
    if (code)
        return code;
    struct registry *registry = session->registry;
    file_flush(file);
    buf_reset(&registry->out);
    encode_check(&registry->out, &message->q, file->f, document_version(file->document),
                 rope_utf16_len(document_rope(file->document)), document_crc(file->document));
    session_push_buf(session, &registry->out);
    return ERR_OK;
}

static const struct {
    enum err (*handle)(struct session *session, const struct message *message, struct error *error);
    enum rate_kind rate;
} handlers[MESSAGE_TYPES] = {
    [MESSAGE_HELLO] = {on_hello, RATE_other},     [MESSAGE_PING] = {on_ping, RATE_other},
    [MESSAGE_LIST] = {on_list, RATE_open},        [MESSAGE_OPEN] = {on_open, RATE_open},
    [MESSAGE_CLOSE] = {on_close, RATE_open},      [MESSAGE_CREATE] = {tree_create, RATE_fs},
    [MESSAGE_RENAME] = {tree_rename, RATE_fs},    [MESSAGE_DELETE] = {tree_delete, RATE_fs},
    [MESSAGE_EDIT] = {on_edit, RATE_edit},        [MESSAGE_CURSOR] = {on_cursor, RATE_cursor},
    [MESSAGE_CHECK] = {on_check, RATE_check},     [MESSAGE_RUN] = {jobs_run, RATE_run},
    [MESSAGE_CANCEL] = {jobs_cancel, RATE_other},
};

static void answer_error(struct session *session, const struct message *message,
                         const struct error *error)
{
    struct file *file = message->type == MESSAGE_EDIT ? room_file(session->room, message->f) : NULL;
    if (file)
        file_flush(file); /* its earlier acks go first */
    session_error(session, error, &message->q, message->f, message->n, false);
    if (!file || session->phase == SESSION_CLOSING)
        return;
    /* After an error on an edit the file is unsubscribed until it is opened again. */
    struct sub *sub = session_find_sub(session, file);
    if (sub)
        session_unsubscribe(sub);
}

static void handle_live(struct session *session, const struct message *message, struct error *error)
{
    struct registry *registry = session->registry;
    enum rate_kind rate = handlers[message->type].rate;
    enum err code = ERR_OK;
    if (!bucket_take(&session->buckets[rate], registry->config.rates[rate], registry->now_ms, 1))
        code = error_set(error, ERR_RATE, "more than %u %s messages a second",
                         registry->config.rates[rate].per_s, rate_name(rate));
    if (code == ERR_OK)
        code = handlers[message->type].handle(session, message, error);
    if (code)
        answer_error(session, message, error);
}

static void refuse_greeting(struct session *session, const struct error *error)
{
    session_refuse(session, error, NULL, 4400);
}

static void handle_first(struct session *session, const struct message *message, enum err code,
                         const struct error *error)
{
    if (code)
        refuse_greeting(session, error);
    else if (message->type != MESSAGE_HELLO)
        refuse_greeting(session, &(struct error){ERR_BAD_MESSAGE, "say hello first"});
    else
        hello_receive(session, message);
}

static void keep(struct session *session, const char *data, size_t len, size_t skip)
{
    uint32_t head[2] = {(uint32_t)len, (uint32_t)skip};
    struct buf *kept = &session->greeting->kept;
    if (kept->len + sizeof head + len > KEPT_BYTES) {
        session_close(session, 1009, "too much before welcome");
        return;
    }
    buf_add(kept, head, sizeof head);
    buf_add(kept, data, len);
}

static void refuse_frame(struct session *session, const struct error *error)
{
    if (session->phase == SESSION_NEW) {
        refuse_greeting(session, error);
        return;
    }
    session_error(session, error, NULL, 0, 0, false);
}

/* Parsing a large frame takes milliseconds, so who sends many of them is slowed before it. */
static bool take_bytes(struct session *session, size_t len)
{
    struct registry *registry = session->registry;
    struct rate rate = registry->config.rates[RATE_bytes];
    if (bucket_take(&session->buckets[RATE_bytes], rate, registry->now_ms, len))
        return true;
    struct error error = {ERR_OK, ""};
    (void)error_set(&error, ERR_RATE, "more than %u bytes a second", rate.per_s);
    session_error(session, &error, NULL, 0, 0, false);
    return false;
}

/* The messages of one frame from skip on. */
static void handle_frame(struct session *session, const char *data, size_t len, size_t skip)
{
    struct decoder *decoder = session->registry->decoder;
    struct error error = {ERR_OK, ""};
    size_t count;
    if (decoder_frame(decoder, data, len, &count, &error)) {
        refuse_frame(session, &error);
        return;
    }
    for (size_t i = skip; i < count && session->phase != SESSION_CLOSING; i++) {
        if (session->phase == SESSION_JOINING) {
            keep(session, data, len, i);
            return;
        }
        struct message message;
        error_clear(&error);
        enum err code = decoder_message(decoder, i, &message, &error);
        if (session->phase == SESSION_NEW)
            handle_first(session, &message, code, &error);
        else if (code)
            answer_error(session, &message, &error);
        else
            handle_live(session, &message, &error);
    }
}

void session_receive(struct session *session, const char *data, size_t len, uint64_t now_ms)
{
    struct registry *registry = session->registry;
    const struct limits *limits = &registry->config.limits;
    registry->now_ms = now_ms;
    registry->counts.frames_in++;
    session->heard_ms = now_ms;
    if (session->phase == SESSION_CLOSING)
        return;
    if (len > (session->phase == SESSION_LIVE ? limits->frame : limits->hello_frame))
        session_close(session, 1009, "the frame is too large");
    else if (session->phase == SESSION_JOINING)
        keep(session, data, len, 0);
    else if (take_bytes(session, len))
        handle_frame(session, data, len, 0);
}

void dispatch_kept(struct session *session)
{
    struct buf kept = session->greeting->kept;
    session->greeting->kept = (struct buf)BUF_EMPTY;
    session_forget_greeting(session);
    for (size_t at = 0; at < kept.len && session->phase == SESSION_LIVE;) {
        uint32_t head[2];
        memcpy(head, kept.data + at, sizeof head);
        at += sizeof head;
        handle_frame(session, kept.data + at, head[0], head[1]);
        at += head[0];
    }
    buf_close(&kept);
}
