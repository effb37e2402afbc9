#include "shelf.h"
#include "ghost.h"
#include "instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { KIND_SAVE, KIND_LOAD, KIND_BEGIN, KIND_RELEASE, KIND_CREATE };

/* One call, its arguments copied, and its answer. */
struct errand {
    struct instance *instance;
    enum kind kind;
    uint64_t room, request;
    const char *epoch, *was_epoch, *was_live, *live;
    uint64_t e, next_file, ts;
    struct shelf_file *files; /* save, create: count of them */
    size_t count;
    const char *name, *template;
    bool is_refused; /* nobody knows */
    struct repository_file_saved *saved;
    struct repository_loaded loaded;
    unsigned done; /* a result of repository_done */
};

static struct world *world_of(const struct errand *errand)
{
    return errand->instance->world;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

struct shelf_file *shelf_find(const struct shelf *shelf, uint64_t f)
{
    struct shelf_file *file = shelf->files;
    while (file && file->f != f)
        file = file->next;
    return file;
}

/* ---- what is done ---- */

static bool is_older(const struct shelf_file *a, const struct shelf_file *b)
{
#if WEFT_MUTANT == 11
    return true;
#endif
    return a->epoch_number < b->epoch_number ||
           (a->epoch_number == b->epoch_number && a->rev < b->rev);
}

static void do_save(struct errand *errand)
{
    struct world *world = world_of(errand);
    struct shelf *shelf = world->shelf;
    for (size_t i = 0; i < errand->count; i++) {
        struct shelf_file *file = &errand->files[i], *was = shelf_find(shelf, file->f);
        struct repository_file_saved *saved = &errand->saved[i];
        *saved = (struct repository_file_saved){file->f, file->version, file->rev, REPOSITORY_OK};
        if (was && !is_older(was, file)) {
            saved->result = is_older(file, was) ? REPOSITORY_OLDER : REPOSITORY_OK;
            continue;
        }
        struct shelf_file *copy = world_alloc(world, sizeof(*copy));
        *copy = *file;
        if (was) {
            copy->next = was->next;
            *was = *copy;
        } else {
            copy->next = shelf->files;
            shelf->files = copy;
        }
        ghost_shelved(world, file);
    }
    world->counts->saves += errand->count;
}

static void do_load(struct errand *errand)
{
    struct world *world = world_of(errand);
    const struct shelf *shelf = world->shelf;
    struct repository_loaded *out = &errand->loaded;
    size_t count = 0;
    if (!shelf->exists) {
        out->found = REPOSITORY_NONE;
        return;
    }
    for (const struct shelf_file *file = shelf->files; file; file = file->next)
        count++;
    struct repository_loaded_file *files = world_alloc(world, (count + 1) * sizeof(*files));
    for (const struct shelf_file *file = shelf->files; file; file = file->next) {
        if (file->is_deleted)
            continue;
        files[out->file_count++] = (struct repository_loaded_file){
            .f = file->f,
            .version = file->version,
            .rev = file->rev,
            .epoch_number = file->epoch_number,
            .path = file->path,
            .eol = file->eol,
            .text = file->text,
            .len = file->len,
            .updated_at = file->updated_at,
            .updated_by = file->updated_by,
            .seen = file->seen,
            .seen_count = file->seen_count,
        };
    }
    out->found = REPOSITORY_FOUND;
    out->name = shelf->name;
    out->template = shelf->template;
    out->epoch = shelf->epoch;
    out->live = shelf->live;
    out->e = shelf->e;
    out->next_file = shelf->next_file;
    out->files = files;
}

static void do_begin(struct errand *errand)
{
    struct shelf *shelf = world_of(errand)->shelf;
    if (!shelf->exists || !same(shelf->epoch, errand->was_epoch) ||
        !same(shelf->live, errand->was_live)) {
        errand->done = REPOSITORY_CHANGED;
        return;
    }
    if (!same(shelf->epoch, errand->epoch))
        world_of(errand)->counts->epochs++;
    shelf->epoch = errand->epoch;
    shelf->live = errand->live;
}

static void do_release(struct errand *errand)
{
    struct shelf *shelf = world_of(errand)->shelf;
    if (!same(shelf->live, errand->live)) {
        errand->done = REPOSITORY_CHANGED;
        return;
    }
    shelf->live = NULL;
    shelf->e = errand->e;
    shelf->next_file = errand->next_file;
}

static void do_create(struct errand *errand)
{
    struct world *world = world_of(errand);
    struct shelf *shelf = world->shelf;
    if (shelf->exists) {
        errand->done = REPOSITORY_CHANGED;
        return;
    }
    shelf->exists = true;
    shelf->name = errand->name;
    shelf->template = errand->template;
    shelf->epoch = errand->epoch;
    shelf->next_file = errand->count + 1;
    for (size_t i = 0; i < errand->count; i++) {
        struct shelf_file *file = &errand->files[i];
        file->next = shelf->files;
        shelf->files = file;
    }
    ghost_created(world, shelf);
}

static void apply(struct errand *errand)
{
    static void (*const deeds[])(struct errand *) = {
        [KIND_SAVE] = do_save,       [KIND_LOAD] = do_load,     [KIND_BEGIN] = do_begin,
        [KIND_RELEASE] = do_release, [KIND_CREATE] = do_create,
    };
    errand->done = REPOSITORY_DONE;
    deeds[errand->kind](errand);
    world_trace(world_of(errand), "shelf %d by %s -> %u", (int)errand->kind, errand->instance->name,
                errand->done);
}

/* ---- when, and the answer ---- */

static void answer_save(struct errand *errand, const struct repository_sink *sink)
{
    struct repository_saved saved = {.room = errand->room,
                                     .request = errand->request,
                                     .files = errand->saved,
                                     .count = errand->count,
                                     .ts = errand->ts};
    for (size_t i = 0; errand->is_refused && i < errand->count; i++)
        errand->saved[i] = (struct repository_file_saved){
            errand->files[i].f, errand->files[i].version, errand->files[i].rev, REPOSITORY_FAILED};
    saved.problem = errand->is_refused ? "away" : NULL;
    sink->saved(sink->owner, &saved);
}

static void answer(struct world *world, void *arg)
{
    struct errand *errand = arg;
    (void)world;
    const struct repository_sink *sink = &errand->instance->shelf.port.sink;
    struct repository_done done = {.request = errand->request, .result = REPOSITORY_UNKNOWN};
    if (!errand->is_refused)
        done.result = errand->done;
    errand->loaded.request = errand->request;
    if (errand->kind == KIND_LOAD && errand->is_refused)
        errand->loaded.found = REPOSITORY_AWAY;
    switch (errand->kind) {
    case KIND_SAVE:
        answer_save(errand, sink);
        break;
    case KIND_LOAD:
        sink->loaded(sink->owner, &errand->loaded);
        break;
    case KIND_BEGIN:
        sink->begun(sink->owner, &done);
        break;
    case KIND_RELEASE:
        sink->released(sink->owner, &done);
        break;
    case KIND_CREATE:
        sink->created(sink->owner, &done);
        break;
    }
}

static void run(struct world *world, void *arg)
{
    (void)world;
    apply(arg);
}

static void run_and_answer(struct world *world, void *arg)
{
    struct errand *errand = arg;
    apply(errand);
    world_at(world, world_between(world, 1, 20), errand->instance, answer, errand);
}

static void send(struct errand *errand)
{
    struct world *world = world_of(errand);
    double fails = world->is_healing ? 0 : world->dice.repository_fails;
    uint64_t in_us = world_between(world, 5, world->is_healing ? 50 : world->dice.repository_ms);
    if (!world_chance(world, fails)) {
        world_at(world, in_us, NULL, run_and_answer, errand);
        return;
    }
    errand->is_refused = true;
    switch (world_roll(world, 3)) {
    case 0: /* before it was done */
        break;
    case 1: /* behind it */
        world_at(world, in_us, NULL, run, errand);
        break;
    default: /* long after it was given up */
        world->counts->late++;
        world_at(world, in_us + world_between(world, 200, 7000), NULL, run, errand);
    }
    world_at(world, in_us + 20000, errand->instance, answer, errand);
}

/* ---- the port ---- */

static struct errand *new_errand(struct repository *port, enum kind kind,
                                 const struct state_ticket *ticket)
{
    struct shelf_port *shelf = (struct shelf_port *)port;
    struct errand *errand = world_alloc(shelf->instance->world, sizeof(*errand));
    errand->instance = shelf->instance;
    errand->kind = kind;
    errand->room = ticket->room;
    errand->request = ticket->request;
    errand->epoch = arena_copy_text(&shelf->instance->world->model.arena, ticket->epoch);
    return errand;
}

static const char *copy(const struct errand *errand, const char *text)
{
    return arena_copy_text(&world_of(errand)->model.arena, text);
}

static void copy_file(struct errand *errand, struct shelf_file *to,
                      const struct repository_file *from)
{
    struct world *world = world_of(errand);
    struct state_seen *seen = world_alloc(world, (from->seen_count + 1) * sizeof(*seen));
    if (from->seen_count > 0)
        memcpy(seen, from->seen, from->seen_count * sizeof(*seen));
    *to = (struct shelf_file){
        .f = from->f,
        .version = from->version,
        .rev = from->rev,
        .epoch_number = model_epoch_number(errand->epoch),
        .epoch = errand->epoch,
        .path = copy(errand, from->path),
        .eol = copy(errand, from->eol),
        .text = from->text ? world_copy(world, from->text, from->len) : NULL,
        .len = from->len,
        .updated_at = from->updated_at,
        .updated_by = from->updated_by,
        .seen = seen,
        .seen_count = from->seen_count,
        .is_deleted = from->deleted,
    };
}

static void call_save(struct repository *port, const struct state_ticket *ticket,
                      const struct repository_save *save)
{
    struct errand *errand = new_errand(port, KIND_SAVE, ticket);
    struct world *world = world_of(errand);
    bool is_dead = errand->instance->is_dead;
    errand->count = save->count;
    errand->ts = save->ts;
    errand->files = world_alloc(world, (save->count + 1) * sizeof(*errand->files));
    errand->saved = world_alloc(world, (save->count + 1) * sizeof(*errand->saved));
    for (size_t i = 0; i < save->count; i++) {
        copy_file(errand, &errand->files[i], &save->files[i]);
        free(save->files[i].text);
    }
    if (!is_dead)
        send(errand);
}

static void call_load(struct repository *port, const struct state_ticket *ticket)
{
    send(new_errand(port, KIND_LOAD, ticket));
}

static void call_begin(struct repository *port, const struct state_ticket *ticket,
                       const struct repository_begin *begin)
{
    struct errand *errand = new_errand(port, KIND_BEGIN, ticket);
    errand->was_epoch = copy(errand, begin->was_epoch);
    errand->was_live = copy(errand, begin->was_live);
    errand->epoch = copy(errand, begin->epoch);
    errand->live = copy(errand, begin->live);
    send(errand);
}

static void call_release(struct repository *port, const struct state_ticket *ticket,
                         const struct repository_release *release)
{
    struct errand *errand = new_errand(port, KIND_RELEASE, ticket);
    errand->live = copy(errand, release->live);
    errand->e = release->e;
    errand->next_file = release->next_file;
    send(errand);
}

static void call_create(struct repository *port, const struct state_ticket *ticket,
                        const struct state_create *create)
{
    struct errand *errand = new_errand(port, KIND_CREATE, ticket);
    struct world *world = world_of(errand);
    char epoch[EPOCH_SIZE];
    snprintf(epoch, sizeof(epoch), "1.%llx", (unsigned long long)world_random(world));
    errand->epoch = copy(errand, epoch);
    errand->name = copy(errand, create->name);
    errand->template = copy(errand, create->template);
    errand->count = create->file_count;
    errand->files = world_alloc(world, (create->file_count + 1) * sizeof(*errand->files));
    for (size_t i = 0; i < create->file_count; i++) {
        struct repository_file file = {.f = i + 1,
                                       .rev = 1,
                                       .path = create->files[i].path,
                                       .eol = create->files[i].eol,
                                       .text = (char *)create->files[i].text,
                                       .len = create->files[i].len};
        copy_file(errand, &errand->files[i], &file);
    }
    send(errand);
}

/* Where Redis is the store nobody saves. */
static void refuse_save(struct repository *port, const struct state_ticket *ticket,
                        const struct repository_save *save)
{
    (void)ticket, (void)save;
    world_fail(((struct shelf_port *)port)->instance->world, "save",
               "something was saved where there is no repository");
}

void shelf_open(struct instance *instance)
{
    static const struct repository_ops shared = {.save = call_save,
                                                 .load = call_load,
                                                 .begin = call_begin,
                                                 .release = call_release,
                                                 .create = call_create};
    static const struct repository_ops none = {.save = refuse_save};
    bool is_shared = instance->world->dice.has_repository;
    instance->shelf = (struct shelf_port){
        .port = {.ops = is_shared ? &shared : &none, .is_shared = is_shared}, .instance = instance};
}

/* ---- a project that is there from the start ---- */

static void put_file(struct world *world, unsigned f)
{
    static const char *const paths[] = {"a.txt", "src/b.txt", "src/c.txt", "d.txt"};
    struct shelf_file *file = world_alloc(world, sizeof(*file));
    struct buf text = BUF_EMPTY;
    buf_add(&text, "", 0);
    for (unsigned i = world_roll(world, 6); i > 0; i--)
        ghost_type(world, "", 0, &text);
    *file = (struct shelf_file){.next = world->shelf->files,
                                .f = f,
                                .rev = 1,
                                .epoch_number = 1,
                                .epoch = world->shelf->epoch,
                                .path = paths[f - 1],
                                .eol = "\n",
                                .text = world_copy(world, text.data, text.len),
                                .len = text.len};
    world->shelf->files = file;
    buf_close(&text);
}

void shelf_begin(struct world *world)
{
    struct shelf *shelf = world->shelf = world_alloc(world, sizeof(*world->shelf));
    if (!world->dice.has_repository || world->dice.is_new)
        return;
    *shelf = (struct shelf){.exists = true,
                            .name = "Play",
                            .template = "plain",
                            .epoch = "1.first",
                            .next_file = world->dice.files + 1};
    for (unsigned f = 1; f <= world->dice.files; f++)
        put_file(world, f);
    ghost_created(world, shelf);
}
