/*
 * Between fork and exec of a command there is much to do, and nothing may be done there in a
 * process with threads. So weftd starts itself, and this small part of it, in a process without
 * threads, does it and becomes the command.
 *
 * The limit of memory comes last: it is below what a build with sanitizers has mapped already.
 */
#define _GNU_SOURCE /* close_range */
#include "runner_exec.h"
#include "weft/io/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXIT_NOT_STARTED 127

void exec_limits_print(const struct exec_limits *limits, char *out)
{
    snprintf(out, EXEC_LIMITS_SIZE, "%jd %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
             (intmax_t)limits->parent, limits->memory, limits->cpu_s, limits->file_max,
             limits->descriptors);
}

static bool limits_scan(const char *text, struct exec_limits *limits)
{
    intmax_t parent;
    int fields = sscanf(text, "%jd %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &parent,
                        &limits->memory, &limits->cpu_s, &limits->file_max, &limits->descriptors);
    limits->parent = (pid_t)parent;
    return fields == 5;
}

/* Never above what is allowed already, which only a privileged process may raise. */
static bool set_limit(__rlimit_resource_t resource, uint64_t most)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit) != 0)
        return false;
    if (limit.rlim_max == RLIM_INFINITY || limit.rlim_max > most)
        limit.rlim_max = most;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(resource, &limit) == 0;
}

static bool set_limits(const struct exec_limits *limits)
{
    return set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_CPU, limits->cpu_s) &&
           set_limit(RLIMIT_FSIZE, limits->file_max) &&
           set_limit(RLIMIT_NOFILE, limits->descriptors) &&
           prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           (limits->memory == 0 || set_limit(RLIMIT_AS, limits->memory));
}

/* The parent may have died before it could be asked for. */
static bool die_with(pid_t parent)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

static int fail(int reason)
{
    ssize_t written = write(EXEC_STATUS_FD, &reason, sizeof(reason));
    (void)written; /* who does not hear it sees the exit status */
    return EXIT_NOT_STARTED;
}

int runner_exec(char **argv)
{
    static char *const environment[] = {NULL};
    struct exec_limits limits;
    for (int i = 2; i <= EXEC_ARGV_FIRST; i++) {
        if (!argv[i])
            return EXIT_NOT_STARTED; /* a person has tried it */
    }
    if (!limits_scan(argv[2], &limits))
        return EXIT_NOT_STARTED;
    if (fcntl(EXEC_STATUS_FD, F_SETFD, FD_CLOEXEC) != 0 || !die_with(limits.parent))
        return EXIT_NOT_STARTED;
    if (close_range(EXEC_STATUS_FD + 1, ~0U, 0) != 0 || !set_limits(&limits))
        return fail(errno);
    execve(argv[3], argv + EXEC_ARGV_FIRST, environment);
    return fail(errno);
}
