#include "check.h"
#include "client.h"
#include "core/root.h"
#include "faults.h"
#include "ghost.h"
#include "instance.h"
#include "weft/text/document.h"

#include <inttypes.h>
#include <string.h>

#define REST_US 32000000u   /* from the last fault until all must be well */
#define SETTLED_US 8000000u /* from it until little happens any more */
#define EMPTY_US 25000000u  /* from the last leave until nothing must be left */

static struct model_project *project_of(struct world *world)
{
    struct model_project *project = model_find(&world->model, WORLD_PROJECT);
    if (!project || project->phase != MODEL_READY || strcmp(project->run, world->run_name) != 0) {
        world_fail(world, "stuck", "the project is not there: phase %d",
                   project ? (int)project->phase : -1);
        return NULL;
    }
    return project;
}

/* ---- everybody has the same ---- */

static void check_doc(struct world *world, const struct client *client, const struct doc *doc,
                      const struct model_project *project, const struct model_file *file)
{
    const char *shown = doc->shown ? world_text(world, doc->shown) : "";
    const struct node *node = ghost_node(world, project->epoch, file->f, file->version);
    if (doc->own_count > 0 || doc->subscribed != SUB_YES)
        world_fail(world, "stuck", "%s f%" PRIu64 ": %u changes, %u sent, subscribed %d, live %d",
                   client->name, doc->f, doc->own_count, doc->sent, (int)doc->subscribed,
                   client->is_live);
    else if (strcmp(doc->ep, project->epoch) != 0 || doc->v != file->version)
        world_fail(world, "stuck", "%s f%" PRIu64 " is at %s %" PRIu64 ", Redis at %s %" PRIu64,
                   client->name, doc->f, doc->ep, doc->v, project->epoch, file->version);
    else if (client->kind != CLIENT_BOT && strcmp(shown, node->text) != 0)
        world_fail(world, "text", "%s f%" PRIu64 " shows %s, not %s", client->name, doc->f, shown,
                   node->text);
}

static void check_client(struct world *world, const struct client *client,
                         const struct model_project *project)
{
    unsigned live = 0;
    for (const struct model_file *file = project->files; file; file = file->next) {
        const struct doc *doc = NULL;
        if (file->is_deleted)
            continue;
        live++;
        for (unsigned i = 0; i < client->doc_count; i++)
            if (client->docs[i].f == file->f && client->docs[i].state == DOC_OPEN &&
                strcmp(client->docs[i].ep, project->epoch) == 0)
                doc = &client->docs[i];
        if (!doc) {
            world_fail(world, "stuck", "%s has not f%" PRIu64 " %s", client->name, file->f,
                       file->path);
            return;
        }
        check_doc(world, client, doc, project, file);
        if (strcmp(doc->path, file->path) != 0)
            world_fail(world, "tree", "%s has f%" PRIu64 " at %s, Redis at %s", client->name,
                       file->f, doc->path, file->path);
    }
    if (client->tree_count != live || client->tree_until != project->e)
        world_fail(world, "tree", "%s has %u files at e %" PRIu64 ", Redis %u at %" PRIu64,
                   client->name, client->tree_count, client->tree_until, live, project->e);
    if (client->is_degraded)
        world_fail(world, "degraded", "%s is told that Redis is away", client->name);
}

static void check_people(struct world *world, const struct client *client)
{
    if (client->peer_count != world->client_count - 1)
        world_fail(world, "people", "%s sees %u others, not %u", client->name, client->peer_count,
                   world->client_count - 1);
    for (unsigned i = 0; i < world->client_count; i++) {
        bool found = world->clients[i] == client;
        for (unsigned j = 0; j < client->peer_count; j++)
            found |= client->peers[j] == world->clients[i]->cid;
        if (!found)
            world_fail(world, "people", "%s does not see %s", client->name,
                       world->clients[i]->name);
    }
}

static void check_room(struct world *world, const struct instance *instance,
                       const struct room *room, const struct model_project *project)
{
    struct map_iter iter = {0};
    if (room->phase != ROOM_READY || strcmp(room->epoch, project->epoch) != 0)
        return;
    if (room->e != project->e)
        world_fail(world, "tree", "%s is at e %" PRIu64 ", Redis at %" PRIu64, instance->name,
                   room->e, project->e);
    while (map_next(&room->files, &iter)) {
        const struct file *file = iter.value;
        const struct model_file *truth = model_find_file(project, file->f);
        if (!truth || truth->is_deleted || strcmp(truth->path, file->path) != 0)
            world_fail(world, "tree", "%s has f%" PRIu64 " at %s", instance->name, file->f,
                       file->path);
        else if (file->document && document_version(file->document) != truth->version)
            world_fail(world, "stuck", "%s has f%" PRIu64 " v%" PRIu64 ", Redis v%" PRIu64,
                       instance->name, file->f, document_version(file->document), truth->version);
    }
}

