/*
 * The repository over a real server of MongoDB's protocol: each test has a database of its own.
 */
#include "check.h"
#include "mongo_world.h"
#include "weft/base/mem.h"

#include <uv.h>

struct got {
    unsigned answers;
    enum repository_found found;
    char *problem, *name, *template, *epoch, *live;
    uint64_t e, next_file;
    struct repository_loaded_file files[64];
    size_t file_count;
    int done;
    enum repository_result saved[64];
    size_t saved_count;
};

static struct mongo_server server;
static struct {
    uv_loop_t loop;
    struct mongo *mongo;
    struct repository *repository;
    char uri[320], database[48], epoch[EPOCH_SIZE];
    uint64_t requests;
    struct got got;
} world;

/* ---- answers ---- */

static char *copy(const char *text)
{
    return text ? mem_strdup(text) : NULL;
}

static void forget_answer(void)
{
    struct got *got = &world.got;
    free(got->problem);
    free(got->name);
    free(got->template);
    free(got->epoch);
    free(got->live);
    for (size_t i = 0; i < got->file_count; i++) {
        free((void *)got->files[i].path);
        free((void *)got->files[i].text);
        free((void *)got->files[i].seen);
    }
    *got = (struct got){.answers = got->answers};
}

static void on_loaded(void *owner, const struct repository_loaded *answer)
{
    (void)owner;
    struct got *got = &world.got;
    CHECK_EQ_INT(answer->request, world.requests);
    got->answers++;
    got->found = answer->found;
    got->problem = copy(answer->problem);
    got->name = copy(answer->name);
    got->template = copy(answer->template);
    got->epoch = copy(answer->epoch);
    got->live = copy(answer->live);
    got->e = answer->e;
    got->next_file = answer->next_file;
    REQUIRE(answer->file_count <= 64);
    for (size_t i = 0; i < answer->file_count; i++) {
        const struct repository_loaded_file *from = &answer->files[i];
        struct state_seen *seen = mem_zalloc((from->seen_count + 1) * sizeof(*seen));
        if (from->seen_count)
            memcpy(seen, from->seen, from->seen_count * sizeof(*seen));
        got->files[i] = *from;
        got->files[i].path = copy(from->path);
        got->files[i].text = mem_strndup(from->text, from->len);
        got->files[i].seen = seen;
    }
    got->file_count = answer->file_count;
}

static void on_done(void *owner, const struct repository_done *answer)
{
    (void)owner;
    CHECK_EQ_INT(answer->request, world.requests);
    world.got.answers++;
    world.got.done = (int)answer->result;
    world.got.problem = copy(answer->problem);
}

static void on_saved(void *owner, const struct repository_saved *answer)
{
    (void)owner;
    CHECK_EQ_INT(answer->request, world.requests);
    world.got.answers++;
    world.got.problem = copy(answer->problem);
    for (size_t i = 0; i < answer->count && i < 64; i++)
        world.got.saved[i] = answer->files[i].result;
    world.got.saved_count = answer->count;
}

static void open_world(void)
{
    struct mongo_config config = mongo_config_default();
    struct error error = {ERR_OK, ""};
    config.uri = world.uri;
    uv_loop_init(&world.loop);
    world.mongo = mongo_open(&config, &world.loop, &error);
    REQUIRE(world.mongo != NULL);
    world.repository = mongo_repository(world.mongo);
    world.repository->sink = (struct repository_sink){.owner = &world,
                                                      .saved = on_saved,
                                                      .loaded = on_loaded,
                                                      .begun = on_done,
                                                      .released = on_done,
                                                      .created = on_done};
}

static void close_world(void)
{
    forget_answer();
    mongo_close(world.mongo);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(uv_loop_close(&world.loop), 0);
}

static void begin_world(void)
{
    mongo_database_uri(&server, world.uri, sizeof(world.uri), world.database,
                       sizeof(world.database));
    snprintf(world.epoch, sizeof(world.epoch), "1.a");
    open_world();
}

static void end_world(void)
{
    mongoc_client_t *client = mongoc_client_new(server.uri);
    mongoc_database_t *database = mongoc_client_get_database(client, world.database);
    mongoc_database_drop(database, NULL);
    mongoc_database_destroy(database);
    mongoc_client_destroy(client);
    close_world();
}

/* ---- asking ---- */

