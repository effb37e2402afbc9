/* offer.lua, offers.lua, populate.lua, abandon.lua. */
#include "model_redis.h"
#include "weft/base/blob.h"

#include <stdio.h>
#include <string.h>

#define OFFER_KEPT_MS 60000u

/* ---- offer ---- */

static bool is_better(uint64_t era, uint64_t version, uint64_t other_era, uint64_t other_version)
{
    return era > other_era || (era == other_era && version > other_version);
}

static void keep_tree(struct model *model, struct model_project *project,
                      const struct state_offer_tree *tree)
{
    const struct state_offer_tree *best = project->offered_tree;
    if (best && !is_better(tree->epoch_number, tree->e, best->epoch_number, best->e))
        return;
    project->offered_tree = arena_alloc(&model->arena, sizeof(*tree));
    *project->offered_tree = *tree;
}

static void keep_file(struct model *model, struct model_project *project,
                      const struct state_offer_file *file)
{
    struct state_offer_file *copy = arena_alloc(&model->arena, sizeof(*copy));
    *copy = *file;
    copy->content_version = file->version;
    copy->entry_count = 0;
    for (size_t i = 0; i < project->offered_count; i++) {
        const struct state_offer_file *best = project->offered[i];
        if (best->f != file->f)
            continue;
        if (is_better(file->epoch_number, file->version, best->epoch_number, best->version))
            project->offered[i] = copy;
        return;
    }
    project->offered = model_grow(model, project->offered, project->offered_count,
                                  &project->offered_room, sizeof(struct state_offer_file *));
    project->offered[project->offered_count++] = copy;
}

void model_take_offer(struct model *model, const struct model_call *call,
                      struct model_answer *answer)
{
    struct model_project *project = model_make(model, call->project);
    const struct state_offer *offer = &call->u.offer;
    if (!model_has_lease(model, project, call)) {
        answer->result = STATE_LOST;
        return;
    }
    if (offer->tree)
        keep_tree(model, project, offer->tree);
    for (size_t i = 0; i < offer->file_count; i++)
        keep_file(model, project, &offer->files[i]);
    if (project->offered_tree || project->offered_count > 0)
        project->offers_expire = model_now_ms(model) + OFFER_KEPT_MS;
}

/* ---- offers ---- */

static bool has_token(const struct model *model, const struct model_project *project,
                      const struct model_call *call, const char *token)
{
    return model_has_lease(model, project, call) && strcmp(project->load_token, token) == 0;
}

static struct state_offer_file own_file(const struct model_file *file, uint64_t era)
{
    return (struct state_offer_file){
        .f = file->f,
        .epoch_number = era,
        .version = file->version,
        .rev = file->rev,
        .path = file->path,
        .eol = file->eol,
        .updated_at = file->updated_at,
        .updated_by = file->updated_by,
        .text = file->content,
        .len = file->content_len,
        .seen = file->seen,
        .seen_count = file->seen_count,
        .content_version = file->content_version,
        .entries = file->version > file->content_version
                       ? file->log + (file->content_version - file->log_from)
                       : NULL,
        .entry_count = file->version - file->content_version,
    };
}

static void add_own(struct model *model, const struct model_project *project, uint64_t era,
                    struct state_offers *out, struct state_offer_file *files,
                    struct state_offer_tree *tree)
{
    struct model_file **list = model_tree(model, project, &tree->file_count);
    struct state_file *listed =
        arena_zalloc(&model->arena, tree->file_count * sizeof(struct state_file));
    for (size_t i = 0; i < tree->file_count; i++) {
        listed[i].f = list[i]->f;
        listed[i].path = list[i]->path;
        listed[i].eol = list[i]->eol;
        listed[i].version = list[i]->version;
        files[out->file_count++] = own_file(list[i], era);
    }
    tree->epoch_number = era;
    tree->e = project->e;
    tree->next_file = project->next_file;
    tree->name = project->title;
    tree->template = project->template;
    tree->files = listed;
    out->tree_count++;
}

