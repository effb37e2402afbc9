/* How a project comes into the shared state from the repository, and who waits for it. */
#include "check.h"

#include "load_talk.h"

#include "core/loader.h"
#include "weft/base/log.h"

static struct conn *people[64];

/* ---- an ordinary load ---- */

static void the_first_who_joins_loads_it_from_the_repository(void)
{
    begin_stored();
    ann = join(here, "Ann");
    const json_t *welcome = expect(ann, "welcome");
    CHECK_EQ_STR(string(welcome, "ep"), "4.old");
    CHECK_EQ_INT(json_array_size(json_object_get(welcome, "files")), 2);
    open_file(ann, 1);
    const json_t *file = expect(ann, "file");
    CHECK_EQ_STR(string(file, "text"), "hello world");
    CHECK_EQ_INT(number(file, "v"), 3);
    CHECK_EQ_INT(number(file, "s"), 3);
    CHECK_EQ_STR(store.live, demo()->live);
    CHECK_EQ_INT(dirty_in_redis(), 0);
    CHECK_EQ_INT(registry_counts(here->registry)->loads, 1);
    CHECK_EQ_INT(registry_counts(here->registry)->recoveries, 0);
    CHECK_EQ_INT(here->published, 0); /* nobody was asked for anything */
    end_loads();
}

static void numbers_of_authors_come_with_the_file(void)
{
    begin_stored();
    stored(1)->seen[0] = (struct state_seen){77, 9};
    stored(1)->seen_count = 1;
    ann = join(here, "Ann");
    expect(ann, "welcome");
    CHECK_EQ_INT(model_seen(model_find_file(demo(), 1), 77), 9);
    end_loads();
}

static void of_fifty_who_come_at_once_one_loads_and_all_are_welcome(void)
{
    begin_stored();
    store.held = STORE(LOAD);
    for (int i = 0; i < 50; i++)
        people[i] = join(i % 2 ? here : there, "Somebody");
    pass(1000);
    CHECK_EQ_INT(store.made[STORE_LOAD], 1);
    for (int i = 0; i < 50; i++)
        quiet(people[i]);
    store.held = 0;
    pass(1000);
    for (int i = 0; i < 50; i++)
        expect(people[i], "welcome");
    CHECK_EQ_INT(store.made[STORE_LOAD], 1);
    CHECK_EQ_INT(here->calls[MODEL_POPULATE] + there->calls[MODEL_POPULATE], 1);
    end_loads();
}

static void what_is_said_before_welcome_is_answered_behind_it(void)
{
    begin_stored();
    store.held = STORE(LOAD);
    ann = join(here, "Ann");
    open_file(ann, 1);
    pass(500);
    quiet(ann);
    store.held = 0;
    pass(100);
    CHECK_EQ_STR(string(expect(ann, "file"), "text"), "hello world");
    end_loads();
}

/* The others need not wait until they ask again: they hear that it is ready. */
static void who_waits_elsewhere_is_told_that_it_is_ready(void)
{
    begin_stored();
    store.held = STORE(LOAD);
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    uint64_t asked = there->calls[MODEL_OPEN];
    store.held = 0;
    rooms_settle();
    expect(bob, "welcome");
    CHECK_EQ_INT(there->calls[MODEL_OPEN], asked + 1);
    end_loads();
}

static void forge_ready(void)
{
    const struct bus_sink *sink = &there->bus.sink;
    sink->received(sink->owner, "demo", "ready 9.forged 1 evil 9 0", 25);
    rooms_settle();
}

/* It may be forged: a flood of it makes nobody ask all the time, and hides no true one. */
static void who_waits_asks_seldom_however_often_it_is_said_to_be_ready(void)
{
    begin_stored();
    store.held = STORE(LOAD);
    ann = join(here, "Ann");
    bob = join(there, "Bob");
    uint64_t asked = there->calls[MODEL_OPEN];
    for (int ticks = 0; ticks < 10; ticks++) {
        for (int i = 0; i < 50; i++)
            forge_ready();
        pass(50);
    }
    CHECK(there->calls[MODEL_OPEN] - asked >= 10);
    CHECK(there->calls[MODEL_OPEN] - asked <= 21);
    forge_ready();
    store.held = 0;
    rooms_settle();
    pass(50);
    expect(bob, "welcome");
    end_loads();
}

