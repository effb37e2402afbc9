/*
 * A world for tests of core: connections whose writes are kept as text, a state and a repository in
 * memory that answer on the next turn, and a clock that the test moves. Include it once, behind
 * check.h.
 */
#ifndef CORE_WORLD_H
#define CORE_WORLD_H

#include "check.h"
#include "core_conn.h"

#include "weft/base/blob.h"
#include "weft/base/map.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/core/registry.h"

/* ---- a state in memory: one project ---- */

struct model_file {
    uint64_t f, rev;
    bool deleted;
    char path[64];
    char *text; /* at version 0 */
    struct blob *log[20000];
    struct state_seen authors[20000]; /* of each entry */
    uint64_t version;
    struct map seen; /* cid → n + 1 as pointer */
};

enum model_kind {
    MODEL_OPENED,
    MODEL_CREATED,
    MODEL_APPENDED,
    MODEL_ROWS,
    MODEL_TREED,
    MODEL_EVENTS,
    MODEL_SAVED
};

struct model_answer {
    enum model_kind kind;
    uint64_t room, request, f, want, k, by;
    enum state_result result;
    uint64_t version, until, index;
    struct model_file *file;
    enum state_tree_op op;
    uint64_t e;
    struct {
        uint64_t f, version, rev;
    } saved[64];
    size_t saved_count;
};

struct model {
    struct state state;
    struct repository repository;
    bool exists;
    char epoch[EPOCH_SIZE];
    uint64_t e, next_f;
    struct model_file *files[64];
    size_t file_count;
    struct map generations; /* cid → k as pointer */
    struct model_answer *answers;
    size_t answer_count, answer_cap;
    struct blob *events[4096]; /* of event i + 1 */
    bool full;                 /* refuses to write */
    bool save_fails;
    enum state_result append_result, read_result; /* where not STATE_OK, what the next is told */
    enum state_result events_result;
    bool append_lost; /* the next append is written, and told to have failed */
    unsigned held;    /* kinds whose answers are kept back, as bits: 1u << MODEL_ROWS… */
    uint64_t saves, leaves, reads;
    /* Called before an append is judged: another instance may be first. */
    void (*before_append)(struct model *model, struct model_file *file);
};

static struct model_answer *model_answer(struct model *model, enum model_kind kind,
                                         const struct state_ticket *ticket)
{
    if (model->answer_count == model->answer_cap) {
        model->answer_cap = model->answer_cap ? 2 * model->answer_cap : 64;
        model->answers =
            mem_realloc_array(model->answers, model->answer_cap, sizeof(model->answers[0]));
    }
    struct model_answer *answer = &model->answers[model->answer_count++];
    *answer = (struct model_answer){.kind = kind, .room = ticket->room, .request = ticket->request};
    return answer;
}

static struct model_file *model_find(struct model *model, uint64_t f)
{
    for (size_t i = 0; i < model->file_count; i++)
        if (model->files[i]->f == f)
            return model->files[i];
    return NULL;
}

static struct model_file *model_find_path(struct model *model, const char *path)
{
    for (size_t i = 0; i < model->file_count; i++)
        if (!model->files[i]->deleted && strcmp(model->files[i]->path, path) == 0)
            return model->files[i];
    return NULL;
}

static struct model_file *model_add(struct model *model, const char *path, const char *text,
                                    size_t len)
{
    struct model_file *file = mem_zalloc(sizeof(*file));
    file->f = ++model->next_f;
    snprintf(file->path, sizeof(file->path), "%s", path);
    file->text = mem_strndup(text, len);
    map_init(&file->seen);
    model->files[model->file_count++] = file;
    return file;
}

static uint64_t model_seen(const struct model_file *file, uint64_t cid)
{
    return (uint64_t)(uintptr_t)map_find(&file->seen, cid);
}

static void model_log(struct model_file *file, struct blob *message, uint64_t by, uint64_t n)
{
    file->log[file->version] = message;
    file->authors[file->version++] = (struct state_seen){by, n};
    file->rev++;
    map_put(&file->seen, by, (void *)(uintptr_t)n);
}

