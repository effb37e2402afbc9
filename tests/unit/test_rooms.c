/* Edits of a file that two instances hold: hints, catching up, appends whose answer comes late, or
 * never, and what nobody may do by a hint. */
#include "rooms_world.h"

static const char insert_a[] = "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}";
static const char insert_b[] = "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[11,[0,\"B\"]]}";

static void an_edit_is_heard_of_on_the_other_instance(void)
{
    two_readers();
    uint64_t reads = there->calls[MODEL_READ];
    say(ann, insert_a);
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 1);
    json_t *edit = expect(bob, "edit");
    CHECK_EQ_STR(field(edit, "c"), "[[0,\"A\"],11]");
    CHECK_EQ_INT(number(edit, "v"), 1);
    CHECK_EQ_STR(text_at(there, 1), "Ahello world");
    CHECK_EQ_INT(there->calls[MODEL_READ], reads);
    end();
}

static void both_may_write_at_once(void)
{
    two_readers();
    tell(ann, insert_a);
    tell(bob, insert_b);
    rooms_settle();
    CHECK_EQ_STR(text_at(here, 1), "Ahello worldB");
    CHECK_EQ_STR(text_at(there, 1), "Ahello worldB");
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 1);
    CHECK_EQ_INT(number(expect(bob, "ack"), "v"), 2);
    CHECK_EQ_INT(number(expect(ann, "edit"), "v"), 2);
    end();
}

static void the_last_hint_lost_is_noticed_within_a_second(void)
{
    two_readers();
    there->is_deaf = true;
    say(ann, insert_a);
    CHECK_EQ_INT(version_at(there, 1), 0);
    pass(1100);
    CHECK_EQ_INT(version_at(there, 1), 1);
    CHECK_EQ_INT(number(expect(bob, "edit"), "v"), 1);
    end();
}

static void a_lost_hint_is_noticed_by_the_next(void)
{
    two_readers();
    there->is_deaf = true;
    say(ann, insert_a);
    there->is_deaf = false;
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":2,\"c\":[[0,\"C\"],12]}");
    CHECK_EQ_STR(text_at(there, 1), "CAhello world");
    CHECK_EQ_INT(number(expect(bob, "edit"), "v"), 1);
    CHECK_EQ_INT(number(expect(bob, "edit"), "v"), 2);
    quiet(bob);
    end();
}

/* Another file's hint is lost, and nothing else comes of it. */
static void a_gap_of_the_tick_asks_for_a_poll(void)
{
    two_readers();
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    say(bob, "{\"t\":\"open\",\"f\":2}");
    say(ann, "{\"t\":\"open\",\"f\":2}");
    pass(1000);
    there->is_deaf = true;
    say(ann, insert_a);
    there->is_deaf = false;
    say(ann, "{\"t\":\"edit\",\"f\":2,\"v\":0,\"n\":1,\"c\":[[0,\"x\"]]}");
    CHECK_EQ_INT(version_at(there, 1), 1);
    CHECK_EQ_INT(version_at(there, 2), 1);
    end();
}

/* A poll that is answered while the file is read knows more than that read, and is not told again.
 */
static void an_edit_that_is_logged_while_the_file_is_read_is_noticed(void)
{
    begin();
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    pass(1500);
    there->late = OP(READ);
    say(bob, "{\"t\":\"open\",\"f\":1}");
    there->is_deaf = true;
    say(ann, insert_a);
    there->is_deaf = false;
    pass(1500);
    there->late = 0;
    pass(1500);
    CHECK_EQ_STR(text_at(there, 1), "Ahello world");
    end();
}

