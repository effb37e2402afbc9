/* Projects, files and folders, on the storage thread. A change is a row of the tree and a room
 * event in one transaction, so that whoever missed it can read it later. A file's id is never given
 * again: next_file only grows. */
#include "storage_thread.h"
#include "epoch.h"
#include "weft/base/blob.h"
#include "weft/base/buf.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/protocol/message.h"
#include "weft/text/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- new files ---- */

struct new_file {
    const char *path, *eol, *text;
    size_t len;
};

static void add_file(struct storage *storage, struct project *project, const struct new_file *new,
                     uint64_t by)
{
    bool is_saved = !storage->truth.is_saved_elsewhere;
    const struct state_populate_file file = {
        .f = project->next_file++,
        .rev = 1,
        .saved_rev = is_saved,
        .path = new->path,
        .eol = new->eol,
        .text = new->text,
        .len = new->len,
        .utf16_len = utf8_utf16_len(new->text, new->len),
        .dirty = !is_saved,
        .updated_at = wall_ms(),
        .updated_by = by,
    };
    insert_file(storage, project, &file);
}

/* The row of the table. */
static void write_new_file(struct storage *storage, const struct file *file, const char *text)
{
    sqlite3_stmt *add = database_statement(&storage->database, STATEMENT_FILE_ADD);
    const uint64_t numbers[] = {file->version,       file->rev,         file->content_version,
                                file->saved_version, file->saved_epoch, file->saved_rev,
                                file->utf16_len,     file->size,        file->updated_at,
                                file->updated_by};
    bind_u64(add, 1, file->project->id);
    bind_u64(add, 2, file->f);
    bind_text(add, 3, file->path);
    bind_text(add, 4, file->eol);
    for (int i = 0; i < (int)(sizeof numbers / sizeof numbers[0]); i++)
        bind_u64(add, 5 + i, numbers[i]);
    bind_bytes(add, 15, text, file->size);
    database_write(&storage->database, add);
}

struct file *insert_file(struct storage *storage, struct project *project,
                         const struct state_populate_file *from)
{
    struct file *file = project_add_file(project, from->f, 0, from->path, from->eol);
    file->version = file->content_version = from->version;
    file->rev = from->rev;
    file->saved_version = from->saved_version;
    file->saved_epoch = from->dirty ? 0 : epoch_number(project->epoch);
    file->saved_rev = from->saved_rev;
    file->utf16_len = from->utf16_len;
    file->size = from->len;
    file->updated_at = from->updated_at;
    file->updated_by = from->updated_by;
    write_new_file(storage, file, from->text);
    file->row = (uint64_t)sqlite3_last_insert_rowid(storage->database.handle);
    return file;
}

void insert_project(struct storage *storage, const struct project *project, const char *template)
{
    sqlite3_stmt *add = database_statement(&storage->database, STATEMENT_PROJECT_ADD);
    bind_u64(add, 1, project->id);
    bind_text(add, 2, project->name);
    bind_text(add, 3, project->title);
    bind_text(add, 4, template);
    bind_text(add, 5, project->epoch);
    bind_u64(add, 6, project->next_file);
    bind_u64(add, 7, project->e);
    bind_u64(add, 8, wall_ms());
    database_write(&storage->database, add);
    storage->truth.changes += project->e + 1;
}

void execute_create(struct storage *storage, struct request *request)
{
    const struct state_create *create = &request->u.create;
    char epoch[EPOCH_SIZE];
    if (truth_find_project(&storage->truth, request->ticket.project)) {
        request_refuse(request, STATE_EXISTS, NULL);
        return;
    }
    if (!storage_begin(storage, request))
        return;
    epoch_make(epoch, 1);
    struct project *project = truth_add_project(&storage->truth, storage->truth.last_project + 1,
                                                request->ticket.project, create->name, epoch);
    for (size_t i = 0; i < create->file_count; i++) {
        const struct state_new_file *file = &create->files[i];
        /* Of two files of one path the first wins, as if they had been made one after the other. */
        if (!project_path_taken(project, file->path))
            add_file(storage, project,
                     &(struct new_file){file->path, file->eol, file->text, file->len}, 0);
    }
    insert_project(storage, project, create->template);
}

/* ---- the end of every change: the event, and the answer ---- */

static void trim_events(struct storage *storage, struct project *project)
{
    if (project->e - project->first_event < storage->config.events)
        return;
    project->first_event = project->e - storage->config.events + 1;
    sqlite3_stmt *trim = database_statement(&storage->database, STATEMENT_EVENTS_TRIM);
    bind_u64(trim, 1, project->id);
    bind_u64(trim, 2, project->first_event);
    database_write(&storage->database, trim);
}

