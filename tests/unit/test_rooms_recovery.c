/* How a project comes back after the shared state has lost it: from what instances, Redis itself
 * and the repository still have. */
#include "check.h"

#include "load_talk.h"

#include "core/detached.h"
#include "weft/base/log.h"

/* ---- recovery ---- */

/* Ann here and Bob there, both with main.c open, typed in by both. */
static void two_writers(void)
{
    begin_stored();
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    open_file(ann, 1);
    open_file(bob, 1);
    type(ann, 1, "a");
    type(bob, 1, "b");
    pass(200);
    CHECK_EQ_STR(text_at(here, 1), "bahello world");
    CHECK_EQ_STR(text_at(there, 1), "bahello world");
}

static void check_gone_on(uint64_t number)
{
    CHECK_EQ_INT(epoch_number(demo()->epoch), number);
    CHECK_EQ_STR(store.epoch, demo()->epoch);
    CHECK(TAILQ_EMPTY(&here->registry->detached));
    CHECK(TAILQ_EMPTY(&there->registry->detached));
    CHECK(TAILQ_EMPTY(&here->registry->loads));
    CHECK(TAILQ_EMPTY(&there->registry->loads));
}

static void an_emptied_redis_gets_everything_back_from_the_instances(void)
{
    two_writers();
    empty_redis();
    pass(1500);
    check_closed(ann, 4503);
    check_closed(bob, 4503);
    CHECK_EQ_STR(read_at(here, 1), "bahello world");
    CHECK_EQ_STR(read_at(there, 1), "bahello world");
    check_gone_on(5);
    pass(5000);
    CHECK_EQ_STR(stored_text(1), "bahello world");
    CHECK_EQ_INT(stored(1)->epoch_number, 5);
    CHECK_EQ_STR(stored_text(2), "b");
    CHECK_EQ_INT(stored(2)->epoch_number, 5); /* every file is dirty under a new epoch */
    end_loads();
}

/* One instance is behind the other when it happens. */
static void the_newest_replica_wins(void)
{
    for (int i = 0; i < 2; i++) {
        two_writers();
        struct instance *behind = i ? here : there;
        behind->is_deaf = true;
        behind->held = OP(POLL);
        type(i ? bob : ann, 1, "c");
        CHECK_EQ_STR(text_at(behind, 1), "bahello world");
        empty_redis();
        behind->held = 0;
        behind->is_deaf = false;
        pass(6000);
        CHECK_EQ_STR(read_at(here, 1), "cbahello world");
        check_gone_on(5);
        end_loads();
    }
}

static void what_redis_still_has_is_an_offer_too(void)
{
    two_writers();
    here->is_deaf = there->is_deaf = true;
    here->held = there->held = OP(POLL) | OP(CHECKPOINT);
    here->late = OP(APPEND);
    type(ann, 1, "c"); /* in the log, and nobody knows it */
    restart_redis(0);
    here->held = there->held = here->late = 0;
    here->is_deaf = there->is_deaf = false;
    pass(8000);
    CHECK_EQ_STR(read_at(there, 1), "cbahello world");
    check_gone_on(5);
    end_loads();
}

static void a_redis_that_came_back_older_does_not_roll_back(void)
{
    two_writers();
    type(ann, 1, "c");
    size_t since = rooms.model.journal_count;
    type(ann, 1, "d");
    pass(100);
    restart_redis(rooms.model.journal_count - since + 1);
    pass(8000);
    CHECK_EQ_STR(read_at(there, 1), "dcbahello world");
    check_gone_on(5);
    end_loads();
}

static void the_repository_is_an_offer_too(void)
{
    two_writers();
    pass(3000); /* saved */
    CHECK_EQ_STR(stored_text(1), "bahello world");
    cut(ann);
    cut(bob);
    registry_free(here->registry); /* both die, and come back empty */
    registry_free(there->registry);
    rooms.conn_count = 0;
    json_decref(ann->inbox);
    json_decref(bob->inbox);
    free(ann);
    free(bob);
    rooms.call_count = 0;
    rooms_start(here, "here");
    rooms_start(there, "there");
    empty_redis();
    CHECK_EQ_STR(read_at(here, 1), "bahello world");
    check_gone_on(5);
    end_loads();
}

