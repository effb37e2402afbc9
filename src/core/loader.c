/* A load is a walk through steps, each one call of a port:
 *
 *     with a repository      READ → (fresh: ASK → GATHER) → BEGIN → (fresh: READ again) → POPULATE
 *     where there is none    ASK → GATHER → POPULATE
 *
 * A load is fresh, under a new epoch, where history may have been lost: keys of another run are
 * there, or the repository says that the project is live, although the state does not have it. Then
 * all who have something of it are asked (ASK) and what they offered is read (GATHER). Otherwise
 * what the repository has is all there is.
 *
 * BEGIN compares and sets, so that of two loads that read the same only one goes on. In a fresh one
 * the repository is read again behind it: a save that was under way when the first was read may
 * have brought what nobody else has any more.
 *
 * Of an embedded state that has a repository nobody else can know anything: there nobody is asked.
 *
 * Any step may fail or leave it unknown whether it was done. Then it is made again, for as long as
 * the lease can be ours; an unknown begin is settled by reading. Nothing is populated from a
 * repository that was not read in whole. */
#include "loader.h"
#include "backoff.h"
#include "choice.h"
#include "detached.h"
#include "root.h"
#include "weft/base/list.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/core/epoch.h"
#include "weft/core/hint.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_TRIES 2u /* so often the repository may be away before those who wait are told */

enum load_step { LOAD_READ, LOAD_ASK, LOAD_GATHER, LOAD_CREATE, LOAD_BEGIN, LOAD_POPULATE };

struct load {
    TAILQ_ENTRY(load) link;
    struct registry *registry;
    uint64_t id; /* request number of its calls */
    char project[65];
    char *token;
    uint64_t until_ms; /* the lease may be ours so long */
    enum load_step step;
    bool is_called;    /* the step's call is under way */
    uint64_t due_ms;   /* when the step, or the next ask, is to be done */
    unsigned failures; /* in a row */
    bool is_fresh, has_asked, has_begun;
    bool was_recovering; /* keys of another run are there */
    uint64_t window_ms, window_end_ms;
    char epoch[EPOCH_SIZE]; /* to populate under, once has_begun */
    char *was_epoch, *was_live;
    struct choice offered;
    struct choice stored; /* as the repository was read last */
};

/* ---- the end ---- */

static void free_load(struct load *load)
{
    struct registry *registry = load->registry;
    TAILQ_REMOVE(&registry->loads, load, link);
    choice_close(&load->offered);
    choice_close(&load->stored);
    free(load->was_epoch);
    free(load->was_live);
    free(load->token);
    free(load);
}

/* Returns the room where those wait who are to be told, or NULL. */
static struct room *finish(struct load *load, const char *outcome)
{
    struct registry *registry = load->registry;
    struct room *room = room_listed(registry, load->project);
    log_info("load ended project=%s outcome=%s epoch=%s", load->project, outcome, load->epoch);
    free_load(load);
    return room;
}

static void abandon(const struct load *load)
{
    struct state *state = load->registry->state;
    struct state_ticket ticket = {0, load->id, load->project, ""};
    state->ops->abandon(state, &ticket, load->token);
}

/* The project is there, or another one loads it: all ask again. */
static void end_with_wake(struct load *load, const char *outcome)
{
    struct room *room = finish(load, outcome);
    if (room)
        waiting_wake(room);
}

static void end_with_answer(struct load *load, enum state_result result, const char *problem)
{
    abandon(load);
    struct room *room = finish(load, result == STATE_NO_PROJECT ? "none" : "broken");
    struct state_opened answer = {.result = result, .problem = problem};
    if (room)
        waiting_answer(room, &answer);
}

static void end_broken(struct load *load, const char *problem)
{
    load->registry->counts.load_failures++;
    log_error("project cannot be loaded project=%s problem=\"%s\"", load->project, problem);
    end_with_answer(load, STATE_BROKEN, problem);
}

static void tell_busy(struct load *load)
{
    struct room *room = room_listed(load->registry, load->project);
    if (room)
        waiting_fail(room, ERR_BUSY, "the project cannot be loaded now");
}

static void end_late(struct load *load)
{
    load->registry->counts.load_failures++;
    abandon(load);
    tell_busy(load);
    finish(load, "late");
}

/* ---- the steps ---- */

static struct state_ticket ticket_of(const struct load *load)
{
    return (struct state_ticket){0, load->id, load->project, ""};
}

static void read_repository(struct load *load)
{
    struct repository *repository = load->registry->repository;
    struct state_ticket ticket = ticket_of(load);
    repository->ops->load(repository, &ticket);
}

