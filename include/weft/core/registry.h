/* The root of core: all sessions and rooms of this process. Single-threaded; time is given, never
 * asked for. The transport reports connections here, the loop reports turns and ticks. */
#ifndef WEFT_CORE_REGISTRY_H
#define WEFT_CORE_REGISTRY_H

#include "weft/core/bus.h"
#include "weft/core/repository.h"
#include "weft/core/signer.h"
#include "weft/core/state.h"
#include "weft/protocol/limits.h"
#include "weft/protocol/message.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct job_kind;
struct jobs;
struct jobs_got;
struct jobs_listed;
struct registry;
struct runner;
struct session;

struct template_file {
    const char *path;
    const char *text; /* valid UTF-8; any line ending */
    size_t len;
};
/* What a project can start from; "blank" has no files. */
struct template
{
    const char *name, *title, *description;
    unsigned order; /* its place in a list: the smallest first */
    const struct template_file *files;
    size_t file_count;
};

struct registry_config {
    struct limits limits;
    struct rate rates[RATE_COUNT];
    const struct template *templates;
    size_t template_count;
    const char *instance;      /* welcome.inst */
    uint64_t save_after_ms;    /* first unsaved change → save; 2,000 */
    uint64_t save_retry_ms;    /* first wait after a failed save, doubling to 60 s; 1,000 */
    uint64_t hello_timeout_ms; /* 10,000 */
    uint64_t dead_after_ms;    /* nothing heard for so long: gone; 45,000 */
    uint64_t peer_off_ms;      /* a leave is told after this; 2,000 */
    uint64_t resume_ms;        /* how long a resume token is good; 24 h */
    uint64_t unload_after_ms;  /* an empty room is kept so long after its last save; 5,000 */
    /* Shared states: */
    uint64_t degraded_ms;       /* away for so long: everybody is sent away; 20,000 */
    uint64_t wait_ms;           /* a request waits at most so long for its project; 10,000 */
    uint64_t load_ms;           /* a load is given up after this: below the state's lease; 14,000 */
    uint64_t window_ms;         /* how long the others are asked for what they have; 3,000 */
    uint64_t ask_again_ms;      /* and how often; 250 */
    uint64_t claim_every_ms;    /* how often is asked for what is due to be saved; 500 */
    uint64_t claim_ms;          /* one such job has so long; 15,000 */
    uint64_t look_again_ms;     /* what is saved but still in use is looked at again; 10,000 */
    uint32_t flush_concurrency; /* jobs at once; 3 */
    uint32_t flush_count;       /* and at most so many of those that save something; 10 */
    uint64_t flush_count_ms;    /* in any stretch of so long; 10,000 */
    uint32_t save_alarm_tries;  /* failed so often in a row: an error in the log; 8 */
    /* Jobs of people: */
    uint32_t jobs_at_once; /* of this process; 4 */
    uint64_t job_lease_ms; /* a worker that says nothing for so long has lost its jobs; 15,000 */
    uint64_t jobs_take_ms; /* how often is asked for what is due; 200 */
    uint64_t (*random)(void *owner); /* 64 random bits; tests make it predictable */
    void *random_owner;
};
/* Defaults for all but templates and instance. */
struct registry_config registry_config_default(void);

/* Borrows the ports and everything config points to for its life, and sets their sinks. */
struct registry *registry_new(const struct registry_config *config, struct state *state,
                              struct repository *repository, struct bus *bus,
                              const struct signer *signer);
/* An embedded state whose projects are saved to a shared repository: the journal still needs its
 * texts behind it, which are saved here. Nobody is told of that. Before the first session. */
void registry_set_checkpoints(struct registry *registry, struct repository *checkpoints);
/* What people can ask for. Borrows all for its life. runner NULL: commands are not run here, but by
 * others who share the queue. Before the first session. */
void registry_set_jobs(struct registry *registry, struct jobs *jobs, struct runner *runner,
                       const struct job_kind *const *kinds, size_t count);
/* All sessions are gone (see registry_drain). Closes the sinks of the ports: answers that are still
 * under way are dropped. */
void registry_free(struct registry *registry);

/* ---- from the transport ---- */

/* A connection was made. Returns its session, or NULL where it must be refused (limit, draining).
 */
struct session *registry_connect(struct registry *registry, struct conn *conn, const char *remote,
                                 uint64_t now_ms);
/* One whole text frame (borrowed). */
void session_receive(struct session *session, const char *data, size_t len, uint64_t now_ms);
/* Any sign of life (pong). */
void session_alive(struct session *session, uint64_t now_ms);
/* The socket is free again. */
void session_writable(struct session *session);
/* The connection is over, whoever ended it; the last call for this session. The close code (1006
 * where none was sent) and the reason in words are for the log. */
void session_disconnected(struct session *session, int code, const char *reason, uint64_t now_ms);

/* ---- from the loop ---- */

/* At the end of every turn: sends the batches, joins and writes what the turn brought. */
void registry_turn(struct registry *registry, uint64_t now_ms, uint64_t wall_ms);
/* Every 50 ms or so: presence, timeouts, saves, unloads. */
void registry_tick(struct registry *registry, uint64_t now_ms, uint64_t wall_ms);
/* Is there anything that goes on without a connection? A shared repository always has: any instance
 * may have to save what another one left. */
bool registry_needs_ticks(const struct registry *registry);
/* Tells everybody to come back (drain) and saves everything; registry_idle turns true when nothing
 * is dirty, nothing under way and nobody connected. deadline_ms from now: sessions are closed with
 * 1012 then. */
