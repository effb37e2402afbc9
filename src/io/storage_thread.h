/* Inside of storage: what the parts of it share. The loop's side makes requests (state_sqlite.c,
 * repository_sqlite.c); the thread executes them (journal_sqlite.c, tree_sqlite.c,
 * repository_sqlite.c) in batches (storage.c). */
#ifndef STORAGE_THREAD_H
#define STORAGE_THREAD_H

#include "database_sqlite.h"
#include "request.h"
#include "truth.h"
#include "weft/io/storage.h"
#include <pthread.h>

struct buf;
struct rope;

#define DAY_MS 86400000u /* how long a cid may come back */
#define SEEN_MAX 1000u   /* authors remembered per file */
#define DATABASE_PATH_LEN 4096

/* How far the database was when a commit last succeeded. Less after reading it anew means that
 * history was lost. */
struct mark {
    uint64_t last_id, changes;
};

struct storage {
    /* the loop's */
    struct state_port {
        struct state state;
        struct storage *storage;
    } state;
    struct repository_port {
        struct repository repository;
        struct storage *storage;
    } repository;
    struct jobs_port {
        struct jobs jobs;
        struct storage *storage;
    } jobs;
    struct worker *worker;
    bool closing;
    int lock; /* file descriptor */
    char *secret;
    char *token; /* in whose name projects are live elsewhere; NULL: they are saved here */

    /* fixed after opening */
    struct storage_config config;
    char path[DATABASE_PATH_LEN];

    /* the thread's, once it runs */
    struct database database;
    struct truth truth;
    struct mark durable;
    uint64_t retry_at_ms; /* no write is tried before it; 0 = all is well */
    uint64_t backoff_ms;
    uint64_t last_lease; /* of flushes */
    int checkpoint_at;   /* pages of the write-ahead log */
    char problem[160];
    struct storage_counts counts;

    /* a copy of counts for the loop, made after each batch */
    pthread_mutex_t published_lock;
    struct storage_counts published;
};

/* ---- storage.c ---- */

/* Gives the request to the thread, or refuses it where too many wait. */
void storage_push(struct storage *storage, struct request *request);
/* Opens the transaction of this batch; where writing is not possible now, refuses the request and
 * returns false. */
bool storage_begin(struct storage *storage, struct request *request);
uint64_t wall_ms(void);
uint64_t steady_ms(void);

/* ---- load_sqlite.c: the database into an empty truth ---- */

/* Reads everything but texts and messages. What cannot be understood is broken, and said so in the
 * log. */
ERR_CHECKED enum err truth_load(struct truth *truth, struct database *database,
                                struct error *error);
/* Brings size and length of the files with unsaved entries up to their journal, and, where write is
 * set, their stored texts too, inside the open transaction. */
ERR_CHECKED enum err truth_fold(struct truth *truth, struct database *database, bool write,
                                struct error *error);
/* Every project goes on under a new epoch, inside the open transaction. */
void truth_new_epochs(struct truth *truth, struct database *database);

/* The text of a file as it is in the database, checked. Returns memory of the request, or of malloc
 * where request is NULL; NULL with the reason in problem. */
char *content_read(struct database *database, const struct file *file, struct request *request,
                   size_t *len, bool *damaged, char problem[160]);

/* ---- state_sqlite.c ---- */
extern const struct state_ops state_sqlite_ops;
/* The same, and what a flush and a load need: for a repository elsewhere. */
extern const struct state_ops state_sqlite_flushed_ops;
/* Gives the answer to the sink. */
void state_deliver(struct state *state, struct request *request);

/* ---- repository_sqlite.c ---- */
extern const struct repository_ops repository_sqlite_ops;
void repository_deliver(struct repository *repository, struct request *request);
void execute_save(struct storage *storage, struct request *request);
/* chat_sqlite.c, history_sqlite.c */
void call_say(struct repository *repository, const struct state_ticket *ticket,
              const struct repository_message *message);
void call_messages(struct repository *repository, const struct state_ticket *ticket,
                   const struct repository_page *page);
void call_points(struct repository *repository, const struct state_ticket *ticket,
                 const struct repository_point_query *query);
void execute_say(struct storage *storage, struct request *request);
void execute_messages(struct storage *storage, struct request *request);
void execute_points(struct storage *storage, struct request *request);
/* Keeps the text that is being saved, unless the file's newest point is young. */
void point_keep(struct storage *storage, const struct project *project, uint64_t epoch,
                const struct repository_file *file, uint64_t now_ms);
/* Writes who wrote last, as far as the table does not have it. */
void seen_write(struct database *database, struct file *file, uint64_t now_ms);

/* ---- jobs_sqlite.c ---- */
extern const struct jobs_ops jobs_sqlite_ops;
void jobs_deliver(struct jobs *jobs, struct request *request);
/* jobs_sqlite_thread.c: the requests, and what ran when the last process ended, inside the open
 * transaction. */
void execute_job(struct storage *storage, struct request *request);
void requeue_jobs(struct storage *storage);

/* ---- journal_sqlite.c: requests of the state, on the thread ---- */

/* The project of the ticket under its epoch and whole, or NULL and the request is refused. */
struct project *ticket_project(struct storage *storage, struct request *request);
void execute_open(struct storage *storage, struct request *request);
void execute_append(struct storage *storage, struct request *request);
void execute_read(struct storage *storage, struct request *request);
void execute_forget(struct storage *storage, struct request *request);

/* ---- flush_sqlite.c: what another repository is to be told; nothing where there is none ---- */
void call_leave(struct state *state, const struct state_ticket *ticket, uint64_t cid, uint64_t k);
void call_claim(struct state *state, const struct state_ticket *ticket, uint64_t lease_ms);
void call_flush_settle(struct state *state, const struct state_ticket *ticket,
                       const struct state_settle *settle);
void call_dirty(struct state *state, const struct state_ticket *ticket, size_t most);
void call_saved(struct state *state, const struct state_ticket *ticket,
                const struct state_saved_file *files, size_t count, uint64_t ts);
void execute_leave(struct storage *storage, struct request *request);
void execute_claim(struct storage *storage, struct request *request);
void execute_settle(struct storage *storage, struct request *request);
void execute_dirty(struct storage *storage, struct request *request);
void execute_saved(struct storage *storage, struct request *request);
/* Something of the project changed. */
void dirty_note(struct storage *storage, struct project *project);
/* A file was deleted: its rev is one above its last. */
void dirty_bury(struct storage *storage, const struct project *project,
                const struct state_tree_entry *file);
/* Every project of a truth that was just read is due where something of it is not saved. */
void dirty_find(struct truth *truth, struct database *database);

/* ---- populate_sqlite.c ---- */
void call_populate(struct state *state, const struct state_ticket *ticket,
                   const struct state_populate *populate);
void call_abandon(struct state *state, const struct state_ticket *ticket, const char *token);
void execute_populate(struct storage *storage, struct request *request);

/* ---- tree_sqlite.c ---- */
/* A new row and its file, whose text is that of its version. */
struct file *insert_file(struct storage *storage, struct project *project,
                         const struct state_populate_file *from);
void insert_project(struct storage *storage, const struct project *project, const char *template);
void execute_create(struct storage *storage, struct request *request);
void execute_tree(struct storage *storage, struct request *request);
void execute_events(struct storage *storage, struct request *request);
/* The next event of the project, whose number is project->e already. */
void write_event(struct storage *storage, struct project *project, const struct buf *payload);

#endif