/* It was saved, unloaded and released; then Redis came back as it was before. */
static void keys_that_come_back_after_an_unload_do_not_win(void)
{
    two_writers();
    size_t since = rooms.model.journal_count;
    type(ann, 1, "c");
    pass(3000);
    cut(ann);
    cut(bob);
    pass(8000);
    CHECK(!is_in_redis());
    CHECK(!store.live);
    restart_redis(rooms.model.journal_count - since);
    CHECK(is_in_redis()); /* of another run */
    CHECK_EQ_STR(read_at(there, 1), "cbahello world");
    check_gone_on(5);
    end_loads();
}

static void a_save_comes_late(enum store_op op)
{
    if (op != STORE_BEGIN)
        return;
    struct store_file *file = stored(2);
    file->version = 9;
    file->rev = 10;
    free(file->text);
    file->text = mem_strdup("late");
    store.before = NULL;
}

/* A flush of before the loss was under way when the repository was read. */
static void a_save_that_comes_during_the_load_is_not_overlooked(void)
{
    two_writers();
    here->held = there->held = OP(CLAIM);
    empty_redis();
    store.before = a_save_comes_late;
    pass(5000);
    CHECK_EQ_STR(read_at(here, 2), "late");
    CHECK_EQ_STR(read_at(here, 1), "bahello world");
    end_loads();
}

/* Whoever opened it after that does not see it in the tree. */
static void a_deleted_file_does_not_come_back(void)
{
    begin_stored();
    here->held = there->held = OP(CLAIM);
    bob = join(there, "Bob");
    say(bob, "{\"t\":\"delete\",\"f\":2,\"q\":1}");
    ann = join(here, "Ann");
    cut(bob);
    there->registry->config.unload_after_ms = 0;
    pass(3000);
    CHECK_EQ_INT(there->registry->room_by_id.count, 0);
    empty_redis();
    pass(8000);
    here->held = there->held = 0;
    ask_file(there, "b.c");
    pass(8000);
    CHECK_EQ_INT(found, ERR_NO_FILE);
    CHECK(!stored(2));
    end_loads();
}

/* Who loads it has nothing of it. */
static void the_tree_of_another_instance_is_taken(void)
{
    two_writers();
    pass(3000);
    here->registry->config.unload_after_ms = 0;
    cut(ann);
    pass(3000);
    CHECK_EQ_INT(here->registry->room_by_id.count, 0);
    here->held = there->held = OP(CLAIM);
    there->dropped = OP(OPEN);
    say(bob, "{\"t\":\"rename\",\"f\":1,\"path\":\"renamed.c\",\"q\":1}");
    empty_redis();
    ann = join(here, "Ann");
    pass(5000);
    expect(ann, "welcome");
    ask_file(here, "renamed.c");
    CHECK_EQ_STR(found_text, "bahello world");
    CHECK(there->calls[MODEL_OFFER] > 0);
    CHECK_EQ_INT(here->calls[MODEL_OFFER], 0);
    end_loads();
}

/* The holder has not noticed the loss yet, and is asked. */
static void a_room_that_does_not_know_yet_offers_too(void)
{
    two_writers();
    there->held = OP(POLL) | OP(CLAIM);
    cut(ann);
    registry_free(here->registry);
    rooms.call_count = 0;
    rooms_start(here, "here");
    empty_redis();
    ann = join(here, "Ann");
    pass(3500);
    expect(ann, "welcome");
    CHECK(there->calls[MODEL_OFFER] > 0);
    CHECK(bob->session);
    open_file(ann, 1);
    CHECK_EQ_STR(string(expect(ann, "file"), "text"), "bahello world");
    end_loads();
}

/* Somebody else comes, and is told to wait for a load: so it is not in the state. */
static void a_room_hears_of_the_loss_by_who_comes(void)
{
    two_writers();
    there->held = OP(POLL) | OP(CLAIM);
    there->is_deaf = true;
    cut(ann);
    registry_free(here->registry);
    rooms.call_count = 0;
    rooms_start(here, "here");
    empty_redis();
    ann = join(here, "Ann");
    struct conn *carl = join(there, "Carl");
    check_closed(bob, 4503);
    CHECK(there->calls[MODEL_OFFER] > 0);
    pass(3500);
    expect(carl, "welcome");
    open_file(carl, 1);
    CHECK_EQ_STR(string(expect(carl, "file"), "text"), "bahello world");
    end_loads();
}

