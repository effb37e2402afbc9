#include "choice.h"
#include "fold.h"
#include "weft/base/blob.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/protocol/message.h"
#include "weft/text/change.h"
#include "weft/text/path.h"
#include "weft/text/rope.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORGOTTEN_MOST 256u /* files that are marked as deleted though nobody has them */

struct candidate {
    uint64_t f, epoch_number, version, rev, updated_at, updated_by;
    char *path, *text;
    char eol[3];
    size_t len;
    struct state_seen *seen;
    size_t seen_count;
};

struct plan {
    struct state_populate_file *files;
    size_t file_count;
    struct state_populate_deleted *deleted;
    size_t deleted_count;
    struct map paths;  /* path → struct state_populate_file: each is there once */
    char **made_paths; /* those that nobody offered */
    size_t made_count;
};

/* ---- the memory ---- */

static void free_candidate(struct candidate *candidate)
{
    free(candidate->path);
    free(candidate->text);
    free(candidate->seen);
    free(candidate);
}

static void clear_tree(struct choice *choice)
{
    for (size_t i = 0; i < choice->tree.file_count; i++) {
        free((char *)choice->tree.files[i].path);
        free((char *)choice->tree.files[i].eol);
    }
    free(choice->tree.files);
    free(choice->tree.name);
    free(choice->tree.template);
    memset(&choice->tree, 0, sizeof choice->tree);
}

static void free_plan(struct choice *choice)
{
    struct plan *plan = choice->plan;
    choice->plan = NULL;
    if (!plan)
        return;
    for (size_t i = 0; i < plan->made_count; i++)
        free(plan->made_paths[i]);
    free(plan->made_paths);
    free(plan->files);
    free(plan->deleted);
    map_close(&plan->paths);
    free(plan);
}

void choice_init(struct choice *choice, const char *project)
{
    memset(choice, 0, sizeof *choice);
    choice->project = project;
    map_init(&choice->files);
}

void choice_close(struct choice *choice)
{
    struct map_iter iter = {0};
    while (map_next(&choice->files, &iter))
        free_candidate(iter.value);
    map_close(&choice->files);
    clear_tree(choice);
    free_plan(choice);
    choice_init(choice, choice->project);
}

bool choice_is_empty(const struct choice *choice)
{
    return choice->files.count == 0 && !choice->tree.is_there;
}

/* ---- files ---- */

static void raise_to(uint64_t *least, uint64_t value)
{
    if (*least < value)
        *least = value;
}

static void set_eol(char out[3], const char *eol)
{
    bool is_one =
        eol && (strcmp(eol, "\n") == 0 || strcmp(eol, "\r\n") == 0 || strcmp(eol, "\r") == 0);
    snprintf(out, 3, "%s", is_one ? eol : "\n");
}

static int compare(uint64_t epoch_a, uint64_t minor_a, uint64_t epoch_b, uint64_t minor_b)
{
    if (epoch_a != epoch_b)
        return epoch_a < epoch_b ? -1 : 1;
    return minor_a < minor_b ? -1 : minor_a > minor_b;
}

static struct state_seen *find_seen(const struct candidate *candidate, uint64_t cid)
{
    for (size_t i = 0; i < candidate->seen_count; i++)
        if (candidate->seen[i].cid == cid)
            return &candidate->seen[i];
    return NULL;
}

static struct state_seen *copy_seen(const struct state_seen *seen, size_t count)
{
    struct state_seen *copy = mem_realloc_array(NULL, count + 1, sizeof copy[0]);
    if (count)
        memcpy(copy, seen, count * sizeof copy[0]);
    return copy;
}

/* The same text of the same version, from two places: one of them may remember more people. */
static void merge_seen(struct candidate *best, const struct state_offer_file *file)
{
    best->seen = mem_realloc_array(best->seen, best->seen_count + file->seen_count + 1,
                                   sizeof best->seen[0]);
    struct map known;
    map_init(&known);
    for (size_t i = 0; i < best->seen_count; i++)
        map_put(&known, best->seen[i].cid, &best->seen[i]);
    for (size_t i = 0; i < file->seen_count; i++) {
        struct state_seen *seen = map_find(&known, file->seen[i].cid);
        if (seen)
            raise_to(&seen->n, file->seen[i].n);
        else
            best->seen[best->seen_count++] = file->seen[i];
    }
    map_close(&known);
}

