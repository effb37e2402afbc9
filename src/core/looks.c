#include "looks.h"
#include "root.h"
#include "weft/base/mem.h"
#include "weft/core/registry.h"

#include <stdlib.h>

struct look {
    struct registry *registry;
    uint64_t id;
    char *project;
    struct repository_point_query query;
    void *owner;
    void (*done)(void *owner, enum err result, const struct repository_points *points);
};

void looks_init(struct registry *registry)
{
    map_init(&registry->look_by_id);
}

static void look_free(struct look *look)
{
    free(look->project);
    free(look);
}

void looks_close(struct registry *registry)
{
    for (struct map_iter it = {0}; map_next(&registry->look_by_id, &it);)
        look_free(it.value);
    map_close(&registry->look_by_id);
}

static void finish(struct look *look, enum err result, const struct repository_points *points)
{
    map_remove(&look->registry->look_by_id, look->id);
    look->done(look->owner, result, points);
    look_free(look);
}

/* The path has told which file it is. */
static void file_found(void *owner, const struct query_file *file)
{
    struct look *look = owner;
    if (file->result != ERR_OK) {
        finish(look, file->result, NULL);
        return;
    }
    struct repository *repository = look->registry->repository;
    struct state_ticket ticket = {0, look->id, look->project, NULL};
    look->query.f = file->f;
    repository->ops->points(repository, &ticket, &look->query);
}

void registry_query_history(struct registry *registry, const char *project, const char *path,
                            uint64_t version, void *owner,
                            void (*done)(void *owner, enum err result,
                                         const struct repository_points *points))
{
    if (!registry->repository->ops || !registry->repository->ops->points) {
        done(owner, ERR_NO_FILE, NULL);
        return;
    }
    struct look *look = mem_zalloc(sizeof *look);
    look->registry = registry;
    look->id = registry_id(registry);
    look->project = mem_strdup(project);
    look->query = (struct repository_point_query){0, version, version != 0};
    look->owner = owner;
    look->done = done;
    map_put(&registry->look_by_id, look->id, look);
    registry_query_file(registry, project, path, look, file_found);
}

void looks_points(struct registry *registry, const struct repository_points *answer)
{
    static const enum err results[] = {[REPOSITORY_FOUND] = ERR_OK,
                                       [REPOSITORY_NONE] = ERR_GONE,
                                       [REPOSITORY_AWAY] = ERR_BUSY,
                                       [REPOSITORY_BROKEN] = ERR_INTERNAL};
    struct look *look = map_find(&registry->look_by_id, answer->request);
    if (look)
        finish(look, results[answer->found], answer);
}
