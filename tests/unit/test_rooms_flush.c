/* From the shared state to the repository, and out of the state when nobody is there. */
#include "check.h"

#include "load_talk.h"

#include "core/flush.h"
#include "weft/base/log.h"

/* Ann here and Bob there, both with main.c open. */
static void two_people(void)
{
    begin_stored();
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    open_file(ann, 1);
    open_file(bob, 1);
    pass(100);
    json_array_clear(ann->inbox);
    json_array_clear(bob->inbox);
}

static uint64_t failures(void)
{
    return registry_counts(here->registry)->save_failures +
           registry_counts(there->registry)->save_failures;
}

/* ---- saving ---- */

static void what_is_typed_is_saved_soon_and_everybody_hears_it(void)
{
    two_people();
    type(ann, 1, "a");
    type(bob, 1, "b");
    pass(1500);
    CHECK_EQ_STR(stored_text(1), "hello world");
    pass(3000);
    CHECK_EQ_STR(stored_text(1), "bahello world");
    CHECK_EQ_INT(stored(1)->version, 5);
    CHECK_EQ_INT(stored(1)->rev, 6);
    CHECK_EQ_INT(stored(1)->epoch_number, 4);
    CHECK_EQ_INT(stored(1)->seen_count, 2);
    CHECK_EQ_INT(dirty_in_redis(), 0);
    CHECK_EQ_STR(field(expect(ann, "saved"), "files"), "[[1,5]]");
    CHECK_EQ_STR(field(expect(bob, "saved"), "files"), "[[1,5]]");
    CHECK_EQ_INT(store.made[STORE_SAVE], 1); /* by one of them */
    CHECK(is_in_redis());
    end_loads();
}

static void what_is_typed_while_it_is_saved_is_saved_next(void)
{
    two_people();
    type(ann, 1, "a");
    store.held = STORE(SAVE);
    pass(4000);
    type(bob, 1, "b");
    store.held = 0;
    rooms_settle();
    CHECK_EQ_STR(stored_text(1), "ahello world");
    CHECK_EQ_INT(dirty_in_redis(), 1);
    pass(4000);
    CHECK_EQ_STR(stored_text(1), "bahello world");
    CHECK_EQ_INT(dirty_in_redis(), 0);
    end_loads();
}

static void names_are_saved_and_deleted_files_go(void)
{
    two_people();
    say(ann, "{\"t\":\"rename\",\"f\":1,\"path\":\"new.c\",\"q\":1}");
    say(ann, "{\"t\":\"delete\",\"f\":2,\"q\":2}");
    say(ann, "{\"t\":\"create\",\"path\":\"win.c\",\"text\":\"a\\r\\nb\\r\\n\",\"q\":3}");
    pass(4000);
    CHECK_EQ_STR(stored(1)->path, "new.c");
    CHECK(!stored(2));
    REQUIRE(stored(3));
    CHECK_EQ_STR(stored_text(3), "a\nb\n");
    CHECK_EQ_STR(stored(3)->eol, "\r\n");
    CHECK_EQ_INT(dirty_in_redis(), 0);
    end_loads();
}

/* The rename came between the list and the read: text, rev and path are of one moment. */
static void a_rename_while_it_is_read_is_saved_with_its_rev(void)
{
    two_people();
    type(ann, 1, "a");
    here->held = there->held = OP(READ);
    pass(4000);
    say(ann, "{\"t\":\"rename\",\"f\":1,\"path\":\"new.c\",\"q\":1}");
    here->held = there->held = 0;
    rooms_settle();
    CHECK_EQ_STR(stored(1)->path, "new.c");
    CHECK_EQ_INT(stored(1)->rev, 6);
    end_loads();
}

static void a_file_deleted_while_it_is_read_is_a_tombstone_next(void)
{
    two_people();
    type(ann, 1, "a");
    here->held = there->held = OP(READ);
    pass(4000);
    say(ann, "{\"t\":\"delete\",\"f\":1,\"q\":1}");
    here->held = there->held = 0;
    pass(5000);
    CHECK(!stored(1));
    CHECK(stored(2));
    CHECK_EQ_INT(failures(), 0);
    end_loads();
}

static void change_many_files(void)
{
    begin_stored();
    for (uint64_t f = 3; f <= 150; f++) {
        char path[20];
        snprintf(path, sizeof(path), "%" PRIu64, f);
        store_add(f, path, "x");
    }
    ann = join(here, "Ann");
    for (uint64_t f = 3; f <= 150; f++) {
        open_file(ann, f);
        type(ann, f, "y");
    }
}

