/* The tree of a project that two instances hold, what is saved of it, and what HTTP is told. */
#include "rooms_world.h"

static enum err query_result;

static void got_file(void *owner, const struct query_file *answer)
{
    (void)owner;
    query_result = answer->result;
}

static void a_change_of_the_tree_is_known_everywhere(void)
{
    two_readers();
    say(ann, "{\"t\":\"create\",\"path\":\"b\",\"text\":\"one\\r\\ntwo\",\"q\":1}");
    expect(ann, "fs");
    CHECK_EQ_INT(number(expect(ann, "ok"), "f"), 2);
    json_t *fs = expect(bob, "fs");
    CHECK_EQ_STR(string(fs, "path"), "b");
    CHECK_EQ_INT(number(fs, "e"), 1);
    say(bob, "{\"t\":\"list\"}");
    json_t *files = json_object_get(expect(bob, "files"), "files");
    CHECK_EQ_INT(number(json_array_get(files, 1), "len"), 7);
    CHECK_EQ_STR(room_file(room_of(there), 2)->eol, "\r\n");
    say(ann, "{\"t\":\"rename\",\"f\":2,\"path\":\"lib/c\"}");
    CHECK_EQ_STR(string(expect(bob, "fs"), "path"), "lib/c");
    CHECK_EQ_STR(room_file(room_of(there), 2)->path, "lib/c");
    json_array_clear(ann->inbox);
    say(bob, "{\"t\":\"rename\",\"from\":\"lib/\",\"path\":\"src/\",\"q\":2}");
    CHECK_EQ_STR(field(expect(ann, "fs"), "list"), "[[2,\"src/c\"]]");
    CHECK_EQ_INT(number(expect(bob, "ok"), "e"), 3);
    say(bob, "{\"t\":\"delete\",\"f\":2}");
    CHECK_EQ_STR(string(expect(ann, "fs"), "op"), "delete");
    CHECK(!room_file(room_of(here), 2));
    CHECK_EQ_INT(room_of(here)->e, 4);
    CHECK_EQ_INT(room_of(there)->e, 4);
    end();
}

/* Both ask at once: each is told of the changes in their order, and of its own last. */
static void changes_are_told_in_their_order_before_ok(void)
{
    two_readers();
    here->late = OP(TREE);
    tell(ann, "{\"t\":\"create\",\"path\":\"a\",\"q\":1}");
    tell(ann, "{\"t\":\"create\",\"path\":\"c\",\"q\":2}");
    rooms_settle();
    say(bob, "{\"t\":\"create\",\"path\":\"b\",\"q\":3}");
    here->late = 0;
    rooms_settle();
    for (int e = 1; e <= 3; e++) {
        json_t *fs = expect(bob, "fs");
        CHECK_EQ_INT(number(fs, "e"), e);
    }
    CHECK_EQ_INT(number(expect(bob, "ok"), "f"), 4);
    static const char *const types[] = {"fs", "fs", "fs", "ok", "ok"};
    REQUIRE(json_array_size(ann->inbox) == 5);
    for (size_t i = 0; i < 5; i++)
        CHECK_EQ_STR(string(json_array_get(ann->inbox, i), "t"), types[i]);
    end();
}

static void an_answer_that_is_lost_makes_no_second_file(void)
{
    two_readers();
    here->cut = OP(TREE);
    here->is_deaf = true;
    say(ann, "{\"t\":\"create\",\"path\":\"b\",\"text\":\"abc\",\"q\":1}");
    CHECK(!conn_next(ann, "ok"));
    here->cut = 0;
    pass(200);
    CHECK_EQ_STR(string(expect(ann, "fs"), "path"), "b");
    CHECK_EQ_INT(number(expect(ann, "ok"), "f"), 2);
    quiet(ann);
    CHECK_EQ_INT(model_find(&rooms.model, "demo")->e, 1);
    CHECK_EQ_INT(room_file(room_of(here), 2)->utf16_len, 3);
    end();
}

static void a_request_is_not_asked_again_for_who_has_gone(void)
{
    two_readers();
    here->dropped = OP(TREE);
    say(ann, "{\"t\":\"create\",\"path\":\"b\",\"q\":1}");
    cut(ann);
    pass(500);
    here->dropped = 0;
    pass(2000);
    CHECK_EQ_INT(model_find(&rooms.model, "demo")->e, 0);
    end();
}

