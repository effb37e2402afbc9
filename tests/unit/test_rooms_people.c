/* People of one room on two instances: who is here, whose connection is the newest, cursors; and
 * what they are told while the state is away. */
#include "rooms_world.h"

static uint64_t cid_of(const struct conn *conn)
{
    return conn->session->cid;
}

static bool is_on(const json_t *message)
{
    const json_t *on = json_object_get(message, "on");
    return json_is_true(on);
}

static void keep_resume(struct conn *conn, char resume[300])
{
    snprintf(resume, 300, "%s", string(expect(conn, "welcome"), "resume"));
}

static void who_comes_is_told_of_all_and_they_of_him(void)
{
    two_readers();
    struct conn *carl = join(there, "Carl");
    json_t *welcome = expect(carl, "welcome");
    CHECK_EQ_INT(json_array_size(json_object_get(welcome, "peers")), 2);
    pass(100);
    json_t *peer = expect(ann, "peer");
    CHECK_EQ_STR(string(peer, "name"), "Carl");
    CHECK_EQ_STR(string(expect(bob, "peer"), "name"), "Carl");
    quiet(ann);
    end();
}

static void the_first_of_an_instance_finds_the_people_of_the_others(void)
{
    begin();
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    json_t *peers = json_object_get(expect(bob, "welcome"), "peers");
    REQUIRE(json_array_size(peers) == 1);
    CHECK_EQ_STR(string(json_array_get(peers, 0), "name"), "Ann");
    end();
}

static void a_leave_is_told_everywhere_after_a_while(void)
{
    two_readers();
    struct conn *carl = join(here, "Carl");
    pass(100);
    json_array_clear(bob->inbox);
    cut(carl);
    rooms_settle();
    pass(1900);
    quiet(bob);
    pass(300);
    CHECK(!is_on(expect(bob, "peer")));
    end();
}

static void who_moves_to_another_instance_was_never_away(void)
{
    two_readers();
    char resume[300];
    struct conn *carl = join(here, "Back");
    keep_resume(carl, resume);
    pass(100);
    json_array_clear(ann->inbox);
    json_array_clear(bob->inbox);
    cut(carl);
    rooms_settle();
    pass(500);
    carl = come_back(there, resume, 2);
    expect(carl, "welcome");
    pass(5000);
    quiet(ann);
    quiet(bob);
    CHECK_EQ_INT(room_of(here)->remote_count, 2);
    end();
}

static void of_two_connections_of_one_cid_the_newer_stays(void)
{
    two_readers();
    char resume[300];
    struct conn *carl = join(here, "Back");
    keep_resume(carl, resume);
    struct conn *newer = come_back(there, resume, 2);
    pass(100);
    CHECK_EQ_INT(carl->code, 4409);
    CHECK_EQ_INT(newer->code, 0);
    pass(4000);
    CHECK_EQ_INT(newer->code, 0);
    CHECK_EQ_INT(room_of(here)->remote_count, 2);
    json_array_clear(ann->inbox);
    say(newer, "{\"t\":\"open\",\"f\":1}");
    say(newer, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"C\"],11]}");
    expect(newer, "ack");
    expect(ann, "edit");
    end();
}

/* Even where the hint of it is lost. */
static void the_older_one_ends_by_a_poll(void)
{
    two_readers();
    char resume[300];
    struct conn *carl = join(here, "Back");
    keep_resume(carl, resume);
    here->is_deaf = true;
    come_back(there, resume, 2);
    CHECK_EQ_INT(carl->code, 0);
    pass(1200);
    CHECK_EQ_INT(carl->code, 4409);
    end();
}

static void people_of_a_silent_instance_vanish_with_their_leases(void)
{
    two_readers();
    here->held = ~0u; /* it hangs */
    here->is_stalled = true;
    for (int ms = 0; ms < 8000; ms += 50) {
        rooms.now += 50;
        registry_tick(there->registry, rooms.now, rooms.now);
        rooms_settle();
    }
    quiet(bob);
    for (int ms = 0; ms < 7000; ms += 50) {
        rooms.now += 50;
        registry_tick(there->registry, rooms.now, rooms.now);
        rooms_settle();
    }
    json_t *peer = expect(bob, "peer");
    CHECK(number(peer, "by") == (json_int_t)cid_of(ann));
    CHECK(!is_on(peer));
    here->is_deaf = true;
    end();
}

