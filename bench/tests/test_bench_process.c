#include "process.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "check.h"

static void lists_are_read(void)
{
    struct process_list list;
    CHECK(process_list_parse(&list, "17,18"));
    CHECK_EQ_INT(list.count, 2);
    CHECK_EQ_INT(list.pids[1], 18);
    CHECK(!process_list_parse(&list, ""));
    CHECK(!process_list_parse(&list, "17,"));
    CHECK(!process_list_parse(&list, "17 18"));
    CHECK(!process_list_parse(&list, "-1"));
}

/* A child that counts until it is told to stop: its CPU by the clock is what its /proc/PID/stat
 * says, to the rounding of that file. */
static void the_cpu_clock_is_what_proc_says(void)
{
    int told[2];
    REQUIRE(pipe(told) == 0);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        while (process_own_cpu_ns() < 200000000U)
            continue;
        (void)!write(told[1], "x", 1);
        pause();
        _exit(0);
    }
    struct process_list list = {.pids = {child}, .count = 1};
    char byte;
    CHECK_EQ_INT(read(told[0], &byte, 1), 1);
    uint64_t clock = process_cpu_ns(&list), stat = process_stat_cpu_ns(&list);
    CHECK(clock >= 200000000U);
    CHECK(stat + 30000000U > clock && stat < clock + 30000000U);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(told[0]);
    close(told[1]);
}

/* Below a sanitizer memory comes in other portions, but 32 MiB that were touched are seen. */
static void memory_is_seen_to_grow_and_its_peak_kept(void)
{
    struct process_list list = {.pids = {getpid()}, .count = 1};
    size_t size = (size_t)32 << 20;
    uint64_t before = process_rss(&list);
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    memset(memory, 1, size);
    CHECK(before > 0);
    CHECK(process_rss(&list) > before + size / 2);
    munmap(memory, size);
    CHECK(process_peak_rss(&list) > before + size / 2);
    CHECK(process_rss(&list) < before + size / 2);
}

static void a_process_that_is_gone_counts_nothing(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    struct process_list list = {.pids = {child}, .count = 1};
    CHECK_EQ_INT(process_cpu_ns(&list), 0);
    CHECK_EQ_INT(process_rss(&list), 0);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(lists_are_read);
    RUN(the_cpu_clock_is_what_proc_says);
    RUN(memory_is_seen_to_grow_and_its_peak_kept);
    RUN(a_process_that_is_gone_counts_nothing);
    return check_finish();
}
