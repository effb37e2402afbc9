/* Commands as real processes. The test is also the program that becomes the commands. */
#define _GNU_SOURCE /* pipe2, setresuid */
#include "check.h"
#include "weft/base/buf.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/io/runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RUNS_MAX 256
#define DEADLINE_MS 60000

struct seen {
    struct buf output, kept; /* as it came; at the end */
    bool has_ended;
    enum run_outcome outcome;
    int code;
    char problem[200];
};
static struct {
    uv_loop_t loop;
    uv_timer_t deadline;
    struct runner *runner;
    char folder[64];
    size_t descriptors;
    struct seen runs[RUNS_MAX];
} world;

/* ---- what a command must not leave behind ---- */

static size_t count_entries(const char *folder)
{
    DIR *all = opendir(folder);
    size_t count = 0;
    for (struct dirent *entry; all && (entry = readdir(all));)
        count += entry->d_name[0] != '.';
    if (all)
        closedir(all);
    return count;
}

static bool is_there(long pid)
{
    char path[64], state = 'X';
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    int got = fscanf(file, "%*d (%*[^)]) %c", &state);
    fclose(file);
    return got == 1 && state != 'Z' && state != 'X';
}

/* The kernel's message to a process may be on its way. */
static bool is_alive(long pid)
{
    for (int i = 0; i < 5000 && is_there(pid); i++)
        usleep(1000);
    return is_there(pid);
}

/* ---- the world ---- */

static void on_output(void *owner, uint64_t id, const char *data, size_t len)
{
    (void)owner;
    REQUIRE(id < RUNS_MAX);
    CHECK(!world.runs[id].has_ended);
    buf_add(&world.runs[id].output, data, len);
}

static void on_end(void *owner, const struct run_end *end)
{
    (void)owner;
    REQUIRE(end->id < RUNS_MAX);
    struct seen *seen = &world.runs[end->id];
    CHECK(!seen->has_ended);
    seen->has_ended = true;
    seen->outcome = end->outcome;
    seen->code = end->code;
    snprintf(seen->problem, sizeof(seen->problem), "%s", end->problem);
    buf_add(&seen->kept, end->output ? end->output : "", end->output_len);
}

static void too_late(uv_timer_t *timer)
{
    (void)timer;
    puts("nothing happens any more");
    abort();
}

static void open_runner(void)
{
    struct runner_config config = runner_config_default();
    struct error error = {0};
    config.folder = world.folder;
    world.runner = runner_new(&config, &world.loop, &error);
    CHECK_EQ_STR(error.text, "");
    REQUIRE(world.runner);
    world.runner->sink = (struct runner_sink){&world, on_output, on_end};
}

static void open_world(void)
{
    memset(&world, 0, sizeof(world));
    strcpy(world.folder, "/tmp/weft-test-runner-XXXXXX");
    REQUIRE(mkdtemp(world.folder));
    uv_loop_init(&world.loop);
    uv_timer_init(&world.loop, &world.deadline);
    uv_timer_start(&world.deadline, too_late, DEADLINE_MS, 0);
    uv_unref((uv_handle_t *)&world.deadline);
    open_runner();
    world.descriptors = count_entries("/proc/self/fd");
}

static struct run a_run(uint64_t id, const char *const *argv)
{
    return (struct run){.id = id,
                        .argv = argv,
                        .time_ms = DEADLINE_MS,
                        .memory = 1ull << 30,
                        .output_max = 16 << 20};
}

static const char *printed(const struct seen *seen)
{
    return seen->output.data ? seen->output.data : "";
}

static const struct seen *wait_for(uint64_t id)
{
    while (!world.runs[id].has_ended)
        uv_run(&world.loop, UV_RUN_ONCE);
    return &world.runs[id];
}

static void wait_for_output(uint64_t id, char what)
{
    while (!world.runs[id].has_ended && !strchr(printed(&world.runs[id]), what))
        uv_run(&world.loop, UV_RUN_ONCE);
}

