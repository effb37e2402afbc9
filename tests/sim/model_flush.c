/* claim.lua, settle.lua, dirty.lua, saved.lua, unload.lua. */
#include "model_redis.h"
#include "weft/protocol/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- claim and settle ---- */

static size_t count_dirty(const struct model_project *project)
{
    size_t count = 0;
    for (const struct model_file *file = project->files; file; file = file->next)
        count += file->is_dirty;
    return count;
}

static struct model_project *first_due(const struct model *model)
{
    struct model_project *first = NULL;
    for (struct model_project *at = model->projects; at; at = at->next) {
        if (at->due == 0 || at->due > model_now_ms(model))
            continue;
        if (!first || at->due < first->due ||
            (at->due == first->due && strcmp(at->name, first->name) < 0))
            first = at;
    }
    return first;
}

void model_claim(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    struct model_project *project;
    answer->result = STATE_NO_PROJECT;
    while ((project = first_due(model)) != NULL) {
        project = model_make(model, project->name); /* what has expired goes */
        if (project->phase != MODEL_NOTHING) {
            project->due = model_now_ms(model) + call->u.claim_ms;
            project->claim = model_token(model, call);
            answer->result = STATE_OK;
            answer->u.claimed.project = project->name;
            answer->u.claimed.lease = project->claim;
            answer->u.claimed.tries = project->save_tries;
            return;
        }
        project->due = 0;
        project->claim = NULL;
    }
}

void model_settle(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    struct model_project *project = model_make(model, call->project);
    if (!project->claim || strcmp(project->claim, call->u.settle.lease) != 0) {
        answer->result = STATE_LOST;
        return;
    }
    if (call->u.settle.outcome == STATE_SETTLED_WELL)
        project->save_tries = 0;
    project->save_tries += call->u.settle.outcome == STATE_SETTLED_FAILED;
    project->claim = NULL;
    project->due = model_now_ms(model) +
                   (count_dirty(project) ? call->u.settle.dirty_ms : call->u.settle.again_ms);
}

/* ---- dirty ---- */

static int longest_first(const void *a, const void *b)
{
    const struct model_file *left = *(struct model_file *const *)a;
    const struct model_file *right = *(struct model_file *const *)b;
    char left_id[24], right_id[24];
    if (left->dirty_at != right->dirty_at)
        return left->dirty_at < right->dirty_at ? -1 : 1;
    snprintf(left_id, sizeof(left_id), "%llu", (unsigned long long)left->f);
    snprintf(right_id, sizeof(right_id), "%llu", (unsigned long long)right->f);
    return strcmp(left_id, right_id);
}

void model_list_dirty(struct model *model, const struct model_call *call,
                      struct model_answer *answer)
{
    struct model_project *project;
    struct model_call any = *call;
    struct state_dirty *out = &answer->u.dirty;
    any.epoch = "";
    if ((answer->result = model_gate(model, &any, &project)) != STATE_OK)
        return;
    size_t count = count_dirty(project), at = 0;
    struct model_file **list = arena_alloc(&model->arena, count * sizeof(struct model_file *));
    struct state_dirty_file *files = arena_alloc(&model->arena, count * sizeof(*files));
    for (struct model_file *file = project->files; file; file = file->next)
        if (file->is_dirty)
            list[at++] = file;
    qsort(list, count, sizeof(list[0]), longest_first);
    out->epoch = arena_copy_text(&model->arena, project->epoch);
    out->members = model_members(model, project);
    out->e = project->e;
    out->next_file = project->next_file;
    out->file_count = count < call->u.dirty_most ? count : call->u.dirty_most;
    for (size_t i = 0; i < out->file_count; i++)
        files[i] = (struct state_dirty_file){list[i]->f, list[i]->rev, list[i]->version,
                                             list[i]->path, list[i]->is_deleted};
    out->files = files;
}

/* ---- saved ---- */

/* Returns whether the room is told of it. */
static bool mark_one(struct model_project *project, const struct state_saved_file *saved)
{
    struct model_file *file = model_find_file(project, saved->f);
    if (!file)
        return false;
#if WEFT_MUTANT == 5
    bool is_last = true;
#else
    bool is_last = file->rev == saved->rev;
#endif
    if (is_last)
        file->is_dirty = false;
    if (file->is_deleted && is_last) {
        model_drop_file(project, file);
        return false;
    }
    if (saved->rev <= file->saved_rev)
        return false;
    file->saved_rev = saved->rev;
    if (saved->version > file->saved_version)
        file->saved_version = saved->version;
    return !file->is_deleted;
}

void model_mark_saved(struct model *model, const struct model_call *call,
                      struct model_answer *answer)
{
    struct model_project *project;
    size_t count = 0;
    if ((answer->result = model_gate(model, call, &project)) != STATE_OK)
        return;
    struct saved_mark *marks =
        arena_alloc(&model->arena, call->u.saved.count * sizeof(struct saved_mark));
    for (size_t i = 0; i < call->u.saved.count; i++)
        if (mark_one(project, &call->u.saved.files[i]))
            marks[count++] =
                (struct saved_mark){call->u.saved.files[i].f, call->u.saved.files[i].version};
    if (count > 0) {
        struct buf line = BUF_EMPTY;
        encode_saved(&line, marks, count, call->u.saved.ts);
        model_tell(model, project, call, (struct hint){.kind = HINT_SAVED}, line.data, line.len);
        buf_close(&line);
    }
    answer->u.saved.dirty = count_dirty(project);
}

/* ---- unload ---- */

void model_unload(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    struct model_project *project;
    if ((answer->result = model_gate(model, call, &project)) != STATE_OK)
        return;
#if WEFT_MUTANT != 10
    if (model_members(model, project) > 0) {
        answer->result = STATE_BUSY;
        return;
    }
#endif
    if (count_dirty(project) > 0 || project->live[0] == '\0') {
        answer->result = STATE_BUSY;
        return;
    }
    answer->u.unloaded.token = project->live;
    answer->u.unloaded.e = project->e;
    answer->u.unloaded.next_file = project->next_file;
    model_erase(project);
    project->due = 0;
    project->save_tries = 0;
    project->claim = NULL;
}
