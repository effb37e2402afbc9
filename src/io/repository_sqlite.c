/* Saving: the texts that core folded go into the rows of their files, in one transaction, and the
 * journal is trimmed at its beginning. Guarded by (epoch number, rev) as in every repository,
 * although nobody else can have written here: a save may have waited while a rename, a loss of
 * history or a newer save went before it.
 *
 * Path and line ending are not taken from the save: the tree wrote them when they changed. Nor is
 * who wrote last (seen): the thread knows at least as much, and more does no harm, since the
 * entries it knows of stay in the journal. */
#include "storage_thread.h"
#include "epoch.h"
#include "failpoint.h"
#include "weft/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define TRIM_AT_LEAST 1024u /* rows; trimming one by one would cost more than it frees */

/* ---- the loop's side ---- */

static void call_save(struct repository *repository, const struct state_ticket *ticket,
                      const struct repository_save *save)
{
    struct request *request = request_new(REQUEST_SAVE, ticket);
    struct repository_file *files = request_alloc(request, save->count * sizeof(*files));
    for (size_t i = 0; i < save->count; i++) {
        files[i] = save->files[i];
        files[i].path = files[i].eol = NULL;
        files[i].seen = NULL;
        files[i].seen_count = 0;
    }
    request->u.save = (struct repository_save){save->ts, files, save->count};
    storage_push(((struct repository_port *)repository)->storage, request);
}

const struct repository_ops repository_sqlite_ops = {
    .save = call_save, .say = call_say, .messages = call_messages, .points = call_points};

void repository_deliver(struct repository *repository, struct request *request)
{
    const struct repository_sink *sink = &repository->sink;
    if (request->kind == REQUEST_SAVE) {
        sink->saved(sink->owner, &request->answer.saved);
    } else if (request->kind == REQUEST_MESSAGES) {
        sink->messages(sink->owner, &request->answer.messages);
    } else if (request->kind == REQUEST_POINTS) {
        sink->points(sink->owner, &request->answer.points);
    } else {
        struct repository_done done = {request->ticket.request, request->answer.said.result,
                                       request->answer.said.problem};
        sink->said(sink->owner, &done);
    }
}

/* ---- seen ---- */

static int by_age(const void *a, const void *b)
{
    const struct seen *x = *(const struct seen *const *)a, *y = *(const struct seen *const *)b;
    return x->at_ms < y->at_ms ? 1 : x->at_ms > y->at_ms ? -1 : 0;
}

static void forget_seen(struct database *database, struct file *file, struct seen *seen)
{
    sqlite3_stmt *forget = database_statement(database, STATEMENT_SEEN_FORGET);
    bind_u64(forget, 1, file->project->id);
    bind_u64(forget, 2, file->f);
    bind_u64(forget, 3, seen->cid);
    database_write(database, forget);
    free(map_remove(&file->seen, seen->cid));
}

/* Who was not heard of for a day cannot come back under its cid; and of too many, the longest
 * silent go. */
static void prune_seen(struct database *database, struct file *file, uint64_t now_ms)
{
    struct seen **all = mem_realloc_array(NULL, file->seen.count, sizeof(*all));
    size_t count = 0;
    for (struct map_iter it = {0}; map_next(&file->seen, &it);)
        all[count++] = it.value;
    if (count > SEEN_MAX)
        qsort(all, count, sizeof(*all), by_age);
    for (size_t i = 0; i < count; i++)
        if (i >= SEEN_MAX || all[i]->at_ms + DAY_MS < now_ms)
            forget_seen(database, file, all[i]);
    free(all);
}

void seen_write(struct database *database, struct file *file, uint64_t now_ms)
{
    prune_seen(database, file, now_ms);
    for (struct map_iter it = {0}; map_next(&file->seen, &it);) {
        struct seen *seen = it.value;
        if (!seen->unsaved || seen->n == 0)
            continue;
        sqlite3_stmt *write = database_statement(database, STATEMENT_SEEN_WRITE);
        bind_u64(write, 1, file->project->id);
        bind_u64(write, 2, file->f);
        bind_u64(write, 3, seen->cid);
        bind_u64(write, 4, seen->n);
        bind_u64(write, 5, seen->at_ms);
        database_write(database, write);
        seen->unsaved = false;
    }
}

/* ---- save ---- */

static void write_file(struct storage *storage, struct file *file,
                       const struct repository_file *saved)
{
    sqlite3_stmt *save = database_statement(&storage->database, STATEMENT_FILE_SAVE);
    bind_u64(save, 1, file->version);
    bind_u64(save, 2, file->rev);
    bind_u64(save, 3, saved->version);
    bind_u64(save, 4, file->saved_version);
    bind_u64(save, 5, file->saved_epoch);
    bind_u64(save, 6, file->saved_rev);
    bind_u64(save, 7, saved->utf16_len);
    bind_u64(save, 8, saved->len);
    bind_u64(save, 9, saved->updated_at);
    bind_u64(save, 10, saved->updated_by);
    bind_bytes(save, 11, saved->text, saved->len);
    bind_u64(save, 12, file->row);
    database_write(&storage->database, save);
}

