#include "query.h"
#include "edits.h"
#include "opens.h"
#include "root.h"
#include "templates.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/text/change.h"
#include "weft/text/diff.h"
#include "weft/text/lines.h"
#include "weft/text/path.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct query *query_new(struct registry *registry, void *owner)
{
    struct query *query = mem_zalloc(sizeof *query);
    query->registry = registry;
    query->id = registry_id(registry);
    query->owner = owner;
    query->wait.query = query;
    map_put(&registry->query_by_id, query->id, query);
    return query;
}

static void leave(struct query *query)
{
    if (query->room)
        TAILQ_REMOVE(&query->room->queries, query, link);
    query->room = NULL;
}

static void enter(struct query *query, const char *project)
{
    query->room = room_enter(query->registry, project);
    TAILQ_INSERT_TAIL(&query->room->queries, query, link);
}

static void query_free(struct registry *registry, struct query *query)
{
    waiting_stop(&query->wait);
    leave(query);
    map_remove(&registry->query_by_id, query->id);
    free(query->path);
    free(query->name);
    free(query->template);
    if (query->amend) {
        change_unref(query->amend->change);
        free(query->amend->ep);
        free(query->amend->user);
        free(query->amend);
    }
    free(query);
}

struct room *query_enter(struct query *query)
{
    char project[sizeof query->room->project];
    memcpy(project, query->room->project, sizeof project);
    leave(query);
    enter(query, project);
    return query->room;
}

void query_look(struct query *query)
{
    struct room *room = query_enter(query);
    bool is_list = query->project_done && query->registry->state->is_shared;
    struct state_open open = {
        .nonce = query->nonce, .color = -1, .want_tree = is_list || room->phase == ROOM_OPENING};
    room_ask(room, query->id, &open);
}

/* Answered at the end of the turn, never inside the call. */
static void refuse(struct registry *registry, struct query *query, enum err result)
{
    query->result = result;
    TAILQ_INSERT_TAIL(&registry->refused_queries, query, link);
}

static void begin(struct registry *registry, struct query *query, const char *project)
{
    if (!project_id_valid(project, strlen(project))) {
        refuse(registry, query, ERR_NO_PROJECT);
        return;
    }
    query->nonce = registry_random(registry) | 1;
    enter(query, project);
    query_look(query);
}

void registry_query_project(struct registry *registry, const char *project, void *owner,
                            void (*done)(void *owner, const struct query_project *answer))
{
    struct query *query = query_new(registry, owner);
    query->project_done = done;
    begin(registry, query, project);
}

void registry_query_file(struct registry *registry, const char *project, const char *path,
                         void *owner, void (*done)(void *owner, const struct query_file *answer))
{
    struct query *query = query_new(registry, owner);
    query->file_done = done;
    query->path = mem_strdup(path);
    begin(registry, query, project);
}

void registry_query_file_by_id(struct registry *registry, const char *project, uint64_t f,
                               void *owner,
                               void (*done)(void *owner, const struct query_file *answer))
{
    struct query *query = query_new(registry, owner);
    query->file_done = done;
    query->f = f;
    begin(registry, query, project);
}

/* ---- edits of the server ---- */

static enum err check_texts(const struct registry *registry, const struct server_edit *edit)
{
    if (edit->len > registry->config.limits.text)
        return ERR_TOO_BIG;
    bool is_text = utf8_valid(edit->text, edit->len) && !memchr(edit->text, '\0', edit->len) &&
                   !memchr(edit->text, '\r', edit->len);
    return is_text ? ERR_OK : ERR_BAD_TEXT;
}

