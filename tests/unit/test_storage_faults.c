/*
 * Disks that are full, databases that are damaged, locked or somebody else's, machines that went
 * down: each is a clear word, and never an empty project. Faults of the disk are real ones: a small
 * tmpfs where the test may mount (or a limit on file sizes), bytes overwritten and cut off.
 */
#define _GNU_SOURCE /* unshare */
#include "storage_world.h"
#include "weft/base/log.h"
#include "weft/base/random.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define REFUSED(world, words)                                                                      \
    do {                                                                                           \
        CHECK(!world_start(world));                                                                \
        if (!strstr((world)->error.text, words))                                                   \
            CHECK_FAIL("refused with: %s", (world)->error.text);                                   \
        CHECK(strchr((world)->error.text, '\n') == NULL);                                          \
    } while (0)

static long long size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (long long)info.st_size : -1;
}

/* ---- at start ---- */

static void the_second_process_is_refused(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    struct error error = {0};
    CHECK(storage_open(&world.config, &world.loop, &error) == NULL);
    CHECK(strstr(error.text, "in use by process") != NULL ||
          strstr(error.text, "in use by another") != NULL);
    world_stop(&world);
    CHECK(world_start(&world));
    world_close(&world);
}

static void what_is_no_database_of_ours_is_left_alone(void)
{
    struct world world;
    world_init(&world);
    FILE *file = fopen(world_path(&world, "weft.db"), "w");
    fputs("these are the notes of somebody who called a file weft.db, and it is long enough for a "
          "header of a "
          "database file in every respect.",
          file);
    fclose(file);
    REFUSED(&world, "is not a database of Weft");
    CHECK_EQ_INT(size_of(world_path(&world, "weft.db")), 130);
    unlink(world_path(&world, "weft.db"));
    world_sql(&world, "CREATE TABLE mine (x)");
    REFUSED(&world, "is not a database of Weft");
    unlink(world_path(&world, "weft.db"));
    CHECK(world_start(&world));
    world_stop(&world);
    world_sql(&world, "PRAGMA user_version = 2");
    REFUSED(&world, "schema 2");
    world_close(&world);
}

static void a_missing_database_is_not_a_new_one(void)
{
    struct world world, killed;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    copy_world(&world, &killed);
    unlink(world_path(&killed, "weft.db"));
    REFUSED(&killed, "its journal is there");
    copy_file(world_path(&world, "weft.db"), world_path(&killed, "x"));
    close(open(world_path(&killed, "weft.db"), O_CREAT | O_WRONLY, 0600));
    REFUSED(&killed, "its journal is there");
    world_close(&killed);

    world_stop(&world);
    unlink(world_path(&world, "weft.db-wal"));
    unlink(world_path(&world, "weft.db"));
    REFUSED(&world, "is missing");
    unlink(world_path(&world, "weft.lock"));
    CHECK(world_start(&world));
    world_close(&world);
}

/* Root may write anywhere, so the tests of permissions run in a child that is nobody. True: the
 * child found all as it should be. */
