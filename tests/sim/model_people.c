/* open.lua, leave.lua, renew.lua, part_people.lua. */
#include "model_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct model_person *find(const struct model_project *project, uint64_t cid)
{
    struct model_person *person = project->people;
    while (person && person->cid != cid)
        person = person->next;
    return person;
}

static bool is_here(const struct model *model, const struct model_person *person)
{
    return person->is_member && person->until >= model_now_ms(model);
}

uint64_t model_members(const struct model *model, const struct model_project *project)
{
    uint64_t count = 0;
    for (const struct model_person *person = project->people; person; person = person->next)
        count += is_here(model, person);
    return count;
}

static int by_lease(const void *a, const void *b)
{
    const struct model_person *left = *(struct model_person *const *)a;
    const struct model_person *right = *(struct model_person *const *)b;
    char left_cid[24], right_cid[24];
    if (left->until != right->until)
        return left->until < right->until ? -1 : 1;
    snprintf(left_cid, sizeof(left_cid), "%llu", (unsigned long long)left->cid);
    snprintf(right_cid, sizeof(right_cid), "%llu", (unsigned long long)right->cid);
    return strcmp(left_cid, right_cid);
}

const struct state_person *model_people(struct model *model, const struct model_project *project,
                                        size_t *count)
{
    size_t most = model_members(model, project), at = 0;
    struct model_person **members = arena_alloc(&model->arena, most * sizeof(*members));
    struct state_person *list = arena_alloc(&model->arena, most * sizeof(*list));
    for (struct model_person *person = project->people; person; person = person->next)
        if (is_here(model, person) && person->is_shown)
            members[at++] = person;
    qsort(members, at, sizeof(members[0]), by_lease);
    for (size_t i = 0; i < at; i++)
        list[i] = (struct state_person){members[i]->cid,  members[i]->shown_k, members[i]->inst,
                                        members[i]->user, members[i]->name,    members[i]->color};
    *count = at;
    return list;
}

/* ---- who comes and goes ---- */

static void tell_join(struct model *model, struct model_project *project,
                      const struct model_call *call, const struct model_person *person)
{
    struct buf body = BUF_EMPTY;
    buf_add_char(&body, '[');
    buf_add_json(&body, person->user, strlen(person->user));
    buf_add_char(&body, ',');
    buf_add_json(&body, person->name, strlen(person->name));
    buf_printf(&body, ",%d]", person->color);
    model_tell(model, project, call,
               (struct hint){.kind = HINT_JOIN, .a = person->cid, .b = person->k}, body.data,
               body.len);
    buf_close(&body);
}

static void remove_member(struct model *model, struct model_project *project,
                          const struct model_call *call, struct model_person *person)
{
    person->gone_at = model_now_ms(model);
    person->is_member = false;
    project->people_rev++;
    model_tell(model, project, call,
               (struct hint){.kind = HINT_LEAVE, .a = person->cid, .b = person->k}, NULL, 0);
}

/* The last of all is gone: the project is due soon. */
static void hurry(struct model *model, struct model_project *project)
{
    uint64_t soon = model_now_ms(model) + 1000;
    for (const struct model_person *person = project->people; person; person = person->next)
        if (person->is_member)
            return;
    if (!project->claim && project->due > soon)
        project->due = soon;
}

static struct model_person *add(struct model *model, struct model_project *project, uint64_t cid)
{
    struct model_person *person = arena_zalloc(&model->arena, sizeof(*person));
    person->cid = cid;
    person->next = project->people;
    project->people = person;
    return person;
}

static bool join(struct model *model, struct model_project *project, const struct model_call *call,
                 uint64_t *given)
{
    const struct state_open *open = &call->u.open.open;
    struct model_person *person = find(project, open->cid);
    uint64_t had = person ? person->k : 0;
    bool again = open->nonce != 0 && person && person->nonce == open->nonce &&
                 (open->k == 0 || open->k == had);
    *given = again ? had : open->k == 0 ? had + 1 : open->k;
    if (!again && *given <= had)
        return false;
    if (model->config.save_after_ms && project->due == 0)
        project->due = model_now_ms(model) + model->config.save_after_ms;
    if (!person)
        person = add(model, project, open->cid);
    if (!(again && is_here(model, person))) {
        person->k = person->shown_k = *given;
        person->nonce = open->nonce;
        person->gone_at = model_now_ms(model);
        person->is_shown = true;
        person->inst = call->instance;
        person->user = open->user ? open->user : "";
        person->name = open->name ? open->name : "";
        person->color = open->color;
        project->people_rev++;
        tell_join(model, project, call, person);
    }
    person->is_member = true;
    person->until = model_now_ms(model) + model->config.lease_ms;
    return true;
}

/* ---- open ---- */

