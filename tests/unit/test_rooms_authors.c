/* Whose numbers the replicas of a file that stays open remember, and what happens where an edit
 * comes of somebody whom they have forgotten. */
#include "rooms_world.h"

#define RESUME_MS 5000u
#define FORGOTTEN_MS (RESUME_MS + 60000u + 1000u) /* at the latest, after the last trace */
#define HISTORY 10u

static int length;

static void begin_short(void)
{
    begin();
    here->registry->config.limits.history = there->registry->config.limits.history = HISTORY;
    here->registry->config.dead_after_ms = there->registry->config.dead_after_ms = 1000000;
    length = 11;
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    say(ann, "{\"t\":\"open\",\"f\":1}");
    say(bob, "{\"t\":\"open\",\"f\":1}");
}

static size_t author_count(struct instance *instance)
{
    return room_file(room_of(instance), 1)->authors.count;
}

static bool is_known(struct instance *instance, uint64_t cid)
{
    return map_find(&room_file(room_of(instance), 1)->authors, cid) != NULL;
}

static void edit(struct conn *conn, int n)
{
    char text[120];
    snprintf(text, sizeof text, "{\"t\":\"edit\",\"f\":1,\"v\":%d,\"n\":%d,\"c\":[[0,\"A\"],%d]}",
             length - 11, n, length);
    say(conn, text);
    length = (int)strlen(text_at(here, 1));
}

/* A stranger who comes, types once and goes. Returns its cid. */
static uint64_t write_once(struct instance *at)
{
    struct conn *conn = join(at, "Eve");
    uint64_t cid = conn->session->cid;
    say(conn, "{\"t\":\"open\",\"f\":1}");
    edit(conn, 1);
    cut(conn);
    rooms_settle();
    return cid;
}

static void forget_soon(struct instance *instance)
{
    instance->registry->config.resume_ms = RESUME_MS;
}

static void who_cannot_come_back_is_forgotten(void)
{
    enum { STRANGERS = 40 };
    begin_short();
    forget_soon(here);
    forget_soon(there);
    for (int i = 0; i < STRANGERS; i++)
        write_once(i % 2 ? here : there);
    CHECK(author_count(here) >= STRANGERS);
    CHECK(author_count(there) >= STRANGERS);
    pass(FORGOTTEN_MS + 3000); /* they are people of the room for a while */
    CHECK(author_count(here) <= HISTORY + 2);
    CHECK(author_count(there) <= HISTORY + 2);
    CHECK_EQ_INT(strlen(text_at(there, 1)), 11 + STRANGERS);
    end();
}

static void who_may_come_back_is_remembered(void)
{
    begin_short();
    uint64_t eve = write_once(there);
    forget_soon(there);
    for (unsigned i = 0; i <= HISTORY; i++)
        write_once(here);
    pass(RESUME_MS + 50000);
    CHECK(is_known(there, eve));
    pass(60000);
    CHECK(!is_known(there, eve));
    CHECK(is_known(here, eve)); /* where a day is a day */
    end();
}

/* However long ago it typed; and the time runs from when it went. */
static void who_is_here_is_remembered(void)
{
    begin_short();
    forget_soon(there);
    edit(ann, 1);
    edit(bob, 1);
    uint64_t cids[] = {ann->session->cid, bob->session->cid};
    for (unsigned i = 0; i <= HISTORY; i++)
        write_once(here);
    pass(3 * FORGOTTEN_MS);
    CHECK(is_known(there, cids[0]));
    CHECK(is_known(there, cids[1]));
    join(there, "Carl");
    pass(40000);
    cut(bob);
    pass(RESUME_MS + 50000);
    CHECK(is_known(there, cids[1]));
    pass(2 * FORGOTTEN_MS);
    CHECK(!is_known(there, cids[1]));
    CHECK(is_known(there, cids[0]));
    end();
}

/* It comes back to an instance that has forgotten it, and says again what it said: the state knows,
 * and what is new is taken. */
static void what_is_in_already_is_not_taken_from_who_was_forgotten(void)
{
    char resume[300];
    begin_short();
    forget_soon(there);
    struct conn *eve = join(here, "Eve");
    snprintf(resume, sizeof resume, "%s", string(expect(eve, "welcome"), "resume"));
    say(eve, "{\"t\":\"open\",\"f\":1}");
    edit(eve, 1);
    edit(eve, 2);
    uint64_t cid = eve->session->cid;
    cut(eve);
    for (unsigned i = 0; i <= HISTORY; i++)
        write_once(here);
    pass(FORGOTTEN_MS + 3000);
    CHECK(!is_known(there, cid));
    size_t had = strlen(text_at(there, 1));
    eve = come_back(there, resume, 2);
    CHECK_EQ_INT((uint64_t)eve->session->cid, cid);
    say(eve, "{\"t\":\"open\",\"f\":1}");
    edit(eve, 1);
    edit(eve, 2);
    CHECK_EQ_INT(strlen(text_at(there, 1)), had);
    CHECK_EQ_INT(strlen(text_at(here, 1)), had);
    edit(eve, 3);
    CHECK_EQ_INT(number(expect(eve, "ack"), "n"), 3);
    CHECK_EQ_INT(strlen(text_at(here, 1)), had + 1);
    CHECK_EQ_INT(eve->code, 0);
    end();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(who_cannot_come_back_is_forgotten);
    RUN(who_may_come_back_is_remembered);
    RUN(who_is_here_is_remembered);
    RUN(what_is_in_already_is_not_taken_from_who_was_forgotten);
    return check_finish();
}
