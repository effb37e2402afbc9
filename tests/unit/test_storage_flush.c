/*
 * The embedded state whose projects are saved by another repository: what it is to be told, when,
 * and what is left of that after a kill.
 */
#include "storage_world.h"
#include "shared_probe.h"
#include "faulty_vfs.h"
#include "weft/base/log.h"
#include "weft/core/epoch.h"

#include <time.h>

#define HOUR_MS 3600000u

static bool start(struct world *world)
{
    if (!world_start(world))
        return false;
    probe_share(&world->probe);
    return true;
}

static void init(struct world *world, uint64_t save_after_ms)
{
    world_init(world);
    world->config.repository = "somewhere/weft";
    world->config.save_after_ms = save_after_ms;
}

/* The project of world_project, as a load would bring it: the other repository has its file. */
static void populate(struct world *world)
{
    static const struct state_seen seen = {9, 4};
    const struct state_populate_file file = {.f = 1,
                                             .version = 7,
                                             .rev = 8,
                                             .saved_version = 7,
                                             .saved_rev = 8,
                                             .path = "a.txt",
                                             .eol = "\r\n",
                                             .text = "base",
                                             .len = 4,
                                             .utf16_len = 4,
                                             .seen = &seen,
                                             .seen_count = 1,
                                             .updated_at = 1730000000000,
                                             .updated_by = 9};
    const struct state_populate populate = {.token = "",
                                            .epoch = "3.abcdefgh",
                                            .name = "A demo",
                                            .template = "blank",
                                            .e = 6,
                                            .next_file = 4,
                                            .files = &file,
                                            .file_count = 1};
    CHECK_EQ_INT(probe_populate(&world->probe, &populate), STATE_OK);
    CHECK_EQ_INT(probe_open(&world->probe, 5, 0, true), STATE_OK);
}

static void start_with_project(struct world *world, uint64_t save_after_ms)
{
    init(world, save_after_ms);
    REQUIRE(start(world));
    populate(world);
}

/* Edit n of cid 5 at the end of file 1, whose text is "base" and "x"s. */
static void type(struct world *world, uint64_t version)
{
    uint64_t n = version - 6;
    CHECK_EQ_INT(probe_append(&world->probe, 1, version, 5, n, 0, 4 + n - 1, "x"), STATE_OK);
}

static const struct state_dirty_file *dirty_file(const struct probe *probe, uint64_t f)
{
    for (size_t i = 0; i < probe->got.dirty_count; i++)
        if (probe->got.dirty[i].f == f)
            return &probe->got.dirty[i];
    return NULL;
}

static size_t count_dirty(struct world *world)
{
    CHECK_EQ_INT(probe_ask_dirty(&world->probe, 16), STATE_OK);
    return world->probe.got.dirty_count;
}

/* Asks until something is due. */
static bool claim(struct world *world)
{
    time_t deadline = time(NULL) + PROBE_SECONDS;
    while (probe_claim(&world->probe, HOUR_MS) == STATE_NO_PROJECT)
        if (time(NULL) > deadline)
            return false;
    return world->probe.got.result == STATE_OK;
}

/* ---- what is dirty ---- */

static void what_changes_is_dirty_until_that_is_saved(void)
{
    struct world world;
    start_with_project(&world, HOUR_MS);
    struct probe *probe = &world.probe;
    CHECK_EQ_INT(count_dirty(&world), 0);
    type(&world, 7);
    CHECK_EQ_INT(count_dirty(&world), 1);
    CHECK_EQ_INT(probe->got.dirty[0].rev, 9);
    CHECK_EQ_INT(probe->got.dirty[0].version, 8);
    CHECK_EQ_STR(probe->got.dirty[0].path, "a.txt");
    CHECK_EQ_STR(probe->got.epoch, "3.abcdefgh");
    CHECK_EQ_INT(probe->got.members, 1);

    CHECK_EQ_INT(probe_rename(probe, 1, NULL, "b.txt"), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 9, 8), STATE_OK); /* as it was read before */
    CHECK_EQ_INT(probe->got.dirty_left, 1);
    CHECK_EQ_INT(count_dirty(&world), 1);
    CHECK_EQ_STR(probe->got.dirty[0].path, "b.txt");
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 10, 8), STATE_OK);
    CHECK_EQ_INT(probe->got.dirty_left, 0);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 9, 7), STATE_OK); /* late: nothing goes back */
    CHECK_EQ_INT(count_dirty(&world), 0);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.files[0].saved_version, 8);

    CHECK_EQ_INT(probe_new_file(probe, "c.txt", "made with a text"), STATE_OK);
    CHECK_EQ_INT(count_dirty(&world), 1);
    CHECK_EQ_INT(probe->got.dirty[0].f, 4);
    CHECK_EQ_INT(probe->got.dirty[0].rev, 1);
    world_close(&world);
}