static void hints_may_come_twice_and_in_any_order(void)
{
    two_readers();
    there->is_stalled = true;
    say(ann, insert_a);
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":2,\"c\":[[0,\"C\"],12]}");
    REQUIRE(there->hint_count == 2);
    const struct bus_sink *sink = &there->bus.sink;
    for (int i = 0; i < 6; i++) {
        size_t at = i % 2 ? 0 : 1;
        sink->received(sink->owner, "demo", there->hints[at].data, there->hints[at].len);
    }
    rooms_settle();
    CHECK_EQ_STR(text_at(there, 1), "CAhello world");
    there->is_stalled = false;
    rooms_settle();
    CHECK_EQ_INT(number(expect(bob, "edit"), "v"), 1);
    CHECK_EQ_INT(number(expect(bob, "edit"), "v"), 2);
    quiet(bob);
    end();
}

static void a_large_edit_is_read_from_the_log(void)
{
    two_readers();
    struct buf edit = BUF_EMPTY;
    buf_add_text(&edit, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"");
    for (int i = 0; i < 70000; i++)
        buf_add_char(&edit, 'x');
    buf_add_text(&edit, "\"],11]}");
    uint64_t reads = there->calls[MODEL_READ];
    say(ann, edit.data);
    CHECK_EQ_INT(version_at(there, 1), 1);
    CHECK_EQ_INT(there->calls[MODEL_READ], reads + 1);
    expect(bob, "edit");
    buf_close(&edit);
    end();
}

/* ---- answers that are late, or lost ---- */

static void an_answer_that_is_lost_is_made_up_for(void)
{
    two_readers();
    here->cut = OP(APPEND);
    tell(ann, insert_a);
    rooms_settle();
    here->cut = 0;
    CHECK_EQ_INT(version_at(here, 1), 0);
    pass(200);
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 1);
    quiet(ann);
    CHECK_EQ_STR(text_at(here, 1), "Ahello world");
    CHECK_EQ_STR(text_at(there, 1), "Ahello world");
    end();
}

static void an_append_that_did_not_come_through_is_made_again(void)
{
    two_readers();
    here->dropped = OP(APPEND);
    tell(ann, insert_a);
    pass(3000);
    quiet(ann);
    CHECK(here->calls[MODEL_APPEND] >= 4 && here->calls[MODEL_APPEND] < 20);
    here->dropped = 0;
    pass(1600);
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 1);
    CHECK_EQ_STR(text_at(there, 1), "Ahello world");
    end();
}

/* Its own entry comes back by a read before the append is answered. */
static void what_is_logged_may_be_read_before_it_is_answered(void)
{
    two_readers();
    here->late = OP(APPEND);
    tell(ann, insert_a);
    rooms_settle();
    CHECK_EQ_INT(version_at(here, 1), 0);
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":1,\"c\":[12,[0,\"B\"]]}");
    CHECK_EQ_STR(text_at(here, 1), "Ahello worldB");
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 1);
    CHECK_EQ_INT(number(expect(ann, "edit"), "v"), 2);
    here->late = 0;
    rooms_settle();
    quiet(ann);
    CHECK_EQ_STR(text_at(here, 1), "Ahello worldB");
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":2,\"n\":2,\"c\":[[0,\"C\"],13]}");
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 3);
    CHECK_EQ_STR(text_at(there, 1), "CAhello worldB");
    end();
}

/* The same, but what waits behind it is mapped over it exactly once. */
static void what_waits_behind_it_is_sent_once(void)
{
    two_readers();
    struct conn *carl = join(here, "Carl");
    say(carl, "{\"t\":\"open\",\"f\":1}");
    here->late = OP(APPEND);
    tell(ann, insert_a);
    rooms_settle();
    tell(carl, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[5,[0,\"-\"],6]}");
    rooms_settle();
    CHECK_EQ_INT(here->calls[MODEL_APPEND], 1);
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":1,\"c\":[12,[0,\"B\"]]}");
    here->late = 0;
    rooms_settle();
    CHECK_EQ_STR(text_at(here, 1), "Ahello- worldB");
    CHECK_EQ_STR(text_at(there, 1), "Ahello- worldB");
    CHECK_EQ_INT(number(expect(carl, "ack"), "v"), 3);
    end();
}

/* A foreign entry is heard of while an append is under way that is refused for it. */
static void a_conflict_may_be_known_before_it_is_answered(void)
{
    two_readers();
    here->held = OP(APPEND);
    tell(ann, insert_a);
    rooms_settle();
    say(bob, insert_b);
    CHECK_EQ_STR(text_at(here, 1), "hello worldB");
    here->held = 0;
    rooms_settle();
    CHECK_EQ_STR(text_at(here, 1), "Ahello worldB");
    CHECK_EQ_STR(text_at(there, 1), "Ahello worldB");
    CHECK_EQ_INT(number(expect(ann, "edit"), "v"), 1);
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 2);
    end();
}

