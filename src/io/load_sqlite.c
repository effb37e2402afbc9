/* Reading the database at start, and again after a commit that failed. First the index of
 * everything, without texts and messages; then the files whose journal goes beyond their text are
 * folded, one by one.
 *
 * What does not fit together is never repaired and never overwritten: a file of which the journal
 * has a gap, or an entry that cannot be read or does not fit, is broken, which keeps its row and
 * its entries as they are and lets the others live. Rows of the journal that belong to no file are
 * those of deleted ones. */
#include "storage_thread.h"
#include "epoch.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/protocol/message.h"
#include "weft/text/change.h"
#include "weft/text/path.h"
#include "weft/text/rope.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 3, 4))) static void break_file(struct truth *truth, struct file *file,
                                                             const char *format, ...)
{
    char why[160], project[200], path[600];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    file_break(truth, file, why);
    log_error("a file is broken project=%s f=%llu path=%s reason=\"%s\"",
              log_quote(project, sizeof(project), file->project->name), (unsigned long long)file->f,
              log_quote(path, sizeof(path), file->path), why);
}

/* ---- the index ---- */

static void load_project(struct truth *truth, sqlite3_stmt *row)
{
    const char *epoch = column_text(row, 3);
    struct project *project = truth_add_project(truth, column_u64(row, 0), column_text(row, 1),
                                                column_text(row, 2), epoch);
    project->next_file = column_u64(row, 4);
    project->e = column_u64(row, 5);
    project->first_event =
        sqlite3_column_type(row, 6) == SQLITE_NULL ? project->e + 1 : column_u64(row, 6);
    truth->changes += project->e + 1;
    if (epoch_number(epoch) > 0 && strlen(epoch) < EPOCH_SIZE &&
        project->first_event <= project->e + 1)
        return;
    project->broken = mem_strdup("the row of the project makes no sense");
    char name[200];
    log_error("a project is broken project=%s", log_quote(name, sizeof(name), project->name));
}

static void load_file(struct truth *truth, sqlite3_stmt *row)
{
    struct project *project = map_find(&truth->by_id, column_u64(row, 1));
    uint64_t f = column_u64(row, 2);
    if (!project || f == 0 || f >= project->next_file) {
        log_error("a file belongs to no project row=%llu", (unsigned long long)column_u64(row, 0));
        return;
    }
    struct file *file =
        project_add_file(project, f, column_u64(row, 0), column_text(row, 3), column_text(row, 4));
    file->version = column_u64(row, 5);
    file->rev = column_u64(row, 6);
    file->content_version = column_u64(row, 7);
    file->saved_version = column_u64(row, 8);
    file->saved_epoch = column_u64(row, 9);
    file->saved_rev = column_u64(row, 10);
    file->utf16_len = column_u64(row, 11);
    file->size = column_u64(row, 12);
    file->updated_by = column_u64(row, 13);
    file->updated_at = column_u64(row, 14);
    if (path_check(file->path, strlen(file->path), NULL) != ERR_OK)
        break_file(truth, file, "its path is none");
    else if (file->content_version > file->version)
        break_file(truth, file, "its text is newer than the file");
}

static struct file *find_file(const struct truth *truth, uint64_t project_id, uint64_t f)
{
    struct project *project = map_find(&truth->by_id, project_id);
    return project ? project_find_file(project, f) : NULL;
}

static void note_seen(struct file *file, uint64_t cid, uint64_t n, uint64_t at_ms, bool unsaved)
{
    struct seen *seen = file_seen(file, cid);
    if (n > seen->n)
        *seen = (struct seen){cid, n, at_ms, unsaved};
}

static void load_seen(struct truth *truth, sqlite3_stmt *row)
{
    struct file *file = find_file(truth, column_u64(row, 0), column_u64(row, 1));
    if (file)
        note_seen(file, column_u64(row, 2), column_u64(row, 3), column_u64(row, 4), false);
}

static void load_generation(struct truth *truth, sqlite3_stmt *row)
{
    struct project *project = map_find(&truth->by_id, column_u64(row, 0));
    if (project)
        *project_generation(project, column_u64(row, 1)) =
            (struct generation){column_u64(row, 2), column_u64(row, 3)};
}

/* Until the whole journal was read, version is that of the last entry seen, or where the text
 * stands. */
static void load_entry(struct truth *truth, sqlite3_stmt *row)
{
    uint64_t id = column_u64(row, 0), version = column_u64(row, 3);
    if (truth->last_id == 0)
        truth->first_id = id;
    truth->last_id = id;
    struct file *file = find_file(truth, column_u64(row, 1), column_u64(row, 2));
    if (!file)
        return;
    bool first = file->id_first == file->id_end;
    if (first && version <= file->content_version)
        file->version = version - 1;
    if (version == 0 || version != file->version + 1)
        break_file(truth, file, "the journal goes from version %llu to %llu",
                   (unsigned long long)file->version, (unsigned long long)version);
    file_push(truth, file, id);
    file->updated_by = column_u64(row, 4);
    note_seen(file, column_u64(row, 4), column_u64(row, 5), wall_ms(),
              version > file->content_version);
}