void write_event(struct storage *storage, struct project *project, const struct buf *payload)
{
    storage->truth.changes++;
    sqlite3_stmt *add = database_statement(&storage->database, STATEMENT_EVENT_ADD);
    bind_u64(add, 1, project->id);
    bind_u64(add, 2, project->e);
    bind_bytes(add, 3, payload->data, payload->len);
    database_write(&storage->database, add);
    trim_events(storage, project);
    sqlite3_stmt *move = database_statement(&storage->database, STATEMENT_PROJECT_MOVE);
    bind_u64(move, 1, project->next_file);
    bind_u64(move, 2, project->e);
    bind_u64(move, 3, project->id);
    database_write(&storage->database, move);
}

static void write_change(struct storage *storage, struct project *project,
                         const struct state_treed *change)
{
    static const enum fs_op ops[] = {
        [TREE_CREATE] = FS_CREATE, [TREE_RENAME] = FS_RENAME, [TREE_DELETE] = FS_DELETE};
    struct fs_entry *entries = mem_realloc_array(NULL, change->entry_count, sizeof(*entries));
    struct buf payload = BUF_EMPTY;
    for (size_t i = 0; i < change->entry_count; i++)
        entries[i] = (struct fs_entry){change->entries[i].f, change->entries[i].path};
    encode_fs(&payload, &(struct fs_event){change->e, change->by, ops[change->op], change->folder,
                                           entries, change->entry_count});
    write_event(storage, project, &payload);
    buf_close(&payload);
    free(entries);
}

static void finish_change(struct storage *storage, struct project *project, struct request *request,
                          bool folder, const struct state_tree_entry *entries, size_t count)
{
    struct state_treed *answer = &request->answer.treed;
    answer->result = STATE_OK;
    answer->op = request->u.tree.op;
    answer->by = request->u.tree.by;
    answer->folder = folder;
    answer->e = ++project->e;
    answer->entries = entries;
    answer->entry_count = count;
    write_change(storage, project, answer);
    dirty_note(storage, project);
}

/* ---- create ---- */

static void create_file(struct storage *storage, struct project *project, struct request *request)
{
    const struct state_tree *tree = &request->u.tree;
    if (project_path_taken(project, tree->path)) {
        request_refuse(request, STATE_EXISTS, NULL);
        return;
    }
    if (tree->files_max > 0 && project->files.count >= tree->files_max) {
        request_refuse(request, STATE_FULL, NULL);
        return;
    }
    if (!storage_begin(storage, request))
        return;
    struct state_tree_entry *entry = request_alloc(request, sizeof(*entry));
    *entry = (struct state_tree_entry){project->next_file, 1, tree->path};
    add_file(storage, project, &(struct new_file){tree->path, tree->eol, tree->text, tree->len},
             tree->by);
    finish_change(storage, project, request, false, entry, 1);
}

/* ---- what a rename or delete is about ---- */

struct chosen {
    struct file **files;
    size_t count;
    size_t from_len; /* of a folder; 0 = one file */
};

/* Returns false where there is nothing, or something that must not be touched: then the request is
 * refused. */
static bool choose(struct project *project, struct request *request, struct chosen *chosen)
{
    const struct state_tree *tree = &request->u.tree;
    *chosen = (struct chosen){
        .files = request_alloc(request, (project->files.count + 1) * sizeof(struct file *))};
    if (tree->from) {
        chosen->from_len = strlen(tree->from);
        for (struct map_iter it = {0}; map_next(&project->files, &it);) {
            struct file *file = it.value;
            if (path_in_folder(file->path, tree->from))
                chosen->files[chosen->count++] = file;
        }
    } else if ((chosen->files[0] = project_find_file(project, tree->f))) {
        chosen->count = 1;
    }
    if (chosen->count == 0)
        request_refuse(request, STATE_NO_FILE, NULL);
    for (size_t i = 0; i < chosen->count; i++) {
        if (!chosen->files[i]->broken)
            continue;
        request_refuse(request, STATE_BROKEN, chosen->files[i]->broken);
        return false;
    }
    return chosen->count > 0;
}

/* ---- rename ---- */

/* Returns the path that the file will have, memory of the request. */
static const char *new_path(struct request *request, const struct chosen *chosen,
                            const struct file *file)
{
    const char *to = request->u.tree.path;
    if (chosen->from_len == 0)
        return to;
    const char *rest = file->path + chosen->from_len;
    size_t len = strlen(to), size = len + strlen(rest) + 1;
    char *path = request_alloc(request, size);
    snprintf(path, size, "%s%s", to, rest);
    return path;
}

/* May the files, whose own paths are out of the tree, be put in under the new ones? */
static enum state_result judge_paths(const struct project *project, struct request *request,
                                     const struct chosen *chosen,
                                     const struct state_tree_entry *entries)
{
    if (chosen->from_len > 0) {
        const char *to = request->u.tree.path;
        if (project_path_taken(project, request_copy(request, to, strlen(to) - 1)))
            return STATE_EXISTS;
    }
    for (size_t i = 0; i < chosen->count; i++) {
        if (path_check(entries[i].path, strlen(entries[i].path), NULL) != ERR_OK)
            return STATE_FULL;
        if (project_path_taken(project, entries[i].path))
            return STATE_EXISTS;
    }
    return STATE_OK;
}

