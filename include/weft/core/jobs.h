/* The port to the queue of people's jobs ("format this file"): streams of Redis with a consumer
 * group (shared), or a table of the data folder (embedded). Asynchronous like state.h: one answer
 * per call, on a later turn, named by `request`; JOBS_BUSY means that nobody knows what became of
 * the call. Every call may be made again: what was done once is told again, or does nothing.
 *
 * A job is taken by one worker at a time, under a lease which the worker renews; one whose lease
 * ended is taken again, by another. So a job may be begun several times (`tries`), but its outcome
 * is written once, by whoever holds the lease that is told at take. What it changes in a file it
 * changes as edit 1 of a cid of its own, which the log takes only once.
 *
 *     add → QUEUED → take → RUNNING → settle → DONE | FAILED (dead: can be retried or dropped)
 *                       ↑      │ settle with again_ms: failed, and tried again later
 *                       └──────┴── the lease ended
 *     cancel: a QUEUED one becomes CANCELED at once; of a RUNNING one the worker hears by renew.
 *
 * Each change of the state is a room event (`{"t":"job","e":…}`), written in the same step as the
 * change, and only where the project is loaded: a shared queue has it printed by its scripts and
 * told as a hint to all instances; an embedded one hands it to sink.event before the answer.
 *
 * A kind is what the operator has configured under its name; a request for another is refused. One
 * without a command is done by programs of others that read the consumer group (docs/jobs.md): they
 * answer into a stream, and `answers` hands what they say to core. */
#ifndef WEFT_CORE_JOBS_H
#define WEFT_CORE_JOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;

#define JOB_ID_SIZE 24   /* with the NUL: 'j' and at most 22 of a-z 0-9 */
#define JOB_KIND_SIZE 33 /* ^[a-z][a-z0-9_-]{0,31}$ */

enum job_input {
    JOB_INPUT_NONE,
    JOB_INPUT_FILE,   /* the text of its file, on standard input */
    JOB_INPUT_PROJECT /* all files, in a folder of their own, which the command runs in */
};
enum job_output {
    JOB_OUTPUT_TEXT, /* standard output and error, shown as they come */
    JOB_OUTPUT_EDIT, /* standard output is the new text of the file; error is shown */
    JOB_OUTPUT_FILE  /* standard output is kept as bytes, to be fetched; error is shown */
};

/* How jobs of one kind are done. */
struct job_kind {
    const char *name, *title;   /* title: for people; "" = the name */
    const char *const *command; /* NULL-terminated; "{path}", "{project}", "{f}", "{args}" inside a
                                   word are replaced; NULL: done by programs of others */
    const char *content_type;   /* JOB_OUTPUT_FILE: what it is fetched as */
    const char *paths;          /* of the files that it is for: suffixes, ".js .ts"; "": all */
    enum job_input input;
    enum job_output output;
    uint64_t time_ms;     /* 30,000 */
    uint64_t memory;      /* bytes of address space; 0 = no limit; 1 GiB */
    uint64_t output_max;  /* bytes; 1 MiB */
    uint32_t tries;       /* 3 */
    uint32_t concurrency; /* at once, over all workers; 4 */
    uint32_t limit_count; /* so many begun … */
    uint64_t limit_ms;    /* … in so long; 0 = no limit */
    uint64_t retry_ms; /* wait after the first failure, doubling to retry_most_ms, ±50 %; 1,000 */
    uint64_t retry_most_ms; /* 60,000 */
};

enum jobs_result {
    JOBS_OK,
    JOBS_NONE,  /* take: nothing is due; others: there is no such job (of that project) */
    JOBS_FULL,  /* add: the project has waiting_max jobs that are not done */
    JOBS_LOST,  /* the lease is not the caller's any more, or the job is over */
    JOBS_STATE, /* retry, drop, cancel: not in this state */
    JOBS_BUSY
};

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELED };

struct job {
    const char *id, *project, *kind;
    uint64_t f;       /* 0: of no file */
    const char *path; /* when it was asked for; "" */
    const char *args; /* a JSON object's text; "{}" */
    uint64_t by;      /* cid of who asked; 0: over HTTP */
    const char *user, *name;
    uint64_t cid; /* of the job's own edit */
    /* Kinds without a command: the text of its file when it was asked for. */
    const char *ep, *input; /* input NULL: none */
    size_t input_len;
    uint64_t v;
    /* From the queue only: */
    enum job_state state;
    uint32_t tries;                           /* begun so often */
    uint64_t queued_at, started_at, ended_at; /* ms since 1970; 0 = not yet */
    int64_t code;                             /* exit code, where it is over */
    const char *problem;                      /* why it failed last, in words; "" */
    const char *worker;                       /* who has or had it; "" */
    uint64_t result_len;                      /* bytes kept of JOB_OUTPUT_FILE */
};

