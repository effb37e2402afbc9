#include "tree.h"
#include "backoff.h"
#include "poll.h"
#include "root.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/text/lines.h"
#include "weft/text/path.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HINTS_MS                                                                                   \
    20u /* from a read that was made for a hint in vain to the next one; see catchup.c */

struct tree_request {
    TAILQ_ENTRY(tree_request) link;
    uint64_t id, session;
    struct request_id q;
    struct state_tree tree; /* its texts are owned */
    uint64_t utf16_len;     /* of a created file */
    unsigned failures;
    uint64_t retry_ms; /* nobody knows what became of it: asked again then; 0 = no */
    uint64_t done_e;   /* it was done, by this event, which is not here yet; 0 = no */
    uint64_t done_f;
};

static void request_free(struct tree_request *request)
{
    free((char *)request->tree.from);
    free((char *)request->tree.path);
    free((char *)request->tree.text);
    free((char *)request->tree.eol);
    free(request);
}

static void end_request(struct room *room, struct tree_request *request)
{
    TAILQ_REMOVE(&room->tree_requests, request, link);
    request_free(request);
}

void tree_free_requests(struct room *room)
{
    while (!TAILQ_EMPTY(&room->tree_requests))
        end_request(room, TAILQ_FIRST(&room->tree_requests));
}

/* Asked again, it is the same request: the state knows it by its nonce. */
static void ask(struct room *room, const struct tree_request *request)
{
    struct state *state = room->registry->state;
    struct state_ticket ticket = room_ticket(room, request->id);
    room->pending++;
    state->ops->tree(state, &ticket, &request->tree);
}

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

/* Takes tree->text, and copies its other texts. */
static void begin(struct session *session, const struct message *message,
                  const struct state_tree *tree)
{
    struct registry *registry = session->registry;
    struct tree_request *request = mem_zalloc(sizeof *request);
    request->id = registry_id(registry);
    request->session = session->id;
    request->q = message->q;
    request->tree = *tree;
    request->tree.by = session->cid;
    request->tree.files_max = registry->config.limits.files;
    request->tree.from = copy(tree->from);
    request->tree.path = copy(tree->path);
    request->tree.eol = copy(tree->eol);
    if (tree->text)
        request->utf16_len = utf8_utf16_len(tree->text, tree->len);
    if (registry->state->is_shared)
        request->tree.nonce =
            1 + registry->config.random(registry->config.random_owner) % NUMBER_MAX;
    TAILQ_INSERT_TAIL(&session->room->tree_requests, request, link);
    ask(session->room, request);
}

enum err tree_create(struct session *session, const struct message *message, struct error *error)
{
    const struct limits *limits = &session->registry->config.limits;
    struct text path = message->u.create.path, text = message->u.create.text;
    enum err code = path_check(path.text, path.len, error);
    if (code)
        return code;
    if (text.len > limits->text)
        return error_set(error, ERR_TOO_BIG, "a file holds at most %u bytes", limits->text);
    if (session->room->text_bytes + text.len > limits->project_text)
        return error_set(error, ERR_TOO_BIG, "a project holds at most %u bytes",
                         limits->project_text);
    session->room->text_bytes += text.len; /* until it is counted again */
    struct state_tree tree = {.op = TREE_CREATE, .path = path.text};
    char *made = mem_strndup(text.text ? text.text : "", text.len);
    tree.len = lines_normalise(made, text.len, &tree.eol);
    tree.text = made;
    begin(session, message, &tree);
    return ERR_OK;
}

enum err tree_rename(struct session *session, const struct message *message, struct error *error)
{
    struct text path = message->u.rename.path, from = message->u.rename.from;
    bool folder = from.text != NULL;
    enum err code = folder ? path_check_folder(path.text, path.len, error)
                           : path_check(path.text, path.len, error);
    if (code == ERR_OK && folder)
        code = path_check_folder(from.text, from.len, error);
    if (code)
        return code;
    if (!folder && !room_file(session->room, message->f))
        return room_no_file(session->room, message->f, error);
    if (folder && path_in_folder(path.text, from.text))
        return error_set(error, ERR_BAD_PATH, "a folder cannot move into itself");
    begin(session, message,
          &(struct state_tree){
              .op = TREE_RENAME, .f = message->f, .from = from.text, .path = path.text});
    return ERR_OK;
}