/* It has no version that is not saved, and is nowhere else. */
static void what_was_made_a_moment_before_the_loss_is_kept(void)
{
    begin_stored();
    here->held = OP(POLL);
    ann = join(here, "Ann");
    say(ann, "{\"t\":\"create\",\"path\":\"new.c\",\"text\":\"new\",\"q\":1}");
    open_file(ann, 3);
    empty_redis();
    type(ann, 3, "lost");
    check_closed(ann, 4503);
    here->held = 0;
    here->dropped = OP(OPEN);
    pass(500);
    CHECK_EQ_STR(read_at(there, 3), "new");
    end_loads();
}

/* Nobody is there, and it is not saved yet: the room may be all that is left of it. */
static void an_empty_room_is_kept_until_it_is_saved(void)
{
    two_writers();
    here->held = there->held = OP(CLAIM);
    here->registry->config.unload_after_ms = there->registry->config.unload_after_ms = 0;
    cut(ann);
    cut(bob);
    pass(30000);
    empty_redis();
    pass(3000);
    CHECK_EQ_STR(read_at(here, 1), "bahello world");
    here->held = there->held = 0;
    pass(30000);
    CHECK_EQ_INT(here->registry->room_by_id.count + there->registry->room_by_id.count, 0);
    end_loads();
}

/* The tree is offered like a file. What it does not list any more goes from the repository. */
static void what_was_made_and_deleted_stays_made_and_deleted(void)
{
    two_writers();
    pass(3000);
    here->held = there->held = OP(CLAIM); /* nothing is saved from here on */
    say(ann, "{\"t\":\"create\",\"path\":\"new.c\",\"text\":\"new\",\"q\":1}");
    say(ann, "{\"t\":\"rename\",\"f\":1,\"path\":\"renamed.c\",\"q\":2}");
    say(bob, "{\"t\":\"delete\",\"f\":2,\"q\":3}");
    open_file(bob, 3);
    pass(500);
    empty_redis();
    here->held = there->held = 0;
    pass(8000);
    CHECK_EQ_STR(read_at(here, 3), "new");
    ask_file(there, "renamed.c");
    CHECK_EQ_STR(found_text, "bahello world");
    ask_file(there, "b.c");
    CHECK_EQ_INT(found, ERR_NO_FILE);
    CHECK_EQ_STR(stored(1)->path, "renamed.c");
    CHECK_EQ_STR(stored_text(3), "new");
    CHECK(!stored(2));
    end_loads();
}

static void a_client_that_types_on_loses_nothing_over_the_loss(void)
{
    two_writers();
    char resume[300];
    bob = join(there, "Bob");
    snprintf(resume, sizeof(resume), "%s", string(expect(bob, "welcome"), "resume"));
    open_file(bob, 1);
    json_array_clear(bob->inbox);
    empty_redis();
    pass(1000);
    check_closed(bob, 4503);
    bob = come_back(there, resume, 2);
    pass(6000);
    expect(bob, "welcome");
    say(bob, "{\"t\":\"open\",\"path\":\"main.c\",\"v\":5,\"ep\":\"4.old\"}");
    const json_t *file = expect(bob, "file");
    CHECK_EQ_STR(string(file, "reset"), "epoch");
    CHECK_EQ_STR(string(file, "text"), "bahello world");
    type(bob, 1, "x");
    CHECK_EQ_STR(text_at(there, 1), "xbahello world");
    end_loads();
}

/* A hint may be forged: what is the only copy is not let go by it. */
static void a_forged_ready_does_not_let_a_room_go(void)
{
    two_writers();
    here->dropped = there->dropped = OP(OPEN); /* nobody can load it yet */
    empty_redis();
    pass(1500);
    CHECK(detached_exists(here->registry, "demo"));
    rooms_publish(NULL, "demo", "ready 9.forged 1 evil 9 0", 25);
    rooms_settle();
    pass(2000);
    CHECK(detached_exists(here->registry, "demo"));
    here->dropped = there->dropped = 0;
    pass(8000);
    CHECK_EQ_STR(read_at(here, 1), "bahello world");
    check_gone_on(5);
    end_loads();
}