static void an_event_that_was_lost_is_read(void)
{
    two_readers();
    there->is_deaf = true;
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    say(ann, "{\"t\":\"create\",\"path\":\"c\"}");
    there->is_deaf = false;
    say(ann, "{\"t\":\"delete\",\"f\":2}");
    CHECK_EQ_INT(room_of(there)->e, 3);
    for (int e = 1; e <= 3; e++)
        CHECK_EQ_INT(number(expect(bob, "fs"), "e"), e);
    there->is_deaf = true;
    say(ann, "{\"t\":\"delete\",\"f\":3}");
    pass(1100);
    CHECK_EQ_INT(number(expect(bob, "fs"), "e"), 4);
    end();
}

static void the_events_are_read_again_where_the_answer_is_lost(void)
{
    two_readers();
    there->dropped = OP(EVENTS);
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    pass(500);
    CHECK_EQ_INT(room_of(there)->e, 0);
    there->dropped = 0;
    pass(1600);
    CHECK_EQ_INT(room_of(there)->e, 1);
    CHECK_EQ_STR(string(expect(bob, "fs"), "path"), "b");
    quiet(bob);
    end();
}

static void edits_to_a_file_deleted_elsewhere_are_refused(void)
{
    two_readers();
    there->held = OP(APPEND);
    tell(bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"B\"],11]}");
    rooms_settle();
    say(ann, "{\"t\":\"delete\",\"f\":1}");
    there->held = 0;
    rooms_settle();
    CHECK_EQ_STR(string(expect(bob, "error"), "code"), "gone");
    CHECK_EQ_STR(string(expect(bob, "fs"), "op"), "delete");
    CHECK_EQ_INT(bob->code, 0);
    end();
}

/* Who comes is shown the tree as it is, not as this instance last heard of it. */
static void who_comes_sees_what_was_made_elsewhere_just_before(void)
{
    two_readers();
    there->is_deaf = true;
    there->held = OP(POLL);
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    struct conn *carl = join(there, "Carl");
    json_t *welcome = expect(carl, "welcome");
    CHECK_EQ_INT(json_array_size(json_object_get(welcome, "files")), 2);
    CHECK_EQ_INT(number(welcome, "e"), 1);
    quiet(carl);
    say(ann, "{\"t\":\"create\",\"path\":\"c\"}");
    registry_query_file(there->registry, "demo", "c", NULL, got_file);
    rooms_settle();
    CHECK_EQ_INT(query_result, ERR_OK);
    end();
}

/* Neither twice nor not at all. */
static void who_comes_back_is_told_each_change_once(void)
{
    two_readers();
    char resume[300], hello[600];
    struct conn *carl = join(there, "Carl");
    json_t *welcome = expect(carl, "welcome");
    snprintf(resume, sizeof(resume), "%s", string(welcome, "resume"));
    cut(carl);
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    snprintf(
        hello, sizeof(hello),
        "{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"resume\":\"%s\",\"k\":2,\"ep\":\"%s\","
        "\"e\":0}",
        resume, room_of(there)->epoch);
    there->held = OP(EVENTS);
    there->is_stalled = true;
    carl = connect_to(there);
    say(carl, hello);
    say(ann, "{\"t\":\"create\",\"path\":\"c\"}");
    there->held = 0;
    there->is_stalled = false;
    rooms_settle();
    welcome = expect(carl, "welcome");
    json_int_t e = number(welcome, "e");
    CHECK_EQ_INT(number(expect(carl, "fs"), "e"), 1);
    CHECK_EQ_INT(number(expect(carl, "fs"), "e"), 2);
    CHECK(e == 1 || e == 2);
    CHECK(!conn_next(carl, "fs"));
    end();
}

/* More happened than the state remembers. */
static void who_missed_too_much_comes_back(void)
{
    two_readers();
    there->is_deaf = true;
    there->held = OP(POLL);
    for (int i = 0; i < 120; i++) {
        char create[100];
        snprintf(create, sizeof(create), "{\"t\":\"create\",\"path\":\"f%d\"}", i);
        say(ann, create);
    }
    there->held = 0;
    pass(1100);
    CHECK_EQ_INT(bob->code, 4503);
    bob = join(there, "Bob");
    CHECK_EQ_INT(json_array_size(json_object_get(expect(bob, "welcome"), "files")), 121);
    end();
}

/* What cannot be understood once never can: the room ends, and who comes back needs none of it. */
static void events_that_are_damaged_end_the_room(void)
{
    two_readers();
    there->late = OP(EVENTS);
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    REQUIRE(rooms.call_count == 1 && rooms.calls[0].call->op == MODEL_EVENTS);
    rooms.calls[0].answer.result = STATE_BROKEN;
    there->late = 0;
    rooms_settle();
    CHECK_EQ_INT(bob->code, 4503);
    uint64_t reads = there->calls[MODEL_EVENTS];
    bob = join(there, "Bob");
    CHECK_EQ_INT(json_array_size(json_object_get(expect(bob, "welcome"), "files")), 2);
    pass(3000);
    CHECK_EQ_INT(there->calls[MODEL_EVENTS], reads);
    CHECK_EQ_INT(bob->code, 0);
    end();
}