static void what_cannot_be_understood_is_an_error_to_all_and_nothing_is_written(void)
{
    begin_stored();
    store.is_broken = true;
    store.held = STORE(LOAD);
    for (int i = 0; i < 3; i++)
        people[i] = join(here, "Somebody");
    store.held = 0;
    rooms_settle();
    for (int i = 0; i < 3; i++) {
        CHECK_EQ_STR(string(expect(people[i], "error"), "code"), "internal");
        check_closed(people[i], 1011);
    }
    pass(30000);
    CHECK(!is_in_redis());
    CHECK_EQ_INT(store.made[STORE_SAVE] + store.made[STORE_BEGIN], 0);
    CHECK_EQ_STR(stored_text(1), "hello world");
    store.is_broken = false;
    CHECK_EQ_STR(read_at(there, 1), "hello world"); /* the lease was given up */
    end_loads();
}

static void a_stored_text_that_is_no_text_is_never_made_an_empty_one(void)
{
    begin_stored();
    strcpy(stored(1)->text, "\xff");
    ann = join(here, "Ann");
    CHECK_EQ_STR(string(expect(ann, "error"), "code"), "internal");
    CHECK(!is_in_redis());
    end_loads();
}

static void while_the_repository_is_away_who_waits_is_told_busy(void)
{
    begin_stored();
    store.away = STORE(LOAD);
    ann = join(here, "Ann");
    pass(500);
    CHECK_EQ_STR(string(expect(ann, "error"), "code"), "busy");
    check_closed(ann, 4503);
    store.away = 0;
    pass(2000); /* the load goes on */
    CHECK(is_in_redis());
    CHECK_EQ_STR(read_at(there, 1), "hello world");
    end_loads();
}

static void one_hiccup_of_the_repository_is_nobodys_business(void)
{
    begin_stored();
    store.away = STORE(LOAD);
    ann = join(here, "Ann");
    store.away = 0;
    pass(500);
    expect(ann, "welcome");
    CHECK_EQ_INT(store.made[STORE_LOAD], 2);
    end_loads();
}

static void a_load_is_given_up_before_its_lease_ends(void)
{
    begin_stored();
    store.away = STORE(LOAD);
    ann = join(here, "Ann");
    pass(13000);
    CHECK(loader_is_loading(here->registry, "demo"));
    pass(2000);
    CHECK(!loader_is_loading(here->registry, "demo"));
    CHECK_EQ_INT(registry_counts(here->registry)->load_failures, 1);
    uint64_t made = store.made[STORE_LOAD];
    pass(2000);
    CHECK_EQ_INT(store.made[STORE_LOAD], made);
    store.away = 0;
    CHECK_EQ_STR(read_at(there, 1), "hello world");
    end_loads();
}

static void a_begin_of_unknown_outcome_is_settled_by_reading(void)
{
    begin_stored();
    store.lost = STORE(BEGIN);
    ann = join(here, "Ann");
    store.lost = 0;
    pass(500);
    CHECK_EQ_STR(string(expect(ann, "welcome"), "ep"), "4.old");
    CHECK_EQ_INT(store.made[STORE_BEGIN], 1);
    CHECK_EQ_STR(store.live, demo()->live);
    end_loads();
}

static void a_begin_that_was_not_done_is_made_again(void)
{
    begin_stored();
    store.away = STORE(BEGIN);
    ann = join(here, "Ann");
    store.away = 0;
    pass(500);
    CHECK_EQ_STR(string(expect(ann, "welcome"), "ep"), "4.old");
    CHECK_EQ_INT(store.made[STORE_BEGIN], 2);
    end_loads();
}

