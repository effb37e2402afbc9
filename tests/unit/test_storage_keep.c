/*
 * What the embedded store keeps: over a restart, by saving, and for how long.
 */
#include "storage_world.h"
#include "weft/base/log.h"

#include <fcntl.h>

/* ---- what a restart keeps ---- */

static void a_restart_keeps_versions_authors_and_generations(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    struct probe *probe = &world.probe;
    write_words(&world, 0, 3);
    CHECK_EQ_INT(probe_rename(probe, 1, NULL, "b.txt"), STATE_OK);
    uint64_t rev = probe->got.entries[0].rev;
    write_words(&world, 3, 5);
    CHECK_EQ_INT(probe->got.rev, rev + 2);
    CHECK_EQ_INT(probe_open(probe, 9, 7, false), STATE_OK);
    world_stop(&world);

    REQUIRE(world_start(&world));
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    const struct state_file *file = probe_listed(probe, "b.txt");
    REQUIRE(file != NULL);
    CHECK_EQ_INT(file->version, 5);
    CHECK_EQ_INT(file->saved_version, 5); /* folded at start */
    CHECK_EQ_INT(file->size, 29);
    CHECK_EQ_INT(file->rev, rev + 2);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_STR(probe->got.content, "baseword word word word word ");
    CHECK_EQ_INT(probe->got.message_count, 0);
    CHECK_EQ_INT(probe_read(probe, 1, false, 1), STATE_OK); /* for clients that lag */
    CHECK_EQ_INT(probe->got.message_count, 4);
    CHECK_EQ_INT(probe_append(probe, 1, 5, 5, 5, 0, 29, "x"), STATE_SEEN);
    CHECK_EQ_INT(probe_open(probe, 9, 7, false), STATE_STRAGGLER);
    CHECK_EQ_INT(probe_append(probe, 1, 5, 9, 1, 6, 29, "x"), STATE_FENCED);
    CHECK_EQ_INT(probe_append(probe, 1, 5, 9, 1, 7, 29, "x"), STATE_OK);
    CHECK_EQ_INT(probe_ask_events(probe, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, 1);
    world_close(&world);
}

static void ids_of_deleted_files_are_never_used_again(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    CHECK_EQ_INT(probe_new_file(&world.probe, "x", "x"), STATE_OK);
    CHECK_EQ_INT(probe_append(&world.probe, 2, 0, 5, 1, 0, 1, "y"), STATE_OK);
    CHECK_EQ_INT(probe_delete(&world.probe, 2, NULL), STATE_OK);
    world_stop(&world);
    REQUIRE(world_start(&world));
    CHECK_EQ_INT(probe_open(&world.probe, 0, 0, false), STATE_OK);
    CHECK_EQ_INT(probe_read(&world.probe, 2, true, 0), STATE_GONE);
    CHECK_EQ_INT(probe_new_file(&world.probe, "x", "z"), STATE_OK);
    CHECK_EQ_INT(world.probe.got.entries[0].f, 3);
    world_close(&world);
}

static bool new_epoch_after(enum durability before, enum durability after, bool clean,
                            const char *next_boot)
{
    struct world world, killed;
    char epoch[EPOCH_SIZE];
    world_init(&world);
    world.config.durability = before;
    world.config.boot_id = "one";
    REQUIRE(world_start(&world));
    world_project(&world);
    write_words(&world, 0, 3);
    snprintf(epoch, sizeof(epoch), "%s", world.probe.epoch);
    if (clean) {
        world_stop(&world);
        close(open(world_path(&world, "weft.db-wal"), O_CREAT | O_WRONLY, 0600));
    }
    copy_world(&world, &killed);
    killed.config.durability = after;
    killed.config.boot_id = next_boot;
    REQUIRE(world_start(&killed));
    CHECK_EQ_INT(probe_open(&killed.probe, 0, 0, false), STATE_OK);
    bool other = strcmp(epoch, killed.probe.epoch) != 0;
    CHECK(strncmp(killed.probe.epoch, other ? "2." : "1.", 2) == 0);
    CHECK_EQ_INT(probe_read(&killed.probe, 1, true, 0), STATE_OK);
    CHECK_EQ_STR(killed.probe.got.content, "baseword word word ");
    /* What was read of the old history cannot be saved over it. */
    if (other)
        snprintf(killed.probe.epoch, sizeof(killed.probe.epoch), "%s", epoch);
    CHECK_EQ_INT(probe_save(&killed.probe, 1, 3, 99, "baseword word WORD "),
                 other ? REPOSITORY_OLDER : REPOSITORY_OK);
    world_close(&killed);
    world_close(&world);
    return other;
}

static void only_a_machine_that_went_down_under_it_costs_an_epoch(void)
{
    CHECK(!new_epoch_after(DURABILITY_RESTART, DURABILITY_RESTART, false, "one"));
    CHECK(!new_epoch_after(DURABILITY_RESTART, DURABILITY_RESTART, true, "two"));
    CHECK(new_epoch_after(DURABILITY_RESTART, DURABILITY_RESTART, false, "two"));
    CHECK(!new_epoch_after(DURABILITY_POWER_CUT, DURABILITY_POWER_CUT, false, "two"));
    /* What counts is how it was written. */
    CHECK(new_epoch_after(DURABILITY_RESTART, DURABILITY_POWER_CUT, false, "two"));
    CHECK(!new_epoch_after(DURABILITY_POWER_CUT, DURABILITY_RESTART, false, "two"));
    CHECK(new_epoch_after(DURABILITY_RESTART, DURABILITY_RESTART, false, ""));
}

/* ---- saving ---- */

static void a_save_is_guarded(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    struct probe *probe = &world.probe;
    write_words(&world, 0, 4); /* rev is 5 */
    CHECK_EQ_INT(probe->got.rev, 5);
    CHECK_EQ_INT(probe_save(probe, 1, 4, 5, "baseword word word word "), REPOSITORY_OK);
    CHECK_EQ_INT(probe_save(probe, 1, 2, 3, "baseword word "), REPOSITORY_OLDER);
    CHECK_EQ_INT(probe_save(probe, 1, 4, 5, "nonsense"), REPOSITORY_OLDER);
    CHECK_EQ_INT(probe_save(probe, 1, 9, 10, "from the future"), REPOSITORY_FAILED);
    CHECK(probe->got.problem != NULL);
    CHECK_EQ_INT(probe_save(probe, 77, 1, 1, "never there"), REPOSITORY_FAILED);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_STR(probe->got.content, "baseword word word word ");
    CHECK_EQ_INT(probe->got.saved_version, 4);
    CHECK_EQ_INT(probe->got.content_version, 4);

    /* A rename meanwhile raises rev in the tree, and must not keep the text from being saved. */
    write_words(&world, 4, 6);
    CHECK_EQ_INT(probe_rename(probe, 1, NULL, "renamed"), STATE_OK);
    CHECK_EQ_INT(probe_save(probe, 1, 6, 7, "baseword word word word word word "), REPOSITORY_OK);
    CHECK_EQ_INT(probe_delete(probe, 1, NULL), STATE_OK);
    CHECK_EQ_INT(probe_save(probe, 1, 6, 9, "too late"), REPOSITORY_OLDER);
    world_close(&world);
}

static void the_journal_is_trimmed_but_for_what_is_unsaved(void)
{
    struct world world;
    char text[8192] = "base";
    world_init(&world);
    world.config.history = 100;
    REQUIRE(world_start(&world));
    world_project(&world);
    struct probe *probe = &world.probe;
    CHECK_EQ_INT(probe_new_file(probe, "unsaved.txt", ""), STATE_OK);
    write_words(&world, 0, 1200);
    CHECK_EQ_INT(probe_append(probe, 2, 0, 5, 1, 0, 0, "unsaved"), STATE_OK);
    write_words(&world, 1200, 1300);
    for (size_t i = 0; i < 1300; i++)
        strcat(text, "word ");
    CHECK_EQ_INT(probe_save(probe, 1, 1300, 1301, text), REPOSITORY_OK);
    CHECK_EQ_INT(storage_counts(world.storage).trims, 1);
    CHECK_EQ_INT(probe_read(probe, 1, false, 1199), STATE_TRIMMED);
    CHECK_EQ_INT(probe_append(probe, 1, 7, 6, 1, 0, 39, "x"), STATE_TRIMMED);
    CHECK_EQ_INT(probe->got.version, 1300);
    CHECK_EQ_INT(probe_read(probe, 1, false, 1201), STATE_OK);
    CHECK_EQ_INT(probe->got.message_count, 99);
    world_stop(&world);
    CHECK_EQ_INT(world_number(&world, "SELECT count(*) FROM journal"), 101);
    REQUIRE(world_start(&world));
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe_listed(probe, "unsaved.txt")->version, 1);
    CHECK_EQ_INT(probe_read(probe, 2, true, 0), STATE_OK);
    CHECK_EQ_STR(probe->got.content, "unsaved");
    CHECK_EQ_INT(probe_append(probe, 1, 1300, 5, 1300, 0, 6504, "x"), STATE_SEEN);
    CHECK_EQ_INT(probe_append(probe, 1, 1300, 5, 1301, 0, 6504, "x"), STATE_OK);
    world_close(&world);
}

