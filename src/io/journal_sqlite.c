/* Opening, appending and reading, on the storage thread. The truth decides (versions, generations,
 * n); the database only gets what was decided. An append writes one row per entry at the end of the
 * journal and nothing else: version, rev and the author's last n follow from the rows. */
#include "storage_thread.h"
#include "failpoint.h"
#include "weft/base/blob.h"

#include <stdio.h>
#include <string.h>

struct project *ticket_project(struct storage *storage, struct request *request)
{
    struct project *project = truth_find_project(&storage->truth, request->ticket.project);
    const char *epoch = request->ticket.epoch;
    if (project && project->broken)
        request_refuse(request, STATE_BROKEN, project->broken);
    else if (!project || !epoch || strcmp(epoch, project->epoch) != 0)
        request_refuse(request, STATE_EPOCH, NULL);
    else
        return project;
    return NULL;
}

/* ---- open ---- */

/* Raises the generation. It is written down so that it survives a restart, but if that fails the
 * session is welcome all the same: after a restart there is no older connection that it would have
 * to keep out. */
static bool admit(struct storage *storage, struct project *project, struct request *request)
{
    const struct state_open *open = &request->u.open;
    struct generation *generation = project_generation(project, open->cid);
    if (!request->admitted && open->k != 0 && open->k <= generation->k)
        return false;
    if (!request->admitted)
        generation->k = open->k != 0 ? open->k : generation->k + 1;
    generation->at_ms = wall_ms();
    request->answer.opened.k = generation->k;
    if (!request->admitted && generation->k > 1 && storage->retry_at_ms == 0 &&
        database_begin(&storage->database)) {
        sqlite3_stmt *write = database_statement(&storage->database, STATEMENT_CID_WRITE);
        bind_u64(write, 1, project->id);
        bind_u64(write, 2, open->cid);
        bind_u64(write, 3, generation->k);
        bind_text(write, 4, open->user);
        bind_u64(write, 5, generation->at_ms);
        database_write(&storage->database, write);
    }
    request->admitted = true;
    project_sweep_generations(project, generation->at_ms - DAY_MS);
    return true;
}

static void list_files(const struct project *project, struct request *request)
{
    struct state_file *files = request_alloc(request, project->files.count * sizeof(*files));
    size_t count = 0;
    for (struct map_iter it = {0}; map_next(&project->files, &it);) {
        const struct file *file = it.value;
        files[count++] = (struct state_file){
            .f = file->f,
            .version = file->version,
            .utf16_len = file->utf16_len,
            .size = file->size,
            .saved_version = file->saved_version,
            .rev = file->rev,
            .path = request_copy_text(request, file->path),
            .eol = request_copy_text(request, file->eol),
        };
    }
    request->answer.opened.files = files;
    request->answer.opened.file_count = count;
}

void execute_open(struct storage *storage, struct request *request)
{
    struct project *project = truth_find_project(&storage->truth, request->ticket.project);
    if (!project) {
        request_refuse(request, storage->token ? STATE_LOAD : STATE_NO_PROJECT, NULL);
        request->answer.opened.token = storage->token;
        return;
    }
    if (project->broken) {
        request_refuse(request, STATE_BROKEN, project->broken);
        return;
    }
    struct state_opened *answer = &request->answer.opened;
    if (request->u.open.cid != 0 && !admit(storage, project, request)) {
        request_refuse(request, STATE_STRAGGLER, NULL);
        return;
    }
    answer->epoch = request_copy_text(request, project->epoch);
    answer->name = request_copy_text(request, project->title);
    answer->e = project->e;
    if (request->u.open.want_tree)
        list_files(project, request);
}

void execute_forget(struct storage *storage, struct request *request)
{
    struct project *project = truth_find_project(&storage->truth, request->ticket.project);
    if (!project)
        return;
    for (struct map_iter it = {0}; map_next(&project->files, &it);)
        file_forget_trimmed(&storage->truth, it.value);
}

/* ---- messages ---- */