static void a_read_has_all_that_a_save_needs(void)
{
    struct world world;
    start_with_project(&world, HOUR_MS);
    struct probe *probe = &world.probe;
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_STR(probe->got.path, "a.txt");
    CHECK_EQ_STR(probe->got.eol, "\r\n");
    CHECK_EQ_INT(probe->got.updated_at, 1730000000000);
    CHECK_EQ_INT(probe->got.updated_by, 9);
    type(&world, 7);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK(probe->got.updated_at > 1730000000000);
    CHECK_EQ_INT(probe->got.updated_by, 5);
    CHECK_EQ_INT(probe->got.seen_count, 2);
    world_close(&world);
}

static void a_deleted_file_leaves_a_tombstone(void)
{
    struct world world;
    start_with_project(&world, HOUR_MS);
    struct probe *probe = &world.probe;
    CHECK_EQ_INT(probe_delete(probe, 1, NULL), STATE_OK);
    CHECK_EQ_INT(count_dirty(&world), 1);
    CHECK(probe->got.dirty[0].deleted);
    CHECK_EQ_INT(probe->got.dirty[0].rev, 9);
    CHECK_EQ_STR(probe->got.dirty[0].path, "a.txt");
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 8, 7), STATE_OK); /* of when it was there */
    CHECK_EQ_INT(probe->got.dirty_left, 1);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 9, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.dirty_left, 0);
    CHECK_EQ_INT(count_dirty(&world), 0);
    world_close(&world);
}

/* ---- when ---- */

static void a_change_is_due_and_claimed_by_one(void)
{
    struct world world;
    start_with_project(&world, 0);
    struct probe *probe = &world.probe;
    REQUIRE(claim(&world)); /* the populating */
    CHECK_EQ_STR(probe->got.project, "demo");
    probe_settle_as(probe, probe->got.token, STATE_SETTLED_WELL);
    CHECK_EQ_INT(probe_claim(probe, HOUR_MS), STATE_NO_PROJECT); /* nothing is dirty */
    type(&world, 7);
    REQUIRE(claim(&world));
    char lease[24];
    snprintf(lease, sizeof lease, "%s", probe->got.token);
    type(&world, 8);
    CHECK_EQ_INT(probe_claim(probe, HOUR_MS), STATE_NO_PROJECT);
    probe_settle_as(probe, "999", STATE_SETTLED_FAILED); /* not its lease */
    CHECK_EQ_INT(probe_claim(probe, HOUR_MS), STATE_NO_PROJECT);
    probe_settle_as(probe, lease, STATE_SETTLED_FAILED);
    REQUIRE(claim(&world));
    CHECK_EQ_INT(probe->got.tries, 1);
    CHECK(strcmp(probe->got.token, lease) != 0);
    probe_settle_as(probe, probe->got.token, STATE_SETTLED_UNKNOWN);
    REQUIRE(claim(&world));
    CHECK_EQ_INT(probe->got.tries, 1);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 10, 9), STATE_OK);
    world_close(&world);
}

static void a_lease_ends(void)
{
    struct world world;
    start_with_project(&world, 0);
    struct probe *probe = &world.probe;
    type(&world, 7);
    time_t deadline = time(NULL) + PROBE_SECONDS;
    while (probe_claim(probe, 1) != STATE_OK && time(NULL) < deadline)
        ;
    char lease[24];
    snprintf(lease, sizeof lease, "%s", probe->got.token);
    REQUIRE(claim(&world)); /* it was never settled */
    CHECK(strcmp(probe->got.token, lease) != 0);
    world_close(&world);
}

static void what_somebody_leaves_is_due_at_once(void)
{
    struct world world;
    start_with_project(&world, HOUR_MS);
    struct probe *probe = &world.probe;
    type(&world, 7);
    CHECK_EQ_INT(probe_claim(probe, HOUR_MS), STATE_NO_PROJECT);
    probe_leave(probe, 5, 1);
    CHECK_EQ_INT(probe_claim(probe, HOUR_MS), STATE_OK);
    probe_leave(probe, 5, 1); /* which is under way */
    CHECK_EQ_INT(probe_claim(probe, HOUR_MS), STATE_NO_PROJECT);
    world_close(&world);
}