/* ---- Redis and the repository ---- */

static void check_file(struct world *world, const struct model_project *project,
                       const struct model_file *file)
{
    const struct node *node = ghost_node(world, project->epoch, file->f, file->version);
    const char *text = ghost_fold(world, file);
    const struct shelf_file *saved = shelf_find(world->shelf, file->f);
    if (!node || !text || strcmp(text, node->text) != 0)
        world_fail(world, "fold", "f%" PRIu64 " of Redis is %s", file->f, text ? text : "broken");
    else if (file->log_from + file->log_count != file->version)
        world_fail(world, "log", "f%" PRIu64 ": the log ends at %" PRIu64 ", not %" PRIu64, file->f,
                   file->log_from + file->log_count, file->version);
    else if (world->dice.has_repository && file->is_dirty)
        world_fail(world, "stuck", "f%" PRIu64 " stays dirty", file->f);
    else if (!world->dice.has_repository)
        return;
    else if (!saved || saved->is_deleted || strcmp(saved->text, text) != 0 ||
             strcmp(saved->path, file->path) != 0)
        world_fail(world, "repository", "f%" PRIu64 " %s is saved as %s %s, not %s", file->f,
                   file->path, saved ? saved->path : "nothing", saved ? saved->text : "", text);
}

/* Nobody had it any more, and then an old save of it was done after all: it is there with the next
 * load. */
static bool is_late(const struct world *world, const struct model_project *project,
                    const struct shelf_file *saved)
{
    const struct node *node = ghost_node(world, saved->epoch, saved->f, saved->version);
    return saved->epoch_number < model_epoch_number(project->epoch) && node &&
           node->file->root->is_excused;
}

static void check_shelf(struct world *world, const struct model_project *project)
{
    for (const struct shelf_file *saved = world->shelf->files; saved; saved = saved->next) {
        const struct model_file *file = model_find_file(project, saved->f);
        if (!saved->is_deleted && (!file || file->is_deleted) && !is_late(world, project, saved))
            world_fail(world, "repository", "f%" PRIu64 " %s was deleted, and is saved", saved->f,
                       saved->path);
    }
}

/* ---- nothing is lost, and nothing came back ---- */

/* The state that the file is in at the end; NULL: it is gone. */
static const struct node *end_of(const struct world *world, const struct model_project *project,
                                 const struct ghost_file *ghost)
{
    for (const struct model_file *file = project->files; file; file = file->next) {
        const struct node *node = ghost_node(world, project->epoch, file->f, file->version);
        if (!file->is_deleted && node && node->file == ghost)
            return node;
    }
    return NULL;
}

/* It was deleted, and only the repository may have known when it came back: then what it was in
 * between is nobody's any more. */
static bool came_back(const struct world *world, const struct ghost_file *ghost)
{
    for (const struct tree_event *event = world->ghost->events; event; event = event->next)
        if (event->file == ghost && event->op == TREE_DELETE && event->is_excused)
            return true;
    return false;
}

static bool has_token(const char *text, long wanted)
{
    for (long token; (token = ghost_next_token(&text)) >= 0;)
        if (token == wanted)
            return true;
    return false;
}

static bool may_be_missing(const struct token *token)
{
    const struct node *node = token->node;
    if (token->deletions || (token->is_meant_gone && (!node || node->is_excused)))
        return true;
    if (token->is_free && (!node || node->is_excused))
        return true;
    return node && node->is_excused && (node->is_acked || !node->cid);
}

static void check_token(struct world *world, const struct model_project *project, long at)
{
    const struct token *token = &world->ghost->tokens[at];
    const struct node *end = token->file ? end_of(world, project, token->file) : NULL;
    if (!end || came_back(world, token->file))
        return; /* its file is gone: that is looked at below */
    bool is_there = has_token(end->text, at);
    if (!is_there && !may_be_missing(token))
        world_fail(world, "lost", "token %ld of f%" PRIu64 ": %s", at, token->file->f,
                   !token->node            ? "never logged"
                   : token->node->is_acked ? "acknowledged"
                                           : "logged");
    for (const struct deletion *deletion = token->deletions; is_there && deletion;
         deletion = deletion->next)
        if (deletion->by->file == token->file && deletion->by->is_acked &&
            !deletion->by->is_excused) /* by path it may have come into another file */
            world_fail(world, "resurrected", "token %ld of f%" PRIu64, at, token->file->f);
}

static bool is_in(const struct node *end, const struct node *node)
{
    while (end && end != node)
        end = end->parent;
    return end != NULL;
}

