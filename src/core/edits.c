/* What a client's edit goes through before it waits in the file: its number and its version are
 * checked, it is checked against the text that its author saw, and mapped over what was logged
 * since, one entry at a time (R1). The way on is batch.c's.
 *
 * A cid has at most one message in flight per file; short forms of one author wait for each other
 * and become change sets on the newest text. */
#include "edits.h"
#include "authors.h"
#include "query.h"
#include "room.h"
#include "root.h"
#include "weft/base/list.h"
#include "weft/base/mem.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Mapping one message takes at most about so many steps of some 12 ns, one for each part of it and
 * of each entry it is mapped over. Who is further behind opens the file again, and maps himself. */
#define MAP_STEPS 2000000u

/* ---- one edit ---- */

struct selection *edit_copy_selection(const struct selection *sel)
{
    if (!sel)
        return NULL;
    size_t size = offsetof(struct selection, pos) + sel->count * sizeof sel->pos[0];
    struct selection *copy = mem_alloc(size);
    memcpy(copy, sel, size);
    return copy;
}

static void edit_free(struct edit *edit)
{
    for (size_t i = 0; i < edit->count; i++)
        change_unref(edit->changes[i]);
    free(edit->changes);
    free(edit->sel);
    free(edit->ins);
    free(edit->user);
    free(edit);
}

void edit_end(struct file *file, struct edit *edit)
{
    const struct author *author = map_find(&file->authors, edit->cid);
    bool is_logged = author && author->n >= edit->n;
    file->growth -= edit->growth;
    if (edit->query)
        query_amended(file->room->registry, edit->query, is_logged ? ERR_OK : ERR_BUSY,
                      is_logged ? author->version : 0);
    edit_free(edit);
}

/* What is left of x behind the list moves the selection. */
void edit_map(struct edit *edit, const struct change *x)
{
    struct change *rest = NULL;
    change_list_map(edit->changes, edit->count, x, edit->sel ? &rest : NULL);
    for (size_t i = 0; edit->sel && i < edit->sel->count; i++)
        edit->sel->pos[i] = change_map_pos(rest, edit->sel->pos[i], -1);
    change_unref(rest);
}

static void clamp_selection(struct selection *sel, size_t len)
{
    for (size_t i = 0; sel && i < sel->count; i++)
        if (sel->pos[i] > len)
            sel->pos[i] = len;
}

/* A deleted unit gives back at least one byte. */
static size_t growth_of(const struct edit *edit)
{
    size_t inserted = 0;
    for (size_t i = 0; i < edit->count; i++)
        inserted += change_inserted_bytes(edit->changes[i]);
    size_t before = change_len_before(edit->changes[0]);
    size_t after = change_len_after(edit->changes[edit->count - 1]);
    size_t shrunk = before > after ? before - after : 0;
    return inserted > shrunk ? inserted - shrunk : 0;
}

static void take(struct file *file, struct edit *edit)
{
    authors_get(file, edit->cid)->n_taken = edit->n;
    TAILQ_INSERT_TAIL(&file->waiting, edit, link);
    edit->growth = growth_of(edit);
    file->growth += edit->growth;
    file->room->text_bytes += edit->growth; /* until it is counted again */
    file_mark_dirty(file);
}

void edit_refuse(struct file *file, const struct edit *edit, enum err code, const char *why)
{
    struct session *session = registry_session(file->room->registry, edit->session);
    struct error error = {ERR_OK, ""};
    if (!session || session->cid != edit->cid)
        return;
    (void)error_set(&error, code, "%s", why);
    file_flush(file); /* its earlier acks go first */
    session_error(session, &error, &edit->q, file->f, edit->n, false);
    if (session->phase == SESSION_CLOSING)
        return;
    struct sub *sub = session_find_sub(session, file);
    if (sub)
        session_unsubscribe(sub);
}

/* ---- accepting ---- */

static enum err check_number(const struct author *author, const struct message *message,
                             bool *duplicate, struct error *error)
{
    *duplicate = message->n <= author->n_taken;
    if (*duplicate)
        return ERR_OK;
    if (message->n - message->u.edit.count < author->n_taken)
        return error_set(error, ERR_OUT_OF_ORDER,
                         "a part of this list is known already: last is %" PRIu64, author->n_taken);
    if (author->n_taken > author->n)
        return error_set(error, ERR_OUT_OF_ORDER,
                         "%" PRIu64 " is not acknowledged yet: one message at a time",
                         author->n_taken);
    return ERR_OK;
}

