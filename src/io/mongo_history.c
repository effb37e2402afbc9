/* The history of files in MongoDB: a document per kept version, made by the save that writes it.
 * How old the last one is, only the database knows, for any instance may have made it; so a save
 * asks once for all its files, writes once, and lets go of what is too old. */
#include "mongo.h"
#include "weft/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- keep ---- */

static bool is_kept(const struct errand *errand, size_t i)
{
    return errand->answer.saved.files[i].result == REPOSITORY_OK &&
           !errand->u.save.files[i].deleted;
}

/* The points of these files that are younger than points_every_ms. */
static mongoc_cursor_t *find_young(struct mongo_session *session, const struct errand *errand)
{
    bson_t filter = BSON_INITIALIZER, in, list, young;
    char key[24];
    int64_t since = (int64_t)errand->u.save.ts - (int64_t)session->points_every_ms;
    bson_append_utf8(&filter, "project", -1, errand->project, -1);
    bson_append_document_begin(&filter, "file", -1, &in);
    bson_append_array_begin(&in, "$in", -1, &list);
    for (size_t i = 0; i < errand->u.save.count; i++) {
        snprintf(key, sizeof key, "%zu", i);
        bson_append_int64(&list, key, -1, (int64_t)errand->u.save.files[i].f);
    }
    bson_append_array_end(&in, &list);
    bson_append_document_end(&filter, &in);
    bson_append_document_begin(&filter, "ts", -1, &young);
    bson_append_date_time(&young, "$gt", -1, since);
    bson_append_document_end(&filter, &young);
    bson_t *opts = BCON_NEW("projection", "{", "file", BCON_BOOL(true), "}");
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(session->history, &filter, opts, NULL);
    bson_destroy(&filter);
    bson_destroy(opts);
    return cursor;
}

static void insert_point(mongoc_bulk_operation_t *bulk, const struct errand *errand,
                         const struct repository_file *file)
{
    char id[MONGO_ID_SIZE + 48];
    bson_t out = BSON_INITIALIZER;
    snprintf(id, sizeof id, "%s/%" PRIu64 "/%" PRIu64 "-%" PRIu64, errand->project, file->f,
             errand->epoch_number, file->version);
    BCON_APPEND(&out, "_id", BCON_UTF8(id), "project", BCON_UTF8(errand->project), "file",
                BCON_INT64((int64_t)file->f), "epoch", BCON_INT64((int64_t)errand->epoch_number),
                "version", BCON_INT64((int64_t)file->version), "ts",
                BCON_DATE_TIME((int64_t)errand->u.save.ts), "by",
                BCON_INT64((int64_t)file->updated_by), "size", BCON_INT64((int64_t)file->len));
    bson_append_utf8(&out, "text", -1, file->text, (int)file->len);
    mongoc_bulk_operation_insert_with_opts(bulk, &out, NULL, NULL);
    bson_destroy(&out);
}

/* All points of a file behind the newest points_most. */
static void trim(struct mongo_session *session, const char *project, uint64_t f)
{
    const bson_t *last;
    bson_t *of = BCON_NEW("project", BCON_UTF8(project), "file", BCON_INT64((int64_t)f));
    bson_t *opts = BCON_NEW("sort", "{", "epoch", BCON_INT32(-1), "version", BCON_INT32(-1), "}",
                            "skip", BCON_INT64((int64_t)session->points_most), "projection", "{",
                            "_id", BCON_BOOL(true), "}");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(session->history, of, opts, NULL);
    while (mongoc_cursor_next(cursor, &last))
        mongoc_collection_delete_one(session->history, last, NULL, NULL, NULL);
    mongoc_cursor_destroy(cursor);
    bson_destroy(of);
    bson_destroy(opts);
}

/* Marks the files that have a young point. False: nobody knows. */
static bool mark_young(struct mongo_session *session, const struct errand *errand, bool *is_young)
{
    mongoc_cursor_t *cursor = find_young(session, errand);
    const bson_t *document;
    uint64_t f;
    while (mongoc_cursor_next(cursor, &document))
        for (size_t i = 0;
             mongo_take_number(document, "file", &f, NULL) && i < errand->u.save.count; i++)
            is_young[i] = is_young[i] || errand->u.save.files[i].f == f;
    bool knows = !mongoc_cursor_error(cursor, NULL);
    mongoc_cursor_destroy(cursor);
    return knows;
}

