/* create.lua, tree.lua. */
#include "model_redis.h"
#include "weft/base/blob.h"
#include "weft/base/utf.h"
#include "weft/protocol/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MOST 512u
#define SLASHES_MOST 31u

static const char *const op_names[] = {
    [TREE_CREATE] = "create", [TREE_RENAME] = "rename", [TREE_DELETE] = "delete"};

/* A change of the tree as it is worked out, before anything is written. */
struct plan {
    const struct state_tree *ask;
    struct model_project *project;
    struct model_file **chosen; /* in the order of ids; one NULL for a create */
    const char **paths;         /* of each, after the change */
    uint64_t *revs;
    size_t count;
};

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool is_chosen(const struct plan *plan, const struct model_file *file)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->chosen[i] == file)
            return true;
    return false;
}

/* Is there a file or folder of that path, or a file where it needs a folder? Among those that are
 * not chosen. */
static bool is_taken(const struct plan *plan, const char *path)
{
    size_t len = strlen(path);
    for (const struct model_file *file = plan->project->files; file; file = file->next) {
        if (file->is_deleted || is_chosen(plan, file))
            continue;
        size_t its = strlen(file->path);
        if (its == len && strcmp(file->path, path) == 0)
            return true;
        if (its > len && file->path[len] == '/' && begins_with(file->path, path))
            return true;
        if (its < len && path[its] == '/' && begins_with(path, file->path))
            return true;
    }
    return false;
}

/* ---- what was asked before ---- */

static const struct model_asked *find_asked(const struct model_project *project,
                                            const struct state_tree *ask)
{
    for (size_t i = 0; ask->nonce != 0 && i < project->asked_count; i++)
        if (project->asked[i].by == ask->by && project->asked[i].nonce == ask->nonce)
            return &project->asked[i];
    return NULL;
}

static void remember(struct model *model, struct model_project *project,
                     const struct state_tree *ask)
{
    if (ask->nonce == 0)
        return;
    project->asked = model_grow(model, project->asked, project->asked_count, &project->asked_room,
                                sizeof(*project->asked));
    project->asked[project->asked_count++] = (struct model_asked){ask->by, ask->nonce, project->e};
}

/* What an event did: its files and their paths of then. */
static void tell_again(struct model *model, const struct model_project *project, uint64_t e,
                       struct state_treed *out)
{
    const struct blob *line = project->events[project->event_count - 1 - (project->e - e)];
    struct relayed_fs fs;
    if (decode_fs(line->data, line->len, &fs, NULL) != ERR_OK)
        abort();
    struct state_tree_entry *entries =
        arena_alloc(&model->arena, fs.event.count * sizeof(*entries));
    for (size_t i = 0; i < fs.event.count; i++) {
        const struct fs_entry *was = &fs.event.entries[i];
        const struct model_file *file = model_find_file(project, was->f);
        entries[i] = (struct state_tree_entry){
            was->f, file ? file->rev : 0, arena_copy(&model->arena, was->path, strlen(was->path))};
    }
    out->entries = entries;
    out->entry_count = fs.event.count;
    out->e = e;
    relayed_fs_close(&fs);
}

/* ---- planning ---- */

static void choose(struct model *model, struct plan *plan)
{
    const struct state_tree *ask = plan->ask;
    size_t all;
    struct model_file **tree = model_tree(model, plan->project, &all);
    plan->chosen = arena_zalloc(&model->arena, (all + 1) * sizeof(struct model_file *));
    plan->paths = arena_zalloc(&model->arena, (all + 1) * sizeof(char *));
    plan->revs = arena_zalloc(&model->arena, (all + 1) * sizeof(uint64_t));
    for (size_t i = 0; ask->op != TREE_CREATE && i < all; i++) {
        const char *path = tree[i]->path;
        if (ask->from ? begins_with(path, ask->from) && strcmp(path, ask->from) != 0
                      : tree[i]->f == ask->f) {
            plan->chosen[plan->count] = tree[i];
            plan->revs[plan->count] = tree[i]->rev + 1;
            plan->paths[plan->count++] = path;
        }
    }
}

