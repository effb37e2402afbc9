/* What another repository is to be told, where projects are saved elsewhere: the calls of a flush
 * (state.h) over the truth. A file is dirty while the pair (epoch number, rev) that the other one
 * has of it is older than its own; a deleted one leaves a tombstone until the other one knows.
 * Both are in the database, so a restart finds what is left; when it is due, and who has it, is
 * only in memory, for both end with the process.
 *
 * A claimed project is due again when its lease ends: a settle that never came loses nothing. */
#include "epoch.h"
#include "storage_thread.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the loop's side ---- */

static struct storage *storage_of(struct state *state)
{
    return ((struct state_port *)state)->storage;
}

void call_leave(struct state *state, const struct state_ticket *ticket, uint64_t cid, uint64_t k)
{
    (void)cid, (void)k;
    storage_push(storage_of(state), request_new(REQUEST_LEAVE, ticket));
}

void call_claim(struct state *state, const struct state_ticket *ticket, uint64_t lease_ms)
{
    struct request *request = request_new(REQUEST_CLAIM, ticket);
    request->u.lease_ms = lease_ms;
    storage_push(storage_of(state), request);
}

void call_flush_settle(struct state *state, const struct state_ticket *ticket,
                       const struct state_settle *settle)
{
    struct request *request = request_new(REQUEST_SETTLE, ticket);
    request->u.settle = *settle;
    request->u.settle.lease = request_copy_text(request, settle->lease);
    storage_push(storage_of(state), request);
}

void call_dirty(struct state *state, const struct state_ticket *ticket, size_t most)
{
    struct request *request = request_new(REQUEST_DIRTY, ticket);
    request->u.most = most;
    storage_push(storage_of(state), request);
}

void call_saved(struct state *state, const struct state_ticket *ticket,
                const struct state_saved_file *files, size_t count, uint64_t ts)
{
    (void)ts; /* the other repository has it */
    struct request *request = request_new(REQUEST_SAVED, ticket);
    struct state_saved_file *copy = request_alloc(request, count * sizeof(*copy));
    memcpy(copy, files, count * sizeof(*copy));
    request->u.saved.files = copy;
    request->u.saved.count = count;
    storage_push(storage_of(state), request);
}

/* ---- what is dirty ---- */

static bool is_dirty(const struct file *file, uint64_t epoch)
{
    return file->saved_epoch < epoch || (file->saved_epoch == epoch && file->saved_rev < file->rev);
}

static size_t count_dirty(const struct project *project)
{
    uint64_t epoch = epoch_number(project->epoch);
    size_t count = 0;
    for (struct map_iter it = {0}; map_next(&project->files, &it);)
        count += is_dirty(it.value, epoch);
    return count;
}

static size_t count_tombstones(struct database *database, const struct project *project)
{
    sqlite3_stmt *read = database_statement(database, STATEMENT_TOMBSTONES_COUNT);
    int code;
    bind_u64(read, 1, project->id);
    size_t count = database_row(database, read, &code) ? (size_t)column_u64(read, 0) : 0;
    sqlite3_reset(read);
    return count;
}

/* ---- when ---- */

static void set_due(struct truth *truth, struct project *project, uint64_t due_ms)
{
    project->flush.due_ms = due_ms;
    if (due_ms)
        map_put(&truth->due, project->id, project);
    else
        map_remove(&truth->due, project->id);
}

void dirty_note(struct storage *storage, struct project *project)
{
    if (storage->truth.is_saved_elsewhere && project->flush.due_ms == 0)
        set_due(&storage->truth, project, steady_ms() + storage->config.save_after_ms);
}

static void find_buried(struct truth *truth, struct database *database)
{
    sqlite3_stmt *rows = database_statement(database, STATEMENT_TOMBSTONES_OF);
    int code;
    while (database_row(database, rows, &code)) {
        struct project *project = map_find(&truth->by_id, column_u64(rows, 0));
        if (project && !project->broken)
            set_due(truth, project, steady_ms());
    }
}

void dirty_find(struct truth *truth, struct database *database)
{
    if (!truth->is_saved_elsewhere)
        return;
    for (struct map_iter it = {0}; map_next(&truth->by_id, &it);) {
        struct project *project = it.value;
        if (!project->broken && count_dirty(project))
            set_due(truth, project, steady_ms());
    }
    find_buried(truth, database);
}

/* What somebody leaves is saved soon; what cannot be saved now is not tried more often for that. */
void execute_leave(struct storage *storage, struct request *request)
{
    struct project *project = truth_find_project(&storage->truth, request->ticket.project);
    if (project && project->flush.due_ms && !project->flush.lease && !project->flush.failures)
        set_due(&storage->truth, project, steady_ms());
}

/* ---- a flush ---- */

void execute_claim(struct storage *storage, struct request *request)
{
    struct state_claimed *answer = &request->answer.claimed.answer;
    struct project *next = NULL;
    uint64_t now = steady_ms();
    for (struct map_iter it = {0}; map_next(&storage->truth.due, &it);) {
        struct project *project = it.value;
        if (project->flush.due_ms <= now && (!next || project->flush.due_ms < next->flush.due_ms))
            next = project;
    }
    if (!next) {
        answer->result = STATE_NO_PROJECT;
        return;
    }
    char lease[24];
    next->flush.lease = ++storage->last_lease;
    next->flush.due_ms = now + request->u.lease_ms;
    snprintf(lease, sizeof(lease), "%" PRIu64, next->flush.lease);
    answer->project = request_copy_text(request, next->name);
    answer->lease = request_copy_text(request, lease);
    answer->tries = next->flush.failures;
}

