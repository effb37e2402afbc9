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

static void who_was_not_shown_for_a_while_is_told_to_be_back(void)
{
    struct probe *probe = begin(&(struct backend_options){.lease_ms = 100});
    UNTIL(probe_poll(probe, 0, 0, NULL, 0) == STATE_OK && probe->got.people_count == 0);
    uint64_t rev = probe->got.people_rev;
    probe_renew(probe, ANN, 1);
    CHECK_EQ_INT(probe_poll(probe, 0, rev, NULL, 0), STATE_OK);
    CHECK(probe->got.has_people);
    UNTIL(probe_poll(probe, 0, 0, NULL, 0) == STATE_OK && probe->got.people_count == 0);
    rev = probe->got.people_rev;
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 11), STATE_OK); /* its reply was lost */
    CHECK_EQ_INT(probe_poll(probe, 0, rev, NULL, 0), STATE_OK);
    CHECK(probe->got.has_people);
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

/* ---- requests that come twice ---- */

static void a_tree_request_that_comes_twice_is_done_once(void)
{
    struct probe *first = begin_plain(), *second = second_of(first);
    struct state_tree create = {.op = TREE_CREATE,
                                .by = ANN,
                                .nonce = 7,
                                .path = "a \"b\" c.txt",
                                .text = "x",
                                .eol = "\r\n",
                                .len = 1,
                                .files_max = 3};
    for (int i = 0; i < 2; i++) {
        struct probe *probe = i == 0 ? first : second; /* full now, and yet told */
        CHECK_EQ_INT(probe_tree(probe, &create), STATE_OK);
        CHECK_EQ_INT(probe->got.e, 1);
        REQUIRE(probe->got.entry_count == 1);
        CHECK_EQ_INT(probe->got.entries[0].f, 3);
        CHECK_EQ_INT(probe->got.entries[0].rev, 1);
        CHECK_EQ_STR(probe->got.entries[0].path, "a \"b\" c.txt");
    }
    create.files_max = 0;
    create.nonce = 8;
    CHECK_EQ_INT(probe_tree(first, &create), STATE_EXISTS);
    create.nonce = 7;
    create.by = BOB;
    CHECK_EQ_INT(probe_tree(first, &create), STATE_EXISTS);

    struct state_tree move = {
        .op = TREE_RENAME, .by = ANN, .nonce = 9, .from = "src/", .path = "lib/"};
    struct state_tree delete = {.op = TREE_DELETE, .by = 0, .nonce = 9, .f = 2};
    for (int i = 0; i < 2; i++) {
        CHECK_EQ_INT(probe_tree(second, &move), STATE_OK);
        CHECK(second->got.folder);
        CHECK_EQ_INT(second->got.e, 2);
        REQUIRE(second->got.entry_count == 1);
        CHECK_EQ_STR(second->got.entries[0].path, "lib/b.txt");
    }
    for (int i = 0; i < 2; i++) {
        CHECK_EQ_INT(probe_tree(first, &delete), STATE_OK);
        CHECK_EQ_INT(first->got.e, 3);
        CHECK(!first->got.folder);
    }
    CHECK_EQ_INT(probe_ask_events(first, 0), STATE_OK);
    REQUIRE(first->got.message_count == 3);
    CHECK_EQ_STR(first->got.messages[2], "{\"t\":\"fs\",\"e\":3,\"op\":\"delete\",\"f\":2,"
                                         "\"path\":\"lib/b.txt\"}");
}

