/* Documents of MongoDB to structs and back. The library's own check lets invalid UTF-8 pass, and a
 * shell writes numbers as doubles, so everything is looked at here. */
#include "mongo.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/text/lines.h"
#include "weft/text/path.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MOST 9007199254740991 /* 2^53 - 1 */
#define SEEN_MOST 4096u              /* of one file; what is beyond is too old to matter */

/* ---- to a document ---- */

void mongo_print_id(char out[MONGO_ID_SIZE], const char *project, uint64_t f)
{
    snprintf(out, MONGO_ID_SIZE, "%s/%" PRIu64, project, f);
}

static void print_number(bson_t *out, const char *key, uint64_t value)
{
    bson_append_int64(out, key, -1, (int64_t)value);
}

static void print_seen(bson_t *out, const struct repository_file *file)
{
    bson_t list, entry;
    char key[24];
    bson_append_array_begin(out, "seen", -1, &list);
    for (size_t i = 0; i < file->seen_count; i++) {
        snprintf(key, sizeof key, "%zu", i);
        bson_append_document_begin(&list, key, -1, &entry);
        print_number(&entry, "cid", file->seen[i].cid);
        print_number(&entry, "n", file->seen[i].n);
        bson_append_document_end(&list, &entry);
    }
    bson_append_array_end(out, &list);
}

static void print_text(bson_t *out, const struct repository_file *file)
{
    size_t len;
    char *text = lines_expand(file->text, file->len, file->eol, &len);
    bson_append_utf8(out, "text", -1, text, (int)len);
    print_number(out, "size", len);
    free(text);
}

void mongo_print_file(bson_t *out, const char *project, uint64_t epoch_number,
                      const struct repository_file *file)
{
    bson_append_utf8(out, "project", -1, project, -1);
    print_number(out, "file", file->f);
    print_number(out, "version", file->version);
    print_number(out, "epoch", epoch_number);
    print_number(out, "rev", file->rev);
    if (file->path)
        bson_append_utf8(out, "path", -1, file->path, -1);
    if (file->deleted)
        return;
    print_text(out, file);
    bson_append_utf8(out, "eol", -1, file->eol, -1);
    bson_append_date_time(out, "updated_at", -1, (int64_t)file->updated_at);
    print_number(out, "updated_by", file->updated_by);
    print_seen(out, file);
}

/* ---- from a document ---- */

static bool refuse(struct error *error, const char *key, const char *why)
{
    (void)error_set(error, ERR_INTERNAL, "%s %s", key, why);
    return false;
}

static bool read_number(const bson_iter_t *at, uint64_t *out)
{
    int64_t value = -1;
    if (BSON_ITER_HOLDS_INT32(at) || BSON_ITER_HOLDS_INT64(at)) {
        value = bson_iter_as_int64(at);
    } else if (BSON_ITER_HOLDS_DOUBLE(at)) {
        double number = bson_iter_double(at);
        if (number >= 0 && number <= NUMBER_MOST && number == (double)(int64_t)number)
            value = (int64_t)number;
    }
    *out = (uint64_t)value;
    return value >= 0 && value <= NUMBER_MOST;
}

bool mongo_take_number(const bson_t *document, const char *key, uint64_t *out, struct error *error)
{
    bson_iter_t at;
    if (!bson_iter_init_find(&at, document, key))
        return refuse(error, key, "is missing");
    return read_number(&at, out) || refuse(error, key, "is no whole number from 0 to 2^53 - 1");
}

bool mongo_take_text(const bson_t *document, const char *key, bool is_optional, size_t most,
                     struct arena *arena, const char **out, size_t *len, struct error *error)
{
    bson_iter_t at;
    uint32_t size;
    *out = NULL;
    if (!bson_iter_init_find(&at, document, key) || BSON_ITER_HOLDS_NULL(&at))
        return is_optional || refuse(error, key, "is missing");
    if (!BSON_ITER_HOLDS_UTF8(&at))
        return refuse(error, key, "is no string");
    const char *text = bson_iter_utf8(&at, &size);
    if (size > most)
        return refuse(error, key, "is too long");
    if (!utf8_valid(text, size) || memchr(text, '\0', size))
        return refuse(error, key, "is not UTF-8 without U+0000");
    *out = arena_copy(arena, text, size);
    *len = size;
    return true;
}

