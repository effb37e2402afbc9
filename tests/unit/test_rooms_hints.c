/* A hint is nothing to rely on: whatever somebody publishes, no text changes by it, nobody is sent
 * away, and what is shown wrongly is put right within a second (docs/faults.md has it as a forged
 * message; docs/redis.md as an invariant). */
#include "rooms_world.h"

#include "core/seal.h"

static void forge(struct instance *to, const char *data, size_t len)
{
    const struct bus_sink *sink = &to->bus.sink;
    char *copy = malloc(len ? len : 1);
    REQUIRE(copy != NULL);
    memcpy(copy, data, len);
    sink->received(sink->owner, "demo", copy, len);
    free(copy);
    rooms_settle();
}

static const char *epoch(void)
{
    return room_of(there)->epoch;
}

static uint64_t tick(void)
{
    return model_find(&rooms.model, "demo")->tick;
}

/* An entry that fits the replica in every way. */
static const char entry[] =
    "{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":31,\"n\":1,\"c\":[[0,\"forged \"],11]}";

static void forge_edits(const char *seal, const char *body)
{
    char hint[1000];
    snprintf(hint, sizeof(hint), "edits %s %" PRIu64 " x 1 1%s%s\n%s", epoch(), tick() + 1,
             seal[0] ? " " : "", seal, body);
    forge(there, hint, strlen(hint));
}

static void no_text_changes_by_a_forged_hint(void)
{
    static const char *const seals[] = {"", "0000000000000000000000000000000000000000000",
                                        "AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_123"};
    two_readers();
    for (size_t i = 0; i < sizeof(seals) / sizeof(seals[0]); i++)
        forge_edits(seals[i], entry);
    pass(2000);
    CHECK_EQ_STR(text_at(there, 1), "hello world");
    CHECK_EQ_INT(version_at(there, 1), 0);
    quiet(bob);
    CHECK_EQ_INT(bob->code, 0);
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    CHECK_EQ_STR(text_at(there, 1), "Ahello world");
    end();
}

static void seal_of(const char *f, uint64_t expect, const char *body, char seal[HINT_SEAL_SIZE])
{
    struct blob *message = blob_new(body, strlen(body));
    const struct state_entry one = {31, 1, 1, message};
    const struct state_append append = {
        .f = (uint64_t)atoi(f), .expect = expect, .entries = &one, .count = 1};
    REQUIRE(seal_make(room_of(there), &append, seal));
    blob_unref(message);
}

/* The seal is what makes the difference: with it the same words are taken. */
static void a_seal_holds_for_its_own_entries_only(void)
{
    char seal[HINT_SEAL_SIZE];
    two_readers();
    there->held = OP(READ);
    seal_of("2", 0, entry, seal);
    forge_edits(seal, entry);
    seal_of("1", 1, entry, seal);
    forge_edits(seal, entry);
    seal_of("1", 0, entry, seal);
    forge_edits(seal,
                "{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":31,\"n\":1,\"c\":[[0,\"forgee \"],11]}");
    CHECK_EQ_INT(version_at(there, 1), 0);
    forge_edits(seal, entry);
    CHECK_EQ_STR(text_at(there, 1), "forged hello world");
    end();
}

/* Sealed or not, what does not fit is not applied. */
static void what_does_not_fit_is_read_from_the_log(void)
{
    static const char *const bad[] = {
        "{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":31,\"n\":1,\"c\":[[0,\"a\"],12]}",
        "{\"t\":\"edit\",\"f\":2,\"v\":1,\"by\":31,\"n\":1,\"c\":[[0,\"a\"],11]}",
        "{\"t\":\"edit\",\"f\":1,\"v\":2,\"by\":31,\"n\":1,\"c\":[[0,\"a\"],11]}",
        "{\"t\":\"edit\"}",
        "rubbish",
    };
    char seal[HINT_SEAL_SIZE];
    two_readers();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t reads = there->calls[MODEL_READ];
        seal_of("1", 0, bad[i], seal);
        forge_edits(seal, bad[i]);
        CHECK_EQ_INT(version_at(there, 1), 0);
        CHECK_EQ_INT(there->calls[MODEL_READ], reads + 1);
        pass(50); /* of what brings nothing, one is read at a time */
    }
    CHECK_EQ_INT(bob->code, 0);
    end();
}