static void an_append_that_comes_twice_is_done_once(void)
{
    struct probe *first = begin_plain(), *second = second_of(first);
    CHECK_EQ_INT(probe_append(first, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_append(first, 1, 0, ANN, 1, 1, 4, "x"), STATE_CONFLICT);
    CHECK_EQ_INT(first->got.message_count, 1); /* its own */
    CHECK_EQ_INT(probe_append(second, 1, 1, ANN, 1, 1, 5, "x"), STATE_SEEN);
    check_text(second, 1, "basex");
}

/* Two instances write without knowing of each other; replies are lost, and texts are checkpointed
 * at any time. Nothing is lost or doubled, and the log has no gap. */
static void two_instances_write_one_log(void)
{
    struct probe *probes[2] = {begin(&(struct backend_options){.history = 16})};
    uint64_t seed = check_seed(), versions[2] = {0, 0}, n[2] = {0, 0};
    size_t lost = 0, conflicts = 0;
    probes[1] = second_of(probes[0]);
    for (int i = 0; i < 400; i++) {
        size_t who = check_random(&seed) % 2;
        struct probe *probe = probes[who];
        const char *letter = who == 0 ? "a" : "b";
        enum state_result result;
        do {
            uint64_t v = versions[who];
            result = probe_append(probe, 1, v, 100 + who, n[who] + 1, 0, 4 + v, letter);
            versions[who] = probe->got.version;
            conflicts += result == STATE_CONFLICT;
            if (result == STATE_TRIMMED && probe_read(probe, 1, true, 0) == STATE_OK)
                versions[who] = probe->got.version;
        } while (result == STATE_CONFLICT || result == STATE_TRIMMED);
        CHECK_EQ_INT(result, STATE_OK);
        n[who]++;
        if (check_random(&seed) % 4 == 0) { /* and again, as if nothing had been heard */
            uint64_t v = versions[who];
            CHECK_EQ_INT(probe_append(probe, 1, v, 100 + who, n[who], 0, 4 + v, letter),
                         STATE_SEEN);
            lost++;
        }
        if (check_random(&seed) % 16 == 0) {
            char *text = probe_fold(probe, 1);
            probe_checkpoint(probe, 1, probe->got.version, text);
            free(text);
        }
    }
    CHECK(lost > 0 && conflicts > 0);
    char *text = probe_fold(probes[0], 1);
    size_t count[2] = {0, 0};
    for (const char *c = text; *c; c++)
        count[*c == 'b']++;
    CHECK_EQ_INT(count[1], n[1] + 1); /* of "base" */
    CHECK_EQ_INT(strlen(text), 4 + n[0] + n[1]);
    check_text(probes[1], 1, text);
    free(text);
}

/* ---- checkpoints ---- */

static void a_checkpoint_only_goes_forward(void)
{
    struct probe *probe = begin(&(struct backend_options){.history = 16});
    char text[64] = "base";
    for (uint64_t v = 0; v < 40; v++) {
        CHECK_EQ_INT(probe_append(probe, 1, v, ANN, v + 1, 1, 4 + v, "x"), STATE_OK);
        strcat(text, "x");
    }
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 0, "base"), STATE_STALE);
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 41, "?"), STATE_STALE);
    char part[64];
    snprintf(part, sizeof(part), "%.34s", text);
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 30, part), STATE_OK);
    CHECK_EQ_INT(probe->got.version, 30);
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 30, "?"), STATE_STALE);
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 29, "?"), STATE_STALE);
    check_text(probe, 1, text);
    /* 16 entries below it stay. */
    CHECK_EQ_INT(probe_read(probe, 1, false, 14), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, 26);
    CHECK_EQ_INT(probe_read(probe, 1, false, 13), STATE_TRIMMED);
    CHECK_EQ_INT(probe_append(probe, 1, 20, BOB, 1, 0, 24, "y"), STATE_CONFLICT);
    CHECK_EQ_INT(probe->got.message_count, 20);
    CHECK_EQ_INT(probe_append(probe, 1, 13, BOB, 1, 0, 17, "y"), STATE_TRIMMED);
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 40, text), STATE_OK);
    check_text(probe, 1, text);
    CHECK_EQ_INT(probe_delete(probe, 1, NULL), STATE_OK);
    CHECK_EQ_INT(probe_checkpoint(probe, 1, 41, text), STATE_GONE);
}

static void events_are_trimmed(void)
{
    struct probe *probe = begin(&(struct backend_options){.events = 16});
    for (int i = 0; i < 20; i++) {
        char path[24];
        snprintf(path, sizeof(path), "f%d.txt", i);
        CHECK_EQ_INT(probe_new_file(probe, path, ""), STATE_OK);
    }
    CHECK_EQ_INT(probe_ask_events(probe, 3), STATE_TRIMMED);
    CHECK_EQ_INT(probe_ask_events(probe, 4), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, 16);
}

/* ---- saving ---- */