/* Trims those of the files that have more than points_most. */
static void trim_crowded(struct mongo_session *session, const struct errand *errand)
{
    bson_t *pipeline =
        BCON_NEW("pipeline", "[", "{", "$match", "{", "project", BCON_UTF8(errand->project), "}",
                 "}", "{", "$group", "{", "_id", BCON_UTF8("$file"), "points", "{", "$sum",
                 BCON_INT32(1), "}", "}", "}", "{", "$match", "{", "points", "{", "$gt",
                 BCON_INT64((int64_t)session->points_most), "}", "}", "}", "]");
    mongoc_cursor_t *cursor =
        mongoc_collection_aggregate(session->history, MONGOC_QUERY_NONE, pipeline, NULL, NULL);
    const bson_t *document;
    uint64_t f;
    while (mongoc_cursor_next(cursor, &document))
        if (mongo_take_number(document, "_id", &f, NULL))
            trim(session, errand->project, f);
    mongoc_cursor_destroy(cursor);
    bson_destroy(pipeline);
}

static void keep(struct mongo_session *session, const struct errand *errand, const bool *is_young)
{
    const struct repository_file *files = errand->u.save.files;
    size_t kept = 0;
    bson_t *opts = BCON_NEW("ordered", BCON_BOOL(false));
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(session->history, opts);
    for (size_t i = 0; i < errand->u.save.count; i++)
        if (is_kept(errand, i) && !is_young[i] && ++kept)
            insert_point(bulk, errand, &files[i]);
    if (kept > 0) {
        mongoc_bulk_operation_execute(bulk, NULL, NULL);
        trim_crowded(session, errand);
    }
    mongoc_bulk_operation_destroy(bulk);
    bson_destroy(opts);
}

void mongo_keep_points(struct mongo_session *session, const struct errand *errand)
{
    bool wants = false;
    for (size_t i = 0; i < errand->u.save.count; i++)
        wants = wants || is_kept(errand, i);
    if (!wants || errand->failed || session->points_every_ms == 0)
        return;
    bool *is_young = mem_zalloc(errand->u.save.count * sizeof *is_young);
    if (mark_young(session, errand, is_young))
        keep(session, errand, is_young);
    free(is_young);
}

/* ---- look ---- */

static bool take_point(struct mongo_session *session, const bson_t *document, struct errand *errand,
                       struct repository_point *out, struct error *error)
{
    bson_iter_t at;
    uint64_t size;
    *out = (struct repository_point){.ts = 0};
    if (!bson_iter_init_find(&at, document, "ts") || !BSON_ITER_HOLDS_DATE_TIME(&at) ||
        bson_iter_date_time(&at) < 0) {
        (void)error_set(error, ERR_INTERNAL, "ts is no date");
        return false;
    }
    out->ts = (uint64_t)bson_iter_date_time(&at);
    if (!mongo_take_number(document, "epoch", &out->epoch_number, error) ||
        !mongo_take_number(document, "version", &out->version, error) ||
        !mongo_take_number(document, "by", &out->by, error) ||
        !mongo_take_number(document, "size", &size, error))
        return false;
    out->len = size;
    return !errand->u.query.wants_text ||
           mongo_take_text(document, "text", false, session->text_max, &errand->arena, &out->text,
                           &out->len, error);
}

static mongoc_cursor_t *find_points(struct mongo_session *session, const struct errand *errand,
                                    size_t most)
{
    const struct repository_point_query *query = &errand->u.query;
    bson_t *filter =
        BCON_NEW("project", BCON_UTF8(errand->project), "file", BCON_INT64((int64_t)query->f));
    bson_t *opts = BCON_NEW("sort", "{", "epoch", BCON_INT32(-1), "version", BCON_INT32(-1), "}",
                            "limit", BCON_INT64((int64_t)most));
    if (query->wants_text)
        BCON_APPEND(filter, "version", BCON_INT64((int64_t)query->version));
    else
        BCON_APPEND(opts, "projection", "{", "text", BCON_BOOL(false), "}");
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(session->history, filter, opts, NULL);
    bson_destroy(filter);
    bson_destroy(opts);
    return cursor;
}

void mongo_points(struct mongo_session *session, struct errand *errand)
{
    bool wants_text = errand->u.query.wants_text;
    size_t most = wants_text ? 1 : REPOSITORY_POINTS_MAX, count = 0;
    struct repository_point *items = arena_alloc(&errand->arena, most * sizeof items[0]);
    struct error error = {ERR_OK, ""};
    bson_error_t failure;
    const bson_t *document;
    mongoc_cursor_t *cursor = find_points(session, errand, most);
    while (count < most && !error.code && mongoc_cursor_next(cursor, &document))
        count += take_point(session, document, errand, &items[count], &error);
    errand->answer.points = (struct repository_points){
        .found = wants_text && count == 0 ? REPOSITORY_NONE : REPOSITORY_FOUND,
        .items = items,
        .count = count};
    if (error.code)
        errand->answer.points = (struct repository_points){
            .found = REPOSITORY_BROKEN,
            .problem = mongo_blame(document, "history", &errand->arena, &error)};
    else if (mongoc_cursor_error(cursor, &failure))
        errand_fail(errand, failure.message);
    mongoc_cursor_destroy(cursor);
}
