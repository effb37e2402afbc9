/*
 * kill -9 in the middle of everything: a child writes and tells what was acknowledged, the test
 * kills it, and the next child finds all of it. The text of file f at version v is the tokens of
 * its versions, one after the other, so that anything lost, doubled or out of order shows.
 */
#include "storage_world.h"
#include "weft/base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define FILES 6u
#define CID 5u

static size_t add_token(char *out, size_t size, uint64_t f, uint64_t v)
{
    return (size_t)snprintf(out, size, "<%d:%d>", (int)f, (int)v);
}

static char *text_at(uint64_t f, uint64_t version)
{
    struct buf text = BUF_EMPTY;
    char token[64];
    buf_reserve(&text, 1)[0] = '\0';
    for (uint64_t v = 1; v <= version; v++)
        buf_add(&text, token, add_token(token, sizeof(token), f, v));
    return text.data;
}

/* ---- the child ---- */

static struct {
    struct world world;
    uint64_t seed;
    uint64_t version[FILES + 1], rev[FILES + 1], n[FILES + 1];
    size_t len[FILES + 1], more[FILES + 1];
    bool under_way[FILES + 1];
} child;

static void tell(const char *format, ...)
{
    char line[128];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (write(STDOUT_FILENO, line, (size_t)len) != len)
        _exit(5);
}

static void child_fail(const char *why)
{
    tell("! %s\n", why);
    _exit(4);
}

static void acknowledged(void *owner, const struct state_appended *answer)
{
    (void)owner;
    uint64_t f = answer->f;
    if (answer->result != STATE_OK)
        child_fail("an append was refused");
    child.version[f] = answer->version;
    child.rev[f] = answer->rev;
    child.len[f] += child.more[f];
    child.under_way[f] = false;
    tell("a %d %d\n", (int)f, (int)answer->version);
}

/* What the database has must be a text of tokens, and this author's last number that of the
 * version. */
static void take_stock(uint64_t f)
{
    struct probe *probe = &child.world.probe;
    char *text = probe_fold(probe, f);
    if (!text)
        child_fail("a file cannot be read");
    child.version[f] = probe->got.version;
    child.rev[f] = probe->got.rev;
    char *wanted = text_at(f, child.version[f]);
    if (strcmp(text, wanted) != 0)
        child_fail("a text is not what was written");
    for (size_t i = 0; i < probe->got.seen_count; i++)
        if (probe->got.seen[i].cid == CID)
            child.n[f] = probe->got.seen[i].n;
    if (child.n[f] != child.version[f])
        child_fail("an author's number is not what was written");
    child.len[f] = strlen(text);
    tell("s %d %d\n", (int)f, (int)child.version[f]);
    free(text);
    free(wanted);
}

static void send_some(uint64_t f)
{
    struct state_entry entries[4];
    size_t count = 1 + check_random(&child.seed) % 4, len = child.len[f];
    char token[64];
    for (size_t i = 0; i < count; i++) {
        uint64_t v = child.version[f] + 1 + i;
        size_t more = add_token(token, sizeof(token), f, v);
        entries[i] = probe_entry(f, v, CID, ++child.n[f], 0, len, len, token);
        len += more;
    }
    child.more[f] = len - child.len[f];
    child.under_way[f] = true;
    probe_send(&child.world.probe, f, child.version[f], entries, count, (int64_t)child.more[f]);
}

static void save_one(uint64_t f)
{
    char *text = text_at(f, child.version[f]);
    enum repository_result result =
        probe_save(&child.world.probe, f, child.version[f], child.rev[f], text);
    if (result == REPOSITORY_FAILED)
        child_fail("a save failed");
    free(text);
}

