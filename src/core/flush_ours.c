/* What a flush of an embedded state does more. Such a state knows its projects, and the repository
 * may not, or may have one of that name that is another server's. So the first flush of a project
 * looks there: live under this folder's name, it is ours; unknown or empty, it becomes ours; else
 * nothing is saved, and that is told. */
#include "flush_one.h"
#include "saver.h"
#include <stdlib.h>
#include <string.h>

/* ---- whose it is ---- */

bool flush_is_ours(const struct flush *flush)
{
    const struct registry *registry = flush->registry;
    return registry->state->is_shared ||
           map_find_text(&registry->flush.ours, flush->project, strlen(flush->project));
}

static void set_ours(struct flush *flush)
{
    struct registry *registry = flush->registry;
    map_put_text(&registry->flush.ours, flush->project, strlen(flush->project), registry);
    flush_read_next(flush);
}

void flush_look(struct flush *flush)
{
    struct repository *repository = flush->registry->repository;
    struct state_ticket ticket = flush_ticket(flush);
    repository->ops->load(repository, &ticket);
}

/* Without files: they are all dirty. */
static void create(struct flush *flush)
{
    struct repository *repository = flush->registry->repository;
    struct state_ticket ticket = flush_ticket(flush);
    struct state_create create = {.name = flush->name, .template = ""};
    repository->ops->create(repository, &ticket, &create);
}

static void begin(struct flush *flush, const struct repository_loaded *was)
{
    struct repository *repository = flush->registry->repository;
    struct state_ticket ticket = flush_ticket(flush);
    struct repository_begin begin = {was->epoch, was->live, flush->epoch, flush->live};
    repository->ops->begin(repository, &ticket, &begin);
}

bool flush_loaded(struct registry *registry, const struct repository_loaded *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (!flush)
        return false;
    if (answer->found == REPOSITORY_NONE)
        create(flush);
    else if (answer->found != REPOSITORY_FOUND)
        flush_fail(flush, answer->problem);
    else if (answer->live && strcmp(answer->live, flush->live) == 0)
        set_ours(flush);
    else if (!answer->live && answer->file_count == 0)
        begin(flush, answer);
    else
        flush_fail(flush, FLUSH_ANOTHERS);
    return true;
}

bool flush_created(struct registry *registry, const struct repository_done *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (flush && answer->result == REPOSITORY_UNKNOWN)
        flush_fail(flush, answer->problem);
    else if (flush)
        flush_look(flush);
    return flush != NULL;
}

bool flush_begun(struct registry *registry, const struct repository_done *answer)
{
    struct flush *flush = flush_find(registry, answer->request);
    if (!flush)
        return false;
    if (answer->result == REPOSITORY_DONE)
        set_ours(flush);
    else
        flush_fail(flush, answer->problem);
    return true;
}

/* ---- what is saved ---- */

/* Of a shared state the room hears it from there. */
void flush_tell_room(const struct flush *flush, const struct state_saved_file *saved, size_t count,
                     uint64_t ts)
{
    struct registry *registry = flush->registry;
    struct room *room = room_listed(registry, flush->project);
    if (registry->state->is_shared || !room || room->phase != ROOM_READY ||
        strcmp(room->epoch, flush->epoch) != 0)
        return;
    struct saved_mark marks[FLUSH_FILES];
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        struct file *file = room_file(room, saved[i].f);
        if (!file)
            continue;
        if (saved[i].version > file->saved_version)
            file->saved_version = saved[i].version;
        marks[known++] = (struct saved_mark){file->f, file->saved_version};
    }
    if (known)
        saver_post(room, marks, known, ts);
}