typedef void load_row(struct truth *truth, sqlite3_stmt *row);

static bool load_rows(struct truth *truth, struct database *database, enum statement which,
                      load_row *load)
{
    sqlite3_stmt *rows = database_statement(database, which);
    int code;
    while (database_row(database, rows, &code))
        load(truth, rows);
    return code == SQLITE_DONE;
}

/* What the rows said of version and rev before the journal was read over them. */
struct promised {
    struct file *file;
    uint64_t version, rev;
};

static struct promised *set_back_versions(struct truth *truth, size_t *count)
{
    struct promised *promised = NULL;
    size_t room = 0;
    *count = 0;
    for (struct map_iter p = {0}; map_next(&truth->by_id, &p);) {
        struct project *project = p.value;
        for (struct map_iter it = {0}; map_next(&project->files, &it);) {
            struct file *file = it.value;
            if (*count == room) {
                room = room ? room * 2 : 256;
                promised = mem_realloc_array(promised, room, sizeof(*promised));
            }
            promised[(*count)++] = (struct promised){file, file->version, file->rev};
            file->version = file->content_version;
        }
    }
    return promised;
}

static void settle_versions(struct truth *truth, const struct promised *promised, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct file *file = promised[i].file;
        if (file->version < promised[i].version || file->version < file->content_version)
            break_file(truth, file,
                       "the journal ends at version %llu, and there was a version %llu",
                       (unsigned long long)file->version, (unsigned long long)promised[i].version);
        file->rev = promised[i].rev + (file->version - promised[i].version);
    }
}

enum err truth_load(struct truth *truth, struct database *database, struct error *error)
{
    struct promised *promised = NULL;
    size_t count = 0;
    bool ok = load_rows(truth, database, STATEMENT_PROJECTS, load_project) &&
              load_rows(truth, database, STATEMENT_FILES, load_file) &&
              load_rows(truth, database, STATEMENT_SEEN, load_seen) &&
              load_rows(truth, database, STATEMENT_CIDS, load_generation);
    if (ok) {
        promised = set_back_versions(truth, &count);
        ok = load_rows(truth, database, STATEMENT_JOURNAL_INDEX, load_entry);
    }
    if (ok)
        settle_versions(truth, promised, count);
    free(promised);
    return ok ? ERR_OK
              : error_set(error, ERR_INTERNAL, "the database cannot be read: %s",
                          database->problem);
}

/* ---- texts ---- */

static bool has_length(const char *text, size_t len, const struct file *file)
{
    return len == file->size && utf8_utf16_len(text, len) == file->utf16_len;
}

/* SQLite has no checksums: what can be told from the text itself is all there is. */
static bool text_is_sound(const char *text, size_t len, const struct file *file)
{
    return utf8_valid(text, len) && !memchr(text, '\0', len) && !memchr(text, '\r', len) &&
           (file->version != file->content_version || has_length(text, len, file));
}

char *content_read(struct database *database, const struct file *file, struct request *request,
                   size_t *len, bool *damaged, char problem[160])
{
    sqlite3_stmt *read = database_statement(database, STATEMENT_FILE_CONTENT);
    char *text = NULL;
    int code;
    bind_u64(read, 1, file->row);
    bool found = database_row(database, read, &code);
    if (found) {
        const char *content = column_text(read, 0);
        *len = (size_t)sqlite3_column_bytes(read, 0);
        if (text_is_sound(content, *len, file))
            text = request ? request_copy(request, content, *len) : mem_strndup(content, *len);
    }
    sqlite3_reset(read);
    *damaged = found || code == SQLITE_DONE || (code & 0xff) == SQLITE_CORRUPT;
    if (!text)
        snprintf(problem, 160, "%s",
                 *damaged ? "the text in the database is damaged" : database->problem);
    return text;
}

/* ---- folding ---- */

/* Applies the entry that makes version. Returns NULL, or why not, in words. */
static const char *apply_entry(const struct file *file, uint64_t version, sqlite3_stmt *row,
                               struct rope *rope)
{
    struct logged_edit edit = {0};
    if (decode_logged_edit(column_text(row, 0), (size_t)sqlite3_column_bytes(row, 0), &edit,
                           NULL) != ERR_OK)
        return "cannot be read";
    const char *problem = NULL;
    if (edit.f != file->f || edit.v != version)
        problem = "is that of another version";
    else if (change_len_before(edit.change) != rope_utf16_len(rope) ||
             change_splits_pair(edit.change, rope))
        problem = "does not fit the text";
    else
        change_apply(edit.change, rope);
    change_unref(edit.change);
    return problem;
}

