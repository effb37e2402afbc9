/* The project's document, and loading it with its files. A load reads what a majority has, so that
 * what people see is not rolled back behind their backs; anything in it that cannot be understood
 * refuses the whole, and nothing is ever written over it.
 *
 * A project under creation carries `creating` until its files are there: nobody loads it, and if
 * its creator died, the next one begins anew. */
#include "mongo.h"
#include "weft/base/mem.h"
#include "weft/base/random.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DUPLICATE_KEY 11000
#define NAME_MAX_BYTES 4096
#define FILES_MOST 20000u       /* documents of one project that are taken */
#define CREATE_MS 60000         /* a creation that takes longer is dead */
#define TOMBSTONE_S (24 * 3600) /* a save that is later than that is not to be expected */

static int64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- indexes ---- */

static void run_command(struct mongo_session *session, bson_t *command, struct errand *errand)
{
    bson_error_t error;
    if (!mongoc_client_write_command_with_opts(session->client, session->database, command, NULL,
                                               NULL, &error))
        errand_fail(errand, error.message);
    bson_destroy(command);
}

static void index_files(struct mongo_session *session, struct errand *errand)
{
    bson_t *command =
        BCON_NEW("createIndexes", BCON_UTF8(mongoc_collection_get_name(session->files)), "indexes",
                 "[", "{", "key", "{", "project", BCON_INT32(1), "file", BCON_INT32(1), "}", "name",
                 BCON_UTF8("project_file"), "unique", BCON_BOOL(true), "}", "{", "key", "{",
                 "deleted_at", BCON_INT32(1), "}", "name", BCON_UTF8("tombstones"),
                 "expireAfterSeconds", BCON_INT32(TOMBSTONE_S), "}", "]");
    run_command(session, command, errand);
}

static void index_chat(struct mongo_session *session, struct errand *errand)
{
    run_command(session,
                BCON_NEW("createIndexes", BCON_UTF8("chat"), "indexes", "[", "{", "key", "{",
                         "project", BCON_INT32(1), "ts", BCON_INT32(-1), "n", BCON_INT32(-1), "}",
                         "name", BCON_UTF8("project_time"), "unique", BCON_BOOL(true), "}", "]"),
                errand);
}

static void index_history(struct mongo_session *session, struct errand *errand)
{
    run_command(session,
                BCON_NEW("createIndexes", BCON_UTF8("history"), "indexes", "[", "{", "key", "{",
                         "project", BCON_INT32(1), "file", BCON_INT32(1), "epoch", BCON_INT32(-1),
                         "version", BCON_INT32(-1), "}", "name", BCON_UTF8("project_file_version"),
                         "unique", BCON_BOOL(true), "}", "]"),
                errand);
}

void mongo_make_indexes(struct mongo_session *session, struct errand *errand)
{
    static void (*const each[])(struct mongo_session *, struct errand *) = {index_files, index_chat,
                                                                            index_history};
    for (size_t i = 0; i < sizeof each / sizeof each[0] && !errand->failed; i++)
        each[i](session, errand);
}

/* ---- load ---- */

static const bson_t *find(mongoc_collection_t *collection, const char *key, const char *project,
                          int64_t limit, mongoc_cursor_t **cursor)
{
    bson_t *filter = BCON_NEW(key, BCON_UTF8(project));
    bson_t *opts = BCON_NEW("limit", BCON_INT64(limit), "readConcern", "{", "level",
                            BCON_UTF8("majority"), "}");
    const bson_t *document = NULL;
    *cursor = mongoc_collection_find_with_opts(collection, filter, opts, NULL);
    bson_destroy(filter);
    bson_destroy(opts);
    mongoc_cursor_next(*cursor, &document);
    return document;
}

static void end_load(struct errand *errand, enum repository_found found, const char *problem)
{
    errand->answer.loaded = (struct repository_loaded){
        .request = errand->request,
        .found = found,
        .problem = arena_copy_text(&errand->arena, problem),
    };
}

static bool take_project(const bson_t *document, struct errand *errand, struct error *error)
{
    struct repository_loaded *out = &errand->answer.loaded;
    struct arena *arena = &errand->arena;
    size_t len;
    return mongo_take_text(document, "epoch", false, EPOCH_SIZE - 1, arena, &out->epoch, &len,
                           error) &&
           mongo_take_text(document, "name", true, NAME_MAX_BYTES, arena, &out->name, &len,
                           error) &&
           mongo_take_text(document, "template", true, NAME_MAX_BYTES, arena, &out->template, &len,
                           error) &&
           mongo_take_text(document, "live", true, NAME_MAX_BYTES, arena, &out->live, &len,
                           error) &&
           mongo_take_number(document, "e", &out->e, error) &&
           mongo_take_number(document, "next_file", &out->next_file, error);
}