/* A list of change sets is all in the log or not at all. */
static void a_list_may_be_read_before_it_is_answered(void)
{
    two_readers();
    here->late = OP(APPEND);
    tell(ann,
         "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":2,\"cs\":[[[0,\"A\"],11],[[1],11,[0,\"Z\"]]]}");
    rooms_settle();
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":2,\"n\":1,\"c\":[12,[0,\"B\"]]}");
    here->late = 0;
    rooms_settle();
    CHECK_EQ_STR(text_at(here, 1), "hello worldZB");
    CHECK_EQ_STR(text_at(there, 1), "hello worldZB");
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 1);
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 2);
    end();
}

/* The log was trimmed beyond the replica while what became of an edit was not known. */
static void who_has_an_edit_of_unknown_fate_in_a_file_read_again_is_sent_away(void)
{
    two_readers();
    there->is_deaf = true;
    there->dropped = OP(APPEND) | OP(POLL);
    tell(bob, insert_b);
    rooms_settle();
    for (int i = 0; i < 20; i++) {
        char edit[100];
        snprintf(edit, sizeof(edit),
                 "{\"t\":\"edit\",\"f\":1,\"v\":%d,\"n\":%d,\"c\":[[0,\"A\"],%d]}", i, i + 1,
                 11 + i);
        say(ann, edit);
    }
    struct model_file *file = model_find_file(model_find(&rooms.model, "demo"), 1);
    file->log += 10; /* the first are not there any more */
    file->log_from += 10;
    file->log_count -= 10;
    file->content = "AAAAAAAAAAhello world";
    file->content_len = 21;
    file->content_version = 10;
    struct conn *carl = join(there, "Carl");
    there->dropped = OP(APPEND);
    say(carl, "{\"t\":\"open\",\"f\":1}");
    pass(2000);
    CHECK_EQ_INT(bob->code, 4503);
    CHECK_EQ_INT(carl->code, 0);
    expect(carl, "resync");
    say(carl, "{\"t\":\"open\",\"f\":1}");
    CHECK_EQ_INT(number(expect(carl, "file"), "v"), 20);
    file->log -= 10;
    end();
}

/* ---- coming back elsewhere ---- */

static void who_was_further_is_not_told_to_reset(void)
{
    two_readers();
    there->is_deaf = true;
    there->held = OP(POLL);
    say(ann, insert_a);
    struct conn *carl = join(there, "Carl");
    char open[100];
    snprintf(open, sizeof(open), "{\"t\":\"open\",\"f\":1,\"v\":1,\"ep\":\"%s\"}",
             string(expect(carl, "welcome"), "ep"));
    there->held |= OP(READ);
    say(carl, open);
    CHECK(!conn_next(carl, "file"));
    there->held = OP(POLL);
    rooms_settle();
    json_t *synced = expect(carl, "synced");
    CHECK_EQ_INT(number(synced, "v"), 1);
    end();
}

static void a_text_comes_with_the_last_number_of_its_cid_on_any_instance(void)
{
    two_readers();
    char resume[300];
    struct conn *carl = join(here, "Carl");
    snprintf(resume, sizeof(resume), "%s", string(expect(carl, "welcome"), "resume"));
    say(carl, "{\"t\":\"open\",\"f\":1}");
    there->is_deaf = true;
    there->held = OP(POLL);
    say(carl, insert_a);
    cut(carl);
    carl = come_back(there, resume, 2);
    say(carl, "{\"t\":\"open\",\"f\":1}");
    json_t *file = expect(carl, "file");
    CHECK_EQ_INT(number(file, "n"), 1);
    CHECK_EQ_INT(number(file, "v"), 1);
    end();
}

