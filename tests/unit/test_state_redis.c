/*
 * What is Redis' own in the state over it: what a person sees in a GUI, a Redis that is full, that
 * has forgotten the scripts, or in which somebody has written something else, and strings that are
 * hard on whoever prints or parses them. An answer of any shape is taken apart without harm.
 */
#include "check.h"
#include "shared_world.h"
#include "io/state_redis_call.h"
#include "random_reply.h"
#include "weft/text/path.h"

#include <jansson.h>

static struct redis_world *server(void)
{
    return &redis_backend_world.server;
}

/* A text of Redis, "" where there is none; valid until the next call. */
static const char *ask_text(const char *command, const char *key, const char *field)
{
    static char text[4096];
    redisReply *reply = redis_world_ask(server(), command, key, field, NULL);
    snprintf(text, sizeof(text), "%s",
             reply && reply->type == REDIS_REPLY_STRING ? reply->str : "");
    freeReplyObject(reply);
    return text;
}

/* What Redis holds, in 40 digits. */
static char *digest(void)
{
    redisReply *reply = redis_world_ask(server(), "DEBUG", "DIGEST", NULL);
    REQUIRE(reply && reply->type == REDIS_REPLY_STATUS);
    char *text = mem_strdup(reply->str);
    freeReplyObject(reply);
    return text;
}

/* ---- what a person sees ---- */

static void the_hash_of_a_file_is_plain_to_read(void)
{
    struct probe *probe = begin_plain();
    const char *key = "weft:{demo}:file:1";
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, " \xe2\x98\x83"), STATE_OK);
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 1, "base \xe2\x98\x83"), STATE_OK);
    CHECK_EQ_STR(ask_text("HGET", key, "path"), "a.txt");
    CHECK_EQ_STR(ask_text("HGET", key, "content"), "base \xe2\x98\x83");
    CHECK_EQ_STR(ask_text("HGET", key, "version"), "1");
    CHECK_EQ_STR(ask_text("HGET", key, "content_version"), "1");
    CHECK_EQ_STR(ask_text("HGET", key, "rev"), "2");
    CHECK_EQ_STR(ask_text("HGET", key, "len"), "6");
    CHECK_EQ_STR(ask_text("HGET", key, "size"), "8");
    CHECK_EQ_STR(ask_text("HGET", key, "eol"), "lf");
    CHECK_EQ_STR(ask_text("HGET", key, "updated_by"), "5");
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:file:2", "eol"), "crlf");
    redisReply *time = redis_world_ask(server(), "TIME", NULL);
    REQUIRE(time && time->type == REDIS_REPLY_ARRAY && time->elements == 2);
    long long age = strtoll(time->element[0]->str, NULL, 10) * 1000 -
                    strtoll(ask_text("HGET", key, "updated_at"), NULL, 10);
    CHECK(age > -2000 && age < 60000);
    freeReplyObject(time);
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:meta", "state"), "ready");
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:meta", "name"), "Demo");
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:meta", "epoch"), probe->epoch);
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:tree", "src/b.txt"), "2");
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:seen:1", "5"), "1");
}

static void what_is_saved_never_goes_back(void)
{
    struct probe *probe = begin_plain();
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 2, 1), STATE_OK);
    char *before = mem_strdup(ask_text("HGET", "weft:{demo}:meta", "tick"));
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 1, 0), STATE_OK);
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:file:1", "saved_rev"), "2");
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:file:1", "saved_version"), "1");
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:meta", "tick"), before); /* nobody is told */
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:meta", "last_sync_timestamp"), "1730000000000");
    free(before);
}

static void populate_leaves_nothing_of_before(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 600000});
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 2, 0, ANN, 1, 1, 0, "x"), STATE_OK);
    CHECK_EQ_INT(probe_delete(probe, 2, NULL), STATE_OK);
    CHECK(backend->keys("demo") > 8);
    backend->restart();
    CHECK_EQ_INT(SETTLED(probe_hello(probe, ANN, 2, 21)), STATE_LOAD);
    char *token = token_of(probe);
    struct state_populate populate = {
        .token = token, .epoch = "5.x", .name = "N", .template = "", .e = 3, .next_file = 9};
    CHECK_EQ_INT(probe_populate(probe, &populate), STATE_OK);
    CHECK_EQ_INT(backend->keys("demo"), 1);
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:meta", "live"), token);
    CHECK_EQ_STR(ask_text("HGET", "weft:{demo}:meta", "load_token"), "");
    free(token);
}

