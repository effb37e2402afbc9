/* "A little Redis in a thread": one thread owns the database and what it knows by heart, and
 * executes requests in order. It takes all that wait, does them in one transaction, commits, and
 * only then are their answers handed to the loop: one commit for many edits, and nothing is
 * acknowledged that is not on disk.
 *
 * When a commit fails, its outcome is unknown (the disk may be full, or an fsync may have failed
 * and dropped what it should have written). So the thread gives up the whole batch: it opens the
 * database anew, reads the truth from it, refuses every write of the batch as busy, and answers its
 * reads again. The authors ask again, and find either nothing or their own entry. Until writing
 * works again it is tried at most every BACKOFF, and reads go on. If the database then turns out to
 * hold less than was acknowledged, every project gets a new epoch, and the clients bring back what
 * they have.
 *
 * Started, it looks whether the machine went down under a database that was not closed: with the
 * durability `restart` the last entries may be gone then, which is a new epoch too. */
#include "storage_thread.h"
#include "failpoint.h"
#include "folder.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DATABASE_NAME "weft.db"
#define JOBS_KEEP_MS (24u * 3600 * 1000)
#define JOBS_WAITING_MAX 100
#define GATHER_US 300
#define GATHER_MOST_US 2000
#define CHECKPOINT_PAGES 4096
#define TOKEN_LEN 16
#define BACKOFF_LEAST_MS 50
#define BACKOFF_MOST_MS 1000

uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t steady_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t steady_ms(void)
{
    return steady_us() / 1000;
}

/* ---- when a commit fails ---- */

static void note_problem(struct storage *storage, const char *problem)
{
    snprintf(storage->problem, sizeof(storage->problem), "%s", problem);
}

/* Refuses writes for a while, for the reason in storage->problem. */
static void back_off(struct storage *storage)
{
    if (storage->retry_at_ms == 0)
        log_error("the journal cannot be written; edits are refused reason=\"%s\"",
                  storage->problem);
    storage->backoff_ms = storage->backoff_ms ? storage->backoff_ms * 2 : BACKOFF_LEAST_MS;
    if (storage->backoff_ms > BACKOFF_MOST_MS)
        storage->backoff_ms = BACKOFF_MOST_MS;
    storage->retry_at_ms = steady_us() / 1000 + storage->backoff_ms;
    storage->counts.failures++;
    storage->counts.failing = true;
}

static void recovered(struct storage *storage)
{
    if (storage->retry_at_ms == 0)
        return;
    log_info("the journal can be written again");
    storage->retry_at_ms = storage->backoff_ms = 0;
    storage->counts.failing = false;
}

/* Generations are not history: the higher one counts, written or not. */
static void carry_generations(struct truth *to, const struct truth *from)
{
    for (struct map_iter p = {0}; map_next(&from->by_id, &p);) {
        struct project *old = p.value, *new = map_find(&to->by_id, p.key);
        if (!new || strcmp(new->name, old->name) != 0)
            continue;
        for (struct map_iter it = {0}; map_next(&old->generations, &it);) {
            const struct generation *given = it.value;
            struct generation *generation = project_generation(new, it.key);
            if (given->k > generation->k)
                *generation = *given;
        }
    }
}

/* The database must not hold less than was acknowledged. */
static bool settle_history(struct storage *storage, struct truth *truth)
{
    if (truth->last_id >= storage->durable.last_id && truth->changes >= storage->durable.changes)
        return true;
    log_error("history was lost; every project goes on under a new epoch");
    if (!database_begin(&storage->database))
        return false;
    truth_new_epochs(truth, &storage->database);
    return database_commit(&storage->database);
}