static void a_room_is_kept_until_a_load_has_succeeded(void)
{
    two_writers();
    store.away = STORE(LOAD);
    empty_redis();
    pass(60000);
    CHECK(detached_exists(here->registry, "demo"));
    CHECK_EQ_INT(here->registry->room_by_id.count, 1);
    store.away = 0;
    pass(20000);
    CHECK_EQ_STR(read_at(here, 1), "bahello world");
    check_gone_on(5);
    end_loads();
}

/* What was sent to the log and not answered when it was lost: not acknowledged, not doubled. */
static void edits_that_wait_are_dropped_with_the_room(void)
{
    two_writers();
    here->held = OP(APPEND);
    json_array_clear(ann->inbox);
    type(ann, 1, "z");
    empty_redis();
    pass(1000);
    here->held = 0;
    pass(6000);
    CHECK(!conn_next(ann, "ack"));
    CHECK_EQ_STR(read_at(there, 1), "bahello world");
    end_loads();
}

/* Offers of a project with more text than one call may hold come in several. */
static void much_text_is_offered_in_parts(void)
{
    begin_stored();
    char *text = mem_alloc(3000001);
    for (uint64_t f = 1; f <= 8; f++) {
        memset(text, (int)('a' + f), 3000000);
        text[3000000] = '\0';
        char path[20];
        snprintf(path, sizeof(path), "%" PRIu64, f);
        store_add(f, path, text);
    }
    free(text);
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    for (uint64_t f = 1; f <= 8; f++) {
        open_file(ann, f);
        type(ann, f, "x");
        json_array_clear(ann->inbox);
    }
    here->held = there->held = OP(CLAIM);
    empty_redis();
    here->dropped = OP(OPEN); /* so that the other one loads it */
    pass(1000);
    cut(bob);
    bob = join(there, "Bob");
    pass(5000);
    here->dropped = 0;
    expect(bob, "welcome");
    CHECK(here->calls[MODEL_OFFER] >= 3);
    for (uint64_t f = 1; f <= 8; f++) {
        const struct model_file *file = model_find_file(demo(), f);
        CHECK_EQ_INT(file->content_len, 3000001);
        CHECK_EQ_INT(file->version, 4);
    }
    end_loads();
}

/* ---- Redis is the store ---- */

static void begin_only_redis(void)
{
    begin();
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    open_file(ann, 1);
    open_file(bob, 1);
    type(ann, 1, "a");
    pass(200);
}

static void without_a_repository_the_instances_are_what_is_left(void)
{
    begin_only_redis();
    uint64_t before = epoch_number(demo()->epoch);
    empty_redis();
    pass(1500);
    check_closed(ann, 4503);
    pass(6000);
    CHECK_EQ_STR(read_at(there, 1), "ahello world");
    CHECK_EQ_INT(epoch_number(demo()->epoch), before + 1);
    CHECK_EQ_INT(dirty_in_redis(), 1); /* for a repository that comes later */
    end();
}

static void a_lost_project_is_recovered_and_not_made_anew(void)
{
    begin_only_redis();
    empty_redis();
    struct conn *carl = connect_to(there);
    hello(carl, "blank");
    create_at(here);
    pass(6000);
    expect(carl, "welcome");
    open_file(carl, 1);
    CHECK_EQ_STR(string(expect(carl, "file"), "text"), "ahello world");
    CHECK_EQ_INT(created_count, 1);
    end();
}

static void what_is_left_but_damaged_is_an_error_and_nothing_is_written(void)
{
    begin_only_redis();
    empty_redis();
    here->held = there->held = OP(OFFERS);
    struct conn *carl = join(here, "Carl");
    pass(4000);
    REQUIRE(rooms.call_count == 1);
    const struct state_sink *sink = &rooms.calls[0].instance->state.port.sink;
    const uint64_t load = rooms.calls[0].call->request;
    sink->offers(sink->owner, &(struct state_offers){.request = load, .result = STATE_BROKEN});
    here->dropped = there->dropped = OP(OFFERS) | OP(OPEN);
    rooms_settle();
    if (rooms.calls[0].instance == here)
        CHECK_EQ_STR(string(expect(carl, "error"), "code"), "internal");
    CHECK(!is_in_redis());
    here->held = there->held = here->dropped = there->dropped = 0;
    CHECK_EQ_STR(read_at(there, 1), "ahello world");
    end();
}