static void a_clock_that_is_set_back_ends_the_lease_of_a_load(void)
{
    struct probe *probe = begin_plain();
    probe->project = "new";
    CHECK_EQ_INT(probe_hello(probe, 0, 0, 21), STATE_LOAD);
    CHECK_EQ_INT(probe_hello(probe, 0, 0, 22), STATE_WAIT);
    /* As if it had been taken in an hour. */
    long long hour = strtoll(ask_text("HGET", "weft:{new}:meta", "load_since"), NULL, 10) + 3600000;
    char since[32], until[32];
    snprintf(since, sizeof(since), "%lld", hour);
    snprintf(until, sizeof(until), "%lld", hour + 15000);
    REQUIRE(redis_world_do(server(), "HSET", "weft:{new}:meta", "load_since", since, "load_until",
                           until));
    CHECK_EQ_INT(probe_hello(probe, 0, 0, 22), STATE_LOAD);
}

/* ---- Redis is full, or has forgotten ---- */

static void a_full_redis_writes_nothing_and_lets_go(void)
{
    struct probe *probe = begin_plain();
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 2, 1, 5, "x"), STATE_OK);
    /* As if a repository had given it, so that it can be unloaded. */
    REQUIRE(redis_world_do(server(), "HSET", "weft:{demo}:meta", "live", "t1"));
    REQUIRE(redis_world_do(server(), "CONFIG", "SET", "maxmemory", "1"));
    char *before = digest();
    CHECK_EQ_INT(probe_append(probe, 1, 2, ANN, 3, 1, 6, "x"), STATE_BUSY);
    CHECK_EQ_STR(probe->got.problem, "Redis is out of memory");
    CHECK_EQ_INT(probe_new_file(probe, "new.txt", "text"), STATE_BUSY);
    CHECK_EQ_INT(probe_rename(probe, 1, NULL, "c.txt"), STATE_BUSY);
    CHECK_EQ_INT(probe_delete(probe, 0, "src/"), STATE_BUSY);
    CHECK_EQ_INT(probe_hello(probe, BOB, 0, 31), STATE_BUSY);
    probe->project = "new";
    CHECK_EQ_INT(probe_create(probe, "New", NULL, 0), STATE_BUSY);
    probe->project = "demo";
    char *after = digest();
    CHECK_EQ_STR(after, before);
    /* What reads, and what makes room, goes on. */
    check_text(probe, 1, "basexx");
    CHECK_EQ_INT(probe_poll(probe, 0, 0, NULL, 0), STATE_OK);
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 2, "basexx"), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 3, 2), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 2, 1, 0), STATE_OK);
    probe_leave(probe, ANN, 1);
    CHECK_EQ_INT(probe_unload(probe), STATE_OK);
    REQUIRE(redis_world_do(server(), "CONFIG", "SET", "maxmemory", "0"));
    CHECK_EQ_INT(probe_hello(probe, ANN, 2, 41), STATE_LOAD);
    free(before);
    free(after);
}

static void a_redis_that_has_forgotten_the_scripts_is_told_them(void)
{
    struct probe *probe = begin_plain();
    REQUIRE(redis_world_do(server(), "SCRIPT", "FLUSH"));
    uint64_t calls = redis_counts(redis_backend_world.instances[0])->calls;
    for (uint64_t v = 0; v < 3; v++)
        CHECK_EQ_INT(probe_append(probe, 1, v, ANN, v + 1, 1, 4 + v, "x"), STATE_OK);
    CHECK_EQ_INT(redis_counts(redis_backend_world.instances[0])->calls - calls, 4);
    REQUIRE(redis_world_do(server(), "SCRIPT", "FLUSH"));
    probe_leave(probe, ANN, 1);
    UNTIL(probe_ask_dirty(probe, 10) == STATE_OK && probe->got.members == 0);
    check_text(probe, 1, "basexxx");
}

/* ---- somebody has written something else ---- */