/* Opens the database again and reads the truth from it; the old truth stays where that fails. */
static bool read_anew(struct storage *storage)
{
    struct error error = {0};
    struct truth truth;
    bool made = false;
    database_abandon(&storage->database);
    database_close(&storage->database);
    truth_init(&truth);
    truth.is_saved_elsewhere = storage->config.repository != NULL;
    if (folder_check(storage->lock, storage->path, &error) == ERR_OK &&
        database_open(&storage->database, storage->path,
                      storage->config.durability == DURABILITY_POWER_CUT, &made,
                      &error) == ERR_OK &&
        !made && truth_load(&truth, &storage->database, &error) == ERR_OK &&
        truth_fold(&truth, &storage->database, false, &error) == ERR_OK &&
        settle_history(storage, &truth)) {
        carry_generations(&truth, &storage->truth);
        dirty_find(&truth, &storage->database);
        truth_close(&storage->truth);
        storage->truth = truth;
        storage->durable = (struct mark){truth.last_id, truth.changes};
        return true;
    }
    note_problem(storage, error.code ? error.text : storage->database.problem);
    log_error("the database cannot be read anew reason=\"%s\"", storage->problem);
    truth_close(&truth);
    database_close(&storage->database);
    return false;
}

/* ---- a batch ---- */

typedef void execute(struct storage *storage, struct request *request);
static execute *const executes[REQUEST_KINDS] = {
    [REQUEST_OPEN] = execute_open,         [REQUEST_CREATE] = execute_create,
    [REQUEST_APPEND] = execute_append,     [REQUEST_READ] = execute_read,
    [REQUEST_TREE] = execute_tree,         [REQUEST_EVENTS] = execute_events,
    [REQUEST_FORGET] = execute_forget,     [REQUEST_LEAVE] = execute_leave,
    [REQUEST_CLAIM] = execute_claim,       [REQUEST_SETTLE] = execute_settle,
    [REQUEST_DIRTY] = execute_dirty,       [REQUEST_SAVED] = execute_saved,
    [REQUEST_POPULATE] = execute_populate, [REQUEST_SAVE] = execute_save,
    [REQUEST_JOB] = execute_job,           [REQUEST_SAY] = execute_say,
    [REQUEST_MESSAGES] = execute_messages, [REQUEST_POINTS] = execute_points,
};

bool storage_begin(struct storage *storage, struct request *request)
{
    if (storage->retry_at_ms <= steady_us() / 1000 && database_begin(&storage->database))
        return true;
    /* A transaction that has just failed gives its own reason, when the batch is given up. */
    request_refuse(request, STATE_BUSY, storage->problem);
    return false;
}

static bool database_is_open(struct storage *storage)
{
    if (!storage->database.handle && storage->retry_at_ms <= steady_us() / 1000 &&
        !read_anew(storage))
        back_off(storage);
    return storage->database.handle != NULL;
}

static void give_up_batch(struct storage *storage, struct task *first)
{
    note_problem(storage, storage->database.problem);
    back_off(storage);
    bool readable = read_anew(storage);
    for (struct task *task = first; task; task = task->next) {
        struct request *request = (struct request *)task;
        if (!readable || !request_reads(request)) {
            request_refuse(request, STATE_BUSY, storage->problem);
        } else {
            request_reset_answer(request);
            executes[request->kind](storage, request);
        }
    }
}

static void count_commit(struct storage *storage, uint64_t took_us)
{
    struct storage_counts *counts = &storage->counts;
    size_t bucket = 0;
    while (bucket < STORAGE_BUCKETS - 1 && took_us >= (uint64_t)32 << bucket)
        bucket++;
    counts->commits++;
    counts->commit_times[bucket]++;
    counts->commit_us += took_us;
    if (took_us > counts->commit_us_max)
        counts->commit_us_max = took_us;
    counts->entries += storage->truth.last_id - storage->durable.last_id;
}

static void publish_counts(struct storage *storage)
{
    pthread_mutex_lock(&storage->published_lock);
    storage->published = storage->counts;
    pthread_mutex_unlock(&storage->published_lock);
}

