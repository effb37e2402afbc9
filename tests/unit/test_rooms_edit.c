/* A whole text that the server puts in the place of another: what differs goes into the log once,
 * as an edit of a cid of its own, over what others typed meanwhile; here, where another instance
 * has the room. */
#include "rooms_world.h"

static struct {
    unsigned answers;
    enum err result;
    uint64_t v;
} told;

static void done(void *owner, enum err result, uint64_t v)
{
    (void)owner;
    told.answers++;
    told.result = result;
    told.v = v;
}

static void edit_from(struct instance *instance, uint64_t v, const char *base, const char *text,
                      uint64_t cid)
{
    const struct server_edit edit = {.project = "demo",
                                     .ep = room_of(there)->epoch,
                                     .f = 1,
                                     .v = v,
                                     .base = base,
                                     .base_len = strlen(base),
                                     .text = text,
                                     .len = strlen(text),
                                     .cid = cid,
                                     .user = "u12"};
    told.answers = 0;
    registry_edit_file(instance->registry, &edit, NULL, done);
    rooms_settle();
}

static void check_told(enum err result, uint64_t v)
{
    CHECK_EQ_INT(told.answers, 1);
    CHECK_EQ_STR(err_name(told.result), err_name(result));
    CHECK_EQ_INT(told.v, v);
}

/* Bob has it open there; nobody is here. */
static void one_reader(void)
{
    begin();
    bob = join(there, "Bob");
    say(bob, "{\"t\":\"open\",\"f\":1}");
    expect(bob, "file");
}

static void what_differs_is_an_edit_for_the_one_who_asked(void)
{
    one_reader();
    edit_from(here, 0, "hello world", "hello, world!", 77);
    check_told(ERR_OK, 1);
    json_t *edit = expect(bob, "edit");
    CHECK_EQ_STR(field(edit, "c"), "[5,[0,\",\"],6,[0,\"!\"]]");
    CHECK_EQ_STR(string(edit, "user"), "u12");
    CHECK_EQ_INT(number(edit, "by"), 77);
    CHECK_EQ_INT(number(edit, "n"), 1);
    CHECK_EQ_STR(text_at(there, 1), "hello, world!");
    end();
}

static void it_is_mapped_over_what_was_typed_since(void)
{
    one_reader();
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    edit_from(here, 0, "hello world", "hello World", 77);
    check_told(ERR_OK, 2);
    CHECK_EQ_STR(text_at(there, 1), "Ahello World");
    end();
}

static void made_again_it_is_in_already(void)
{
    one_reader();
    edit_from(here, 0, "hello world", "hello", 77);
    edit_from(here, 1, "hello", "hell", 77);
    check_told(ERR_OK, 1);
    edit_from(there, 0, "hello world", "other", 77);
    check_told(ERR_OK, 1);
    CHECK_EQ_STR(text_at(there, 1), "hello");
    end();
}

static void nothing_different_is_no_version(void)
{
    one_reader();
    edit_from(here, 0, "hello world", "hello world", 77);
    CHECK_EQ_INT(told.answers, 1);
    CHECK_EQ_INT(told.result, ERR_OK);
    CHECK_EQ_INT(version_at(there, 1), 0);
    end();
}

static void who_is_first_there_makes_it_try_again(void)
{
    one_reader();
    here->held = OP(APPEND);
    edit_from(here, 0, "hello world", "hello World", 77);
    CHECK_EQ_INT(told.answers, 0);
    here->is_deaf = true;
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    here->is_deaf = false;
    here->held = 0;
    rooms_settle();
    check_told(ERR_OK, 2);
    CHECK_EQ_STR(text_at(there, 1), "Ahello World");
    end();
}

/* Nobody is in the room: it stays until the outcome is known. */
static void a_reply_that_is_lost_is_found_in_the_log(void)
{
    one_reader();
    here->config.unload_after_ms = 0;
    here->cut = OP(APPEND);
    edit_from(here, 0, "hello world", "hello World", 77);
    CHECK_EQ_INT(told.answers, 0);
    pass(500);
    here->cut = 0;
    pass(3000);
    check_told(ERR_OK, 1);
    CHECK_EQ_STR(text_at(there, 1), "hello World");
    CHECK_EQ_INT(version_at(there, 1), 1);
    end();
}

static void of_another_version_or_epoch_it_is_stale(void)
{
    one_reader();
    edit_from(here, 5, "hello world", "x", 77);
    check_told(ERR_STALE, 0);
    edit_from(here, 0, "not its text", "x", 78);
    check_told(ERR_STALE, 0);
    struct server_edit edit = {.project = "demo",
                               .ep = "9.other",
                               .f = 1,
                               .base = "hello world",
                               .base_len = 11,
                               .text = "x",
                               .len = 1,
                               .cid = 79,
                               .user = "u"};
    told.answers = 0;
    registry_edit_file(here->registry, &edit, NULL, done);
    rooms_settle();
    check_told(ERR_STALE, 0);
    CHECK_EQ_INT(version_at(there, 1), 0);
    end();
}