static void model_open(struct state *state, const struct state_ticket *ticket,
                       const struct state_open *open)
{
    struct model *model = (struct model *)state;
    struct model_answer *answer = model_answer(model, MODEL_OPENED, ticket);
    answer->want = open->want_tree;
    answer->result = model->exists ? STATE_OK : STATE_NO_PROJECT;
    if (!model->exists || open->cid == 0)
        return;
    uint64_t newest = (uint64_t)(uintptr_t)map_find(&model->generations, open->cid);
    answer->k = open->k ? open->k : newest + 1;
    if (answer->k <= newest)
        answer->result = STATE_STRAGGLER;
    else
        map_put(&model->generations, open->cid, (void *)(uintptr_t)answer->k);
}

static void model_create(struct state *state, const struct state_ticket *ticket,
                         const struct state_create *create)
{
    struct model *model = (struct model *)state;
    struct model_answer *answer = model_answer(model, MODEL_CREATED, ticket);
    answer->result = model->exists ? STATE_EXISTS : STATE_OK;
    for (size_t i = 0; !model->exists && i < create->file_count; i++)
        model_add(model, create->files[i].path, create->files[i].text, create->files[i].len);
    model->exists = true;
}

static enum state_result model_judge(struct model *model, struct model_file *file,
                                     const struct state_append *append, uint64_t *index)
{
    if (!file || file->deleted)
        return STATE_GONE;
    if (model->full)
        return STATE_BUSY;
    if (model->append_result != STATE_OK) {
        enum state_result result = model->append_result;
        model->append_result = STATE_OK;
        return result;
    }
    if (file->version != append->expect)
        return STATE_CONFLICT;
    for (*index = 0; *index < append->count; ++*index) {
        const struct state_entry *entry = &append->entries[*index];
        if (entry->k && entry->k < (uint64_t)(uintptr_t)map_find(&model->generations, entry->by))
            return STATE_FENCED;
        if (entry->n <= model_seen(file, entry->by))
            return STATE_SEEN;
    }
    return STATE_OK;
}

static void model_append(struct state *state, const struct state_ticket *ticket,
                         const struct state_append *append)
{
    struct model *model = (struct model *)state;
    struct model_file *file = model_find(model, append->f);
    if (model->before_append && file)
        model->before_append(model, file);
    struct model_answer *answer = model_answer(model, MODEL_APPENDED, ticket);
    answer->f = append->f;
    answer->file = file;
    answer->version = append->expect;
    answer->result = model_judge(model, file, append, &answer->index);
    for (size_t i = 0; answer->result == STATE_OK && i < append->count; i++) {
        const struct state_entry *entry = &append->entries[i];
        model_log(file, blob_ref(entry->message), entry->by, entry->n);
    }
    if (model->append_lost && answer->result == STATE_OK)
        answer->result = STATE_BUSY;
    model->append_lost = false;
}

static void model_read(struct state *state, const struct state_ticket *ticket,
                       const struct state_read *read)
{
    struct model *model = (struct model *)state;
    struct model_answer *answer = model_answer(model, MODEL_ROWS, ticket);
    answer->f = read->f;
    answer->file = model_find(model, read->f);
    answer->want = read->want_text;
    answer->version = read->want_text ? 0 : read->after;
    answer->result = answer->file && !answer->file->deleted ? STATE_OK : STATE_GONE;
    /* The log as it is now; the answer may come later. */
    answer->until = answer->file ? answer->file->version : 0;
    model->reads++;
    if (model->read_result != STATE_OK) /* a whole file is never trimmed */
        answer->result = read->want_text ? STATE_BUSY : model->read_result;
    model->read_result = STATE_OK;
}

static void model_event(struct model *model, const struct model_answer *answer)
{
    static const enum fs_op ops[] = {
        [TREE_CREATE] = FS_CREATE, [TREE_RENAME] = FS_RENAME, [TREE_DELETE] = FS_DELETE};
    struct fs_entry entry = {answer->file->f, answer->file->path};
    struct fs_event event = {answer->e, answer->by, ops[answer->op], false, &entry, 1};
    struct buf out = BUF_EMPTY;
    encode_fs(&out, &event);
    REQUIRE(answer->e <= sizeof(model->events) / sizeof(model->events[0]));
    model->events[answer->e - 1] = blob_new(out.data, out.len);
    buf_close(&out);
}

