#include "query.h"
#include "opens.h"
#include "root.h"
#include "templates.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/mem.h"
#include "weft/text/lines.h"
#include "weft/text/path.h"
#include <stdlib.h>
#include <string.h>

static struct query *query_new(struct registry *registry, void *owner)
{
    struct query *query = mem_zalloc(sizeof *query);
    query->id = registry_id(registry);
    query->owner = owner;
    map_put(&registry->query_by_id, query->id, query);
    return query;
}

static void query_free(struct registry *registry, struct query *query)
{
    if (query->room)
        TAILQ_REMOVE(&query->room->queries, query, link);
    map_remove(&registry->query_by_id, query->id);
    free(query->path);
    free(query);
}

static void look(struct query *query)
{
    struct room *room = query->room;
    struct state_open open = {.want_tree = room->phase == ROOM_OPENING};
    room_ask(room, query->id, &open);
}

/* Answered at the end of the turn, never inside the call. */
static void refuse(struct registry *registry, struct query *query, enum err result)
{
    query->result = result;
    TAILQ_INSERT_TAIL(&registry->refused_queries, query, link);
}

static void enter(struct registry *registry, struct query *query, const char *project)
{
    if (!project_id_valid(project, strlen(project))) {
        refuse(registry, query, ERR_NO_PROJECT);
        return;
    }
    query->room = room_enter(registry, project);
    TAILQ_INSERT_TAIL(&query->room->queries, query, link);
    look(query);
}

void registry_query_project(struct registry *registry, const char *project, void *owner,
                            void (*done)(void *owner, const struct query_project *answer))
{
    struct query *query = query_new(registry, owner);
    query->project_done = done;
    enter(registry, query, project);
}

void registry_query_file(struct registry *registry, const char *project, const char *path,
                         void *owner, void (*done)(void *owner, const struct query_file *answer))
{
    struct query *query = query_new(registry, owner);
    query->file_done = done;
    query->path = mem_strdup(path);
    enter(registry, query, project);
}

/* Ends a query that has no more to say than this (a creation that went well is such a one). */
static void end(struct registry *registry, struct query *query, enum err result)
{
    if (query->create_done)
        query->create_done(query->owner, result);
    else if (query->file_done)
        query->file_done(query->owner, &(struct query_file){.result = result});
    else
        query->project_done(query->owner, &(struct query_project){.result = result});
    query_free(registry, query);
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

void query_file_ready(struct query *query, const struct file *file, enum err result)
{
    if (!file) {
        end(query->room->registry, query, result);
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
        .sessions = room->session_count,
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
    struct file *file = room_file_at(query->room, query->path, strlen(query->path));
    if (!file) {
        end(query->room->registry, query, ERR_NO_FILE);
        return;
    }
    struct opener *opener = mem_zalloc(sizeof *opener);
    opener->query = query;
    opens_add(file, opener);
}

void query_opened(struct query *query, const struct state_opened *answer)
{
    struct room *room = query->room;
    if (answer->result == STATE_NO_PROJECT)
        end(room->registry, query, ERR_NO_PROJECT);
    else if (answer->result != STATE_OK)
        end(room->registry, query, answer->result == STATE_BUSY ? ERR_BUSY : ERR_INTERNAL);
    else if (room->phase == ROOM_OVER)
        end(room->registry, query, ERR_BUSY);
    else if (!room_fill(room, answer))
        look(query);
    else if (query->file_done)
        find_file(query);
    else
        answer_project(query);
}

/* ---- creation ---- */

void registry_create_project(struct registry *registry, const char *project, const char *name,
                             const char *template, void *owner,
                             void (*done)(void *owner, enum err result))
{
    struct query *query = query_new(registry, owner);
    query->create_done = done;
    struct state_ticket ticket = {.request = query->id, .project = project, .epoch = ""};
    enum err result = ERR_OK;
    if (!project_id_valid(project, strlen(project)))
        result = ERR_BAD_MESSAGE;
    else if (!templates_create(registry, &ticket, name, template))
        result = ERR_NO_FILE;
    if (result != ERR_OK)
        refuse(registry, query, result);
}

void query_created(struct registry *registry, struct query *query,
                   const struct state_created *answer)
{
    end(registry, query,
        answer->result == STATE_OK       ? ERR_OK
        : answer->result == STATE_EXISTS ? ERR_EXISTS
                                         : ERR_BUSY);
}

void query_answer_refused(struct registry *registry)
{
    while (!TAILQ_EMPTY(&registry->refused_queries)) {
        struct query *query = TAILQ_FIRST(&registry->refused_queries);
        TAILQ_REMOVE(&registry->refused_queries, query, link);
        end(registry, query, query->result);
    }
}