static void change_tree(void)
{
    char path[64];
    struct probe *probe = &child.world.probe;
    snprintf(path, sizeof(path), "more/%d", (int)(check_random(&child.seed) % 1000000000));
    if (probe_new_file(probe, path, "short-lived") != STATE_OK)
        child_fail("a file could not be made");
    tell("e %d\n", (int)probe->got.e);
    if (probe_delete(probe, probe->got.entries[0].f, NULL) != STATE_OK)
        child_fail("a file could not be deleted");
    tell("e %d\n", (int)probe->got.e);
}

static void write_for_ever(void)
{
    struct probe *probe = &child.world.probe;
    for (uint64_t turn = 1;; turn++) {
        uint64_t f = 1 + check_random(&child.seed) % FILES;
        if (!child.under_way[f])
            send_some(f);
        else
            uv_run(&child.world.loop, UV_RUN_ONCE);
        if (turn % 40 != 0)
            continue;
        probe_wait(probe);
        if (turn % 3 == 0)
            change_tree();
        save_one(f);
    }
}

/* child <folder> <durability> <seed>: never returns; told by a kill when it is enough. */
static int be_child(char **argv)
{
    check.test = "child";
    struct world *world = &child.world;
    *world = (struct world){.config = storage_config_default()};
    snprintf(world->folder, sizeof(world->folder), "%s", argv[2]);
    world->config.folder = world->folder;
    world->config.durability = atoi(argv[3]) ? DURABILITY_POWER_CUT : DURABILITY_RESTART;
    world->config.history = 500; /* so that the journal is trimmed, too */
    child.seed = strtoull(argv[4], NULL, 10);
    uv_loop_init(&world->loop);
    if (!world_start(world))
        child_fail(world->error.text);
    world->probe.appended = acknowledged;
    if (probe_open(&world->probe, 0, 0, true) != STATE_OK)
        child_fail("the project cannot be opened");
    tell("p %s %d\n", world->probe.epoch, (int)world->probe.got.e);
    for (uint64_t f = 1; f <= FILES; f++)
        take_stock(f);
    write_for_ever();
    return 0;
}

/* ---- the test ---- */

struct ledger {
    char epoch[EPOCH_SIZE];
    int version[FILES + 1]; /* acknowledged */
    int e;
    int lines;
};

static void take_line(struct ledger *ledger, const char *line)
{
    int f, v;
    char epoch[EPOCH_SIZE];
    ledger->lines++;
    if (sscanf(line, "a %d %d", &f, &v) == 2) {
        ledger->version[f] = v;
    } else if (sscanf(line, "s %d %d", &f, &v) == 2) {
        if (v < ledger->version[f])
            CHECK_FAIL("file %d: version %d was acknowledged, %d is there", f, ledger->version[f],
                       v);
    } else if (sscanf(line, "e %d", &v) == 1) {
        ledger->e = v;
    } else if (sscanf(line, "p %32s %d", epoch, &v) == 2) {
        if (ledger->epoch[0])
            CHECK_EQ_STR(epoch, ledger->epoch);
        snprintf(ledger->epoch, sizeof(ledger->epoch), "%s", epoch);
        CHECK(v >= ledger->e);
    } else {
        CHECK_FAIL("the child says %s", line);
    }
}