/* A tick that is forged in the name of the instance itself hides a lost hint no longer than until
 * the next poll. */
static void a_forged_tick_hides_nothing(void)
{
    two_readers();
    char hint[200];
    snprintf(hint, sizeof(hint), "edits %s %" PRIu64 " there 1 1", epoch(), tick() + 1);
    forge(there, hint, strlen(hint));
    there->is_deaf = true;
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    CHECK_EQ_INT(version_at(there, 1), 0);
    pass(1100);
    CHECK_EQ_INT(version_at(there, 1), 1);
    end();
}

static void a_flood_costs_few_polls(void)
{
    two_readers();
    uint64_t polls = there->calls[MODEL_POLL];
    for (int i = 0; i < 1000; i++) {
        char hint[200];
        snprintf(hint, sizeof(hint), "saved %s %" PRIu64 " x 0 0\n{}", epoch(), tick() + 1000);
        forge(there, hint, strlen(hint));
        snprintf(hint, sizeof(hint), "edits 9.other %d x 1 1", i);
        forge(there, hint, strlen(hint));
    }
    CHECK(there->calls[MODEL_POLL] <= polls + 2);
    end();
}

static void forge_gap(uint64_t v)
{
    char hint[200];
    snprintf(hint, sizeof hint, "edits %s 0 x 1 %" PRIu64, epoch(), v);
    forge(there, hint, strlen(hint));
}

/* Whether they come between reads or during one. */
static void a_flood_costs_few_reads(void)
{
    two_readers();
    for (int is_late = 0; is_late < 2; is_late++) {
        uint64_t reads = there->calls[MODEL_READ];
        for (int ticks = 0; ticks < 20; ticks++) {
            there->late = is_late ? OP(READ) : 0;
            for (uint64_t i = 0; i < 50; i++)
                forge_gap(9 + i);
            there->late = 0;
            pass(50);
        }
        CHECK(there->calls[MODEL_READ] - reads >= 20);
        CHECK(there->calls[MODEL_READ] - reads <= 41);
    }
    CHECK_EQ_INT(bob->code, 0);
    end();
}

static void edit(int v)
{
    char text[120];
    snprintf(text, sizeof text, "{\"t\":\"edit\",\"f\":1,\"v\":%d,\"n\":%d,\"c\":[[0,\"A\"],%d]}",
             v, v + 1, 11 + v);
    say(ann, text);
}

/* What was lost is had when the next hint comes, and what comes while it is read right behind it:
 * true hints wait for nothing. */
static void a_gap_is_read_at_once(void)
{
    two_readers();
    for (int v = 0; v < 30; v += 3) {
        there->is_deaf = true;
        edit(v);
        there->is_deaf = false;
        there->late = OP(READ);
        edit(v + 1);
        there->held = OP(POLL);
        edit(v + 2);
        there->late = 0;
        rooms_settle();
        there->held = 0;
        CHECK_EQ_INT(version_at(there, 1), v + 3);
    }
    end();
}

/* A true one that brings nothing itself, because the edits are large, is one of many in a flood:
 * they are there by the next tick. */
static void what_a_flood_hides_is_read_within_a_tick(void)
{
    two_readers();
    for (int v = 0; v < 20; v++) {
        rooms_settle(); /* it is later than at the last turn */
        forge_gap(1000);
        there->is_stalled = true;
        edit(v);
        REQUIRE(there->hint_count == 1);
        there->hints[0].len = strcspn(there->hints[0].data, "\n");
        there->is_stalled = false;
        rooms_settle();
        pass(100);
        CHECK_EQ_INT(version_at(there, 1), v + 1);
    }
    end();
}