/* ---- after a kill ---- */

static void a_kill_leaves_what_is_not_saved(void)
{
    struct world world, killed;
    start_with_project(&world, HOUR_MS);
    struct probe *probe = &world.probe;
    CHECK_EQ_INT(probe_new_file(probe, "gone.txt", "g"), STATE_OK);
    CHECK_EQ_INT(probe_new_file(probe, "kept.txt", "k"), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 5, 1, 0), STATE_OK);
    CHECK_EQ_INT(probe_delete(probe, 4, NULL), STATE_OK);
    type(&world, 7);
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 9, 8), STATE_OK);
    type(&world, 8);
    copy_world(&world, &killed);
    world_close(&world);

    killed.config = world.config;
    killed.config.folder = killed.folder;
    probe = &killed.probe;
    REQUIRE(start(&killed));
    CHECK_EQ_INT(probe_open(probe, 5, 0, true), STATE_OK);
    CHECK_EQ_INT(probe_listed(probe, "a.txt")->saved_version, 8); /* not what was folded at start */
    CHECK_EQ_INT(probe_claim(probe, HOUR_MS), STATE_OK);          /* at once */
    CHECK_EQ_INT(count_dirty(&killed), 2);
    const struct state_dirty_file *file = dirty_file(probe, 1), *gone = dirty_file(probe, 4);
    REQUIRE(file && gone);
    CHECK_EQ_INT(file->rev, 10);
    CHECK_EQ_INT(file->version, 9);
    CHECK(gone->deleted && gone->rev == 2);
    char *text = probe_fold(probe, 1);
    CHECK_EQ_STR(text, "basexx");
    free(text);
    CHECK_EQ_INT(probe_append(probe, 1, 9, 5, 2, 0, 6, "x"), STATE_SEEN); /* nothing twice */
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 10, 9), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(probe, 4, 2, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.dirty_left, 0);
    world_stop(&killed);
    REQUIRE(start(&killed));
    CHECK_EQ_INT(probe_claim(probe, HOUR_MS), STATE_NO_PROJECT);
    world_close(&killed);
}

static void a_tombstone_alone_is_due_after_a_start(void)
{
    struct world world;
    start_with_project(&world, HOUR_MS);
    CHECK_EQ_INT(probe_delete(&world.probe, 1, NULL), STATE_OK);
    world_stop(&world);
    REQUIRE(start(&world));
    CHECK_EQ_INT(probe_claim(&world.probe, HOUR_MS), STATE_OK);
    world_close(&world);
}

static void after_lost_history_all_is_dirty(void)
{
    struct world world, killed;
    init(&world, HOUR_MS);
    world.config.boot_id = "one";
    REQUIRE(start(&world));
    populate(&world);
    copy_world(&world, &killed);
    world_close(&world);
    killed.config = world.config;
    killed.config.folder = killed.folder;
    killed.config.boot_id = "two";
    REQUIRE(start(&killed));
    CHECK_EQ_INT(probe_claim(&killed.probe, HOUR_MS), STATE_OK);
    CHECK_EQ_INT(count_dirty(&killed), 1);
    CHECK_EQ_INT(epoch_number(killed.probe.got.epoch), 4);
    CHECK_EQ_INT(probe_open(&killed.probe, 0, 0, false), STATE_OK);
    CHECK_EQ_INT(probe_tell_saved(&killed.probe, 1, 8, 7), STATE_OK);
    CHECK_EQ_INT(killed.probe.got.dirty_left, 0);
    world_close(&killed);
}

/* The thread reads the database anew: dirty stays dirty, due, and is still saved elsewhere. */
static void a_disk_that_failed_changes_nothing(void)
{
    struct world world;
    faulty_disk_install();
    start_with_project(&world, 0);
    struct probe *probe = &world.probe;
    REQUIRE(claim(&world));
    type(&world, 7);
    disk_fail_after(0, SQLITE_IOERR_WRITE, false, false);
    CHECK_EQ_INT(probe_append(probe, 1, 8, 5, 2, 0, 5, "x"), STATE_BUSY);
    disk_mend();
    REQUIRE(claim(&world)); /* the lease of before is forgotten */
    CHECK_EQ_INT(count_dirty(&world), 1);
    CHECK_EQ_INT(probe->got.dirty[0].version, 8);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.files[0].saved_version, 7);
    world_close(&world);
}