static void leases_are_renewed(void)
{
    two_readers();
    pass(40000);
    quiet(bob);
    quiet(ann);
    CHECK_EQ_INT(here->calls[MODEL_RENEW], 14);
    end();
}

/* ---- cursors ---- */

static void a_cursor_is_seen_on_the_other_instance_in_its_text(void)
{
    two_readers();
    here->is_stalled = true;
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"BBB\"],11]}");
    say(ann, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[4,6]}");
    pass(200);
    json_t *cursor = expect(bob, "cursor");
    CHECK_EQ_STR(field(cursor, "sel"), "[7,9]");
    CHECK_EQ_INT(number(cursor, "v"), 1);
    CHECK(number(cursor, "by") == (json_int_t)cid_of(ann));
    end();
}

static void cursors_of_a_tick_are_one_hint(void)
{
    two_readers();
    struct conn *more[10];
    for (int i = 0; i < 10; i++) {
        more[i] = join(here, "More");
        say(more[i], "{\"t\":\"open\",\"f\":1}");
    }
    pass(200);
    uint64_t published = here->published;
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 10; i++)
            tell(more[i], "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[1,1]}");
    pass(200);
    CHECK_EQ_INT(here->published, published + 1);
    for (int i = 0; i < 10; i++)
        expect(bob, "cursor");
    CHECK(!conn_next(bob, "cursor"));
    end();
}

static void cursors_are_not_published_where_nobody_else_is(void)
{
    begin();
    ann = join(here, "Ann");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(ann, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[1,1]}");
    pass(300);
    CHECK_EQ_INT(here->published, 0);
    end();
}

/* Its author had seen an edit that is not here yet. */
static void a_cursor_that_is_ahead_waits_for_its_version(void)
{
    two_readers();
    there->held = OP(READ) | OP(POLL);
    there->is_deaf = true;
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"AAA\"],11]}");
    there->is_deaf = false;
    say(ann, "{\"t\":\"cursor\",\"f\":1,\"v\":1,\"sel\":[14,14]}");
    pass(300);
    CHECK(!conn_next(bob, "cursor"));
    there->held = 0;
    pass(300);
    json_t *edit = expect(bob, "edit");
    CHECK_EQ_INT(number(edit, "v"), 1);
    CHECK_EQ_STR(field(expect(bob, "cursor"), "sel"), "[14,14]");
    end();
}

/* The selection that rode on an edit is where the author stands for whoever opens the file later.
 */
static void who_opens_later_sees_where_the_others_stand(void)
{
    two_readers();
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11],\"sel\":[1,1]}");
    pass(200);
    struct conn *carl = join(there, "Carl");
    say(carl, "{\"t\":\"open\",\"f\":1}");
    pass(100);
    json_t *cursor = expect(carl, "cursor");
    CHECK_EQ_STR(field(cursor, "sel"), "[1,1]");
    CHECK(number(cursor, "by") == (json_int_t)cid_of(ann));
    end();
}

static void an_instance_that_comes_is_shown_the_cursors(void)
{
    begin();
    ann = join(here, "Ann");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(ann, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[2,2]}");
    pass(500);
    bob = join(there, "Bob");
    say(bob, "{\"t\":\"open\",\"f\":1}");
    pass(500);
    CHECK_EQ_STR(field(expect(bob, "cursor"), "sel"), "[2,2]");
    end();
}

static void that_somebody_is_in_a_file_is_known_where_nobody_has_it_open(void)
{
    begin();
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(ann, "{\"t\":\"cursor\",\"f\":1,\"v\":0,\"sel\":[2,2]}");
    pass(500);
    CHECK_EQ_INT(number(expect(bob, "cursor"), "f"), 1);
    end();
}

/* ---- the state is away ---- */

static void link_is(struct instance *instance, bool is_up)
{
    instance->dropped = is_up ? 0 : ~0u;
    instance->state.port.sink.link(instance->state.port.sink.owner, is_up);
    rooms_settle();
}