/* What its former instance still has cannot enter the log any more. */
static void an_edit_left_behind_is_fenced(void)
{
    two_readers();
    char resume[300];
    struct conn *carl = join(here, "Carl");
    snprintf(resume, sizeof(resume), "%s", string(expect(carl, "welcome"), "resume"));
    say(carl, "{\"t\":\"open\",\"f\":1}");
    here->held = OP(APPEND);
    here->is_stalled = true;
    tell(carl, insert_a);
    rooms_settle();
    struct conn *back = come_back(there, resume, 2);
    say(back, "{\"t\":\"open\",\"f\":1}");
    CHECK_EQ_INT(number(expect(back, "file"), "n"), 0);
    here->held = 0;
    rooms_settle();
    CHECK(carl->code == 4503 || carl->code == 4409);
    say(back, insert_a);
    CHECK_EQ_INT(number(expect(back, "ack"), "v"), 1);
    here->is_stalled = false;
    rooms_settle();
    CHECK_EQ_STR(text_at(here, 1), "Ahello world");
    end();
}

/* The same instance; what became of the edit of the older connection is never answered. */
static void an_edit_of_unknown_fate_is_not_sent_for_a_connection_that_is_over(bool is_logged)
{
    two_readers();
    char resume[300];
    struct conn *carl = join(here, "Carl");
    snprintf(resume, sizeof(resume), "%s", string(expect(carl, "welcome"), "resume"));
    say(carl, "{\"t\":\"open\",\"f\":1}");
    *(is_logged ? &here->late : &here->held) = OP(APPEND);
    tell(carl, insert_a);
    rooms_settle();
    struct conn *back = come_back(here, resume, 2);
    CHECK_EQ_INT(carl->code, 4409);
    say(back, "{\"t\":\"open\",\"f\":1}");
    CHECK(!conn_next(back, "file"));
    *(is_logged ? &here->cut : &here->dropped) = OP(APPEND);
    rooms_settle();
    here->cut = here->dropped = here->late = here->held = 0;
    pass(200);
    CHECK_EQ_INT(number(expect(back, "file"), "n"), is_logged);
    say(back,
        is_logged ? "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":2,\"c\":[[0,\"C\"],12]}" : insert_a);
    CHECK_EQ_INT(number(expect(back, "ack"), "v"), is_logged ? 2 : 1);
    CHECK_EQ_INT(here->calls[MODEL_APPEND], 2);
    CHECK_EQ_STR(text_at(there, 1), is_logged ? "CAhello world" : "Ahello world");
    end();
}

static void an_edit_of_an_older_connection_that_was_logged_is_in_the_text(void)
{
    an_edit_of_unknown_fate_is_not_sent_for_a_connection_that_is_over(true);
}

static void an_edit_of_an_older_connection_that_was_not_logged_is_forgotten(void)
{
    an_edit_of_unknown_fate_is_not_sent_for_a_connection_that_is_over(false);
}

/* Both instances have the client's edit in hand: the log takes it once. */
static void an_edit_sent_again_elsewhere_is_logged_once(void)
{
    two_readers();
    char resume[300], open[100];
    struct conn *carl = join(here, "Carl");
    json_t *welcome = expect(carl, "welcome");
    snprintf(resume, sizeof(resume), "%s", string(welcome, "resume"));
    snprintf(open, sizeof(open), "{\"t\":\"open\",\"f\":1,\"v\":0,\"ep\":\"%s\"}",
             string(welcome, "ep"));
    say(carl, "{\"t\":\"open\",\"f\":1}");
    here->late = OP(APPEND);
    there->is_deaf = true;
    tell(carl, insert_a);
    rooms_settle();
    struct conn *back = come_back(there, resume, 2);
    say(back, open);
    CHECK_EQ_INT(number(expect(back, "synced"), "v"), 0);
    say(back, insert_a);
    CHECK_EQ_INT(number(expect(back, "ack"), "v"), 1);
    CHECK_EQ_INT(registry_counts(there->registry)->conflicts, 1);
    here->late = 0;
    rooms_settle();
    CHECK_EQ_STR(text_at(here, 1), "Ahello world");
    CHECK_EQ_STR(text_at(there, 1), "Ahello world");
    end();
}