void registry_edit_file(struct registry *registry, const struct server_edit *edit, void *owner,
                        void (*done)(void *owner, enum err result, uint64_t v))
{
    struct query *query = query_new(registry, owner);
    query->f = edit->f;
    query->amend = mem_zalloc(sizeof *query->amend);
    *query->amend = (struct amendment){.ep = mem_strdup(edit->ep),
                                       .user = mem_strdup(edit->user),
                                       .v = edit->v,
                                       .cid = edit->cid,
                                       .done = done};
    enum err code = check_texts(registry, edit);
    if (code) {
        refuse(registry, query, code);
        return;
    }
    query->amend->change = diff_texts(edit->base, edit->base_len, edit->text, edit->len,
                                      registry->config.limits.parts);
    begin(registry, query, edit->project);
}

/* Told at the end of the turn. */
static void end_amend(struct query *query, enum err result, uint64_t v)
{
    leave(query);
    query->amend->at = v;
    refuse(query->registry, query, result);
}

/* Until its edit is in the log it stays in the room, which stays for it. */
static void amend(struct query *query, struct file *file)
{
    uint64_t v;
    enum err code = edits_amend(file, query, &v);
    if (code || v || change_does_nothing(query->amend->change))
        end_amend(query, code, code ? 0 : v);
}

void query_amended(struct registry *registry, uint64_t id, enum err result, uint64_t v)
{
    struct query *query = map_find(&registry->query_by_id, id);
    if (query && query->room)
        end_amend(query, result, v);
}

/* Ends a query that has no more to say than this (a creation that went well is such a one). */
static void end(struct registry *registry, struct query *query, enum err result)
{
    if (query->create_done)
        query->create_done(query->owner, result);
    else if (query->amend)
        query->amend->done(query->owner, result, query->amend->at);
    else if (query->file_done)
        query->file_done(query->owner, &(struct query_file){.result = result});
    else
        query->project_done(query->owner, &(struct query_project){.result = result});
    query_free(registry, query);
}

void query_fail(struct query *query, enum err result)
{
    end(query->registry, query, result);
}

void query_fail_all(struct room *room, enum err result)
{
    struct query *query, *next;
    /* A query that waits for a file is ended by the file, which knows its opener. */
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter))
        opens_fail_queries(iter.value, result);
    LIST_EACH_SAFE(query, &room->queries, link, next)
    end(room->registry, query, result);
}

void query_file_ready(struct query *query, struct file *file, enum err result)
{
    if (!file) {
        end(query->room->registry, query, result);
        return;
    }
    if (query->amend) {
        amend(query, file);
        return;
    }
    struct query_file answer = {
        .result = ERR_OK,
        .f = file->f,
        .v = document_version(file->document),
        .path = file->path,
        .ep = file->room->epoch,
        .eol = file->eol,
        .text = document_rope(file->document),
    };
    query->file_done(query->owner, &answer);
    query_free(file->room->registry, query);
}

static void answer_project(struct query *query)
{
    const struct room *room = query->room;
    size_t count;
    struct file_info *files = room_list(room, &count);
    uint64_t *saved = mem_realloc_array(NULL, count + 1, sizeof *saved);
    for (size_t i = 0; i < count; i++)
        saved[i] = room_file(room, files[i].f)->saved_version;
    struct query_project answer = {
        .result = ERR_OK,
        .project = room->project,
        .name = room->name,
        .ep = room->epoch,
        .e = room->e,
        .sessions = room->session_count + room->remote_count,
        .files = files,
        .saved = saved,
        .file_count = count,
    };
    query->project_done(query->owner, &answer);
    query_free(room->registry, query);
    free(files);
    free(saved);
}

static void find_file(struct query *query)
{
    struct error error = {ERR_OK, ""};
    struct file *file = query->path ? room_file_at(query->room, query->path, strlen(query->path))
                                    : room_file(query->room, query->f);
    if (!file) {
        enum err code = query->f ? room_no_file(query->room, query->f, &error) : ERR_NO_FILE;
        end(query->room->registry, query, code);
        return;
    }
    struct opener *opener = mem_zalloc(sizeof *opener);
    opener->query = query;
    opens_add(file, opener);
}

static enum err open_error(enum state_result result)
{
    switch (result) {
    case STATE_OK:
        return ERR_OK;
    case STATE_NO_PROJECT:
        return ERR_NO_PROJECT;
    case STATE_BUSY:
        return ERR_BUSY;
    default:
        return ERR_INTERNAL;
    }
}

