/* One job that is worked on here; for work.c and work_queue.c only. */
#ifndef WEFT_CORE_WORK_ONE_H
#define WEFT_CORE_WORK_ONE_H

#include "root.h"
#include "weft/core/jobs.h"
#include "weft/core/runner.h"
#include "work_files.h"

enum work_phase { WORK_READ, WORK_RUN, WORK_EDIT, WORK_SETTLE };

struct work {
    TAILQ_ENTRY(work) link;
    struct registry *registry;
    uint64_t id; /* of its calls, and of its run */
    const struct job_kind *kind;
    struct job job; /* its texts are owned */
    char *lease, *answer;
    enum work_phase phase;
    bool is_canceled, is_lost, is_put_back;
    char *ep;
    uint64_t v;
    struct work_text base; /* of its file, at v */
    struct work_text text; /* the new one */
    struct work_files files;
    struct buf printed; /* not told yet */
    uint64_t piece;
    /* SETTLE: */
    struct jobs_settle settle;
    char *problem;
    struct work_text bytes;
    uint64_t retry_ms; /* the phase's call is made again then; 0 = no */
    unsigned failures;
};

struct work *work_new(struct registry *registry, const struct job_kind *kind,
                      const struct job *job);
void work_free(struct work *work);
/* From the beginning; or from where it is, when the time of a call that failed has come. */
void work_read(struct work *work);
void work_retry(struct work *work);
/* The new text of its file, which then is put in the place of base. */
void work_take_text(struct work *work, const char *text, size_t len);
void work_edit(struct work *work);
/* Gives on what was printed, in pieces. */
void work_tell_printed(struct work *work, bool is_over);
void work_settle(struct work *work, enum job_state state, const char *problem, int64_t code);
/* It is tried again, unless that makes no sense or it was tried often enough. */
void work_fail(struct work *work, const char *problem, int64_t code, bool for_good);
void work_stop_run(struct work *work);

/* What the runner says. */
void work_printed(void *owner, uint64_t id, const char *data, size_t len);
void work_ended(void *owner, const struct run_end *end);

#endif