static void another_loads_in_between(enum store_op op)
{
    if (op == STORE_BEGIN)
        store_go_live("another");
    store.before = NULL;
}

/* Somebody else made it live between load and begin: then history may be lost, and it is asked. */
static void a_begin_that_another_was_before_reads_again(void)
{
    begin_stored();
    store.held = STORE(BEGIN);
    ann = join(here, "Ann");
    store.before = another_loads_in_between;
    store.held = 0;
    rooms_settle();
    quiet(ann);
    pass(3500);
    CHECK_EQ_INT(epoch_number(string(expect(ann, "welcome"), "ep")), 5);
    CHECK_EQ_INT(epoch_number(store.epoch), 5);
    CHECK_EQ_INT(dirty_in_redis(), 2);
    end_loads();
}

static void a_populate_of_unknown_outcome_is_made_again(void)
{
    begin_stored();
    here->cut = OP(POPULATE);
    ann = join(here, "Ann");
    here->cut = 0;
    pass(1000);
    CHECK_EQ_STR(string(expect(ann, "welcome"), "ep"), "4.old");
    CHECK_EQ_INT(here->calls[MODEL_POPULATE], 2);
    here->dropped = 0;
    end_loads();
}

static void a_lease_of_which_the_answer_was_lost_is_told_again(void)
{
    begin_stored();
    here->cut = OP(OPEN);
    ann = join(here, "Ann");
    here->cut = 0;
    pass(1000);
    expect(ann, "welcome");
    end_loads();
}

/* The lease ended and somebody else had it: what this one brings is refused. */
static void a_populate_under_a_lost_lease_writes_nothing(void)
{
    begin_stored();
    here->held = OP(POPULATE);
    ann = join(here, "Ann");
    pass(16000);
    check_closed(ann, 4503); /* it waited long enough */
    CHECK_EQ_STR(read_at(there, 1), "hello world");
    char epoch[EPOCH_SIZE];
    snprintf(epoch, sizeof(epoch), "%s", demo()->epoch);
    here->held = 0;
    pass(1000);
    CHECK_EQ_STR(demo()->epoch, epoch);
    CHECK_EQ_STR(store.live, demo()->live);
    end_loads();
}

static void nobody_waits_for_ever(void)
{
    begin_stored();
    here->dropped = OP(OPEN);
    ann = join(here, "Ann");
    pass(9900);
    quiet(ann);
    pass(200);
    CHECK_EQ_STR(string(expect(ann, "error"), "code"), "busy");
    check_closed(ann, 4503);
    uint64_t tries = here->calls[MODEL_OPEN];
    CHECK(tries > 9 && tries < 100);
    pass(3000);
    CHECK_EQ_INT(here->calls[MODEL_OPEN], tries);
    CHECK_EQ_INT(here->registry->room_by_id.count, 0);
    end_loads();
}

static void who_goes_while_waiting_is_forgotten(void)
{
    begin_stored();
    store.held = STORE(LOAD);
    ann = join(here, "Ann");
    bob = join(here, "Bob");
    cut(ann);
    store.held = 0;
    pass(1000);
    expect(bob, "welcome");
    CHECK_EQ_INT(model_members(&rooms.model, demo()), 1);
    end_loads();
}

/* ---- creation ---- */

static const struct template_file template_files[] = {{"a.js", "let a;\r\n", 8}, {"b.js", "", 0}};
static const struct template templates[] = {
    {.name = "two", .title = "Two", .files = template_files, .file_count = 2}};

static void begin_without_project(void)
{
    begin_loads();
    for (int i = 0; i < 2; i++) {
        rooms.all[i].registry->config.templates = templates;
        rooms.all[i].registry->config.template_count = 1;
    }
}