static void model_tree(struct state *state, const struct state_ticket *ticket,
                       const struct state_tree *tree)
{
    struct model *model = (struct model *)state;
    struct model_answer *answer = model_answer(model, MODEL_TREED, ticket);
    struct model_file *file = tree->op == TREE_CREATE ? NULL : model_find(model, tree->f);
    answer->op = tree->op;
    answer->by = tree->by;
    if (tree->op != TREE_CREATE && (!file || file->deleted))
        answer->result = STATE_NO_FILE;
    else if (tree->op != TREE_DELETE && model_find_path(model, tree->path))
        answer->result = STATE_EXISTS;
    else if (tree->op == TREE_CREATE)
        file = model_add(model, tree->path, tree->text, tree->len);
    else if (tree->op == TREE_RENAME)
        snprintf(file->path, sizeof(file->path), "%s", tree->path);
    else
        file->deleted = true;
    answer->file = file;
    if (answer->result != STATE_OK)
        return;
    answer->e = ++model->e;
    model_event(model, answer);
}

static void model_events(struct state *state, const struct state_ticket *ticket, uint64_t after)
{
    struct model_answer *answer = model_answer((struct model *)state, MODEL_EVENTS, ticket);
    answer->version = after;
    answer->until = ((struct model *)state)->e;
    answer->result = ((struct model *)state)->events_result;
}

static void model_leave(struct state *state, const struct state_ticket *ticket, uint64_t cid,
                        uint64_t k)
{
    (void)ticket, (void)cid, (void)k;
    ((struct model *)state)->leaves++;
}

static void model_forget(struct state *state, const struct state_ticket *ticket)
{
    (void)state, (void)ticket;
}

static void model_save(struct repository *repository, const struct state_ticket *ticket,
                       const struct repository_save *save)
{
    struct model *model =
        (struct model *)(void *)((char *)repository - offsetof(struct model, repository));
    struct model_answer *answer = model_answer(model, MODEL_SAVED, ticket);
    for (size_t i = 0; i < save->count; i++) {
        answer->saved[i].f = save->files[i].f;
        answer->saved[i].version = save->files[i].version;
        answer->saved[i].rev = save->files[i].rev;
        free(save->files[i].text);
    }
    answer->saved_count = save->count;
}

static void answer_opened(struct model *model, const struct model_answer *answer)
{
    struct state_file files[64];
    size_t count = 0;
    for (size_t i = 0; i < model->file_count; i++) {
        const struct model_file *file = model->files[i];
        if (!file->deleted)
            files[count++] =
                (struct state_file){.f = file->f,
                                    .version = file->version,
                                    .rev = file->rev,
                                    .path = file->path,
                                    .eol = "\n",
                                    .utf16_len = utf8_utf16_len(file->text, strlen(file->text))};
    }
    struct state_opened opened = {.room = answer->room,
                                  .request = answer->request,
                                  .result = answer->result,
                                  .epoch = model->epoch,
                                  .name = answer->want ? "Demo" : NULL,
                                  .e = model->e,
                                  .k = answer->k,
                                  .files = answer->want ? files : NULL,
                                  .file_count = answer->want ? count : 0};
    model->state.sink.opened(model->state.sink.owner, &opened);
}

/* The last n of every cid up to a version. Returns how many. */
static size_t model_list_seen(const struct model_file *file, uint64_t version,
                              struct state_seen *out)
{
    struct map last;
    size_t count = 0;
    map_init(&last);
    for (uint64_t v = 0; v < version; v++)
        map_put(&last, file->authors[v].cid, (void *)(uintptr_t)file->authors[v].n);
    for (struct map_iter iter = {0}; map_next(&last, &iter);)
        out[count++] = (struct state_seen){iter.key, (uint64_t)(uintptr_t)iter.value};
    map_close(&last);
    return count;
}