static void gather(struct load *load)
{
    struct state *state = load->registry->state;
    struct state_ticket ticket = ticket_of(load);
    state->ops->offers(state, &ticket, load->token);
}

/* The repository does not know a project of the state (it came later): it gets it, without files,
 * and they are saved to it as all that is dirty. */
static void create(struct load *load)
{
    struct repository *repository = load->registry->repository;
    const char *name = load->offered.tree.name, *template = load->offered.tree.template;
    struct state_ticket ticket = ticket_of(load);
    struct state_create create = {.name = name ? name : load->project,
                                  .template = template ? template : ""};
    repository->ops->create(repository, &ticket, &create);
}

static uint64_t highest_number(const struct load *load)
{
    uint64_t number = epoch_number(load->was_epoch ? load->was_epoch : "");
    if (number < load->offered.epoch_number)
        number = load->offered.epoch_number;
    return number < load->stored.epoch_number ? load->stored.epoch_number : number;
}

static void choose_epoch(struct load *load)
{
    struct registry *registry = load->registry;
    if (load->is_fresh)
        epoch_print(load->epoch, highest_number(load) + 1, registry_random(registry));
    else
        snprintf(load->epoch, sizeof load->epoch, "%s", load->was_epoch);
}

static void begin(struct load *load)
{
    struct repository *repository = load->registry->repository;
    struct state_ticket ticket = ticket_of(load);
    choose_epoch(load);
    load->has_begun = true;
    struct repository_begin begin = {load->was_epoch, load->was_live, load->epoch, load->token};
    repository->ops->begin(repository, &ticket, &begin);
}

static void populate(struct load *load)
{
    struct state *state = load->registry->state;
    struct state_ticket ticket = ticket_of(load);
    struct state_populate populate;
    choice_add_stored(&load->offered, &load->stored);
    choice_decide(&load->offered, load->is_fresh, &populate);
    populate.token = load->token;
    populate.epoch = load->epoch;
    state->ops->populate(state, &ticket, &populate);
}

static void (*const calls[])(struct load *load) = {
    [LOAD_READ] = read_repository, [LOAD_GATHER] = gather,     [LOAD_CREATE] = create,
    [LOAD_BEGIN] = begin,          [LOAD_POPULATE] = populate,
};

static void go_to(struct load *load, enum load_step step)
{
    load->step = step;
    load->is_called = true;
    calls[step](load);
}

/* The step's call is made again, or another one in its place. */
static void go_later(struct load *load, enum load_step step)
{
    load->step = step;
    load->is_called = false;
    load->due_ms = load->registry->now_ms + backoff_ms(load->registry, load->failures++);
}

/* ---- asking ---- */

static void publish_ask(struct load *load)
{
    struct registry *registry = load->registry;
    struct hint hint = {.kind = HINT_ASK, .epoch = "-"};
    snprintf(hint.instance, sizeof hint.instance, "%s", registry->config.instance);
    buf_reset(&registry->out);
    hint_print(&registry->out, &hint);
    registry->bus->ops->publish(registry->bus, load->project, registry->out.data,
                                registry->out.len);
}

static void ask(struct load *load)
{
    uint64_t now_ms = load->registry->now_ms;
    if (now_ms >= load->window_end_ms) {
        go_to(load, LOAD_GATHER);
        return;
    }
    publish_ask(load);
    load->due_ms = now_ms + load->registry->config.ask_again_ms;
    if (load->due_ms > load->window_end_ms)
        load->due_ms = load->window_end_ms;
}

static void start_asking(struct load *load, uint64_t window_ms)
{
    load->step = LOAD_ASK;
    load->is_called = false;
    load->window_end_ms = load->registry->now_ms + window_ms;
    ask(load);
}

/* ---- the beginning ---- */

static struct load *find_project(const struct registry *registry, const char *project)
{
    struct load *load;
    TAILQ_FOREACH(load, &registry->loads, link)
    if (strcmp(load->project, project) == 0)
        return load;
    return NULL;
}

bool loader_is_loading(const struct registry *registry, const char *project)
{
    return find_project(registry, project) != NULL;
}

static struct load *new_load(struct registry *registry, const char *project,
                             const struct state_opened *answer)
{
    struct load *load = mem_zalloc(sizeof *load);
    load->registry = registry;
    load->id = registry_id(registry);
    snprintf(load->project, sizeof load->project, "%s", project);
    load->token = mem_strdup(answer->token);
    load->until_ms = registry->now_ms + registry->config.load_ms;
    load->was_recovering = answer->recover;
    choice_init(&load->offered, load->project);
    choice_init(&load->stored, load->project);
    TAILQ_INSERT_TAIL(&registry->loads, load, link);
    return load;
}