static void what_is_nowhere_is_no_project(void)
{
    begin_without_project();
    ann = join(here, "Ann");
    CHECK_EQ_STR(string(expect(ann, "error"), "code"), "no_project");
    check_closed(ann, 4404);
    CHECK_EQ_INT(model_keys(&rooms.model, "demo"), 0);
    end_loads();
}

static void what_is_made_while_the_others_are_asked_is_there(void)
{
    begin_without_project();
    struct model_project *project = model_make(&rooms.model, "demo");
    project->phase = MODEL_RECOVERING; /* a load that another run of Redis has cut off */
    project->run = "another";
    ann = join(here, "Ann");
    pass(1000);
    CHECK(loader_is_loading(here->registry, "demo"));
    store.is_there = true;
    snprintf(store.epoch, sizeof(store.epoch), "1.late");
    store_add(1, "a.js", "made");
    pass(5000);
    expect(ann, "welcome");
    CHECK_EQ_STR(read_at(there, 1), "made");
    end_loads();
}

static void a_template_makes_it_in_the_repository_and_it_is_loaded_from_there(void)
{
    begin_without_project();
    ann = connect_to(here);
    bob = connect_to(there);
    hello(ann, "two");
    hello(bob, "two");
    pass(500);
    CHECK_EQ_STR(string(expect(ann, "welcome"), "ep"), "1.new");
    CHECK_EQ_STR(string(expect(bob, "welcome"), "ep"), "1.new");
    CHECK_EQ_INT(store.made[STORE_CREATE], 1);
    open_file(bob, 1);
    CHECK_EQ_STR(string(expect(bob, "file"), "text"), "let a;\n");
    end_loads();
}

static void a_creation_of_unknown_outcome_is_settled_by_opening(void)
{
    for (int i = 0; i < 2; i++) {
        begin_without_project();
        unsigned *fault = i ? &store.lost : &store.away;
        *fault = STORE(CREATE);
        ann = connect_to(here);
        hello(ann, "two");
        *fault = 0;
        pass(500);
        expect(ann, "welcome");
        end_loads();
    }
}

static void over_http_a_project_is_made_once(void)
{
    begin_without_project();
    create_at(here);
    CHECK_EQ_INT(created_count, 1);
    CHECK_EQ_INT(created, ERR_OK);
    create_at(there);
    pass(1000);
    CHECK_EQ_INT(created_count, 1);
    CHECK_EQ_INT(created, ERR_EXISTS);
    CHECK_EQ_STR(stored_text(1), "let a;\n");
    end_loads();
}

static void over_http_a_creation_whose_answer_was_lost_is_one(void)
{
    begin_without_project();
    store.lost = STORE(CREATE);
    create_at(here);
    store.lost = 0;
    pass(1000);
    CHECK_EQ_INT(created_count, 1);
    CHECK_EQ_INT(created, ERR_OK);
    end_loads();
}

/* It is there before it is known who made it. */
static void over_http_a_creation_is_answered_when_its_own_answer_is_here(void)
{
    begin_without_project();
    store.held = STORE(CREATE);
    create_at(here);
    store.is_there = true;
    snprintf(store.epoch, sizeof(store.epoch), "1.new");
    store.next_file = 1;
    bob = join(there, "Bob");
    pass(500);
    expect(bob, "welcome");
    CHECK_EQ_INT(created_count, 0);
    CHECK_EQ_INT(store.made[STORE_CREATE], 1);
    store.is_there = false; /* as if the creation had been what made it */
    store.held = 0;
    rooms_settle();
    CHECK_EQ_INT(created_count, 1);
    CHECK_EQ_INT(created, ERR_OK);
    end_loads();
}

static void over_http_a_creation_is_given_up(void)
{
    begin_without_project();
    store.away = STORE(CREATE);
    create_at(here);
    pass(9000);
    CHECK_EQ_INT(created_count, 0);
    pass(2000);
    CHECK_EQ_INT(created_count, 1);
    CHECK_EQ_INT(created, ERR_BUSY);
    end_loads();
}

