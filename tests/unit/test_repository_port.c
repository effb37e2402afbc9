/*
 * What every repository promises, on each: saves guarded by the pair (epoch number, rev), chat, and
 * the history of files. What only one of them has is in test_repository_mongo.c and test_storage_*.
 */
#include "check.h"
#include "mongo_world.h"
#include "storage_world.h"
#include "weft/base/mem.h"

#include <string.h>

struct got {
    unsigned answers;
    enum repository_outcome done;
    enum repository_found found;
    enum repository_result saved;
    char problem[320], text[64];
    struct repository_message messages[REPOSITORY_PAGE_MAX];
    char words[REPOSITORY_PAGE_MAX][32];
    struct repository_point points[16];
    size_t count;
    bool more;
};

static struct {
    uv_loop_t *loop;
    struct repository *repository;
    char epoch[EPOCH_SIZE];
    uint64_t requests;
    struct got got;
} it;

static struct {
    uint64_t every_ms, most;
} points;

/* ---- answers ---- */

static void note(uint64_t request, const char *problem)
{
    CHECK_EQ_INT(request, it.requests);
    it.got.answers++;
    snprintf(it.got.problem, sizeof(it.got.problem), "%s", problem ? problem : "");
}

static void on_saved(void *owner, const struct repository_saved *answer)
{
    (void)owner;
    note(answer->request, answer->problem);
    REQUIRE(answer->count == 1);
    it.got.saved = answer->files[0].result;
}

static void on_done(void *owner, const struct repository_done *answer)
{
    (void)owner;
    note(answer->request, answer->problem);
    it.got.done = answer->result;
}

static void on_messages(void *owner, const struct repository_messages *answer)
{
    (void)owner;
    note(answer->request, answer->problem);
    it.got.found = answer->found;
    it.got.count = answer->count;
    it.got.more = answer->more;
    for (size_t i = 0; i < answer->count; i++) {
        it.got.messages[i] = answer->items[i];
        snprintf(it.got.words[i], sizeof(it.got.words[i]), "%s/%s/%s", answer->items[i].user,
                 answer->items[i].name, answer->items[i].text);
    }
}

static void on_points(void *owner, const struct repository_points *answer)
{
    (void)owner;
    note(answer->request, answer->problem);
    it.got.found = answer->found;
    it.got.count = answer->count;
    REQUIRE(answer->count <= 16);
    for (size_t i = 0; i < answer->count; i++)
        it.got.points[i] = answer->items[i];
    if (answer->count == 1 && answer->items[0].text)
        snprintf(it.got.text, sizeof(it.got.text), "%s", answer->items[0].text);
}

static void use(uv_loop_t *loop, struct repository *repository)
{
    it.loop = loop;
    it.repository = repository;
    repository->sink = (struct repository_sink){.owner = &it,
                                                .saved = on_saved,
                                                .created = on_done,
                                                .said = on_done,
                                                .messages = on_messages,
                                                .points = on_points};
}

static struct state_ticket ticket_of(const char *project)
{
    it.got = (struct got){.answers = it.got.answers};
    return (struct state_ticket){0, ++it.requests, project, it.epoch};
}

static void await(void)
{
    unsigned before = it.got.answers;
    while (it.got.answers == before)
        uv_run(it.loop, UV_RUN_ONCE);
}

/* ---- the backends: each starts with the project "demo", and a file 1 "a.txt" ---- */

struct backend {
    const char *name;
    void (*start)(void);
    void (*stop)(void);
    void (*spoil)(void); /* a message of demo is not what a message must be */
};

static struct world sqlite;

static void sqlite_open(void)
{
    REQUIRE(world_start(&sqlite));
    use(&sqlite.loop, storage_repository(sqlite.storage));
}

static void sqlite_start(void)
{
    world_init(&sqlite);
    sqlite.config.points_every_ms = points.every_ms;
    sqlite.config.points_most = points.most;
    REQUIRE(world_start(&sqlite));
    world_project(&sqlite);
    write_words(&sqlite, 0, 8);
    snprintf(it.epoch, sizeof(it.epoch), "%s", sqlite.probe.epoch);
    use(&sqlite.loop, storage_repository(sqlite.storage));
}

static void sqlite_stop(void)
{
    world_close(&sqlite);
}

static void sqlite_spoil(void)
{
    world_stop(&sqlite);
    world_sql(&sqlite, "UPDATE chat SET text = CAST(x'ff' AS TEXT)");
    sqlite_open();
}

static struct mongo_server server;
static struct {
    uv_loop_t loop;
    struct mongo *mongo;
    char uri[320], database[48];
} mongo;