static struct state_ticket ticket(void)
{
    forget_answer();
    return (struct state_ticket){0, ++world.requests, "demo", world.epoch};
}

static void await(void)
{
    unsigned before = world.got.answers;
    while (world.got.answers == before)
        uv_run(&world.loop, UV_RUN_ONCE);
}

static int create(const struct state_new_file *files, size_t count)
{
    struct state_ticket to = ticket();
    struct state_create create = {"Demo", "blank", files, count};
    world.repository->ops->create(world.repository, &to, &create);
    await();
    return world.got.done;
}

static enum repository_found load(void)
{
    struct state_ticket to = ticket();
    world.repository->ops->load(world.repository, &to);
    await();
    return world.got.found;
}

static int begin(const char *was_epoch, const char *was_live, const char *epoch, const char *live)
{
    struct state_ticket to = ticket();
    struct repository_begin begin = {was_epoch, was_live, epoch, live};
    world.repository->ops->begin(world.repository, &to, &begin);
    await();
    return world.got.done;
}

static int release(const char *live, uint64_t e, uint64_t next_file)
{
    struct state_ticket to = ticket();
    struct repository_release release = {live, e, next_file};
    world.repository->ops->release(world.repository, &to, &release);
    await();
    return world.got.done;
}

static struct repository_file file_of(uint64_t f, uint64_t version, uint64_t rev, const char *text)
{
    static const struct state_seen seen[] = {{281474976710655, 17}, {5, 1}};
    static const char *const paths[] = {"", "a.txt", "src/b.txt", "c.txt"};
    return (struct repository_file){.f = f,
                                    .version = version,
                                    .rev = rev,
                                    .path = paths[f],
                                    .text = mem_strdup(text),
                                    .len = strlen(text),
                                    .eol = f == 2 ? "\r\n" : "\n",
                                    .updated_at = 1730000000000,
                                    .updated_by = 5,
                                    .seen = seen,
                                    .seen_count = 2};
}

static enum repository_result save_files(const struct repository_file *files, size_t count)
{
    struct state_ticket to = ticket();
    struct repository_save save = {1730000001000, files, count};
    world.repository->ops->save(world.repository, &to, &save);
    await();
    CHECK_EQ_INT(world.got.saved_count, count);
    return world.got.saved[0];
}

static enum repository_result save(uint64_t f, uint64_t version, uint64_t rev, const char *text)
{
    struct repository_file file = file_of(f, version, rev, text);
    return save_files(&file, 1);
}

static const struct repository_loaded_file *loaded(const char *path)
{
    for (size_t i = 0; i < world.got.file_count; i++)
        if (strcmp(world.got.files[i].path, path) == 0)
            return &world.got.files[i];
    return NULL;
}

/* Writes a document by hand, as another program may. Takes both. */
static void by_hand(const char *collection, bson_t *filter, bson_t *change)
{
    mongoc_client_t *client = mongoc_client_new(server.uri);
    mongoc_collection_t *to = mongoc_client_get_collection(client, world.database, collection);
    bson_t *opts = BCON_NEW("upsert", BCON_BOOL(true));
    bson_error_t error;
    if (!mongoc_collection_update_one(to, filter, change, opts, NULL, &error))
        CHECK_FAIL("%s", error.message);
    bson_destroy(opts);
    bson_destroy(filter);
    bson_destroy(change);
    mongoc_collection_destroy(to);
    mongoc_client_destroy(client);
}

static const struct state_new_file two_files[] = {{"a.txt", "base", 4, "\n"},
                                                  {"src/b.txt", "1\n2\n", 4, "\r\n"}};

/* ---- the life of a project ---- */

static void what_was_created_is_loaded(void)
{
    begin_world();
    CHECK_EQ_INT(load(), REPOSITORY_NONE);
    CHECK_EQ_INT(create(two_files, 2), REPOSITORY_DONE);
    CHECK_EQ_INT(create(two_files, 2), REPOSITORY_CHANGED);
    CHECK_EQ_INT(load(), REPOSITORY_FOUND);
    CHECK_EQ_STR(world.got.name, "Demo");
    CHECK_EQ_STR(world.got.template, "blank");
    CHECK(strncmp(world.got.epoch, "1.", 2) == 0);
    CHECK(world.got.live == NULL);
    CHECK_EQ_INT(world.got.next_file, 3);
    CHECK_EQ_INT(world.got.e, 0);
    REQUIRE(world.got.file_count == 2);
    REQUIRE(loaded("a.txt") && loaded("src/b.txt"));
    CHECK_EQ_STR(loaded("a.txt")->text, "base");
    CHECK_EQ_STR(loaded("src/b.txt")->text, "1\n2\n");
    CHECK_EQ_STR(loaded("src/b.txt")->eol, "\r\n");
    CHECK_EQ_INT(loaded("src/b.txt")->f, 2);
    CHECK_EQ_INT(loaded("src/b.txt")->epoch_number, 1);
    end_world();
}

