/* The history of files in the database of the data folder: a save keeps what it writes, in the same
 * transaction, where the file's newest point is old enough. */
#include "storage_thread.h"
#include "weft/base/utf.h"

#include <string.h>

void call_points(struct repository *repository, const struct state_ticket *ticket,
                 const struct repository_point_query *query)
{
    struct request *request = request_new(REQUEST_POINTS, ticket);
    request->u.query = *query;
    storage_push(((struct repository_port *)repository)->storage, request);
}

/* ---- keep ---- */

static bool has_young(struct storage *storage, uint64_t project, uint64_t f, uint64_t now_ms)
{
    int code;
    uint64_t every = storage->config.points_every_ms;
    sqlite3_stmt *young = database_statement(&storage->database, STATEMENT_POINT_YOUNG);
    bind_u64(young, 1, project);
    bind_u64(young, 2, f);
    bind_u64(young, 3, now_ms > every ? now_ms - every : 0);
    bool found = database_row(&storage->database, young, &code);
    sqlite3_reset(young);
    return found;
}

static void trim(struct storage *storage, uint64_t project, uint64_t f)
{
    sqlite3_stmt *statement = database_statement(&storage->database, STATEMENT_POINTS_TRIM);
    bind_u64(statement, 1, project);
    bind_u64(statement, 2, f);
    bind_u64(statement, 3, storage->config.points_most);
    database_write(&storage->database, statement);
}

void point_keep(struct storage *storage, const struct project *project, uint64_t epoch,
                const struct repository_file *file, uint64_t now_ms)
{
    if (storage->config.points_every_ms == 0 || has_young(storage, project->id, file->f, now_ms))
        return;
    sqlite3_stmt *add = database_statement(&storage->database, STATEMENT_POINT_ADD);
    bind_u64(add, 1, project->id);
    bind_u64(add, 2, file->f);
    bind_u64(add, 3, epoch);
    bind_u64(add, 4, file->version);
    bind_u64(add, 5, now_ms);
    bind_u64(add, 6, file->updated_by);
    bind_u64(add, 7, file->len);
    bind_bytes(add, 8, file->text, file->len);
    database_write(&storage->database, add);
    trim(storage, project->id, file->f);
}

/* ---- look ---- */

static bool take_point(struct request *request, sqlite3_stmt *row, struct repository_point *out)
{
    *out = (struct repository_point){.epoch_number = column_u64(row, 0),
                                     .version = column_u64(row, 1),
                                     .ts = column_u64(row, 2),
                                     .by = column_u64(row, 3),
                                     .len = column_u64(row, 4)};
    if (!request->u.query.wants_text)
        return true;
    const char *text = column_text(row, 5);
    out->len = (size_t)sqlite3_column_bytes(row, 5);
    out->text = request_copy(request, text, out->len);
    return utf8_valid(text, out->len) && !memchr(text, '\0', out->len);
}

void execute_points(struct storage *storage, struct request *request)
{
    const struct repository_point_query *query = &request->u.query;
    struct database *database = &storage->database;
    struct project *project = truth_find_project(&storage->truth, request->ticket.project);
    size_t most = query->wants_text ? 1 : REPOSITORY_POINTS_MAX, count = 0;
    int code = SQLITE_DONE;
    bool is_good = true;
    if (!project) {
        request_refuse(request, STATE_BROKEN, "there is no such project");
        return;
    }
    struct repository_point *items = request_alloc(request, most * sizeof items[0]);
    sqlite3_stmt *rows = database_statement(database, query->wants_text ? STATEMENT_POINT_READ
                                                                        : STATEMENT_POINTS_LIST);
    bind_u64(rows, 1, project->id);
    bind_u64(rows, 2, query->f);
    bind_u64(rows, 3, query->wants_text ? query->version : most);
    while (count < most && is_good && database_row(database, rows, &code))
        is_good = take_point(request, rows, &items[count++]);
    sqlite3_reset(rows);
    if (!is_good || (code != SQLITE_DONE && code != SQLITE_ROW)) {
        request_refuse(request, is_good ? STATE_BUSY : STATE_BROKEN,
                       is_good ? database->problem : "a text that is kept is not UTF-8");
        return;
    }
    request->answer.points.found =
        query->wants_text && count == 0 ? REPOSITORY_NONE : REPOSITORY_FOUND;
    request->answer.points.items = items;
    request->answer.points.count = count;
}