/* ---- saved ---- */

static void save_all(void)
{
    struct model_project *project = model_find(&rooms.model, "demo");
    const struct model_file *file = model_find_file(project, 1);
    const struct state_saved_file saved = {1, file->rev, file->version};
    const struct state_ticket ticket = {.project = "demo", .epoch = project->epoch};
    here->state.port.ops->saved(&here->state.port, &ticket, &saved, 1, 1730000000000);
    rooms_settle();
}

static void what_is_saved_is_told_everywhere(void)
{
    two_readers();
    here->repository.is_shared = there->repository.is_shared = true;
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    save_all();
    pass(100);
    CHECK_EQ_STR(field(expect(bob, "saved"), "files"), "[[1,1]]");
    pass(1100);
    CHECK_EQ_STR(field(expect(ann, "saved"), "files"), "[[1,1]]");
    pass(2000);
    CHECK(!conn_next(bob, "saved"));
    CHECK(!conn_next(ann, "saved"));
    end();
}

/* Should Redis lose it, the replica may be all that is left. */
static void a_replica_is_kept_until_it_is_saved(void)
{
    two_readers();
    here->repository.is_shared = there->repository.is_shared = true;
    here->config.unload_after_ms = there->config.unload_after_ms = 1000;
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    say(bob, "{\"t\":\"close\",\"f\":1}");
    pass(70000);
    CHECK_EQ_STR(text_at(there, 1), "Ahello world");
    save_all();
    pass(2100);
    CHECK(!room_file(room_of(there), 1)->document);
    end();
}

static void where_redis_is_the_store_replicas_are_kept(void)
{
    two_readers();
    say(bob, "{\"t\":\"close\",\"f\":1}");
    pass(70000);
    CHECK_EQ_STR(text_at(there, 1), "hello world");
    end();
}

/* ---- of files that nobody has open here ---- */

static void a_list_has_versions_of_files_that_are_open_elsewhere(void)
{
    two_readers();
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    say(ann, "{\"t\":\"open\",\"f\":2}");
    say(ann, "{\"t\":\"edit\",\"f\":2,\"v\":0,\"n\":1,\"c\":[[0,\"abc\"]]}");
    say(bob, "{\"t\":\"list\"}");
    json_t *file = json_array_get(json_object_get(expect(bob, "files"), "files"), 1);
    CHECK_EQ_INT(number(file, "v"), 1);
    CHECK_EQ_INT(number(file, "len"), 3);
    end();
}

static uint64_t listed_v, listed_len;

static void got_project(void *owner, const struct query_project *answer)
{
    (void)owner;
    CHECK_EQ_INT(answer->result, ERR_OK);
    REQUIRE(answer->file_count == 1);
    listed_v = answer->files[0].v;
    listed_len = answer->files[0].len;
}

/* Nobody there has the file open, and the hint is lost. */
static void over_http_a_project_is_as_it_stands(void)
{
    begin();
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    there->is_deaf = true;
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    there->is_deaf = false;
    pass(2000);
    registry_query_project(there->registry, "demo", NULL, got_project);
    rooms_settle();
    CHECK_EQ_INT(listed_v, 1);
    CHECK_EQ_INT(listed_len, 12);
    end();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_change_of_the_tree_is_known_everywhere);
    RUN(changes_are_told_in_their_order_before_ok);
    RUN(an_answer_that_is_lost_makes_no_second_file);
    RUN(a_request_is_not_asked_again_for_who_has_gone);
    RUN(an_event_that_was_lost_is_read);
    RUN(the_events_are_read_again_where_the_answer_is_lost);
    RUN(edits_to_a_file_deleted_elsewhere_are_refused);
    RUN(who_comes_sees_what_was_made_elsewhere_just_before);
    RUN(who_comes_back_is_told_each_change_once);
    RUN(who_missed_too_much_comes_back);
    RUN(events_that_are_damaged_end_the_room);
    RUN(what_is_saved_is_told_everywhere);
    RUN(a_replica_is_kept_until_it_is_saved);
    RUN(where_redis_is_the_store_replicas_are_kept);
    RUN(a_list_has_versions_of_files_that_are_open_elsewhere);
    RUN(over_http_a_project_is_as_it_stands);
    return check_finish();
}
