/* Chat in the database of the data folder. What was said is committed before it is answered, as
 * everything here. */
#include "storage_thread.h"
#include "weft/base/utf.h"

#include <string.h>

static struct storage *storage_of(struct repository *repository)
{
    return ((struct repository_port *)repository)->storage;
}

void call_say(struct repository *repository, const struct state_ticket *ticket,
              const struct repository_message *message)
{
    struct request *request = request_new(REQUEST_SAY, ticket);
    request->u.message = *message;
    request->u.message.user = request_copy_text(request, message->user);
    request->u.message.name = request_copy_text(request, message->name);
    request->u.message.text = request_copy_text(request, message->text);
    storage_push(storage_of(repository), request);
}

void call_messages(struct repository *repository, const struct state_ticket *ticket,
                   const struct repository_page *page)
{
    struct request *request = request_new(REQUEST_MESSAGES, ticket);
    request->u.page = *page;
    storage_push(storage_of(repository), request);
}

/* ---- on the thread ---- */

static bool is_text(const char *text)
{
    return utf8_valid(text, strlen(text));
}

static void write_message(struct database *database, uint64_t project,
                          const struct repository_message *message)
{
    sqlite3_stmt *add = database_statement(database, STATEMENT_CHAT_ADD);
    bind_u64(add, 1, project);
    bind_u64(add, 2, message->ts);
    bind_u64(add, 3, message->n);
    bind_text(add, 4, message->user);
    bind_text(add, 5, message->name);
    bind_text(add, 6, message->text);
    bind_u64(add, 7, message->f);
    bind_u64(add, 8, message->line);
    database_write(database, add);
}

/* Is what stands under this id this very message? */
static bool is_there(struct database *database, uint64_t project,
                     const struct repository_message *message)
{
    int code;
    sqlite3_stmt *is = database_statement(database, STATEMENT_CHAT_IS);
    bind_text(is, 1, message->user);
    bind_text(is, 2, message->name);
    bind_text(is, 3, message->text);
    bind_u64(is, 4, message->f);
    bind_u64(is, 5, message->line);
    bind_u64(is, 6, project);
    bind_u64(is, 7, message->ts);
    bind_u64(is, 8, message->n);
    bool found = database_row(database, is, &code) && column_u64(is, 0) == 1;
    sqlite3_reset(is);
    return found;
}

void execute_say(struct storage *storage, struct request *request)
{
    const struct repository_message *message = &request->u.message;
    struct project *project = truth_find_project(&storage->truth, request->ticket.project);
    if (!project) {
        request_refuse(request, STATE_BROKEN, "there is no such project");
        return;
    }
    if (!is_text(message->user) || !is_text(message->name) || !is_text(message->text)) {
        request->answer.said.result = REPOSITORY_REFUSED;
        request->answer.said.problem = "the message is not UTF-8";
        return;
    }
    if (!storage_begin(storage, request))
        return;
    write_message(&storage->database, project->id, message);
    request->answer.said.result =
        is_there(&storage->database, project->id, message) ? REPOSITORY_DONE : REPOSITORY_CHANGED;
}

static const char *copy_column(struct request *request, sqlite3_stmt *page, int at, bool *is_good)
{
    const char *text = column_text(page, at);
    size_t len = (size_t)sqlite3_column_bytes(page, at);
    *is_good = *is_good && utf8_valid(text, len) && !memchr(text, '\0', len);
    return request_copy(request, text, len);
}

static bool take_message(struct request *request, sqlite3_stmt *page,
                         struct repository_message *out)
{
    bool is_good = true;
    *out = (struct repository_message){.ts = column_u64(page, 0),
                                       .n = column_u64(page, 1),
                                       .user = copy_column(request, page, 2, &is_good),
                                       .name = copy_column(request, page, 3, &is_good),
                                       .text = copy_column(request, page, 4, &is_good),
                                       .f = column_u64(page, 5),
                                       .line = column_u64(page, 6)};
    return is_good;
}

static sqlite3_stmt *bind_page(struct database *database, uint64_t project,
                               const struct repository_page *page, size_t limit)
{
    sqlite3_stmt *statement = database_statement(database, STATEMENT_CHAT_PAGE);
    bind_u64(statement, 1, project);
    bind_u64(statement, 2, page->before_ts);
    bind_u64(statement, 3, page->before_n);
    bind_u64(statement, 4, limit + 1);
    return statement;
}

void execute_messages(struct storage *storage, struct request *request)
{
    struct database *database = &storage->database;
    struct project *project = truth_find_project(&storage->truth, request->ticket.project);
    size_t limit = request->u.page.limit, count = 0;
    int code = SQLITE_DONE;
    bool is_good = true;
    if (!project) {
        request_refuse(request, STATE_BROKEN, "there is no such project");
        return;
    }
    if (limit > REPOSITORY_PAGE_MAX)
        limit = REPOSITORY_PAGE_MAX;
    struct repository_message *items = request_alloc(request, (limit + 1) * sizeof items[0]);
    sqlite3_stmt *page = bind_page(database, project->id, &request->u.page, limit);
    while (count <= limit && is_good && database_row(database, page, &code))
        is_good = take_message(request, page, &items[count++]);
    sqlite3_reset(page);
    if (!is_good || (code != SQLITE_DONE && code != SQLITE_ROW)) {
        request_refuse(request, is_good ? STATE_BUSY : STATE_BROKEN,
                       is_good ? database->problem : "a message that is kept is not UTF-8");
        return;
    }
    request->answer.messages.items = items;
    request->answer.messages.count = count > limit ? limit : count;
    request->answer.messages.more = count > limit;
}