enum err tree_delete(struct session *session, const struct message *message, struct error *error)
{
    struct text from = message->u.delete.from;
    if (from.text) {
        enum err code = path_check_folder(from.text, from.len, error);
        if (code)
            return code;
    } else if (!room_file(session->room, message->f)) {
        return room_no_file(session->room, message->f, error);
    }
    begin(session, message,
          &(struct state_tree){.op = TREE_DELETE, .f = message->f, .from = from.text});
    return ERR_OK;
}

/* ---- a change of the tree ---- */

struct made {
    uint64_t rev; /* 0 = one more than before */
    uint64_t utf16_len, size;
    const char *eol;
};

static void fill(struct file *file, const struct made *made)
{
    file->utf16_len = made->utf16_len;
    file->size = made->size;
    snprintf(file->eol, sizeof file->eol, "%s", made->eol);
}

static void apply(struct room *room, enum state_tree_op op, const struct fs_entry *entry,
                  const struct made *made)
{
    struct file *file = room_file(room, entry->f);
    if (op == TREE_CREATE && !file) {
        file = room_add_file(room, entry->f, entry->path);
        fill(file, made);
    } else if (op == TREE_RENAME && file) {
        room_rename_file(room, file, entry->path);
    } else if (op == TREE_DELETE && file) {
        room_remove_file(room, file);
        return;
    }
    if (file)
        file->rev = made->rev ? made->rev : file->rev + 1;
}

/* Takes message, the change as clients are told of it. */
static void applied(struct room *room, uint64_t e, struct blob *message)
{
    room->e = e;
    /* To its author too. */
    room_post(room, message, NULL, 0);
    room_flush(room);
}

/* ---- the answer ---- */

static struct tree_request *recall(const struct room *room, uint64_t id)
{
    struct tree_request *request;
    TAILQ_FOREACH(request, &room->tree_requests, link)
    if (request->id == id)
        break;
    return request;
}

static struct made made_by(const struct tree_request *request)
{
    if (!request || !request->tree.text)
        return (struct made){.eol = "\n"};
    return (struct made){
        .utf16_len = request->utf16_len, .size = request->tree.len, .eol = request->tree.eol};
}

static struct blob *encode(struct room *room, const struct state_treed *answer,
                           const struct fs_entry *entries)
{
    static const enum fs_op ops[] = {
        [TREE_CREATE] = FS_CREATE, [TREE_RENAME] = FS_RENAME, [TREE_DELETE] = FS_DELETE};
    struct fs_event event = {answer->e,      answer->by, ops[answer->op],
                             answer->folder, entries,    answer->entry_count};
    struct buf *out = &room->registry->out;
    buf_reset(out);
    encode_fs(out, &event);
    return blob_new(out->data, out->len);
}

static void apply_answer(struct room *room, const struct tree_request *request,
                         const struct state_treed *answer)
{
    struct fs_entry *entries = mem_realloc_array(NULL, answer->entry_count + 1, sizeof *entries);
    struct made made = made_by(request);
    for (size_t i = 0; i < answer->entry_count; i++) {
        entries[i] = (struct fs_entry){answer->entries[i].f, answer->entries[i].path};
        made.rev = answer->entries[i].rev;
        apply(room, answer->op, &entries[i], &made);
    }
    applied(room, answer->e, encode(room, answer, entries));
    free(entries);
}

static enum err answer_error(enum state_result result)
{
    switch (result) {
    case STATE_EXISTS:
        return ERR_EXISTS;
    case STATE_FULL:
        return ERR_TOO_MANY;
    case STATE_NO_FILE:
        return ERR_NO_FILE;
    case STATE_GONE:
        return ERR_GONE;
    case STATE_BUSY:
        return ERR_BUSY;
    default:
        return ERR_INTERNAL;
    }
}

