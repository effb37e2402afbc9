/* What one connection sees of core, message by message, over a state in memory. */
#include "test_core_talk.h"

#include "weft/text/lines.h"

static void a_first_visit_is_welcomed(void)
{
    begin();
    world_start(&world);
    ann = join("Ann");
    json_t *welcome = expect(ann, "welcome");
    CHECK_EQ_STR(string(welcome, "name"), "Ann");
    CHECK_EQ_STR(string(welcome, "ep"), "1.test");
    CHECK_EQ_STR(string(welcome, "role"), "edit");
    CHECK(number(welcome, "cid") > 0);
    CHECK_EQ_INT(json_array_size(json_object_get(welcome, "files")), 0);
    bob = join("Bob");
    CHECK_EQ_INT(json_array_size(json_object_get(expect(bob, "welcome"), "peers")), 1);
    world_pass(&world, 100);
    CHECK_EQ_STR(string(expect(ann, "peer"), "name"), "Bob");
    quiet(bob);
    end();
}

static void a_project_that_is_not_there_is_refused(void)
{
    begin();
    world_start(&world);
    ann = world_connect(&world);
    say(ann, "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\"}");
    expect_error(ann, "no_project");
    CHECK_EQ_INT(ann->code, 4404);
    end();
}

static void hello_comes_first(void)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {
        {"not json", 4400},
        {"{\"t\":\"open\",\"f\":1}", 4400},
        {"{\"t\":\"hello\",\"v\":2,\"project\":\"demo\"}", 4400},
        {"{\"t\":\"hello\",\"v\":1,\"project\":\"a/b\"}", 4400},
        {"{\"t\":\"hello\",\"v\":1}", 4400},
        {"[]", 0},
    };
    begin();
    world_start(&world);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct conn *conn = world_connect(&world);
        say(conn, cases[i].text);
        CHECK_EQ_INT(conn->code, cases[i].code);
    }
    world_pass(&world, 12000);
    CHECK_EQ_INT(world.conns[world.conn_count - 1]->code, 4408);
    end();
}

static void what_is_said_before_welcome_is_kept(void)
{
    begin();
    world_start(&world);
    ann = world_connect(&world);
    world_say(&world, ann,
              "[{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"template\":\"blank\"},"
              "{\"t\":\"create\",\"path\":\"a\",\"q\":7}]");
    world_say(&world, ann, "{\"t\":\"ping\",\"ts\":5}");
    world_settle(&world);
    expect(ann, "welcome");
    CHECK_EQ_INT(number(expect(ann, "pong"), "ts"), 5);
    CHECK_EQ_STR(string(expect(ann, "fs"), "op"), "create");
    CHECK_EQ_INT(number(expect(ann, "ok"), "q"), 7);
    end();
}

static void an_edit_is_acknowledged_and_relayed(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[5,[0,\", big\"],6],\"sel\":[10,10]}");
    json_t *ack = expect(ann, "ack");
    CHECK_EQ_INT(number(ack, "v"), 1);
    CHECK_EQ_INT(number(ack, "n"), 1);
    json_t *edit = expect(bob, "edit");
    CHECK_EQ_INT(number(edit, "v"), 1);
    char *c = json_dumps(json_object_get(edit, "c"), JSON_COMPACT);
    CHECK_EQ_STR(c, "[5,[0,\", big\"],6]");
    free(c);
    quiet(ann);
    quiet(bob);
    end();
}

static void a_list_is_a_version_each(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":2,\"cs\":[[[0,\"a\"],11],[1,[0,\"b\"],11]],"
             "\"sel\":[2,2]}");
    CHECK_EQ_INT(number(expect(ann, "ack"), "n"), 1);
    CHECK_EQ_INT(number(expect(ann, "ack"), "n"), 2);
    CHECK(!json_object_get(expect(bob, "edit"), "sel"));
    CHECK(json_object_get(expect(bob, "edit"), "sel"));
    end();
}