/* Reads the project's document; false where the load ends with it. */
static bool load_project(struct mongo_session *session, struct errand *errand)
{
    mongoc_cursor_t *cursor;
    struct error error = {ERR_OK, ""};
    bson_error_t failure;
    bson_iter_t at;
    const bson_t *document = find(session->projects, "_id", errand->project, 1, &cursor);
    bool goes_on = false;
    if (mongoc_cursor_error(cursor, &failure))
        errand_fail(errand, failure.message);
    else if (!document)
        end_load(errand, REPOSITORY_NONE, NULL);
    else if (bson_iter_init_find(&at, document, "creating"))
        end_load(errand, REPOSITORY_AWAY, "the project is being created");
    else if (!take_project(document, errand, &error))
        end_load(errand, REPOSITORY_BROKEN, error.text);
    else
        goes_on = true;
    mongoc_cursor_destroy(cursor);
    return goes_on;
}

struct file_list {
    struct repository_loaded_file *items;
    size_t count, room;
};

static bool add_file(struct file_list *list, const bson_t *document, size_t text_max,
                     struct arena *arena, struct error *error)
{
    if (mongo_is_tombstone(document))
        return true;
    if (list->count == FILES_MOST) {
        (void)error_set(error, ERR_INTERNAL, "it has more than %u files", FILES_MOST);
        return false;
    }
    if (list->count == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->items = mem_realloc_array(list->items, list->room, sizeof list->items[0]);
    }
    return mongo_take_file(document, text_max, arena, &list->items[list->count++], error);
}

static int by_path(const void *a, const void *b)
{
    const struct repository_loaded_file *left = a, *right = b;
    return strcmp(left->path, right->path);
}

/* Two documents of one path or one id would be two truths. */
static bool is_unique(struct file_list *list, struct errand *errand)
{
    if (list->count > 1)
        qsort(list->items, list->count, sizeof list->items[0], by_path);
    for (size_t i = 1; i < list->count; i++) {
        if (strcmp(list->items[i].path, list->items[i - 1].path) == 0) {
            char problem[PATH_MAX];
            snprintf(problem, sizeof problem, "two documents of files have the path %s",
                     list->items[i].path);
            end_load(errand, REPOSITORY_BROKEN, problem);
            return false;
        }
    }
    return true;
}

static void take_files(struct file_list *list, struct errand *errand)
{
    size_t bytes = list->count * sizeof list->items[0];
    struct repository_loaded_file *files = arena_alloc(&errand->arena, bytes + 1);
    if (bytes)
        memcpy(files, list->items, bytes);
    errand->answer.loaded.found = REPOSITORY_FOUND;
    errand->answer.loaded.files = files;
    errand->answer.loaded.file_count = list->count;
}

static void load_files(struct mongo_session *session, struct errand *errand)
{
    struct file_list list = {NULL, 0, 0};
    struct error error = {ERR_OK, ""};
    bson_error_t failure;
    mongoc_cursor_t *cursor;
    bool is_good = true;
    const bson_t *document = find(session->files, "project", errand->project, 0, &cursor);
    while (document) {
        is_good = add_file(&list, document, session->text_max, &errand->arena, &error);
        if (!is_good)
            end_load(errand, REPOSITORY_BROKEN,
                     mongo_blame(document, "files", &errand->arena, &error));
        if (!is_good || !mongoc_cursor_next(cursor, &document))
            break;
    }
    if (is_good && mongoc_cursor_error(cursor, &failure))
        errand_fail(errand, failure.message);
    else if (is_good && is_unique(&list, errand))
        take_files(&list, errand);
    mongoc_cursor_destroy(cursor);
    free(list.items);
}

void mongo_load(struct mongo_session *session, struct errand *errand)
{
    errand->answer.loaded = (struct repository_loaded){.request = errand->request};
    if (load_project(session, errand))
        load_files(session, errand);
}

/* ---- compare and set ---- */

static void append_text_or_null(bson_t *out, const char *key, const char *text)
{
    if (text)
        bson_append_utf8(out, key, -1, text, -1);
    else
        bson_append_null(out, key, -1);
}

/* Updates the one document that the filter finds. Takes both. */
static void update(struct mongo_session *session, struct errand *errand, bson_t *filter,
                   bson_t *change)
{
    bson_t reply;
    bson_error_t error;
    bson_iter_t at;
    if (!mongoc_collection_update_one(session->projects, filter, change, NULL, &reply, &error))
        errand_fail(errand, error.message);
    else
        errand->answer.done.result =
            bson_iter_init_find(&at, &reply, "matchedCount") && bson_iter_as_int64(&at) == 1
                ? REPOSITORY_DONE
                : REPOSITORY_CHANGED;
    bson_destroy(&reply);
    bson_destroy(filter);
    bson_destroy(change);
}

void mongo_begin(struct mongo_session *session, struct errand *errand)
{
    const struct repository_begin *begin = &errand->u.begin;
    bson_t *filter = BCON_NEW("_id", BCON_UTF8(errand->project)), either, was, is;
    bson_append_array_begin(filter, "$or", -1, &either);
    bson_append_document_begin(&either, "0", -1, &was);
    bson_append_utf8(&was, "epoch", -1, begin->was_epoch, -1);
    append_text_or_null(&was, "live", begin->was_live); /* null finds what is missing too */
    bson_append_document_end(&either, &was);
    bson_append_document_begin(&either, "1", -1, &is); /* it was done, and the answer lost */
    bson_append_utf8(&is, "epoch", -1, begin->epoch, -1);
    bson_append_utf8(&is, "live", -1, begin->live, -1);
    bson_append_document_end(&either, &is);
    bson_append_array_end(filter, &either);
    update(session, errand, filter,
           BCON_NEW("$set", "{", "epoch", BCON_UTF8(begin->epoch), "live", BCON_UTF8(begin->live),
                    "}"));
}