/* Who asked, if still here. */
static struct session *asker(const struct room *room, const struct tree_request *request)
{
    struct session *session = request ? registry_session(room->registry, request->session) : NULL;
    return session && session->room == room ? session : NULL;
}

static void refuse(struct session *session, const struct tree_request *request,
                   enum state_result result)
{
    struct error error = {ERR_OK, ""};
    enum err code = answer_error(result);
    (void)error_set(&error, code, "%s", err_text(code));
    session_error(session, &error, &request->q, 0, 0, false);
}

static void say_ok(struct session *session, const struct tree_request *request, uint64_t f,
                   uint64_t e)
{
    bool created = request->tree.op == TREE_CREATE;
    struct buf *out = &session->registry->out;
    buf_reset(out);
    encode_ok(out, &request->q, created ? f : 0, created ? 0 : e);
    session_push_buf(session, out);
}

/* The request was done by event e, which is here. */
static void finish(struct room *room, struct tree_request *request, uint64_t f, uint64_t e)
{
    struct session *session = asker(room, request);
    struct file *file = request->tree.op == TREE_CREATE ? room_file(room, f) : NULL;
    if (file && file->phase == FILE_CLOSED && file->version == 0) {
        struct made made = made_by(request); /* the event need not have said it */
        fill(file, &made);
    }
    if (session)
        say_ok(session, request, f, e);
    end_request(room, request);
}

static void done(struct room *room, struct tree_request *request, const struct state_treed *answer)
{
    uint64_t f = answer->entry_count ? answer->entries[0].f : 0;
    if (!room->registry->state->is_shared || answer->e == room->e + 1)
        apply_answer(room, request, answer);
    if (!request)
        return;
    if (answer->e <= room->e) {
        finish(room, request, f, answer->e);
        return;
    }
    request->done_e = answer->e; /* others were first, and are to be heard of first */
    request->done_f = f;
    tree_catch_up(room);
}

/* False where it is not to be asked again. */
static bool ask_again(struct room *room, struct tree_request *request)
{
    struct registry *registry = room->registry;
    if (!registry->state->is_shared || room->phase != ROOM_READY || !asker(room, request))
        return false;
    registry->counts.retries++;
    request->retry_ms = registry->now_ms + backoff_ms(registry, request->failures++);
    return true;
}

void tree_answered(struct room *room, const struct state_treed *answer)
{
    struct tree_request *request = recall(room, answer->request);
    if (!room_upset(room, answer->result) && room->phase == ROOM_READY) {
        if (answer->result == STATE_OK) {
            done(room, request, answer);
            return;
        }
        if (answer->result == STATE_BUSY && request && ask_again(room, request))
            return;
    }
    struct session *session = asker(room, request);
    if (session)
        refuse(session, request, answer->result);
    if (request)
        end_request(room, request);
}

/* ---- shared states: the events after ours ---- */

static void read_events(struct room *room)
{
    struct state *state = room->registry->state;
    room->events.again = false;
    room->events.hinted = 0;
    room->events.retry_ms = 0;
    room->events.after = room->e;
    room->events.id = registry_id(room->registry);
    struct state_ticket ticket = room_ticket(room, room->events.id);
    room->pending++;
    state->ops->events(state, &ticket, room->e);
}

void tree_catch_up(struct room *room)
{
    if (room->events.id || room->events.retry_ms)
        room->events.again = true;
    else
        read_events(room);
}

void tree_hinted(struct room *room, uint64_t e)
{
    uint64_t now_ms = room->registry->now_ms;
    if (room->events.id) {
        if (room->events.hinted < e)
            room->events.hinted = e;
    } else if (now_ms >= room->events.due_ms) {
        room->events.due_ms = now_ms + HINTS_MS;
        tree_catch_up(room);
    } else {
        poll_want(room);
    }
}

