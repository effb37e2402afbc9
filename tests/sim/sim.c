/*
 * weft_sim: worlds of the simulation, one after the other. A world that fails is told by its seed,
 * and played again alone with --seed N --worlds 1 --trace.
 */
#include "faults.h"
#include "weft/base/log.h"
#include "weft/base/random.h"
#include "world.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define SHARE_SECONDS 20.0
#define LONG_WORLDS 100000u
#define FAILURES_SHOWN 5u

/* ---- what is random elsewhere is not, here: these stand before base's ---- */

static struct world world;

void random_fill(void *out, size_t len)
{
    memset(out, 0x5a, len);
}

uint64_t random_u64(void)
{
    return world_random(&world);
}

/* ---- an assertion in core must say in which world ---- */

static void aborted(int signal_number)
{
    char line[64];
    int len =
        snprintf(line, sizeof(line), "aborted in the world of seed %" PRIu64 "\n", world.seed);
    (void)!write(STDOUT_FILENO, line, (size_t)len);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* ---- options ---- */

struct options {
    struct world_options world;
    uint64_t seed, worlds;
    double seconds; /* 0: no limit */
    bool stops;
    const char *regressions;
};

static uint64_t draw_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        seed = (uint64_t)time(NULL);
    return seed % 1000000000;
}

static int named(const char *name, const char *(*name_of)(int i), int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name_of(i), name) == 0)
            return i;
    fprintf(stderr, "there is no %s\n", name);
    exit(2);
}

static const char *name_profile(int i)
{
    return profile_name((enum profile)i);
}

static const char *name_mood(int i)
{
    return mood_name((enum mood)i);
}

static _Noreturn void usage(void)
{
    fprintf(stderr,
            "usage: weft_sim [--seed N] [--worlds N] [--seconds N] [--long] [--stop] [--trace]\n"
            "                [--profile calm|always|everysec|empty|mixed]\n"
            "                [--mood plain|stale|loss|twice|late|races|fence]\n"
            "                [--repository yes|no] [--regressions FILE]\n");
    exit(2);
}

static struct options parse(int argc, char **argv)
{
    static const struct option known[] = {{"seed", required_argument, NULL, 's'},
                                          {"worlds", required_argument, NULL, 'w'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"long", no_argument, NULL, 'l'},
                                          {"stop", no_argument, NULL, 'x'},
                                          {"trace", no_argument, NULL, 'v'},
                                          {"profile", required_argument, NULL, 'p'},
                                          {"mood", required_argument, NULL, 'm'},
                                          {"repository", required_argument, NULL, 'r'},
                                          {"regressions", required_argument, NULL, 'g'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.world = {-1, -1, -1, false},
                              .seed = draw_seed(),
                              .worlds = getenv("WEFT_LONG") ? LONG_WORLDS : UINT64_MAX,
                              .seconds = getenv("WEFT_LONG") ? 0 : SHARE_SECONDS};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        switch (c) {
        case 's':
            options.seed = strtoull(optarg, NULL, 10);
            break;
        case 'w':
            options.worlds = strtoull(optarg, NULL, 10);
            options.seconds = 0;
            break;
        case 't':
            options.seconds = strtod(optarg, NULL);
            break;
        case 'l':
            options.worlds = LONG_WORLDS;
            options.seconds = 0;
            break;
        case 'x':
            options.stops = true;
            break;
        case 'v':
            options.world.is_traced = true;
            break;
        case 'p':
            options.world.profile = named(optarg, name_profile, PROFILES);
            break;
        case 'm':
            options.world.mood = named(optarg, name_mood, MOODS);
            break;
        case 'r':
            options.world.repository = strcmp(optarg, "yes") == 0;
            break;
        case 'g':
            options.regressions = optarg;
            break;
        default:
            usage();
        }
    }
    return options;
}

/* ---- playing ---- */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool play(uint64_t seed, const struct options *options, struct world_counts *counts,
                 uint64_t failures)
{
    if (world_play(&world, seed, &options->world, counts))
        return true;
    if (failures < FAILURES_SHOWN)
        printf("seed %" PRIu64 " (%s, %s, %s repository, %u instances, %u people, %u bots) at "
               "%" PRIu64 " ms: %s\n",
               seed, profile_name(world.dice.profile), mood_name(world.dice.mood),
               world.dice.has_repository ? "with a" : "without", world.dice.instances,
               world.dice.people, world.dice.bots, world_now_ms(&world), world.failure);
    return false;
}

/* Seeds of worlds that failed once, one a line; what follows a # is for people. */
static uint64_t play_regressions(const struct options *options, struct world_counts *counts)
{
    FILE *file = options->regressions ? fopen(options->regressions, "r") : NULL;
    char line[400];
    uint64_t failures = 0, played = 0;
    if (options->regressions && !file) {
        perror(options->regressions);
        return 1;
    }
    while (file && fgets(line, sizeof(line), file)) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end == line)
            continue;
        played++;
        failures += !play(seed, options, counts, failures);
    }
    if (file) {
        fclose(file);
        printf("%" PRIu64 " worlds of %s again, %" PRIu64 " failed\n", played, options->regressions,
               failures);
    }
    return failures;
}

static void print_counts(const struct world_counts *c)
{
    printf("events %" PRIu64 " edits %" PRIu64 " entries %" PRIu64 " acks %" PRIu64
           " conflicts %" PRIu64 " resets %" PRIu64 " tree %" PRIu64 " loads %" PRIu64
           " epochs %" PRIu64 " unloads %" PRIu64 " saves %" PRIu64 "\n",
           c->events, c->edits, c->entries, c->acks, c->conflicts, c->resets, c->tree_changes,
           c->loads, c->epochs, c->unloads, c->saves);
    printf("connections %" PRIu64 " crashes %" PRIu64 " pauses %" PRIu64 " broken links %" PRIu64
           " restarts of Redis %" PRIu64 " late calls %" PRIu64 " hints %" PRIu64 " lost %" PRIu64
           " forged %" PRIu64 " polls %" PRIu64 " fenced %" PRIu64 " trimmed %" PRIu64
           " excused %" PRIu64 " anew %" PRIu64 " live left %" PRIu64 " queries %" PRIu64
           " drains %" PRIu64 "\n",
           c->resumes, c->crashes, c->pauses, c->breaks, c->restarts, c->late, c->hints,
           c->lost_hints, c->forged, c->polls, c->fenced, c->trims, c->excused,
           c->recovered_nothing, c->live_left, c->queries, c->drains);
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    struct world_counts counts = {0};
    setvbuf(stdout, NULL, _IOLBF, 0);
    log_setup(options.world.is_traced ? LOG_DEBUG : LOG_ERROR, false);
    signal(SIGABRT, aborted);
    signal(SIGSEGV, aborted);
    double from = seconds();
    uint64_t failures = play_regressions(&options, &counts), played = counts.worlds;
    printf("worlds from seed %" PRIu64 "\n", options.seed);
    for (uint64_t i = 0; i < options.worlds; i++) {
        if (options.seconds > 0 && seconds() - from > options.seconds)
            break;
        failures += !play(options.seed + i, &options, &counts, failures);
        if (failures > 0 && options.stops)
            break;
    }
    double took = seconds() - from;
    world_close(&world);
    printf("%" PRIu64 " worlds, %" PRIu64 " failed, %.1f s, %.0f a second\n", counts.worlds,
           failures, took, (double)counts.worlds / took);
    print_counts(&counts);
    bool is_well = failures == 0 && counts.worlds > played;
    printf("%d passed, %d failed, 0 skipped\n", is_well, !is_well);
    return !is_well;
}