bool model_has_lease(const struct model *model, const struct model_project *project,
                     const struct model_call *call)
{
    return project->load_token && strcmp(project->load_run, call->run) == 0 &&
           project->load_until > model_now_ms(model);
}

static void load(struct model *model, struct model_project *project, const struct model_call *call,
                 struct model_answer *answer)
{
    struct state_opened *out = &answer->u.opened;
    uint64_t now = model_now_ms(model);
    const char *run = project->load_run ? project->load_run : project->run;
    char by[80];
    snprintf(by, sizeof(by), "%s %llu", call->instance,
             (unsigned long long)call->u.open.open.nonce);
    out->recover = project->phase == MODEL_RECOVERING ||
                   (project->phase != MODEL_NOTHING && (!run || strcmp(run, call->run) != 0));
    if (model_has_lease(model, project, call)) {
        if (call->u.open.open.nonce == 0 || strcmp(project->load_by, by) != 0) {
            uint64_t rest = project->load_until - now;
            answer->result = STATE_WAIT;
            out->wait_ms = rest < 250 ? rest : 250;
            return;
        }
    } else {
        bool held = project->phase == MODEL_READY || project->phase == MODEL_RECOVERING;
        project->phase = held ? MODEL_RECOVERING : MODEL_LOADING;
        project->load_token = model_token(model, call);
        project->load_until = now + model->config.load_ms;
        project->load_run = call->run;
        project->load_by = arena_copy_text(&model->arena, by);
        project->expires = held ? 0 : project->load_until;
    }
    answer->result = STATE_LOAD;
    out->token = project->load_token;
    out->ask_ms = call->u.open.ask_ms;
    if (out->ask_ms < 500 && model->instances && model->instances(model->owner) > 1)
        out->ask_ms = 500;
}

static void show_tree(struct model *model, const struct model_project *project,
                      struct state_opened *out)
{
    struct model_file **tree = model_tree(model, project, &out->file_count);
    struct state_file *files =
        arena_alloc(&model->arena, out->file_count * sizeof(struct state_file));
    for (size_t i = 0; i < out->file_count; i++)
        files[i] = (struct state_file){.f = tree[i]->f,
                                       .version = tree[i]->version,
                                       .utf16_len = tree[i]->len,
                                       .size = tree[i]->content_len,
                                       .saved_version = tree[i]->saved_version,
                                       .rev = tree[i]->rev,
                                       .path = tree[i]->path,
                                       .eol = tree[i]->eol};
    out->files = files;
    out->people = model_people(model, project, &out->people_count);
}

void model_open(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    const struct state_open *open = &call->u.open.open;
    struct model_project *project = model_make(model, call->project);
    struct state_opened *out = &answer->u.opened;
    if (project->phase == MODEL_READY && strcmp(project->run, call->run) != 0 &&
        model->config.trust_restarts) {
        project->run = call->run;
        project->tick = model->now_us;
    }
    if (project->phase != MODEL_READY || strcmp(project->run, call->run) != 0) {
        load(model, project, call, answer);
        return;
    }
    out->k = open->k;
    if (open->cid != 0 && !join(model, project, call, &out->k)) {
        answer->result = STATE_STRAGGLER;
        return;
    }
    answer->result = STATE_OK;
    out->epoch = arena_copy_text(&model->arena, project->epoch);
    out->name = project->title;
    out->next_file = project->next_file;
    out->e = project->e;
    out->tick = project->tick;
    out->people_rev = project->people_rev;
    if (open->want_tree)
        show_tree(model, project, out);
}

/* ---- leave and renew ---- */

void model_leave(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    struct model_project *project;
    if ((answer->result = model_gate(model, call, &project)) != STATE_OK)
        return;
    struct model_person *person = find(project, call->u.leave.cid);
    if (!person || person->k != call->u.leave.k || !person->is_member)
        return;
    remove_member(model, project, call, person);
    hurry(model, project);
    person->is_shown = false;
}

void model_renew(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    struct model_project *project;
    uint64_t now = model_now_ms(model);
    bool any = false;
    if ((answer->result = model_gate(model, call, &project)) != STATE_OK)
        return;
    for (size_t i = 0; i < call->u.renew.count; i++) {
        struct model_person *person = find(project, call->u.renew.members[i].cid);
        if (!person || person->k != call->u.renew.members[i].k || !person->is_shown)
            continue;
        if (!is_here(model, person)) {
            project->people_rev++;
            tell_join(model, project, call, person);
        }
        person->is_member = true;
        person->until = now + model->config.lease_ms;
    }
    for (struct model_person *person = project->people; person; person = person->next) {
        if (person->is_member && person->until < now) {
            remove_member(model, project, call, person);
            any = true;
        }
    }
    if (any)
        hurry(model, project);
}