static void many_files_are_saved_in_rounds(void)
{
    change_many_files();
    pass(3000);
    for (uint64_t f = 3; f <= 150; f++)
        CHECK_EQ_STR(stored_text(f), "yx");
    CHECK_EQ_INT(store.made[STORE_SAVE], 3);
    CHECK_EQ_INT(store.most_files, 64);
    end_loads();
}

/* Of much text at once a round takes so much and no more. */
static void much_text_is_saved_in_rounds(void)
{
    begin_stored();
    char *text = mem_alloc(4000001);
    memset(text, 'x', 4000000);
    text[4000000] = '\0';
    for (uint64_t f = 3; f <= 12; f++) {
        char path[20];
        snprintf(path, sizeof(path), "%" PRIu64, f);
        store_add(f, path, text);
    }
    free(text);
    ann = join(here, "Ann");
    for (uint64_t f = 3; f <= 12; f++) {
        open_file(ann, f);
        type(ann, f, "y");
        json_array_clear(ann->inbox);
    }
    pass(3000);
    for (uint64_t f = 3; f <= 12; f++)
        CHECK_EQ_INT(stored(f)->version, 4);
    CHECK_EQ_INT(store.most_files, 5);
    end_loads();
}

/* ---- failures ---- */

static void what_cannot_be_saved_stays_dirty_and_is_tried_again_for_ever(void)
{
    two_people();
    store.away = STORE(SAVE);
    type(ann, 1, "a");
    pass(400000);
    CHECK_EQ_INT(dirty_in_redis(), 1);
    uint64_t tries = store.made[STORE_SAVE];
    CHECK(tries > 8 && tries < 40); /* ever more seldom */
    CHECK_EQ_INT(failures(), tries);
    CHECK(registry_counts(here->registry)->saves_stuck +
              registry_counts(there->registry)->saves_stuck >
          0);
    CHECK(registry_counts(here->registry)->stuck + registry_counts(there->registry)->stuck > 0);
    CHECK_EQ_INT(registry_counts(here->registry)->saves, 0);
    store.away = 0;
    pass(61000);
    CHECK_EQ_STR(stored_text(1), "ahello world");
    CHECK_EQ_INT(dirty_in_redis(), 0);
    pass(400000); /* whichever of them saved it, neither tells of an alarm any more */
    CHECK_EQ_INT(registry_counts(here->registry)->stuck, 0);
    CHECK_EQ_INT(registry_counts(there->registry)->stuck, 0);
    end_loads();
}

static void one_file_that_cannot_be_saved_does_not_hold_the_others_back(void)
{
    two_people();
    open_file(ann, 2);
    store.bad_f = 1;
    type(ann, 1, "a");
    type(ann, 2, "a");
    pass(4000);
    CHECK_EQ_STR(stored_text(1), "hello world");
    CHECK_EQ_STR(stored_text(2), "ab");
    CHECK_EQ_INT(dirty_in_redis(), 1);
    store.bad_f = 0;
    pass(5000);
    CHECK_EQ_STR(stored_text(1), "ahello world");
    end_loads();
}

static void nor_those_of_the_next_rounds(void)
{
    change_many_files();
    store.bad_f = 3;
    pass(3000);
    for (uint64_t f = 4; f <= 150; f++)
        CHECK_EQ_STR(stored_text(f), "yx");
    CHECK_EQ_STR(stored_text(3), "x");
    CHECK_EQ_INT(dirty_in_redis(), 1);
    end_loads();
}

/* Done, and nobody knows: the second time it is older than itself, and that is as good as saved. */
static void a_save_of_unknown_outcome_is_made_again(void)
{
    two_people();
    store.lost = STORE(SAVE);
    type(ann, 1, "a");
    pass(3000);
    CHECK_EQ_STR(stored_text(1), "ahello world");
    CHECK_EQ_INT(dirty_in_redis(), 1);
    store.lost = 0;
    pass(5000);
    CHECK_EQ_INT(dirty_in_redis(), 0);
    CHECK(store.made[STORE_SAVE] >= 2);
    end_loads();
}

static void a_log_that_does_not_fit_is_not_saved_half(void)
{
    two_people();
    here->held = there->held = OP(CHECKPOINT);
    open_file(ann, 2);
    type(ann, 1, "a");
    type(ann, 2, "a");
    struct model_file *file = model_find_file(demo(), 1);
    struct blob *entry = file->log[file->log_count - 1];
    file->log[file->log_count - 1] = model_keep(&rooms.model, blob_new("{}", 2));
    pass(4000);
    CHECK_EQ_STR(stored_text(1), "hello world");
    CHECK_EQ_STR(stored_text(2), "ab");
    CHECK_EQ_INT(dirty_in_redis(), 1);
    CHECK(failures() > 0);
    file->log[file->log_count - 1] = entry;
    pass(5000);
    CHECK_EQ_STR(stored_text(1), "ahello world");
    end_loads();
}