/* The append that is still to be answered is of a connection before two others: they got further.
 */
static void what_an_older_connection_sent_does_not_hide_what_is_known_since(void)
{
    two_readers();
    char resume[300];
    struct conn *carl = join(here, "Carl");
    snprintf(resume, sizeof(resume), "%s", string(expect(carl, "welcome"), "resume"));
    say(carl, "{\"t\":\"open\",\"f\":1}");
    here->late = OP(APPEND);
    tell(carl, insert_a);
    rooms_settle();
    struct conn *back = come_back(there, resume, 2);
    say(back, "{\"t\":\"open\",\"f\":1}");
    say(back, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":2,\"c\":[[0,\"C\"],12]}");
    CHECK_EQ_STR(text_at(here, 1), "CAhello world");
    back = come_back(here, resume, 3);
    say(back, "{\"t\":\"open\",\"f\":1}");
    CHECK_EQ_INT(number(expect(back, "file"), "n"), 2);
    json_array_clear(back->inbox);
    say(back, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":2,\"c\":[[0,\"C\"],12]}");
    quiet(back);
    CHECK_EQ_INT(registry_counts(here->registry)->duplicates, 1);
    end();
}

static void who_waits_for_a_silent_redis_is_told_that_it_is_busy(void)
{
    two_readers();
    there->is_deaf = true;
    there->dropped = OP(POLL) | OP(READ);
    struct conn *carl = join(there, "Carl");
    char open[100];
    snprintf(open, sizeof(open), "{\"t\":\"open\",\"f\":1,\"v\":7,\"ep\":\"%s\"}",
             string(expect(carl, "welcome"), "ep"));
    say(carl, open);
    pass(9000);
    CHECK(!conn_next(carl, "error"));
    pass(2500);
    CHECK_EQ_STR(string(expect(carl, "error"), "code"), "busy");
    CHECK_EQ_INT(carl->code, 0);
    end();
}

static void who_reads_slowly_is_not_told_that_it_is_busy(void)
{
    begin();
    ann = join(here, "Ann");
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    here->registry->config.limits.queue_edits = 64;
    ann->choked = true;
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(ann, "{\"t\":\"open\",\"f\":2}");
    pass(12000);
    ann->choked = false;
    session_writable(ann->session);
    rooms_settle();
    CHECK_EQ_INT(number(expect(ann, "file"), "f"), 1);
    CHECK_EQ_INT(number(expect(ann, "file"), "f"), 2);
    end();
}

static char queried[100];
static enum err query_result;

static void got_file(void *owner, const struct query_file *answer)
{
    (void)owner;
    query_result = answer->result;
    queried[0] = '\0';
    if (answer->text) {
        rope_copy(answer->text, queried);
        queried[rope_len(answer->text)] = '\0';
    }
}

/* Its log was being read when it was given up; then it asks for less. */
static void who_asks_again_gets_what_is_missing_now(void)
{
    begin();
    ann = join(here, "Ann");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(ann, insert_a);
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":1,\"n\":2,\"c\":[[0,\"C\"],12]}");
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":2,\"n\":3,\"c\":[[0,\"D\"],13]}");
    pass(2000); /* the text is at version 3 */
    bob = join(there, "Bob");
    say(join(there, "Carl"), "{\"t\":\"open\",\"f\":1}");
    char open[2][100];
    for (int v = 0; v < 2; v++)
        snprintf(open[v], sizeof(open[v]), "{\"t\":\"open\",\"f\":1,\"v\":%d,\"ep\":\"%s\"}", 2 * v,
                 room_of(there)->epoch);
    there->late = OP(READ);
    say(bob, open[0]);
    pass(11000);
    CHECK_EQ_STR(string(expect(bob, "error"), "code"), "busy");
    say(bob, open[1]);
    there->late = 0;
    rooms_settle();
    CHECK_EQ_INT(number(expect(bob, "edit"), "v"), 3);
    CHECK_EQ_INT(number(expect(bob, "synced"), "v"), 3);
    end();
}