static enum err check_version(const struct file *file, const struct author *author, uint64_t v,
                              struct error *error)
{
    uint64_t version = document_version(file->document);
    if (v > version)
        return error_set(error, ERR_STALE, "version %" PRIu64 " is not here yet: it is %" PRIu64, v,
                         version);
    if (v < document_oldest(file->document))
        return error_set(error, ERR_STALE, "version %" PRIu64 " is too old: open the file again",
                         v);
    if (v < author->version)
        return error_set(error, ERR_OUT_OF_ORDER,
                         "version %" PRIu64 " does not contain your own edit of version %" PRIu64,
                         v, author->version);
    return ERR_OK;
}

/* Has the text room for it, behind all that waits already? */
static enum err check_room(const struct file *file, const struct edit *edit, struct error *error)
{
    const struct limits *limits = &file->room->registry->config.limits;
    size_t growth = growth_of(edit);
    if (growth == 0)
        return ERR_OK;
    if (rope_len(document_rope(file->document)) + file->growth + growth > limits->text)
        return error_set(error, ERR_TOO_BIG, "a file holds at most %u bytes", limits->text);
    if (file->room->text_bytes + growth > limits->project_text)
        return error_set(error, ERR_TOO_BIG, "a project holds at most %u bytes",
                         limits->project_text);
    return ERR_OK;
}

static enum err check_list(const struct file *file, const struct edit *edit, struct error *error)
{
    if (change_list_splits_pair(edit->changes, edit->count, document_rope(file->document)))
        return error_set(error, ERR_BAD_CHANGE, "a boundary falls inside a surrogate pair");
    return check_room(file, edit, error);
}

static struct edit *new_edit(const struct session *session, const struct message *message)
{
    struct edit *edit = mem_zalloc(sizeof *edit);
    edit->session = session->id;
    edit->cid = session->cid;
    edit->k = session->k;
    edit->n = message->n;
    edit->q = message->q;
    return edit;
}

static enum err check_steps(const struct file *file, struct change *const *changes, size_t count,
                            uint64_t v, struct error *error)
{
    size_t parts = 0, steps = 0;
    for (size_t i = 0; i < count; i++)
        parts += change_parts(changes[i]);
    for (uint64_t at = v + 1; at <= document_version(file->document); at++) {
        steps += parts + count * change_parts(document_entry(file->document, at)->change);
        if (steps > MAP_STEPS)
            return error_set(error, ERR_STALE,
                             "version %" PRIu64 " is too old for an edit so large", v);
    }
    return ERR_OK;
}

/* One entry at a time (R1). */
static void map_over_missed(const struct file *file, struct edit *edit, uint64_t v)
{
#if WEFT_MUTANT == 2
    struct change *all = NULL;
    for (uint64_t at = v + 1; at <= document_version(file->document); at++) {
        const struct change *next = document_entry(file->document, at)->change;
        struct change *both = all ? change_compose(all, next) : change_ref(next);
        change_unref(all);
        all = both;
    }
    if (all)
        edit_map(edit, all);
    change_unref(all);
#else
    for (uint64_t at = v + 1; at <= document_version(file->document); at++)
        edit_map(edit, document_entry(file->document, at)->change);
#endif
}

static enum err accept_list(struct session *session, struct file *file,
                            const struct message *message, struct error *error)
{
    struct author *author = authors_get(file, session->cid);
    uint64_t v = message->u.edit.v;
    bool duplicate;
    enum err code = check_number(author, message, &duplicate, error);
    if (code || duplicate) {
        session->registry->counts.duplicates += duplicate;
        return code;
    }
    if ((code = check_version(file, author, v, error)) ||
        (code = check_steps(file, message->u.edit.changes, message->u.edit.count, v, error)))
        return code;
    size_t len = document_len_at(file->document, v);
    if (change_len_before(message->u.edit.changes[0]) != len)
        return error_set(error, ERR_BAD_CHANGE, "length %zu, document has %zu",
                         change_len_before(message->u.edit.changes[0]), len);
    struct edit *edit = new_edit(session, message);
    edit->count = message->u.edit.count;
    edit->changes = mem_realloc_array(NULL, edit->count, sizeof edit->changes[0]);
    for (size_t i = 0; i < edit->count; i++)
        edit->changes[i] = change_ref(message->u.edit.changes[i]);
    edit->sel = message->u.edit.has_sel ? edit_copy_selection(message->u.edit.sel) : NULL;
    clamp_selection(edit->sel, change_len_after(edit->changes[edit->count - 1]));
    map_over_missed(file, edit, v);
    if ((code = check_list(file, edit, error)))
        edit_free(edit);
    else
        take(file, edit);
    return code;
}