static pid_t start_child(const char *folder, enum durability durability, uint64_t seed, int *from)
{
    int ends[2];
    char durable[4], number[32];
    snprintf(durable, sizeof(durable), "%d", durability == DURABILITY_POWER_CUT);
    snprintf(number, sizeof(number), "%llu", (unsigned long long)seed);
    REQUIRE(pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "test", "child", folder, durable, number, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *from = ends[0];
    return pid;
}

/* One life: reads so many lines, kills, and takes in what was still on its way. lines 0: the child
 * ends by itself. */
static void live_and_die(struct ledger *ledger, const char *folder, enum durability durability,
                         uint64_t seed, int lines)
{
    int from, status;
    char line[256];
    pid_t pid = start_child(folder, durability, seed, &from);
    FILE *stream = fdopen(from, "r");
    int until = ledger->lines + lines;
    while (fgets(line, sizeof(line), stream) &&
           strchr(line, '\n')) { /* a line cut by the kill was not said */
        take_line(ledger, line);
        if (ledger->lines == until)
            kill(pid, SIGKILL);
    }
    fclose(stream);
    waitpid(pid, &status, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void make_project(struct world *world)
{
    struct state_new_file files[FILES];
    char paths[FILES][16];
    for (size_t i = 0; i < FILES; i++) {
        snprintf(paths[i], sizeof(paths[i]), "f%d", (int)i);
        files[i] = (struct state_new_file){paths[i], "", 0, "\n"};
    }
    REQUIRE(world_start(world));
    CHECK_EQ_INT(probe_create(&world->probe, "Demo", files, FILES), STATE_OK);
    world_stop(world);
}

static void check_end(struct world *world, const struct ledger *ledger)
{
    REQUIRE(world_start(world));
    CHECK_EQ_INT(probe_open(&world->probe, 0, 0, true), STATE_OK);
    CHECK_EQ_STR(world->probe.epoch, ledger->epoch);
    CHECK(world->probe.got.e >= (uint64_t)ledger->e);
    for (uint64_t f = 1; f <= FILES; f++) {
        char *text = probe_fold(&world->probe, f);
        char *wanted = text_at(f, world->probe.got.version);
        CHECK(world->probe.got.version >= (uint64_t)ledger->version[f]);
        CHECK(strcmp(text, wanted) == 0);
        free(text);
        free(wanted);
    }
    world_stop(world);
    CHECK_EQ_INT(
        world_number(world,
                     "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1);
}

static void kill_again_and_again(enum durability durability, int cycles)
{
    struct world world;
    struct ledger ledger = {0};
    uint64_t seed = check_seed();
    world_init(&world);
    world.config.durability = durability;
    make_project(&world);
    for (int i = 0; i < cycles && check.failures == 0; i++)
        live_and_die(&ledger, world.folder, durability, check_random(&seed),
                     8 + (int)(check_random(&seed) % 400));
    check_end(&world, &ledger);
    world_close(&world);
}

static void nothing_acknowledged_is_lost_by_kill_9(void)
{
    kill_again_and_again(DURABILITY_RESTART, check_long() ? 1000 : 25);
}

static void nothing_acknowledged_is_lost_by_kill_9_with_power_cut(void)
{
    kill_again_and_again(DURABILITY_POWER_CUT, check_long() ? 200 : 8);
}

/* At every place where it matters, again and again a little further. */
static void nothing_acknowledged_is_lost_by_dying_at_the_worst_moment(void)
{
#ifdef WEFT_FAILPOINTS
    static const char *const places[] = {"before_append", "after_append", "mid_save"};
    struct world world;
    struct ledger ledger = {0};
    uint64_t seed = check_seed();
    world_init(&world);
    make_project(&world);
    for (int i = 0; i < 3 * (check_long() ? 100 : 5) && check.failures == 0; i++) {
        char failpoint[64];
        snprintf(failpoint, sizeof(failpoint), "%s:kill:%d", places[i % 3],
                 1 + (int)(check_random(&seed) % 30));
        setenv("WEFT_FAILPOINT", failpoint, 1);
        live_and_die(&ledger, world.folder, DURABILITY_RESTART, check_random(&seed), 0);
    }
    unsetenv("WEFT_FAILPOINT");
    check_end(&world, &ledger);
    world_close(&world);
#else
    SKIP("built without failpoints");
#endif
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "child") == 0)
        return be_child(argv);
    check_init(argc, argv);
    log_setup(LOG_WARN, false);
    RUN(nothing_acknowledged_is_lost_by_kill_9);
    RUN(nothing_acknowledged_is_lost_by_kill_9_with_power_cut);
    RUN(nothing_acknowledged_is_lost_by_dying_at_the_worst_moment);
    return check_finish();
}
