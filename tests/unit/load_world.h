/*
 * The world of rooms_world.h with a repository that both instances share, for tests of loads and
 * saves. What happens to a call of it is said by masks of bits: `held` ones wait, `lost` ones are
 * done but the answer says that nobody knows, `away` ones are not done. Include it once, behind
 * check.h.
 */
#ifndef LOAD_WORLD_H
#define LOAD_WORLD_H

#include "rooms_world.h"
#include "weft/core/epoch.h"

enum store_op { STORE_SAVE, STORE_LOAD, STORE_BEGIN, STORE_RELEASE, STORE_CREATE, STORE_OPS };
#define STORE(name) (1u << STORE_##name)

struct store_file {
    uint64_t f, version, rev, epoch_number;
    char *path, *text;
    char eol[3];
    struct state_seen seen[64];
    size_t seen_count;
};
struct store_call {
    struct repository *repository;
    enum store_op op;
    uint64_t room, request;
    char epoch[EPOCH_SIZE];                                     /* of the ticket */
    char was_epoch[EPOCH_SIZE], to_epoch[EPOCH_SIZE], live[64]; /* begin, release */
    char *was_live;
    uint64_t e, next_file;
    struct store_file *files; /* save (text NULL: deleted), create */
    size_t file_count;
};

/* One project: "demo". */
static struct {
    bool is_there, is_broken;
    char epoch[EPOCH_SIZE];
    char *live; /* NULL: not */
    uint64_t e, next_file;
    struct store_file files[256];
    size_t file_count;
    struct store_call *calls[256];
    size_t call_count;
    unsigned held, lost, away;
    uint64_t bad_f;                   /* this file cannot be saved */
    uint64_t made[STORE_OPS];         /* calls */
    uint64_t most_files;              /* in one save */
    void (*before)(enum store_op op); /* before it is done */
} store;

/* ---- what is stored ---- */

static struct store_file *stored(uint64_t f)
{
    for (size_t i = 0; i < store.file_count; i++)
        if (store.files[i].f == f)
            return &store.files[i];
    return NULL;
}

static void store_free_file(struct store_file *file)
{
    free(file->path);
    free(file->text);
}

static void store_put(struct store_file *file)
{
    struct store_file *known = stored(file->f);
    if (known)
        store_free_file(known);
    else
        known = &store.files[store.file_count++];
    REQUIRE(store.file_count <= 256);
    *known = *file;
    file->path = file->text = NULL;
    if (store.next_file <= known->f)
        store.next_file = known->f + 1;
}

static void store_remove(struct store_file *file)
{
    store_free_file(file);
    *file = store.files[--store.file_count];
}

/* A document, as if a former load had saved it. */
static void store_add(uint64_t f, const char *path, const char *text)
{
    struct store_file file = {.f = f,
                              .version = 3,
                              .rev = 4,
                              .epoch_number = epoch_number(store.epoch),
                              .path = mem_strdup(path),
                              .text = mem_strdup(text),
                              .eol = "\n"};
    store_put(&file);
}

static const char *stored_text(uint64_t f)
{
    const struct store_file *file = stored(f);
    return file ? file->text : NULL;
}

static void store_go_live(const char *token)
{
    free(store.live);
    store.live = token ? mem_strdup(token) : NULL;
}

/* ---- calls ---- */

static struct store_call *store_call(struct repository *repository, enum store_op op,
                                     const struct state_ticket *ticket)
{
    struct store_call *call = mem_zalloc(sizeof(*call));
    call->repository = repository;
    call->op = op;
    call->room = ticket->room;
    call->request = ticket->request;
    CHECK_EQ_STR(ticket->project, "demo");
    snprintf(call->epoch, sizeof(call->epoch), "%s", ticket->epoch);
    REQUIRE(store.call_count < 256);
    store.calls[store.call_count++] = call;
    store.made[op]++;
    return call;
}

static void store_save(struct repository *repository, const struct state_ticket *ticket,
                       const struct repository_save *save)
{
    struct store_call *call = store_call(repository, STORE_SAVE, ticket);
    call->files = mem_zalloc(save->count * sizeof(call->files[0]));
    call->file_count = save->count;
    if (store.most_files < save->count)
        store.most_files = save->count;
    for (size_t i = 0; i < save->count; i++) {
        const struct repository_file *from = &save->files[i];
        struct store_file *file = &call->files[i];
        *file = (struct store_file){.f = from->f,
                                    .version = from->version,
                                    .rev = from->rev,
                                    .epoch_number = epoch_number(ticket->epoch),
                                    .path = mem_strdup(from->path),
                                    .text = from->text};
        CHECK(from->deleted == (from->text == NULL));
        CHECK(from->deleted || strlen(from->text) == from->len);
        snprintf(file->eol, sizeof(file->eol), "%s", from->eol);
        REQUIRE(from->seen_count <= 64);
        for (; file->seen_count < from->seen_count; file->seen_count++)
            file->seen[file->seen_count] = from->seen[file->seen_count];
    }
}