static void close_world(void)
{
    /* The libuv of a loop opens some descriptors when the first process is made, once. */
    runner_free(world.runner);
    uv_close((uv_handle_t *)&world.deadline, NULL);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(uv_loop_close(&world.loop), 0);
    CHECK_EQ_INT(waitpid(-1, NULL, WNOHANG), -1);
    CHECK_EQ_INT(errno, ECHILD);
    CHECK_EQ_INT(rmdir(world.folder), 0); /* so nothing was left in it */
    for (size_t i = 0; i < RUNS_MAX; i++) {
        buf_close(&world.runs[i].output);
        buf_close(&world.runs[i].kept);
    }
}

static const struct seen *run_to_end(const struct run *run)
{
    world.runner->ops->start(world.runner, run);
    CHECK(!world.runs[run->id].has_ended);
    return wait_for(run->id);
}

#define COMMAND(...) ((const char *const[]){__VA_ARGS__, NULL})
#define SHELL(script) COMMAND("sh", "-c", script)

static const struct seen *run_shell(const char *script)
{
    static uint64_t id;
    id = (id + 1) % 100;
    struct run run = a_run(id, SHELL(script));
    return run_to_end(&run);
}

/* ---- what comes out ---- */

static void output_and_errors_come_as_they_are_printed(void)
{
    open_world();
    const struct seen *seen = run_shell("echo out; echo err >&2");
    CHECK_EQ_INT(seen->outcome, RUN_EXITED);
    CHECK_EQ_INT(seen->code, 0);
    CHECK_EQ_STR(seen->problem, "");
    CHECK(strstr(printed(seen), "out\n") && strstr(printed(seen), "err\n"));
    CHECK_EQ_INT(seen->output.len, 8);
    CHECK_EQ_INT(seen->kept.len, 0);
    close_world();
}

static void kept_output_comes_at_the_end_and_errors_at_once(void)
{
    open_world();
    struct run run = a_run(0, SHELL("echo out; echo err >&2"));
    run.keep_output = true;
    const struct seen *seen = run_to_end(&run);
    CHECK_EQ_STR(seen->kept.data, "out\n");
    CHECK_EQ_STR(printed(seen), "err\n");
    close_world();
}

static void four_megabytes_go_through(void)
{
    open_world();
    size_t len = 4 << 20;
    char *text = mem_alloc(len);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)(i * 31 % 251);
    struct run run = a_run(0, COMMAND("cat"));
    run.input = text;
    run.input_len = len;
    run.keep_output = true;
    world.runner->ops->start(world.runner, &run);
    char *copy = mem_strndup(text, len);
    memset(text, 0, len); /* it was borrowed until start returned */
    const struct seen *seen = wait_for(0);
    CHECK_EQ_INT(seen->outcome, RUN_EXITED);
    REQUIRE(seen->kept.len == len);
    CHECK(memcmp(seen->kept.data, copy, len) == 0);
    free(copy);
    free(text);
    close_world();
}

static void an_input_may_be_left_unread_or_empty(void)
{
    open_world();
    size_t len = 1 << 20;
    struct run run = a_run(0, COMMAND("true"));
    run.input = memset(mem_alloc(len), 'x', len);
    run.input_len = len;
    CHECK_EQ_STR(run_to_end(&run)->problem, "");
    free((char *)run.input);
    run = a_run(1, SHELL("wc -c"));
    run.input = "";
    CHECK_EQ_STR(printed(run_to_end(&run)), "0\n");
    run = a_run(2, SHELL("wc -c"));
    CHECK_EQ_STR(printed(run_to_end(&run)), "0\n");
    close_world();
}

/* A pipe, not a socket. */
static void output_can_be_opened_by_its_name(void)
{
    open_world();
    CHECK_EQ_STR(printed(run_shell("echo hello >/dev/stdout")), "hello\n");
    close_world();
}

/* ---- how it ends ---- */

