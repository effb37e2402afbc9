#include "process.h"

#include <ctype.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t timespec_ns(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000U + (uint64_t)time->tv_nsec;
}

bool process_list_parse(struct process_list *list, const char *text)
{
    list->count = 0;
    while (list->count < PROCESS_MAX && isdigit((unsigned char)*text)) {
        char *end;
        list->pids[list->count++] = (pid_t)strtol(text, &end, 10);
        if (*end == '\0')
            return true;
        if (*end != ',')
            return false;
        text = end + 1;
    }
    return false;
}

/* Reads a small file of /proc whole; false if it is not there. */
static bool proc_read(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t len = read(fd, out, size - 1);
    close(fd);
    out[len > 0 ? len : 0] = '\0';
    return len > 0;
}

static uint64_t stat_cpu_ns(pid_t pid)
{
    char text[1024];
    unsigned long user, system;
    if (!proc_read(pid, "stat", text, sizeof text))
        return 0;
    /* The name in parentheses may hold anything; utime and stime are the 12th and 13th behind. */
    const char *after = strrchr(text, ')');
    if (!after || sscanf(after + 1, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu %lu", &user,
                         &system) != 2)
        return 0;
    return (uint64_t)(user + system) * (1000000000U / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t cpu_ns(pid_t pid)
{
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0)
        return timespec_ns(&time);
    return stat_cpu_ns(pid);
}

uint64_t process_cpu_ns(const struct process_list *list)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < list->count; i++)
        sum += cpu_ns(list->pids[i]);
    return sum;
}

uint64_t process_stat_cpu_ns(const struct process_list *list)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < list->count; i++)
        sum += stat_cpu_ns(list->pids[i]);
    return sum;
}

uint64_t process_own_cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return timespec_ns(&time);
}

static uint64_t status_bytes(const struct process_list *list, const char *field)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < list->count; i++) {
        char text[4096];
        if (!proc_read(list->pids[i], "status", text, sizeof text))
            continue;
        const char *line = strstr(text, field);
        if (line)
            sum += strtoull(line + strlen(field), NULL, 10) * 1024;
    }
    return sum;
}

uint64_t process_rss(const struct process_list *list)
{
    return status_bytes(list, "VmRSS:");
}

uint64_t process_peak_rss(const struct process_list *list)
{
    return status_bytes(list, "VmHWM:");
}

bool process_reset_peak(const struct process_list *list)
{
    bool done = true;
    for (size_t i = 0; i < list->count; i++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/clear_refs", (int)list->pids[i]);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        done = done && fd >= 0 && write(fd, "5", 1) == 1;
        if (fd >= 0)
            close(fd);
    }
    return done;
}

bool process_pin(int core)
{
    cpu_set_t set;
    if (core < 0 || core >= CPU_SETSIZE)
        return false;
    CPU_ZERO(&set);
    CPU_SET((unsigned)core, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

size_t process_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return (size_t)limit.rlim_cur;
}
