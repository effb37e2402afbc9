/* Saving: one unordered bulk write, an upsert per file whose filter lets it through only over an
 * older pair (epoch number, rev). Where that does not hold, the upsert tries to insert a second
 * document of the same _id and is answered 11000; then the stored pair is read and judged. Doubled
 * and late saves so do nothing, whoever sends them.
 *
 * A deleted file leaves a document without text, so that a late save of it cannot bring it back; an
 * index of MongoDB removes those after a day.
 *
 * A write concern that was not met says that nobody knows: the files stay dirty. */
#include "mongo.h"
#include "failpoint.h"
#include "weft/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define DUPLICATE_KEY 11000

/* ---- the write ---- */

static void print_filter(bson_t *out, const struct errand *errand,
                         const struct repository_file *file)
{
    char id[MONGO_ID_SIZE];
    int64_t epoch = (int64_t)errand->epoch_number, rev = (int64_t)file->rev;
    mongo_print_id(id, errand->project, file->f);
    bson_t * or
        = BCON_NEW("0", "{", "epoch", "{", "$lt", BCON_INT64(epoch), "}", "}", "1", "{", "epoch",
                   BCON_INT64(epoch), "rev", "{", "$lt", BCON_INT64(rev), "}", "}");
    bson_append_utf8(out, "_id", -1, id, -1);
#if WEFT_MUTANT != 11
    bson_append_array(out, "$or", -1, or);
#endif
    bson_destroy(or);
}

static void print_update(bson_t *out, const struct errand *errand,
                         const struct repository_file *file)
{
    bson_t set, unset;
    bson_append_document_begin(out, "$set", -1, &set);
    mongo_print_file(&set, errand->project, errand->epoch_number, file);
    if (file->deleted) {
        bson_append_bool(&set, "deleted", -1, true);
        bson_append_date_time(&set, "deleted_at", -1, (int64_t)errand->u.save.ts);
    }
    bson_append_document_end(out, &set);
    bson_append_document_begin(out, "$unset", -1, &unset);
    static const char *const gone[] = {"text", "size", "eol", "seen", "updated_at", "updated_by"};
    for (size_t i = 0; file->deleted && i < sizeof gone / sizeof gone[0]; i++)
        bson_append_int32(&unset, gone[i], -1, 1);
    for (size_t i = 0; !file->deleted && i < 2; i++)
        bson_append_int32(&unset, i ? "deleted_at" : "deleted", -1, 1);
    bson_append_document_end(out, &unset);
}

static bool add_file(mongoc_bulk_operation_t *bulk, const struct errand *errand,
                     const struct repository_file *file, bson_error_t *error)
{
    bson_t filter = BSON_INITIALIZER, update = BSON_INITIALIZER, upsert = BSON_INITIALIZER;
    bson_append_bool(&upsert, "upsert", -1, true);
    print_filter(&filter, errand, file);
    print_update(&update, errand, file);
    bool added = mongoc_bulk_operation_update_one_with_opts(bulk, &filter, &update, &upsert, error);
    bson_destroy(&filter);
    bson_destroy(&update);
    bson_destroy(&upsert);
    return added;
}

/* ---- what became of it ---- */

/* The stored pair of a file whose guard did not hold: at least its own counts as saved. */
static enum repository_result judge(struct mongo_session *session, const struct errand *errand,
                                    const struct repository_file *file)
{
    char id[MONGO_ID_SIZE];
    mongo_print_id(id, errand->project, file->f);
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(id));
    bson_t *opts = BCON_NEW("limit", BCON_INT64(1), "projection", "{", "epoch", BCON_BOOL(true),
                            "rev", BCON_BOOL(true), "}");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->files, filter, opts, NULL);
    const bson_t *document;
    uint64_t epoch, rev;
    enum repository_result result = REPOSITORY_FAILED;
    if (mongoc_cursor_next(cursor, &document) &&
        mongo_take_number(document, "epoch", &epoch, NULL) &&
        mongo_take_number(document, "rev", &rev, NULL)) {
        if (epoch == errand->epoch_number && rev == file->rev)
            result = REPOSITORY_OK;
        else if (epoch > errand->epoch_number || (epoch == errand->epoch_number && rev > file->rev))
            result = REPOSITORY_OLDER;
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(filter);
    bson_destroy(opts);
    return result;
}

static void keep_problem(struct errand *errand, const char *problem)
{
    if (!errand->answer.saved.problem)
        errand->answer.saved.problem = arena_copy_text(&errand->arena, problem);
}

/* One bulk write: some of the errand's files, and where the result of each goes. */
struct bulk {
    struct mongo_session *session;
    struct errand *errand;
    const struct repository_file *files;
    struct repository_file_saved *marks;
    size_t count;
};

