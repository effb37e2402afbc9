/* Chat in MongoDB: a document per message, written once and never changed. One that cannot be
 * understood refuses the page it is in: a page with a hole would be taken for the whole. */
#include "mongo.h"
#include "weft/base/utf.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DUPLICATE_KEY 11000
#define NAME_MOST 4096u
#define MESSAGE_MOST 65536u /* bytes of a stored message that are taken */

/* ---- say ---- */

static bson_t *print_message(const char *project, const struct repository_message *message)
{
    char id[MONGO_ID_SIZE + 32];
    snprintf(id, sizeof id, "%s/%" PRIu64 "-%" PRIu64, project, message->ts, message->n);
    bson_t *out = BCON_NEW("_id", BCON_UTF8(id), "project", BCON_UTF8(project), "ts",
                           BCON_DATE_TIME((int64_t)message->ts), "n",
                           BCON_INT64((int64_t)message->n), "user", BCON_UTF8(message->user),
                           "name", BCON_UTF8(message->name), "text", BCON_UTF8(message->text));
    if (message->f != 0) {
        bson_append_int64(out, "file", -1, (int64_t)message->f);
        bson_append_int64(out, "line", -1, (int64_t)message->line);
    }
    return out;
}

/* What has the id already: this message, or another? */
static void judge(struct mongo_session *session, struct errand *errand, const bson_t *document)
{
    bson_error_t failure;
    const bson_t *found;
    bson_t *opts = BCON_NEW("limit", BCON_INT64(1));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->chat, document, opts, NULL);
    bool is_same = mongoc_cursor_next(cursor, &found);
    if (mongoc_cursor_error(cursor, &failure))
        errand_fail(errand, failure.message);
    else
        errand->answer.done.result = is_same ? REPOSITORY_DONE : REPOSITORY_CHANGED;
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
}

static bool is_text(const char *text)
{
    return utf8_valid(text, strlen(text));
}

void mongo_say(struct mongo_session *session, struct errand *errand)
{
    const struct repository_message *message = &errand->u.message;
    bson_error_t error;
    if (!is_text(message->user) || !is_text(message->name) || !is_text(message->text)) {
        errand->answer.done.result = REPOSITORY_REFUSED;
        errand->answer.done.problem = "the message is not UTF-8";
        return;
    }
    bson_t *document = print_message(errand->project, message);
    if (mongoc_collection_insert_one(session->chat, document, NULL, NULL, &error))
        errand->answer.done.result = REPOSITORY_DONE;
    else if (error.code == DUPLICATE_KEY)
        judge(session, errand, document);
    else
        errand_fail(errand, error.message);
    bson_destroy(document);
}

/* ---- page ---- */

static bool take_message(const bson_t *document, struct arena *arena,
                         struct repository_message *out, struct error *error)
{
    bson_iter_t at;
    size_t len;
    *out = (struct repository_message){.ts = 0};
    if (!bson_iter_init_find(&at, document, "ts") || !BSON_ITER_HOLDS_DATE_TIME(&at) ||
        bson_iter_date_time(&at) < 0) {
        (void)error_set(error, ERR_INTERNAL, "ts is no date");
        return false;
    }
    out->ts = (uint64_t)bson_iter_date_time(&at);
    bool has_file = bson_iter_init_find(&at, document, "file");
    return mongo_take_number(document, "n", &out->n, error) &&
           mongo_take_text(document, "user", false, NAME_MOST, arena, &out->user, &len, error) &&
           mongo_take_text(document, "name", false, NAME_MOST, arena, &out->name, &len, error) &&
           mongo_take_text(document, "text", false, MESSAGE_MOST, arena, &out->text, &len, error) &&
           (!has_file || (mongo_take_number(document, "file", &out->f, error) &&
                          mongo_take_number(document, "line", &out->line, error)));
}

static mongoc_cursor_t *find_page(struct mongo_session *session, const struct errand *errand,
                                  size_t limit)
{
    const struct repository_page *page = &errand->u.page;
    bson_t *filter = BCON_NEW("project", BCON_UTF8(errand->project));
    if (page->before_ts != 0 || page->before_n != 0) {
        int64_t ts = (int64_t)page->before_ts, n = (int64_t)page->before_n;
        BCON_APPEND(filter, "$or", "[", "{", "ts", "{", "$lt", BCON_DATE_TIME(ts), "}", "}", "{",
                    "ts", BCON_DATE_TIME(ts), "n", "{", "$lt", BCON_INT64(n), "}", "}", "]");
    }
    bson_t *opts = BCON_NEW("sort", "{", "ts", BCON_INT32(-1), "n", BCON_INT32(-1), "}", "limit",
                            BCON_INT64((int64_t)limit));
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->chat, filter, opts, NULL);
    bson_destroy(filter);
    bson_destroy(opts);
    return cursor;
}

void mongo_messages(struct mongo_session *session, struct errand *errand)
{
    struct repository_messages *answer = &errand->answer.messages;
    size_t limit = errand->u.page.limit;
    if (limit > REPOSITORY_PAGE_MAX)
        limit = REPOSITORY_PAGE_MAX;
    struct repository_message *items = arena_alloc(&errand->arena, (limit + 1) * sizeof items[0]);
    struct error error = {ERR_OK, ""};
    bson_error_t failure;
    const bson_t *document;
    size_t count = 0;
    mongoc_cursor_t *cursor = find_page(session, errand, limit + 1);
    while (count <= limit && !error.code && mongoc_cursor_next(cursor, &document))
        count += take_message(document, &errand->arena, &items[count], &error);
    *answer = (struct repository_messages){
        .items = items, .count = count > limit ? limit : count, .more = count > limit};
    if (error.code)
        *answer = (struct repository_messages){
            .found = REPOSITORY_BROKEN,
            .problem = mongo_blame(document, "chat", &errand->arena, &error)};
    else if (mongoc_cursor_error(cursor, &failure))
        errand_fail(errand, failure.message);
    mongoc_cursor_destroy(cursor);
}