static bool take_seen_entry(const bson_iter_t *at, struct state_seen *out)
{
    const uint8_t *data;
    uint32_t len;
    bson_t entry;
    bson_iter_t field;
    if (!BSON_ITER_HOLDS_DOCUMENT(at))
        return false;
    bson_iter_document(at, &len, &data);
    return bson_init_static(&entry, data, len) && bson_iter_init_find(&field, &entry, "cid") &&
           read_number(&field, &out->cid) && bson_iter_init_find(&field, &entry, "n") &&
           read_number(&field, &out->n);
}

static bool take_seen(const bson_t *document, struct arena *arena,
                      struct repository_loaded_file *out, struct error *error)
{
    bson_iter_t at, entry;
    if (!bson_iter_init_find(&at, document, "seen"))
        return true;
    if (!BSON_ITER_HOLDS_ARRAY(&at) || !bson_iter_recurse(&at, &entry))
        return refuse(error, "seen", "is no array");
    size_t count = 0;
    while (count <= SEEN_MOST && bson_iter_next(&entry))
        count++;
    if (count > SEEN_MOST)
        return refuse(error, "seen", "is too long");
    struct state_seen *seen = arena_alloc(arena, (count + 1) * sizeof *seen);
    bson_iter_recurse(&at, &entry);
    for (size_t i = 0; i < count && bson_iter_next(&entry); i++)
        if (!take_seen_entry(&entry, &seen[i]))
            return refuse(error, "seen", "has something else than {cid, n}");
    out->seen = seen;
    out->seen_count = count;
    return true;
}

static bool take_path(const bson_t *document, struct arena *arena,
                      struct repository_loaded_file *out, struct error *error)
{
    size_t len;
    struct error why = {ERR_OK, ""};
    if (!mongo_take_text(document, "path", false, PATH_LEN_MAX, arena, &out->path, &len, error))
        return false;
    return path_check(out->path, len, &why) == ERR_OK || refuse(error, "path", "is not allowed");
}

/* Whatever program wrote it last, its line endings are told by itself; where it has none, by eol.
 */
static bool take_content(const bson_t *document, size_t text_max, struct arena *arena,
                         struct repository_loaded_file *out, struct error *error)
{
    const char *text, *eol, *own;
    size_t len, eol_len;
    if (!mongo_take_text(document, "text", false, text_max, arena, &text, &len, error) ||
        !mongo_take_text(document, "eol", true, 2, arena, &eol, &eol_len, error))
        return false;
    out->len = lines_normalise((char *)text, len, &own);
    ((char *)text)[out->len] = '\0';
    out->text = text;
    out->eol = own;
    bool has_lines = memchr(text, '\n', out->len) != NULL;
    if (!has_lines && eol && (strcmp(eol, "\r\n") == 0 || strcmp(eol, "\r") == 0))
        out->eol = eol;
    return true;
}

bool mongo_take_file(const bson_t *document, size_t text_max, struct arena *arena,
                     struct repository_loaded_file *out, struct error *error)
{
    bson_iter_t at;
    *out = (struct repository_loaded_file){.f = 0};
    if (bson_iter_init_find(&at, document, "updated_at") && BSON_ITER_HOLDS_DATE_TIME(&at) &&
        bson_iter_date_time(&at) > 0)
        out->updated_at = (uint64_t)bson_iter_date_time(&at);
    if (bson_iter_init_find(&at, document, "updated_by") && !read_number(&at, &out->updated_by))
        out->updated_by = 0;
    return mongo_take_number(document, "file", &out->f, error) &&
           mongo_take_number(document, "version", &out->version, error) &&
           mongo_take_number(document, "rev", &out->rev, error) &&
           mongo_take_number(document, "epoch", &out->epoch_number, error) &&
           take_path(document, arena, out, error) &&
           take_content(document, text_max, arena, out, error) &&
           take_seen(document, arena, out, error);
}

bool mongo_is_tombstone(const bson_t *document)
{
    bson_iter_t at;
    return bson_iter_init_find(&at, document, "deleted") && bson_iter_as_bool(&at);
}

const char *mongo_blame(const bson_t *document, const char *collection, struct arena *arena,
                        const struct error *error)
{
    char problem[320];
    bson_iter_t at;
    bool has_id = bson_iter_init_find(&at, document, "_id") && BSON_ITER_HOLDS_UTF8(&at);
    const char *id = has_id ? bson_iter_utf8(&at, NULL) : "?";
    snprintf(problem, sizeof problem, "document %.100s of %s: %s",
             utf8_valid(id, strlen(id)) ? id : "?", collection, error->text);
    return arena_copy_text(arena, problem);
}