/* Returns a new blob with the entry that made version, or NULL: then result and problem say why. */
static struct blob *read_message(struct storage *storage, const struct file *file, uint64_t version,
                                 enum state_result *result, const char **problem)
{
    struct database *database = &storage->database;
    sqlite3_stmt *read = database_statement(database, STATEMENT_JOURNAL_READ);
    struct blob *message = NULL;
    int code;
    bind_u64(read, 1, file_id_of(&storage->truth, file, version));
    bool found = database_row(database, read, &code);
    if (found && column_u64(read, 1) == file->project->id && column_u64(read, 2) == file->f &&
        column_u64(read, 3) == version)
        message = blob_new(column_text(read, 0), (size_t)sqlite3_column_bytes(read, 0));
    sqlite3_reset(read);
    if (message)
        return message;
    bool damaged = found || code == SQLITE_DONE || (code & 0xff) == SQLITE_CORRUPT;
    *result = damaged ? STATE_BROKEN : STATE_BUSY;
    *problem = damaged ? "the journal is damaged" : database->problem;
    return NULL;
}

/* Reads the entries after a version, all of which the journal has. Returns NULL where one cannot be
 * read. */
static struct blob **read_messages(struct storage *storage, struct request *request,
                                   const struct file *file, uint64_t after, size_t *count,
                                   enum state_result *result, const char **problem)
{
    struct blob **messages =
        request_alloc(request, (size_t)(file->version - after) * sizeof(struct blob *));
    size_t n = 0;
    for (uint64_t version = after + 1; version <= file->version; version++) {
        messages[n] = read_message(storage, file, version, result, problem);
        if (!messages[n]) {
            while (n > 0)
                blob_unref(messages[--n]);
            return NULL;
        }
        n++;
    }
    *count = n;
    return messages;
}

static bool log_reaches_back(const struct storage *storage, const struct file *file, uint64_t after)
{
    return after == file->version || file_id_of(&storage->truth, file, after + 1) != 0;
}

/* ---- append ---- */

static void answer_conflict(struct storage *storage, struct request *request,
                            const struct file *file)
{
    struct state_appended *answer = &request->answer.appended;
    uint64_t expect = request->u.append.expect;
    answer->version = file->version;
    answer->rev = file->rev;
    answer->result = STATE_TRIMMED;
    if (!log_reaches_back(storage, file, expect))
        return;
    size_t count = 0;
    struct blob **missing =
        read_messages(storage, request, file, expect, &count, &answer->result, &answer->problem);
    if (!missing)
        return;
    answer->result = STATE_CONFLICT;
    answer->missing = missing;
    answer->missing_count = count;
}

/* Raises the author's last n by each entry, in order. Where one may not be appended, everything is
 * as before, the request is answered, and it returns false. */
static bool claim_numbers(struct file *file, struct request *request, uint64_t now_ms)
{
    const struct state_append *append = &request->u.append;
    uint64_t *before = request_alloc(request, append->count * sizeof(*before));
    size_t i;
    enum state_result result = STATE_OK;
    for (i = 0; i < append->count; i++) {
        const struct state_entry *entry = &append->entries[i];
        if (entry->k != 0 && entry->k < project_last_k(file->project, entry->by))
            result = STATE_FENCED;
#if WEFT_MUTANT != 4
        else if (entry->n <= file_last_n(file, entry->by))
            result = STATE_SEEN;
#endif
        if (result != STATE_OK)
            break;
        struct seen *seen = file_seen(file, entry->by);
        before[i] = seen->n;
        *seen = (struct seen){entry->by, entry->n, now_ms, true};
    }
    if (result == STATE_OK)
        return true;
    request->answer.appended.result = result;
    request->answer.appended.index = i;
    while (i-- > 0)
        file_seen(file, append->entries[i].by)->n = before[i];
    return false;
}

static void write_entry(struct storage *storage, const struct file *file, uint64_t version,
                        const struct state_entry *entry)
{
    sqlite3_stmt *add = database_statement(&storage->database, STATEMENT_JOURNAL_ADD);
    bind_u64(add, 1, ++storage->truth.last_id);
    bind_u64(add, 2, file->project->id);
    bind_u64(add, 3, file->f);
    bind_u64(add, 4, version);
    bind_u64(add, 5, entry->by);
    bind_u64(add, 6, entry->n);
    bind_bytes(add, 7, entry->message->data, entry->message->len);
    database_write(&storage->database, add);
}

