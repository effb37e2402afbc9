#include "mongo.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DEFAULT_DATABASE "weft"
/* What the URI does not say: a server that is away or hangs must not keep a thread for long. */
#define SELECT_MS 2000
#define CONNECT_MS 2000
#define SOCKET_MS 5000
#define INDEXES_AGAIN_MS 5000 /* the indexes are tried so often until they are there */

struct mongo {
    struct repository repository; /* first: the port's calls get a pointer to it */
    struct mongo_config config;
    uv_timer_t timer;
    mongoc_uri_t *uri;
    mongoc_client_pool_t *pool;
    struct worker *worker;
    char *database;
    char label[256];
    struct mongo_counts counts;
    bool is_closing, is_failing;
    /* Calls that came before the indexes were tried: none writes beside their making. */
    bool are_indexes_tried;
    struct task *held;
    struct task **held_end;
    size_t held_count;
};

/* ---- errands ---- */

static struct errand *errand_new(enum errand_kind kind, const struct state_ticket *ticket)
{
    struct arena arena = ARENA_EMPTY;
    struct errand *errand = arena_zalloc(&arena, sizeof *errand);
    errand->arena = arena;
    errand->kind = kind;
    errand->room = ticket->room;
    errand->request = ticket->request;
    errand->epoch_number = ticket->epoch ? strtoull(ticket->epoch, NULL, 10) : 0;
    errand->project = arena_copy_text(&errand->arena, ticket->project);
    errand->answer.done.request = ticket->request;
    return errand;
}

static void errand_free(struct errand *errand)
{
    if (errand->kind == ERRAND_SAVE)
        for (size_t i = 0; i < errand->u.save.count; i++)
            free(errand->u.save.files[i].text);
    struct arena arena = errand->arena; /* holds the errand itself */
    arena_close(&arena);
}

static void fail_save(struct errand *errand, const char *problem)
{
    size_t count = errand->u.save.count;
    struct repository_file_saved *marks = arena_alloc(&errand->arena, (count + 1) * sizeof *marks);
    for (size_t i = 0; i < count; i++) {
        const struct repository_file *file = &errand->u.save.files[i];
        marks[i] =
            (struct repository_file_saved){file->f, file->version, file->rev, REPOSITORY_FAILED};
    }
    errand->answer.saved = (struct repository_saved){
        .problem = problem, .files = marks, .count = count, .ts = errand->u.save.ts};
}

void errand_fail(struct errand *errand, const char *problem)
{
    problem = arena_copy_text(&errand->arena, problem);
    errand->failed = true;
    if (errand->kind == ERRAND_SAVE)
        fail_save(errand, problem);
    else if (errand->kind == ERRAND_LOAD)
        errand->answer.loaded = (struct repository_loaded){
            .request = errand->request, .found = REPOSITORY_AWAY, .problem = problem};
    else if (errand->kind == ERRAND_MESSAGES)
        errand->answer.messages =
            (struct repository_messages){.found = REPOSITORY_AWAY, .problem = problem};
    else if (errand->kind == ERRAND_POINTS)
        errand->answer.points =
            (struct repository_points){.found = REPOSITORY_AWAY, .problem = problem};
    else
        errand->answer.done = (struct repository_done){
            .request = errand->request, .result = REPOSITORY_UNKNOWN, .problem = problem};
}

/* ---- the threads ---- */

static void save_and_keep(struct mongo_session *session, struct errand *errand)
{
    mongo_save(session, errand);
    mongo_keep_points(session, errand);
}

static void (*const tasks[])(struct mongo_session *session, struct errand *errand) = {
    [ERRAND_INDEXES] = mongo_make_indexes,
    [ERRAND_SAVE] = save_and_keep,
    [ERRAND_LOAD] = mongo_load,
    [ERRAND_BEGIN] = mongo_begin,
    [ERRAND_RELEASE] = mongo_release,
    [ERRAND_CREATE] = mongo_create,
    [ERRAND_SAY] = mongo_say,
    [ERRAND_MESSAGES] = mongo_messages,
    [ERRAND_POINTS] = mongo_points,
};

static mongoc_collection_t *collection(struct mongo_session *session, const char *name)
{
    return mongoc_client_get_collection(session->client, session->database, name);
}

static void run_one(struct mongo *mongo, struct errand *errand)
{
    struct mongo_session session = {.client = mongoc_client_pool_pop(mongo->pool),
                                    .database = mongo->database,
                                    .text_max = mongo->config.text_max,
                                    .points_every_ms = mongo->config.points_every_ms,
                                    .points_most = mongo->config.points_most};
    session.projects = collection(&session, "projects");
    session.files = collection(&session, "files");
    session.chat = collection(&session, "chat");
    session.history = collection(&session, "history");
    tasks[errand->kind](&session, errand);
    mongoc_collection_destroy(session.projects);
    mongoc_collection_destroy(session.files);
    mongoc_collection_destroy(session.chat);
    mongoc_collection_destroy(session.history);
    mongoc_client_pool_push(mongo->pool, session.client);
}