static void an_exit_code_and_a_signal_are_told(void)
{
    open_world();
    const struct seen *seen = run_shell("exit 3");
    CHECK_EQ_INT(seen->outcome, RUN_EXITED);
    CHECK_EQ_INT(seen->code, 3);
    CHECK_EQ_STR(seen->problem, "ended with exit code 3");
    seen = run_shell("kill -TERM $$");
    CHECK_EQ_INT(seen->outcome, RUN_SIGNALED);
    CHECK_EQ_INT(seen->code, SIGTERM);
    CHECK_EQ_STR(seen->problem, "ended by signal 15 (Terminated)");
    close_world();
}

static void what_cannot_be_run_says_why(void)
{
    open_world();
    struct run run = a_run(0, COMMAND("no-such-program"));
    const struct seen *seen = run_to_end(&run);
    CHECK_EQ_INT(seen->outcome, RUN_NOT_STARTED);
    CHECK_EQ_STR(seen->problem, "no-such-program cannot be run: No such file or directory");
    run = a_run(1, COMMAND("/etc/passwd"));
    CHECK_EQ_STR(run_to_end(&run)->problem, "/etc/passwd cannot be run: Permission denied");
    close_world();
}

/* Found, and refused only by exec, in the other process. */
static void what_exec_refuses_says_why(void)
{
    open_world();
    char path[128];
    snprintf(path, sizeof(path), "%s/broken", world.folder);
    FILE *file = fopen(path, "w");
    REQUIRE(file);
    fputs("#!/no/such/interpreter\n", file);
    fclose(file);
    chmod(path, 0755);
    struct run run = a_run(0, COMMAND(path));
    const struct seen *seen = run_to_end(&run);
    CHECK_EQ_INT(seen->outcome, RUN_NOT_STARTED);
    CHECK(strstr(seen->problem, "broken cannot be run: No such file or directory"));
    unlink(path);
    close_world();
}

static void a_timeout_kills_the_whole_group(void)
{
    open_world();
    struct run run = a_run(0, SHELL("sleep 1000 & echo $!; sleep 1000"));
    run.time_ms = 500;
    const struct seen *seen = run_to_end(&run);
    CHECK_EQ_INT(seen->outcome, RUN_TIMED_OUT);
    CHECK_EQ_STR(seen->problem, "not done after 500 ms");
    long grandchild = strtol(printed(seen), NULL, 10);
    REQUIRE(grandchild > 1);
    CHECK(!is_alive(grandchild));
    close_world();
}

static void a_stop_kills_at_any_moment(void)
{
    open_world();
    struct run run = a_run(0, SHELL("sleep 1000 & echo $!; wait"));
    world.runner->ops->start(world.runner, &run);
    wait_for_output(0, '\n');
    world.runner->ops->stop(world.runner, 0);
    CHECK_EQ_INT(wait_for(0)->outcome, RUN_STOPPED);
    CHECK(!is_alive(strtol(printed(&world.runs[0]), NULL, 10)));
    run = a_run(1, SHELL("echo ran"));
    world.runner->ops->start(world.runner, &run);
    world.runner->ops->stop(world.runner, 1); /* before there is a process */
    CHECK_EQ_INT(wait_for(1)->outcome, RUN_STOPPED);
    CHECK_EQ_INT(world.runs[1].output.len, 0);
    world.runner->ops->stop(world.runner, 1);
    world.runner->ops->stop(world.runner, 77);
    close_world();
}

static void who_is_left_behind_is_killed_and_not_waited_for(void)
{
    open_world();
    const struct seen *seen = run_shell("sleep 1000 & echo $!");
    CHECK_EQ_INT(seen->outcome, RUN_EXITED);
    CHECK(!is_alive(strtol(printed(seen), NULL, 10)));
    close_world();
}

static void all_of_the_last_output_is_there(void)
{
    open_world();
    for (uint64_t i = 0; i < 20; i++) {
        struct run run = a_run(i, SHELL("head -c 60000 /dev/zero"));
        CHECK_EQ_INT(run_to_end(&run)->output.len, 60000);
    }
    close_world();
}