static void check_acked(struct world *world, const struct model_project *project)
{
    for (size_t i = 0; i < world->ghost->node_count; i++) {
        const struct node *node = world->ghost->nodes[i];
        const struct node *end = node->is_acked ? end_of(world, project, node->file) : NULL;
        if (end && !node->is_excused && !came_back(world, node->file) && !is_in(end, node))
            world_fail(world, "lost", "the acknowledged n %" PRIu64 " of cid %" PRIu64, node->n,
                       node->cid);
    }
}

/* What became of a file by the changes of the tree that are not excused. */
static void check_ghost_file(struct world *world, const struct model_project *project,
                             const struct ghost_file *ghost)
{
    const struct tree_event *last = NULL;
    bool is_excused = ghost->root->is_excused;
    for (const struct tree_event *event = world->ghost->events; event; event = event->next) {
        if (event->file != ghost)
            continue;
        is_excused |= event->is_excused;
        if (!last || event->era > last->era || (event->era == last->era && event->e > last->e))
            last = event;
    }
    const struct node *end = end_of(world, project, ghost);
    if (is_excused)
        return;
    if (!end && !(last && last->op == TREE_DELETE))
        world_fail(world, "lost", "the file f%" PRIu64 " %s", ghost->f, ghost->path);
    else if (end && last && last->op == TREE_DELETE)
        world_fail(world, "resurrected", "the file f%" PRIu64 " %s", ghost->f, ghost->path);
    for (const struct model_file *file = project->files; end && last && file; file = file->next)
        if (ghost_node(world, project->epoch, file->f, file->version) == end &&
            strcmp(file->path, last->path) != 0)
            world_fail(world, "lost", "f%" PRIu64 " was renamed to %s, and is %s", ghost->f,
                       last->path, file->path);
}

/* ---- when ---- */

static void check_rest(struct world *world)
{
    const struct model_project *project = project_of(world);
    if (!project)
        return;
    for (const struct model_file *file = project->files; file; file = file->next) {
        if (!file->is_deleted)
            check_file(world, project, file);
        else if (world->dice.has_repository)
            world_fail(world, "stuck", "the tombstone of f%" PRIu64 " stays", file->f);
    }
    if (world->dice.has_repository)
        check_shelf(world, project);
    for (unsigned i = 0; i < world->client_count; i++) {
        check_client(world, world->clients[i], project);
        check_people(world, world->clients[i]);
    }
    for (struct instance *at = world->all; at; at = at->next) {
        struct room *room;
        if (!at->is_dead)
            TAILQ_FOREACH(room, &at->registry->rooms, link)
        check_room(world, at, room, project);
    }
    for (size_t i = 0; i < world->ghost->token_count; i++)
        check_token(world, project, (long)i);
    check_acked(world, project);
    for (const struct ghost_file *file = world->ghost->files; file; file = file->next)
        check_ghost_file(world, project, file);
}

static void check_empty(struct world *world, void *arg)
{
    const struct model_project *project = model_find(&world->model, WORLD_PROJECT);
    (void)arg;
    world->is_over = true;
    for (struct instance *at = world->all; at; at = at->next) {
        struct room *room;
        if (!at->is_dead && world->dice.has_repository)
            TAILQ_FOREACH(room, &at->registry->rooms, link)
        world_fail(world, "room", "%s still has a room of phase %d", at->name, (int)room->phase);
    }
    if (project && model_members(&world->model, project) > 0)
        world_fail(world, "members", "somebody is still there");
    if (!world->dice.has_repository)
        return;
    if (model_keys(&world->model, WORLD_PROJECT) > 0 || (project && project->due))
        world_fail(world, "keys", "%zu are left, phase %d, due %" PRIu64,
                   model_keys(&world->model, WORLD_PROJECT), (int)project->phase, project->due);
    /* A loader that was too late may have said so after the one who populated: the next load takes
     * a new epoch for nothing. */
    world->counts->live_left += world->shelf->live != NULL;
}

static void rest(struct world *world, void *arg)
{
    (void)arg;
    check_rest(world);
    world_trace(world, "all leave");
    for (unsigned i = 0; i < world->client_count; i++)
        client_away(world->clients[i], UINT64_MAX / 2);
    world_at(world, EMPTY_US, NULL, check_empty, NULL);
}

static void settle(struct world *world, void *arg)
{
    (void)arg;
    world->is_resting = true;
}

static void heal(struct world *world, void *arg)
{
    (void)arg;
    faults_heal(world);
    world_at(world, SETTLED_US, NULL, settle, NULL);
    world_at(world, REST_US, NULL, rest, NULL);
}

void check_begin(struct world *world)
{
    world_at(world, world->dice.active_ms * 1000ull + 300000, NULL, heal, NULL);
}