void mongo_release(struct mongo_session *session, struct errand *errand)
{
    const struct repository_release *release = &errand->u.release;
    update(session, errand,
           BCON_NEW("_id", BCON_UTF8(errand->project), "live", BCON_UTF8(release->live)),
           BCON_NEW("$set", "{", "e", BCON_INT64((int64_t)release->e), "next_file",
                    BCON_INT64((int64_t)release->next_file), "}", "$unset", "{", "live",
                    BCON_BOOL(true), "}"));
}

/* ---- create ---- */

static void print_epoch(char out[EPOCH_SIZE])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    size_t len = (size_t)snprintf(out, EPOCH_SIZE, "1.");
    for (uint64_t value = random_u64(); len < 10; value /= 36)
        out[len++] = digits[value % 36];
    out[len] = '\0';
}

/* The name is taken, unless by a creation that died: then it is this one's now. */
static bool take_over(struct mongo_session *session, struct errand *errand, const char *token)
{
    bson_t *filter =
        BCON_NEW("_id", BCON_UTF8(errand->project), "creating", "{", "$exists", BCON_BOOL(true),
                 "}", "created_at", "{", "$lt", BCON_DATE_TIME(wall_ms() - CREATE_MS), "}");
    update(session, errand, filter,
           BCON_NEW("$set", "{", "creating", BCON_UTF8(token), "created_at",
                    BCON_DATE_TIME(wall_ms()), "}"));
    if (errand->answer.done.result != REPOSITORY_DONE)
        return false;
    bson_t *old = BCON_NEW("project", BCON_UTF8(errand->project));
    bson_error_t error;
    bool is_done = mongoc_collection_delete_many(session->files, old, NULL, NULL, &error);
    if (!is_done)
        errand_fail(errand, error.message);
    bson_destroy(old);
    return is_done;
}

static bool insert_project(struct mongo_session *session, struct errand *errand, const char *token)
{
    const struct state_create *create = &errand->u.create;
    char epoch[EPOCH_SIZE];
    bson_error_t error;
    print_epoch(epoch);
    bson_t *document =
        BCON_NEW("_id", BCON_UTF8(errand->project), "name",
                 BCON_UTF8(create->name ? create->name : errand->project), "template",
                 BCON_UTF8(create->template ? create->template : ""), "epoch", BCON_UTF8(epoch),
                 "next_file", BCON_INT64((int64_t)create->file_count + 1), "e", BCON_INT64(0),
                 "last_sync_timestamp", BCON_DATE_TIME(wall_ms()), "created_at",
                 BCON_DATE_TIME(wall_ms()), "creating", BCON_UTF8(token));
    bool is_done = mongoc_collection_insert_one(session->projects, document, NULL, NULL, &error);
    bson_destroy(document);
    if (!is_done && error.code == DUPLICATE_KEY)
        return take_over(session, errand, token);
    if (!is_done)
        errand_fail(errand, error.message);
    return is_done;
}

static bool insert_files(struct mongo_session *session, struct errand *errand)
{
    const struct state_create *create = &errand->u.create;
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(session->files, NULL);
    for (size_t i = 0; i < create->file_count; i++) {
        const struct state_new_file *from = &create->files[i];
        struct repository_file file = {.f = i + 1,
                                       .rev = 1,
                                       .path = from->path,
                                       .len = from->len,
                                       .text = (char *)from->text,
                                       .eol = from->eol,
                                       .updated_at = (uint64_t)wall_ms()};
        char id[MONGO_ID_SIZE];
        bson_t document = BSON_INITIALIZER;
        mongo_print_id(id, errand->project, file.f);
        bson_append_utf8(&document, "_id", -1, id, -1);
        mongo_print_file(&document, errand->project, 1, &file);
        mongoc_bulk_operation_insert(bulk, &document);
        bson_destroy(&document);
    }
    bson_error_t error;
    bool is_done =
        create->file_count == 0 || mongoc_bulk_operation_execute(bulk, NULL, &error) != 0;
    if (!is_done)
        errand_fail(errand, error.message);
    mongoc_bulk_operation_destroy(bulk);
    return is_done;
}

void mongo_create(struct mongo_session *session, struct errand *errand)
{
    char token[24];
    snprintf(token, sizeof token, "%016" PRIx64, random_u64());
    if (!insert_project(session, errand, token) || !insert_files(session, errand))
        return;
    update(session, errand,
           BCON_NEW("_id", BCON_UTF8(errand->project), "creating", BCON_UTF8(token)),
           BCON_NEW("$unset", "{", "creating", BCON_BOOL(true), "}"));
}
