/* Running scripts, and what all of them use: prelude.lua, part_files.lua. */
#include "model_redis.h"
#include "weft/base/blob.h"
#include "weft/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void model_init(struct model *model, const struct model_config *config)
{
    *model = (struct model){.config = *config, .arena = ARENA_EMPTY};
}

void model_close(struct model *model)
{
    for (size_t i = 0; i < model->blob_count; i++)
        blob_unref(model->blobs[i]);
    buf_close(&model->out);
    arena_close(&model->arena);
}

void *model_grow(struct model *model, void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    size_t more = *room ? 2 * *room : 8;
    void *larger = arena_alloc(&model->arena, more * size);
    if (count > 0)
        memcpy(larger, array, count * size);
    *room = more;
    return larger;
}

struct blob *model_keep(struct model *model, struct blob *taken)
{
    model->blobs = model_grow(model, model->blobs, model->blob_count, &model->blob_room,
                              sizeof(*model->blobs));
    model->blobs[model->blob_count++] = taken;
    return taken;
}

uint64_t model_now_ms(const struct model *model)
{
    return model->now_us / 1000;
}

uint64_t model_epoch_number(const char *epoch)
{
    return strtoull(epoch, NULL, 10);
}

/* ---- projects and files ---- */

struct model_project *model_find(const struct model *model, const char *project)
{
    struct model_project *at = model->projects;
    while (at && strcmp(at->name, project) != 0)
        at = at->next;
    return at;
}

/* What has a time to live and is over goes when it is looked for. */
static void expire(const struct model *model, struct model_project *project)
{
    if (project->expires && model_now_ms(model) >= project->expires) {
        project->phase = MODEL_NOTHING;
        project->expires = 0;
        project->load_token = NULL;
    }
    if (project->offers_expire && model_now_ms(model) >= project->offers_expire) {
        project->offered_tree = NULL;
        project->offered_count = 0;
        project->offers_expire = 0;
    }
}

struct model_project *model_make(struct model *model, const char *project)
{
    struct model_project *found = model_find(model, project);
    if (!found) {
        found = arena_zalloc(&model->arena, sizeof(*found));
        found->name = arena_copy_text(&model->arena, project);
        found->next = model->projects;
        model->projects = found;
    }
    expire(model, found);
    return found;
}

struct model_file *model_find_file(const struct model_project *project, uint64_t f)
{
    struct model_file *file = project->files;
    while (file && file->f != f)
        file = file->next;
    return file;
}

void model_drop_file(struct model_project *project, struct model_file *file)
{
    struct model_file **at = &project->files;
    while (*at != file)
        at = &(*at)->next;
    *at = file->next;
}

struct model_file *model_put_file(struct model *model, struct model_project *project,
                                  const struct state_populate_file *from)
{
    struct model_file *file = arena_zalloc(&model->arena, sizeof(*file));
    struct model_file *was = model_find_file(project, from->f);
    if (was)
        model_drop_file(project, was);
    *file = (struct model_file){.next = project->files,
                                .f = from->f,
                                .version = from->version,
                                .rev = from->rev,
                                .len = from->utf16_len,
                                .content_version = from->version,
                                .saved_rev = from->saved_rev,
                                .saved_version = from->saved_version,
                                .updated_at = from->updated_at,
                                .updated_by = from->updated_by,
                                .path = from->path,
                                .eol = from->eol ? from->eol : "\n",
                                .content = from->text ? from->text : "",
                                .content_len = from->len,
                                .log_from = from->version};
    project->files = file;
    return file;
}

void model_erase(struct model_project *project)
{
    project->files = NULL;
    project->people = NULL;
    project->event_count = 0;
    project->asked_count = 0;
    project->offered_tree = NULL;
    project->offered_count = 0;
    project->phase = MODEL_NOTHING;
    project->expires = project->offers_expire = 0;
    project->load_token = NULL;
    project->load_run = NULL;
}

static int by_id(const void *a, const void *b)
{
    const struct model_file *left = *(struct model_file *const *)a;
    const struct model_file *right = *(struct model_file *const *)b;
    return left->f < right->f ? -1 : left->f > right->f;
}

struct model_file **model_tree(struct model *model, const struct model_project *project,
                               size_t *count)
{
    *count = 0;
    for (struct model_file *file = project->files; file; file = file->next)
        *count += !file->is_deleted;
    struct model_file **list = arena_alloc(&model->arena, *count * sizeof(struct model_file *));
    size_t at = 0;
    for (struct model_file *file = project->files; file; file = file->next)
        if (!file->is_deleted)
            list[at++] = file;
    qsort(list, *count, sizeof(list[0]), by_id);
    return list;
}

uint64_t model_seen(const struct model_file *file, uint64_t cid)
{
    for (size_t i = 0; i < file->seen_count; i++)
        if (file->seen[i].cid == cid)
            return file->seen[i].n;
    return 0;
}