/* One element of writeErrors: {index, code, errmsg}. */
static void take_write_error(const struct bulk *bulk, const bson_iter_t *at)
{
    const uint8_t *data;
    uint32_t len;
    bson_t entry;
    bson_iter_t field;
    bson_iter_document(at, &len, &data);
    if (!bson_init_static(&entry, data, len) || !bson_iter_init_find(&field, &entry, "index"))
        return;
    int64_t index = bson_iter_as_int64(&field);
    if (index < 0 || (uint64_t)index >= bulk->count)
        return;
    bool is_duplicate =
        bson_iter_init_find(&field, &entry, "code") && bson_iter_as_int64(&field) == DUPLICATE_KEY;
    struct repository_file_saved *mark = &bulk->marks[index];
    mark->result =
        is_duplicate ? judge(bulk->session, bulk->errand, &bulk->files[index]) : REPOSITORY_FAILED;
    if (mark->result == REPOSITORY_FAILED)
        keep_problem(bulk->errand, bson_iter_init_find(&field, &entry, "errmsg")
                                       ? bson_iter_utf8(&field, NULL)
                                       : "refused");
}

/* Is there a list of this name in the reply, and something in it? */
static bool find_list(const bson_t *reply, const char *name, bson_iter_t *out)
{
    bson_iter_t at;
    return bson_iter_init_find(&at, reply, name) && BSON_ITER_HOLDS_ARRAY(&at) &&
           bson_iter_recurse(&at, out) && bson_iter_next(out);
}

static void fail_all(const struct bulk *bulk, const char *problem)
{
    for (size_t i = 0; i < bulk->count; i++)
        bulk->marks[i].result = REPOSITORY_FAILED;
    keep_problem(bulk->errand, problem);
    bulk->errand->failed = true;
}

/* A bulk write that failed as a whole has no list of errors, or it has some and stopped by
 * something else. Only what the server listed is judged file by file. */
static void take_reply(const struct bulk *bulk, bool is_done, const bson_t *reply,
                       const bson_error_t *error)
{
    bson_iter_t at, concern;
    bool has_errors = find_list(reply, "writeErrors", &at);
    if (find_list(reply, "writeConcernErrors", &concern) || (!is_done && !has_errors) ||
        (has_errors && error->domain != MONGOC_ERROR_COMMAND &&
         error->domain != MONGOC_ERROR_SERVER)) {
        fail_all(bulk, error->message[0] ? error->message : "write concern not met");
        return;
    }
    if (!has_errors)
        return;
    do
        take_write_error(bulk, &at);
    while (bson_iter_next(&at));
}

/* False, having judged nothing: a document is too large for the server, and the library gives up
 * the others too. */
static bool try_bulk(const struct bulk *bulk)
{
    bson_t *opts = BCON_NEW("ordered", BCON_BOOL(false));
    mongoc_bulk_operation_t *operation =
        mongoc_collection_create_bulk_operation_with_opts(bulk->session->files, opts);
    bson_error_t error = {0};
    bson_t reply = BSON_INITIALIZER;
    bool is_done = true;
    for (size_t i = 0; is_done && i < bulk->count; i++)
        is_done = add_file(operation, bulk->errand, &bulk->files[i], &error);
    if (is_done) {
        bson_destroy(&reply);
        is_done = mongoc_bulk_operation_execute(operation, &reply, &error) != 0;
    }
    bool is_too_large = !is_done && error.domain == MONGOC_ERROR_BSON && bulk->count > 1;
    if (!is_too_large)
        take_reply(bulk, is_done, &reply, &error);
    bson_destroy(&reply);
    mongoc_bulk_operation_destroy(operation);
    bson_destroy(opts);
    return !is_too_large;
}

/* Halves, until what is too large stands alone. What was written already is found written. */
static void write_bulk(const struct bulk *bulk)
{
    if (try_bulk(bulk))
        return;
    struct bulk left = *bulk, right = *bulk;
    left.count = bulk->count / 2;
    right.files += left.count;
    right.marks += left.count;
    right.count -= left.count;
    write_bulk(&left);
    write_bulk(&right);
}

/* Only forward: of two flushes the later may be done first. */
static void move_timestamp(struct mongo_session *session, const struct errand *errand)
{
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(errand->project));
    bson_t *update = BCON_NEW("$max", "{", "last_sync_timestamp",
                              BCON_DATE_TIME((int64_t)errand->u.save.ts), "}");
    bson_error_t error;
    mongoc_collection_update_one(session->projects, filter, update, NULL, NULL, &error);
    bson_destroy(filter);
    bson_destroy(update);
}

void mongo_save(struct mongo_session *session, struct errand *errand)
{
    failpoint_hit("before_save");
    size_t count = errand->u.save.count, saved = 0;
    struct repository_file_saved *marks = arena_alloc(&errand->arena, (count + 1) * sizeof *marks);
    for (size_t i = 0; i < count; i++) {
        const struct repository_file *file = &errand->u.save.files[i];
        marks[i] = (struct repository_file_saved){file->f, file->version, file->rev, REPOSITORY_OK};
    }
    errand->answer.saved.files = marks;
    errand->answer.saved.count = count;
    errand->answer.saved.ts = errand->u.save.ts;
    struct bulk bulk = {session, errand, errand->u.save.files, marks, count};
    if (count > 0)
        write_bulk(&bulk);
    failpoint_hit("mid_save");
    for (size_t i = 0; i < count; i++)
        saved += marks[i].result != REPOSITORY_FAILED;
    if (saved > 0)
        move_timestamp(session, errand);
}