static void apply_fs(struct room *room, uint64_t e, const struct relayed_fs *fs)
{
    static const enum state_tree_op ops[] = {
        [FS_CREATE] = TREE_CREATE, [FS_RENAME] = TREE_RENAME, [FS_DELETE] = TREE_DELETE};
    struct made made = {.utf16_len = fs->len, .size = fs->len, .eol = fs->eol};
    for (size_t i = 0; fs->event.e == e && i < fs->event.count; i++)
        apply(room, ops[fs->event.op], &fs->event.entries[i], &made);
}

/* An event that changes nothing here is only passed on. */
static void apply_event(struct room *room, uint64_t e, struct blob *message)
{
    struct relayed_fs fs;
    struct error error = {ERR_OK, ""};
    uint64_t number = 0;
    enum err code = decode_fs(message->data, message->len, &fs, &error);
    if (code == ERR_OK) {
        apply_fs(room, e, &fs);
        relayed_fs_close(&fs);
    } else if (code == ERR_UNKNOWN_TYPE) {
        error_clear(&error);
        code = decode_event(message->data, message->len, &number, &error);
    }
    if (code || (number && number != e)) {
        log_error("an event cannot be understood project=%s e=%" PRIu64 " problem=\"%s\"",
                  room->project, e, error.text);
        room->e = e;
        return;
    }
    applied(room, e, blob_ref(message));
}

void tree_event(struct room *room, uint64_t e, struct blob *message)
{
    if (e == room->e + 1 && !room->events.id && !room->events.retry_ms)
        apply_event(room, e, message);
    else if (e > room->e)
        tree_catch_up(room);
}

/* Those whose event has come by. */
static void finish_requests(struct room *room)
{
    struct tree_request *request, *next;
    LIST_EACH_SAFE(request, &room->tree_requests, link, next)
    if (request->done_e && request->done_e <= room->e)
        finish(room, request, request->done_f, request->done_e);
}

/* What was heard of during a read that is answered. */
static void read_more(struct room *room)
{
    if (room->events.again)
        read_events(room);
    else if (room->events.hinted > room->e)
        tree_hinted(room, room->events.hinted);
}

static void apply_events(struct room *room, const struct state_events *answer)
{
    uint64_t had = room->e;
    for (size_t i = 0; i < answer->count && room->phase == ROOM_READY; i++)
        if (room->events.after + i == room->e)
            apply_event(room, room->e + 1, answer->messages[i]);
    finish_requests(room);
    if (room->e > had)
        room->events.due_ms = 0; /* hints are true */
    if (room->phase == ROOM_READY)
        read_more(room);
    waiting_wake(room);
}

void tree_events(struct room *room, const struct state_events *answer)
{
    struct registry *registry = room->registry;
    room->events.id = 0;
    if (room_upset(room, answer->result) || room->phase != ROOM_READY)
        return;
    if (answer->result == STATE_OK) {
        room->events.failures = 0;
        apply_events(room, answer);
    } else if (answer->result == STATE_BUSY) {
        registry->counts.retries++;
        room->events.retry_ms = registry->now_ms + backoff_ms(registry, room->events.failures++);
    } else if (answer->result == STATE_TRIMMED) {
        room_end(room, 4503, "more has happened to the project than can be told");
    } else {
        log_error("events cannot be understood project=%s after=%" PRIu64, room->project,
                  room->events.after);
        room_end(room, 4503, "what has happened to the project cannot be understood");
    }
}

void tree_retry(struct room *room, uint64_t now_ms)
{
    struct tree_request *request, *next;
    if (room->events.retry_ms && now_ms >= room->events.retry_ms)
        read_events(room);
    LIST_EACH_SAFE(request, &room->tree_requests, link, next)
    {
        if (!request->retry_ms || now_ms < request->retry_ms)
            continue;
        request->retry_ms = 0;
        if (asker(room, request))
            ask(room, request);
        else
            end_request(room, request);
    }
}