static const char *const keys[] = {"meta",   "tree",   "cids",   "members", "people", "dirty",
                                   "events", "file:1", "file:2", "log:1",   "seen:1"};

/* Every call, answered somehow. */
static void ask_all(struct probe *probe)
{
    const uint64_t files[] = {1, 2};
    probe_read(probe, 1, true, 0);
    probe_read(probe, 1, false, 0);
    probe_hello(probe, ANN, 0, 31);
    probe_append(probe, 1, 1, ANN, 2, 0, 5, "y");
    probe_append(probe, 1, 0, ANN, 3, 0, 4, "y");
    probe_poll(probe, 0, 0, files, 2);
    probe_ask_events(probe, 0);
    probe_new_file(probe, "new.txt", "");
    probe_rename(probe, 0, "src/", "lib/");
    probe_rename(probe, 1, NULL, "c.txt");
    probe_delete(probe, 2, NULL);
    probe_checkpoint(probe, 1, 1, "basex");
    probe_renew(probe, ANN, 1);
    probe_leave(probe, ANN, 1);
    probe_ask_dirty(probe, 10);
    probe_tell_saved(probe, 1, 2, 1);
    probe_offer(probe, NULL, NULL, 0);
    probe_ask_offers(probe, "x");
    probe_claim(probe, 1);
    probe_unload(probe);
}

static void keys_of_another_type_do_no_harm(void)
{
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1});
        char key[64];
        snprintf(key, sizeof(key), "weft:{demo}:%s", keys[i]);
        CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
        REQUIRE(redis_world_do(server(), "SET", key, "not what it was"));
        ask_all(probe);
    }
}

/* A load must not go on with an older text instead. */
static void what_a_lost_run_left_damaged_is_no_offer(void)
{
    struct probe *probe = begin_plain();
    REQUIRE(redis_world_do(server(), "HSET", "weft:{demo}:file:1", "content", "\xff"));
    REQUIRE(redis_world_do(server(), "HSET", "weft:{demo}:meta", "run", "another"));
    CHECK_EQ_INT(probe_hello(probe, ANN, 2, 41), STATE_LOAD);
    CHECK(probe->got.recover);
    char *token = mem_strdup(probe->got.token);
    CHECK_EQ_INT(probe_ask_offers(probe, token), STATE_BROKEN);
    REQUIRE(redis_world_do(server(), "HSET", "weft:{demo}:file:1", "content", "base"));
    CHECK_EQ_INT(probe_ask_offers(probe, token), STATE_OK);
    free(token);
}

/* That nothing of it can be saved is told, not tried again in silence. */
static void what_is_dirty_but_damaged_is_told(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1});
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    REQUIRE(redis_world_do(server(), "HSET", "weft:{demo}:file:1", "path", "\xff"));
    CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_BROKEN);
}

/* The same of the events: they are not asked for again for ever. */
static void events_that_are_damaged_are_told(void)
{
    static const char events[] = "weft:{demo}:events";
    struct probe *probe = begin_plain();
    CHECK_EQ_INT(probe_new_file(probe, "b", "text"), STATE_OK);
    CHECK_EQ_INT(probe_ask_events(probe, 0), STATE_OK);
    REQUIRE(redis_world_do(server(), "DEL", events));
    REQUIRE(redis_world_do(server(), "XADD", events, "1-0", "m", "\xff"));
    CHECK_EQ_INT(probe_ask_events(probe, 0), STATE_BROKEN);
    REQUIRE(redis_world_do(server(), "SET", events, "x"));
    CHECK_EQ_INT(probe_ask_events(probe, 0), STATE_BROKEN);
    REQUIRE(redis_world_do(server(), "HSET", "weft:{demo}:meta", "e", "x"));
    CHECK_EQ_INT(probe_ask_events(probe, 0), STATE_BROKEN);
}