/* ---- the text behind the journal ---- */

static void its_own_saves_are_only_what_the_journal_may_forget(void)
{
    struct world world;
    start_with_project(&world, HOUR_MS);
    struct probe *probe = &world.probe;
    type(&world, 7);
    type(&world, 8);
    CHECK_EQ_INT(probe_save(probe, 1, 8, 9, "basex"), REPOSITORY_OK);
    CHECK_EQ_INT(probe_save(probe, 1, 8, 9, "other"), REPOSITORY_OLDER);
    CHECK_EQ_INT(count_dirty(&world), 1);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_STR(probe->got.content, "basex");
    CHECK_EQ_INT(probe->got.content_version, 8);
    CHECK_EQ_INT(probe->got.saved_version, 7);
    /* What the other one has does not keep the text from being written. */
    CHECK_EQ_INT(probe_tell_saved(probe, 1, 10, 9), STATE_OK);
    CHECK_EQ_INT(probe_save(probe, 1, 9, 10, "basexx"), REPOSITORY_OK);
    snprintf(probe->epoch, sizeof probe->epoch, "2.abcdefgh");
    CHECK_EQ_INT(probe_save(probe, 1, 9, 11, "older"), REPOSITORY_OLDER);
    world_close(&world);
}

static void the_journal_keeps_what_is_not_folded(void)
{
    struct world world;
    init(&world, HOUR_MS);
    world.config.history = 1;
    REQUIRE(start(&world));
    populate(&world);
    struct probe *probe = &world.probe;
    uint64_t v = 7;
    for (; v < 1607; v++)
        type(&world, v);
    /* All of it is saved elsewhere; here the text is that of the beginning. */
    CHECK_EQ_INT(probe_tell_saved(probe, 1, v + 1, v), STATE_OK);
    CHECK_EQ_INT(probe_new_file(probe, "b.txt", "b"), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 4, 0, 5, 1, 0, 1, "y"), STATE_OK);
    CHECK_EQ_INT(probe_save(probe, 4, 1, 2, "by"), REPOSITORY_OK); /* which looks what can go */
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, 1600);
    char *text = probe_fold(probe, 1);
    REQUIRE(text != NULL);
    CHECK_EQ_INT(probe_save(probe, 1, v, v + 1, text), REPOSITORY_OK);
    CHECK_EQ_INT(probe_read(probe, 1, false, v - 100), STATE_TRIMMED);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_STR(probe->got.content, text);
    free(text);
    world_stop(&world);
    REQUIRE(start(&world));
    CHECK_EQ_INT(storage_counts(world.storage).broken, 0);
    world_close(&world);
}

/* ---- loading ---- */