/* Where the pair is another repository's, it says nothing of the text here. */
static bool is_newer(const struct storage *storage, const struct file *file,
                     const struct repository_file *saved, uint64_t epoch)
{
    if (storage->truth.is_saved_elsewhere)
        return epoch == epoch_number(file->project->epoch) &&
               saved->version > file->content_version;
    return epoch > file->saved_epoch ||
           (epoch == file->saved_epoch && saved->rev > file->saved_rev);
}

static void note_pair(struct storage *storage, struct file *file,
                      const struct repository_file *saved, uint64_t epoch)
{
    if (storage->truth.is_saved_elsewhere)
        return;
    file->saved_version = saved->version;
    file->saved_epoch = epoch;
    file->saved_rev = saved->rev;
}

static enum repository_result save_file(struct storage *storage, struct project *project,
                                        const struct repository_file *saved, uint64_t epoch,
                                        const char **problem)
{
    struct file *file = project_find_file(project, saved->f);
    if (!file)
        return saved->f < project->next_file
                   ? REPOSITORY_OLDER
                   : REPOSITORY_FAILED; /* deleted meanwhile, or never there */
    if (file->broken) {
        *problem = file->broken;
        return REPOSITORY_FAILED;
    }
    if (!is_newer(storage, file, saved, epoch))
        return REPOSITORY_OLDER;
    if (saved->version > file->version || saved->version < file->content_version) {
        *problem = "the version saved is not one of the journal's";
        return REPOSITORY_FAILED;
    }
    note_pair(storage, file, saved, epoch);
    write_file(storage, file, saved);
    seen_write(&storage->database, file, wall_ms());
    point_keep(storage, project, epoch, saved, wall_ms());
    file_note_saved(&storage->truth, file, saved->version);
    if (saved->version == file->version) {
        file->utf16_len = saved->utf16_len;
        file->size = saved->len;
    }
    return REPOSITORY_OK;
}

/* The journal loses what no file needs and no client that lags may ask for; its last entry stays,
 * so that its ids go on after a restart. */
static void trim_journal(struct storage *storage)
{
    struct truth *truth = &storage->truth;
    uint64_t keep = storage->config.history > 0 ? storage->config.history : 1;
    if (truth->last_id + 1 - truth->first_id < keep + TRIM_AT_LEAST)
        return;
    uint64_t below = truth->last_id + 1 - keep;
    for (struct map_iter it = {0}; map_next(&truth->unsaved, &it);) {
        uint64_t needed = file_oldest_needed(truth, it.value);
        if (needed < below)
            below = needed;
    }
    if (below <= truth->first_id)
        return;
    sqlite3_stmt *trim = database_statement(&storage->database, STATEMENT_JOURNAL_TRIM);
    bind_u64(trim, 1, below);
    database_write(&storage->database, trim);
    truth->first_id = below;
    storage->counts.trims++;
}

static void write_synced(struct storage *storage, const struct project *project, uint64_t ts)
{
    sqlite3_stmt *synced = database_statement(&storage->database, STATEMENT_PROJECT_SYNCED);
    bind_u64(synced, 1, ts);
    bind_u64(synced, 2, project->id);
    database_write(&storage->database, synced);
}

void execute_save(struct storage *storage, struct request *request)
{
    const struct repository_save *save = &request->u.save;
    struct project *project = truth_find_project(&storage->truth, request->ticket.project);
    if (!project || project->broken || !request->ticket.epoch) {
        request_refuse(request, STATE_BROKEN,
                       project && project->broken ? project->broken : "there is no such project");
        return;
    }
    if (!storage_begin(storage, request))
        return;
    struct repository_saved *answer = &request->answer.saved;
    struct repository_file_saved *marks = request_alloc(request, save->count * sizeof(*marks));
    uint64_t epoch = epoch_number(request->ticket.epoch);
    for (size_t i = 0; i < save->count; i++) {
        const struct repository_file *file = &save->files[i];
        const char *problem = NULL;
        marks[i] = (struct repository_file_saved){
            file->f, file->version, file->rev, save_file(storage, project, file, epoch, &problem)};
        if (!answer->problem)
            answer->problem = request_copy_text(request, problem);
    }
    answer->files = marks;
    answer->count = save->count;
    answer->ts = wall_ms();
    write_synced(storage, project, answer->ts);
    failpoint_hit("mid_save");
    trim_journal(storage);
    storage->counts.saves++;
}