static void http_reads_what_was_written_elsewhere_just_before(void)
{
    two_readers();
    there->is_deaf = true;
    there->held = OP(POLL);
    say(ann, insert_a);
    registry_query_file(there->registry, "demo", "main.c", NULL, got_file);
    rooms_settle();
    CHECK_EQ_STR(queried, "Ahello world");
    end();
}

/* ---- checkpoints ---- */

static void the_text_follows_the_edits_once_a_second(void)
{
    two_readers();
    const struct model_file *file = model_find_file(model_find(&rooms.model, "demo"), 1);
    for (int i = 0; i < 40; i++) {
        char edit[100];
        snprintf(edit, sizeof(edit),
                 "{\"t\":\"edit\",\"f\":1,\"v\":%d,\"n\":%d,\"c\":[[0,\"A\"],%d]}", i, i + 1,
                 11 + i);
        say(ann, edit);
        pass(100);
    }
    CHECK(here->calls[MODEL_CHECKPOINT] >= 3 && here->calls[MODEL_CHECKPOINT] <= 5);
    CHECK_EQ_INT(there->calls[MODEL_CHECKPOINT], 0);
    pass(2200);
    CHECK_EQ_INT(file->content_version, 40);
    CHECK_EQ_STR(file->content, text_at(there, 1));
    uint64_t calls = here->calls[MODEL_CHECKPOINT];
    pass(5000);
    CHECK_EQ_INT(here->calls[MODEL_CHECKPOINT], calls);
    end();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(an_edit_is_heard_of_on_the_other_instance);
    RUN(both_may_write_at_once);
    RUN(the_last_hint_lost_is_noticed_within_a_second);
    RUN(a_lost_hint_is_noticed_by_the_next);
    RUN(a_gap_of_the_tick_asks_for_a_poll);
    RUN(an_edit_that_is_logged_while_the_file_is_read_is_noticed);
    RUN(hints_may_come_twice_and_in_any_order);
    RUN(a_large_edit_is_read_from_the_log);
    RUN(an_answer_that_is_lost_is_made_up_for);
    RUN(an_append_that_did_not_come_through_is_made_again);
    RUN(what_is_logged_may_be_read_before_it_is_answered);
    RUN(what_waits_behind_it_is_sent_once);
    RUN(a_conflict_may_be_known_before_it_is_answered);
    RUN(a_list_may_be_read_before_it_is_answered);
    RUN(who_has_an_edit_of_unknown_fate_in_a_file_read_again_is_sent_away);
    RUN(who_was_further_is_not_told_to_reset);
    RUN(a_text_comes_with_the_last_number_of_its_cid_on_any_instance);
    RUN(an_edit_left_behind_is_fenced);
    RUN(an_edit_of_an_older_connection_that_was_logged_is_in_the_text);
    RUN(an_edit_of_an_older_connection_that_was_not_logged_is_forgotten);
    RUN(an_edit_sent_again_elsewhere_is_logged_once);
    RUN(what_an_older_connection_sent_does_not_hide_what_is_known_since);
    RUN(who_waits_for_a_silent_redis_is_told_that_it_is_busy);
    RUN(who_reads_slowly_is_not_told_that_it_is_busy);
    RUN(who_asks_again_gets_what_is_missing_now);
    RUN(http_reads_what_was_written_elsewhere_just_before);
    RUN(the_text_follows_the_edits_once_a_second);
    return check_finish();
}
