/* What one client may ask of everybody's loop: each of these was seconds of work for one message.
 */
#include "test_core_talk.h"

#include "core/root.h"
#include "weft/base/log.h"

/* `{"t":"edit",…}` with a change set of so many parts over a text of len units. Returns a new text.
 */
static char *edit_of_parts(uint64_t v, uint64_t n, size_t parts, size_t len)
{
    struct buf out = BUF_EMPTY;
    buf_printf(&out, "{\"t\":\"edit\",\"f\":1,\"v\":%" PRIu64 ",\"n\":%" PRIu64 ",\"c\":[", v, n);
    size_t pairs = parts / 2 - 1;
    for (size_t i = 0; i < pairs; i++)
        buf_printf(&out, "1,[0,\"x\"],");
    buf_printf(&out, "%zu]}", len - pairs);
    return out.data;
}

static void text_of(size_t len)
{
    char *text = mem_alloc(len + 100);
    snprintf(text, len + 100, "{\"t\":\"create\",\"path\":\"a\",\"text\":\"%0*d\"}", (int)len, 0);
    world_start(&world);
    ann = join("Ann");
    bob = join("Bob");
    say(ann, text);
    free(text);
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(bob, "{\"t\":\"open\",\"f\":1}");
}

static void a_large_edit_from_far_behind_must_come_nearer(void)
{
    begin();
    text_of(2000);
    for (int i = 0; i < 3000; i++)
        say(bob, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"del\":1,\"ins\":\"x\"}");
    json_array_clear(ann->inbox);
    char *edit = edit_of_parts(0, 1, 1000, 2000);
    say(ann, edit);
    free(edit);
    expect_error(ann, "stale");
    say(ann, "{\"t\":\"open\",\"f\":1,\"v\":0,\"ep\":\"1.test\"}");
    CHECK_EQ_INT(number(expect(ann, "synced"), "v"), 3000);
    edit = edit_of_parts(3000, 1, 1000, 2000);
    say(ann, edit);
    free(edit);
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 3001);
    /* A small one from there is welcome. */
    say(bob, "{\"t\":\"open\",\"f\":1}");
    struct conn *carl = join("Carl");
    say(carl, "{\"t\":\"open\",\"f\":1}");
    say(carl, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":1,\"c\":[2000,[0,\"x\"]]}");
    CHECK_EQ_INT(number(expect(carl, "ack"), "v"), 3002);
    end();
}

static void parts_have_a_rate(void)
{
    begin();
    world.config.rates[RATE_edit] = (struct rate){100, 200};
    text_of(2000);
    size_t len = 2000;
    json_array_clear(ann->inbox);
    int taken = 0;
    for (uint64_t n = 1; n <= 40; n++) {
        char *edit = edit_of_parts(n - 1, n, 1000, len);
        say(ann, edit);
        free(edit);
        len += 499;
        taken++;
        if (strcmp(string(json_array_get(ann->inbox, 0), "t"), "ack") != 0)
            break;
        json_array_clear(ann->inbox);
    }
    expect_error(ann, "rate");
    CHECK(taken > 10 && taken < 30);
    end();
}

/* Positions that are far behind are moved over what was logged lately. */
static void a_cursor_from_far_behind_costs_little(void)
{
    begin();
    text_of(10);
    for (int i = 0; i < 2000; i++)
        say(bob, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"x\"}");
    say(ann, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[5,5]}");
    world_pass(&world, 100);
    CHECK_EQ_STR(field(expect(bob, "cursor"), "sel"), "[2005,2005]");
    struct buf cursor = BUF_EMPTY;
    buf_printf(&cursor, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[5,5");
    for (int i = 0; i < 31; i++)
        buf_printf(&cursor, ",5,5");
    buf_printf(&cursor, "]}");
    say(ann, cursor.data);
    buf_close(&cursor);
    world_pass(&world, 100);
    json_t *told = expect(bob, "cursor");
    CHECK_EQ_INT(number(told, "v"), 2000);
    json_int_t at = json_integer_value(json_array_get(json_object_get(told, "sel"), 0));
    CHECK(at >= 5 && at < 2000);
    end();
}

/* Edits of many that wait for one batch fill a file together. */
static void a_file_holds_no_more_than_its_limit(void)
{
    begin();
    world.config.limits.text = 5000;
    world.config.limits.project_text = 6000;
    text_of(1000);
    char text[2000];
    struct conn *people[6];
    for (int i = 0; i < 6; i++) {
        people[i] = join("Carl");
        say(people[i], "{\"t\":\"open\",\"f\":1}");
    }
    for (int i = 0; i < 6; i++)
        json_array_clear(people[i]->inbox);
    snprintf(text, sizeof(text), "{\"t\":\"edit\",\"f\":1,\"at\":0,\"ins\":\"%01000d\"}", 0);
    for (int i = 0; i < 6; i++)
        world_say(&world, people[i], text);
    world_settle(&world);
    for (int i = 0; i < 6; i++) {
        const char *t = string(json_array_get(people[i]->inbox, 0), "t");
        CHECK_EQ_STR(t, i < 4 ? (i ? "edit" : "ack") : "error");
    }
    say(ann, "{\"t\":\"check\",\"f\":1}");
    CHECK_EQ_INT(number(expect(ann, "check"), "len"), 5000);
    /* What was refused is not counted. */
    say(ann, "{\"t\":\"edit\",\"f\":1,\"at\":0,\"del\":4000,\"ins\":\"x\"}");
    say(ann, text);
    CHECK_EQ_INT(number(expect(ann, "ack"), "n"), 1);
    CHECK_EQ_INT(number(expect(ann, "ack"), "n"), 2);
    /* Within the second in which a project is counted, too. */
    world_pass(&world, 2000);
    snprintf(text, sizeof(text), "{\"t\":\"create\",\"path\":\"b\",\"text\":\"%01500d\",\"q\":1}",
             0);
    say(ann, text);
    expect(ann, "ok");
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof(text),
                 "{\"t\":\"create\",\"path\":\"c%d\",\"text\":\"%01500d\",\"q\":2}", i, 0);
        say(ann, text);
    }
    expect(ann, "ok");
    expect_error(ann, "too_big");
    end();
}

int main(int argc, char **argv)
{
    log_setup(LOG_ERROR, false);
    check_init(argc, argv);
    RUN(a_large_edit_from_far_behind_must_come_nearer);
    RUN(parts_have_a_rate);
    RUN(a_cursor_from_far_behind_costs_little);
    RUN(a_file_holds_no_more_than_its_limit);
    return check_finish();
}