/* Whoever claimed it is stuck: when its time is over another one does it. */
static void the_job_of_a_dead_claimer_is_due_again(void)
{
    two_people();
    here->late = OP(DIRTY);
    there->held = OP(CLAIM);
    type(ann, 1, "a");
    pass(4000);
    CHECK_EQ_INT(here->registry->flush.count, 1);
    here->held = OP(CLAIM);
    there->held = 0;
    pass(8000);
    CHECK_EQ_STR(stored_text(1), "hello world");
    pass(8000);
    CHECK_EQ_STR(stored_text(1), "ahello world");
    end_loads();
}

/* A claimer that wakes up late writes what is older: the repository keeps the newer. */
static void a_late_save_does_not_overwrite(void)
{
    two_people();
    type(ann, 1, "a");
    store.held = STORE(SAVE);
    pass(4000);
    CHECK_EQ_INT(store.call_count, 1);
    struct store_call *late = store.calls[0];
    store.call_count = 0;
    store.held = 0;
    type(ann, 1, "b");
    pass(20000); /* the lease of that job ends */
    CHECK_EQ_STR(stored_text(1), "bahello world");
    store.calls[store.call_count++] = late;
    pass(3000);
    CHECK_EQ_STR(stored_text(1), "bahello world");
    CHECK_EQ_INT(dirty_in_redis(), 0);
    end_loads();
}

/* ---- unloading ---- */

static void when_the_last_one_leaves_it_is_saved_and_unloaded(void)
{
    two_people();
    type(ann, 1, "a");
    cut(ann);
    pass(1000);
    CHECK(is_in_redis());
    type(bob, 1, "b");
    cut(bob);
    pass(4000);
    CHECK_EQ_INT(model_keys(&rooms.model, "demo"), 0);
    CHECK_EQ_STR(stored_text(1), "bahello world");
    CHECK(!store.live);
    CHECK_EQ_INT(
        registry_counts(here->registry)->unloads + registry_counts(there->registry)->unloads, 1);
    pass(2000);
    CHECK_EQ_INT(here->registry->room_by_id.count, 0);
    CHECK_EQ_INT(there->registry->room_by_id.count, 0);
    CHECK_EQ_INT(store.made[STORE_LOAD], 1); /* and is not loaded again for nobody */
    ann = join(there, "Ann");
    CHECK_EQ_STR(string(expect(ann, "welcome"), "ep"), "4.old");
    open_file(ann, 1);
    CHECK_EQ_STR(string(expect(ann, "file"), "text"), "bahello world");
    end_loads();
}

static void what_the_state_counts_is_kept_over_an_unload(void)
{
    two_people();
    say(ann, "{\"t\":\"create\",\"path\":\"new.c\",\"q\":1}");
    say(ann, "{\"t\":\"delete\",\"f\":3,\"q\":2}");
    pass(4000);
    cut(ann);
    cut(bob);
    pass(3000);
    pass(2000);
    CHECK(!is_in_redis());
    CHECK_EQ_INT(store.e, 2);
    CHECK_EQ_INT(store.next_file, 4);
    ann = join(here, "Ann");
    CHECK_EQ_INT(number(expect(ann, "welcome"), "e"), 2);
    say(ann, "{\"t\":\"create\",\"path\":\"newer.c\",\"q\":1}");
    CHECK_EQ_INT(number(expect(ann, "ok"), "f"), 4);
    end_loads();
}

static void nothing_is_unloaded_while_somebody_is_there(void)
{
    two_people();
    here->registry->config.dead_after_ms = there->registry->config.dead_after_ms = 1000000;
    pass(60000);
    CHECK(is_in_redis());
    CHECK_EQ_INT(here->calls[MODEL_UNLOAD] + there->calls[MODEL_UNLOAD], 0);
    cut(ann);
    pass(30000);
    CHECK(is_in_redis());
    end_loads();
}

/* Who comes between the list and the unload is not unloaded under. */
static void who_comes_while_it_is_unloaded_finds_it(void)
{
    two_people();
    here->held = there->held = OP(UNLOAD);
    cut(ann);
    cut(bob);
    pass(3000);
    CHECK_EQ_INT(here->calls[MODEL_UNLOAD] + there->calls[MODEL_UNLOAD], 1);
    ann = join(here, "Ann");
    expect(ann, "welcome");
    here->held = there->held = 0;
    pass(1000);
    CHECK(is_in_redis());
    open_file(ann, 1);
    type(ann, 1, "a");
    pass(5000);
    CHECK_EQ_STR(stored_text(1), "ahello world");
    end_loads();
}

