/*
 * What states that many instances share must do beyond test_state_port.c and test_state_load.c:
 * people, hints, polls, requests that come twice, checkpoints, saving and unloading.
 */
#include "check.h"
#include "shared_world.h"

/* ---- people ---- */

static void people_are_shown_everywhere(void)
{
    struct probe *first = begin_plain(), *second = second_of(first);
    CHECK_EQ_INT(probe_hello(second, BOB, 0, 31), STATE_OK);
    CHECK_EQ_INT(second->got.people_count, 2);
    const struct state_person *ann = person(second, ANN), *bob = person(second, BOB);
    REQUIRE(ann && bob);
    CHECK(strcmp(ann->inst, bob->inst) != 0);
    CHECK_EQ_STR(ann->name, "Ann \"Q\" \xe2\x98\x83");
    CHECK_EQ_STR(ann->user, "u1");
    CHECK_EQ_INT(ann->color, 3);
    CHECK_EQ_INT(ann->k, 1);
    uint64_t rev = second->got.people_rev, tick = second->got.tick;
    CHECK_EQ_INT(probe_poll(first, tick, rev, NULL, 0), STATE_OK);
    CHECK(!first->got.has_people);

    probe_leave(second, BOB, 7); /* not this one */
    CHECK_EQ_INT(probe_poll(second, tick, rev, NULL, 0), STATE_OK);
    CHECK(!second->got.has_people);
    probe_leave(second, BOB, 1);
    probe_leave(second, BOB, 1);
    CHECK_EQ_INT(probe_poll(second, tick, rev, NULL, 0), STATE_OK);
    CHECK(second->got.has_people && person(second, ANN) && !person(second, BOB));
    CHECK_EQ_INT(second->got.tick, tick + 1);
}

static void the_same_hello_is_no_straggler(void)
{
    struct probe *probe = begin_plain();
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 11), STATE_OK);
    CHECK_EQ_INT(probe->got.k, 1);
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 12), STATE_STRAGGLER);
    CHECK_EQ_INT(probe_hello(probe, ANN, 0, 13), STATE_OK);
    CHECK_EQ_INT(probe->got.k, 2);
    uint64_t tick = probe->got.tick;
    CHECK_EQ_INT(probe_hello(probe, ANN, 0, 13), STATE_OK);
    CHECK_EQ_INT(probe->got.k, 2);
    CHECK_EQ_INT(probe->got.tick, tick);
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 11), STATE_STRAGGLER); /* late */
}

static void a_lease_that_ends_takes_its_person_along(void)
{
    struct probe *first = begin(&(struct backend_options){.lease_ms = 400});
    struct probe *second = second_of(first);
    CHECK_EQ_INT(probe_hello(second, BOB, 0, 31), STATE_OK);
    uint64_t rev = second->got.people_rev;
    /* ANN is renewed, BOB is not. */
    UNTIL((probe_renew(first, ANN, 1), probe_poll(first, 0, rev, NULL, 0)) == STATE_OK &&
          first->got.has_people);
    CHECK(person(first, ANN) && !person(first, BOB));
    rev = first->got.people_rev;
    /* Whose instance only slept is back with the next one; an older connection is not. */
    probe_renew(second, BOB, 7);
    CHECK_EQ_INT(probe_poll(second, 0, rev, NULL, 0), STATE_OK);
    CHECK(!second->got.has_people);
    probe_renew(second, BOB, 1);
    CHECK_EQ_INT(probe_poll(second, 0, rev, NULL, 0), STATE_OK);
    REQUIRE(second->got.has_people && person(second, BOB));
    CHECK_EQ_STR(person(second, BOB)->name, "Ann \"Q\" \xe2\x98\x83");
    probe_leave(second, BOB, 1);
    probe_renew(second, BOB, 1);
    CHECK_EQ_INT(probe_poll(second, 0, 0, NULL, 0), STATE_OK);
    CHECK(!person(second, BOB));
}

