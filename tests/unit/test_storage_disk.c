/*
 * A disk that fails at its n-th write or sync, for every n, once or until it is mended; and one
 * that forgets what was not synced. Whatever was acknowledged is there afterwards, and the text is
 * that of its edits, each once and in order.
 */
#include "faulty_vfs.h"
#include "storage_world.h"
#include "weft/base/log.h"

/* ---- an author who insists ---- */

struct author {
    struct world *world;
    uint64_t version; /* acknowledged, or found */
    uint64_t rev, e;
    uint64_t refused, epochs;
    struct buf text;
};

static void pause_over(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

static void pause_ms(struct world *world, uint64_t ms)
{
    uv_timer_t pause;
    uv_timer_init(&world->loop, &pause);
    uv_timer_start(&pause, pause_over, ms, 0);
    uv_run(&world->loop, UV_RUN_DEFAULT);
}

static void add_token(struct buf *text, uint64_t version)
{
    buf_printf(text, "<%d>", (int)version);
}

/* After a refusal nobody can know: looks what is there. It may hold the edit that was refused, and
 * nothing more. */
static bool look(struct author *author)
{
    struct probe *probe = &author->world->probe;
    if (probe_open(probe, 0, 0, true) != STATE_OK)
        return false;
    CHECK(probe->got.e >= author->e && probe->got.e <= author->e + 1);
    author->e = probe->got.e;
    char *text = probe_fold(probe, 1);
    if (!text)
        return false;
    CHECK(probe->got.version >= author->version && probe->got.version <= author->version + 1);
    if (probe->got.version == author->version + 1)
        add_token(&author->text, ++author->version);
    author->rev = probe->got.rev;
    CHECK_EQ_STR(text, author->text.data);
    free(text);
    return true;
}

/* The next step, whatever it answers. */
static bool step(struct author *author, uint64_t turn)
{
    struct probe *probe = &author->world->probe;
    char path[32], token[32];
    enum state_result result;
    if (turn % 4 == 3) {
        snprintf(path, sizeof(path), "f%d", (int)turn);
        result = probe_new_file(probe, path, "some text");
        if (result == STATE_EXISTS) /* it was there after all */
            result = STATE_OK;
        else if (result == STATE_OK)
            author->e = probe->got.e;
    } else if (turn % 4 == 2) {
        char *text = mem_strdup(author->text.data);
        result = probe_save(probe, 1, author->version, author->rev, text) == REPOSITORY_FAILED
                     ? STATE_BUSY
                     : STATE_OK;
        free(text);
    } else {
        snprintf(token, sizeof(token), "<%d>", (int)author->version + 1);
        result = probe_append(probe, 1, author->version, 5, author->version + 1, 0,
                              author->text.len, token);
        if (result == STATE_OK) {
            CHECK_EQ_INT(probe->got.version, author->version + 1);
            add_token(&author->text, ++author->version);
            author->rev = probe->got.rev;
        }
    }
    CHECK(result == STATE_OK || result == STATE_BUSY);
    author->refused += result != STATE_OK;
    return result == STATE_OK;
}

static void mend_and_wait(struct author *author, uint64_t turn)
{
    disk_mend();
    for (int tries = 0; tries < 500; tries++) {
        if (look(author) && step(author, turn))
            return;
        pause_ms(author->world, 5);
    }
    CHECK_FAIL("it did not recover");
}

/* One life on a disk that fails after so many operations. Returns whether it did. */
static bool live(long left, int code, bool only_syncs, bool once, enum durability durability)
{
    struct world world;
    struct author author = {.world = &world, .text = BUF_EMPTY};
    buf_add_text(&author.text, "");
    world_init(&world);
    world.config.durability = durability;
    REQUIRE(world_start(&world));
    struct state_new_file file = {"a.txt", "", 0, "\n"};
    CHECK_EQ_INT(probe_create(&world.probe, "Demo", &file, 1), STATE_OK);
    CHECK(look(&author));
    disk_fail_after(left, code, only_syncs, once);
    for (uint64_t turn = 0; turn < 12; turn++)
        if (!step(&author, turn))
            mend_and_wait(&author, turn);
    bool failed = author.refused > 0;
    if (!step(&author, 0))
        mend_and_wait(&author, 0);
    CHECK_EQ_INT(storage_counts(world.storage).failing, false);
    /* The end may fail, too: then it was not an orderly one, and nothing more. */
    world_stop(&world);
    disk_mend();
    REQUIRE(world_start(&world));
    CHECK(look(&author));
    CHECK(strncmp(world.probe.epoch, "1.", 2) == 0);
    buf_close(&author.text);
    world_close(&world);
    return failed;
}

static void fail_everywhere(int code, bool only_syncs, bool once, enum durability durability)
{
    long failures = 0, at = 0;
    long stride = check_long() ? 1 : only_syncs ? 1 : 3;
    /* Until it fails no more, because there are not so many operations. */
    for (long quiet = 0; quiet < 6 && at < 2000 && check.failures == 0; at += stride) {
        bool failed = live(at, code, only_syncs, once, durability);
        failures += failed;
        quiet = failed ? 0 : quiet + 1;
    }
    CHECK(failures > 10 || (only_syncs && failures > 5));
}

static void a_full_disk_at_every_write(void)
{
    fail_everywhere(SQLITE_FULL, false, false, DURABILITY_RESTART);
}

static void an_error_at_every_write(void)
{
    fail_everywhere(SQLITE_IOERR_WRITE, false, true, DURABILITY_RESTART);
}

static void an_error_at_every_sync(void)
{
    fail_everywhere(SQLITE_IOERR_FSYNC, true, true, DURABILITY_POWER_CUT);
}

/* ---- at start ---- */

/* A start on such a disk is refused in words or goes well; and what was there is there when the
 * disk is mended. */
static void a_failing_disk_at_start_harms_nothing(void)
{
    struct world world;
    struct author author = {.world = &world, .text = BUF_EMPTY};
    buf_add_text(&author.text, "");
    world_init(&world);
    REQUIRE(world_start(&world));
    struct state_new_file file = {"a.txt", "", 0, "\n"};
    CHECK_EQ_INT(probe_create(&world.probe, "Demo", &file, 1), STATE_OK);
    CHECK(look(&author));
    world_stop(&world);
    int refused = 0, code = SQLITE_FULL;
    for (long at = 0; at < 30;
         at++, code = code == SQLITE_FULL ? SQLITE_IOERR_FSYNC : SQLITE_FULL) {
        disk_fail_after(at, code, false, false);
        if (!world_start(&world)) {
            refused++;
            CHECK(strstr(world.error.text, "weft.db") != NULL);
        }
        world_stop(&world);
        disk_mend();
        REQUIRE(world_start(&world));
        CHECK(look(&author));
        CHECK(step(&author, 0));
        world_stop(&world);
    }
    CHECK(refused > 3);
    buf_close(&author.text);
    world_close(&world);
}

/* ---- the power is cut ---- */

/* What the disk has of a running storage if it forgets all that was not synced, as a world of its
 * own. */
static void cut_power(const struct world *world, struct world *after)
{
    static const char *const names[] = {"weft.db", "weft.db-wal"};
    char from[600];
    world_init(after);
    for (size_t i = 0; i < 2; i++) {
        snprintf(from, sizeof(from), "%s/%s.synced", world->folder, names[i]);
        FILE *in = fopen(from, "rb"), *out = fopen(world_path(after, names[i]), "wb");
        char block[65536];
        for (size_t len; in && (len = fread(block, 1, sizeof(block), in)) > 0;)
            fwrite(block, 1, len, out);
        if (in)
            fclose(in);
        fclose(out);
    }
}

/* Returns the versions lost. */
static uint64_t cut_after(uint64_t versions, enum durability durability, bool *new_epoch)
{
    struct world world, after;
    struct author author = {.world = &world, .text = BUF_EMPTY};
    buf_add_text(&author.text, "");
    atomic_store(&disk.keeps, true);
    world_init(&world);
    world.config.durability = durability;
    world.config.boot_id = "before";
    REQUIRE(world_start(&world));
    struct state_new_file file = {"a.txt", "", 0, "\n"};
    CHECK_EQ_INT(probe_create(&world.probe, "Demo", &file, 1), STATE_OK);
    /* Every project must reach the disk once for this test: so an orderly restart. */
    world_stop(&world);
    REQUIRE(world_start(&world));
    CHECK(look(&author));
    while (author.version < versions)
        step(&author, 0);
    cut_power(&world, &after);
    atomic_store(&disk.keeps, false);
    after.config.boot_id = "after";
    REQUIRE(world_start(&after));
    CHECK_EQ_INT(probe_open(&after.probe, 0, 0, true), STATE_OK);
    *new_epoch = strncmp(after.probe.epoch, "1.", 2) != 0;
    char *text = probe_fold(&after.probe, 1);
    REQUIRE(text != NULL);
    CHECK(strncmp(text, author.text.data, strlen(text)) == 0);
    uint64_t lost = versions - after.probe.got.version;
    free(text);
    buf_close(&author.text);
    world_close(&after);
    world_close(&world);
    return lost;
}

static void power_cut_loses_nothing_with_power_cut(void)
{
    bool new_epoch;
    for (uint64_t versions = 1; versions < 40; versions += 6) {
        CHECK_EQ_INT(cut_after(versions, DURABILITY_POWER_CUT, &new_epoch), 0);
        CHECK(!new_epoch);
    }
}

static void power_cut_with_restart_gives_a_prefix_and_a_new_epoch(void)
{
    bool new_epoch;
    CHECK(cut_after(30, DURABILITY_RESTART, &new_epoch) > 0);
    CHECK(new_epoch);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    log_setup(LOG_ERROR + 1, false);
    faulty_disk_install();
    RUN(a_full_disk_at_every_write);
    RUN(an_error_at_every_write);
    RUN(an_error_at_every_sync);
    RUN(a_failing_disk_at_start_harms_nothing);
    RUN(power_cut_loses_nothing_with_power_cut);
    RUN(power_cut_with_restart_gives_a_prefix_and_a_new_epoch);
    return check_finish();
}