static void a_query_waits_too(void)
{
    begin_stored();
    store.held = STORE(LOAD);
    ask_file(here, "main.c");
    pass(1000);
    CHECK_EQ_INT(found_count, 0);
    store.held = 0;
    pass(500);
    CHECK_EQ_INT(found_count, 1);
    CHECK_EQ_INT(found, ERR_OK);
    CHECK_EQ_STR(found_text, "hello world");
    end_loads();
}

static void a_query_is_given_up_too(void)
{
    begin_stored();
    store.away = STORE(LOAD);
    ask_file(here, "main.c");
    pass(1000);
    CHECK_EQ_INT(found_count, 1);
    CHECK_EQ_INT(found, ERR_BUSY);
    store.away = 0;
    store.is_broken = true;
    ask_file(there, "main.c");
    pass(20000);
    CHECK_EQ_INT(found_count, 1);
    CHECK(found == ERR_INTERNAL || found == ERR_BUSY);
    end_loads();
}

/* The room here is of before; the answer is of another history. */
static void a_query_does_not_answer_from_a_history_that_is_over(void)
{
    begin_stored();
    ann = join(here, "Ann");
    open_file(ann, 1);
    here->held = OP(POLL);
    here->is_deaf = true;
    restart_redis(1);
    bob = join(there, "Bob");
    pass(4000);
    expect(bob, "welcome");
    CHECK_EQ_INT(epoch_number(demo()->epoch), 5);
    ask_file(here, "main.c");
    CHECK_EQ_INT(found_count, 1);
    CHECK_EQ_INT(found, ERR_OK);
    CHECK_EQ_STR(found_epoch, demo()->epoch);
    check_closed(ann, 4503);
    end_loads();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    if (!getenv("WEFT_TEST_LOG"))
        log_setup((enum log_level)(LOG_ERROR + 1), false);
    RUN(the_first_who_joins_loads_it_from_the_repository);
    RUN(numbers_of_authors_come_with_the_file);
    RUN(of_fifty_who_come_at_once_one_loads_and_all_are_welcome);
    RUN(what_is_said_before_welcome_is_answered_behind_it);
    RUN(who_waits_elsewhere_is_told_that_it_is_ready);
    RUN(who_waits_asks_seldom_however_often_it_is_said_to_be_ready);
    RUN(a_query_waits_too);
    RUN(a_query_is_given_up_too);
    RUN(a_query_does_not_answer_from_a_history_that_is_over);
    RUN(what_cannot_be_understood_is_an_error_to_all_and_nothing_is_written);
    RUN(a_stored_text_that_is_no_text_is_never_made_an_empty_one);
    RUN(while_the_repository_is_away_who_waits_is_told_busy);
    RUN(one_hiccup_of_the_repository_is_nobodys_business);
    RUN(a_load_is_given_up_before_its_lease_ends);
    RUN(a_begin_of_unknown_outcome_is_settled_by_reading);
    RUN(a_begin_that_was_not_done_is_made_again);
    RUN(a_begin_that_another_was_before_reads_again);
    RUN(a_populate_of_unknown_outcome_is_made_again);
    RUN(a_lease_of_which_the_answer_was_lost_is_told_again);
    RUN(a_populate_under_a_lost_lease_writes_nothing);
    RUN(nobody_waits_for_ever);
    RUN(who_goes_while_waiting_is_forgotten);
    RUN(what_is_nowhere_is_no_project);
    RUN(what_is_made_while_the_others_are_asked_is_there);
    RUN(a_template_makes_it_in_the_repository_and_it_is_loaded_from_there);
    RUN(a_creation_of_unknown_outcome_is_settled_by_opening);
    RUN(over_http_a_project_is_made_once);
    RUN(over_http_a_creation_whose_answer_was_lost_is_one);
    RUN(over_http_a_creation_is_answered_when_its_own_answer_is_here);
    RUN(over_http_a_creation_is_given_up);
    return check_finish();
}