static bool as_nobody(struct world *world, void (*test)(struct world *world))
{
    pid_t pid = fork();
    if (pid == 0) {
        check.failures = 0;
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(3);
        test(world);
        _exit(check.failures > 0);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void expect_unwritable_folder(struct world *world)
{
    REFUSED(world, "cannot write to the data folder");
}

static void expect_read_only(struct world *world)
{
    REFUSED(world, "read-only");
}

static void what_cannot_be_written_is_refused(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    world_stop(&world);
    chmod(world_path(&world, "weft.lock"), 0666);
    chmod(world_path(&world, "weft.db"), 0444);
    chmod(world.folder, 0777);
    CHECK(as_nobody(&world, expect_read_only));
    unlink(world_path(&world, "weft.lock"));
    chmod(world.folder, 0555);
    CHECK(as_nobody(&world, expect_unwritable_folder));
    chmod(world.folder, 0755);
    chmod(world_path(&world, "weft.db"), 0644);
    CHECK(world_start(&world));
    world_close(&world);

    world_init(&world);
    world.config.folder = "/proc/there/is/no/such/place";
    REFUSED(&world, "cannot make the data folder");
    world_close(&world);
}

static void a_database_locked_by_another_is_refused(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_stop(&world);
    sqlite3 *other;
    REQUIRE(sqlite3_open(world_path(&world, "weft.db"), &other) == SQLITE_OK);
    CHECK_EQ_INT(sqlite3_exec(other, "BEGIN IMMEDIATE; SELECT * FROM setting;", NULL, NULL, NULL),
                 SQLITE_OK);
    REFUSED(&world, "locked");
    sqlite3_close(other);
    CHECK(world_start(&world));
    world_close(&world);
}

static void settings_survive(void)
{
    struct world world;
    char secret[128];
    world_init(&world);
    REQUIRE(world_start(&world));
    snprintf(secret, sizeof(secret), "%s", storage_secret(world.storage));
    CHECK_EQ_INT(strlen(secret), 64);
    CHECK_EQ_STR(storage_state(world.storage)->store_name, "sqlite");
    world_stop(&world);
    REQUIRE(world_start(&world));
    CHECK_EQ_STR(storage_secret(world.storage), secret);
    world_stop(&world);
    world.config.secret = "of the operator";
    REQUIRE(world_start(&world));
    CHECK_EQ_STR(storage_secret(world.storage), "of the operator");
    world_close(&world);
}

/* ---- what does not fit together ---- */

/* A project of two files with three unsaved entries each; then sql. Leaves the storage started. */
static void start_after(struct world *world, const char *sql)
{
    world_init(world);
    REQUIRE(world_start(world));
    world_project(world);
    CHECK_EQ_INT(probe_new_file(&world->probe, "good.txt", "base"), STATE_OK);
    for (uint64_t v = 0; v < 3; v++)
        for (uint64_t f = 1; f <= 2; f++)
            CHECK_EQ_INT(probe_append(&world->probe, f, v, 5, v + 1, 0, 4 + 2 * v, "ab"), STATE_OK);
    world_stop(world);
    world_sql(world, sql);
    REQUIRE(world_start(world));
    CHECK_EQ_INT(probe_open(&world->probe, 0, 0, false), STATE_OK);
}

static void file_is_broken(const char *sql, const char *words)
{
    struct world world;
    start_after(&world, sql);
    struct probe *probe = &world.probe;
    for (int restarts = 0; restarts < 2; restarts++) {
        CHECK_EQ_INT(storage_counts(world.storage).broken, 1);
        CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_BROKEN);
        if (!probe->got.problem || !strstr(probe->got.problem, words))
            CHECK_FAIL("%s: %s", sql, probe->got.problem ? probe->got.problem : "no words");
        CHECK_EQ_INT(probe_append(probe, 1, 3, 5, 4, 0, 10, "x"), STATE_BROKEN);
        CHECK_EQ_INT(probe_save(probe, 1, 3, 9, "overwritten"), REPOSITORY_FAILED);
        CHECK_EQ_INT(probe_delete(probe, 1, NULL), STATE_BROKEN);
        CHECK_EQ_INT(probe_read(probe, 2, true, 0), STATE_OK);
        CHECK_EQ_STR(probe->got.content, "baseababab");
        world_stop(&world);
        CHECK_EQ_INT(
            world_number(&world,
                         "SELECT content LIKE 'base%' OR content = '' FROM file WHERE f = 1"),
            1);
        REQUIRE(world_start(&world));
        CHECK_EQ_INT(probe_open(probe, 0, 0, false), STATE_OK);
    }
    world_close(&world);
}

static void a_file_that_does_not_fit_its_journal_is_broken_and_others_live(void)
{
    file_is_broken("DELETE FROM journal WHERE file = 1 AND version = 2", "from version 1 to 3");
    file_is_broken("DELETE FROM journal WHERE file = 1 AND version = 1", "from version 0 to 2");
    file_is_broken("UPDATE journal SET payload = '{\"t\":' WHERE file = 1 AND version = 2",
                   "version 2 cannot be read");
    file_is_broken("UPDATE journal SET payload = replace(payload, '[6,', '[7,') WHERE file = 1 AND "
                   "version = 2",
                   "version 2 does not fit");
    file_is_broken("UPDATE journal SET version = 2 WHERE file = 1 AND version = 3",
                   "from version 2 to 2");
    file_is_broken("UPDATE journal SET payload = (SELECT payload FROM journal j WHERE j.file = 2 "
                   "AND j.version = 2) "
                   "WHERE file = 1 AND version = 2",
                   "of another version");
    file_is_broken("UPDATE file SET content = 'base' || char(0) WHERE f = 1", "damaged");
    file_is_broken("UPDATE file SET content = cast(x'62617365ff' AS text), size = 5 WHERE f = 1",
                   "damaged");
    file_is_broken("UPDATE file SET content = '' WHERE f = 1", "damaged");
    file_is_broken("UPDATE file SET version = 9 WHERE f = 1", "there was a version 9");
}

static void a_project_that_makes_no_sense_is_broken_and_others_live(void)
{
    struct world world;
    start_after(&world, "INSERT INTO project VALUES (9, 'sick', 'Sick', '', 'none', 1, 0, 0, 0)");
    CHECK_EQ_INT(probe_read(&world.probe, 1, true, 0), STATE_OK);
    world.probe.project = "sick";
    CHECK_EQ_INT(probe_open(&world.probe, 5, 1, true), STATE_BROKEN);
    CHECK(world.probe.got.problem != NULL);
    CHECK_EQ_INT(probe_create(&world.probe, "Sick", NULL, 0), STATE_EXISTS);
    world_close(&world);
}

/* ---- damage ---- */

/* What is there after bytes were overwritten is refused, broken in words, or right: never something
 * else. */
static void judge_survivor(struct world *world, uint64_t version, const char *text)
{
    if (!world_start(world)) {
        CHECK(world->error.text[0] != '\0');
        return;
    }
    enum state_result result = probe_open(&world->probe, 0, 0, true);
    if (result == STATE_BROKEN || result == STATE_BUSY)
        return;
    CHECK_EQ_INT(result, STATE_OK);
    result = probe_read(&world->probe, 1, true, 0);
    if (result == STATE_BROKEN || result == STATE_BUSY)
        return;
    CHECK_EQ_INT(result, STATE_OK);
    CHECK_EQ_INT(world->probe.got.version, version);
    CHECK_EQ_STR(world->probe.got.content, text);
}

static void an_overwritten_page_is_noticed(void)
{
    struct world world, damaged;
    uint64_t seed = check_seed();
    static char text[131072];
    char junk[4096];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    world_init(&world);
    REQUIRE(world_start(&world));
    struct state_new_file file = {"a.txt", text, sizeof(text) - 1, "\n"};
    CHECK_EQ_INT(probe_create(&world.probe, "Demo", &file, 1), STATE_OK);
    world_stop(&world); /* all of it in the database file */
    close(open(world_path(&world, "weft.db-wal"), O_CREAT | O_WRONLY, 0600));
    long long pages = size_of(world_path(&world, "weft.db")) / 4096;
    CHECK(pages > 20);
    for (long long page = 0; page < pages; page++) {
        for (int kind = 0; kind < 2; kind++) {
            copy_world(&world, &damaged);
            if (kind == 0)
                memset(junk, 0, sizeof(junk));
            for (size_t i = 0; kind == 1 && i < sizeof(junk); i++)
                junk[i] = (char)check_random(&seed);
            int fd = open(world_path(&damaged, "weft.db"), O_WRONLY);
            CHECK(pwrite(fd, junk, sizeof(junk), page * 4096) == sizeof(junk));
            close(fd);
            judge_survivor(&damaged, 0, text);
            world_close(&damaged);
        }
    }
    world_close(&world);
}

/* Cut anywhere, the write-ahead log gives what was committed before the cut: a prefix, whole edits,
 * nothing else. */
static void a_log_cut_anywhere_gives_a_prefix(void)
{
    struct world world, cut;
    uint64_t seed = check_seed();
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    write_words(&world, 0, 20);
    long long size = size_of(world_path(&world, "weft.db-wal"));
    CHECK(size > 20 * 4096);
    uint64_t last = 0;
    int steps = check_long() ? 2000 : 150;
    for (int i = 0; i <= steps; i++) {
        copy_world(&world, &cut);
        long long at = size * i / steps - (i < steps ? (long long)(check_random(&seed) % 300) : 0);
        CHECK(truncate(world_path(&cut, "weft.db-wal"), at < 0 ? 0 : at) == 0);
        if (world_start(&cut) && probe_open(&cut.probe, 0, 0, true) == STATE_OK) {
            CHECK_EQ_INT(probe_read(&cut.probe, 1, true, 0), STATE_OK);
            uint64_t version = cut.probe.got.version;
            CHECK_EQ_INT(cut.probe.got.content_len, 4 + 5 * version);
            CHECK(version >= last);
            last = version;
        } else if (cut.storage) {
            CHECK_EQ_INT(cut.probe.got.result, STATE_NO_PROJECT); /* cut before it was made */
            CHECK_EQ_INT(last, 0);
        }
        world_close(&cut);
    }
    CHECK_EQ_INT(last, 20);
    world_close(&world);
}

/* ---- the disk is full ---- */

static bool disk_mounted;

/* Gives the world a disk of its own, of few bytes: a tmpfs, or else a limit on the sizes of files.
 */
static void limit_disk(struct world *world, const char *bytes)
{
    char options[64];
    snprintf(options, sizeof(options), "size=%s", bytes);
    disk_mounted = mount("tmpfs", world->folder, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0;
    if (!disk_mounted) {
        signal(SIGXFSZ, SIG_IGN);
        struct rlimit limit = {strtoul(bytes, NULL, 10), RLIM_INFINITY};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
}

static void widen_disk(struct world *world)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (disk_mounted)
        CHECK_EQ_INT(
            mount("tmpfs", world->folder, "tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV, "size=64m"),
            0);
    else
        setrlimit(RLIMIT_FSIZE, &limit);
}

static void free_disk(struct world *world)
{
    world_stop(world);
    if (disk_mounted)
        umount2(world->folder, MNT_DETACH);
    disk_mounted = false;
    world_close(world);
}

static void wait_a_little(uv_timer_t *timer)
{
    uv_close((uv_handle_t *)timer, NULL);
}

/* Appends until it is answered otherwise than STATE_BUSY, or until until says so. Returns the last
 * answer. */
static enum state_result append_patiently(struct world *world, uint64_t version, size_t len,
                                          const char *text)
{
    enum state_result result = STATE_BUSY;
    for (int tries = 0; tries < 300 && result == STATE_BUSY; tries++) {
        result = probe_append(&world->probe, 1, version, 5, version + 1, 1, len, text);
        if (result != STATE_BUSY)
            break;
        uv_timer_t pause;
        uv_timer_init(&world->loop, &pause);
        uv_timer_start(&pause, wait_a_little, 20, 0);
        uv_run(&world->loop, UV_RUN_DEFAULT);
    }
    return result;
}

static void a_full_disk_stops_edits_but_not_reads_and_is_survived(void)
{
    struct world world;
    char text[4097];
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    world_init(&world);
    limit_disk(&world, "1048576");
    REQUIRE(world_start(&world));
    world_project(&world);
    struct probe *probe = &world.probe;
    uint64_t version = 0;
    while (version < 1000 &&
           probe_append(probe, 1, version, 5, version + 1, 1, 4 + version * 4096, text) == STATE_OK)
        version++;
    CHECK(version > 20 && version < 300);
    CHECK_EQ_INT(probe->got.result, STATE_BUSY);
    CHECK(probe->got.problem && strlen(probe->got.problem) > 5);
    CHECK(storage_counts(world.storage).failing);

    /* Reading and joining go on, and what was acknowledged is there. */
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe_listed(probe, "a.txt")->version, version);
    CHECK_EQ_INT(probe_listed(probe, "a.txt")->size, 4 + version * 4096);
    CHECK_EQ_INT(probe_open(probe, 8, 2, false), STATE_OK);
    char *whole = probe_fold(probe, 1);
    CHECK(whole && strlen(whole) == 4 + version * 4096);
    free(whole);
    CHECK_EQ_INT(probe_new_file(probe, "new.txt", text), STATE_BUSY);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK(probe_listed(probe, "new.txt") == NULL);

    widen_disk(&world);
    CHECK_EQ_INT(append_patiently(&world, version, 4 + version * 4096, "end"), STATE_OK);
    CHECK(!storage_counts(world.storage).failing);
    world_stop(&world);
    CHECK_EQ_INT(
        world_number(&world,
                     "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1);
    REQUIRE(world_start(&world));
    CHECK_EQ_INT(probe_open(probe, 0, 0, false), STATE_OK);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.content_len, 4 + version * 4096 + 3);
    free_disk(&world);
}

static void a_full_disk_at_start_is_said(void)
{
    struct world world;
    world_init(&world);
    limit_disk(&world, "16384");
    CHECK(!world_start(&world));
    CHECK(strstr(world.error.text, "weft.db") != NULL);
    widen_disk(&world);
    free_disk(&world);
}

/* ---- the disk forgets ---- */

static void lost_history_is_a_new_epoch(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    struct probe *probe = &world.probe;
    write_words(&world, 0, 50); /* longer than what the start left in the log */
    long long early = size_of(world_path(&world, "weft.db-wal"));
    write_words(&world, 50, 60);
    CHECK_EQ_INT(probe_new_file(probe, "late.txt", ""), STATE_OK);

    /* What was written since is gone, and the next commit fails, so that the storage looks. */
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit tight = {(rlim_t)early, RLIM_INFINITY};
    CHECK(truncate(world_path(&world, "weft.db-wal"), early) == 0);
    CHECK_EQ_INT(setrlimit(RLIMIT_FSIZE, &tight), 0);
    CHECK_EQ_INT(probe_append(probe, 1, 60, 5, 61, 1, 304, "x"), STATE_BUSY);
    widen_disk(&world);

    CHECK_EQ_INT(append_patiently(&world, 60, 304, "x"), STATE_EPOCH);
    CHECK_EQ_INT(probe_open(probe, 0, 0, true), STATE_OK);
    CHECK(strncmp(probe->epoch, "2.", 2) == 0);
    CHECK_EQ_INT(probe->got.file_count, 1);
    CHECK_EQ_INT(probe_listed(probe, "a.txt")->version, 50);
    CHECK_EQ_INT(probe_append(probe, 1, 50, 5, 62, 1, 254, "x"), STATE_OK);
    world_close(&world);
}

static void a_database_deleted_under_a_running_server_is_no_new_one(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    long long size = size_of(world_path(&world, "weft.db-wal"));
    unlink(world_path(&world, "weft.db"));
    write_words(&world, 0, 1); /* nobody notices yet */
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit tight = {(rlim_t)(size < 4096 ? size : 4096), RLIM_INFINITY};
    CHECK_EQ_INT(setrlimit(RLIMIT_FSIZE, &tight), 0);
    enum state_result result = STATE_OK;
    for (uint64_t v = 1; v < 5 && result == STATE_OK; v++)
        result = probe_append(&world.probe, 1, v, 5, v + 1, 1, 4 + 5 * v, "word ");
    widen_disk(&world);
    CHECK_EQ_INT(result, STATE_BUSY);
    CHECK_EQ_INT(append_patiently(&world, 2, 14, "x"), STATE_BUSY);
    CHECK(world.probe.got.problem && strstr(world.probe.got.problem, "missing"));
    CHECK_EQ_INT(probe_open(&world.probe, 0, 0, true), STATE_BUSY);
    world_close(&world);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    log_setup(LOG_ERROR + 1, false);
    /* Mounts of the tests are seen by the tests only. */
    if (geteuid() == 0 && unshare(CLONE_NEWNS) == 0)
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    RUN(the_second_process_is_refused);
    RUN(what_is_no_database_of_ours_is_left_alone);
    RUN(a_missing_database_is_not_a_new_one);
    RUN(what_cannot_be_written_is_refused);
    RUN(a_database_locked_by_another_is_refused);
    RUN(settings_survive);
    RUN(a_file_that_does_not_fit_its_journal_is_broken_and_others_live);
    RUN(a_project_that_makes_no_sense_is_broken_and_others_live);
    RUN(an_overwritten_page_is_noticed);
    RUN(a_log_cut_anywhere_gives_a_prefix);
    RUN(a_full_disk_stops_edits_but_not_reads_and_is_survived);
    RUN(a_full_disk_at_start_is_said);
    RUN(lost_history_is_a_new_epoch);
    RUN(a_database_deleted_under_a_running_server_is_no_new_one);
    return check_finish();
}