static void write_path(struct storage *storage, const struct file *file, const char *path)
{
    sqlite3_stmt *move = database_statement(&storage->database, STATEMENT_FILE_MOVE);
    bind_text(move, 1, path);
    bind_u64(move, 2, file->version);
    bind_u64(move, 3, file->rev);
    bind_u64(move, 4, file->row);
    database_write(&storage->database, move);
}

/* A file of a folder may get the path that another one of it has yet ("a/" to "a/a/"), which the
 * table would refuse. So first all get a path that nobody can have. */
static void write_paths(struct storage *storage, const struct chosen *chosen)
{
    for (size_t i = 0; i < chosen->count && chosen->count > 1; i++) {
        char nobodys[32];
        snprintf(nobodys, sizeof(nobodys), "/%llu", (unsigned long long)chosen->files[i]->f);
        write_path(storage, chosen->files[i], nobodys);
    }
    for (size_t i = 0; i < chosen->count; i++)
        write_path(storage, chosen->files[i], chosen->files[i]->path);
}

static void rename_files(struct storage *storage, struct project *project, struct request *request)
{
    struct chosen chosen;
    if (!choose(project, request, &chosen) || !storage_begin(storage, request))
        return;
    struct state_tree_entry *entries = request_alloc(request, chosen.count * sizeof(*entries));
    for (size_t i = 0; i < chosen.count; i++) {
        struct file *file = chosen.files[i];
        entries[i] =
            (struct state_tree_entry){file->f, file->rev + 1, new_path(request, &chosen, file)};
    }
    for (size_t i = 0; i < chosen.count; i++)
        project_unlink_path(project, chosen.files[i]);
    enum state_result result = judge_paths(project, request, &chosen, entries);
    for (size_t i = 0; i < chosen.count; i++) {
        struct file *file = chosen.files[i];
        project_link_path(project, file, result == STATE_OK ? entries[i].path : file->path);
        if (result == STATE_OK)
            file->rev++;
    }
    if (result != STATE_OK) {
        request_refuse(request, result,
                       result == STATE_FULL ? "a path would be too long or too deep" : NULL);
        return;
    }
    write_paths(storage, &chosen);
    finish_change(storage, project, request, chosen.from_len > 0, entries, chosen.count);
}

/* ---- delete ---- */

static void delete_files(struct storage *storage, struct project *project, struct request *request)
{
    struct chosen chosen;
    if (!choose(project, request, &chosen) || !storage_begin(storage, request))
        return;
    struct state_tree_entry *entries = request_alloc(request, chosen.count * sizeof(*entries));
    for (size_t i = 0; i < chosen.count; i++) {
        struct file *file = chosen.files[i];
        entries[i] = (struct state_tree_entry){file->f, file->rev + 1,
                                               request_copy_text(request, file->path)};
        sqlite3_stmt *delete = database_statement(&storage->database, STATEMENT_FILE_DELETE);
        bind_u64(delete, 1, file->row);
        database_write(&storage->database, delete);
        sqlite3_stmt *forget = database_statement(&storage->database, STATEMENT_SEEN_DELETE);
        bind_u64(forget, 1, project->id);
        bind_u64(forget, 2, file->f);
        database_write(&storage->database, forget);
        dirty_bury(storage, project, &entries[i]);
        project_remove_file(&storage->truth, project, file);
    }
    finish_change(storage, project, request, chosen.from_len > 0, entries, chosen.count);
}

void execute_tree(struct storage *storage, struct request *request)
{
    static void (*const changes[])(struct storage *, struct project *, struct request *) = {
        [TREE_CREATE] = create_file, [TREE_RENAME] = rename_files, [TREE_DELETE] = delete_files};
    struct project *project = ticket_project(storage, request);
    if (project)
        changes[request->u.tree.op](storage, project, request);
}

/* ---- events ---- */

void execute_events(struct storage *storage, struct request *request)
{
    struct project *project = ticket_project(storage, request);
    uint64_t after = request->u.after;
    if (!project)
        return;
    if (after > project->e || after + 1 < project->first_event) {
        request_refuse(request, STATE_TRIMMED, NULL);
        return;
    }
    size_t most = (size_t)(project->e - after), count = 0;
    struct blob **messages = request_alloc(request, most * sizeof(struct blob *));
    sqlite3_stmt *read = database_statement(&storage->database, STATEMENT_EVENTS_READ);
    int code = SQLITE_DONE;
    bind_u64(read, 1, project->id);
    bind_u64(read, 2, after);
    while (count < most && database_row(&storage->database, read, &code))
        messages[count++] = blob_new(column_text(read, 0), (size_t)sqlite3_column_bytes(read, 0));
    sqlite3_reset(read);
    request->answer.events.messages = messages;
    request->answer.events.count = count;
    /* Fewer than promised: the caller takes the whole tree instead. */
    if (count < most)
        request_refuse(
            request, code == SQLITE_DONE || code == SQLITE_ROW ? STATE_TRIMMED : STATE_BUSY, NULL);
}