static void run(void *owner, struct task *first)
{
    for (struct task *task = first; task; task = task->next)
        run_one(owner, (struct errand *)task);
}

/* ---- back on the loop ---- */

static void tell(struct mongo *mongo, struct errand *errand)
{
    const struct repository_sink *sink = &mongo->repository.sink;
    switch (errand->kind) {
    case ERRAND_SAVE:
        errand->answer.saved.room = errand->room;
        errand->answer.saved.request = errand->request;
        sink->saved(sink->owner, &errand->answer.saved);
        break;
    case ERRAND_LOAD:
        sink->loaded(sink->owner, &errand->answer.loaded);
        break;
    case ERRAND_BEGIN:
        sink->begun(sink->owner, &errand->answer.done);
        break;
    case ERRAND_RELEASE:
        sink->released(sink->owner, &errand->answer.done);
        break;
    case ERRAND_CREATE:
        sink->created(sink->owner, &errand->answer.done);
        break;
    case ERRAND_SAY:
        sink->said(sink->owner, &errand->answer.done);
        break;
    case ERRAND_MESSAGES:
        errand->answer.messages.room = errand->room;
        errand->answer.messages.request = errand->request;
        sink->messages(sink->owner, &errand->answer.messages);
        break;
    case ERRAND_POINTS:
        errand->answer.points.room = errand->room;
        errand->answer.points.request = errand->request;
        sink->points(sink->owner, &errand->answer.points);
        break;
    case ERRAND_INDEXES:
        break;
    }
}

static const char *problem_of(const struct errand *errand)
{
    const char *problem = errand->answer.done.problem;
    if (errand->kind == ERRAND_SAVE)
        problem = errand->answer.saved.problem;
    else if (errand->kind == ERRAND_LOAD)
        problem = errand->answer.loaded.problem;
    else if (errand->kind == ERRAND_MESSAGES)
        problem = errand->answer.messages.problem;
    else if (errand->kind == ERRAND_POINTS)
        problem = errand->answer.points.problem;
    return problem ? problem : "no answer";
}

static void make_indexes(uv_timer_t *timer);
static void dispatch(struct mongo *mongo, struct errand *errand);

static void hold(struct mongo *mongo, struct errand *errand)
{
    errand->task.next = NULL;
    *mongo->held_end = &errand->task;
    mongo->held_end = &errand->task.next;
    mongo->held_count++;
}

static void release_held(struct mongo *mongo)
{
    struct task *task = mongo->held;
    mongo->are_indexes_tried = true;
    mongo->held = NULL;
    mongo->held_end = &mongo->held;
    mongo->held_count = 0;
    while (task) {
        struct task *next = task->next;
        dispatch(mongo, (struct errand *)task);
        task = next;
    }
}

static void note(struct mongo *mongo, const struct errand *errand)
{
    mongo->counts.calls++;
    mongo->counts.failures += errand->failed;
    if (errand->failed != mongo->is_failing) {
        mongo->is_failing = errand->failed;
        if (errand->failed)
            log_warn("MongoDB does not answer problem=\"%s\"", problem_of(errand));
        else
            log_info("MongoDB answers server=%s", mongo->label);
    }
    if (errand->kind == ERRAND_INDEXES)
        release_held(mongo);
    if (errand->kind == ERRAND_INDEXES && errand->failed && !mongo->is_closing)
        uv_timer_start(&mongo->timer, make_indexes, INDEXES_AGAIN_MS, 0);
}

static void finished(void *owner, struct task *task)
{
    struct mongo *mongo = owner;
    struct errand *errand = (struct errand *)task;
    note(mongo, errand);
    if (mongo->repository.sink.owner)
        tell(mongo, errand);
    errand_free(errand);
}

static void dispatch(struct mongo *mongo, struct errand *errand)
{
    bool is_early = !mongo->are_indexes_tried && errand->kind != ERRAND_INDEXES;
    if (is_early && mongo->held_count < mongo->config.waiting_max) {
        hold(mongo, errand);
        return;
    }
    if (!is_early && worker_push(mongo->worker, &errand->task))
        return;
    errand_fail(errand, "too many calls wait for MongoDB");
    worker_give_back(mongo->worker, &errand->task);
}

/* ---- the port ---- */

static struct mongo *mongo_of(struct repository *repository)
{
    return (struct mongo *)repository;
}