/* Entries that are not in the text: what their authors were told of them does not hold. */
static void take_back(struct candidate *candidate, const struct state_offer_file *file,
                      size_t applied)
{
    for (size_t i = file->entry_count; i > applied; i--) {
        const struct blob *message = file->entries[i - 1];
        struct logged_edit edit;
        if (decode_logged_edit(message->data, message->len, &edit, NULL))
            continue;
        struct state_seen *seen = find_seen(candidate, edit.by);
        if (seen && edit.n <= seen->n)
            seen->n = edit.n - 1;
        change_unref(edit.change);
    }
}

static void fold_text(struct candidate *candidate, const struct choice *choice,
                      const struct state_offer_file *file)
{
    const struct fold fold = {
        .f = file->f,
        .project = choice->project,
        .content = file->text,
        .len = file->len,
        .version = file->content_version,
        .entries = file->entries,
        .entry_count = file->entry_count,
    };
    size_t applied;
    struct rope *rope = fold_apply(&fold, &applied);
    candidate->version = file->content_version + applied;
    candidate->len = rope_len(rope);
    candidate->text = mem_alloc(candidate->len + 1);
    rope_copy(rope, candidate->text);
    candidate->text[candidate->len] = '\0';
    rope_free(rope);
    take_back(candidate, file, applied);
}

static struct candidate *new_candidate(const struct choice *choice,
                                       const struct state_offer_file *file)
{
    struct candidate *candidate = mem_zalloc(sizeof *candidate);
    candidate->f = file->f;
    candidate->epoch_number = file->epoch_number;
    candidate->version = file->version;
    candidate->rev = file->rev;
    candidate->updated_at = file->updated_at;
    candidate->updated_by = file->updated_by;
    candidate->path = mem_strdup(file->path ? file->path : "");
    set_eol(candidate->eol, file->eol);
    candidate->seen = copy_seen(file->seen, file->seen_count);
    candidate->seen_count = file->seen_count;
    if (file->entry_count) {
        fold_text(candidate, choice, file);
    } else {
        candidate->text = mem_strndup(file->text, file->len);
        candidate->len = file->len;
    }
    return candidate;
}

static bool is_same_text(const struct candidate *best, const struct state_offer_file *file)
{
    return file->entry_count == 0 && best->len == file->len &&
           memcmp(best->text, file->text, file->len) == 0;
}

/* The better of two goes into the map; the other one is gone. */
static void put(struct choice *choice, struct candidate *candidate)
{
    struct candidate *best = map_find(&choice->files, candidate->f);
    if (best && compare(candidate->epoch_number, candidate->version, best->epoch_number,
                        best->version) <= 0) {
        free_candidate(candidate);
        return;
    }
    if (best)
        free_candidate(best);
    map_put(&choice->files, candidate->f, candidate);
}

bool choice_add_file(struct choice *choice, const struct state_offer_file *file)
{
    if (file->f == 0 || !file->text || !utf8_valid(file->text, file->len)) {
        log_error("what is offered is no text project=%s f=%" PRIu64, choice->project, file->f);
        return false;
    }
    raise_to(&choice->epoch_number, file->epoch_number);
    raise_to(&choice->next_file, file->f + 1);
    struct candidate *best = map_find(&choice->files, file->f);
    int order =
        best ? compare(file->epoch_number, file->version, best->epoch_number, best->version) : 1;
    if (order > 0)
        put(choice, new_candidate(choice, file));
    else if (order == 0 && is_same_text(best, file))
        merge_seen(best, file);
    return true;
}

/* ---- the tree ---- */

static char *copy_name(const char *given, char *known)
{
    if (!given || !*given)
        return known;
    free(known);
    return mem_strdup(given);
}

static int by_file(const void *a, const void *b)
{
    const struct state_file *left = a, *right = b;
    return left->f < right->f ? -1 : left->f > right->f;
}