static void one_flushes_a_project_that_is_due(void)
{
    struct probe *first = begin(&(struct backend_options){.save_after_ms = 1});
    struct probe *second = second_of(first);
    UNTIL(probe_claim(first, 60000) == STATE_OK);
    CHECK_EQ_STR(first->got.project, "demo");
    char *lease = token_of(first);
    CHECK_EQ_INT(probe_claim(second, 60000), STATE_NO_PROJECT);
    CHECK_EQ_INT(probe_append(second, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_claim(second, 60000), STATE_NO_PROJECT);
    probe_settle(first, "another", 0, 0);
    probe_settle(first, lease, 0, 0);
    CHECK_EQ_INT(probe_claim(first, 60000), STATE_OK);
    probe_settle(first, first->got.token, 600000, 600000);
    CHECK_EQ_INT(probe_claim(first, 60000), STATE_NO_PROJECT);
    free(lease);
}

static void an_open_tells_which_ids_were_given(void)
{
    struct probe *probe = begin_plain();
    CHECK_EQ_INT(probe_delete(probe, 2, NULL), STATE_OK);
    CHECK_EQ_INT(probe_hello(probe, BOB, 1, 12), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 1);
    CHECK_EQ_INT(probe->got.next_file, 3);
}

/* However long it was to be left alone. */
static void a_change_makes_a_saved_project_due_soon(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1});
    UNTIL(probe_claim(probe, 60000) == STATE_OK);
    char *lease = token_of(probe);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 1, 0), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 2, 1, 0), STATE_OK);
    probe_settle(probe, lease, 600000, 600000);
    backend->pass(5);
    CHECK_EQ_INT(probe_claim(probe, 60000), STATE_NO_PROJECT);
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    UNTIL(probe_claim(probe, 60000) == STATE_OK);
    free(lease);
}

/* It came when all had been listed, and whoever flushes knows nothing of it. */
static void what_changed_meanwhile_is_due_sooner_than_what_is_clean(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1});
    UNTIL(probe_claim(probe, 60000) == STATE_OK);
    char *lease = token_of(probe);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 1, 0), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 2, 1, 0), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    probe_settle(probe, lease, 600000, 1);
    UNTIL(probe_claim(probe, 60000) == STATE_OK);
    free(lease);
}

/* Whoever has the next try knows how often it failed. */
static void failures_in_a_row_are_counted_for_all(void)
{
    struct probe *first = begin(&(struct backend_options){.save_after_ms = 1});
    struct probe *second = second_of(first);
    const enum state_settled outcomes[] = {STATE_SETTLED_FAILED, STATE_SETTLED_UNKNOWN,
                                           STATE_SETTLED_FAILED, STATE_SETTLED_WELL,
                                           STATE_SETTLED_FAILED};
    const uint32_t counts[] = {0, 1, 1, 2, 0};
    for (int i = 0; i < 5; i++) {
        struct probe *probe = i % 2 ? second : first;
        UNTIL(probe_claim(probe, 60000) == STATE_OK);
        CHECK_EQ_INT(probe->got.tries, counts[i]);
        char *lease = token_of(probe);
        probe_settle_as(probe, lease, outcomes[i]);
        free(lease);
    }
}

static void a_dead_flusher_leaves_the_job(void)
{
    struct probe *first = begin(&(struct backend_options){.save_after_ms = 1});
    struct probe *second = second_of(first);
    UNTIL(probe_claim(first, 300) == STATE_OK);
    char *lease = token_of(first);
    UNTIL(probe_claim(second, 60000) == STATE_OK);
    probe_settle(first, lease, 0, 0); /* not its any more */
    CHECK_EQ_INT(probe_claim(first, 60000), STATE_NO_PROJECT);
    free(lease);
}

static void without_a_repository_nothing_is_due(void)
{
    struct probe *probe = begin_plain();
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_claim(probe, 60000), STATE_NO_PROJECT);
    CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_OK);
    CHECK_EQ_INT(probe->got.dirty_count, 2); /* for a repository that comes later */
    CHECK_EQ_INT(probe_delete(probe, 2, NULL), STATE_OK);
    CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_OK);
    CHECK_EQ_INT(probe->got.dirty_count, 1); /* of a file that was never saved nothing is left */
}

static void what_has_changed_since_stays_dirty(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1000});
    backend->pass(5); /* another millisecond */
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_ask_dirty(probe, 1), STATE_OK);
    REQUIRE(probe->got.dirty_count == 1);
    CHECK_EQ_INT(probe->got.dirty[0].f, 2); /* the one that waits longest */
    CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_OK);
    REQUIRE(probe->got.dirty_count == 2);
    CHECK_EQ_INT(probe->got.members, 1);
    CHECK_EQ_INT(probe->got.dirty[1].f, 1);
    CHECK_EQ_INT(probe->got.dirty[1].rev, 2);
    CHECK_EQ_INT(probe->got.dirty[1].version, 1);
    CHECK_EQ_STR(probe->got.dirty[1].path, "a.txt");
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 1, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.dirty_left, 2);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 2, 1), STATE_OK);
    CHECK_EQ_INT(probe->got.dirty_left, 1);
    CHECK_EQ_INT(probe_rename(probe, 1, NULL, "c.txt"), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 2, 1), STATE_OK); /* late */
    CHECK_EQ_INT(probe->got.dirty_left, 2);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 1, 0), STATE_OK);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.saved_version, 1);
}

