/* What instances hold, and what is lost for good when Redis loses it: what was in a log, and is in
 * no text of Redis, the repository, an offer or a replica of somebody who is sure to be heard. */
#include "core/root.h"
#include "ghost.h"
#include "instance.h"
#include "weft/text/document.h"

#include <string.h>

void ghost_look(struct instance *instance)
{
    struct room *room;
    TAILQ_FOREACH(room, &instance->registry->rooms, link)
    {
        struct map_iter iter = {0};
        while (map_next(&room->files, &iter)) {
            const struct file *file = iter.value;
            if (file->document)
                ghost_same(instance->world, instance->name, room->epoch, file->f,
                           document_version(file->document), document_rope(file->document));
        }
    }
}

/* ---- what is lost for good ---- */

static void cover(struct node *node)
{
    for (; node && !node->is_covered; node = node->parent)
        node->is_covered = true;
}

static void cover_room(const struct world *world, const struct room *room)
{
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter)) {
        const struct file *file = iter.value;
        if (file->document)
            cover(ghost_node(world, room->epoch, file->f, document_version(file->document)));
    }
}

static void cover_offers(const struct world *world, const struct model_project *project)
{
    for (size_t i = 0; i < project->offered_count; i++) {
        const struct state_offer_file *offer = project->offered[i];
        struct state_populate_file file = {.f = offer->f,
                                           .version = offer->version,
                                           .text = offer->text,
                                           .len = offer->len,
                                           .seen = offer->seen,
                                           .seen_count = offer->seen_count};
        cover(ghost_recognize(world, &file));
    }
}

static bool counts_as_holder(const struct instance *instance, bool force)
{
    return !instance->is_dead && !instance->is_paused && (!force || instance->link.is_up);
}

/* Does somebody's tree have the event? */
static bool has_event(const struct world *world, const struct tree_event *event, bool force)
{
    const struct model_project *project = model_find(&world->model, WORLD_PROJECT);
    for (size_t era = event->era; era < world->ghost->era_count; era++) {
        const char *epoch = world->ghost->eras[era].epoch;
        uint64_t least = era == event->era ? event->e : 0;
        if (project && project->phase != MODEL_NOTHING && strcmp(project->epoch, epoch) == 0 &&
            project->e >= least)
            return true;
        if (project && project->offered_tree &&
            project->offered_tree->epoch_number == model_epoch_number(epoch) &&
            project->offered_tree->e >= least)
            return true;
        for (const struct instance *at = world->all; at; at = at->next) {
            if (!counts_as_holder(at, force))
                continue;
            struct room *room;
            TAILQ_FOREACH(room, &at->registry->rooms, link)
            if (strcmp(room->epoch, epoch) == 0 && room->e >= least)
                return true;
        }
    }
    return false;
}

/* Of a deleted file too: what comes back may be of before it was deleted. */
void ghost_losing(struct world *world)
{
    const struct model_project *project = model_find(&world->model, WORLD_PROJECT);
    const struct era *era = project ? ghost_era(world, project->epoch) : NULL;
    for (const struct line *line = era ? era->lines : NULL; line; line = line->next)
        for (struct node *node = line->nodes[line->count - 1]; node; node = node->parent)
            node->is_pending = true;
    for (struct tree_event *event = world->ghost->events; event; event = event->next)
        event->is_pending = true;
}

static void cover_all(struct world *world, bool force)
{
    const struct model_project *project = model_find(&world->model, WORLD_PROJECT);
    for (const struct model_file *file = project ? project->files : NULL; file; file = file->next)
        cover(ghost_node(world, project->epoch, file->f, file->version));
    if (project)
        cover_offers(world, project);
    for (const struct shelf_file *file = world->shelf->files; file; file = file->next)
        if (!file->is_deleted)
            cover(ghost_node(world, file->epoch, file->f, file->version));
    for (struct instance *at = world->all; at; at = at->next) {
        if (!counts_as_holder(at, force))
            continue;
        struct room *room;
        TAILQ_FOREACH(room, &at->registry->rooms, link)
        cover_room(world, room);
    }
}

void ghost_recount(struct world *world, bool force)
{
    struct ghost *ghost = world->ghost;
    const struct model_project *project = model_find(&world->model, WORLD_PROJECT);
    bool any = false;
    if (!force && project && project->phase == MODEL_READY &&
        strcmp(project->run, world->run_name) == 0)
        return;
    for (size_t i = 0; i < ghost->node_count; i++)
        ghost->nodes[i]->is_covered = false;
    cover_all(world, force);
    for (size_t i = 0; i < ghost->node_count; i++) {
        struct node *node = ghost->nodes[i];
        any |= node->is_covered;
        if (node->is_pending && !node->is_covered && !node->is_excused) {
            node->is_excused = true;
            world->counts->excused++;
        }
    }
    for (struct tree_event *event = ghost->events; event; event = event->next)
        if (event->is_pending && !event->is_excused && !has_event(world, event, force))
            event->is_excused = true;
    if (!any && ghost->node_count > 0 && !world->shelf->exists)
        ghost->is_all_lost = true;
}

bool ghost_is_held(struct world *world, uint64_t f)
{
    const struct ghost *ghost = world->ghost;
    bool is_held = false;
    for (size_t i = 0; i < ghost->node_count; i++)
        ghost->nodes[i]->is_covered = false;
    cover_all(world, false);
    for (size_t i = 0; i < ghost->node_count; i++)
        is_held |= ghost->nodes[i]->is_covered && !ghost->nodes[i]->is_excused &&
                   ghost->nodes[i]->file->f == f;
    return is_held;
}