static void an_append_over_a_wrong_key_writes_no_version(void)
{
    static const char *const wrong[] = {"dirty", "log:2", "seen:2", "cids", "meta", "file:2"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct probe *probe = begin_plain();
        char key[64], old[64];
        snprintf(key, sizeof(key), "weft:{demo}:%s", wrong[i]);
        snprintf(old, sizeof(old), "old:%s", wrong[i]);
        bool is_there = redis_world_do(server(), "EXISTS", key) &&
                        redis_world_number(redis_world_ask(server(), "EXISTS", key, NULL)) == 1;
        if (is_there)
            REQUIRE(redis_world_do(server(), "RENAME", key, old));
        REQUIRE(redis_world_do(server(), "SET", key, "x"));
        CHECK_EQ_INT(probe_append(probe, 2, 0, ANN, 1, 1, 0, "y"), STATE_BROKEN);
        CHECK(probe->got.problem != NULL);
        REQUIRE(redis_world_do(server(), "DEL", key));
        if (is_there)
            REQUIRE(redis_world_do(server(), "RENAME", old, key));
        check_text(probe, 2, "");
        CHECK_EQ_INT(probe_append(probe, 2, 0, ANN, 1, 1, 0, "y"), STATE_OK);
        check_text(probe, 2, "y");
    }
}

static void what_is_no_number_or_no_text_is_broken(void)
{
    static const struct {
        const char *key, *field, *value;
        enum state_result append, read, open;
    } cases[] = {
        {"meta", "tick", "x", STATE_BROKEN, STATE_BROKEN, STATE_BROKEN},
        {"meta", "e", "x", STATE_OK, STATE_OK, STATE_BROKEN},
        {"meta", "epoch", "1.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", STATE_EPOCH, STATE_EPOCH,
         STATE_BROKEN},
        {"meta", "name", "\xff", STATE_OK, STATE_OK, STATE_BROKEN},
        {"meta", "people_rev", "-1", STATE_OK, STATE_OK, STATE_BROKEN},
        {"file:1", "version", "x", STATE_BROKEN, STATE_BROKEN, STATE_BROKEN},
        {"file:1", "version", "7", STATE_TRIMMED, STATE_BROKEN, STATE_OK},
        {"file:1", "rev", "x", STATE_BROKEN, STATE_BROKEN, STATE_BROKEN},
        {"file:1", "content_version", "9", STATE_OK, STATE_BROKEN, STATE_OK},
        {"file:1", "content", "a\rb", STATE_OK, STATE_BROKEN, STATE_OK},
        {"file:1", "content", "\xed\xa0\x80", STATE_OK, STATE_BROKEN, STATE_OK},
        {"file:1", "path", "\xff", STATE_OK, STATE_BROKEN, STATE_OK},
        {"file:1", "eol", "\n", STATE_OK, STATE_BROKEN, STATE_BROKEN},
        {"seen:1", "5", "x", STATE_OK, STATE_BROKEN, STATE_OK},
        {"tree", "\xff.txt", "1", STATE_OK, STATE_OK, STATE_BROKEN},
        {"tree", "gone.txt", "99", STATE_OK, STATE_OK, STATE_OK},
        {"people", "5", "[1", STATE_OK, STATE_OK, STATE_OK},
        {"people", "5", "7", STATE_OK, STATE_OK, STATE_OK},
        {"people", "5", "{\"k\":{},\"name\":[]}", STATE_OK, STATE_OK, STATE_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct probe *probe = begin_plain();
        char key[64];
        snprintf(key, sizeof(key), "weft:{demo}:%s", cases[i].key);
        REQUIRE(redis_world_do(server(), "HSET", key, cases[i].field, cases[i].value));
        enum state_result open = probe_open(probe, 0, 0, true);
        enum state_result read = probe_read(probe, 1, true, 0);
        enum state_result append = probe_append(probe, 1, 0, BOB, 1, 0, 4, "x");
        if (open != cases[i].open || read != cases[i].read || append != cases[i].append)
            CHECK_FAIL("%s %s: open %d, read %d, append %d", key, cases[i].field, open, read,
                       append);
        ask_all(probe);
    }
}

/* ---- strings ---- */

static json_t *naughty(void)
{
    FILE *file = check_open_shared("blns.json");
    json_t *list = json_loadf(file, 0, NULL);
    fclose(file);
    REQUIRE(json_array_size(list) > 400);
    return list;
}

static void naughty_strings_are_kept_byte_for_byte(void)
{
    json_t *list = naughty(), *item;
    struct probe *probe = begin_plain();
    size_t i, files = 0;
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(item);
        size_t len = json_string_length(item);
        char *lines = mem_strdup(text);
        for (char *c = lines; *c; c++)
            *c = *c == '\r' ? '\n' : *c;
        char path[600];
        snprintf(path, sizeof(path), "blns/%zu/%s", i, text);
        if (path_check(path, strlen(path), NULL) != ERR_OK)
            snprintf(path, sizeof(path), "blns/%zu/file", i);
        CHECK_EQ_INT(probe_new_file(probe, path, lines), STATE_OK);
        uint64_t f = probe->got.entry_count == 1 ? probe->got.entries[0].f : 0;
        CHECK_EQ_INT(probe_append(probe, f, 0, ANN, 1, 1, utf8_utf16_len(text, len), lines),
                     STATE_OK);
        char *twice = mem_alloc(2 * len + 1);
        snprintf(twice, 2 * len + 1, "%s%s", lines, lines);
        check_text(probe, f, twice);
        CHECK_EQ_STR(probe->got.path, path);
        free(twice);
        free(lines);
        files++;
    }
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, files + 2);
    CHECK_EQ_INT(probe_ask_events(probe, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, files);
    for (i = 0; i < probe->got.message_count; i++) {
        struct relayed_fs fs;
        const char *line = probe->got.messages[i];
        if (decode_fs(line, strlen(line), &fs, NULL) != ERR_OK) {
            CHECK_FAIL("an event cannot be read: %s", line);
            continue;
        }
        CHECK_EQ_INT(fs.event.e, i + 1);
        relayed_fs_close(&fs);
    }
    json_decref(list);
}