static void the_tree_does_not_change_by_a_forged_hint(void)
{
    two_readers();
    char hint[300];
    snprintf(hint, sizeof(hint),
             "event %s %" PRIu64 " x 1 0\n{\"t\":\"fs\",\"e\":1,\"op\":\"delete\",\"f\":1,"
             "\"path\":\"main.c\"}",
             epoch(), tick() + 1);
    forge(there, hint, strlen(hint));
    CHECK_EQ_STR(text_at(there, 1), "hello world");
    quiet(bob);
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    CHECK_EQ_STR(string(expect(bob, "fs"), "op"), "create");
    end();
}

static void a_forged_person_is_gone_within_seconds(void)
{
    two_readers();
    char hint[300];
    snprintf(hint, sizeof(hint), "join %s %" PRIu64 " x 77 1\n[\"u\",\"Mallory\",-1]", epoch(),
             tick() + 1);
    forge(there, hint, strlen(hint));
    pass(4000);
    json_t *message;
    bool is_on = false;
    while ((message = conn_next(bob, "peer"))) {
        if (number(message, "by") == 77)
            is_on = json_is_true(json_object_get(message, "on"));
        json_decref(message);
    }
    CHECK(!is_on);
    CHECK_EQ_INT(room_of(there)->remote_count, 1);
    end();
}

/* A connection that is forged to be the newest does not hide the next true one. */
static void a_forged_generation_hides_nobody(void)
{
    two_readers();
    char hint[300], resume[300];
    struct conn *carl = join(here, "Carl");
    snprintf(resume, sizeof(resume), "%s", string(expect(carl, "welcome"), "resume"));
    snprintf(hint, sizeof(hint), "join %s %" PRIu64 " x %" PRIu64 " 99\n[\"u\",\"Carl\",-1]",
             epoch(), tick() + 1, carl->session->cid);
    forge(there, hint, strlen(hint));
    cut(carl);
    pass(500);
    come_back(here, resume, 2);
    pass(5000);
    CHECK_EQ_INT(room_of(there)->remote_count, 2);
    end();
}

static uint64_t cid_of(const struct conn *conn)
{
    return conn->session->cid;
}

static void nobody_is_sent_away_by_a_forged_hint(void)
{
    two_readers();
    char hint[300];
    snprintf(hint, sizeof(hint), "join %s %" PRIu64 " x %" PRIu64 " 99\n[\"u\",\"Mallory\",-1]",
             epoch(), tick() + 1, cid_of(bob));
    forge(there, hint, strlen(hint));
    snprintf(hint, sizeof(hint), "leave %s %" PRIu64 " x %" PRIu64 " 99", epoch(), tick() + 2,
             cid_of(bob));
    forge(there, hint, strlen(hint));
    snprintf(hint, sizeof(hint), "leave %s %" PRIu64 " x %" PRIu64 " 99", epoch(), tick() + 3,
             cid_of(ann));
    forge(there, hint, strlen(hint));
    pass(4000);
    CHECK_EQ_INT(bob->code, 0);
    json_t *message;
    while ((message = conn_next(bob, "peer"))) {
        CHECK(json_is_true(json_object_get(message, "on")));
        json_decref(message);
    }
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"B\"],11]}");
    expect(bob, "ack");
    end();
}

static void a_forged_cursor_is_clamped_and_moves_no_local_one(void)
{
    two_readers();
    char hint[500];
    snprintf(hint, sizeof(hint),
             "presence %s 0 x 0 0\n{\"t\":\"cursor\",\"f\":1,\"v\":0,\"by\":%" PRIu64
             ",\"sel\":[999,999]}\n{\"t\":\"cursor\",\"f\":1,\"v\":0,\"by\":%" PRIu64
             ",\"sel\":[3,3]}\nrubbish\n{\"t\":\"cursor\",\"f\":1,\"v\":0,\"by\":5,\"sel\":[3,3]}",
             epoch(), cid_of(ann), cid_of(bob));
    forge(there, hint, strlen(hint));
    pass(200);
    json_t *cursor = expect(bob, "cursor");
    CHECK(number(cursor, "by") == (json_int_t)cid_of(ann));
    CHECK_EQ_STR(field(cursor, "sel"), "[11,11]");
    CHECK(!conn_next(bob, "cursor"));
    CHECK_EQ_INT(room_of(there)->moved.tqh_first != NULL, 0);
    end();
}