/* The short form becomes a change set on the newest text. */
static enum err resolve(struct file *file, struct edit *edit, struct error *error)
{
    size_t len = rope_utf16_len(document_rope(file->document));
    if (edit->at > len || edit->del > len - edit->at)
        return error_set(error, ERR_BAD_CHANGE, "at %" PRIu64 " del %" PRIu64 ", document has %zu",
                         edit->at, edit->del, len);
    edit->changes = mem_realloc_array(NULL, 1, sizeof edit->changes[0]);
    edit->changes[0] = change_splice(len, edit->at, edit->del, edit->ins, edit->ins_len);
    edit->count = 1;
    edit->n = authors_get(file, edit->cid)->n_taken + 1;
    clamp_selection(edit->sel, change_len_after(edit->changes[0]));
    return check_list(file, edit, error);
}

static enum err accept_short(struct session *session, struct file *file,
                             const struct message *message, struct error *error)
{
    struct author *author = authors_get(file, session->cid);
    if (author->shorts >= session->registry->config.limits.waiting)
        return error_set(error, ERR_TOO_MANY, "%u edits wait for the log already", author->shorts);
    struct edit *edit = new_edit(session, message);
    edit->at = message->u.edit.at;
    edit->del = message->u.edit.del;
    edit->ins = mem_strndup(message->u.edit.ins.text ? message->u.edit.ins.text : "",
                            message->u.edit.ins.len);
    edit->ins_len = message->u.edit.ins.len;
    edit->sel = message->u.edit.has_sel ? edit_copy_selection(message->u.edit.sel) : NULL;
    if (edits_waiting(file, session->cid)) {
        author->shorts++;
        TAILQ_INSERT_TAIL(&file->shorts, edit, link);
        return ERR_OK;
    }
    enum err code = resolve(file, edit, error);
    if (code)
        edit_free(edit);
    else
        take(file, edit);
    return code;
}

enum err edits_accept(struct session *session, struct file *file, const struct message *message,
                      struct error *error)
{
    return message->u.edit.is_short ? accept_short(session, file, message, error)
                                    : accept_list(session, file, message, error);
}

/* ---- edits of the server ---- */

static enum err check_amendment(const struct file *file, const struct query *query,
                                const struct author *author)
{
    if (strcmp(query->amend->ep, file->room->epoch) != 0)
        return ERR_STALE;
    if (query->amend->v > document_version(file->document) ||
        query->amend->v < document_oldest(file->document) ||
        change_len_before(query->amend->change) != document_len_at(file->document, query->amend->v))
        return ERR_STALE;
    if (author->n_taken)
        return ERR_BUSY; /* it is under way */
    return check_steps(file, &query->amend->change, 1, query->amend->v, NULL);
}

enum err edits_amend(struct file *file, const struct query *query, uint64_t *v)
{
    struct author *author = authors_get(file, query->amend->cid);
    *v = author->n ? author->version : document_version(file->document);
    if (author->n || change_does_nothing(query->amend->change))
        return ERR_OK; /* it is in already, or there is nothing to do */
    enum err code = check_amendment(file, query, author);
    if (code)
        return code;
    struct edit *edit = mem_zalloc(sizeof *edit);
    edit->cid = query->amend->cid;
    edit->n = edit->count = 1;
    edit->changes = mem_realloc_array(NULL, 1, sizeof edit->changes[0]);
    edit->changes[0] = change_ref(query->amend->change);
    map_over_missed(file, edit, query->amend->v);
    struct error error = {ERR_OK, ""};
    code = check_list(file, edit, &error);
    if (code) {
        edit_free(edit);
        return code;
    }
    edit->query = query->id;
    edit->user = mem_strdup(query->amend->user);
    take(file, edit);
    *v = 0;
    return ERR_OK;
}

bool edits_waiting(const struct file *file, uint64_t cid)
{
    const struct author *author = map_find(&file->authors, cid);
    return author && (author->n_taken > author->n || author->shorts);
}

static void resolve_short(struct file *file, struct author *author, struct edit *edit)
{
    struct error error = {ERR_OK, ""};
    enum err code = author->is_broken
                        ? error_set(&error, ERR_NOT_OPEN, "the edit before it was refused")
                        : resolve(file, edit, &error);
    author->is_broken = code && author->shorts > 0;
    if (code == ERR_OK) {
        take(file, edit);
        return;
    }
    edit->n = 0;
    edit_refuse(file, edit, code, error.text);
    edit_free(edit);
}

void edits_resolve_shorts(struct file *file)
{
    struct edit *edit, *next;
    LIST_EACH_SAFE(edit, &file->shorts, link, next)
    {
        struct author *author = authors_get(file, edit->cid);
        if (author->n_taken > author->n)
            continue;
        TAILQ_REMOVE(&file->shorts, edit, link);
        author->shorts--;
        resolve_short(file, author, edit);
    }
}