static void live_is_compared_and_set(void)
{
    begin_world();
    create(NULL, 0);
    load();
    char epoch[EPOCH_SIZE];
    snprintf(epoch, sizeof(epoch), "%s", world.got.epoch);
    CHECK_EQ_INT(begin("1.other", NULL, "1.other", "t1"), REPOSITORY_CHANGED);
    CHECK_EQ_INT(begin(epoch, "t0", epoch, "t1"), REPOSITORY_CHANGED);
    CHECK_EQ_INT(begin(epoch, NULL, epoch, "t1"), REPOSITORY_DONE);
    CHECK_EQ_INT(begin(epoch, NULL, epoch, "t1"), REPOSITORY_DONE); /* the answer was lost */
    CHECK_EQ_INT(begin(epoch, NULL, epoch, "t2"), REPOSITORY_CHANGED);
    load();
    CHECK_EQ_STR(world.got.live, "t1");
    CHECK_EQ_INT(begin(epoch, "t1", "2.new", "t2"), REPOSITORY_DONE);
    CHECK_EQ_INT(release("t1", 7, 9), REPOSITORY_CHANGED);
    CHECK_EQ_INT(release("t2", 7, 9), REPOSITORY_DONE);
    load();
    CHECK(world.got.live == NULL);
    CHECK_EQ_STR(world.got.epoch, "2.new");
    CHECK_EQ_INT(world.got.e, 7);
    CHECK_EQ_INT(world.got.next_file, 9);
    end_world();
}

static void a_creation_that_died_is_taken_over(void)
{
    begin_world();
    by_hand("projects", BCON_NEW("_id", "demo"),
            BCON_NEW("$set", "{", "epoch", "1.x", "creating", "dead", "created_at",
                     BCON_DATE_TIME(1000), "}"));
    by_hand("files", BCON_NEW("_id", "demo/7"),
            BCON_NEW("$set", "{", "project", "demo", "file", BCON_INT64(7), "text", "half", "}"));
    CHECK_EQ_INT(load(), REPOSITORY_AWAY);
    CHECK_EQ_INT(create(two_files, 2), REPOSITORY_DONE);
    CHECK_EQ_INT(world.got.done, REPOSITORY_DONE);
    end_world();
}

/* ---- saving ---- */

static void a_save_is_guarded_by_epoch_and_rev(void)
{
    begin_world();
    create(two_files, 2);
    CHECK_EQ_INT(save(1, 5, 6, "five"), REPOSITORY_OK);
    CHECK_EQ_INT(save(1, 5, 6, "five"), REPOSITORY_OK); /* doubled */
    CHECK_EQ_INT(save(1, 4, 5, "four"), REPOSITORY_OLDER);
    load();
    CHECK_EQ_STR(loaded("a.txt")->text, "five");
    CHECK_EQ_INT(loaded("a.txt")->version, 5);
    snprintf(world.epoch, sizeof(world.epoch), "2.b");
    CHECK_EQ_INT(save(1, 1, 2, "newer"), REPOSITORY_OK);
    snprintf(world.epoch, sizeof(world.epoch), "1.a");
    CHECK_EQ_INT(save(1, 100, 100, "forgotten"), REPOSITORY_OLDER);
    load();
    CHECK_EQ_STR(loaded("a.txt")->text, "newer");
    CHECK_EQ_INT(loaded("a.txt")->epoch_number, 2);
    REQUIRE(loaded("a.txt")->seen_count == 2);
    CHECK_EQ_INT(loaded("a.txt")->seen[0].cid, 281474976710655);
    CHECK_EQ_INT(loaded("a.txt")->seen[0].n, 17);
    CHECK_EQ_INT(loaded("a.txt")->updated_at, 1730000000000);
    end_world();
}