/* Hints as they are, with bytes changed, cut out and put in; and nothing that ever was one. */
static void whatever_is_said_on_the_channel_no_text_changes(void)
{
    enum { HINTS = 200, TRIES = 20000 };
    static char *said[HINTS];
    static size_t lens[HINTS];
    size_t count = 0;
    two_readers();
    there->is_stalled = true;
    for (int i = 0; i < 12; i++) {
        char text[200];
        snprintf(text, sizeof(text),
                 "{\"t\":\"edit\",\"f\":1,\"v\":%d,\"n\":%d,\"c\":[[0,\"A\"],%d]}", i, i + 1,
                 11 + i);
        say(ann, text);
        snprintf(text, sizeof(text), "{\"t\":\"create\",\"path\":\"f%d\"}", i);
        say(ann, text);
        cut(join(here, "Eve"));
    }
    for (; count < HINTS && count < there->hint_count; count++) {
        lens[count] = there->hints[count].len;
        said[count] = mem_strndup(there->hints[count].data, lens[count]);
    }
    there->is_stalled = false;
    rooms_settle();
    pass(3000);
    char *text = mem_strdup(text_at(here, 1));
    uint64_t seed = check_seed();
    for (int i = 0; i < TRIES; i++) {
        size_t at = check_random(&seed) % count, len = lens[at];
        char *bad = mem_strndup(said[at], len);
        for (uint64_t k = check_random(&seed) % 4; k-- && len;)
            bad[check_random(&seed) % len] = (char)check_random(&seed);
        if (check_random(&seed) % 4 == 0)
            len = check_random(&seed) % (len + 1);
        const struct bus_sink *sink = &there->bus.sink;
        sink->received(sink->owner, "demo", bad, len);
        if (i % 100 == 0)
            pass(50);
        free(bad);
    }
    pass(5000);
    CHECK_EQ_STR(text_at(there, 1), text);
    CHECK_EQ_INT(version_at(there, 1), 12);
    CHECK_EQ_INT(bob->code, 0);
    CHECK_EQ_INT(room_of(there)->e, 12);
    CHECK_EQ_INT(room_of(there)->remote_count, 1);
    free(text);
    while (count--)
        free(said[count]);
    end();
}

static void forge_event(uint64_t e)
{
    char hint[200];
    snprintf(hint, sizeof hint, "event %s 0 x %" PRIu64 " 0", epoch(), e);
    forge(there, hint, strlen(hint));
}

static void a_flood_costs_few_reads_of_events(void)
{
    two_readers();
    for (int is_late = 0; is_late < 2; is_late++) {
        uint64_t reads = there->calls[MODEL_EVENTS];
        for (int ticks = 0; ticks < 20; ticks++) {
            there->late = is_late ? OP(EVENTS) : 0;
            for (uint64_t i = 0; i < 50; i++)
                forge_event(9 + i);
            there->late = 0;
            pass(50);
        }
        CHECK(there->calls[MODEL_EVENTS] - reads >= 20);
        CHECK(there->calls[MODEL_EVENTS] - reads <= 41);
    }
    CHECK_EQ_INT(bob->code, 0);
    end();
}

static void create(int i)
{
    char text[100];
    snprintf(text, sizeof text, "{\"t\":\"create\",\"path\":\"f%d\"}", i);
    say(ann, text);
}

/* As of edits: what comes while events are read is read right behind them. */
static void events_wait_for_nothing(void)
{
    two_readers();
    there->held = OP(POLL);
    for (int e = 0; e < 30; e += 3) {
        there->is_deaf = true;
        create(e);
        there->is_deaf = false;
        there->late = OP(EVENTS);
        create(e + 1);
        create(e + 2);
        there->late = 0;
        rooms_settle();
        CHECK_EQ_INT(room_of(there)->e, e + 3);
    }
    end();
}