static void a_runner_that_goes_kills_all(void)
{
    open_world();
    struct run run = a_run(0, SHELL("echo $$; exec sleep 1000"));
    world.runner->ops->start(world.runner, &run);
    wait_for_output(0, '\n');
    long pid = strtol(printed(&world.runs[0]), NULL, 10);
    run = a_run(1, SHELL("sleep 1000"));
    world.runner->ops->start(world.runner, &run);
    close_world();
    CHECK(!is_alive(pid));
    CHECK(!world.runs[0].has_ended);
}

/* ---- limits ---- */

static void too_much_output_ends_it(void)
{
    open_world();
    struct run run = a_run(0, COMMAND("yes"));
    run.output_max = 100000;
    const struct seen *seen = run_to_end(&run);
    CHECK_EQ_INT(seen->outcome, RUN_TOO_MUCH);
    CHECK_EQ_STR(seen->problem, "printed more than 100000 bytes");
    CHECK_EQ_INT(seen->output.len, 100000);
    run = a_run(1, SHELL("yes >&2"));
    run.output_max = 1000;
    run.keep_output = true;
    CHECK_EQ_INT(run_to_end(&run)->outcome, RUN_TOO_MUCH);
    run = a_run(2, SHELL("printf 12345"));
    run.output_max = 5;
    CHECK_EQ_INT(run_to_end(&run)->outcome, RUN_EXITED);
    run.id = 3;
    run.output_max = 4;
    CHECK_EQ_INT(run_to_end(&run)->outcome, RUN_TOO_MUCH);
    close_world();
}

static void memory_is_limited(void)
{
    open_world();
    struct run run = a_run(0, SHELL("head -c 200M /dev/zero | tail -c 150M | wc -c"));
    run.memory = 64 << 20;
    CHECK(!strstr(printed(run_to_end(&run)), "157286400"));
    run = a_run(1, SHELL("ulimit -v; ulimit -c; ulimit -n; ulimit -t; ulimit -f"));
    run.memory = 64 << 20;
    run.time_ms = 5000;
    char wanted[80];
    snprintf(wanted, sizeof(wanted), "65536\n0\n256\n%ld\n524288\n",
             5 * sysconf(_SC_NPROCESSORS_ONLN) + 1);
    CHECK_EQ_STR(printed(run_to_end(&run)), wanted);
    close_world();
}

static void it_gets_no_privileges(void)
{
    open_world();
    CHECK_EQ_STR(printed(run_shell("grep NoNewPrivs /proc/self/status")), "NoNewPrivs:\t1\n");
    close_world();
}

static void it_has_a_session_of_its_own(void)
{
    open_world();
    CHECK_EQ_STR(printed(run_shell("set -- $(cat /proc/$$/stat); "
                                   "[ $1 = $$ ] && [ $5 = $$ ] && [ $6 = $$ ] && echo yes")),
                 "yes\n");
    close_world();
}

static void it_sees_no_environment_and_no_descriptor_of_ours(void)
{
    open_world();
    setenv("WEFT_SECRET", "a secret", 1);
    int leaky = dup(STDOUT_FILENO); /* not closed by exec */
    struct run run = a_run(0, COMMAND("env"));
    const struct seen *seen = run_to_end(&run);
    CHECK_EQ_INT(seen->outcome, RUN_EXITED);
    CHECK_EQ_INT(seen->output.len, 0);
    run = a_run(1, COMMAND("ls", "/proc/self/fd"));
    CHECK_EQ_STR(printed(run_to_end(&run)), "0\n1\n2\n3\n"); /* 3: of the folder it lists */
    close(leaky);
    unsetenv("WEFT_SECRET");
    close_world();
}

/* ---- its folder ---- */

