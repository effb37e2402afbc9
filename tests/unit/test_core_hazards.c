/* Unkind clients and unlucky moments: connections that end inside what is done for them, answers
 * that come late, floods. Most of these tests are only worth something under AddressSanitizer. */
#include "test_core_talk.h"

#include "core/root.h"
#include "weft/base/log.h"

/* hello of who was welcomed by this message, as connection k, with event e as the last known. */
static void greet_again(struct conn *conn, const char *resume, int k, int e)
{
    char hello[500];
    snprintf(hello, sizeof(hello),
             "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"resume\":\"%s\",\"k\":%d,\"ep\":"
             "\"1.test\",\"e\":%d}",
             resume, k, e);
    world_say(&world, conn, hello);
}

/* The older one waits for the events it missed while the newer one is welcomed. */
static void of_two_that_join_at_once_the_newer_stays(void)
{
    char resume[300];
    two_readers();
    struct conn *carl = join("Carl");
    snprintf(resume, sizeof(resume), "%s", string(expect(carl, "welcome"), "resume"));
    world_cut(&world, carl);
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    struct conn *older = world_connect(&world), *newer = world_connect(&world);
    world.model.held = 1u << MODEL_EVENTS;
    greet_again(older, resume, 2, 1);
    world_settle(&world);
    greet_again(newer, resume, 3, 2);
    world_settle(&world);
    expect(newer, "welcome");
    world.model.held = 0;
    world_settle(&world);
    CHECK_EQ_INT(older->code, 4409);
    CHECK_EQ_INT(newer->code, 0);
    world_pass(&world, 5000);
    say(newer, "{\"t\":\"open\",\"f\":1}");
    say(newer, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[1,1]}");
    world_pass(&world, 100);
    CHECK_EQ_STR(field(expect(ann, "cursor"), "sel"), "[1,1]");
    CHECK(!conn_next(ann, "peer"));
    end();
}

static void of_two_that_wait_for_events_the_newer_stays(void)
{
    char resume[300];
    two_readers();
    struct conn *carl = join("Carl");
    snprintf(resume, sizeof(resume), "%s", string(expect(carl, "welcome"), "resume"));
    world_cut(&world, carl);
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    struct conn *older = world_connect(&world), *newer = world_connect(&world);
    world.model.held = 1u << MODEL_EVENTS;
    greet_again(older, resume, 2, 1);
    greet_again(newer, resume, 3, 1);
    world_settle(&world);
    world.model.held = 0;
    world_settle(&world);
    CHECK_EQ_INT(older->code, 4409);
    CHECK_EQ_INT(newer->code, 0);
    CHECK_EQ_INT(number(expect(newer, "fs"), "e"), 2);
    end();
}

/* The room's news push the reader over its limit in the middle of the answer to its own request. */
static void a_reader_may_be_closed_while_it_is_answered(void)
{
    begin();
    world.config.limits.queue = 3000;
    two_readers_start();
    bob->choked = true;
    for (int i = 0; i < 1000 && bob->code == 0; i++) {
        world_say(&world, bob, "{\"t\":\"list\"}");
        world_end_turn(&world);
        if (i % 2)
            continue;
        /* Carl's coming is to be told when Bob asks. */
        struct conn *carl = world_connect(&world);
        world_say(&world, carl, "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\"}");
        while (model_answer_one(&world.model))
            ;
    }
    CHECK_EQ_INT(bob->code, 4508);
    end();
}

/* What clients sent while the process stood still has not been read when it goes on. */
static void nobody_is_sent_away_because_the_server_stood_still(void)
{
    two_readers();
    struct conn *carl = world_connect(&world);
    world_pass(&world, 2000);
    world.now += 60000;
    world_pass(&world, 50);
    CHECK_EQ_INT(ann->code, 0);
    say(ann, "{\"t\":\"ping\",\"ts\":1}");
    say(carl, "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\"}");
    world_pass(&world, 2000);
    expect(carl, "welcome");
    CHECK_EQ_INT(carl->code, 0);
    CHECK_EQ_INT(ann->code, 0);
    CHECK_EQ_INT(bob->code, 1001);
    end();
}