static void answer_rows(struct model *model, const struct model_answer *answer)
{
    struct state_rows rows = {
        .room = answer->room, .request = answer->request, .f = answer->f, .result = answer->result};
    struct state_seen *seen = mem_realloc_array(NULL, answer->until + 1, sizeof(*seen));
    const struct model_file *file = answer->file;
    if (answer->result == STATE_OK) {
        rows.content = file->text;
        rows.content_len = strlen(file->text);
        rows.version = answer->until;
        rows.rev = file->rev;
        rows.entries = file->log + answer->version;
        rows.entry_count = answer->until - answer->version;
        rows.seen = seen;
        rows.seen_count = model_list_seen(file, answer->until, seen);
    }
    model->state.sink.rows(model->state.sink.owner, &rows);
    free(seen);
}

static void answer_appended(struct model *model, const struct model_answer *answer)
{
    const struct model_file *file = answer->file;
    struct state_appended appended = {.room = answer->room,
                                      .request = answer->request,
                                      .f = answer->f,
                                      .result = answer->result,
                                      .index = answer->index};
    if (file) {
        appended.version = file->version;
        appended.rev = file->rev;
        appended.missing = file->log + answer->version;
        appended.missing_count = file->version - answer->version;
    }
    model->state.sink.appended(model->state.sink.owner, &appended);
}

static void answer_treed(struct model *model, const struct model_answer *answer)
{
    struct state_tree_entry entry = {0};
    if (answer->file)
        entry = (struct state_tree_entry){answer->file->f, answer->file->rev, answer->file->path};
    struct state_treed treed = {.room = answer->room,
                                .request = answer->request,
                                .result = answer->result,
                                .op = answer->op,
                                .by = answer->by,
                                .e = answer->e,
                                .entries = &entry,
                                .entry_count = 1};
    model->state.sink.treed(model->state.sink.owner, &treed);
}

static void answer_saved(struct model *model, const struct model_answer *answer)
{
    struct repository_file_saved files[64];
    for (size_t i = 0; i < answer->saved_count; i++) {
        files[i].f = answer->saved[i].f;
        files[i].version = answer->saved[i].version;
        files[i].rev = answer->saved[i].rev;
        files[i].result = model->save_fails ? REPOSITORY_FAILED : REPOSITORY_OK;
    }
    model->saves += !model->save_fails;
    struct repository_saved saved = {.room = answer->room,
                                     .request = answer->request,
                                     .files = files,
                                     .problem = model->save_fails ? "the disk is full" : NULL,
                                     .count = answer->saved_count,
                                     .ts = 1730000000000};
    model->repository.sink.saved(model->repository.sink.owner, &saved);
}

static void answer_events(struct model *model, const struct model_answer *answer)
{
    struct state_events events = {.room = answer->room,
                                  .request = answer->request,
                                  .result = answer->result,
                                  .messages = model->events + answer->version,
                                  .count = answer->until - answer->version};
    model->state.sink.events(model->state.sink.owner, &events);
}

/* Gives the first answer that is not held back; false where there is none. */
static bool model_answer_one(struct model *model)
{
    size_t first = 0;
    while (first < model->answer_count && model->held & 1u << model->answers[first].kind)
        first++;
    if (first == model->answer_count)
        return false;
    struct model_answer answer = model->answers[first];
    memmove(model->answers + first, model->answers + first + 1,
            (--model->answer_count - first) * sizeof(answer));
    struct state_sink *sink = &model->state.sink;
    switch (answer.kind) {
    case MODEL_OPENED:
        answer_opened(model, &answer);
        break;
    case MODEL_CREATED:
        sink->created(sink->owner,
                      &(struct state_created){answer.room, answer.request, answer.result, NULL});
        break;
    case MODEL_APPENDED:
        answer_appended(model, &answer);
        break;
    case MODEL_ROWS:
        answer_rows(model, &answer);
        break;
    case MODEL_TREED:
        answer_treed(model, &answer);
        break;
    case MODEL_EVENTS:
        answer_events(model, &answer);
        break;
    case MODEL_SAVED:
        answer_saved(model, &answer);
        break;
    }
    return true;
}

/* ---- the world ---- */

static int bus_joined; /* rooms */

static void bus_join(struct bus *bus, const char *project)
{
    (void)bus, (void)project;
    bus_joined++;
}

static void bus_leave(struct bus *bus, const char *project)
{
    (void)bus, (void)project;
    bus_joined--;
}

