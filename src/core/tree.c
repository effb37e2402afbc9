#include "tree.h"
#include "presence.h"
#include "root.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/text/lines.h"
#include "weft/text/path.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tree_request *remember(struct session *session, const struct message *message)
{
    struct tree_request *request = mem_zalloc(sizeof *request);
    request->id = registry_id(session->registry);
    request->session = session->id;
    request->q = message->q;
    snprintf(request->eol, sizeof request->eol, "\n");
    TAILQ_INSERT_TAIL(&session->room->tree_requests, request, link);
    return request;
}

static void ask(struct session *session, const struct tree_request *request,
                struct state_tree *tree)
{
    struct room *room = session->room;
    struct state_ticket ticket = room_ticket(room, request->id);
    tree->by = session->cid;
    tree->files_max = room->registry->config.limits.files;
    room->pending++;
    room->registry->state->ops->tree(room->registry->state, &ticket, tree);
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
    struct tree_request *request = remember(session, message);
    char *copy = mem_strndup(text.text ? text.text : "", text.len);
    const char *eol;
    size_t len = lines_normalise(copy, text.len, &eol);
    request->utf16_len = utf8_utf16_len(copy, len);
    request->size = len;
    snprintf(request->eol, sizeof request->eol, "%s", eol);
    struct state_tree tree = {
        .op = TREE_CREATE, .path = path.text, .text = copy, .len = len, .eol = eol};
    ask(session, request, &tree);
    free(copy);
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
    struct state_tree tree = {
        .op = TREE_RENAME, .f = message->f, .from = from.text, .path = path.text};
    ask(session, remember(session, message), &tree);
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
    struct state_tree tree = {.op = TREE_DELETE, .f = message->f, .from = from.text};
    ask(session, remember(session, message), &tree);
    return ERR_OK;
}

/* ---- the answer ---- */

static struct tree_request *recall(struct room *room, uint64_t id)
{
    struct tree_request *request;
    TAILQ_FOREACH(request, &room->tree_requests, link)
    if (request->id == id)
        break;
    if (request)
        TAILQ_REMOVE(&room->tree_requests, request, link);
    return request;
}

static void apply(struct room *room, const struct state_tree_entry *entry, enum state_tree_op op,
                  const struct tree_request *request)
{
    struct file *file = room_file(room, entry->f);
    if (op == TREE_CREATE && !file) {
        file = room_add_file(room, entry->f, entry->path);
        file->utf16_len = request ? request->utf16_len : 0;
        file->size = request ? request->size : 0;
        snprintf(file->eol, sizeof file->eol, "%s", request ? request->eol : "\n");
    } else if (op == TREE_RENAME && file) {
        room_rename_file(room, file, entry->path);
    } else if (op == TREE_DELETE && file) {
        room_remove_file(room, file);
        return;
    }
    if (file)
        file->rev = entry->rev;
}

static void tell(struct room *room, const struct state_treed *answer)
{
    static const enum fs_op ops[] = {
        [TREE_CREATE] = FS_CREATE, [TREE_RENAME] = FS_RENAME, [TREE_DELETE] = FS_DELETE};
    struct fs_entry *entries = mem_realloc_array(NULL, answer->entry_count + 1, sizeof *entries);
    for (size_t i = 0; i < answer->entry_count; i++)
        entries[i] = (struct fs_entry){answer->entries[i].f, answer->entries[i].path};
    struct fs_event event = {answer->e,      answer->by, ops[answer->op],
                             answer->folder, entries,    answer->entry_count};
    struct buf *out = &room->registry->out;
    buf_reset(out);
    encode_fs(out, &event);
    struct blob *message = blob_new(out->data, out->len);
    /* To its author too. */
    room_post(room, message, NULL, 0);
    room_flush(room);
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

static void answer_session(struct session *session, const struct tree_request *request,
                           const struct state_treed *answer)
{
    if (answer->result != STATE_OK) {
        struct error error = {ERR_OK, ""};
        enum err code = error_set(&error, answer_error(answer->result), "%s",
                                  err_text(answer_error(answer->result)));
        (void)code;
        session_error(session, &error, &request->q, 0, 0, false);
        return;
    }
    bool created = answer->op == TREE_CREATE;
    struct buf *out = &session->registry->out;
    buf_reset(out);
    encode_ok(out, &request->q, created ? answer->entries[0].f : 0, created ? 0 : answer->e);
    session_push_buf(session, out);
}

void tree_answered(struct room *room, const struct state_treed *answer)
{
    struct tree_request *request = recall(room, answer->request);
    if (answer->result == STATE_EPOCH) {
        room_end(room, 4503, "the project has a new epoch");
    } else if (answer->result == STATE_OK && room->phase == ROOM_READY) {
        for (size_t i = 0; i < answer->entry_count; i++)
            apply(room, &answer->entries[i], answer->op, request);
        room->e = answer->e;
        tell(room, answer);
    }
    struct session *session = request ? registry_session(room->registry, request->session) : NULL;
    if (session && session->room == room)
        answer_session(session, request, answer);
    free(request);
}