static void whose_lease_has_ended_is_not_here(void)
{
    struct probe *probe = begin(&(struct backend_options){.lease_ms = 100});
    UNTIL(probe_ask_dirty(probe, 10) == STATE_OK && probe->got.members == 0);
    CHECK_EQ_INT(probe_poll(probe, 0, 0, NULL, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.people_count, 0);
}

/* ---- hints and polls ---- */

/* The last hint of a kind, which must be there, taken apart. */
static struct hint heard(const struct ear *ear, const char *kind)
{
    struct hint hint = {.body = ""};
    UNTIL(ear_find(ear, kind) != NULL);
    const char *text = ear_find(ear, kind);
    REQUIRE(text && hint_parse(text, strlen(text), &hint));
    return hint;
}

static void every_change_is_told_with_the_next_tick(void)
{
    struct probe *first = begin_plain(), *second = second_of(first);
    struct ear ear;
    ear_open(&ear, backend->bus(1), "demo");
    UNTIL(ear.is_joined);
    CHECK_EQ_INT(probe_poll(first, 0, 0, NULL, 0), STATE_OK);
    uint64_t tick = first->got.tick;

    struct state_entry entry = probe_entry(1, 1, ANN, 1, 1, 4, 4, "x");
    struct state_ticket ticket = probe_ticket(first);
    struct state_append append = {.f = 1,
                                  .expect = 0,
                                  .utf16_delta = 1,
                                  .entries = &entry,
                                  .count = 1,
                                  .seal = "AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_123"};
    first->state->ops->append(first->state, &ticket, &append);
    probe_expect(first);
    struct hint hint = heard(&ear, "edits");
    CHECK_EQ_INT(hint.tick, tick + 1);
    CHECK_EQ_INT(hint.a, 1);
    CHECK_EQ_INT(hint.b, 1);
    CHECK_EQ_STR(hint.epoch, first->epoch);
    CHECK_EQ_STR(hint.seal, append.seal);
    CHECK(hint.len == entry.message->len && memcmp(hint.body, entry.message->data, hint.len) == 0);
    blob_unref(entry.message);

    CHECK_EQ_INT(probe_hello(second, BOB, 0, 31), STATE_OK);
    hint = heard(&ear, "join");
    CHECK_EQ_INT(hint.tick, tick + 2);
    CHECK_EQ_INT(hint.a, BOB);
    CHECK_EQ_INT(hint.b, 1);
    CHECK_EQ_STR(hint.body, "[\"u1\",\"Ann \\\"Q\\\" \xe2\x98\x83\",3]");
    CHECK_EQ_INT(probe_new_file(second, "x.txt", "caf\xc3\xa9"), STATE_OK);
    hint = heard(&ear, "event");
    CHECK_EQ_INT(hint.tick, tick + 3);
    CHECK_EQ_INT(hint.a, 1);
    CHECK_EQ_STR(
        hint.body,
        "{\"t\":\"fs\",\"e\":1,\"by\":5,\"op\":\"create\",\"f\":3,\"path\":\"x.txt\",\"len\":4}");
    CHECK_EQ_INT(probe_tell_saved(second, 1, 2, 1), STATE_OK);
    hint = heard(&ear, "saved");
    CHECK_EQ_INT(hint.tick, tick + 4);
    CHECK_EQ_STR(hint.body, "{\"t\":\"saved\",\"files\":[[1,1]],\"ts\":1730000000000}");
    probe_leave(second, BOB, 1);
    hint = heard(&ear, "leave");
    CHECK_EQ_INT(hint.tick, tick + 5);
    CHECK_EQ_INT(hint.a, BOB);
    CHECK_EQ_INT(probe_checkpoint(second, 1, 1, "basex"), STATE_OK);
    CHECK_EQ_INT(probe_poll(second, 0, 0, NULL, 0), STATE_OK);
    CHECK_EQ_INT(second->got.tick, tick + 5); /* a checkpoint changes nothing */
    ear_close(&ear, "demo");
}

static void too_much_is_told_without_its_content(void)
{
    struct probe *probe = begin_plain();
    struct ear ear;
    ear_open(&ear, backend->bus(0), "demo");
    UNTIL(ear.is_joined);
    char *text = mem_alloc(HINT_BODY_MAX + 1);
    memset(text, 'x', HINT_BODY_MAX);
    text[HINT_BODY_MAX] = '\0';
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, text), STATE_OK);
    struct hint hint = heard(&ear, "edits");
    CHECK_EQ_INT(hint.b, 1);
    CHECK_EQ_INT(hint.len, 0);
    CHECK_EQ_INT(probe_read(probe, 1, false, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, 1);
    free(text);
    ear_close(&ear, "demo");
}

static void a_poll_tells_what_has_moved(void)
{
    struct probe *probe = begin_plain();
    const uint64_t files[] = {1, 2, 99};
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 2, 1), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 1, ANN, 2, 1, 5, "x"), STATE_OK);
    CHECK_EQ_INT(probe_delete(probe, 2, NULL), STATE_OK);
    CHECK_EQ_INT(probe_poll(probe, 0, 0, files, 3), STATE_OK);
    CHECK_EQ_INT(probe->got.e, 1);
    REQUIRE(probe->got.mark_count == 3);
    CHECK_EQ_INT(probe->got.marks[0].f, 1);
    CHECK_EQ_INT(probe->got.marks[0].version, 2);
    CHECK_EQ_INT(probe->got.marks[0].saved_version, 1);
    CHECK(probe->got.marks[1].version == UINT64_MAX && probe->got.marks[2].version == UINT64_MAX);
    CHECK_EQ_INT(probe_poll(probe, probe->got.tick, 0, files, 3), STATE_OK);
    CHECK_EQ_INT(probe->got.mark_count, 0);
}

#define CASES(X)                                                                                   \
    X(people_are_shown_everywhere)                                                                 \
    X(the_same_hello_is_no_straggler)                                                              \
    X(a_lease_that_ends_takes_its_person_along)                                                    \
    X(whose_lease_has_ended_is_not_here)                                                           \
    X(every_change_is_told_with_the_next_tick)                                                     \
    X(too_much_is_told_without_its_content)                                                        \
    X(a_poll_tells_what_has_moved)

int main(int argc, char **argv)
{
    check_init(argc, argv);
    return RUN_SHARED(CASES);
}