static void concurrent_edits_are_mapped_in_order_of_arrival(void)
{
    two_readers();
    world_say(&world, ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    world_say(&world, bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"B\"],11]}");
    world_settle(&world);
    json_t *edit = expect(ann, "edit");
    char *c = json_dumps(json_object_get(edit, "c"), JSON_COMPACT);
    CHECK_EQ_STR(c, "[1,[0,\"B\"],11]");
    free(c);
    CHECK_EQ_INT(registry_counts(world.registry)->batches, 1);
    end();
}

static void the_short_form_waits_for_ones_own_edits(void)
{
    two_readers();
    world_say(&world, ann,
              "[{\"t\":\"edit\",\"f\":1,\"at\":5,\"del\":0,\"ins\":\"1\"},{\"t\":\"edit\",\"f\":1,"
              "\"at\":6,\"ins\":\"2\"},"
              "{\"t\":\"edit\",\"f\":1,\"at\":99,\"ins\":\"3\",\"q\":3}]");
    world_settle(&world);
    CHECK_EQ_INT(number(expect(ann, "ack"), "n"), 1);
    CHECK_EQ_INT(number(expect(ann, "ack"), "n"), 2);
    json_t *error = expect(ann, "error");
    CHECK_EQ_STR(string(error, "code"), "bad_change");
    CHECK_EQ_INT(number(error, "q"), 3);
    say(bob, "{\"t\":\"check\",\"f\":1}");
    json_t *sum = expect(bob, "check");
    CHECK_EQ_INT(number(sum, "v"), 2);
    CHECK_EQ_INT(number(sum, "len"), 13);
    end();
}

static void a_duplicate_is_silent(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"different\"],11]}");
    expect(ann, "ack");
    quiet(ann);
    expect(bob, "edit");
    quiet(bob);
    end();
}

static void what_does_not_fit_is_refused_and_the_file_lives_on(void)
{
    static const struct {
        const char *text, *code;
    } cases[] = {
        {"{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[12]}", "bad_change"},
        {"{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[0,11]}", "bad_change"},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":1,\"c\":[11]}", "stale"},
        {"{\"t\":\"edit\",\"f\":1,\"at\":12,\"ins\":\"x\"}", "bad_change"},
        {"{\"t\":\"edit\",\"f\":1,\"at\":11,\"del\":1,\"ins\":\"x\"}", "bad_change"},
        {"{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"a\\rb\"],11]}", "bad_text"},
        {"{\"t\":\"edit\",\"f\":2,\"v\":0,\"n\":1,\"c\":[11]}", "no_file"},
        {"{\"t\":\"edit\",\"f\":1,\"v\":\"0\",\"n\":1,\"c\":[11]}", "bad_message"},
        {"{\"t\":\"cursor\",\"f\":9,\"v\":0,\"sel\":[0,0]}", "no_file"},
        {"{\"t\":\"open\",\"path\":\"../etc\"}", "bad_path"},
        {"{\"t\":\"open\",\"path\":\"nothing\"}", "no_file"},
        {"{\"t\":\"what\"}", "unknown_type"},
        {"{\"t\":1}", "bad_message"},
        {"nonsense", "bad_json"},
        {"{\"t\":\"hello\",\"v\":1,\"project\":\"demo\"}", "bad_message"},
        {"{\"t\":\"create\",\"path\":\"main.c\"}", "exists"},
        {"{\"t\":\"delete\",\"f\":77}", "no_file"},
    };
    two_readers();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        say(ann, cases[i].text);
        expect_error(ann, cases[i].code);
        say(ann, "{\"t\":\"open\",\"f\":1}");
        json_t *file = expect(ann, "file");
        CHECK_EQ_INT(number(file, "v"), 0);
        CHECK_EQ_STR(string(file, "text"), "hello world");
    }
    quiet(bob);
    end();
}

static void half_a_pair_cannot_be_cut(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"\\ud83d\\ude00\"}");
    expect(ann, "ack");
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":2,\"c\":[1,[0,\"x\"],12]}");
    expect_error(ann, "bad_change");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(ann,
        "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":3,\"cs\":[[13,[0,\"\\ud83d\\ude00\"]],[14,[1],0]]}");
    expect_error(ann, "bad_change");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(ann,
        "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":3,\"cs\":[[13,[0,\"\\ud83d\\ude00\"]],[14,[1]]]}");
    expect_error(ann, "bad_change");
    end();
}