/* Applies all entries after the text. False: the database failed; or the file is broken. */
static bool apply_entries(struct truth *truth, struct database *database, struct file *file,
                          struct rope *rope)
{
    for (uint64_t version = file->content_version + 1; version <= file->version && !file->broken;
         version++) {
        sqlite3_stmt *read = database_statement(database, STATEMENT_JOURNAL_READ);
        int code;
        bind_u64(read, 1, file_id_of(truth, file, version));
        if (!database_row(database, read, &code))
            return false;
        const char *problem = apply_entry(file, version, read, rope);
        if (problem)
            break_file(truth, file, "the journal's entry for version %llu %s",
                       (unsigned long long)version, problem);
        sqlite3_reset(read);
    }
    return true;
}

static void write_folded(struct truth *truth, struct database *database, struct file *file,
                         const struct rope *rope)
{
    char *text = mem_alloc(rope_len(rope));
    uint64_t now = wall_ms();
    if (!truth->is_saved_elsewhere) {
        file->saved_version = file->version;
        file->saved_epoch = epoch_number(file->project->epoch);
        file->saved_rev = file->rev;
    }
    rope_copy(rope, text);
    sqlite3_stmt *save = database_statement(database, STATEMENT_FILE_SAVE);
    bind_u64(save, 1, file->version);
    bind_u64(save, 2, file->rev);
    bind_u64(save, 3, file->version);
    bind_u64(save, 4, file->saved_version);
    bind_u64(save, 5, file->saved_epoch);
    bind_u64(save, 6, file->saved_rev);
    bind_u64(save, 7, rope_utf16_len(rope));
    bind_u64(save, 8, rope_len(rope));
    bind_u64(save, 9, now);
    bind_u64(save, 10, file->updated_by);
    bind_bytes(save, 11, text, rope_len(rope));
    bind_u64(save, 12, file->row);
    database_write(database, save);
    free(text);
    seen_write(database, file, now);
    file_note_saved(truth, file, file->version);
}

static bool fold_file(struct truth *truth, struct database *database, struct file *file, bool write)
{
    size_t len;
    bool damaged;
    char problem[160];
    char *text = content_read(database, file, NULL, &len, &damaged, problem);
    if (!text && !damaged)
        return false;
    if (!text || !has_length(text, len, file)) {
        break_file(truth, file, "%s", text ? "the text in the database is damaged" : problem);
        free(text);
        return true;
    }
    struct rope *rope = rope_new(text, len);
    free(text);
    bool ok = apply_entries(truth, database, file, rope);
    if (ok && !file->broken) {
        file->utf16_len = rope_utf16_len(rope);
        file->size = rope_len(rope);
        if (write)
            write_folded(truth, database, file, rope);
    }
    rope_free(rope);
    return ok;
}

enum err truth_fold(struct truth *truth, struct database *database, bool write, struct error *error)
{
    size_t folded = 0, broken = 0;
    for (struct map_iter it = {0}; map_next(&truth->unsaved, &it);) {
        struct file *file = it.value;
        if (!file->broken && !fold_file(truth, database, file, write))
            return error_set(error, ERR_INTERNAL, "the database cannot be read: %s",
                             database->problem);
        broken += file->broken != NULL;
        folded += file->broken == NULL;
    }
    if (write && folded + broken > 0)
        log_info("the texts were brought up to the journal files=%zu broken=%zu", folded, broken);
    return ERR_OK;
}

void truth_new_epochs(struct truth *truth, struct database *database)
{
    for (struct map_iter it = {0}; map_next(&truth->by_id, &it);) {
        struct project *project = it.value;
        uint64_t number = epoch_number(project->epoch) + 1;
        if (project->broken)
            continue;
        epoch_make(project->epoch, number);
        sqlite3_stmt *epoch = database_statement(database, STATEMENT_PROJECT_EPOCH);
        bind_text(epoch, 1, project->epoch);
        bind_u64(epoch, 2, project->id);
        database_write(database, epoch);
        if (truth->is_saved_elsewhere)
            continue; /* what is there is of the old history: all is to be saved again */
        /* So that what was read of the old history can no longer be saved over what is here. */
        sqlite3_stmt *files = database_statement(database, STATEMENT_FILES_EPOCH);
        bind_u64(files, 1, number);
        bind_u64(files, 2, project->id);
        database_write(database, files);
        for (struct map_iter f = {0}; map_next(&project->files, &f);)
            ((struct file *)f.value)->saved_epoch = number;
    }
}
