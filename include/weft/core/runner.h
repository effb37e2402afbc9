/* The port to where commands of jobs run: processes of this machine (io/runner.h), or what a test
 * puts in their place. Asynchronous: what a command prints and how it ends comes through the sink
 * on later turns, exactly one end per start. */
#ifndef WEFT_CORE_RUNNER_H
#define WEFT_CORE_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_file {
    const char *path; /* checked by path_check: below the folder */
    const char *text;
    size_t len;
};
/* All of it is borrowed until start returns. No shell, an empty environment, a process group of its
 * own, a new and empty folder to work in that is removed at the end. */
struct run {
    uint64_t id;             /* the caller's */
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in this process' PATH */
    const char *input;       /* standard input; NULL: none */
    size_t input_len;
    const struct run_file *files; /* written into its folder first */
    size_t file_count;
    uint64_t time_ms;    /* then the whole group is killed */
    uint64_t memory;     /* bytes of address space of each process; 0 = no limit */
    uint64_t output_max; /* bytes of output and error together; more ends it */
    bool keep_output;    /* standard output comes whole at the end; else as it is printed */
};

enum run_outcome {
    RUN_EXITED,   /* by itself: code */
    RUN_SIGNALED, /* by a signal that was not ours: code is its number */
    RUN_TIMED_OUT,
    RUN_TOO_MUCH,   /* output_max */
    RUN_STOPPED,    /* as was asked for */
    RUN_NOT_STARTED /* no such program, no memory, no descriptors… */
};
struct run_end {
    uint64_t id;
    enum run_outcome outcome;
    int code;
    const char *problem; /* in words, for people; "" after a clean exit */
    const char *output;  /* keep_output */
    size_t output_len;
    uint64_t ms;
};

struct runner_sink {
    void *owner;
    /* Bytes as they were printed; may end inside a character. */
    void (*output)(void *owner, uint64_t id, const char *data, size_t len);
    void (*ended)(void *owner, const struct run_end *end);
};

struct runner;
struct runner_ops {
    void (*start)(struct runner *runner, const struct run *run);
    /* Kills it and all that it started; its end is still told. An unknown id is fine. */
    void (*stop)(struct runner *runner, uint64_t id);
};
struct runner {
    const struct runner_ops *ops;
    struct runner_sink sink; /* without an owner it is closed */
};

#endif