static void it_finds_the_files_and_nothing_else(void)
{
    open_world();
    static const struct run_file files[] = {
        {"a.txt", "A", 1}, {"src/deep/b c.txt", "B\n", 2}, {"src/empty", "", 0}};
    struct run run = a_run(0, SHELL("find . -type f | sort; cat a.txt 'src/deep/b c.txt'"));
    run.files = files;
    run.file_count = 3;
    CHECK_EQ_STR(printed(run_to_end(&run)), "./a.txt\n./src/deep/b c.txt\n./src/empty\nAB\n");
    run = a_run(1, SHELL("pwd; ls -A; touch x"));
    const struct seen *seen = run_to_end(&run);
    CHECK(strncmp(printed(seen), world.folder, strlen(world.folder)) == 0);
    CHECK(strchr(printed(seen), '\n')[1] == '\0');
    close_world();
}

static void a_path_that_leads_out_is_refused(void)
{
    open_world();
    static const char *const bad[] = {"../x", "/etc/x", "a/../../x", "", "a//b"};
    for (size_t i = 0; i < 5; i++) {
        struct run_file file = {bad[i], "x", 1};
        struct run run = a_run(i, COMMAND("true"));
        run.files = &file;
        run.file_count = 1;
        CHECK_EQ_INT(run_to_end(&run)->outcome, RUN_NOT_STARTED);
        CHECK(world.runs[i].problem[0]);
    }
    struct run_file twice[] = {{"a", "x", 1}, {"a/b", "x", 1}};
    struct run run = a_run(9, COMMAND("true"));
    run.files = twice;
    run.file_count = 2;
    CHECK_EQ_STR(run_to_end(&run)->problem, "a/b cannot be written: Not a directory");
    close_world();
}

static void what_it_leaves_is_removed_and_links_are_not_followed(void)
{
    open_world();
    char kept[128], script[512];
    snprintf(kept, sizeof(kept), "%s/kept", world.folder);
    REQUIRE(mkdir(kept, 0700) == 0);
    snprintf(script, sizeof(script),
             "touch %s/file; ln -s %s link; mkdir -p a/b/c .hidden; ln -s / a/root; mkfifo pipe; "
             "touch a/b/c/x; chmod 0 a/b/c; chmod 0500 a/b; chmod 0 a",
             kept, kept);
    CHECK_EQ_STR(run_shell(script)->problem, "");
    CHECK_EQ_INT(count_entries(world.folder), 2); /* kept, and the runner's own */
    CHECK_EQ_INT(count_entries(kept), 1);
    snprintf(script, sizeof(script), "%s/file", kept);
    unlink(script);
    rmdir(kept);
    close_world();
}

/* root may remove anything; so this is a person. */
static void folders_that_it_locked_are_removed_too(void)
{
    open_world();
    runner_free(world.runner);
    uid_t was = geteuid();
    if (was == 0)
        REQUIRE(chown(world.folder, 65534, 65534) == 0 && setresuid(65534, 65534, 0) == 0);
    open_runner();
    const struct seen *seen =
        run_shell("mkdir -p a/b/c; touch a/b/c/x a/y; chmod 0 a/b/c; chmod 0500 a/b; chmod 0 a");
    if (was == 0 && seen->outcome == RUN_NOT_STARTED) {
        runner_free(world.runner);
        REQUIRE(setresuid(0, 0, 0) == 0);
        SKIP("this program may not be run by others");
    }
    CHECK_EQ_STR(seen->problem, "");
    DIR *all = opendir(world.folder);
    char own[400] = "";
    for (struct dirent *entry; (entry = readdir(all));) {
        if (entry->d_name[0] != '.')
            snprintf(own, sizeof(own), "%s/%s", world.folder, entry->d_name);
    }
    closedir(all);
    CHECK_EQ_INT(count_entries(own), 0);
    if (was == 0)
        REQUIRE(setresuid(0, 0, 0) == 0);
    close_world();
}