/* ---- answers ---- */
struct jobs_done { /* of add, settle, cancel, retry, drop */
    uint64_t request;
    enum jobs_result result;
    enum job_state state; /* JOBS_OK: the job's, now; cancel of a running one: still JOB_RUNNING */
};
struct jobs_taken {
    uint64_t request;
    enum jobs_result result; /* JOBS_OK, NONE, BUSY */
    struct job job;
    const char *lease;
    uint64_t next_ms; /* NONE: something is due in so long; UINT64_MAX: nothing that is known */
};
enum job_lease_state { JOB_LEASE_HELD, JOB_LEASE_CANCEL, JOB_LEASE_LOST };
struct jobs_renewed {
    uint64_t request;
    enum jobs_result result;
    const enum job_lease_state *states; /* in the order that they were given */
    size_t count;
};
struct jobs_got {
    uint64_t request;
    enum jobs_result result; /* JOBS_OK, NONE, BUSY */
    struct job job;
    const char *output; /* what it printed so far, UTF-8 */
    size_t output_len;
    const char *bytes; /* JOB_OUTPUT_FILE, where it was asked for */
    size_t bytes_len;
};
struct jobs_listed {
    uint64_t request;
    enum jobs_result result;
    const struct job *jobs; /* newest first; without input */
    size_t count;
};
/* What a program of others said of a job. */
struct jobs_answer {
    const char *answer;   /* its id, for settle */
    struct job job;       /* with input, ep and v */
    enum job_state state; /* JOB_RUNNING: begun, or goes on; JOB_DONE; JOB_FAILED */
    const char *output;   /* to be shown; NULL: none */
    size_t output_len;
    const char *text; /* the new text of the file; NULL: none */
    size_t text_len;
    int64_t code;
    const char *problem; /* "" */
};
struct jobs_answered {
    uint64_t request;
    enum jobs_result result; /* JOBS_OK: one answer, of a job that is not over; NONE; BUSY */
    struct jobs_answer answer;
};

struct jobs_sink {
    void *owner;
    void (*done)(void *owner, const struct jobs_done *answer);
    void (*taken)(void *owner, const struct jobs_taken *answer);
    void (*renewed)(void *owner, const struct jobs_renewed *answer);
    void (*got)(void *owner, const struct jobs_got *answer);
    void (*listed)(void *owner, const struct jobs_listed *answer);
    void (*answered)(void *owner, const struct jobs_answered *answer);
    /* Embedded: an event of the project is in its log, after all that its state has answered by
     * now. Borrowed. */
    void (*event)(void *owner, const char *project, uint64_t e, struct blob *message);
};

/* ---- calls; all is borrowed until return ---- */
struct jobs_settle {
    const char *job, *lease; /* lease NULL: by answer */
    const char *answer;      /* of a program of others; NULL */
    enum job_state state;    /* JOB_DONE, FAILED, CANCELED; JOB_QUEUED: try again in again_ms;
                                JOB_RUNNING, with answer: it was heard, and goes on */
    uint64_t again_ms;
    int64_t code;
    const char *problem; /* "" */
    const char *bytes;   /* JOB_OUTPUT_FILE; NULL: none */
    size_t bytes_len;
};
struct jobs_lease {
    const char *job, *lease;
};
struct jobs_filter {
    const char *project; /* NULL: of all */
    bool failed_only;    /* the dead letters */
    size_t most;         /* at most 1,000 */
};

struct jobs;
struct jobs_ops {
    /* job->id and job->cid are the caller's choice; the same id again changes nothing. */
    void (*add)(struct jobs *jobs, uint64_t request, const struct job *job);
    /* The longest waiting job of one of these kinds, within their concurrency and limits. */
    void (*take)(struct jobs *jobs, uint64_t request, const struct job_kind *const *kinds,
                 size_t count, uint64_t lease_ms);
    void (*renew)(struct jobs *jobs, uint64_t request, const struct jobs_lease *leases,
                  size_t count, uint64_t lease_ms);
    /* Piece i of what it printed (UTF-8, at most 16 KiB; i counts from 0, per try). lease NULL: of
     * a program of others, i is ignored. Kept, and told to the room. Not answered. */
    void (*output)(struct jobs *jobs, const char *job, const char *lease, uint64_t i,
                   const char *data, size_t len);
    void (*settle)(struct jobs *jobs, uint64_t request, const struct jobs_settle *settle);
    /* project NULL: whichever. */
    void (*cancel)(struct jobs *jobs, uint64_t request, const char *project, const char *job);
    void (*get)(struct jobs *jobs, uint64_t request, const char *project, const char *job,
                bool want_bytes);
    void (*list)(struct jobs *jobs, uint64_t request, const struct jobs_filter *filter);
    /* A dead one begins anew, with no tries; or is forgotten. */
    void (*retry)(struct jobs *jobs, uint64_t request, const char *project, const char *job);
    void (*drop)(struct jobs *jobs, uint64_t request, const char *project, const char *job);
    /* Shared only; NULL elsewhere: the next answer of a program of others, handed to one instance;
     * what it does not settle in lease_ms is handed to another. Also what nobody settles: jobs of
     * these kinds (without a command) that came back too often are settled as failed. */
    void (*answers)(struct jobs *jobs, uint64_t request, const struct job_kind *const *kinds,
                    size_t count, uint64_t lease_ms);
};
struct jobs {
    const struct jobs_ops *ops;
    struct jobs_sink sink; /* without an owner it is closed: what is still answered is dropped */
    uint64_t keep_ms;      /* what is over is forgotten after this, the dead after 30 times
                              this; 24 h */
    size_t waiting_max;    /* jobs of a project that are not over; 100 */
    bool is_shared;
};

#endif