/* Mapping it would hold the loop up: it is made anew, of the newest text. */
static void what_is_too_much_to_map_is_stale(void)
{
    struct buf base = BUF_EMPTY, text = BUF_EMPTY;
    one_reader();
    for (int i = 0; i < 400; i++) {
        buf_add_text(&base, "kept\na\n");
        buf_add_text(&text, "kept\nb\n");
    }
    edit_from(here, 0, "hello world", base.data, 77);
    check_told(ERR_OK, 1);
    char edit[100];
    for (int i = 1; i <= 3000; i++) {
        snprintf(edit, sizeof edit,
                 "{\"t\":\"edit\",\"f\":1,\"v\":%d,\"n\":%d,\"c\":[[0,\"x\"],%zu]}", i, i,
                 base.len + (size_t)i - 1);
        say(bob, edit);
        json_array_clear(bob->inbox);
    }
    CHECK_EQ_INT(version_at(there, 1), 3001);
    room_of(here)->registry->config.limits.history = 5000;
    edit_from(there, 1, base.data, text.data, 78);
    check_told(ERR_STALE, 0);
    edit_from(there, 2990, base.data, text.data, 79);
    CHECK_EQ_INT(told.answers, 1);
    buf_close(&base);
    buf_close(&text);
    end();
}

static void what_cannot_be_is_refused(void)
{
    one_reader();
    edit_from(here, 0, "hello world", "not \xff text", 77);
    check_told(ERR_BAD_TEXT, 0);
    edit_from(here, 0, "hello world", "a\r\nb", 77);
    check_told(ERR_BAD_TEXT, 0);
    here->registry->config.limits.text = 20;
    edit_from(here, 0, "hello world", "more than twenty bytes", 77);
    check_told(ERR_TOO_BIG, 0);
    say(bob, "{\"t\":\"delete\",\"f\":1}");
    edit_from(here, 0, "hello world", "x", 77);
    check_told(ERR_GONE, 0);
    end();
}

static void deleted_while_it_is_under_way_it_is_not_known(void)
{
    one_reader();
    here->held = OP(APPEND);
    edit_from(here, 0, "hello world", "x", 77);
    say(bob, "{\"t\":\"delete\",\"f\":1}");
    here->held = 0;
    rooms_settle();
    CHECK_EQ_INT(told.answers, 1);
    CHECK(told.result == ERR_BUSY || told.result == ERR_GONE);
    end();
}

static void the_end_of_the_room_answers_it(void)
{
    one_reader();
    here->held = OP(APPEND);
    edit_from(here, 0, "hello world", "x", 77);
    room_end(room_of(here), 4503, "for the test");
    rooms_settle();
    CHECK_EQ_INT(told.answers, 1);
    CHECK_EQ_INT(told.result, ERR_BUSY);
    here->held = 0;
    rooms_settle();
    CHECK_EQ_INT(told.answers, 1);
    end();
}

static void read_done(void *owner, const struct query_file *answer)
{
    (void)owner;
    told.answers++;
    told.result = answer->result;
}

static void a_file_is_read_by_its_id(void)
{
    one_reader();
    say(bob, "{\"t\":\"rename\",\"f\":1,\"path\":\"other.c\"}");
    told.answers = 0;
    registry_query_file_by_id(here->registry, "demo", 1, NULL, read_done);
    rooms_settle();
    check_told(ERR_OK, told.v);
    registry_query_file_by_id(here->registry, "demo", 9, NULL, read_done);
    rooms_settle();
    CHECK_EQ_INT(told.answers, 2);
    CHECK_EQ_STR(err_name(told.result), "no_file");
    end();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(what_differs_is_an_edit_for_the_one_who_asked);
    RUN(it_is_mapped_over_what_was_typed_since);
    RUN(made_again_it_is_in_already);
    RUN(nothing_different_is_no_version);
    RUN(who_is_first_there_makes_it_try_again);
    RUN(a_reply_that_is_lost_is_found_in_the_log);
    RUN(of_another_version_or_epoch_it_is_stale);
    RUN(what_is_too_much_to_map_is_stale);
    RUN(what_cannot_be_is_refused);
    RUN(deleted_while_it_is_under_way_it_is_not_known);
    RUN(the_end_of_the_room_answers_it);
    RUN(a_file_is_read_by_its_id);
    return check_finish();
}