static void start(struct registry *registry, const char *project, const struct state_opened *answer)
{
    struct load *load = find_project(registry, project);
    if (load && strcmp(load->token, answer->token) == 0)
        return;
    if (load)
        free_load(load); /* the lease of that one is over */
    load = new_load(registry, project, answer);
    registry->counts.loads++;
    log_info("load begins project=%s recover=%d", project, answer->recover);
    bool is_held = answer->recover || detached_exists(registry, project);
    load->window_ms =
        is_held || registry->repository->is_shared ? registry->config.window_ms : answer->ask_ms;
    if (registry->repository->is_shared) {
        go_to(load, LOAD_READ);
    } else {
        load->is_fresh = true;
        start_asking(load, load->window_ms);
    }
}

void loader_heard(struct registry *registry, const char *project, const struct state_opened *answer)
{
    struct room *room = room_listed(registry, project);
    if (room && registry->state->is_shared &&
        (answer->result == STATE_LOAD || answer->result == STATE_WAIT))
        detached_begin(room);
    if (answer->result == STATE_LOAD)
        start(registry, project, answer);
    else if (answer->result == STATE_OK)
        detached_end(registry, project);
}

static struct load *answered(struct registry *registry, uint64_t request)
{
    struct load *load;
    TAILQ_FOREACH(load, &registry->loads, link)
    if (load->id == request)
        break;
    if (load)
        load->is_called = false;
    return load;
}

/* ---- what the repository has ---- */

/* Its tree is as old as the newest of its files, whatever epoch was begun since. */
static bool copy_stored(struct load *load, const struct repository_loaded *answer)
{
    struct state_file *list = mem_realloc_array(NULL, answer->file_count + 1, sizeof list[0]);
    struct choice *stored = &load->stored;
    bool is_whole = true;
    choice_close(stored);
    for (size_t i = 0; i < answer->file_count; i++) {
        const struct repository_loaded_file *from = &answer->files[i];
        const struct state_offer_file file = {.f = from->f,
                                              .epoch_number = from->epoch_number,
                                              .version = from->version,
                                              .rev = from->rev,
                                              .path = from->path,
                                              .eol = from->eol,
                                              .text = from->text,
                                              .len = from->len,
                                              .seen = from->seen,
                                              .seen_count = from->seen_count,
                                              .updated_at = from->updated_at,
                                              .updated_by = from->updated_by};
        is_whole &= choice_add_file(stored, &file);
        list[i] = (struct state_file){.f = from->f,
                                      .version = from->version,
                                      .rev = from->rev,
                                      .path = from->path,
                                      .eol = from->eol};
    }
    const struct state_offer_tree tree = {stored->epoch_number, answer->e,        answer->next_file,
                                          answer->name,         answer->template, list,
                                          answer->file_count};
    choice_add_tree(stored, &tree);
    free(list);
    return is_whole;
}

static void remember_was(struct load *load, const struct repository_loaded *answer)
{
    free(load->was_epoch);
    free(load->was_live);
    load->was_epoch = mem_strdup(answer->epoch ? answer->epoch : "");
    load->was_live = answer->live ? mem_strdup(answer->live) : NULL;
}

/* Is what the last begin asked for what is there? */
static bool is_begun(const struct load *load)
{
    return load->has_begun && load->was_live && strcmp(load->was_live, load->token) == 0 &&
           strcmp(load->was_epoch, load->epoch) == 0;
}

static void found(struct load *load, const struct repository_loaded *answer)
{
    if (!copy_stored(load, answer)) {
        end_broken(load, "a file's text is not UTF-8");
        return;
    }
    remember_was(load, answer);
    if (is_begun(load)) {
        go_to(load, LOAD_POPULATE);
        return;
    }
    /* Documents of an epoch above the project's own would be guarded against it. */
    load->is_fresh |= load->was_recovering || load->was_live ||
                      load->stored.epoch_number > epoch_number(load->was_epoch);
    if (load->is_fresh && !load->has_asked && load->registry->state->is_shared)
        start_asking(load, load->window_ms);
    else
        go_to(load, LOAD_BEGIN);
}

static void not_found(struct load *load)
{
    if (load->has_asked && choice_is_empty(&load->offered)) {
        end_with_answer(load, STATE_NO_PROJECT, NULL);
    } else if (load->has_asked) {
        go_to(load, LOAD_CREATE);
    } else if (load->was_recovering || detached_exists(load->registry, load->project)) {
        load->is_fresh = true;
        start_asking(load, load->window_ms);
    } else {
        end_with_answer(load, STATE_NO_PROJECT, NULL);
    }
}