static void a_deleted_file_is_remembered_until_it_is_saved(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1000});
    CHECK_EQ_INT(probe_append(probe, 2, 0, ANN, 1, 1, 0, "x"), STATE_OK);
    CHECK_EQ_INT(probe_delete(probe, 2, NULL), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 2, 2, 1), STATE_OK); /* as it was before */
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 1, 0), STATE_OK);
    CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_OK);
    REQUIRE(probe->got.dirty_count == 1);
    CHECK_EQ_INT(probe->got.dirty[0].f, 2);
    CHECK_EQ_INT(probe->got.dirty[0].rev, 3);
    CHECK_EQ_STR(probe->got.dirty[0].path, "src/b.txt");
    CHECK(probe->got.dirty[0].deleted);
    CHECK_EQ_INT(probe_append(probe, 2, 1, ANN, 2, 1, 1, "x"), STATE_GONE);
    CHECK_EQ_INT(probe_read(probe, 2, true, 0), STATE_GONE);
    CHECK_EQ_INT(probe_checkpoint(probe, 2, 1, "x"), STATE_GONE);
    for (int i = 0; i < 2; i++) {
        CHECK_EQ_INT(probe_tell_saved(probe, 2, 3, 1), STATE_OK);
        CHECK_EQ_INT(probe->got.dirty_left, 0);
    }
    CHECK_EQ_INT(probe_read(probe, 2, true, 0), STATE_GONE);
}

/* A project "new" of two files, as it comes from a repository. Returns its token. */
static char *loaded(struct probe *probe)
{
    struct state_populate_file files[] = {
        {.f = 1, .rev = 1, .path = "a.txt", .eol = "\n", .text = "base", .len = 4, .utf16_len = 4},
        {.f = 2, .rev = 1, .path = "b.txt", .eol = "\n", .text = ""}};
    probe->project = "new";
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 21), STATE_LOAD);
    char *token = token_of(probe);
    struct state_populate populate = {.token = token,
                                      .epoch = "5.x",
                                      .name = "N",
                                      .template = "",
                                      .next_file = 3,
                                      .files = files,
                                      .file_count = 2};
    CHECK_EQ_INT(probe_populate(probe, &populate), STATE_OK);
    return token;
}

static void who_is_there_keeps_what_is_saved(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1});
    char *token = loaded(probe);
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 30), STATE_OK);
    CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_OK);
    for (size_t i = probe->got.dirty_count; i > 0; i--) {
        const struct state_dirty_file file = probe->got.dirty[0];
        CHECK_EQ_INT(probe_tell_saved(probe, file.f, file.rev, file.version), STATE_OK);
        CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_OK);
    }
    CHECK_EQ_INT(probe->got.dirty_count, 0);
    CHECK_EQ_INT(probe_unload(probe), STATE_BUSY);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 2);
    probe_leave(probe, ANN, 1);
    CHECK_EQ_INT(probe_unload(probe), STATE_OK);
    free(token);
}