static void mongo_backend_start(void)
{
    struct mongo_config config = mongo_config_default();
    struct error error = {ERR_OK, ""};
    struct state_new_file file = {"a.txt", "base", 4, "\n"};
    struct state_create create = {"Demo", "blank", &file, 1};
    if (!server.uri[0])
        mongo_server_init(&server);
    mongo_database_uri(&server, mongo.uri, sizeof(mongo.uri), mongo.database,
                       sizeof(mongo.database));
    config.uri = mongo.uri;
    config.points_every_ms = points.every_ms;
    config.points_most = points.most;
    uv_loop_init(&mongo.loop);
    mongo.mongo = mongo_open(&config, &mongo.loop, &error);
    REQUIRE(mongo.mongo != NULL);
    use(&mongo.loop, mongo_repository(mongo.mongo));
    snprintf(it.epoch, sizeof(it.epoch), "1.a");
    struct state_ticket ticket = ticket_of("demo");
    it.repository->ops->create(it.repository, &ticket, &create);
    await();
    CHECK_EQ_INT(it.got.done, REPOSITORY_DONE);
}

static void mongo_backend_stop(void)
{
    mongoc_client_t *client = mongoc_client_new(server.uri);
    mongoc_database_t *database = mongoc_client_get_database(client, mongo.database);
    mongoc_database_drop(database, NULL);
    mongoc_database_destroy(database);
    mongoc_client_destroy(client);
    mongo_close(mongo.mongo);
    uv_run(&mongo.loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(uv_loop_close(&mongo.loop), 0);
}

static void mongo_spoil(void)
{
    mongoc_client_t *client = mongoc_client_new(server.uri);
    mongoc_collection_t *chat = mongoc_client_get_collection(client, mongo.database, "chat");
    bson_t *all = bson_new();
    bson_t *change = BCON_NEW("$set", "{", "text", BCON_INT32(7), "}");
    CHECK(mongoc_collection_update_many(chat, all, change, NULL, NULL, NULL));
    bson_destroy(all);
    bson_destroy(change);
    mongoc_collection_destroy(chat);
    mongoc_client_destroy(client);
}

static const struct backend backends[] = {
    {"sqlite", sqlite_start, sqlite_stop, sqlite_spoil},
    {"mongo", mongo_backend_start, mongo_backend_stop, mongo_spoil},
};
static const struct backend *backend;

/* ---- asking ---- */

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static enum repository_outcome say(uint64_t ts, uint64_t n, const char *text)
{
    struct state_ticket ticket = ticket_of("demo");
    struct repository_message message = {
        .ts = ts, .n = n, .user = "u1", .name = "Änn", .text = text, .f = 1, .line = 12};
    it.repository->ops->say(it.repository, &ticket, &message);
    await();
    return it.got.done;
}

static size_t page(const char *project, uint64_t ts, uint64_t n, size_t limit)
{
    struct state_ticket ticket = ticket_of(project);
    struct repository_page page = {ts, n, limit};
    it.repository->ops->messages(it.repository, &ticket, &page);
    await();
    return it.got.count;
}

static enum repository_result save(uint64_t version, uint64_t rev, const char *text)
{
    struct state_ticket ticket = ticket_of("demo");
    struct repository_file file = {.f = 1,
                                   .version = version,
                                   .rev = rev,
                                   .path = "a.txt",
                                   .text = mem_strdup(text),
                                   .len = strlen(text),
                                   .utf16_len = strlen(text),
                                   .eol = "\n",
                                   .updated_at = 1730000000000,
                                   .updated_by = 5};
    struct repository_save save = {wall_ms(), &file, 1};
    it.repository->ops->save(it.repository, &ticket, &save);
    await();
    return it.got.saved;
}

static size_t list_points(void)
{
    struct state_ticket ticket = ticket_of("demo");
    struct repository_point_query query = {.f = 1};
    it.repository->ops->points(it.repository, &ticket, &query);
    await();
    CHECK_EQ_INT(it.got.found, REPOSITORY_FOUND);
    return it.got.count;
}

static enum repository_found read_point(uint64_t version)
{
    struct state_ticket ticket = ticket_of("demo");
    struct repository_point_query query = {1, version, true};
    it.repository->ops->points(it.repository, &ticket, &query);
    await();
    return it.got.found;
}

/* ---- the cases ---- */

static void an_older_save_stays_behind_a_newer_one(void)
{
    CHECK_EQ_INT(save(3, 4, "three"), REPOSITORY_OK);
    CHECK_EQ_INT(save(2, 3, "two"), REPOSITORY_OLDER);
    CHECK_EQ_INT(save(5, 6, "five"), REPOSITORY_OK);
}

static void what_is_said_is_paged_back(void)
{
    CHECK_EQ_INT(page("demo", 0, 0, 10), 0);
    CHECK_EQ_INT(it.got.found, REPOSITORY_FOUND);
    CHECK_EQ_INT(say(1000, 0, "one"), REPOSITORY_DONE);
    CHECK_EQ_INT(say(1000, 10, "three"), REPOSITORY_DONE);
    CHECK_EQ_INT(say(1000, 2, "two"), REPOSITORY_DONE);
    CHECK_EQ_INT(say(999, 7, "zero 😀"), REPOSITORY_DONE);
    CHECK_EQ_INT(page("demo", 0, 0, 2), 2);
    CHECK(it.got.more);
    CHECK_EQ_STR(it.got.words[0], "u1/Änn/three");
    CHECK_EQ_STR(it.got.words[1], "u1/Änn/two");
    CHECK_EQ_INT(it.got.messages[0].f, 1);
    CHECK_EQ_INT(it.got.messages[0].line, 12);
    CHECK_EQ_INT(page("demo", 1000, 2, 2), 2);
    CHECK(!it.got.more);
    CHECK_EQ_STR(it.got.words[0], "u1/Änn/one");
    CHECK_EQ_STR(it.got.words[1], "u1/Änn/zero 😀");
    CHECK_EQ_INT(it.got.messages[1].ts, 999);
    CHECK_EQ_INT(it.got.messages[1].n, 7);
}

static void a_page_has_its_bounds(void)
{
    for (uint64_t n = 0; n < REPOSITORY_PAGE_MAX + 1; n++)
        CHECK_EQ_INT(say(1, n, "x"), REPOSITORY_DONE);
    CHECK_EQ_INT(page("demo", 0, 0, 100000), REPOSITORY_PAGE_MAX);
    CHECK(it.got.more);
}

static void a_message_said_twice_is_one(void)
{
    CHECK_EQ_INT(say(5, 0, "hello"), REPOSITORY_DONE);
    CHECK_EQ_INT(say(5, 0, "hello"), REPOSITORY_DONE);
    CHECK_EQ_INT(say(5, 0, "other"), REPOSITORY_CHANGED);
    CHECK_EQ_INT(page("demo", 0, 0, 10), 1);
    CHECK_EQ_STR(it.got.words[0], "u1/Änn/hello");
}

static void what_is_no_text_is_refused(void)
{
    CHECK_EQ_INT(say(5, 0, "\xed\xa0\x80"), REPOSITORY_REFUSED);
    CHECK_EQ_INT(page("demo", 0, 0, 10), 0);
}

static void a_spoiled_message_is_an_error(void)
{
    CHECK_EQ_INT(say(5, 0, "hello"), REPOSITORY_DONE);
    backend->spoil();
    CHECK_EQ_INT(page("demo", 0, 0, 10), 0);
    CHECK_EQ_INT(it.got.found, REPOSITORY_BROKEN);
    CHECK(it.got.problem[0] != '\0');
}

static void without_the_setting_no_history_is_kept(void)
{
    CHECK_EQ_INT(save(1, 2, "one"), REPOSITORY_OK);
    CHECK_EQ_INT(list_points(), 0);
}

static void a_save_keeps_a_point_unless_one_is_young(void)
{
    CHECK_EQ_INT(save(1, 2, "one\n"), REPOSITORY_OK);
    CHECK_EQ_INT(save(2, 3, "two\n"), REPOSITORY_OK);
    CHECK_EQ_INT(list_points(), 1);
    CHECK_EQ_INT(it.got.points[0].version, 1);
    CHECK_EQ_INT(it.got.points[0].by, 5);
    CHECK_EQ_INT(it.got.points[0].len, 4);
    CHECK(it.got.points[0].text == NULL);
    CHECK_EQ_INT(read_point(1), REPOSITORY_FOUND);
    CHECK_EQ_STR(it.got.text, "one\n");
    CHECK_EQ_INT(read_point(2), REPOSITORY_NONE);
}

/* The clock must have gone on between two saves. */
static void pass_ms(void)
{
    for (uint64_t from = wall_ms(); wall_ms() <= from + 1;)
        ;
}

static void of_many_points_the_newest_stay(void)
{
    for (uint64_t v = 1; v <= 5; v++) {
        char text[8];
        snprintf(text, sizeof(text), "t%d", (int)v);
        pass_ms();
        CHECK_EQ_INT(save(v, v + 1, text), REPOSITORY_OK);
    }
    CHECK_EQ_INT(list_points(), 3);
    CHECK_EQ_INT(it.got.points[0].version, 5);
    CHECK_EQ_INT(it.got.points[2].version, 3);
    CHECK_EQ_INT(read_point(4), REPOSITORY_FOUND);
    CHECK_EQ_STR(it.got.text, "t4");
}

static void (*a_case)(void);

static void on_backend(void)
{
    backend->start();
    a_case();
    backend->stop();
}

static void run_case(const char *name, void (*test)(void), uint64_t every_ms, uint64_t most)
{
    points.every_ms = every_ms;
    points.most = most;
    a_case = test;
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        char full[160];
        backend = &backends[i];
        snprintf(full, sizeof(full), "%s_%s", backend->name, name);
        check_run(full, on_backend);
    }
}
#define CASE(name, every_ms, most) run_case(#name, name, every_ms, most)

int main(int argc, char **argv)
{
    check_init(argc, argv);
    CASE(an_older_save_stays_behind_a_newer_one, 0, 100);
    CASE(what_is_said_is_paged_back, 0, 100);
    CASE(a_page_has_its_bounds, 0, 100);
    CASE(a_message_said_twice_is_one, 0, 100);
    CASE(what_is_no_text_is_refused, 0, 100);
    CASE(a_spoiled_message_is_an_error, 0, 100);
    CASE(without_the_setting_no_history_is_kept, 0, 100);
    CASE(a_save_keeps_a_point_unless_one_is_young, 600000, 100);
    CASE(of_many_points_the_newest_stay, 1, 3);
    mongo_server_close(&server);
    return check_finish();
}