void model_set_seen(struct model *model, struct model_file *file, uint64_t cid, uint64_t n)
{
    for (size_t i = 0; i < file->seen_count; i++) {
        if (file->seen[i].cid == cid) {
            file->seen[i].n = n;
            return;
        }
    }
    file->seen =
        model_grow(model, file->seen, file->seen_count, &file->seen_room, sizeof(*file->seen));
    file->seen[file->seen_count++] = (struct state_seen){cid, n};
}

size_t model_keys(const struct model *model, const char *name)
{
    struct model_project *project = model_find(model, name);
    if (!project)
        return 0;
    expire(model, project);
    const bool held[] = {project->phase != MODEL_NOTHING, project->files != NULL,
                         project->people != NULL, project->event_count > 0,
                         project->offered_tree != NULL || project->offered_count > 0};
    size_t count = 0;
    for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
        count += held[i];
    return count;
}

/* ---- the prelude ---- */

enum state_result model_gate(struct model *model, const struct model_call *call,
                             struct model_project **out)
{
    struct model_project *project = *out = model_make(model, call->project);
    if (project->phase != MODEL_READY || strcmp(project->run, call->run) != 0)
        return STATE_UNLOADED;
#if WEFT_MUTANT != 6
    if (call->epoch[0] && strcmp(project->epoch, call->epoch) != 0)
        return STATE_EPOCH;
#endif
    return STATE_OK;
}

void model_tell(struct model *model, struct model_project *project, const struct model_call *call,
                struct hint hint, const char *body, size_t len)
{
    hint.tick = ++project->tick;
    if (model->is_replaying || !model->publish)
        return;
    snprintf(hint.epoch, sizeof(hint.epoch), "%s", project->epoch);
    snprintf(hint.instance, sizeof(hint.instance), "%s", call->instance);
    if (!body || len > HINT_BODY_MAX)
        hint.seal[0] = '\0';
    buf_reset(&model->out);
    hint_print(&model->out, &hint);
    if (body && len <= HINT_BODY_MAX) {
        buf_add_char(&model->out, '\n');
        buf_add(&model->out, body, len);
    }
    model->publish(model->owner, project->name, model->out.data, model->out.len);
}

void model_mark(struct model *model, struct model_project *project, struct model_file *file,
                uint64_t after)
{
    uint64_t now = model_now_ms(model);
    bool is_later = project->due == 0 || (!project->claim && project->due > now + after);
    if (!file->is_dirty && after > 0 && is_later)
        project->due = now + after;
    file->is_dirty = true;
    file->dirty_at = now;
}

const char *model_token(struct model *model, const struct model_call *call)
{
    char token[64];
    snprintf(token, sizeof(token), "%s.%llu", call->instance, (unsigned long long)model->now_us);
    return arena_copy_text(&model->arena, token);
}

/* ---- running ---- */

static void run(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    static void (*const scripts[MODEL_OP_COUNT])(struct model *, const struct model_call *,
                                                 struct model_answer *) = {
        [MODEL_OPEN] = model_open,         [MODEL_CREATE] = model_create,
        [MODEL_APPEND] = model_append,     [MODEL_READ] = model_read,
        [MODEL_TREE] = model_change_tree,  [MODEL_EVENTS] = model_list_events,
        [MODEL_LEAVE] = model_leave,       [MODEL_POLL] = model_poll,
        [MODEL_RENEW] = model_renew,       [MODEL_CHECKPOINT] = model_checkpoint,
        [MODEL_OFFER] = model_take_offer,  [MODEL_OFFERS] = model_list_offers,
        [MODEL_POPULATE] = model_populate, [MODEL_ABANDON] = model_abandon,
        [MODEL_CLAIM] = model_claim,       [MODEL_SETTLE] = model_settle,
        [MODEL_DIRTY] = model_list_dirty,  [MODEL_SAVED] = model_mark_saved,
        [MODEL_UNLOAD] = model_unload,
    };
    memset(answer, 0, sizeof(*answer));
    scripts[call->op](model, call, answer);
}

void model_execute(struct model *model, struct model_call *call, struct model_answer *answer)
{
    static const bool writes[MODEL_OP_COUNT] = {
#define MODEL_OP_WRITES(op, may) [MODEL_##op] = may,
        MODEL_OPS(MODEL_OP_WRITES)
#undef MODEL_OP_WRITES
    };
    call->at_us = model->now_us;
    if (writes[call->op]) {
        model->journal = model_grow(model, model->journal, model->journal_count,
                                    &model->journal_room, sizeof(*model->journal));
        model->journal[model->journal_count++] = call;
    }
    run(model, call, answer);
}

void model_restart(struct model *model, size_t lost)
{
    struct model_answer answer;
    uint64_t now_us = model->now_us;
    size_t count = lost < model->journal_count ? model->journal_count - lost : 0;
    model->projects = NULL;
    model->journal_count = count;
    model->is_replaying = true;
    for (size_t i = 0; i < count; i++) {
        model->now_us = model->journal[i]->at_us;
        run(model, model->journal[i], &answer);
    }
    model->is_replaying = false;
    model->now_us = now_us;
}