static void nothing_remains_of_what_is_saved_and_left(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1});
    char *token = loaded(probe);
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 30), STATE_OK);
    CHECK_EQ_INT(probe_hello(probe, BOB, 0, 31), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 0, ANN, 1, 1, 4, "x"), STATE_OK);
    CHECK_EQ_INT(probe_delete(probe, 2, NULL), STATE_OK);
    probe_leave(probe, ANN, 1);
    CHECK_EQ_INT(probe_unload(probe), STATE_BUSY); /* BOB is here */
    probe_leave(probe, BOB, 1);
    CHECK_EQ_INT(probe_unload(probe), STATE_BUSY); /* it is dirty */
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 2, 1), STATE_OK);
    CHECK_EQ_INT(probe_unload(probe), STATE_BUSY);
    CHECK_EQ_INT(probe_tell_saved(probe, 2, 2, 0), STATE_OK);
    UNTIL(probe_claim(probe, 60000) == STATE_OK && strcmp(probe->got.project, "new") == 0);
    char *lease = token_of(probe);
    CHECK(backend->keys("new") > 0);
    CHECK_EQ_INT(probe_unload(probe), STATE_OK);
    CHECK_EQ_INT(probe->got.e, 1);
    CHECK_EQ_INT(probe->got.next_file, 3);
    CHECK_EQ_STR(probe->got.token, token);
    CHECK_EQ_INT(backend->keys("new"), 0);
    CHECK_EQ_INT(probe_unload(probe), STATE_UNLOADED);
    probe_settle(probe, lease, 0, 0);
    CHECK_EQ_INT(probe_claim(probe, 60000), STATE_NO_PROJECT);
    CHECK_EQ_INT(probe_hello(probe, ANN, 2, 41), STATE_LOAD);
    CHECK(!probe->got.recover);
    free(lease);
    free(token);
}

static void what_no_repository_has_given_is_not_unloaded(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 1});
    probe_leave(probe, ANN, 1);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 1, 0), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 2, 1, 0), STATE_OK);
    CHECK_EQ_INT(probe_ask_dirty(probe, 10), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 0);
    CHECK_EQ_INT(probe_unload(probe), STATE_BUSY);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.file_count, 2);
}

static void unload_tells_who_populated_it(void)
{
    struct probe *probe = begin(&(struct backend_options){.lease_ms = 100, .save_after_ms = 1000});
    probe->project = "new";
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 21), STATE_LOAD);
    char *token = token_of(probe);
    struct state_populate populate = {
        .token = token, .epoch = "5.x", .name = "N", .template = "", .e = 3, .next_file = 9};
    CHECK_EQ_INT(probe_populate(probe, &populate), STATE_OK);
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 22), STATE_OK);
    UNTIL(probe_unload(probe) == STATE_OK); /* its instance died */
    CHECK_EQ_STR(probe->got.token, token);
    CHECK_EQ_INT(probe->got.e, 3);
    CHECK_EQ_INT(probe->got.next_file, 9);
    free(token);
}

static void the_last_who_leaves_makes_it_due(void)
{
    struct probe *probe = begin(&(struct backend_options){.save_after_ms = 600000});
    CHECK_EQ_INT(probe_claim(probe, 60000), STATE_NO_PROJECT);
    probe_leave(probe, ANN, 1);
    UNTIL(probe_claim(probe, 60000) == STATE_OK);
}

#define CASES(X)                                                                                   \
    X(people_are_shown_everywhere)                                                                 \
    X(the_same_hello_is_no_straggler)                                                              \
    X(a_lease_that_ends_takes_its_person_along)                                                    \
    X(whose_lease_has_ended_is_not_here)                                                           \
    X(who_was_not_shown_for_a_while_is_told_to_be_back)                                            \
    X(every_change_is_told_with_the_next_tick)                                                     \
    X(too_much_is_told_without_its_content)                                                        \
    X(a_poll_tells_what_has_moved)                                                                 \
    X(a_tree_request_that_comes_twice_is_done_once)                                                \
    X(an_append_that_comes_twice_is_done_once)                                                     \
    X(two_instances_write_one_log)                                                                 \
    X(a_checkpoint_only_goes_forward)                                                              \
    X(events_are_trimmed)                                                                          \
    X(an_open_tells_which_ids_were_given)                                                          \
    X(one_flushes_a_project_that_is_due)                                                           \
    X(a_change_makes_a_saved_project_due_soon)                                                     \
    X(failures_in_a_row_are_counted_for_all)                                                       \
    X(what_changed_meanwhile_is_due_sooner_than_what_is_clean)                                     \
    X(a_dead_flusher_leaves_the_job)                                                               \
    X(without_a_repository_nothing_is_due)                                                         \
    X(what_has_changed_since_stays_dirty)                                                          \
    X(a_deleted_file_is_remembered_until_it_is_saved)                                              \
    X(who_is_there_keeps_what_is_saved)                                                            \
    X(nothing_remains_of_what_is_saved_and_left)                                                   \
    X(what_no_repository_has_given_is_not_unloaded)                                                \
    X(unload_tells_who_populated_it)                                                               \
    X(the_last_who_leaves_makes_it_due)

int main(int argc, char **argv)
{
    check_init(argc, argv);
    return RUN_SHARED(CASES);
}
