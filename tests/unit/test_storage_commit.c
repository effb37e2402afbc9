/*
 * Group commit: what waits goes as one transaction, and nobody who is alone waits.
 * `test_storage_commit bench` prints what an edit of 120 bytes costs, alone and in batches, with
 * both durabilities.
 */
#define _GNU_SOURCE /* RUSAGE_THREAD */
#include "storage_world.h"

#include <sys/resource.h>
#include <time.h>

#define EDIT_BYTES 120u

static void what_waits_together_is_committed_together(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    struct storage_counts before = storage_counts(world.storage);
    for (uint64_t i = 0; i < 1000; i++) {
        struct state_entry entry = probe_entry(1, i + 1, 5, i + 1, 1, 4 + i, 4 + i, "x");
        probe_send(&world.probe, 1, i, &entry, 1, 1);
    }
    probe_wait(&world.probe);
    struct storage_counts after = storage_counts(world.storage);
    CHECK_EQ_INT(world.probe.got.version, 1000);
    CHECK_EQ_INT(after.entries - before.entries, 1000);
    CHECK(after.commits - before.commits < 500);
    CHECK(after.batch_max > 10);
    world_close(&world);
}

static void whoever_is_alone_is_committed_at_once(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    struct storage_counts before = storage_counts(world.storage);
    for (uint64_t i = 0; i < 100; i++)
        CHECK_EQ_INT(probe_append(&world.probe, 1, i, 5, i + 1, 1, 4 + i, "x"), STATE_OK);
    struct storage_counts after = storage_counts(world.storage);
    CHECK_EQ_INT(after.commits - before.commits, 100);
    uint64_t sum = 0;
    for (int i = 0; i < STORAGE_BUCKETS; i++)
        sum += after.commit_times[i];
    CHECK_EQ_INT(sum, after.commits);
    world_close(&world);
}

static void a_full_queue_refuses_and_recovers(void)
{
    struct world world;
    world_init(&world);
    world.config.requests_max = 3;
    REQUIRE(world_start(&world));
    world_project(&world);
    struct probe *probe = &world.probe;
    /* Whatever the thread is quick enough to take, each is answered, and what is refused was not
     * written. */
    for (uint64_t i = 0; i < 300; i++) {
        struct state_entry entry = probe_entry(1, 1, 1000 + i, 1, 0, 4, 4, "x");
        probe_send(probe, 1, 0, &entry, 1, 1);
    }
    probe_wait(probe);
    CHECK_EQ_INT(probe_read(probe, 1, true, 0), STATE_OK);
    CHECK_EQ_INT(probe->got.version, 1);
    CHECK_EQ_INT(probe_append(probe, 1, 1, 5, 1, 1, 5, "y"), STATE_OK);
    world_close(&world);
}

static void answers_that_nobody_took_are_dropped_at_the_end(void)
{
    struct world world;
    world_init(&world);
    REQUIRE(world_start(&world));
    world_project(&world);
    for (uint64_t i = 0; i < 50; i++) {
        struct state_entry entry = probe_entry(1, i + 1, 5, i + 1, 1, 4 + i, 4 + i, "x");
        probe_send(&world.probe, 1, i, &entry, 1, 1);
    }
    uint64_t answers = world.probe.answers;
    world_stop(&world);
    CHECK_EQ_INT(world.probe.answers, answers);
    REQUIRE(world_start(&world));
    world.probe.project = "demo";
    CHECK_EQ_INT(probe_open(&world.probe, 0, 0, true), STATE_OK);
    CHECK_EQ_INT(probe_listed(&world.probe, "a.txt")->version,
                 50); /* but what was asked was done */
    world_close(&world);
}

/* ---- figures ---- */

static double seconds(const struct timeval *user, const struct timeval *system)
{
    return (double)(user->tv_sec + system->tv_sec) +
           (double)(user->tv_usec + system->tv_usec) / 1e6;
}

static double cpu(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return seconds(&usage.ru_utime, &usage.ru_stime);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Appends count edits, a fixed number under way at a time, each to a file of its own, as many rooms
 * would. */
static void measure(enum durability durability, const char *name, uint64_t count, uint64_t together)
{
    struct world world;
    world_init(&world);
    world.config.durability = durability;
    REQUIRE(world_start(&world));
    struct state_new_file files[64];
    char paths[64][16], text[EDIT_BYTES];
    for (uint64_t i = 0; i < together; i++) {
        snprintf(paths[i], sizeof(paths[i]), "f%d", (int)i);
        files[i] = (struct state_new_file){paths[i], "", 0, "\n"};
    }
    probe_create(&world.probe, "Bench", files, together);
    probe_open(&world.probe, 5, 1, false);
    memset(text, 'x', sizeof(text));

    double wall = now(), mine = cpu(RUSAGE_THREAD), all = cpu(RUSAGE_SELF);
    for (uint64_t v = 0; v < count / together; v++) {
        for (uint64_t f = 1; f <= together; f++) {
            struct state_entry entry = {
                .by = 5, .n = v + 1, .k = 1, .message = blob_new(text, sizeof(text))};
            probe_send(&world.probe, f, v, &entry, 1, EDIT_BYTES);
        }
        while (world.probe.answers < world.probe.requests)
            uv_run(&world.loop, UV_RUN_ONCE);
    }
    mine = cpu(RUSAGE_THREAD) - mine;
    all = cpu(RUSAGE_SELF) - all;
    wall = now() - wall;
    struct storage_counts counts = storage_counts(world.storage);
    printf("%-10s %2d together: %5.1f us CPU on the thread, %4.1f on the loop, %6.1f us wall; %.1f "
           "edits a commit, "
           "slowest %llu us\n",
           name, (int)together, (all - mine) / (double)count * 1e6, mine / (double)count * 1e6,
           wall / (double)count * 1e6, (double)counts.entries / (double)counts.commits,
           (unsigned long long)counts.commit_us_max);
    world_close(&world);
}

static void bench(void)
{
    static const uint64_t together[] = {1, 4, 16, 64};
    for (size_t i = 0; i < 4; i++)
        measure(DURABILITY_RESTART, "restart", i == 0 ? 50000 : 320000, together[i]);
    for (size_t i = 0; i < 3; i += 2)
        measure(DURABILITY_POWER_CUT, "power-cut", i == 0 ? 5000 : 32000, together[i]);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "bench") == 0) {
        check_init(1, argv);
        bench();
        return 0;
    }
    check_init(argc, argv);
    RUN(what_waits_together_is_committed_together);
    RUN(whoever_is_alone_is_committed_at_once);
    RUN(a_full_queue_refuses_and_recovers);
    RUN(answers_that_nobody_took_are_dropped_at_the_end);
    return check_finish();
}