void registry_drain(struct registry *registry, uint64_t now_ms, uint64_t in_ms, uint64_t spread_ms,
                    const char *why);
bool registry_idle(const struct registry *registry);

/* ---- for HTTP ---- */

/* Answers come on a later turn, exactly once per call. */
struct query_file {
    enum err
        result; /* ERR_OK, NO_PROJECT, NO_FILE, GONE (deleted while it was read), BUSY, INTERNAL */
    uint64_t f, v;
    const char *path, *ep, *eol;
    const struct rope *text; /* borrowed until return */
};
struct query_project {
    enum err result;
    const char *project, *name, *ep;
    uint64_t e;
    size_t sessions;
    const struct file_info *files;
    const uint64_t *saved; /* per file, its newest saved version */
    size_t file_count;
};
void registry_query_project(struct registry *registry, const char *project, void *owner,
                            void (*done)(void *owner, const struct query_project *answer));
void registry_query_file(struct registry *registry, const char *project, const char *path,
                         void *owner, void (*done)(void *owner, const struct query_file *answer));
/* The same by id, whatever its path is now. */
void registry_query_file_by_id(struct registry *registry, const char *project, uint64_t f,
                               void *owner,
                               void (*done)(void *owner, const struct query_file *answer));
/* The texts of a file that the repository has kept, or that of one version (0: the list). ERR_OK,
 * as above, or GONE: no such version was kept. */
void registry_query_history(struct registry *registry, const char *project, const char *path,
                            uint64_t version, void *owner,
                            void (*done)(void *owner, enum err result,
                                         const struct repository_points *points));
/* A new text of a whole file, made of the one that it had at a version: what is different goes into
 * the log as one edit, mapped over what others typed since, once for each cid. */
struct server_edit {
    const char *project, *ep;
    uint64_t f, v;
    const char *base; /* the text at v; valid UTF-8, '\n' only, as the other */
    size_t base_len;
    const char *text;
    size_t len;
    uint64_t cid;     /* new, of this edit alone; it may be made again under it */
    const char *user; /* for whom */
};
/* ERR_OK and the version that has it (0: not known), also where it was in already or nothing is
 * different; STALE (the version, or the epoch, is over), BUSY (not known; make it again),
 * NO_PROJECT, NO_FILE, GONE, TOO_BIG, BAD_TEXT, INTERNAL. */
void registry_edit_file(struct registry *registry, const struct server_edit *edit, void *owner,
                        void (*done)(void *owner, enum err result, uint64_t v));
/* ERR_OK, EXISTS, NO_FILE (no such template), BAD_MESSAGE (bad id), BUSY. name may be NULL. */
void registry_create_project(struct registry *registry, const char *project, const char *name,
                             const char *template, void *owner,
                             void (*done)(void *owner, enum err result));
/* Jobs. A request for one: result ERR_OK and its id; NO_JOB (no such kind), NO_PROJECT, NO_FILE,
 * BAD_PATH (not for such a file), TOO_MANY, BUSY; why in words. path and user may be NULL. */
struct job_request {
    const char *project, *kind, *path, *args, *user;
};
void registry_run_job(struct registry *registry, const struct job_request *request, void *owner,
                      void (*done)(void *owner, const struct error *error, const char *job));
void registry_get_job(struct registry *registry, const char *project, const char *job,
                      bool want_bytes, void *owner,
                      void (*done)(void *owner, const struct jobs_got *answer));
/* project NULL: of all; failed_only: those that are not tried any more. */
void registry_list_jobs(struct registry *registry, const char *project, bool failed_only,
                        void *owner, void (*done)(void *owner, const struct jobs_listed *answer));
/* ERR_OK, NO_JOB, EXISTS (not in a state in which that can be done), BUSY. */
enum job_change { JOB_CHANGE_CANCEL, JOB_CHANGE_RETRY, JOB_CHANGE_DROP };
void registry_change_job(struct registry *registry, enum job_change change, const char *project,
                         const char *job, void *owner, void (*done)(void *owner, enum err result));
/* NULL where there is no such kind. */
const struct job_kind *registry_job_kind(const struct registry *registry, const char *name);

const struct template *registry_templates(const struct registry *registry, size_t *count);

/* ---- counters, for metrics and health ---- */
struct registry_counts {
    uint64_t sessions, rooms, edits, deliveries, acks, batches, conflicts, duplicates, refused,
        resyncs, presence_dropped, slow_closed, saves, save_failures, frames_in, frames_out;
    /* Shared states: */
    uint64_t hints, hints_doubted; /* received; not taken at their word */
    uint64_t polls, catchups, checkpoints;
    uint64_t retries;                          /* calls whose outcome was unknown */
    uint64_t degraded, degraded_closed;        /* times that it was told; sessions sent away */
    uint64_t loads, load_failures, recoveries; /* recoveries: under a new epoch */
    uint64_t let_go; /* rooms with unsaved edits that a load did not hear of in time */
    uint64_t unloads;
    uint64_t flushes, flush_failures; /* jobs of saving that were begun; that failed */
    uint64_t saves_stuck;             /* projects that failed save_alarm_tries times in a row */
    uint64_t stuck;                   /* … and still do */
    /* Jobs of people, as far as this process had to do with them: */
    uint64_t jobs_added, jobs_refused, jobs_begun, jobs_done, jobs_retried, jobs_failed,
        jobs_canceled, jobs_lost, job_edits;
    uint64_t jobs_running; /* now, here */
    uint64_t errors[64];   /* by enum err */
};
const struct registry_counts *registry_counts(const struct registry *registry);

#endif