/* A runner in another process, which is killed in the middle of a command. */
static void a_killed_runner_takes_its_commands_along_and_the_next_one_cleans_up(void)
{
    open_world();
    runner_free(world.runner);
    int told[2];
    REQUIRE(pipe2(told, O_CLOEXEC) == 0);
    pid_t other = fork();
    REQUIRE(other >= 0);
    if (other == 0) {
        uv_loop_fork(&world.loop);
        open_runner();
        struct run run = a_run(0, SHELL("echo $$; exec sleep 1000"));
        world.runner->ops->start(world.runner, &run);
        wait_for_output(0, '\n');
        if (write(told[1], printed(&world.runs[0]), world.runs[0].output.len) > 0)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    char pid[24] = "";
    CHECK(read(told[0], pid, sizeof(pid) - 1) > 0);
    CHECK(waitpid(other, NULL, 0) == other);
    close(told[0]);
    close(told[1]);
    CHECK(!is_alive(strtol(pid, NULL, 10)));
    CHECK_EQ_INT(count_entries(world.folder), 1);
    open_runner();
    CHECK_EQ_INT(count_entries(world.folder), 1); /* the new one's */
    struct runner *first = world.runner;
    open_runner();
    CHECK_EQ_INT(count_entries(world.folder), 2); /* one that lives is let be */
    runner_free(first);
    close_world();
}

/* ---- many ---- */

static void two_hundred_at_once(void)
{
    open_world();
    size_t before = 0;
    for (int round = 0; round < 2; round++) {
        for (uint64_t i = 0; i < 200; i++) {
            struct run run = a_run(i, COMMAND("cat"));
            char text[24];
            run.input_len = (size_t)snprintf(text, sizeof(text), "%d", (int)i);
            run.input = text;
            world.runs[i].has_ended = false;
            buf_reset(&world.runs[i].output);
            world.runner->ops->start(world.runner, &run);
        }
        for (uint64_t i = 0; i < 200; i++) {
            char text[24];
            snprintf(text, sizeof(text), "%d", (int)i);
            CHECK_EQ_STR(printed(wait_for(i)), text);
        }
        size_t after = count_entries("/proc/self/fd");
        CHECK(round == 0 || after == before);
        before = after;
    }
    close_world();
}

static void a_folder_of_somebody_else_stays(void)
{
    char path[128];
    open_world();
    struct runner *first = world.runner;
    snprintf(path, sizeof(path), "%s/weft-run-others", world.folder);
    REQUIRE(mkdir(path, 0700) == 0);
    open_runner();
    CHECK_EQ_INT(rmdir(path), 0);
    runner_free(first);
    close_world();
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], RUNNER_EXEC) == 0)
        return runner_exec(argv);
    check_init(argc, argv);
    log_setup(LOG_ERROR, false);
    RUN(output_and_errors_come_as_they_are_printed);
    RUN(kept_output_comes_at_the_end_and_errors_at_once);
    RUN(four_megabytes_go_through);
    RUN(an_input_may_be_left_unread_or_empty);
    RUN(output_can_be_opened_by_its_name);
    RUN(an_exit_code_and_a_signal_are_told);
    RUN(what_cannot_be_run_says_why);
    RUN(what_exec_refuses_says_why);
    RUN(a_timeout_kills_the_whole_group);
    RUN(a_stop_kills_at_any_moment);
    RUN(who_is_left_behind_is_killed_and_not_waited_for);
    RUN(all_of_the_last_output_is_there);
    RUN(a_runner_that_goes_kills_all);
    RUN(too_much_output_ends_it);
    RUN(memory_is_limited);
    RUN(it_gets_no_privileges);
    RUN(it_has_a_session_of_its_own);
    RUN(it_sees_no_environment_and_no_descriptor_of_ours);
    RUN(it_finds_the_files_and_nothing_else);
    RUN(a_path_that_leads_out_is_refused);
    RUN(what_it_leaves_is_removed_and_links_are_not_followed);
    RUN(folders_that_it_locked_are_removed_too);
    RUN(a_killed_runner_takes_its_commands_along_and_the_next_one_cleans_up);
    RUN(a_folder_of_somebody_else_stays);
    RUN(two_hundred_at_once);
    return check_finish();
}