static void copy_tree(struct choice *choice, const struct state_offer_tree *tree)
{
    /* An instance does not know the template: it stays what another one said. */
    char *name = choice->tree.name, *template = choice->tree.template;
    choice->tree.name = choice->tree.template = NULL;
    clear_tree(choice);
    choice->tree.is_there = true;
    choice->tree.epoch_number = tree->epoch_number;
    choice->tree.e = tree->e;
    choice->tree.next_file = tree->next_file;
    choice->tree.name = copy_name(tree->name, name);
    choice->tree.template = copy_name(tree->template, template);
    choice->tree.files =
        mem_realloc_array(NULL, tree->file_count + 1, sizeof choice->tree.files[0]);
    choice->tree.file_count = tree->file_count;
    for (size_t i = 0; i < tree->file_count; i++) {
        struct state_file *file = &choice->tree.files[i];
        *file = tree->files[i];
        file->path = mem_strdup(file->path ? file->path : "");
        file->eol = mem_strdup(file->eol ? file->eol : "\n");
        raise_to(&choice->next_file, file->f + 1);
    }
    qsort(choice->tree.files, tree->file_count, sizeof choice->tree.files[0], by_file);
}

void choice_add_tree(struct choice *choice, const struct state_offer_tree *tree)
{
    raise_to(&choice->epoch_number, tree->epoch_number);
    raise_to(&choice->e, tree->e);
    raise_to(&choice->next_file, tree->next_file);
    int order = choice->tree.is_there ? compare(tree->epoch_number, tree->e,
                                                choice->tree.epoch_number, choice->tree.e)
                                      : 1;
    if (order > 0) {
        copy_tree(choice, tree);
        return;
    }
    if (order == 0) /* the same tree: who opened it later may know less of what was deleted */
        raise_to(&choice->tree.next_file, tree->next_file);
    if (!choice->tree.name || !*choice->tree.name)
        choice->tree.name = copy_name(tree->name, choice->tree.name);
    if (!choice->tree.template || !*choice->tree.template)
        choice->tree.template = copy_name(tree->template, choice->tree.template);
}

void choice_add_stored(struct choice *choice, struct choice *stored)
{
    struct map_iter iter = {0};
    choice->has_repository = true;
    while (map_next(&stored->files, &iter)) {
        struct candidate *candidate = iter.value;
        map_remove(&stored->files, candidate->f);
        put(choice, candidate);
    }
    if (stored->tree.is_there) {
        const struct state_offer_tree tree = {
            .epoch_number = stored->tree.epoch_number,
            .e = stored->tree.e,
            .next_file = stored->tree.next_file,
            .name = stored->tree.name,
            .template = stored->tree.template,
            .files = stored->tree.files,
            .file_count = stored->tree.file_count,
        };
        choice_add_tree(choice, &tree);
    }
    raise_to(&choice->epoch_number, stored->epoch_number);
    raise_to(&choice->e, stored->e);
    raise_to(&choice->next_file, stored->next_file);
    choice_close(stored);
}

/* ---- the decision ---- */

/* The path that was offered, where nobody else has it; else one made of it. */
static const char *give_path(struct choice *choice, const char *path, uint64_t f)
{
    struct plan *plan = choice->plan;
    size_t len = strlen(path);
    if (path_check(path, len, NULL) == ERR_OK && !map_find_text(&plan->paths, path, len))
        return path;
    char made[PATH_LEN_MAX + 1];
    snprintf(made, sizeof made, "recovered-%" PRIu64, f);
    for (unsigned i = 1; map_find_text(&plan->paths, made, strlen(made)); i++)
        snprintf(made, sizeof made, "recovered-%" PRIu64 "-%u", f, i);
    log_error("a path cannot be kept project=%s f=%" PRIu64, choice->project, f);
    plan->made_paths[plan->made_count] = mem_strdup(made);
    return plan->made_paths[plan->made_count++];
}

static void plan_file(struct choice *choice, const struct state_file *listed,
                      const struct candidate *best, bool is_fresh)
{
    struct plan *plan = choice->plan;
    struct state_populate_file *file = &plan->files[plan->file_count++];
    uint64_t f = best ? best->f : listed->f;
    *file = (struct state_populate_file){
        .f = f,
        .path = give_path(choice, listed ? listed->path : best->path, f),
        .eol = listed ? listed->eol : best->eol,
        .version = best ? best->version : listed->version,
        .rev = best ? best->rev : listed->rev,
        .text = best ? best->text : "",
        .len = best ? best->len : 0,
        .dirty = is_fresh,
        .seen = best ? best->seen : NULL,
        .seen_count = best ? best->seen_count : 0,
        .updated_at = best ? best->updated_at : 0,
        .updated_by = best ? best->updated_by : 0,
    };
    if (listed)
        raise_to(&file->rev, listed->rev);
    raise_to(&file->rev, file->version); /* rev is raised by every change set, and more */
    file->utf16_len = utf8_utf16_len(file->text, file->len);
    if (!is_fresh) {
        file->saved_version = file->version;
        file->saved_rev = file->rev;
    }
    if (!best)
        log_error("nobody has the text of a file: it is empty now project=%s f=%" PRIu64,
                  choice->project, f);
    map_put_text(&plan->paths, file->path, strlen(file->path), file);
}