static void events_are_trimmed(void)
{
    struct world world;
    char path[32];
    world_init(&world);
    world.config.events = 10;
    REQUIRE(world_start(&world));
    world_project(&world);
    for (int i = 0; i < 25; i++) {
        snprintf(path, sizeof(path), "f%d", i);
        CHECK_EQ_INT(probe_new_file(&world.probe, path, ""), STATE_OK);
    }
    for (int restarts = 0; restarts < 2; restarts++) {
        CHECK_EQ_INT(probe_ask_events(&world.probe, 14), STATE_TRIMMED);
        CHECK_EQ_INT(probe_ask_events(&world.probe, 15), STATE_OK);
        CHECK_EQ_INT(world.probe.got.message_count, 10);
        world_stop(&world);
        REQUIRE(world_start(&world));
        CHECK_EQ_INT(probe_open(&world.probe, 0, 0, false), STATE_OK);
    }
    world_close(&world);
}

static void of_many_authors_the_last_thousand_are_remembered(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    struct probe *probe = &world.probe;
    for (uint64_t i = 0; i < 1100; i++) {
        struct state_entry entry = probe_entry(1, i + 1, 1000 + i, 1, 0, 4 + i, 4 + i, "x");
        probe_send(probe, 1, i, &entry, 1, 1);
    }
    probe_wait(probe);
    world_stop(&world);
    REQUIRE(world_start(&world)); /* folds, which writes them down */
    CHECK_EQ_INT(probe_open(probe, 0, 0, false), STATE_OK);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.seen_count, 1000);
    world_stop(&world);
    CHECK_EQ_INT(world_number(&world, "SELECT count(*) FROM seen"), 1000);
    world_sql(&world, "DELETE FROM journal; UPDATE seen SET at = at - 90000000 WHERE cid < 1500");
    REQUIRE(world_start(&world));
    CHECK_EQ_INT(probe_open(probe, 0, 0, false), STATE_OK);
    CHECK_EQ_INT(probe_append(probe, 1, 1100, 5, 1, 0, 1104, "y"), STATE_OK);
    world_stop(&world);
    REQUIRE(world_start(&world));
    CHECK_EQ_INT(world.storage != NULL, 1);
    world_stop(&world);
    CHECK_EQ_INT(world_number(&world, "SELECT count(*) FROM seen WHERE cid BETWEEN 1000 AND 1499"),
                 0);
    CHECK(world_number(&world, "SELECT count(*) FROM seen WHERE cid >= 1500") > 0);
    world_close(&world);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    log_setup(LOG_ERROR + 1, false);
    RUN(a_restart_keeps_versions_authors_and_generations);
    RUN(ids_of_deleted_files_are_never_used_again);
    RUN(only_a_machine_that_went_down_under_it_costs_an_epoch);
    RUN(a_save_is_guarded);
    RUN(the_journal_is_trimmed_but_for_what_is_unsaved);
    RUN(events_are_trimmed);
    RUN(of_many_authors_the_last_thousand_are_remembered);
    return check_finish();
}