/* A killed instance says no leave: its people's leases end, and somebody unloads it. */
static void a_project_of_the_dead_is_unloaded(void)
{
    two_people();
    type(ann, 1, "a");
    here->held = there->held = OP(LEAVE);
    cut(ann);
    cut(bob);
    pass(25000);
    CHECK_EQ_INT(model_keys(&rooms.model, "demo"), 0);
    CHECK_EQ_STR(stored_text(1), "ahello world");
    CHECK(!store.live);
    end_loads();
}

static void a_release_of_unknown_outcome_is_made_again(void)
{
    two_people();
    store.away = STORE(RELEASE);
    cut(ann);
    cut(bob);
    for (int i = 0; i < 10 && !store.made[STORE_RELEASE]; i++)
        pass(500);
    CHECK(store.live);
    store.away = 0;
    pass(1500);
    CHECK(!store.live);
    end_loads();
}

/* Never released: taken for a loss, which costs an epoch and nothing else. */
static void a_project_that_is_never_released_goes_on_under_a_new_epoch(void)
{
    two_people();
    type(ann, 1, "a");
    store.away = STORE(RELEASE);
    cut(ann);
    cut(bob);
    pass(20000);
    CHECK_EQ_INT(store.made[STORE_RELEASE], 5);
    store.away = 0;
    ann = join(here, "Ann");
    pass(4000);
    CHECK_EQ_INT(epoch_number(string(expect(ann, "welcome"), "ep")), 5);
    open_file(ann, 1);
    CHECK_EQ_STR(string(expect(ann, "file"), "text"), "ahello world");
    end_loads();
}

static void an_unload_of_unknown_outcome_loses_nothing(void)
{
    two_people();
    type(ann, 1, "a");
    pass(4000);
    here->cut = there->cut = OP(UNLOAD);
    cut(ann);
    cut(bob);
    pass(2000);
    here->cut = there->cut = 0;
    CHECK(!is_in_redis());
    CHECK(store.live);
    ann = join(here, "Ann");
    pass(4000);
    expect(ann, "welcome");
    open_file(ann, 1);
    CHECK_EQ_STR(string(expect(ann, "file"), "text"), "ahello world");
    end_loads();
}

/* Redis came back with keys of another run, and nobody is there: the claimer has it recovered. */
static void what_is_due_and_lost_is_loaded_by_its_claimer(void)
{
    two_people();
    type(ann, 1, "a");
    here->held = there->held = OP(CLAIM) | OP(LEAVE);
    cut(ann);
    cut(bob);
    registry_free(here->registry);
    registry_free(there->registry);
    rooms.call_count = 0;
    rooms_start(here, "here");
    rooms_start(there, "there");
    restart_redis(0);
    pass(15000);
    CHECK_EQ_STR(stored_text(1), "ahello world");
    CHECK_EQ_INT(stored(1)->epoch_number, 5);
    CHECK_EQ_INT(model_keys(&rooms.model, "demo"), 0);
    CHECK(!store.live);
    end_loads();
}

/* ---- how much at once ---- */

static void an_instance_has_three_flushes_at_once(void)
{
    two_people();
    CHECK_EQ_INT(registry_config_default().flush_concurrency, 3);
    here->held = OP(DIRTY);
    there->held = OP(CLAIM);
    type(ann, 1, "a");
    pass(100000); /* its job is due again and again, and none of them goes on */
    CHECK_EQ_INT(here->registry->flush.count, 3);
    end_loads();
}

/* Saves of this moment, as the rate counts them. */
static uint32_t places_taken(void)
{
    uint32_t taken = 0;
    const struct window *window = &here->registry->flush.window;
    for (uint32_t i = 0; i < window->count; i++)
        taken += window->free_ms[i] > rooms.now;
    return taken;
}

static void in_any_so_many_seconds_so_many_are_saved(void)
{
    two_people();
    there->held = OP(CLAIM);
    here->registry->config.save_after_ms = 1;
    window_close(&here->registry->flush.window);
    window_init(&here->registry->flush.window, 2, 1000);
    for (int i = 0; i < 100; i++) {
        type(ann, 1, "a");
        pass(50);
        json_array_clear(ann->inbox);
        struct model_project *project = model_find(&rooms.model, "demo");
        if (project->due)
            project->due = 1; /* always */
    }
    CHECK(store.made[STORE_SAVE] >= 8 && store.made[STORE_SAVE] <= 10); /* in five seconds */
    end_loads();
}