/* Who asked for it has gone, and nobody else is connected. */
static void a_load_goes_on_without_anybody(void)
{
    memset(&rooms, 0, sizeof(rooms));
    rooms_begin(&(struct model_config){
        .lease_ms = 10000, .load_ms = 15000, .history = 1000, .events = 100});
    ann = connect_to(here);
    hello(ann, "blank");
    cut(ann);
    pass(100);
    CHECK(TAILQ_EMPTY(&here->registry->rooms));
    CHECK(!TAILQ_EMPTY(&here->registry->loads));
    CHECK(registry_needs_ticks(here->registry));
    pass(500);
    CHECK(!registry_needs_ticks(here->registry));
    end();
}

static void without_a_repository_a_new_project_asks_the_others_for_a_moment(void)
{
    memset(&rooms, 0, sizeof(rooms));
    rooms_begin(&(struct model_config){
        .lease_ms = 10000, .load_ms = 15000, .history = 1000, .events = 100});
    ann = connect_to(here);
    hello(ann, "blank");
    pass(400);
    quiet(ann);
    pass(300);
    expect(ann, "welcome");
    CHECK(here->published > 0);
    end();
}

static void link_is(bool is_up)
{
    for (int i = 0; i < 2; i++) {
        const struct state_sink *sink = &rooms.all[i].state.port.sink;
        rooms.all[i].dropped = is_up ? 0 : ~0u;
        sink->link(sink->owner, is_up);
    }
}

/* Everybody was sent away meanwhile; the rooms are kept. */
static void a_redis_that_was_away_for_a_minute_may_come_back_empty(void)
{
    begin_only_redis();
    for (int i = 0; i < 2; i++)
        rooms.all[i].registry->config.unload_after_ms = 5000;
    link_is(false);
    pass(60000);
    check_closed(ann, 4503);
    empty_redis();
    link_is(true);
    CHECK_EQ_STR(read_at(there, 1), "ahello world");
    end();
}

static void without_a_repository_nothing_is_saved_or_unloaded(void)
{
    begin_only_redis();
    cut(ann);
    cut(bob);
    pass(60000);
    CHECK(is_in_redis());
    CHECK_EQ_INT(here->calls[MODEL_CLAIM], 0);
    end();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (!getenv("WEFT_TEST_LOG"))
        log_setup((enum log_level)(LOG_ERROR + 1), false);
    RUN(an_emptied_redis_gets_everything_back_from_the_instances);
    RUN(the_newest_replica_wins);
    RUN(what_redis_still_has_is_an_offer_too);
    RUN(a_redis_that_came_back_older_does_not_roll_back);
    RUN(the_repository_is_an_offer_too);
    RUN(keys_that_come_back_after_an_unload_do_not_win);
    RUN(a_save_that_comes_during_the_load_is_not_overlooked);
    RUN(a_deleted_file_does_not_come_back);
    RUN(the_tree_of_another_instance_is_taken);
    RUN(a_room_that_does_not_know_yet_offers_too);
    RUN(a_room_hears_of_the_loss_by_who_comes);
    RUN(what_was_made_a_moment_before_the_loss_is_kept);
    RUN(an_empty_room_is_kept_until_it_is_saved);
    RUN(what_was_made_and_deleted_stays_made_and_deleted);
    RUN(a_client_that_types_on_loses_nothing_over_the_loss);
    RUN(a_forged_ready_does_not_let_a_room_go);
    RUN(a_room_is_kept_until_a_load_has_succeeded);
    RUN(edits_that_wait_are_dropped_with_the_room);
    RUN(much_text_is_offered_in_parts);
    RUN(without_a_repository_the_instances_are_what_is_left);
    RUN(a_lost_project_is_recovered_and_not_made_anew);
    RUN(what_is_left_but_damaged_is_an_error_and_nothing_is_written);
    RUN(a_load_goes_on_without_anybody);
    RUN(without_a_repository_a_new_project_asks_the_others_for_a_moment);
    RUN(a_redis_that_was_away_for_a_minute_may_come_back_empty);
    RUN(without_a_repository_nothing_is_saved_or_unloaded);
    return check_finish();
}