static void call_save(struct repository *repository, const struct state_ticket *ticket,
                      const struct repository_save *save)
{
    struct errand *errand = errand_new(ERRAND_SAVE, ticket);
    struct arena *arena = &errand->arena;
    size_t bytes = save->count * sizeof(struct repository_file);
    struct repository_file *files = arena_alloc(arena, bytes + 1);
    for (size_t i = 0; i < save->count; i++) {
        const struct repository_file *from = &save->files[i];
        size_t seen_bytes = from->seen_count * sizeof(struct state_seen);
        struct state_seen *seen = arena_alloc(arena, seen_bytes + 1);
        if (seen_bytes)
            memcpy(seen, from->seen, seen_bytes);
        files[i] = *from;
        files[i].seen = seen;
        files[i].path = arena_copy_text(arena, from->path);
        files[i].eol = arena_copy_text(arena, from->eol ? from->eol : "\n");
    }
    errand->u.save.files = files;
    errand->u.save.count = save->count;
    errand->u.save.ts = save->ts;
    dispatch(mongo_of(repository), errand);
}

static void call_load(struct repository *repository, const struct state_ticket *ticket)
{
    dispatch(mongo_of(repository), errand_new(ERRAND_LOAD, ticket));
}

static void call_begin(struct repository *repository, const struct state_ticket *ticket,
                       const struct repository_begin *begin)
{
    struct errand *errand = errand_new(ERRAND_BEGIN, ticket);
    errand->u.begin = (struct repository_begin){
        .was_epoch = arena_copy_text(&errand->arena, begin->was_epoch),
        .was_live = arena_copy_text(&errand->arena, begin->was_live),
        .epoch = arena_copy_text(&errand->arena, begin->epoch),
        .live = arena_copy_text(&errand->arena, begin->live),
    };
    dispatch(mongo_of(repository), errand);
}

static void call_release(struct repository *repository, const struct state_ticket *ticket,
                         const struct repository_release *release)
{
    struct errand *errand = errand_new(ERRAND_RELEASE, ticket);
    errand->u.release = *release;
    errand->u.release.live = arena_copy_text(&errand->arena, release->live);
    dispatch(mongo_of(repository), errand);
}

static void call_create(struct repository *repository, const struct state_ticket *ticket,
                        const struct state_create *create)
{
    struct errand *errand = errand_new(ERRAND_CREATE, ticket);
    struct arena *arena = &errand->arena;
    struct state_new_file *files = arena_alloc(arena, create->file_count * sizeof *files + 1);
    for (size_t i = 0; i < create->file_count; i++) {
        const struct state_new_file *from = &create->files[i];
        files[i] = (struct state_new_file){arena_copy_text(arena, from->path),
                                           arena_copy(arena, from->text, from->len), from->len,
                                           arena_copy_text(arena, from->eol)};
    }
    errand->u.create =
        (struct state_create){arena_copy_text(arena, create->name),
                              arena_copy_text(arena, create->template), files, create->file_count};
    dispatch(mongo_of(repository), errand);
}

static void call_say(struct repository *repository, const struct state_ticket *ticket,
                     const struct repository_message *message)
{
    struct errand *errand = errand_new(ERRAND_SAY, ticket);
    errand->u.message = *message;
    errand->u.message.user = arena_copy_text(&errand->arena, message->user);
    errand->u.message.name = arena_copy_text(&errand->arena, message->name);
    errand->u.message.text = arena_copy_text(&errand->arena, message->text);
    dispatch(mongo_of(repository), errand);
}

static void call_messages(struct repository *repository, const struct state_ticket *ticket,
                          const struct repository_page *page)
{
    struct errand *errand = errand_new(ERRAND_MESSAGES, ticket);
    errand->u.page = *page;
    dispatch(mongo_of(repository), errand);
}

static void call_points(struct repository *repository, const struct state_ticket *ticket,
                        const struct repository_point_query *query)
{
    struct errand *errand = errand_new(ERRAND_POINTS, ticket);
    errand->u.query = *query;
    dispatch(mongo_of(repository), errand);
}

static const struct repository_ops ops = {.save = call_save,
                                          .load = call_load,
                                          .begin = call_begin,
                                          .release = call_release,
                                          .create = call_create,
                                          .say = call_say,
                                          .messages = call_messages,
                                          .points = call_points};

/* ---- opening and closing ---- */

/* The library's own words, which are printed to standard output else. */
static void log_library(mongoc_log_level_t level, const char *domain, const char *message,
                        void *data)
{
    (void)data;
    if (level <= MONGOC_LOG_LEVEL_WARNING)
        log_warn("the client library of MongoDB warns domain=%s problem=\"%s\"", domain, message);
}

static void make_indexes(uv_timer_t *timer)
{
    struct mongo *mongo = timer->data;
    struct state_ticket nobody = {.project = ""};
    dispatch(mongo, errand_new(ERRAND_INDEXES, &nobody));
}

static void set_default(mongoc_uri_t *uri, const char *option, int32_t value)
{
    if (!mongoc_uri_has_option(uri, option))
        mongoc_uri_set_option_as_int32(uri, option, value);
}

