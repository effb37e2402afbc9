/* A call of a port on its way: made on the loop with copies of what the caller lent, executed by
 * the storage thread, which writes the answer into it, and given to the sink on the loop. One owner
 * at a time, so no lock. Everything a request points to lives in its own memory and goes with it.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "weft/base/arena.h"
#include "weft/core/jobs.h"
#include "weft/core/repository.h"
#include "weft/core/state.h"
#include "weft/io/worker.h"

enum request_kind {
    REQUEST_OPEN,
    REQUEST_CREATE,
    REQUEST_APPEND,
    REQUEST_READ,
    REQUEST_TREE,
    REQUEST_EVENTS,
    REQUEST_FORGET,
    REQUEST_LEAVE,
    REQUEST_CLAIM,
    REQUEST_SETTLE,
    REQUEST_DIRTY,
    REQUEST_SAVED,
    REQUEST_POPULATE,
    REQUEST_SAVE,
    REQUEST_JOB,
    REQUEST_SAY,
    REQUEST_MESSAGES,
    REQUEST_POINTS,
    REQUEST_KINDS
};

/* Which call of the queue of jobs. */
enum job_call {
    JOB_ADD,
    JOB_TAKE,
    JOB_RENEW,
    JOB_OUTPUT,
    JOB_SETTLE,
    JOB_CANCEL,
    JOB_GET,
    JOB_LIST,
    JOB_RETRY,
    JOB_DROP
};
struct job_request {
    enum job_call call;
    const char *id, *project;            /* project "": whichever */
    struct job job;                      /* add */
    const struct job_kind *const *kinds; /* take; borrowed of core for its life */
    size_t count;
    const struct jobs_lease *leases; /* renew; output: one */
    uint64_t i;
    const char *data;
    size_t len;
    struct jobs_settle settle;
    struct jobs_filter filter;
    bool want_bytes;
    uint64_t keep_ms;
    size_t waiting_max;
};
/* What the room is told. */
struct job_event {
    const char *project;
    uint64_t e; /* 0: output */
    struct blob *message;
};

struct request {
    struct task task;
    enum request_kind kind;
    struct state_ticket ticket;
    union {
        struct state_open open;
        struct state_create create;
        struct state_append append;
        struct state_read read;
        struct state_tree tree;
        uint64_t after;
        uint64_t lease_ms;
        struct state_settle settle;
        size_t most;
        struct {
            const struct state_saved_file *files;
            size_t count;
        } saved;
        struct state_populate populate;
        struct repository_save save;
        struct job_request job;
        struct repository_message message;
        struct repository_page page;
        struct repository_point_query query;
    } u;
    /* Filled by the thread. */
    union {
        struct state_opened opened;
        struct state_created created;
        struct state_appended appended;
        struct state_rows rows;
        struct state_treed treed;
        struct state_events events;
        struct {
            uint64_t room; /* as in all answers */
            struct state_claimed answer;
        } claimed;
        struct {
            uint64_t room;
            struct state_dirty answer;
        } dirty;
        struct {
            uint64_t room;
            struct state_saved answer;
        } marked;
        struct state_populated populated;
        struct repository_saved saved;
        struct repository_messages messages;
        struct repository_points points;
        struct {
            uint64_t room, request;
            enum repository_outcome result;
            const char *problem;
        } said;
        struct {
            uint64_t room, request; /* as in all answers */
            enum jobs_result result;
            uint64_t next_ms;
            enum job_state state;
            struct job job; /* of take, get */
            const char *lease, *output;
            size_t output_len;
            const char *bytes;
            size_t bytes_len;
            const enum job_lease_state *leases;
            const struct job *list;
            size_t count;
            struct job_event events[2];
            size_t event_count;
        } jobs;
    } answer;
    bool admitted; /* open: the generation is raised already */
    struct arena arena;
};

/* Returns a new request with a copy of the ticket. */
struct request *request_new(enum request_kind kind, const struct state_ticket *ticket);
/* Gives back what it holds: messages, texts and all its memory. The loop's. */
void request_free(struct request *request);
/* Memory that lives as long as the request. */
void *request_alloc(struct request *request, size_t size);
char *request_copy(struct request *request, const char *text, size_t len);
char *request_copy_text(struct request *request, const char *text); /* NULL stays NULL */

/* Empties the answer, giving back its messages, but for whose answer it is. */
void request_reset_answer(struct request *request);
/* An answer that is only a refusal. For all kinds; problem (copied) may be NULL. A save is refused
 * for each of its files, as failed. */
void request_refuse(struct request *request, enum state_result result, const char *problem);
/* Does it only read? */
bool request_reads(const struct request *request);

#endif