static enum state_result plan_create(struct plan *plan)
{
    size_t count = 0;
    if (is_taken(plan, plan->ask->path))
        return STATE_EXISTS;
    for (const struct model_file *file = plan->project->files; file; file = file->next)
        count += !file->is_deleted;
    if (plan->ask->files_max > 0 && count >= plan->ask->files_max)
        return STATE_FULL;
    plan->paths[0] = plan->ask->path;
    plan->revs[0] = 1;
    plan->count = 1;
    return STATE_OK;
}

static size_t count_slashes(const char *path)
{
    size_t count = 0;
    for (; *path; path++)
        count += *path == '/';
    return count;
}

static enum state_result plan_rename(struct model *model, struct plan *plan)
{
    const struct state_tree *ask = plan->ask;
    if (ask->from && is_taken(plan, arena_copy(&model->arena, ask->path, strlen(ask->path) - 1)))
        return STATE_EXISTS;
    for (size_t i = 0; i < plan->count; i++) {
        const char *tail = ask->from ? plan->paths[i] + strlen(ask->from) : "";
        size_t head = strlen(ask->path), len = head + strlen(tail);
        char *path = arena_alloc(&model->arena, len + 1);
        snprintf(path, len + 1, "%s%s", ask->path, tail);
        plan->paths[i] = path;
        if (len > PATH_MOST || count_slashes(path) > SLASHES_MOST)
            return STATE_FULL;
        if (is_taken(plan, path))
            return STATE_EXISTS;
    }
    return STATE_OK;
}

static enum state_result work_out(struct model *model, struct plan *plan)
{
    choose(model, plan);
    if (plan->ask->op == TREE_CREATE)
        return plan_create(plan);
    if (plan->count == 0)
        return STATE_NO_FILE;
    return plan->ask->op == TREE_RENAME ? plan_rename(model, plan) : STATE_OK;
}

/* ---- doing ---- */

static uint64_t id_of(const struct plan *plan, size_t i)
{
    return plan->chosen[i] ? plan->chosen[i]->f : plan->project->next_file;
}

static void print_event(struct buf *out, const struct plan *plan, uint64_t utf16_len)
{
    const struct state_tree *ask = plan->ask;
    buf_printf(out, "{\"t\":\"fs\",\"e\":%llu", (unsigned long long)plan->project->e + 1);
    if (ask->by)
        buf_printf(out, ",\"by\":%llu", (unsigned long long)ask->by);
    buf_printf(out, ",\"op\":\"%s\"", op_names[ask->op]);
    buf_add_text(out, ask->from ? ",\"list\":[" : "");
    for (size_t i = 0; i < plan->count; i++) {
        if (ask->from)
            buf_printf(out, "%s[%llu,", i ? "," : "", (unsigned long long)id_of(plan, i));
        else
            buf_printf(out, ",\"f\":%llu,\"path\":", (unsigned long long)id_of(plan, i));
        buf_add_json(out, plan->paths[i], strlen(plan->paths[i]));
        buf_add_text(out, ask->from ? "]" : "");
    }
    if (ask->op == TREE_CREATE)
        buf_printf(out, ",\"len\":%llu", (unsigned long long)utf16_len);
    if (ask->op == TREE_CREATE && ask->eol && strcmp(ask->eol, "\n") != 0) {
        buf_add_text(out, ",\"eol\":");
        buf_add_json(out, ask->eol, strlen(ask->eol));
    }
    buf_add_text(out, ask->from ? "]}" : "}");
}

static void log_event(struct model *model, struct model_project *project, const struct buf *line)
{
    project->events = model_grow(model, project->events, project->event_count, &project->event_room,
                                 sizeof(*project->events));
    project->events[project->event_count++] = model_keep(model, blob_new(line->data, line->len));
    project->e++;
    if (project->event_count > model->config.events) {
        project->events++;
        project->event_count--;
        project->event_room--;
    }
}

/* Gone: what it was named by, until its document is gone too. */
static void delete (struct model *model, struct model_project *project, struct model_file *file)
{
    file->is_deleted = true;
    file->log_count = 0;
    file->log = NULL;
    file->log_room = 0;
    file->seen_count = 0;
    if (model->config.save_after_ms == 0 && file->saved_rev == 0)
        model_drop_file(project, file); /* no repository has it */
}