static void an_event_that_a_flood_hides_is_read_within_a_tick(void)
{
    two_readers();
    for (int e = 0; e < 20; e++) {
        rooms_settle();
        forge_event(1000);
        create(e);
        pass(100);
        CHECK_EQ_INT(room_of(there)->e, e + 1);
    }
    end();
}

/* ---- events that are passed on, and what jobs print ---- */

/* As the scripts of jobs do it: into the log, and told to everybody by "-". */
static void log_event(const char *text)
{
    struct model_project *project = model_find(&rooms.model, "demo");
    REQUIRE(project->event_count < project->event_room);
    project->events[project->event_count++] = blob_new(text, strlen(text));
    project->e++;
    project->tick++;
}

static void drop_event(void)
{
    struct model_project *project = model_find(&rooms.model, "demo");
    blob_unref(project->events[--project->event_count]);
}

static void what_is_no_change_of_the_tree_is_passed_on(void)
{
    two_readers();
    say(ann, "{\"t\":\"create\",\"path\":\"b\"}");
    json_array_clear(bob->inbox);
    json_array_clear(ann->inbox);
    log_event("{\"t\":\"job\",\"e\":2,\"job\":\"j1\",\"state\":\"queued\"}");
    char hint[200];
    snprintf(hint, sizeof hint, "event %s %" PRIu64 " - 2 0", epoch(), tick());
    forge(there, hint, strlen(hint));
    forge(here, hint, strlen(hint));
    forge(here, hint, strlen(hint));
    CHECK_EQ_STR(string(expect(bob, "job"), "state"), "queued");
    CHECK_EQ_STR(string(expect(ann, "job"), "job"), "j1");
    quiet(ann);
    CHECK_EQ_INT(room_of(here)->e, 2);
    struct conn *late = join(there, "Late");
    CHECK_EQ_INT(number(expect(late, "welcome"), "e"), 2);
    drop_event();
    end();
}

static void what_a_job_prints_is_passed_on_if_it_is_that(void)
{
    two_readers();
    static const char two[] = "{\"t\":\"job\",\"job\":\"j1\",\"i\":0,\"out\":\"gcc\"}\n"
                              "{\"t\":\"job\",\"job\":\"j1\",\"i\":1,\"out\":\"done\"}";
    static const char *const bodies[] = {
        two, "{\"t\":\"fs\",\"e\":9,\"op\":\"delete\",\"f\":1,\"path\":\"main.c\"}",
        "{\"t\":\"job\",\"e\":9,\"job\":\"j1\",\"state\":\"done\"}", "not json", ""};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char hint[600];
        snprintf(hint, sizeof hint, "output %s 0 - 0 0\n%s", epoch(), bodies[i]);
        forge(there, hint, strlen(hint));
    }
    CHECK_EQ_STR(string(expect(bob, "job"), "out"), "gcc");
    CHECK_EQ_STR(string(expect(bob, "job"), "out"), "done");
    quiet(bob);
    CHECK_EQ_INT(room_of(there)->e, 0);
    end();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(no_text_changes_by_a_forged_hint);
    RUN(a_seal_holds_for_its_own_entries_only);
    RUN(what_does_not_fit_is_read_from_the_log);
    RUN(a_forged_tick_hides_nothing);
    RUN(a_flood_costs_few_polls);
    RUN(a_flood_costs_few_reads);
    RUN(a_gap_is_read_at_once);
    RUN(what_a_flood_hides_is_read_within_a_tick);
    RUN(the_tree_does_not_change_by_a_forged_hint);
    RUN(a_flood_costs_few_reads_of_events);
    RUN(events_wait_for_nothing);
    RUN(an_event_that_a_flood_hides_is_read_within_a_tick);
    RUN(a_forged_person_is_gone_within_seconds);
    RUN(a_forged_generation_hides_nobody);
    RUN(nobody_is_sent_away_by_a_forged_hint);
    RUN(a_forged_cursor_is_clamped_and_moves_no_local_one);
    RUN(whatever_is_said_on_the_channel_no_text_changes);
    RUN(what_is_no_change_of_the_tree_is_passed_on);
    RUN(what_a_job_prints_is_passed_on_if_it_is_that);
    return check_finish();
}