static bool commit_batch(struct storage *storage)
{
    bool writes = storage->database.writing || storage->database.failed;
    uint64_t start_us = writes ? steady_us() : 0;
#if WEFT_MUTANT == 1
    static bool late;
    if (!storage->database.failed && (late = !late))
        return true;
#endif
    if (!database_commit(&storage->database))
        return false;
    if (!writes)
        return true;
    count_commit(storage, steady_us() - start_us);
    recovered(storage);
    storage->durable = (struct mark){storage->truth.last_id, storage->truth.changes};
    failpoint_hit("after_append");
    return true;
}

static void run_batch(void *owner, struct task *first)
{
    struct storage *storage = owner;
    uint64_t count = 0;
    for (struct task *task = first; task; task = task->next, count++) {
        struct request *request = (struct request *)task;
        if (database_is_open(storage))
            executes[request->kind](storage, request);
        else
            request_refuse(request, STATE_BUSY, storage->problem);
    }
    if (!commit_batch(storage))
        give_up_batch(storage, first);
    storage->counts.batches++;
    storage->counts.requests += count;
    if (count > storage->counts.batch_max)
        storage->counts.batch_max = count;
    publish_counts(storage);
}

/* Writes the log back while nobody waits for it: two waits for the disk are in it. An I/O error
 * leaves unknown what the disk has; a full disk does not, so the log just grows until there is
 * room. */
static void rest(void *owner)
{
    struct storage *storage = owner;
    struct database *database = &storage->database;
    if (!database->handle || database->writing)
        return;
    database_write_ahead(database);
    if (database->wal_pages < storage->checkpoint_at)
        return;
    storage->checkpoint_at = CHECKPOINT_PAGES;
    if (database_checkpoint(database, false))
        return;
    storage->checkpoint_at = database->wal_pages + CHECKPOINT_PAGES;
    if (database->code != SQLITE_IOERR)
        return;
    note_problem(storage, database->problem);
    back_off(storage);
    read_anew(storage);
    publish_counts(storage);
}

/* ---- the loop's side ---- */

static void finish_request(void *owner, struct task *task)
{
    struct storage *storage = owner;
    struct request *request = (struct request *)task;
    if (storage->closing)
        ;
    else if (request->kind == REQUEST_SAVE || request->kind >= REQUEST_SAY)
        repository_deliver(&storage->repository.repository, request);
    else if (request->kind == REQUEST_JOB)
        jobs_deliver(&storage->jobs.jobs, request);
    else
        state_deliver(&storage->state.state, request);
    request_free(request);
}

void storage_push(struct storage *storage, struct request *request)
{
    request_reset_answer(request);
    if (worker_push(storage->worker, &request->task))
        return;
    request_refuse(request, STATE_BUSY, "too many requests wait for the disk");
    worker_give_back(storage->worker, &request->task);
}

struct state *storage_state(struct storage *storage)
{
    return &storage->state.state;
}

struct repository *storage_repository(struct storage *storage)
{
    return &storage->repository.repository;
}

struct jobs *storage_jobs(struct storage *storage)
{
    return &storage->jobs.jobs;
}

const char *storage_secret(const struct storage *storage)
{
    return storage->secret;
}

struct storage_counts storage_counts(struct storage *storage)
{
    pthread_mutex_lock(&storage->published_lock);
    struct storage_counts counts = storage->published;
    pthread_mutex_unlock(&storage->published_lock);
    counts.waiting = worker_waiting(storage->worker);
    return counts;
}

/* ---- opening ---- */

struct storage_config storage_config_default(void)
{
    return (struct storage_config){.durability = DURABILITY_RESTART,
                                   .history = 100000,
                                   .events = 1000,
                                   .points_most = 100,
                                   .save_after_ms = 2000,
                                   .requests_max = 65536};
}

static bool setting_is(struct database *database, const char *key, const char *wanted)
{
    char *value = database_setting(database, key);
    bool same = value && strcmp(value, wanted) == 0;
    free(value);
    return same;
}

static void read_boot_id(const struct storage_config *config, char out[64])
{
    out[0] = '\0';
    if (config->boot_id) {
        snprintf(out, 64, "%s", config->boot_id);
        return;
    }
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (!file)
        return;
    if (fgets(out, 64, file))
        out[strcspn(out, "\n")] = '\0';
    fclose(file);
}