static void each_file_of_a_save_is_judged_by_itself(void)
{
    begin_world();
    create(two_files, 2);
    CHECK_EQ_INT(save(2, 9, 9, "nine"), REPOSITORY_OK);
    struct repository_file files[3] = {file_of(1, 1, 2, "one"), file_of(2, 3, 3, "late"),
                                       file_of(3, 0, 1, "new\n")};
    save_files(files, 3);
    CHECK_EQ_INT(world.got.saved[0], REPOSITORY_OK);
    CHECK_EQ_INT(world.got.saved[1], REPOSITORY_OLDER);
    CHECK_EQ_INT(world.got.saved[2], REPOSITORY_OK);
    load();
    CHECK_EQ_STR(loaded("a.txt")->text, "one");
    CHECK_EQ_STR(loaded("src/b.txt")->text, "nine");
    CHECK_EQ_STR(loaded("c.txt")->text, "new\n");
    end_world();
}

static void a_deleted_file_is_not_brought_back_by_a_late_save(void)
{
    begin_world();
    create(two_files, 2);
    CHECK_EQ_INT(save(1, 5, 5, "five"), REPOSITORY_OK);
    struct repository_file gone = {.f = 1, .rev = 7, .version = 5, .deleted = true, .eol = "\n"};
    CHECK_EQ_INT(save_files(&gone, 1), REPOSITORY_OK);
    CHECK_EQ_INT(save(1, 6, 6, "late"), REPOSITORY_OLDER);
    CHECK_EQ_INT(load(), REPOSITORY_FOUND);
    CHECK_EQ_INT(world.got.file_count, 1);
    CHECK(loaded("a.txt") == NULL);
    end_world();
}

static void texts_are_stored_as_they_are_written(void)
{
    begin_world();
    create(two_files, 2);
    CHECK_EQ_INT(save(2, 1, 2, "x\ny\n"), REPOSITORY_OK);
    mongoc_client_t *client = mongoc_client_new(server.uri);
    mongoc_collection_t *files = mongoc_client_get_collection(client, world.database, "files");
    bson_t *filter = BCON_NEW("_id", "demo/2", "text", "x\r\ny\r\n", "size", BCON_INT64(6));
    bson_error_t error;
    CHECK_EQ_INT(mongoc_collection_count_documents(files, filter, NULL, NULL, NULL, &error), 1);
    bson_destroy(filter);
    mongoc_collection_destroy(files);
    mongoc_client_destroy(client);
    end_world();
}

/* ---- hostile documents ---- */

static void check_broken(const char *what, bson_t *filter, bson_t *change, const char *collection)
{
    begin_world();
    create(two_files, 2);
    by_hand(collection, filter, change);
    if (load() != REPOSITORY_BROKEN)
        CHECK_FAIL("%s was taken", what);
    CHECK(world.got.problem && world.got.problem[0]);
    end_world();
}

#define BROKEN_FILE(what, ...)                                                                     \
    check_broken(what, BCON_NEW("_id", "demo/1"), BCON_NEW("$set", "{", __VA_ARGS__, "}"), "files")
#define BROKEN_PROJECT(what, ...)                                                                  \
    check_broken(what, BCON_NEW("_id", "demo"), BCON_NEW("$set", "{", __VA_ARGS__, "}"), "projects")

static void malformed_documents_are_refused(void)
{
    BROKEN_FILE("a text that is a number", "text", BCON_INT32(1));
    BROKEN_FILE("a text that is null", "text", BCON_NULL);
    BROKEN_FILE("a version below 0", "version", BCON_INT64(-1));
    BROKEN_FILE("a version with a fraction", "version", BCON_DOUBLE(1.5));
    BROKEN_FILE("a version beyond 2^53", "version", BCON_INT64(INT64_MAX));
    BROKEN_FILE("a version that is a string", "version", BCON_UTF8("1"));
    BROKEN_FILE("a path that leaves", "path", BCON_UTF8("../x"));
    BROKEN_FILE("an empty path", "path", BCON_UTF8(""));
    BROKEN_FILE("a path of another file", "path", BCON_UTF8("src/b.txt"));
    BROKEN_FILE("seen that is a text", "seen", BCON_UTF8("x"));
    BROKEN_FILE("seen with a string in it", "seen", "[", BCON_UTF8("x"), "]");
    BROKEN_FILE("no epoch", "epoch", BCON_NULL);
    BROKEN_PROJECT("a project without an epoch", "epoch", BCON_NULL);
    BROKEN_PROJECT("an epoch that is an object", "epoch", "{", "$ne", BCON_NULL, "}");
    BROKEN_PROJECT("next_file below 0", "next_file", BCON_INT64(-3));
    BROKEN_PROJECT("live that is a number", "live", BCON_INT64(3));
}