static void naughty_strings_are_names_of_people(void)
{
    json_t *list = naughty(), *item;
    struct probe *probe = begin_plain();
    size_t i;
    json_array_foreach(list, i, item)
    {
        struct state_ticket ticket = probe_ticket(probe);
        const char *text = json_string_value(item);
        struct state_open open = {
            .cid = BOB, .nonce = i + 1, .user = text, .name = text, .color = -1, .want_tree = true};
        probe->state->ops->open(probe->state, &ticket, &open);
        probe_expect(probe);
        CHECK_EQ_INT(probe->got.result, STATE_OK);
        REQUIRE(person(probe, BOB) != NULL);
        CHECK_EQ_STR(person(probe, BOB)->name, text);
        CHECK_EQ_STR(person(probe, BOB)->user, text);
        CHECK_EQ_INT(person(probe, BOB)->color, -1);
    }
    json_decref(list);
}

/* ---- what is forgotten ---- */

static void a_log_of_large_entries_is_cut_shorter(void)
{
    struct probe *probe = begin_plain();
    enum { EACH = 1000000 };
    char *text = mem_alloc(16 * EACH + 5);
    size_t len = 4;
    memcpy(text, "base", 5);
    for (uint64_t v = 0; v < 16; v++) {
        char *paste = text + len;
        memset(paste, 'x', EACH);
        paste[EACH] = '\0';
        CHECK_EQ_INT(probe_append(probe, 1, v, ANN, v + 1, 1, len, paste), STATE_OK);
        len += EACH;
    }
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 16, text), STATE_OK);
    long long kept =
        redis_world_number(redis_world_ask(server(), "XLEN", "weft:{demo}:log:1", NULL));
    CHECK(kept > 0 && kept <= 8);
    /* Never beyond the text. */
    CHECK_EQ_INT(probe_append(probe, 1, 16, ANN, 17, 1, len, "x"), STATE_OK);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, 1);
    free(text);
}

static void a_cid_that_nobody_used_for_a_day_is_forgotten(void)
{
    struct probe *probe = begin_plain();
    const char *people = "weft:{demo}:people", *cids = "weft:{demo}:cids";
    CHECK_EQ_INT(probe_append(probe, 1, 0, 99, 4, 0, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 1, 98, 4, 0, 5, "x"), STATE_OK);
    REQUIRE(redis_world_do(server(), "HSET", cids, "99", "1 7 1000 u1", "5", "1 11 1000 u1"));
    REQUIRE(redis_world_do(server(), "HSET", people, "99", "{}"));
    probe_renew(probe, ANN, 1);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    REQUIRE(probe->got.seen_count == 1);
    CHECK_EQ_INT(probe->got.seen[0].cid, 98);
    CHECK_EQ_STR(ask_text("HGET", cids, "99"), "");
    CHECK_EQ_STR(ask_text("HGET", people, "99"), "");
    CHECK(ask_text("HGET", cids, "5")[0] != '\0'); /* it is here */
    /* Once a minute. */
    REQUIRE(redis_world_do(server(), "HSET", cids, "99", "1 7 1000 u1"));
    probe_renew(probe, ANN, 1);
    CHECK_EQ_INT(probe_poll(probe, 0, 0, NULL, 0), STATE_OK);
    CHECK(ask_text("HGET", cids, "99")[0] != '\0');
}