/* Did the machine go down under a database that did not wait for the disk? Where the machine has no
 * boot id, every end that was not orderly may have been its. */
static bool history_may_be_lost(struct database *database, const char *boot_id)
{
    return !setting_is(database, "clean", "1") &&
           !setting_is(database, "durability", "power-cut") &&
           (boot_id[0] == '\0' || !setting_is(database, "boot_id", boot_id));
}

static char *make_secret(void)
{
    unsigned char bytes[32];
    char *secret = mem_alloc(2 * sizeof(bytes) + 1);
    random_fill(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        snprintf(secret + 2 * i, 3, "%02x", bytes[i]);
    return secret;
}

static void settle_secret(struct storage *storage)
{
    if (storage->config.secret) {
        storage->secret = mem_strdup(storage->config.secret);
        return;
    }
    storage->secret = database_setting(&storage->database, "secret");
    if (storage->secret)
        return;
    storage->secret = make_secret();
    database_set(&storage->database, "secret", storage->secret);
}

/* What the columns saved_* say is of the repository that they were written for. */
static void settle_repository(struct database *database, const char *repository)
{
    const char *now = repository ? repository : "";
    char *was = database_setting(database, "repository");
    bool is_same = strcmp(was ? was : "", now) == 0;
    free(was);
    if (is_same || !database_begin(database))
        return;
    if (*now) {
        database_write(database, database_statement(database, STATEMENT_FILES_UNSAVED));
    } else {
        database_write(database, database_statement(database, STATEMENT_FILES_SETTLED));
        database_write(database, database_statement(database, STATEMENT_TOMBSTONES_CLEAR));
    }
    database_set(database, "repository", now);
}

/* Made once: a copy of the folder is the same one, another folder is not. */
static void settle_token(struct storage *storage)
{
    if (!storage->config.repository)
        return;
    storage->token = database_setting(&storage->database, "token");
    if (storage->token)
        return;
    storage->token = make_secret();
    storage->token[TOKEN_LEN] = '\0';
    database_set(&storage->database, "token", storage->token);
}

/* In one transaction: texts up to the journal, a new epoch where history may be lost, and the note
 * that the database is in use from now on. */
static enum err settle(struct storage *storage, struct error *error)
{
    struct database *database = &storage->database;
    char boot_id[64];
    read_boot_id(&storage->config, boot_id);
    bool lost = history_may_be_lost(database, boot_id);
    if (database_begin(database)) {
        enum err err = truth_fold(&storage->truth, database, true, error);
        if (err != ERR_OK)
            return err;
        if (lost && storage->truth.by_id.count > 0) {
            log_warn(
                "the machine went down under the journal; every project goes on under a new epoch");
            truth_new_epochs(&storage->truth, database);
        }
        database_set(database, "boot_id", boot_id);
        database_set(database, "durability",
                     storage->config.durability == DURABILITY_POWER_CUT ? "power-cut" : "restart");
        database_set(database, "clean", "0");
        settle_secret(storage);
        settle_token(storage);
        requeue_jobs(storage); /* whoever ran them is not there any more */
        sqlite3_stmt *forget = database_statement(database, STATEMENT_CIDS_FORGET);
        bind_u64(forget, 1, wall_ms() - DAY_MS);
        database_write(database, forget);
    }
    /* The note must have reached the disk before anything that it is about, or a power cut would
     * leave a database that looks well closed. */
    if (!database_commit(database) || !database_checkpoint(database, false))
        return error_set(error, ERR_INTERNAL, "%.90s cannot be written: %.60s", storage->path,
                         database->problem);
    return ERR_OK;
}

static uint64_t count_broken(const struct truth *truth)
{
    uint64_t count = 0;
    for (struct map_iter p = {0}; map_next(&truth->by_id, &p);) {
        const struct project *project = p.value;
        count += project->broken != NULL;
        for (struct map_iter it = {0}; map_next(&project->files, &it);)
            count += ((const struct file *)it.value)->broken != NULL;
    }
    return count;
}

static enum err read_database(struct storage *storage, struct error *error)
{
    bool made;
    enum err err = database_open(&storage->database, storage->path,
                                 storage->config.durability == DURABILITY_POWER_CUT, &made, error);
    if (err == ERR_OK && !setting_is(&storage->database, "clean", "1"))
        err = database_check(&storage->database, error);
    if (err == ERR_OK) {
        settle_repository(&storage->database, storage->config.repository);
        err = truth_load(&storage->truth, &storage->database, error);
    }
    if (err == ERR_OK)
        err = settle(storage, error);
    if (err != ERR_OK)
        return err;
    storage->durable = (struct mark){storage->truth.last_id, storage->truth.changes};
    storage->counts.broken = count_broken(&storage->truth);
    dirty_find(&storage->truth, &storage->database);
    publish_counts(storage);
    return ERR_OK;
}

static enum err open_folder(struct storage *storage, struct error *error)
{
    storage->lock = folder_lock(storage->config.folder, error);
    if (storage->lock < 0)
        return ERR_INTERNAL;
    if ((size_t)snprintf(storage->path, sizeof(storage->path), "%s/" DATABASE_NAME,
                         storage->config.folder) >= sizeof(storage->path))
        return error_set(error, ERR_INTERNAL, "the name of the data folder is too long");
    return folder_check(storage->lock, storage->path, error);
}

static enum err start_thread(struct storage *storage, uv_loop_t *loop, struct error *error)
{
    const struct worker_config config = {
        .name = "weft-storage",
        .tasks_max = storage->config.requests_max,
        .gather_us = GATHER_US,
        .gather_most_us = GATHER_MOST_US,
        .owner = storage,
        .run = run_batch,
        .rest = rest,
        .finished = finish_request,
    };
    storage->worker = worker_new(loop, &config);
    if (!storage->worker)
        return error_set(error, ERR_INTERNAL, "no thread for the database is to be had");
    return ERR_OK;
}

static void free_storage(struct storage *storage)
{
    database_close(&storage->database);
    truth_close(&storage->truth);
    if (storage->lock >= 0)
        close(storage->lock);
    pthread_mutex_destroy(&storage->published_lock);
    free(storage->secret);
    free(storage->token);
    free(storage);
}

struct storage *storage_open(const struct storage_config *config, uv_loop_t *loop,
                             struct error *error)
{
    struct storage *storage = mem_zalloc(sizeof(*storage));
    storage->config = *config;
    storage->lock = -1;
    storage->checkpoint_at = CHECKPOINT_PAGES;
    storage->state =
        (struct state_port){{.ops = &state_sqlite_ops, .store_name = "sqlite"}, storage};
    if (config->repository)
        storage->state.state =
            (struct state){.ops = &state_sqlite_flushed_ops, .store_name = "mongodb"};
    storage->repository = (struct repository_port){{.ops = &repository_sqlite_ops}, storage};
    storage->jobs = (struct jobs_port){
        {.ops = &jobs_sqlite_ops, .keep_ms = JOBS_KEEP_MS, .waiting_max = JOBS_WAITING_MAX},
        storage};
    pthread_mutex_init(&storage->published_lock, NULL);
    truth_init(&storage->truth);
    storage->truth.is_saved_elsewhere = config->repository != NULL;
    if (open_folder(storage, error) != ERR_OK || read_database(storage, error) != ERR_OK ||
        start_thread(storage, loop, error) != ERR_OK) {
        free_storage(storage);
        return NULL;
    }
    folder_remember(storage->lock, config->folder);
    return storage;
}

void storage_close(struct storage *storage)
{
    storage->closing = true;
    worker_close(storage->worker);
    struct database *database = &storage->database;
    if (database->handle && database_begin(database)) {
        database_set(database, "clean", "1");
        if (database_commit(database))
            database_checkpoint(database, true);
    }
    free_storage(storage);
}