/* A save counts only when a majority has it in its journal, whatever the URI says. */
static void complete_uri(mongoc_uri_t *uri)
{
    mongoc_write_concern_t *concern = mongoc_write_concern_new();
    set_default(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, SELECT_MS);
    set_default(uri, MONGOC_URI_CONNECTTIMEOUTMS, CONNECT_MS);
    set_default(uri, MONGOC_URI_SOCKETTIMEOUTMS, SOCKET_MS);
    if (!mongoc_uri_get_appname(uri))
        mongoc_uri_set_appname(uri, "weftd");
    mongoc_write_concern_set_wmajority(concern, SOCKET_MS);
    mongoc_write_concern_set_journal(concern, true);
    mongoc_uri_set_write_concern(uri, concern);
    mongoc_write_concern_destroy(concern);
}

static void print_label(struct mongo *mongo)
{
    const mongoc_host_list_t *host = mongoc_uri_get_hosts(mongo->uri);
    snprintf(mongo->label, sizeof mongo->label, "%.200s/%.40s",
             host ? host->host_and_port : mongoc_uri_get_srv_hostname(mongo->uri), mongo->database);
}

static bool open_pool(struct mongo *mongo, struct error *error)
{
    bson_error_t failure;
    mongo->uri = mongoc_uri_new_with_error(mongo->config.uri, &failure);
    if (!mongo->uri) {
        (void)error_set(error, ERR_BAD_MESSAGE, "MONGODB_URI: %.120s", failure.message);
        return false;
    }
    const char *database = mongoc_uri_get_database(mongo->uri);
    mongo->database = mem_strdup(database && *database ? database : DEFAULT_DATABASE);
    complete_uri(mongo->uri);
    print_label(mongo);
    mongo->pool = mongoc_client_pool_new_with_error(mongo->uri, &failure);
    if (!mongo->pool) {
        (void)error_set(error, ERR_BAD_MESSAGE, "MONGODB_URI: %.120s", failure.message);
        return false;
    }
    mongoc_client_pool_set_error_api(mongo->pool, MONGOC_ERROR_API_VERSION_2);
    mongoc_client_pool_max_size(mongo->pool, (uint32_t)mongo->config.threads);
    return true;
}

static void free_mongo(struct mongo *mongo)
{
    if (mongo->pool)
        mongoc_client_pool_destroy(mongo->pool);
    if (mongo->uri)
        mongoc_uri_destroy(mongo->uri);
    free(mongo->database);
    free(mongo);
}

static void timer_closed(uv_handle_t *handle)
{
    free_mongo(handle->data);
}

void mongo_hide_counters(void)
{
    char name[32];
    snprintf(name, sizeof name, "/mongoc-%u", (unsigned)getpid());
    shm_unlink(name);
}

struct mongo_config mongo_config_default(void)
{
    return (struct mongo_config){
        .threads = 4, .waiting_max = 64, .text_max = 8u << 20, .points_most = 100};
}

struct mongo *mongo_open(const struct mongo_config *config, uv_loop_t *loop, struct error *error)
{
    struct mongo *mongo = mem_zalloc(sizeof *mongo);
    mongoc_init();
    mongoc_log_set_handler(log_library, NULL);
    mongo->config = *config;
    mongo->repository.ops = &ops;
    mongo->repository.is_shared = true;
    mongo->held_end = &mongo->held;
    struct worker_config to = {.name = "mongo",
                               .threads = config->threads,
                               .tasks_max = config->waiting_max,
                               .owner = mongo,
                               .run = run,
                               .finished = finished};
    if (open_pool(mongo, error)) {
        mongo->worker = worker_new(loop, &to);
        if (!mongo->worker)
            (void)error_set(error, ERR_INTERNAL, "no threads can be had");
    }
    mongo->config.uri = NULL;
    if (!mongo->worker) {
        free_mongo(mongo);
        return NULL;
    }
    uv_timer_init(loop, &mongo->timer);
    mongo->timer.data = mongo;
    uv_unref((uv_handle_t *)&mongo->timer);
    make_indexes(&mongo->timer);
    return mongo;
}

void mongo_close(struct mongo *mongo)
{
    mongo->is_closing = true;
    release_held(mongo);
    worker_close(mongo->worker);
    uv_close((uv_handle_t *)&mongo->timer, timer_closed);
}

struct repository *mongo_repository(struct mongo *mongo)
{
    return &mongo->repository;
}

const char *mongo_label(const struct mongo *mongo)
{
    return mongo->label;
}

struct mongo_counts mongo_counts(struct mongo *mongo)
{
    struct mongo_counts counts = mongo->counts;
    counts.waiting = worker_waiting(mongo->worker) + mongo->held_count;
    counts.is_failing = mongo->is_failing;
    return counts;
}
