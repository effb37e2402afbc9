/* What comes before what: cursors and edits, edits that build on refused ones, logs that grow while
 * they are read. */
#include "test_core_talk.h"

#include "core/root.h"
#include "weft/base/log.h"

static void the_selection_of_an_edit_is_newer_than_a_cursor_before_it(void)
{
    two_readers();
    world_say(&world, ann, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[0,0]}");
    world_say(&world, ann,
              "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[11,[0,\"!\"]],\"sel\":[12,12]}");
    world_pass(&world, 200);
    CHECK_EQ_STR(field(expect(bob, "cursor"), "sel"), "[12,12]");
    end();
}

static void a_cursor_behind_an_edit_is_newer_than_its_selection(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[11,[0,\"!\"]],\"sel\":[12,12]}");
    world_say(&world, ann, "{\"t\":\"cursor\",\"f\":1,\"v\":1,\"sel\":[3,3]}");
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":1,\"c\":[[0,\"B\"],12]}");
    world_pass(&world, 200);
    CHECK_EQ_STR(field(expect(bob, "cursor"), "sel"), "[4,4]");
    end();
}

/* Positions of a short form count on those before it. */
static void a_short_form_behind_a_refused_one_is_refused(void)
{
    two_readers();
    world_say(&world, ann,
              "[{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"a\"},"
              "{\"t\":\"edit\",\"f\":1,\"at\":99,\"ins\":\"b\",\"q\":2},"
              "{\"t\":\"edit\",\"f\":1,\"at\":1,\"ins\":\"c\",\"q\":3}]");
    world_settle(&world);
    expect(ann, "ack");
    json_t *error = expect(ann, "error");
    CHECK_EQ_STR(string(error, "code"), "bad_change");
    CHECK_EQ_INT(number(error, "q"), 2);
    error = expect(ann, "error");
    CHECK_EQ_STR(string(error, "code"), "not_open");
    CHECK_EQ_INT(number(error, "q"), 3);
    say(ann, "{\"t\":\"open\",\"f\":1}");
    CHECK_EQ_INT(number(expect(ann, "file"), "v"), 1);
    say(ann, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"d\"}");
    CHECK_EQ_INT(number(expect(ann, "ack"), "n"), 2);
    end();
}

static void short_forms_behind_one_that_was_not_stored_are_refused(void)
{
    two_readers();
    world.model.append_result = STATE_BUSY;
    world_say(&world, ann,
              "[{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"aaaa\",\"q\":1},"
              "{\"t\":\"edit\",\"f\":1,\"at\":4,\"ins\":\"b\",\"q\":2}]");
    world_settle(&world);
    expect_error(ann, "busy");
    expect_error(ann, "not_open");
    CHECK_EQ_INT(world.model.files[0]->version, 0);
    end();
}

/* While the older part of the log is read, more edits come than the replica holds. */
static void a_log_that_grows_while_it_is_read_is_read_on(void)
{
    begin();
    world.config.limits.history = 16;
    two_readers_start();
    for (int i = 0; i < 40; i++)
        say(bob, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    struct conn *carl = join("Carl");
    world.model.held = 1u << MODEL_ROWS;
    say(carl, "{\"t\":\"open\",\"f\":1,\"v\":3,\"ep\":\"1.test\"}");
    for (int i = 0; i < 40; i++)
        say(bob, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    world.model.held = 0;
    world_settle(&world);
    for (int v = 4; v <= 80; v++)
        CHECK_EQ_INT(number(expect(carl, "edit"), "v"), v);
    CHECK_EQ_INT(number(expect(carl, "synced"), "v"), 80);
    end();
}

/* What was missed is more than a reader's queue may hold: the text is less. */
static void a_log_longer_than_a_queue_is_not_sent(void)
{
    begin();
    world.config.limits.history = 16;
    world.config.limits.queue = 3000;
    two_readers_start();
    for (int i = 0; i < 100; i++)
        say(bob, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"del\":1,\"ins\":\"x\"}");
    struct conn *carl = join("Carl");
    say(carl, "{\"t\":\"open\",\"f\":1,\"v\":3,\"ep\":\"1.test\"}");
    json_t *file = expect(carl, "file");
    CHECK_EQ_STR(string(file, "reset"), "trimmed");
    CHECK_EQ_INT(number(file, "v"), 100);
    say(carl, "{\"t\":\"open\",\"f\":1,\"v\":95,\"ep\":\"1.test\"}");
    CHECK_EQ_INT(number(expect(carl, "edit"), "v"), 96);
    end();
}

/* The log has what the replica does not know yet: it is told once, to the old readers and the new.
 */
static void a_log_further_than_the_replica_is_told_once(void)
{
    begin();
    world.config.limits.history = 16;
    two_readers_start();
    for (int i = 0; i < 40; i++)
        say(bob, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    world.model.append_lost = true;
    say(bob, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    expect_error(bob, "busy");
    struct conn *carl = join("Carl");
    say(carl, "{\"t\":\"open\",\"f\":1,\"v\":3,\"ep\":\"1.test\"}");
    CHECK_EQ_INT(number(expect(carl, "synced"), "v"), 40);
    say(ann, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"y\"}");
    CHECK_EQ_INT(number(expect(carl, "edit"), "v"), 41);
    CHECK_EQ_INT(number(expect(carl, "edit"), "v"), 42);
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 42);
    end();
}

static void nobody_is_shown_in_a_file_that_was_deleted(void)
{
    two_readers();
    say(bob, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[1,1]}");
    world_pass(&world, 100);
    say(ann, "{\"t\":\"delete\",\"f\":1}");
    struct conn *carl = join("Carl");
    const json_t *peers = json_object_get(expect(carl, "welcome"), "peers");
    CHECK_EQ_INT(json_array_size(peers), 2);
    for (size_t i = 0; i < 2; i++)
        CHECK(!json_object_get(json_array_get(peers, i), "f"));
    end();
}

int main(int argc, char **argv)
{
    log_setup(LOG_ERROR, false);
    check_init(argc, argv);
    RUN(the_selection_of_an_edit_is_newer_than_a_cursor_before_it);
    RUN(a_cursor_behind_an_edit_is_newer_than_its_selection);
    RUN(a_short_form_behind_a_refused_one_is_refused);
    RUN(short_forms_behind_one_that_was_not_stored_are_refused);
    RUN(a_log_that_grows_while_it_is_read_is_read_on);
    RUN(a_log_longer_than_a_queue_is_not_sent);
    RUN(a_log_further_than_the_replica_is_told_once);
    RUN(nobody_is_shown_in_a_file_that_was_deleted);
    return check_finish();
}