static void do_one(struct model *model, struct plan *plan, size_t i, uint64_t utf16_len)
{
    const struct state_tree *ask = plan->ask;
    struct model_file *file = plan->chosen[i];
    if (ask->op == TREE_CREATE) {
        struct state_populate_file made = {.f = plan->project->next_file,
                                           .rev = 1,
                                           .path = ask->path,
                                           .eol = ask->eol,
                                           .text = ask->text,
                                           .len = ask->text ? ask->len : 0,
                                           .utf16_len = utf16_len};
        plan->chosen[i] = file = model_put_file(model, plan->project, &made);
        plan->project->next_file++;
    }
    file->path = plan->paths[i];
    file->rev = plan->revs[i];
    file->updated_at = model_now_ms(model);
    file->updated_by = ask->by;
    model_mark(model, plan->project, file, model->config.save_after_ms);
}

void model_change_tree(struct model *model, const struct model_call *call,
                       struct model_answer *answer)
{
    const struct state_tree *ask = &call->u.tree;
    struct plan plan = {.ask = ask};
    struct state_treed *out = &answer->u.treed;
    if ((answer->result = model_gate(model, call, &plan.project)) != STATE_OK)
        return;
    const struct model_asked *asked = find_asked(plan.project, ask);
    if (asked && plan.project->e - asked->e < plan.project->event_count) {
        answer->is_again = true;
        tell_again(model, plan.project, asked->e, out);
        return;
    }
    if ((answer->result = work_out(model, &plan)) != STATE_OK)
        return;
    uint64_t utf16_len = ask->text ? utf8_utf16_len(ask->text, ask->len) : 0;
    struct buf line = BUF_EMPTY;
    struct state_tree_entry *entries =
        arena_alloc(&model->arena, plan.count * sizeof(struct state_tree_entry));
    print_event(&line, &plan, utf16_len);
    log_event(model, plan.project, &line);
    for (size_t i = 0; i < plan.count; i++) {
        do_one(model, &plan, i, utf16_len);
        entries[i] = (struct state_tree_entry){plan.chosen[i]->f, plan.revs[i], plan.paths[i]};
        if (ask->op == TREE_DELETE)
            delete (model, plan.project, plan.chosen[i]);
    }
    remember(model, plan.project, ask);
    model_tell(model, plan.project, call, (struct hint){.kind = HINT_EVENT, .a = plan.project->e},
               line.data, line.len);
    buf_close(&line);
    out->e = plan.project->e;
    out->entries = entries;
    out->entry_count = plan.count;
}

/* ---- create ---- */

void model_create(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    const struct state_create *create = &call->u.create.create;
    struct model_project *project = model_make(model, call->project);
    struct plan plan = {.project = project};
    if (project->phase != MODEL_NOTHING) {
        answer->result = project->phase == MODEL_LOADING ? STATE_BUSY : STATE_EXISTS;
        return;
    }
    model_erase(project);
    project->next_file = 1;
    for (size_t i = 0; i < create->file_count; i++) {
        const struct state_new_file *file = &create->files[i];
        if (is_taken(&plan, file->path))
            continue;
        struct state_populate_file made = {.f = project->next_file++,
                                           .rev = 1,
                                           .path = file->path,
                                           .eol = file->eol,
                                           .text = file->text,
                                           .len = file->len,
                                           .utf16_len = utf8_utf16_len(file->text, file->len),
                                           .updated_at = model_now_ms(model)};
        model_mark(model, project, model_put_file(model, project, &made), 0);
    }
    project->phase = MODEL_READY;
    snprintf(project->epoch, sizeof(project->epoch), "%s", call->u.create.epoch);
    project->run = call->run;
    project->live = "";
    project->title = create->name ? create->name : call->project;
    project->template = create->template ? create->template : "";
    project->tick = project->people_rev = model->now_us;
    project->e = 0;
    if (model->config.save_after_ms)
        project->due = model_now_ms(model) + model->config.save_after_ms;
}