static void a_reader_may_be_closed_by_its_welcome(void)
{
    begin();
    world.config.limits.queue = 200;
    world.config.rates[RATE_bytes] = (struct rate){100, 100};
    world_start(&world);
    ann = world_connect(&world);
    ann->choked = true;
    char spaces[200] = "[]";
    memset(spaces + 2, ' ', sizeof(spaces) - 3);
    say(ann, spaces);
    say(ann, "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"template\":\"blank\"}");
    CHECK_EQ_INT(ann->code, 4508);
    bob = join("Bob");
    expect(bob, "welcome");
    end();
}

static enum err queried;

static void got_file(void *owner, const struct query_file *answer)
{
    (void)owner;
    queried = answer->result;
}

/* The log was found to be further than it reaches back while somebody waits for the file. */
static void who_waits_for_a_file_that_is_read_again_is_served(void)
{
    begin();
    world.config.limits.history = 16;
    two_readers_start();
    for (int i = 0; i < 40; i++)
        say(bob, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    struct conn *carl = join("Carl"); /* he waits for the log's older part */
    world.model.held = 1u << MODEL_ROWS;
    say(carl, "{\"t\":\"open\",\"f\":1,\"v\":1,\"ep\":\"1.test\"}");
    world.model.append_result = STATE_TRIMMED;
    /* Ann waits for her own edit. */
    world_say(&world, ann, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"y\"}");
    world_say(&world, ann, "{\"t\":\"open\",\"f\":1,\"q\":9}");
    world_settle(&world);
    queried = ERR_INTERNAL;
    registry_query_file(world.registry, "demo", "main.c", NULL, got_file);
    world.model.held = 0;
    world_settle(&world);
    expect(bob, "resync");
    expect_error(ann, "stale");
    json_t *file = expect(ann, "file");
    CHECK_EQ_INT(number(file, "q"), 9);
    CHECK_EQ_INT(number(file, "v"), 40);
    CHECK_EQ_INT(number(expect(carl, "synced"), "v"), 40);
    CHECK_EQ_INT(queried, ERR_OK);
    end();
}

static void a_file_that_was_given_up_is_listed_as_it_is(void)
{
    two_readers();
    say(bob, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    world.model.append_result = STATE_TRIMMED;
    say(bob, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    expect_error(bob, "stale");
    say(ann, "{\"t\":\"list\"}");
    CHECK_EQ_STR(field(expect(ann, "files"), "files"),
                 "[{\"f\":1,\"path\":\"main.c\",\"v\":1,\"len\":12}]");
    end();
}

/* Every open is answered, but a reader's queue never holds more than a few texts. */
static void a_flood_of_opens_costs_bounded_memory(void)
{
    begin();
    world.config.limits.queue_edits = 20000;
    world_start(&world);
    ann = join("Ann");
    char text[12000];
    snprintf(text, sizeof(text), "{\"t\":\"create\",\"path\":\"a\",\"text\":\"%010000d\"}", 0);
    say(ann, text);
    json_array_clear(ann->inbox);
    ann->choked = true;
    for (int i = 1; i <= 200; i++) {
        snprintf(text, sizeof(text), "{\"t\":\"open\",\"f\":1,\"q\":%d}", i);
        say(ann, text);
        CHECK(ann->session->queue.snapshot_bytes < 40000);
    }
    CHECK_EQ_INT(ann->code, 0);
    ann->choked = false;
    session_writable(ann->session);
    world_settle(&world);
    for (int i = 1; i <= 200; i++)
        CHECK_EQ_INT(number(expect(ann, "file"), "q"), i);
    end();
}

static void opens_that_wait_are_counted(void)
{
    begin();
    world.config.limits.open_files = 10;
    world_start(&world);
    ann = join("Ann");
    say(ann, "{\"t\":\"create\",\"path\":\"a\",\"text\":\"x\"}");
    world.model.held = 1u << MODEL_ROWS;
    for (int i = 0; i < 10; i++)
        say(ann, "{\"t\":\"open\",\"f\":1}");
    say(ann, "{\"t\":\"open\",\"f\":1,\"q\":11}");
    json_t *error = expect(ann, "error");
    CHECK_EQ_STR(string(error, "code"), "too_many");
    CHECK_EQ_INT(number(error, "q"), 11);
    world.model.held = 0;
    world_settle(&world);
    for (int i = 0; i < 10; i++)
        expect(ann, "file");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    expect(ann, "file");
    end();
}

/* Before the turn ends, what is queued for a reader who is not known to be slow has its limit too.
 */
static void answers_of_one_turn_cost_bounded_memory(void)
{
    begin();
    world.config.limits.queue = 20000;
    world_start(&world);
    ann = join("Ann");
    json_array_clear(ann->inbox);
    for (int i = 0; i < 1000; i++) {
        world_say(&world, ann, "{\"t\":\"ping\",\"ts\":1,\"q\":1}");
        CHECK(ann->session->queue.bytes < 21000);
    }
    world_settle(&world);
    for (int i = 0; i < 1000; i++)
        expect(ann, "pong");
    end();
}

/* A reader's close that comes before the answer to its open is not overtaken by it. */
static void a_file_closed_while_it_loads_stays_closed(void)
{
    two_readers();
    struct conn *carl = join("Carl");
    say(ann, "{\"t\":\"create\",\"path\":\"b\",\"text\":\"x\"}");
    json_array_clear(carl->inbox);
    world.model.held = 1u << MODEL_ROWS;
    say(carl, "[{\"t\":\"open\",\"f\":2,\"q\":1},{\"t\":\"close\",\"f\":2}]");
    say(ann, "{\"t\":\"open\",\"f\":2}");
    world.model.held = 0;
    world_settle(&world);
    CHECK_EQ_INT(number(expect(carl, "file"), "q"), 1);
    say(ann, "{\"t\":\"edit\",\"f\":2,\"at\":0,\"ins\":\"x\"}");
    expect(ann, "ack");
    quiet(carl);
    /* Opened again behind the close: that one counts. */
    world.model.held = 1u << MODEL_ROWS;
    say(ann, "{\"t\":\"create\",\"path\":\"c\",\"text\":\"x\"}");
    say(carl, "[{\"t\":\"open\",\"f\":3},{\"t\":\"close\",\"f\":3},{\"t\":\"open\",\"f\":3}]");
    world.model.held = 0;
    world_settle(&world);
    say(carl, "{\"t\":\"edit\",\"f\":3,\"at\":0,\"ins\":\"x\"}");
    expect(carl, "ack");
    end();
}

/* Files that come and go leave nothing behind. */
static void deleted_files_are_forgotten(void)
{
    two_readers();
    const struct room *room = TAILQ_FIRST(&world.registry->rooms);
    for (int i = 0; i < 20; i++) {
        char text[100];
        snprintf(text, sizeof(text), "{\"t\":\"create\",\"path\":\"temporary\",\"text\":\"x\"}");
        say(ann, text);
        snprintf(text, sizeof(text), "{\"t\":\"open\",\"f\":%d}", i + 2);
        say(bob, text);
        snprintf(text, sizeof(text), "{\"t\":\"edit\",\"f\":%d,\"at\":0,\"ins\":\"x\"}", i + 2);
        world_say(&world, bob, text);
        world_end_turn(&world); /* the append is under way */
        snprintf(text, sizeof(text), "{\"t\":\"delete\",\"f\":%d}", i + 2);
        world_say(&world, ann, text);
        world.model.held = 1u << MODEL_APPENDED;
        world_settle(&world);
        world.model.held = 0;
        world_settle(&world);
    }
    CHECK_EQ_INT(room->files.count, 1);
    say(bob, "{\"t\":\"open\",\"f\":5}");
    expect_error(bob, "gone");
    end();
}

static void a_new_epoch_found_while_joining_ends_the_room(void)
{
    char resume[300];
    two_readers();
    struct conn *carl = join("Carl");
    snprintf(resume, sizeof(resume), "%s", string(expect(carl, "welcome"), "resume"));
    world_cut(&world, carl);
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    world.model.events_result = STATE_EPOCH;
    carl = world_connect(&world);
    greet_again(carl, resume, 2, 1);
    world_settle(&world);
    CHECK_EQ_INT(carl->code, 4503);
    CHECK_EQ_INT(ann->code, 4503);
    /* Whoever comes back is in another room, and the old one took leave of the others. */
    CHECK_EQ_INT(bus_joined, 0);
    join("Ann");
    CHECK_EQ_INT(bus_joined, 1);
    world_pass(&world, 1000);
    CHECK_EQ_INT(bus_joined, 1);
    CHECK_EQ_INT(registry_counts(world.registry)->rooms, 1);
    end();
}

/* Who is gone before it was let in is told to have left, or the state would count it. */
static void who_leaves_while_joining_has_left(void)
{
    two_readers();
    struct conn *carl = world_connect(&world);
    world_say(&world, carl, "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\"}");
    world_cut(&world, carl);
    world_settle(&world);
    CHECK_EQ_INT(world.model.leaves, 1);
    end();
}

static void who_joins_while_the_server_drains_is_told(void)
{
    two_readers();
    struct conn *carl = world_connect(&world);
    world_say(&world, carl, "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\"}");
    registry_drain(world.registry, world.now, 1000, 4000, "deploy");
    world_settle(&world);
    CHECK_EQ_INT(carl->code, 1012);
    end();
}

/* What a former run left unsaved is saved once the file is read. */
static void what_was_left_unsaved_is_saved(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    world.model.append_result = STATE_TRIMMED; /* the replica is given up before it is saved */
    say(ann, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    world_pass(&world, 5000);
    CHECK_EQ_INT(world.model.saves, 0);
    say(ann, "{\"t\":\"open\",\"f\":1}");
    world_pass(&world, 5000);
    CHECK_EQ_INT(world.model.saves, 1);
    end();
}

static void got_project(void *owner, const struct query_project *answer)
{
    (void)owner;
    queried = answer->result;
}

static void a_name_that_no_project_can_have_opens_no_room(void)
{
    char name[100];
    begin();
    world_start(&world);
    snprintf(name, sizeof(name), "%090d", 1);
    queried = ERR_OK;
    registry_query_project(world.registry, name, NULL, got_project);
    CHECK_EQ_INT(registry_counts(world.registry)->rooms, 0);
    CHECK_EQ_INT(queried, ERR_OK);
    world_settle(&world);
    CHECK_EQ_INT(queried, ERR_NO_PROJECT);
    registry_query_file(world.registry, "a/b", "c", NULL, got_file);
    world_settle(&world);
    CHECK_EQ_INT(queried, ERR_NO_PROJECT);
    end();
}

int main(int argc, char **argv)
{
    log_setup(LOG_ERROR, false);
    check_init(argc, argv);
    RUN(of_two_that_join_at_once_the_newer_stays);
    RUN(of_two_that_wait_for_events_the_newer_stays);
    RUN(a_reader_may_be_closed_while_it_is_answered);
    RUN(a_reader_may_be_closed_by_its_welcome);
    RUN(nobody_is_sent_away_because_the_server_stood_still);
    RUN(who_waits_for_a_file_that_is_read_again_is_served);
    RUN(a_file_that_was_given_up_is_listed_as_it_is);
    RUN(a_flood_of_opens_costs_bounded_memory);
    RUN(opens_that_wait_are_counted);
    RUN(answers_of_one_turn_cost_bounded_memory);
    RUN(a_file_closed_while_it_loads_stays_closed);
    RUN(deleted_files_are_forgotten);
    RUN(a_new_epoch_found_while_joining_ends_the_room);
    RUN(who_leaves_while_joining_has_left);
    RUN(who_joins_while_the_server_drains_is_told);
    RUN(what_was_left_unsaved_is_saved);
    RUN(a_name_that_no_project_can_have_opens_no_room);
    return check_finish();
}