static void after_an_error_on_an_edit_the_file_is_not_open(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[12]}");
    expect_error(ann, "bad_change");
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    expect_error(ann, "not_open");
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"B\"],11]}");
    quiet(ann);
    end();
}

static void a_resume_brings_what_was_missed(void)
{
    two_readers();
    struct conn *carl = join("Carl");
    json_t *welcome = expect(carl, "welcome");
    char hello[500];
    snprintf(hello, sizeof(hello),
             "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"resume\":\"%s\",\"k\":2,\"ep\":\"1."
             "test\",\"e\":%d}",
             string(welcome, "resume"), (int)number(welcome, "e"));
    json_int_t cid = number(welcome, "cid");
    say(carl, "{\"t\":\"open\",\"f\":1}");
    say(carl, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"C\"],11]}");
    world_cut(&world, carl);
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":1,\"c\":[[0,\"B\"],12]}");
    carl = world_connect(&world);
    say(carl, hello);
    welcome = expect(carl, "welcome");
    CHECK_EQ_INT(number(welcome, "cid"), cid);
    CHECK(!json_object_get(welcome, "files"));
    say(carl, "{\"t\":\"open\",\"f\":1,\"v\":0,\"ep\":\"1.test\"}");
    json_t *own = expect(carl, "edit");
    CHECK_EQ_INT(number(own, "by"), cid);
    CHECK_EQ_INT(number(expect(carl, "edit"), "v"), 2);
    json_t *synced = expect(carl, "synced");
    CHECK_EQ_INT(number(synced, "v"), 2);
    CHECK_EQ_INT(number(synced, "n"), 1);
    /* The same hello again is a straggler. */
    struct conn *late = world_connect(&world);
    say(late, hello);
    CHECK_EQ_INT(late->code, 4409);
    quiet(carl);
    end();
}

static void a_takeover_closes_the_older_connection(void)
{
    two_readers();
    struct conn *carl = join("Carl");
    char hello[500];
    snprintf(hello, sizeof(hello),
             "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"resume\":\"%s\",\"k\":3}",
             string(expect(carl, "welcome"), "resume"));
    say(carl, "{\"t\":\"open\",\"f\":1}");
    struct conn *again = world_connect(&world);
    /* Its edit waits in the same turn: the log must not get it any more once the newer one is in.
     */
    world_say(&world, again, hello);
    world_settle(&world);
    CHECK_EQ_INT(carl->code, 4409);
    CHECK_EQ_INT(again->code, 0);
    world_pass(&world, 100); /* that Carl came */
    json_array_clear(ann->inbox);
    world_pass(&world, 5000);
    CHECK(!conn_next(ann, "peer"));
    end();
}

static void a_version_from_elsewhere_gets_a_snapshot(void)
{
    two_readers();
    say(ann, "{\"t\":\"open\",\"f\":1,\"v\":3,\"ep\":\"1.test\"}");
    CHECK_EQ_STR(string(expect(ann, "file"), "reset"), "ahead");
    say(ann, "{\"t\":\"open\",\"f\":1,\"v\":0,\"ep\":\"0.other\"}");
    CHECK_EQ_STR(string(expect(ann, "file"), "reset"), "epoch");
    end();
}

static void those_who_come_together_are_told_together(void)
{
    two_readers();
    struct conn *carl = join("Carl"), *dora = join("Dora");
    CHECK_EQ_INT(json_array_size(json_object_get(expect(carl, "welcome"), "peers")), 2);
    CHECK_EQ_INT(json_array_size(json_object_get(expect(dora, "welcome"), "peers")), 3);
    quiet(ann);
    uint64_t frames = registry_counts(world.registry)->frames_out;
    world_pass(&world, 100);
    /* One frame each to Ann, Bob and Carl; Dora knew everybody from her welcome. */
    CHECK_EQ_INT(registry_counts(world.registry)->frames_out - frames, 3);
    CHECK_EQ_STR(string(expect(ann, "peer"), "name"), "Carl");
    CHECK_EQ_STR(string(expect(ann, "peer"), "name"), "Dora");
    CHECK_EQ_STR(string(expect(carl, "peer"), "name"), "Dora");
    quiet(carl);
    quiet(dora);
    end();
}