void execute_settle(struct storage *storage, struct request *request)
{
    const struct state_settle *settle = &request->u.settle;
    struct project *project = truth_find_project(&storage->truth, request->ticket.project);
    if (!project || project->flush.lease == 0 ||
        project->flush.lease != strtoull(settle->lease, NULL, 10))
        return;
    project->flush.lease = 0;
    if (settle->outcome == STATE_SETTLED_WELL)
        project->flush.failures = 0;
    else if (settle->outcome == STATE_SETTLED_FAILED)
        project->flush.failures++;
    bool is_clean = !count_dirty(project) && !count_tombstones(&storage->database, project);
    set_due(&storage->truth, project, is_clean ? 0 : steady_ms() + settle->dirty_ms);
}

/* ---- its files ---- */

struct dirty_list {
    struct state_dirty_file *files;
    size_t count, most;
};

/* The broken ones last: they must not stand in the way of the others. */
static void list_files(const struct project *project, bool is_broken, struct request *request,
                       struct dirty_list *list)
{
    uint64_t epoch = epoch_number(project->epoch);
    for (struct map_iter it = {0}; list->count < list->most && map_next(&project->files, &it);) {
        const struct file *file = it.value;
        if (is_dirty(file, epoch) && (file->broken != NULL) == is_broken)
            list->files[list->count++] = (struct state_dirty_file){
                .f = file->f,
                .rev = file->rev,
                .version = file->version,
                .path = request_copy_text(request, file->path),
            };
    }
}

static void list_tombstones(struct database *database, const struct project *project,
                            struct request *request, struct dirty_list *list)
{
    sqlite3_stmt *rows = database_statement(database, STATEMENT_TOMBSTONES);
    int code;
    bind_u64(rows, 1, project->id);
    bind_u64(rows, 2, list->most);
    while (list->count < list->most && database_row(database, rows, &code))
        list->files[list->count++] = (struct state_dirty_file){
            .f = column_u64(rows, 0),
            .rev = column_u64(rows, 1),
            .path = request_copy_text(request, column_text(rows, 2)),
            .deleted = true,
        };
    sqlite3_reset(rows);
}

/* Nothing is unloaded from here: to a flush, somebody is always there. */
void execute_dirty(struct storage *storage, struct request *request)
{
    struct state_dirty *answer = &request->answer.dirty.answer;
    struct project *project = truth_find_project(&storage->truth, request->ticket.project);
    if (!project || project->broken) {
        request_refuse(request, STATE_BROKEN, NULL);
        return;
    }
    size_t most = request->u.most;
    struct dirty_list list = {request_alloc(request, most * sizeof(list.files[0])), 0, most};
    list_tombstones(&storage->database, project, request, &list);
    list_files(project, false, request, &list);
    list_files(project, true, request, &list);
    answer->epoch = request_copy_text(request, project->epoch);
    answer->name = request_copy_text(request, project->title);
    answer->token = storage->token;
    answer->members = 1;
    answer->e = project->e;
    answer->next_file = project->next_file;
    answer->files = list.files;
    answer->file_count = list.count;
}

void dirty_bury(struct storage *storage, const struct project *project,
                const struct state_tree_entry *file)
{
    if (!storage->truth.is_saved_elsewhere)
        return;
    sqlite3_stmt *add = database_statement(&storage->database, STATEMENT_TOMBSTONE_ADD);
    bind_u64(add, 1, project->id);
    bind_u64(add, 2, file->f);
    bind_u64(add, 3, file->rev);
    bind_text(add, 4, file->path);
    database_write(&storage->database, add);
}

/* ---- what is saved ---- */

static void drop_tombstone(struct storage *storage, const struct project *project,
                           const struct state_saved_file *saved)
{
    sqlite3_stmt *drop = database_statement(&storage->database, STATEMENT_TOMBSTONE_DROP);
    bind_u64(drop, 1, project->id);
    bind_u64(drop, 2, saved->f);
    bind_u64(drop, 3, saved->rev);
    database_write(&storage->database, drop);
}

static void mark_saved(struct storage *storage, struct file *file,
                       const struct state_saved_file *saved, uint64_t epoch)
{
    if (file->saved_epoch > epoch || (file->saved_epoch == epoch && file->saved_rev >= saved->rev))
        return;
    file->saved_version = saved->version;
    file->saved_epoch = epoch;
    file->saved_rev = saved->rev;
    sqlite3_stmt *mark = database_statement(&storage->database, STATEMENT_FILE_SAVED);
    bind_u64(mark, 1, file->saved_version);
    bind_u64(mark, 2, file->saved_epoch);
    bind_u64(mark, 3, file->saved_rev);
    bind_u64(mark, 4, file->row);
    database_write(&storage->database, mark);
}

void execute_saved(struct storage *storage, struct request *request)
{
    struct project *project = ticket_project(storage, request);
    if (!project || !storage_begin(storage, request))
        return;
    uint64_t epoch = epoch_number(project->epoch);
    for (size_t i = 0; i < request->u.saved.count; i++) {
        const struct state_saved_file *saved = &request->u.saved.files[i];
        struct file *file = project_find_file(project, saved->f);
        if (file)
            mark_saved(storage, file, saved, epoch);
        else
            drop_tombstone(storage, project, saved);
    }
    request->answer.marked.answer.dirty =
        count_dirty(project) + count_tombstones(&storage->database, project);
}