static void what_is_not_here_is_to_be_loaded_once(void)
{
    struct world world;
    init(&world, HOUR_MS);
    REQUIRE(start(&world));
    struct probe *probe = &world.probe;
    CHECK_EQ_INT(probe_open(probe, 5, 1, true), STATE_LOAD);
    char token[64];
    snprintf(token, sizeof token, "%s", probe->got.token);
    CHECK(strlen(token) >= 16);
    world_stop(&world);
    REQUIRE(start(&world));
    CHECK_EQ_INT(probe_open(probe, 5, 1, true), STATE_LOAD);
    CHECK_EQ_STR(probe->got.token, token); /* the folder's */
    populate(&world);
    type(&world, 7);
    populate(&world); /* somebody asked twice: nothing goes back */
    CHECK_EQ_INT(probe->got.files[0].version, 8);
    CHECK_EQ_STR(probe->got.name, "A demo");
    CHECK_EQ_INT(probe->got.e, 6);
    CHECK_EQ_INT(probe_append(probe, 1, 8, 9, 4, 0, 5, "z"), STATE_SEEN); /* before the load */
    world_stop(&world);
    REQUIRE(start(&world));
    CHECK_EQ_INT(probe_open(probe, 5, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.files[0].version, 8);
    CHECK_EQ_INT(probe->got.e, 6);
    CHECK_EQ_INT(probe_append(probe, 1, 8, 9, 4, 0, 5, "z"), STATE_SEEN);
    CHECK_EQ_INT(probe_new_file(probe, "d.txt", "d"), STATE_OK);
    CHECK_EQ_INT(probe->got.entries[0].f, 4);
    CHECK_EQ_INT(storage_counts(world.storage).broken, 0);
    world_close(&world);

    world_init(&world); /* without another repository there is nothing to load */
    REQUIRE(start(&world));
    CHECK_EQ_INT(probe_open(&world.probe, 5, 1, true), STATE_NO_PROJECT);
    CHECK(storage_state(world.storage)->ops->claim == NULL);
    world_close(&world);
}

static void a_fresh_load_leaves_all_dirty(void)
{
    struct world world;
    init(&world, 0);
    REQUIRE(start(&world));
    struct probe *probe = &world.probe;
    const struct state_populate_file file = {
        .f = 2, .version = 3, .rev = 4, .path = "a", .eol = "\n", .text = "", .dirty = true};
    const struct state_populate_deleted gone = {1, 5, "gone"};
    const struct state_populate all = {.epoch = "9.abcdefgh",
                                       .name = "n",
                                       .template = "",
                                       .next_file = 3,
                                       .files = &file,
                                       .file_count = 1,
                                       .deleted = &gone,
                                       .deleted_count = 1};
    CHECK_EQ_INT(probe_populate(probe, &all), STATE_OK);
    REQUIRE(claim(&world));
    CHECK_EQ_INT(count_dirty(&world), 2);
    REQUIRE(dirty_file(probe, 1) && dirty_file(probe, 2));
    CHECK(dirty_file(probe, 1)->deleted);
    CHECK_EQ_INT(dirty_file(probe, 2)->rev, 4);
    world_close(&world);
}

/* ---- from one to another ---- */

static void another_repository_is_told_all(void)
{
    struct world world;
    start_with_project(&world, HOUR_MS);
    world_stop(&world);
    world.config.repository = "elsewhere/weft";
    REQUIRE(start(&world));
    struct probe *probe = &world.probe;
    CHECK_EQ_INT(probe_claim(probe, HOUR_MS), STATE_OK);
    CHECK_EQ_INT(count_dirty(&world), 1);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe->got.files[0].saved_version, 0);
    world_close(&world);
}

static void a_folder_without_one_gets_one_and_loses_it(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(start(&world));
    world_project(&world);
    write_words(&world, 0, 3);
    world_stop(&world);
    world.config.repository = "somewhere/weft";
    REQUIRE(start(&world));
    struct probe *probe = &world.probe;
    CHECK_EQ_INT(probe_claim(probe, HOUR_MS), STATE_OK);
    CHECK_EQ_INT(count_dirty(&world), 1);
    CHECK_EQ_INT(probe_open(probe, 5, 0, false), STATE_OK);
    CHECK_EQ_INT(probe_delete(probe, 1, NULL), STATE_OK);
    CHECK_EQ_INT(probe_new_file(probe, "b.txt", "b"), STATE_OK);
    world_stop(&world);
    world.config.repository = NULL;
    REQUIRE(start(&world));
    CHECK_EQ_INT(probe_open(probe, 5, 0, true), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 2, 0, 5, 1, 0, 1, "x"), STATE_OK);
    CHECK_EQ_INT(probe_save(probe, 2, 1, 2, "bx"), REPOSITORY_OK);
    CHECK_EQ_INT(probe_save(probe, 2, 1, 2, "by"), REPOSITORY_OLDER);
    world_stop(&world);
    CHECK_EQ_INT(world_number(&world, "SELECT count(*) FROM tombstone"), 0);
    CHECK_EQ_INT(world_number(&world, "SELECT saved_version FROM file"), 1);
    world_close(&world);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    log_setup(LOG_ERROR + 1, false);
    RUN(what_changes_is_dirty_until_that_is_saved);
    RUN(a_read_has_all_that_a_save_needs);
    RUN(a_deleted_file_leaves_a_tombstone);
    RUN(a_change_is_due_and_claimed_by_one);
    RUN(a_lease_ends);
    RUN(what_somebody_leaves_is_due_at_once);
    RUN(a_kill_leaves_what_is_not_saved);
    RUN(a_tombstone_alone_is_due_after_a_start);
    RUN(after_lost_history_all_is_dirty);
    RUN(its_own_saves_are_only_what_the_journal_may_forget);
    RUN(the_journal_keeps_what_is_not_folded);
    RUN(what_is_not_here_is_to_be_loaded_once);
    RUN(a_fresh_load_leaves_all_dirty);
    RUN(another_repository_is_told_all);
    RUN(a_folder_without_one_gets_one_and_loses_it);
    RUN(a_disk_that_failed_changes_nothing); /* the last: its disk stays */
    return check_finish();
}