static void a_colour_is_told_as_is_its_change(void)
{
    two_readers();
    struct conn *carl = world_connect(&world);
    say(carl, "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"name\":\"Carl\",\"color\":0}");
    json_t *welcome = expect(carl, "welcome");
    json_int_t cid = number(welcome, "cid");
    char hello[500];
    snprintf(hello, sizeof(hello),
             "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"name\":\"Carl\",\"resume\":\"%s\","
             "\"color\":7}",
             string(welcome, "resume"));
    world_pass(&world, 100);
    json_t *peer = expect(ann, "peer");
    CHECK_EQ_INT(number(peer, "by"), cid);
    CHECK(json_is_integer(json_object_get(peer, "color")));
    CHECK_EQ_INT(number(peer, "color"), 0);
    /* The same one again, in another colour. */
    say(world_connect(&world), hello);
    world_pass(&world, 100);
    peer = expect(ann, "peer");
    CHECK_EQ_INT(number(peer, "by"), cid);
    CHECK_EQ_INT(number(peer, "color"), 7);
    /* Once more, as it is known already. */
    say(world_connect(&world), hello);
    world_pass(&world, 100);
    quiet(ann);
    json_t *peers = json_object_get(expect(join("Dora"), "welcome"), "peers");
    CHECK_EQ_INT(json_array_size(peers), 3);
    CHECK(!json_object_get(json_array_get(peers, 0), "color"));
    CHECK_EQ_INT(number(json_array_get(peers, 2), "color"), 7);
    end();
}

static void a_leave_is_told_after_a_while(void)
{
    two_readers();
    world_cut(&world, bob);
    world_pass(&world, 1000);
    quiet(ann);
    world_pass(&world, 1500);
    json_t *peer = expect(ann, "peer");
    CHECK(json_is_false(json_object_get(peer, "on")));
    end();
}

static void the_tree_is_told_before_ok(void)
{
    two_readers();
    say(ann, "{\"t\":\"create\",\"path\":\"b.c\",\"text\":\"a\\r\\nb\",\"q\":\"x\"}");
    CHECK_EQ_STR(string(json_array_get(ann->inbox, 0), "t"), "fs");
    CHECK_EQ_STR(string(expect(ann, "ok"), "q"), "x");
    CHECK_EQ_INT(number(expect(bob, "fs"), "f"), 2);
    say(bob, "{\"t\":\"open\",\"f\":2}");
    CHECK_EQ_STR(string(expect(bob, "file"), "text"), "a\nb");
    say(ann, "{\"t\":\"rename\",\"f\":1,\"path\":\"c.c\",\"q\":2}");
    CHECK_EQ_STR(string(expect(bob, "fs"), "op"), "rename");
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"B\"],11]}");
    expect(bob, "ack");
    say(ann, "{\"t\":\"delete\",\"f\":1,\"q\":3}");
    CHECK_EQ_STR(string(expect(bob, "fs"), "op"), "delete");
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":2,\"c\":[[0,\"B\"],12]}");
    expect_error(bob, "gone");
    end();
}

static void cursors_are_coalesced_and_mapped(void)
{
    two_readers();
    for (int i = 0; i < 5; i++)
        world_say(&world, ann, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[5,5]}");
    world_say(&world, ann, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[6,900]}");
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"BB\"],11]}");
    world_pass(&world, 200);
    json_t *cursor = expect(bob, "cursor");
    char *sel = json_dumps(json_object_get(cursor, "sel"), JSON_COMPACT);
    CHECK_EQ_STR(sel, "[8,13]");
    free(sel);
    CHECK_EQ_INT(number(cursor, "v"), 1);
    CHECK(!conn_next(bob, "cursor"));
    CHECK(!conn_next(ann, "cursor"));
    end();
}