static void an_unload_is_none_of_those_so_many_a_second(void)
{
    two_people();
    there->held = OP(CLAIM);
    pass(20000);
    cut(ann);
    cut(bob);
    for (int i = 0; i < 80 && registry_counts(here->registry)->unloads == 0; i++)
        pass(50);
    CHECK_EQ_INT(registry_counts(here->registry)->unloads, 1);
    CHECK_EQ_INT(places_taken(), 0);
    end_loads();
}

/* ---- the end of a server ---- */

static void a_server_that_stops_saves_what_its_last_people_left(void)
{
    two_people();
    cut(bob);
    pass(500);
    type(ann, 1, "a");
    registry_drain(here->registry, rooms.now, 1000, 100, "test");
    CHECK(!registry_idle(here->registry));
    pass(2000);
    there->held = OP(CLAIM);
    CHECK(!ann->session);
    pass(2000);
    CHECK(registry_idle(here->registry));
    CHECK_EQ_STR(stored_text(1), "ahello world");
    there->held = 0;
    pass(5000);
    CHECK(!is_in_redis()); /* the other one does that */
    end_loads();
}

static void a_server_that_stops_leaves_the_rest_to_others(void)
{
    two_people();
    type(ann, 1, "a");
    store.away = STORE(SAVE);
    registry_drain(here->registry, rooms.now, 0, 100, "test");
    pass(5000);
    CHECK(registry_idle(here->registry));
    CHECK_EQ_STR(stored_text(1), "hello world");
    store.away = 0;
    pass(61000);
    CHECK_EQ_STR(stored_text(1), "ahello world");
    end_loads();
}

/* What nobody else may have is not left before it is offered and loaded. */
static void a_server_that_stops_waits_for_what_only_it_has(void)
{
    two_people();
    type(ann, 1, "a");
    cut(bob);
    here->dropped = OP(OPEN);
    there->held = OP(CLAIM);
    empty_redis();
    pass(2000);
    registry_drain(here->registry, rooms.now, 0, 100, "test");
    pass(4000);
    CHECK(!registry_idle(here->registry));
    here->dropped = 0;
    pass(8000);
    CHECK(registry_idle(here->registry));
    there->held = 0;
    pass(5000);
    CHECK_EQ_STR(stored_text(1), "ahello world");
    end_loads();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (!getenv("WEFT_TEST_LOG"))
        log_setup((enum log_level)(LOG_ERROR + 1), false);
    RUN(what_is_typed_is_saved_soon_and_everybody_hears_it);
    RUN(what_is_typed_while_it_is_saved_is_saved_next);
    RUN(names_are_saved_and_deleted_files_go);
    RUN(a_rename_while_it_is_read_is_saved_with_its_rev);
    RUN(a_file_deleted_while_it_is_read_is_a_tombstone_next);
    RUN(many_files_are_saved_in_rounds);
    RUN(much_text_is_saved_in_rounds);
    RUN(what_cannot_be_saved_stays_dirty_and_is_tried_again_for_ever);
    RUN(one_file_that_cannot_be_saved_does_not_hold_the_others_back);
    RUN(nor_those_of_the_next_rounds);
    RUN(a_save_of_unknown_outcome_is_made_again);
    RUN(a_log_that_does_not_fit_is_not_saved_half);
    RUN(the_job_of_a_dead_claimer_is_due_again);
    RUN(a_late_save_does_not_overwrite);
    RUN(when_the_last_one_leaves_it_is_saved_and_unloaded);
    RUN(what_the_state_counts_is_kept_over_an_unload);
    RUN(nothing_is_unloaded_while_somebody_is_there);
    RUN(who_comes_while_it_is_unloaded_finds_it);
    RUN(a_project_of_the_dead_is_unloaded);
    RUN(a_release_of_unknown_outcome_is_made_again);
    RUN(a_project_that_is_never_released_goes_on_under_a_new_epoch);
    RUN(an_unload_of_unknown_outcome_loses_nothing);
    RUN(what_is_due_and_lost_is_loaded_by_its_claimer);
    RUN(an_instance_has_three_flushes_at_once);
    RUN(in_any_so_many_seconds_so_many_are_saved);
    RUN(an_unload_is_none_of_those_so_many_a_second);
    RUN(a_server_that_stops_saves_what_its_last_people_left);
    RUN(a_server_that_stops_leaves_the_rest_to_others);
    RUN(a_server_that_stops_waits_for_what_only_it_has);
    return check_finish();
}