static void away(struct load *load, const char *problem)
{
    log_warn("repository is away project=%s tries=%u problem=\"%s\"", load->project,
             load->failures + 1, problem ? problem : "");
    if (load->failures + 1 >= BUSY_TRIES)
        tell_busy(load);
    go_later(load, LOAD_READ);
}

void loader_loaded(struct registry *registry, const struct repository_loaded *answer)
{
    struct load *load = answered(registry, answer->request);
    if (!load)
        return;
    if (answer->found == REPOSITORY_AWAY) {
        away(load, answer->problem);
        return;
    }
    load->failures = 0;
    if (answer->found == REPOSITORY_FOUND)
        found(load, answer);
    else if (answer->found == REPOSITORY_NONE)
        not_found(load);
    else
        end_broken(load, answer->problem ? answer->problem : "it cannot be understood");
}

bool loader_created(struct registry *registry, const struct repository_done *answer)
{
    struct load *load = answered(registry, answer->request);
    if (load && answer->result == REPOSITORY_UNKNOWN)
        go_later(load, LOAD_READ);
    else if (load)
        go_to(load, LOAD_READ);
    return load != NULL;
}

void loader_begun(struct registry *registry, const struct repository_done *answer)
{
    struct load *load = answered(registry, answer->request);
    if (!load)
        return;
    if (answer->result == REPOSITORY_UNKNOWN) {
        go_later(load, LOAD_READ);
        return;
    }
    bool is_done = answer->result == REPOSITORY_DONE;
    go_to(load, is_done && !load->is_fresh ? LOAD_POPULATE : LOAD_READ);
}

/* ---- what others have ---- */

static void gathered(struct load *load)
{
    bool is_found = load->was_epoch != NULL;
    load->has_asked = true;
    if (is_found) {
        go_to(load, LOAD_BEGIN);
    } else if (load->registry->repository->is_shared) {
        go_to(load, LOAD_READ); /* somebody may have made it since */
    } else if (choice_is_empty(&load->offered)) {
        end_with_answer(load, STATE_NO_PROJECT, NULL);
    } else {
        choose_epoch(load);
        go_to(load, LOAD_POPULATE);
    }
}

void loader_offers(struct registry *registry, const struct state_offers *answer)
{
    struct load *load = answered(registry, answer->request);
    if (!load)
        return;
    if (answer->result == STATE_LOST) {
        end_with_wake(load, "lost");
        return;
    }
    if (answer->result == STATE_BROKEN) {
        end_broken(load, "what the state has of it cannot be understood");
        return;
    }
    if (answer->result != STATE_OK) {
        go_later(load, LOAD_GATHER);
        return;
    }
    load->failures = 0;
    choice_close(&load->offered);
    for (size_t i = 0; i < answer->tree_count; i++)
        choice_add_tree(&load->offered, &answer->trees[i]);
    for (size_t i = 0; i < answer->file_count; i++)
        (void)choice_add_file(&load->offered, &answer->files[i]);
    if (load->offered.epoch_number < answer->epoch_number)
        load->offered.epoch_number = answer->epoch_number;
    detached_give(registry, load->project, &load->offered);
    gathered(load);
}

void loader_populated(struct registry *registry, const struct state_populated *answer)
{
    struct load *load = answered(registry, answer->request);
    if (!load)
        return;
    if (answer->result == STATE_OK) {
        registry->counts.recoveries += load->is_fresh;
        if (load->is_fresh)
            log_warn("project goes on under a new epoch project=%s epoch=%s", load->project,
                     load->epoch);
        end_with_wake(load, "done");
    } else if (answer->result == STATE_LOST) {
        end_with_wake(load, "lost");
    } else {
        go_later(load, LOAD_POPULATE);
    }
}

/* ---- time ---- */

void loader_tick(struct registry *registry)
{
    struct load *load, *next;
    LIST_EACH_SAFE(load, &registry->loads, link, next)
    {
        if (load->is_called)
            continue;
        if (registry->now_ms >= load->until_ms)
            end_late(load);
        else if (registry->now_ms >= load->due_ms && load->step == LOAD_ASK)
            ask(load);
        else if (registry->now_ms >= load->due_ms)
            go_to(load, load->step);
    }
}

void loader_close(struct registry *registry)
{
    while (!TAILQ_EMPTY(&registry->loads)) {
        abandon(TAILQ_FIRST(&registry->loads)); /* others need not wait for its lease to end */
        free_load(TAILQ_FIRST(&registry->loads));
    }
}