static int by_id(const void *a, const void *b)
{
    const struct candidate *left = *(struct candidate *const *)a,
                           *right = *(struct candidate *const *)b;
    return left->f < right->f ? -1 : left->f > right->f;
}

/* Those that the tree does not list, in the order of their ids. */
static size_t list_others(const struct choice *choice, struct candidate **out)
{
    struct map listed;
    map_init(&listed);
    for (size_t i = 0; i < choice->tree.file_count; i++)
        map_put(&listed, choice->tree.files[i].f, &choice->tree.files[i]);
    struct map_iter iter = {0};
    size_t count = 0;
    while (map_next(&choice->files, &iter))
        if (!map_find(&listed, iter.key))
            out[count++] = iter.value;
    map_close(&listed);
    qsort(out, count, sizeof out[0], by_id);
    return count;
}

/* Also of one that was never saved: a save of it may still be under way. */
static void plan_deleted(struct plan *plan, const struct candidate *candidate)
{
    plan->deleted[plan->deleted_count++] =
        (struct state_populate_deleted){candidate->f, candidate->rev + 1, candidate->path};
}

/* Of what was deleted and nobody has any more, a save may be under way as well: it must not bring
 * it back. Of the ids that were given last, so that a long life does not cost more and more. */
static void plan_forgotten(const struct choice *choice)
{
    struct plan *plan = choice->plan;
    uint64_t next = choice->tree.next_file, f = next > FORGOTTEN_MOST ? next - FORGOTTEN_MOST : 1;
    for (size_t listed = 0; f < next; f++) {
        while (listed < choice->tree.file_count && choice->tree.files[listed].f < f)
            listed++;
        bool is_listed = listed < choice->tree.file_count && choice->tree.files[listed].f == f;
        if (!is_listed && !map_find(&choice->files, f))
            plan->deleted[plan->deleted_count++] = (struct state_populate_deleted){f, 1, ""};
    }
}

static void make_plan(struct choice *choice, bool is_fresh)
{
    free_plan(choice);
    size_t most = choice->files.count + choice->tree.file_count + 1;
    struct plan *plan = choice->plan = mem_zalloc(sizeof *plan);
    plan->files = mem_realloc_array(NULL, most, sizeof plan->files[0]);
    plan->deleted = mem_realloc_array(NULL, most + FORGOTTEN_MOST, sizeof plan->deleted[0]);
    plan->made_paths = mem_realloc_array(NULL, most, sizeof plan->made_paths[0]);
    map_init(&plan->paths);
    for (size_t i = 0; i < choice->tree.file_count; i++) {
        const struct state_file *listed = &choice->tree.files[i];
        plan_file(choice, listed, map_find(&choice->files, listed->f), is_fresh);
    }
    struct candidate **others = mem_realloc_array(NULL, most, sizeof others[0]);
    size_t count = list_others(choice, others);
    for (size_t i = 0; i < count; i++) {
        if (!choice->tree.is_there || others[i]->f >= choice->tree.next_file)
            plan_file(choice, NULL, others[i], is_fresh);
        else if (choice->has_repository)
            plan_deleted(plan, others[i]);
    }
    if (is_fresh && choice->has_repository && choice->tree.is_there)
        plan_forgotten(choice);
    free(others);
}

void choice_decide(struct choice *choice, bool is_fresh, struct state_populate *out)
{
    make_plan(choice, is_fresh);
    const struct plan *plan = choice->plan;
    const char *name = choice->tree.name, *template = choice->tree.template;
    *out = (struct state_populate){
        .name = name && *name ? name : choice->project,
        .template = template ? template : "",
        .e = choice->e,
        .next_file = choice->next_file ? choice->next_file : 1,
        .files = plan->files,
        .file_count = plan->file_count,
        .deleted = plan->deleted,
        .deleted_count = plan->deleted_count,
    };
}