static void numbers_of_a_shell_are_taken(void)
{
    begin_world();
    create(two_files, 2);
    by_hand("files", BCON_NEW("_id", "demo/1"),
            BCON_NEW("$set", "{", "version", BCON_DOUBLE(3), "rev", BCON_INT32(4), "}"));
    CHECK_EQ_INT(load(), REPOSITORY_FOUND);
    CHECK_EQ_INT(loaded("a.txt")->version, 3);
    CHECK_EQ_INT(loaded("a.txt")->rev, 4);
    end_world();
}

static void invalid_utf8_is_refused(void)
{
    begin_world();
    create(two_files, 2);
    bson_t set = BSON_INITIALIZER, change = BSON_INITIALIZER;
    bson_append_utf8(&set, "text", -1, "a\xff\xfe", 3);
    bson_append_document(&change, "$set", -1, &set);
    bson_destroy(&set);
    mongoc_client_t *client = mongoc_client_new(server.uri);
    mongoc_collection_t *to = mongoc_client_get_collection(client, world.database, "files");
    bson_t *filter = BCON_NEW("_id", "demo/1");
    bson_t *opts = BCON_NEW("validate", BCON_BOOL(false));
    bson_error_t error;
    bool is_written = mongoc_collection_update_one(to, filter, &change, opts, NULL, &error);
    bson_destroy(opts);
    bson_destroy(filter);
    bson_destroy(&change);
    mongoc_collection_destroy(to);
    mongoc_client_destroy(client);
    if (is_written)
        CHECK_EQ_INT(load(), REPOSITORY_BROKEN);
    end_world();
    if (!is_written)
        SKIP("the server itself refuses invalid UTF-8");
}

/* ---- a server that is away ---- */

static void a_server_that_is_away_is_an_answer(void)
{
    if (server.pid == 0)
        SKIP("the server is not the test's own");
    begin_world();
    create(two_files, 2);
    mongo_kill(&server);
    CHECK_EQ_INT(load(), REPOSITORY_AWAY);
    CHECK(world.got.problem != NULL);
    CHECK_EQ_INT(save(1, 1, 2, "x"), REPOSITORY_FAILED);
    CHECK(world.got.problem != NULL);
    CHECK_EQ_INT(begin("1.a", NULL, "1.a", "t"), REPOSITORY_UNKNOWN);
    CHECK(mongo_counts(world.mongo).failures >= 3);
    mongo_start(&server);
    CHECK_EQ_INT(save(1, 1, 2, "x"), REPOSITORY_OK);
    CHECK_EQ_INT(load(), REPOSITORY_FOUND);
    CHECK_EQ_STR(loaded("a.txt")->text, "x");
    end_world();
}

static void a_wrong_uri_is_refused(void)
{
    static const char *const bad[] = {"", "mongodb://", "redis://x", "mongodb://h:99999/"};
    uv_loop_t loop;
    uv_loop_init(&loop);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mongo_config config = mongo_config_default();
        struct error error = {ERR_OK, ""};
        config.uri = bad[i];
        CHECK(mongo_open(&config, &loop, &error) == NULL);
        CHECK(error.text[0] != '\0');
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(uv_loop_close(&loop), 0);
}

static void the_server_starts(void)
{
    mongo_server_init(&server);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_wrong_uri_is_refused);
    RUN(the_server_starts);
    if (server.uri[0]) {
        RUN(what_was_created_is_loaded);
        RUN(live_is_compared_and_set);
        RUN(a_creation_that_died_is_taken_over);
        RUN(a_save_is_guarded_by_epoch_and_rev);
        RUN(each_file_of_a_save_is_judged_by_itself);
        RUN(a_deleted_file_is_not_brought_back_by_a_late_save);
        RUN(texts_are_stored_as_they_are_written);
        RUN(malformed_documents_are_refused);
        RUN(numbers_of_a_shell_are_taken);
        RUN(invalid_utf8_is_refused);
        RUN(a_server_that_is_away_is_an_answer);
    }
    mongo_server_close(&server);
    return check_finish();
}