static void changes_are_saved_and_told(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    world_pass(&world, 1000);
    CHECK(!conn_next(bob, "saved"));
    world.model.save_fails = true;
    world_pass(&world, 5000);
    CHECK(!conn_next(bob, "saved"));
    world.model.save_fails = false;
    world_pass(&world, 60000);
    json_t *saved = expect(bob, "saved");
    CHECK_EQ_INT(
        json_integer_value(json_array_get(json_array_get(json_object_get(saved, "files"), 0), 1)),
        1);
    CHECK_EQ_INT(world.model.saves, 1);
    end();
}

static void a_full_disk_acknowledges_nothing(void)
{
    two_readers();
    world.model.full = true;
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    expect_error(ann, "busy");
    quiet(bob);
    world.model.full = false;
    say(ann, "{\"t\":\"open\",\"f\":1,\"v\":0,\"ep\":\"1.test\"}");
    CHECK_EQ_INT(number(expect(ann, "synced"), "n"), 0);
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    expect(ann, "ack");
    end();
}

static void a_slow_reader_is_told_to_open_again_then_closed(void)
{
    begin();
    world.config.limits.queue_presence = 1000;
    world.config.limits.queue_edits = 4000;
    world.config.limits.queue = 8000;
    world_start(&world);
    ann = join("Ann");
    bob = join("Bob");
    say(ann, "{\"t\":\"create\",\"path\":\"a\"}");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(bob, "{\"t\":\"open\",\"f\":1}");
    json_array_clear(bob->inbox);
    bob->choked = true;
    char edit[200];
    for (int i = 0; i < 100; i++) {
        snprintf(edit, sizeof(edit), "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"%050d\"}", i);
        say(ann, edit);
    }
    CHECK_EQ_INT(bob->code, 0);
    bob->choked = false;
    session_writable(bob->session);
    expect(bob, "resync");
    quiet(bob);
    bob->choked = true;
    for (int i = 0; i < 300 && bob->code == 0; i++)
        say(bob, "{\"t\":\"list\",\"q\":\"a long request id for a list\"}");
    CHECK_EQ_INT(bob->code, 4508);
    end();
}