static void store_load(struct repository *repository, const struct state_ticket *ticket)
{
    store_call(repository, STORE_LOAD, ticket);
}

static void store_begin(struct repository *repository, const struct state_ticket *ticket,
                        const struct repository_begin *begin)
{
    struct store_call *call = store_call(repository, STORE_BEGIN, ticket);
    snprintf(call->was_epoch, sizeof(call->was_epoch), "%s", begin->was_epoch);
    snprintf(call->to_epoch, sizeof(call->to_epoch), "%s", begin->epoch);
    snprintf(call->live, sizeof(call->live), "%s", begin->live);
    call->was_live = begin->was_live ? mem_strdup(begin->was_live) : NULL;
}

static void store_release(struct repository *repository, const struct state_ticket *ticket,
                          const struct repository_release *release)
{
    struct store_call *call = store_call(repository, STORE_RELEASE, ticket);
    snprintf(call->live, sizeof(call->live), "%s", release->live);
    call->e = release->e;
    call->next_file = release->next_file;
}

static void store_create(struct repository *repository, const struct state_ticket *ticket,
                         const struct state_create *create)
{
    struct store_call *call = store_call(repository, STORE_CREATE, ticket);
    call->files = mem_zalloc((create->file_count + 1) * sizeof(call->files[0]));
    call->file_count = create->file_count;
    for (size_t i = 0; i < create->file_count; i++)
        call->files[i] =
            (struct store_file){.f = i + 1,
                                .rev = 1,
                                .epoch_number = 1,
                                .path = mem_strdup(create->files[i].path),
                                .text = mem_strndup(create->files[i].text, create->files[i].len),
                                .eol = "\n"};
}

/* ---- answers ---- */

static enum repository_result store_save_one(struct store_file *file)
{
    struct store_file *known = stored(file->f);
    if (file->f == store.bad_f)
        return REPOSITORY_FAILED;
    if (known && (known->epoch_number > file->epoch_number ||
                  (known->epoch_number == file->epoch_number && known->rev >= file->rev)))
        return REPOSITORY_OLDER;
    if (file->text)
        store_put(file);
    else if (known)
        store_remove(known);
    return REPOSITORY_OK;
}

static void store_do_save(const struct store_call *call, bool is_done, bool is_told)
{
    const struct repository_sink *sink = &call->repository->sink;
    struct repository_file_saved *files = mem_zalloc(call->file_count * sizeof(*files));
    const char *problem = NULL;
    for (size_t i = 0; i < call->file_count; i++) {
        struct store_file *file = &call->files[i];
        enum repository_result result = is_done ? store_save_one(file) : REPOSITORY_FAILED;
        if (!is_told)
            result = REPOSITORY_FAILED;
        if (result == REPOSITORY_FAILED)
            problem = "it is away";
        files[i] = (struct repository_file_saved){file->f, file->version, file->rev, result};
    }
    sink->saved(sink->owner, &(struct repository_saved){call->room, call->request, problem, files,
                                                        call->file_count, 1730000000000});
    free(files);
}