/* The room's history is over: the query asks in the one after it. */
static void end_room(struct query *query)
{
    struct room *room = query->room;
    leave(query);
    room_end(room, 4503, "the project has a new epoch");
    enter(query, room->project);
    query_look(query);
}

static void create_opened(struct query *query, const struct state_opened *answer);

void query_opened(struct query *query, const struct state_opened *answer)
{
    struct room *room = query->room;
    if (waiting_opened(&query->wait, answer))
        return;
    if (query->create_done)
        create_opened(query, answer);
    else if (answer->result != STATE_OK)
        end(room->registry, query, open_error(answer->result));
    else if (room->phase == ROOM_OVER)
        end(room->registry, query, ERR_BUSY);
    else if (room->phase == ROOM_READY && strcmp(room->epoch, answer->epoch) != 0)
        end_room(query);
    else if (room->phase == ROOM_DETACHED || !room_fill(room, answer))
        query_look(query);
    else if (waiting_for_tree(&query->wait, answer))
        return;
    else if (query->file_done || query->amend)
        find_file(query);
    else
        answer_project(query);
}

/* ---- creation ---- */

/* A repository does not say which room its answer is for. */
static void create(struct query *query)
{
    struct room *room = query->room;
    struct state_ticket ticket = room_ticket(room, query->id);
    bool is_made = templates_create(query->registry, &ticket, query->name, query->template);
    assert(is_made); /* it was looked for before */
    (void)is_made;
    query->is_creating = true;
    if (query->registry->repository->is_shared)
        waiting_add(&query->wait, query->registry->config.wait_ms);
    else
        room->pending++;
}

static void create_opened(struct query *query, const struct state_opened *answer)
{
    if (query->is_creating) /* asked again before that is answered */
        waiting_add(&query->wait, query->registry->config.wait_ms);
    else if (answer->result == STATE_NO_PROJECT)
        create(query);
    else if (answer->result == STATE_OK)
        end(query->registry, query, query->is_tried ? ERR_OK : ERR_EXISTS);
    else
        end(query->registry, query, open_error(answer->result));
}

void registry_create_project(struct registry *registry, const char *project, const char *name,
                             const char *template, void *owner,
                             void (*done)(void *owner, enum err result))
{
    struct query *query = query_new(registry, owner);
    query->create_done = done;
    struct state_ticket ticket = {.request = query->id, .project = project, .epoch = ""};
    if (!project_id_valid(project, strlen(project))) {
        refuse(registry, query, ERR_BAD_MESSAGE);
    } else if (!templates_exists(registry, template)) {
        refuse(registry, query, ERR_NO_FILE);
    } else if (waiting_is_on(registry)) {
        query->name = name ? mem_strdup(name) : NULL;
        query->template = mem_strdup(template);
        /* One that the state has lost is not made anew: looking at it loads it. */
        begin(registry, query, project);
    } else {
        (void)templates_create(registry, &ticket, name, template);
    }
}

void query_created(struct registry *registry, struct query *query,
                   const struct state_created *answer)
{
    waiting_stop(&query->wait);
    query->is_creating = false;
    if (answer->result == STATE_OK) {
        end(registry, query, ERR_OK);
    } else if (answer->result == STATE_EXISTS) {
        end(registry, query, query->is_tried ? ERR_OK : ERR_EXISTS);
    } else if (waiting_is_on(registry)) {
        query->is_tried = true;
        waiting_try_again(&query->wait);
    } else {
        end(registry, query, ERR_BUSY);
    }
}

void query_answer_refused(struct registry *registry)
{
    while (!TAILQ_EMPTY(&registry->refused_queries)) {
        struct query *query = TAILQ_FIRST(&registry->refused_queries);
        TAILQ_REMOVE(&registry->refused_queries, query, link);
        end(registry, query, query->result);
    }
}