static void rates_are_kept(void)
{
    begin();
    world.config.rates[RATE_edit] = (struct rate){10, 3};
    world_start(&world);
    ann = join("Ann");
    say(ann, "{\"t\":\"create\",\"path\":\"a\"}");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    for (int i = 0; i < 4; i++)
        say(ann, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    expect_error(ann, "rate");
    world_pass(&world, 200);
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(ann, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    expect(ann, "ack");
    end();
}

static void bytes_are_counted_before_they_are_parsed(void)
{
    begin();
    world.config.rates[RATE_bytes] = (struct rate){100, 1000};
    world_start(&world);
    ann = join("Ann");
    char text[600];
    snprintf(text, sizeof(text), "{\"t\":\"ping\",\"ts\":1,\"pad\":\"%0500d\"}", 0);
    say(ann, text);
    expect(ann, "pong");
    say(ann, text);
    expect_error(ann, "rate");
    world_pass(&world, 3000);
    say(ann, text);
    expect(ann, "pong");
    end();
}

static void a_drain_tells_and_then_closes(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    registry_drain(world.registry, world.now, 1000, 4000, "deploy");
    world_settle(&world);
    CHECK_EQ_INT(number(expect(ann, "drain"), "spread"), 4000);
    CHECK(!registry_connect(world.registry, NULL, "x", world.now));
    world_pass(&world, 1500);
    CHECK_EQ_INT(ann->code, 1012);
    CHECK(registry_idle(world.registry));
    CHECK_EQ_INT(world.model.saves, 1);
    end();
}

static void an_empty_room_is_saved_and_let_go(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    world_cut(&world, ann);
    world_cut(&world, bob);
    world_pass(&world, 200);
    CHECK_EQ_INT(world.model.saves, 1);
    CHECK_EQ_INT(registry_counts(world.registry)->rooms, 1);
    world_pass(&world, 1100000);
    CHECK_EQ_INT(registry_counts(world.registry)->rooms, 0);
    end();
}

static enum err queried;
static char queried_text[64];

static void got_file(void *owner, const struct query_file *answer)
{
    (void)owner;
    queried = answer->result;
    if (answer->result == ERR_OK)
        snprintf(queried_text, sizeof(queried_text), "%s v%d", answer->path, (int)answer->v);
}

static void got_creation(void *owner, enum err result)
{
    (void)owner;
    queried = result;
}

static void http_reads_what_is_there(void)
{
    begin();
    world_start(&world);
    registry_query_file(world.registry, "demo", "a", NULL, got_file);
    world_settle(&world);
    CHECK_EQ_INT(queried, ERR_NO_PROJECT);
    registry_create_project(world.registry, "demo", NULL, "nothing", NULL, got_creation);
    CHECK_EQ_INT(queried, ERR_NO_PROJECT);
    world_settle(&world);
    CHECK_EQ_INT(queried, ERR_NO_FILE);
    registry_create_project(world.registry, "demo", NULL, "blank", NULL, got_creation);
    world_settle(&world);
    CHECK_EQ_INT(queried, ERR_OK);
    ann = join("Ann");
    say(ann, "{\"t\":\"create\",\"path\":\"a\",\"text\":\"x\"}");
    registry_query_file(world.registry, "demo", "a", NULL, got_file);
    registry_query_file(world.registry, "demo", "b", NULL, got_file);
    world_settle(&world);
    CHECK_EQ_STR(queried_text, "a v0");
    end();
}

static void line_endings_are_remembered(void)
{
    static const struct {
        const char *text, *want, *eol;
    } cases[] = {
        {"a\nb", "a\nb", "\n"}, {"a\r\nb\r\n", "a\nb\n", "\r\n"},
        {"a\rb", "a\nb", "\r"}, {"a\r\nb\nc", "a\nb\nc", "\n"},
        {"", "", "\n"},         {"\r", "\n", "\r"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        const char *eol;
        snprintf(text, sizeof(text), "%s", cases[i].text);
        text[lines_normalise(text, strlen(text), &eol)] = '\0';
        CHECK_EQ_STR(text, cases[i].want);
        CHECK_EQ_STR(eol, cases[i].eol);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_first_visit_is_welcomed);
    RUN(a_project_that_is_not_there_is_refused);
    RUN(hello_comes_first);
    RUN(what_is_said_before_welcome_is_kept);
    RUN(an_edit_is_acknowledged_and_relayed);
    RUN(a_list_is_a_version_each);
    RUN(concurrent_edits_are_mapped_in_order_of_arrival);
    RUN(the_short_form_waits_for_ones_own_edits);
    RUN(a_duplicate_is_silent);
    RUN(what_does_not_fit_is_refused_and_the_file_lives_on);
    RUN(half_a_pair_cannot_be_cut);
    RUN(after_an_error_on_an_edit_the_file_is_not_open);
    RUN(a_resume_brings_what_was_missed);
    RUN(a_takeover_closes_the_older_connection);
    RUN(a_version_from_elsewhere_gets_a_snapshot);
    RUN(those_who_come_together_are_told_together);
    RUN(a_colour_is_told_as_is_its_change);
    RUN(a_leave_is_told_after_a_while);
    RUN(the_tree_is_told_before_ok);
    RUN(cursors_are_coalesced_and_mapped);
    RUN(changes_are_saved_and_told);
    RUN(a_full_disk_acknowledges_nothing);
    RUN(a_slow_reader_is_told_to_open_again_then_closed);
    RUN(rates_are_kept);
    RUN(bytes_are_counted_before_they_are_parsed);
    RUN(a_drain_tells_and_then_closes);
    RUN(an_empty_room_is_saved_and_let_go);
    RUN(http_reads_what_is_there);
    RUN(line_endings_are_remembered);
    return check_finish();
}