static void store_do_load(const struct store_call *call, bool is_away)
{
    const struct repository_sink *sink = &call->repository->sink;
    struct repository_loaded_file files[256];
    struct repository_loaded loaded = {.request = call->request,
                                       .name = "Demo",
                                       .template = "blank",
                                       .epoch = store.epoch,
                                       .live = store.live,
                                       .e = store.e,
                                       .next_file = store.next_file,
                                       .files = files,
                                       .file_count = store.file_count};
    for (size_t i = 0; i < store.file_count; i++) {
        const struct store_file *from = &store.files[i];
        files[i] = (struct repository_loaded_file){.f = from->f,
                                                   .version = from->version,
                                                   .rev = from->rev,
                                                   .epoch_number = from->epoch_number,
                                                   .path = from->path,
                                                   .eol = from->eol,
                                                   .text = from->text,
                                                   .len = strlen(from->text),
                                                   .seen = from->seen,
                                                   .seen_count = from->seen_count};
    }
    loaded.found = is_away           ? REPOSITORY_AWAY
                   : store.is_broken ? REPOSITORY_BROKEN
                   : !store.is_there ? REPOSITORY_NONE
                                     : REPOSITORY_FOUND;
    sink->loaded(sink->owner, &loaded);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static enum repository_outcome store_do_begin(const struct store_call *call)
{
    if (strcmp(store.epoch, call->was_epoch) != 0 || !same_text(store.live, call->was_live))
        return REPOSITORY_CHANGED;
    snprintf(store.epoch, sizeof(store.epoch), "%s", call->to_epoch);
    store_go_live(call->live);
    return REPOSITORY_DONE;
}

static enum repository_outcome store_do_release(const struct store_call *call)
{
    if (!same_text(store.live, call->live))
        return REPOSITORY_CHANGED;
    store_go_live(NULL);
    store.e = call->e;
    store.next_file = call->next_file;
    return REPOSITORY_DONE;
}

static enum repository_outcome store_do_create(const struct store_call *call)
{
    if (store.is_there)
        return REPOSITORY_CHANGED;
    store.is_there = true;
    snprintf(store.epoch, sizeof(store.epoch), "1.new");
    store.next_file = 1;
    for (size_t i = 0; i < call->file_count; i++)
        store_put(&call->files[i]);
    return REPOSITORY_DONE;
}

static void store_do(const struct store_call *call, bool is_done, bool is_told)
{
    const struct repository_sink *sink = &call->repository->sink;
    struct repository_done done = {.request = call->request, .result = REPOSITORY_UNKNOWN};
    void (*const tell[])(void *,
                         const struct repository_done *) = {[STORE_BEGIN] = sink->begun,
                                                            [STORE_RELEASE] = sink->released,
                                                            [STORE_CREATE] = sink->created};
    enum repository_outcome result = !is_done                    ? REPOSITORY_UNKNOWN
                                     : call->op == STORE_BEGIN   ? store_do_begin(call)
                                     : call->op == STORE_RELEASE ? store_do_release(call)
                                                                 : store_do_create(call);
    if (is_told && is_done)
        done.result = result;
    tell[call->op](sink->owner, &done);
}

static void store_free_call(struct store_call *call)
{
    for (size_t i = 0; i < call->file_count; i++)
        store_free_file(&call->files[i]);
    free(call->files);
    free(call->was_live);
    free(call);
}

static bool store_carry_one(void)
{
    for (size_t i = 0; i < store.call_count; i++) {
        struct store_call *call = store.calls[i];
        unsigned bit = 1u << call->op;
        if (store.held & bit)
            continue;
        memmove(store.calls + i, store.calls + i + 1,
                (--store.call_count - i) * sizeof(store.calls[0]));
        bool is_done = !(store.away & bit), is_told = is_done && !(store.lost & bit);
        if (store.before && is_done)
            store.before(call->op);
        if (call->op == STORE_LOAD)
            store_do_load(call, !is_told);
        else if (call->op == STORE_SAVE)
            store_do_save(call, is_done, is_told);
        else
            store_do(call, is_done, is_told);
        store_free_call(call);
        return true;
    }
    return false;
}

/* ---- the world ---- */

static void begin_loads(void)
{
    static const struct repository_ops ops = {.save = store_save,
                                              .load = store_load,
                                              .begin = store_begin,
                                              .release = store_release,
                                              .create = store_create};
    static const struct repository repository = {.ops = &ops, .is_shared = true};
    const struct model_config config = {
        .lease_ms = 10000, .load_ms = 15000, .save_after_ms = 2000, .history = 1000, .events = 100};
    memset(&rooms, 0, sizeof(rooms));
    memset(&store, 0, sizeof(store));
    rooms.repository = &repository;
    rooms.carry_more = store_carry_one;
    rooms_begin(&config);
}

/* … where the repository has "demo" with main.c ("hello world", f = 1) and b.c ("b", f = 2). */
CHECK_UNUSED static void begin_stored(void)
{
    begin_loads();
    store.is_there = true;
    snprintf(store.epoch, sizeof(store.epoch), "4.old");
    store_add(1, "main.c", "hello world");
    store_add(2, "b.c", "b");
}

CHECK_UNUSED static void end_loads(void)
{
    store.held = 0;
    store.before = NULL;
    end();
    while (store.call_count)
        store_free_call(store.calls[--store.call_count]);
    while (store.file_count)
        store_remove(&store.files[0]);
    free(store.live);
}

/* ---- Redis ---- */

static void know_run(struct instance *instance, const char *run)
{
    instance->state.run = run;
}

/* Another run, without its last so many writes; both instances know it at once. */
CHECK_UNUSED static void restart_redis(size_t lost)
{
    static const char *const runs[] = {"run2", "run3", "run4"};
    static size_t next;
    model_restart(&rooms.model, lost);
    know_run(here, runs[next % 3]);
    know_run(there, runs[next++ % 3]);
}

CHECK_UNUSED static void empty_redis(void)
{
    restart_redis(rooms.model.journal_count);
}

CHECK_UNUSED static const struct model_project *demo(void)
{
    return model_find(&rooms.model, "demo");
}

/* Is the project in Redis? */
CHECK_UNUSED static bool is_in_redis(void)
{
    const struct model_project *project = demo();
    return project && project->phase == MODEL_READY;
}

CHECK_UNUSED static size_t dirty_in_redis(void)
{
    size_t count = 0;
    for (const struct model_file *file = demo()->files; file; file = file->next)
        count += file->is_dirty;
    return count;
}

#endif