static void requests_are_remembered_as_long_as_their_events(void)
{
    struct probe *probe = begin(&(struct backend_options){.events = 16});
    struct state_tree move = {.op = TREE_RENAME, .by = ANN, .f = 1};
    char path[16];
    for (uint64_t i = 1; i <= 100; i++) {
        snprintf(path, sizeof(path), "%d.txt", (int)i);
        move.path = path;
        move.nonce = i;
        CHECK_EQ_INT(probe_tree(probe, &move), STATE_OK);
    }
    CHECK(redis_world_number(redis_world_ask(server(), "HLEN", "weft:{demo}:asked", NULL)) <= 32);
    CHECK_EQ_INT(redis_world_number(redis_world_ask(server(), "XLEN", "weft:{demo}:events", NULL)),
                 16);
    CHECK_EQ_INT(probe_tree(probe, &move), STATE_OK);
    CHECK_EQ_INT(probe->got.e, 100);
}

/* ---- answers of any shape ---- */

static void an_answer_of_any_shape_is_answered_once(void)
{
    struct redis_config config = redis_config_default();
    struct redis_counts counts = {0};
    struct state_redis *state = state_redis_new(&config, NULL, &counts);
    uint64_t seed = check_seed();
    uv_loop_t loop;
    struct probe probe;
    uv_loop_init(&loop);
    probe_init(&probe, &loop, state_redis_port(state), NULL);
    probe_share(&probe);
    size_t rounds = check_long() ? 20000 : 1000, answered = 0, quiet = 0;
    for (size_t i = 0; i < rounds; i++) {
        for (int script = 0; script < SCRIPT_JOB_ADD; script++) {
            struct call call = {.state = state, .script = (enum script)script, .with_text = true};
            redisReply *reply = random_reply(&seed);
            uint64_t before = probe.answers;
            call_answer(&call, reply);
            CHECK(probe.answers <= before + 1);
            answered += probe.answers > before;
            quiet += probe.answers == before;
            freeReplyObject(reply);
        }
    }
    CHECK_EQ_INT(quiet, 4 * rounds); /* abandon, leave, renew, settle */
    CHECK_EQ_INT(answered, (SCRIPT_JOB_ADD - 4) * rounds);
    probe_clear(&probe);
    uv_loop_close(&loop);
    state_redis_free(state);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    log_setup(LOG_ERROR, false);
    backend = &redis_backend;
    RUN(the_hash_of_a_file_is_plain_to_read);
    RUN(what_is_saved_never_goes_back);
    RUN(populate_leaves_nothing_of_before);
    RUN(a_clock_that_is_set_back_ends_the_lease_of_a_load);
    RUN(a_full_redis_writes_nothing_and_lets_go);
    RUN(a_redis_that_has_forgotten_the_scripts_is_told_them);
    RUN(keys_of_another_type_do_no_harm);
    RUN(what_a_lost_run_left_damaged_is_no_offer);
    RUN(what_is_dirty_but_damaged_is_told);
    RUN(events_that_are_damaged_are_told);
    RUN(an_append_over_a_wrong_key_writes_no_version);
    RUN(what_is_no_number_or_no_text_is_broken);
    RUN(naughty_strings_are_kept_byte_for_byte);
    RUN(naughty_strings_are_names_of_people);
    RUN(a_log_of_large_entries_is_cut_shorter);
    RUN(a_cid_that_nobody_used_for_a_day_is_forgotten);
    RUN(requests_are_remembered_as_long_as_their_events);
    RUN(an_answer_of_any_shape_is_answered_once);
    if (is_started)
        backend->stop();
    backends_close();
    return check_finish();
}