static void people_are_told_once_that_the_state_is_away(void)
{
    two_readers();
    link_is(here, false);
    pass(900);
    quiet(ann);
    pass(300);
    CHECK(is_on(expect(ann, "degraded")));
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    pass(5000);
    quiet(ann);
    link_is(here, true);
    CHECK(!is_on(expect(ann, "degraded")));
    CHECK_EQ_INT(number(expect(ann, "ack"), "v"), 1);
    pass(1000);
    quiet(ann);
    CHECK(!conn_next(bob, "degraded"));
    end();
}

static void a_link_that_is_back_at_once_is_nobodys_business(void)
{
    two_readers();
    link_is(here, false);
    pass(900);
    link_is(here, true);
    pass(2000);
    quiet(ann);
    end();
}

/* What was published meanwhile did not come. */
static void what_was_missed_is_read_when_the_link_is_back(void)
{
    two_readers();
    link_is(there, false);
    there->is_deaf = true;
    say(ann, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    pass(500);
    there->is_deaf = false;
    rooms.now += 60; /* no tick between */
    rooms_settle();
    link_is(there, true);
    CHECK_EQ_INT(number(expect(bob, "edit"), "v"), 1);
    end();
}

static void after_a_while_everybody_is_sent_away(void)
{
    two_readers();
    link_is(here, false);
    pass(19500);
    CHECK_EQ_INT(ann->code, 0);
    pass(600);
    CHECK_EQ_INT(ann->code, 4503);
    CHECK_EQ_INT(bob->code, 0);
    CHECK_EQ_INT(registry_counts(here->registry)->degraded_closed, 1);
    end();
}

/* As if the project had been unloaded and loaded again while this process stood still. */
static void forget_person(uint64_t cid)
{
    struct model_project *project = model_find(&rooms.model, "demo");
    for (struct model_person **at = &project->people; *at; at = &(*at)->next) {
        if ((*at)->cid == cid) {
            *at = (*at)->next;
            break;
        }
    }
    project->people_rev++;
    project->tick++;
}

static void whom_the_state_does_not_know_comes_back(void)
{
    two_readers();
    char resume[300];
    struct conn *carl = join(here, "Carl");
    keep_resume(carl, resume);
    forget_person(cid_of(carl));
    pass(6000);
    CHECK_EQ_INT(carl->code, 0);
    pass(4000);
    CHECK_EQ_INT(carl->code, 4503);
    CHECK_EQ_INT(ann->code, 0);
    carl = come_back(here, resume, 2);
    expect(carl, "welcome");
    pass(15000);
    CHECK_EQ_INT(carl->code, 0);
    end();
}

/* A lease that ended while the process stood still is back with the next renewal. */
static void who_only_stood_still_stays(void)
{
    two_readers();
    here->held = OP(RENEW);
    pass(12000);
    CHECK_EQ_INT(room_of(there)->remote_count, 0);
    here->held = 0;
    pass(15000);
    CHECK_EQ_INT(ann->code, 0);
    CHECK_EQ_INT(room_of(there)->remote_count, 1);
    end();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(who_comes_is_told_of_all_and_they_of_him);
    RUN(the_first_of_an_instance_finds_the_people_of_the_others);
    RUN(a_leave_is_told_everywhere_after_a_while);
    RUN(who_moves_to_another_instance_was_never_away);
    RUN(of_two_connections_of_one_cid_the_newer_stays);
    RUN(the_older_one_ends_by_a_poll);
    RUN(people_of_a_silent_instance_vanish_with_their_leases);
    RUN(leases_are_renewed);
    RUN(a_cursor_is_seen_on_the_other_instance_in_its_text);
    RUN(cursors_of_a_tick_are_one_hint);
    RUN(cursors_are_not_published_where_nobody_else_is);
    RUN(a_cursor_that_is_ahead_waits_for_its_version);
    RUN(who_opens_later_sees_where_the_others_stand);
    RUN(an_instance_that_comes_is_shown_the_cursors);
    RUN(that_somebody_is_in_a_file_is_known_where_nobody_has_it_open);
    RUN(people_are_told_once_that_the_state_is_away);
    RUN(a_link_that_is_back_at_once_is_nobodys_business);
    RUN(what_was_missed_is_read_when_the_link_is_back);
    RUN(after_a_while_everybody_is_sent_away);
    RUN(whom_the_state_does_not_know_comes_back);
    RUN(who_only_stood_still_stays);
    return check_finish();
}