static void append_entries(struct storage *storage, struct file *file, struct request *request)
{
    const struct state_append *append = &request->u.append;
    for (size_t i = 0; i < append->count; i++) {
        write_entry(storage, file, file->version + 1, &append->entries[i]);
        file_push(&storage->truth, file, storage->truth.last_id);
        file->updated_by = append->entries[i].by;
    }
    file->updated_at = wall_ms();
    dirty_note(storage, file->project);
    file->utf16_len += (uint64_t)append->utf16_delta;
    request->answer.appended.version = file->version;
    request->answer.appended.rev = file->rev;
}

void execute_append(struct storage *storage, struct request *request)
{
    failpoint_hit("before_append");
    struct project *project = ticket_project(storage, request);
    if (!project)
        return;
    struct file *file = project_find_file(project, request->u.append.f);
    if (!file)
        request_refuse(request, STATE_GONE, NULL);
    else if (file->broken)
        request_refuse(request, STATE_BROKEN, file->broken);
    else if (request->u.append.expect > file->version)
        request_refuse(request, STATE_EPOCH, "the journal ends before the version expected");
    else if (request->u.append.expect < file->version)
        answer_conflict(storage, request, file);
    else if (storage_begin(storage, request) && claim_numbers(file, request, wall_ms()))
        append_entries(storage, file, request);
}

/* ---- read ---- */

static void list_seen(struct file *file, struct request *request)
{
    struct state_seen *list = request_alloc(request, file->seen.count * sizeof(*list));
    size_t count = 0;
    for (struct map_iter it = {0}; map_next(&file->seen, &it);) {
        const struct seen *seen = it.value;
        if (seen->n > 0)
            list[count++] = (struct state_seen){seen->cid, seen->n};
    }
    request->answer.rows.seen = list;
    request->answer.rows.seen_count = count;
}

static bool read_text(struct storage *storage, struct file *file, struct request *request)
{
    struct state_rows *answer = &request->answer.rows;
    char problem[160];
    bool damaged;
    answer->content =
        content_read(&storage->database, file, request, &answer->content_len, &damaged, problem);
    if (!answer->content) {
        request_refuse(request, damaged ? STATE_BROKEN : STATE_BUSY, problem);
        return false;
    }
    list_seen(file, request);
    if (storage->truth.is_saved_elsewhere) {
        answer->path = request_copy_text(request, file->path);
        answer->eol = request_copy_text(request, file->eol);
        answer->updated_at = file->updated_at;
        answer->updated_by = file->updated_by;
    }
    return true;
}

static void read_file(struct storage *storage, struct file *file, struct request *request)
{
    struct state_rows *answer = &request->answer.rows;
    uint64_t after = request->u.read.want_text ? file->content_version : request->u.read.after;
    answer->content_version = file->content_version;
    answer->version = file->version;
    answer->rev = file->rev;
    answer->saved_version = file->saved_version;
    if (after > file->version || !log_reaches_back(storage, file, after)) {
        answer->result = STATE_TRIMMED;
        return;
    }
    if (request->u.read.want_text && !read_text(storage, file, request))
        return;
    size_t count = 0;
    enum state_result result = STATE_OK;
    const char *problem = NULL;
    struct blob **entries = read_messages(storage, request, file, after, &count, &result, &problem);
    if (!entries) {
        request_refuse(request, result, problem);
        return;
    }
    answer->entries = entries;
    answer->entry_count = count;
}

void execute_read(struct storage *storage, struct request *request)
{
    struct project *project = ticket_project(storage, request);
    if (!project)
        return;
    struct file *file = project_find_file(project, request->u.read.f);
    if (file && file->broken)
        request_refuse(request, STATE_BROKEN, file->broken);
    else if (file)
        read_file(storage, file, request);
    else if (request->u.read.f > 0 && request->u.read.f < project->next_file)
        request_refuse(request, STATE_GONE, NULL);
    else
        request_refuse(request, STATE_NO_FILE, NULL);
}