static void bus_nobody(struct bus *bus, const char *project, const char *data, size_t len)
{
    (void)bus, (void)project, (void)data, (void)len;
}

struct world {
    struct model model;
    struct bus bus;
    struct signer signer;
    struct registry_config config;
    struct registry *registry;
    uint64_t now, seed;
    struct conn *conns[256];
    size_t conn_count;
};

static uint64_t world_random(void *owner)
{
    return check_random(&((struct world *)owner)->seed);
}

/* Zeroed storage; change world->config before world_start. */
static void world_init(struct world *world)
{
    static const struct state_ops state_ops = {
        .open = model_open,
        .create = model_create,
        .append = model_append,
        .read = model_read,
        .tree = model_tree,
        .events = model_events,
        .leave = model_leave,
        .forget = model_forget,
    };
    static const struct repository_ops repository_ops = {.save = model_save};
    static const struct bus_ops bus_ops = {bus_join, bus_leave, bus_nobody};
    memset(world, 0, sizeof(*world));
    world->model.state.ops = &state_ops;
    world->model.state.store_name = "memory";
    world->model.repository.ops = &repository_ops;
    world->bus.ops = &bus_ops;
    bus_joined = 0;
    snprintf(world->model.epoch, sizeof(world->model.epoch), "1.test");
    map_init(&world->model.generations);
    world->config = registry_config_default();
    world->config.random = world_random;
    world->config.random_owner = world;
    world->now = 1000;
    for (int i = 0; i < RATE_COUNT; i++)
        world->config.rates[i] = (struct rate){1000000000, 1000000000};
}

static void world_start(struct world *world)
{
    world->registry = registry_new(&world->config, &world->model.state, &world->model.repository,
                                   &world->bus, &world->signer);
}

static struct conn *world_connect(struct world *world)
{
    struct conn *conn = mem_zalloc(sizeof(*conn));
    conn->inbox = json_array();
    conn->session = registry_connect(world->registry, conn, "127.0.0.1", world->now);
    world->conns[world->conn_count++] = conn;
    return conn;
}

/* The socket is cut, or its closing is done. */
static void world_cut(struct world *world, struct conn *conn)
{
    struct session *session = conn->session;
    conn->session = NULL;
    if (session)
        session_disconnected(session, 1006, "cut", world->now);
}

static void world_end_turn(struct world *world)
{
    registry_turn(world->registry, world->now, 1730000000000 + world->now);
    for (size_t i = 0; i < world->conn_count; i++)
        if (world->conns[i]->closing && world->conns[i]->session)
            world_cut(world, world->conns[i]);
}

/* Turns until nothing is under way. */
static void world_settle(struct world *world)
{
    do
        world_end_turn(world);
    while (model_answer_one(&world->model));
    world_end_turn(world);
}

/* Lets time pass in ticks, settling. */
CHECK_UNUSED static void world_pass(struct world *world, uint64_t ms)
{
    for (uint64_t end = world->now + ms; world->now < end; world->now += 50) {
        registry_tick(world->registry, world->now, 1730000000000 + world->now);
        world_settle(world);
    }
}

static void world_say(struct world *world, struct conn *conn, const char *text)
{
    if (conn->session && !conn->closing)
        session_receive(conn->session, text, strlen(text), world->now);
}

static void world_end(struct world *world)
{
    for (size_t i = 0; i < world->conn_count; i++)
        world_cut(world, world->conns[i]);
    world->model.held = 0;
    world_settle(world);
    registry_free(world->registry);
    for (size_t i = 0; i < world->conn_count; i++) {
        json_decref(world->conns[i]->inbox);
        free(world->conns[i]);
    }
    for (size_t i = 0; i < world->model.file_count; i++) {
        struct model_file *file = world->model.files[i];
        for (uint64_t v = 0; v < file->version; v++)
            blob_unref(file->log[v]);
        map_close(&file->seen);
        free(file->text);
        free(file);
    }
    for (uint64_t e = 0; e < world->model.e; e++)
        blob_unref(world->model.events[e]);
    map_close(&world->model.generations);
    free(world->model.answers);
}

#endif