void model_list_offers(struct model *model, const struct model_call *call,
                       struct model_answer *answer)
{
    struct model_project *project = model_make(model, call->project);
    struct state_offers *out = &answer->u.offers;
    size_t own = 0;
    if (!has_token(model, project, call, call->u.token)) {
        answer->result = STATE_LOST;
        return;
    }
    for (const struct model_file *file = project->files; file; file = file->next)
        own++;
    struct state_offer_file *files =
        arena_alloc(&model->arena, (project->offered_count + own) * sizeof(*files));
    struct state_offer_tree *trees = arena_zalloc(&model->arena, 2 * sizeof(*trees));
    for (size_t i = 0; i < project->offered_count; i++) {
        files[out->file_count++] = *project->offered[i];
        if (project->offered[i]->epoch_number > out->epoch_number)
            out->epoch_number = project->offered[i]->epoch_number;
    }
    if (project->offered_tree) {
        trees[out->tree_count++] = *project->offered_tree;
        if (project->offered_tree->epoch_number > out->epoch_number)
            out->epoch_number = project->offered_tree->epoch_number;
    }
    uint64_t era = model_epoch_number(project->epoch);
    if (project->phase == MODEL_RECOVERING && era > 0) {
        add_own(model, project, era, out, files, &trees[out->tree_count]);
        if (era > out->epoch_number)
            out->epoch_number = era;
    }
    out->trees = trees;
    out->files = files;
}

/* ---- populate ---- */

static void put_all(struct model *model, struct model_project *project,
                    const struct state_populate *populate)
{
    for (size_t i = 0; i < populate->file_count; i++) {
        const struct state_populate_file *from = &populate->files[i];
        struct model_file *file = model_put_file(model, project, from);
        for (size_t j = 0; j < from->seen_count; j++)
            model_set_seen(model, file, from->seen[j].cid, from->seen[j].n);
        if (from->dirty)
            model_mark(model, project, file, 0);
    }
    for (size_t i = 0; i < populate->deleted_count; i++) {
        const struct state_populate_deleted *from = &populate->deleted[i];
        struct state_populate_file tombstone = {
            .f = from->f, .rev = from->rev, .path = from->path, .updated_at = model_now_ms(model)};
        struct model_file *file = model_put_file(model, project, &tombstone);
        file->is_deleted = true;
        model_mark(model, project, file, 0);
    }
}

void model_populate(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    struct model_project *project = model_make(model, call->project);
    const struct state_populate *populate = &call->u.populate;
    if (project->phase == MODEL_READY && strcmp(project->run, call->run) == 0 &&
        strcmp(project->epoch, populate->epoch) == 0 &&
        strcmp(project->live, populate->token) == 0) {
        answer->is_again = true;
        return;
    }
    if (!has_token(model, project, call, populate->token)) {
        answer->result = STATE_LOST;
        return;
    }
    model_erase(project);
    project->phase = MODEL_READY;
    snprintf(project->epoch, sizeof(project->epoch), "%s", populate->epoch);
    project->run = call->run;
    project->live = populate->token;
    project->title = populate->name ? populate->name : "";
    project->template = populate->template ? populate->template : "";
    project->e = populate->e;
    project->next_file = populate->next_file;
    project->tick = project->people_rev = model->now_us;
    put_all(model, project, populate);
    if (model->config.save_after_ms && project->due == 0)
        project->due = model_now_ms(model) + model->config.save_after_ms;
    model_tell(model, project, call,
               (struct hint){.kind = HINT_READY, .a = model_epoch_number(project->epoch)}, NULL, 0);
}

void model_abandon(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    struct model_project *project = model_make(model, call->project);
    if (!has_token(model, project, call, call->u.token)) {
        answer->result = STATE_LOST;
        return;
    }
    if (project->phase == MODEL_LOADING) {
        project->phase = MODEL_NOTHING;
        project->expires = 0;
    }
    project->load_token = NULL;
    project->load_run = NULL;
}
