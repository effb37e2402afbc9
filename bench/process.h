/* What the kernel says about the processes under load, and where this process runs. */
#ifndef WEFT_BENCH_PROCESS_H
#define WEFT_BENCH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_MAX 16

/* The processes that make up one server. */
struct process_list {
    pid_t pids[PROCESS_MAX];
    size_t count;
};

/* Reads "17,18" into list. False if that is not a list of 1…PROCESS_MAX numbers. */
bool process_list_parse(struct process_list *list, const char *text);

/* CPU time of all threads, living and ended, of all processes. It is utime + stime of
 * /proc/PID/stat without that file's rounding to 10 ms: the kernel's CPU clock of the process,
 * with the file as the fallback. A process that is gone counts as 0. */
uint64_t process_cpu_ns(const struct process_list *list);
uint64_t process_stat_cpu_ns(const struct process_list *list);
uint64_t process_own_cpu_ns(void);

/* Resident memory now, and its highest since process_reset_peak() or the start, in bytes. */
uint64_t process_rss(const struct process_list *list);
uint64_t process_peak_rss(const struct process_list *list);
/* False where the kernel does not allow it: then the peak is the one since the start. */
bool process_reset_peak(const struct process_list *list);

/* Keeps this process on one core; false if there is no such core. */
bool process_pin(int core);
/* Raises the limit on open files to the hard limit, and returns it. */
size_t process_raise_file_limit(void);

#endif
