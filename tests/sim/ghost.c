#include "ghost.h"
#include "client.h"
#include "weft/base/blob.h"
#include "weft/base/mem.h"
#include "weft/protocol/message.h"
#include "weft/text/change.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- characters: of two, three and four bytes, none of them twice ---- */

static size_t print_token(size_t token, char out[TOKEN_BYTES])
{
    uint32_t c = token % 4 == 1 ? (uint32_t)(0x20000 + token)
                                : (uint32_t)(token % 4 == 2 ? 0x100 + token / 4 : 0x4e00 + token);
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

long ghost_next_token(const char **at)
{
    const unsigned char *c = (const unsigned char *)*at;
    while (*c && *c < 0x80)
        c++;
    if (!*c) {
        *at = (const char *)c;
        return -1;
    }
    if (*c < 0xe0) {
        *at = (const char *)c + 2;
        return (((c[0] & 31) << 6 | (c[1] & 63)) - 0x100) * 4 + 2;
    }
    if (*c < 0xf0) {
        *at = (const char *)c + 3;
        return ((c[0] & 15) << 12 | (c[1] & 63) << 6 | (c[2] & 63)) - 0x4e00;
    }
    *at = (const char *)c + 4;
    return ((c[0] & 7) << 18 | (c[1] & 63) << 12 | (c[2] & 63) << 6 | (c[3] & 63)) - 0x20000;
}

static size_t new_token(struct world *world, struct ghost_file *file, struct buf *out)
{
    struct ghost *ghost = world->ghost;
    char text[TOKEN_BYTES];
    ghost->tokens = model_grow(&world->model, ghost->tokens, ghost->token_count, &ghost->token_room,
                               sizeof(*ghost->tokens));
    ghost->tokens[ghost->token_count] = (struct token){.file = file};
    buf_add(out, text, print_token(ghost->token_count, text));
    return ghost->token_count++;
}

size_t ghost_type(struct world *world, const char *epoch, uint64_t f, struct buf *out)
{
    struct ghost_file *file = NULL;
    for (size_t i = 0; i < world->ghost->era_count; i++) {
        if (strcmp(world->ghost->eras[i].epoch, epoch) != 0)
            continue;
        for (struct line *line = world->ghost->eras[i].lines; line; line = line->next)
            if (line->f == f)
                file = line->nodes[0]->file;
    }
    return new_token(world, file, out);
}

void ghost_meant(struct world *world, const char *text, size_t len)
{
    const char *copy = world_copy(world, text, len);
    for (long token; (token = ghost_next_token(&copy)) >= 0;)
        world->ghost->tokens[token].is_meant_gone = true;
}

/* ---- epochs, lines, nodes ---- */

struct era *ghost_era(const struct world *world, const char *epoch)
{
    for (size_t i = world->ghost->era_count; i-- > 0;)
        if (strcmp(world->ghost->eras[i].epoch, epoch) == 0)
            return &world->ghost->eras[i];
    return NULL;
}

static struct era *make_era(struct world *world, const char *epoch)
{
    struct ghost *ghost = world->ghost;
    struct era *era = ghost_era(world, epoch);
    if (era)
        return era;
    ghost->eras = model_grow(&world->model, ghost->eras, ghost->era_count, &ghost->era_room,
                             sizeof(*ghost->eras));
    era = &ghost->eras[ghost->era_count++];
    *era = (struct era){.e = 0};
    snprintf(era->epoch, sizeof(era->epoch), "%s", epoch);
    return era;
}

static struct line *find_line(const struct era *era, uint64_t f)
{
    struct line *line = era ? era->lines : NULL;
    while (line && line->f != f)
        line = line->next;
    return line;
}

static struct node *node_at(const struct line *line, uint64_t v)
{
    return line && v >= line->from && v - line->from < line->count ? line->nodes[v - line->from]
                                                                   : NULL;
}

struct node *ghost_node(const struct world *world, const char *epoch, uint64_t f, uint64_t v)
{
    return node_at(find_line(ghost_era(world, epoch), f), v);
}

static void add_node(struct world *world, struct line *line, struct node *node)
{
    line->nodes =
        model_grow(&world->model, line->nodes, line->count, &line->room, sizeof(*line->nodes));
    line->nodes[line->count++] = node;
}

static struct line *begin_line(struct world *world, struct era *era, uint64_t f, struct node *node)
{
    struct line *line = world_alloc(world, sizeof(*line));
    line->f = f;
    line->from = node->version;
    line->next = era->lines;
    era->lines = line;
    add_node(world, line, node);
    return line;
}

static struct node *new_node(struct world *world, struct ghost_file *file, const char *text)
{
    struct ghost *ghost = world->ghost;
    struct node *node = world_alloc(world, sizeof(*node));
    node->file = file;
    node->text = text;
    ghost->nodes = model_grow(&world->model, ghost->nodes, ghost->node_count, &ghost->node_room,
                              sizeof(struct node *));
    ghost->nodes[ghost->node_count++] = node;
    return node;
}

static struct ghost_file *new_file(struct world *world, struct era *era, uint64_t f,
                                   const char *path, const char *text)
{
    struct ghost_file *file = world_alloc(world, sizeof(*file));
    file->f = f;
    file->path = path;
    file->next = world->ghost->files;
    world->ghost->files = file;
    file->root = new_node(world, file, text ? text : "");
    begin_line(world, era, f, file->root);
    const char *at = file->root->text;
    for (long token; (token = ghost_next_token(&at)) >= 0;) {
        world->ghost->tokens[token].file = file;
        world->ghost->tokens[token].node = file->root;
    }
    return file;
}

/* ---- appends ---- */

static bool has_key(const struct node *node, uint64_t cid, uint64_t n)
{
    for (; node; node = node->parent)
        if (node->cid == cid && node->n == n)
            return true;
    return false;
}

static void put_in(struct world *world, struct node *node, long token)
{
    struct token *it = &world->ghost->tokens[token];
    it->node = node;
    it->file = node->file;
}

static void take_out(struct world *world, struct node *node, long token)
{
    struct token *it = &world->ghost->tokens[token];
    struct deletion *deletion = world_alloc(world, sizeof(*deletion));
    if (!it->is_meant_gone)
        world_fail(world, "deleted", "token %ld by cid %" PRIu64 " n %" PRIu64 ": nobody meant it",
                   token, node->cid, node->n);
    deletion->by = node;
    deletion->next = it->deletions;
    it->deletions = deletion;
}

/* What the edit put in and took out; and nothing stands there twice. */
static void compare_tokens(struct world *world, struct node *node)
{
    struct ghost *ghost = world->ghost;
    const char *at = node->parent->text;
    uint64_t before = ++ghost->stamp, after = ++ghost->stamp;
    for (long token; (token = ghost_next_token(&at)) >= 0;)
        ghost->tokens[token].stamp = before;
    at = node->text;
    for (long token; (token = ghost_next_token(&at)) >= 0;) {
        if (token >= (long)ghost->token_count) {
            world_fail(world, "garbled", "%s", node->text);
            return;
        }
        if (ghost->tokens[token].stamp == after)
            world_fail(world, "doubled", "token %ld in %s", token, node->text);
        if (ghost->tokens[token].stamp != before)
            put_in(world, node, token);
        ghost->tokens[token].stamp = after;
    }
    at = node->parent->text;
    for (long token; (token = ghost_next_token(&at)) >= 0;)
        if (ghost->tokens[token].stamp == before)
            take_out(world, node, token);
}

static const char *text_after(struct world *world, const char *text, const struct change *change)
{
    struct rope *rope = rope_new(text, strlen(text));
    const char *result = NULL;
    if (change_len_before(change) == rope_utf16_len(rope) && !change_splits_pair(change, rope)) {
        change_apply(change, rope);
        result = world_text(world, rope);
    }
    rope_free(rope);
    return result;
}

/* Short forms: what they delete is what is there, whatever it is. */
static void forgive(struct world *world, const struct node *node)
{
    if (client_is_bot(world, node->cid))
        ghost_meant(world, node->parent->text, strlen(node->parent->text));
}

static void appended(struct world *world, struct line *line, const struct state_entry *entry)
{
    struct node *parent = line->nodes[line->count - 1];
    struct logged_edit edit;
    struct error error = {ERR_OK, ""};
    if (decode_logged_edit(entry->message->data, entry->message->len, &edit, &error)) {
        world_fail(world, "entry", "%s: %s", entry->message->data, error.text);
        return;
    }
    const char *text = text_after(world, parent->text, edit.change);
    if (!text || edit.v != parent->version + 1 || edit.f != line->f || edit.by != entry->by ||
        edit.n != entry->n)
        world_fail(world, "entry", "%s does not fit version %" PRIu64 " %s", entry->message->data,
                   parent->version, parent->text);
    if (has_key(parent, entry->by, entry->n))
        world_fail(world, "twice", "cid %" PRIu64 " n %" PRIu64 " in f%" PRIu64, entry->by,
                   entry->n, line->f);
    change_unref(edit.change);
    if (world_failed(world))
        return;
    struct node *node = new_node(world, parent->file, text);
    node->parent = parent;
    node->version = parent->version + 1;
    node->cid = entry->by;
    node->n = entry->n;
    add_node(world, line, node);
    forgive(world, node);
    compare_tokens(world, node);
    world->counts->entries++;
    world_trace(world, "  f%" PRIu64 " v%" PRIu64 " by %" PRIu64 " n %" PRIu64 ": %s", line->f,
                node->version, node->cid, node->n, node->text);
}

static void append(struct world *world, const struct model_project *project,
                   const struct state_append *append)
{
    struct line *line = find_line(ghost_era(world, project->epoch), append->f);
    if (!line || line->from + line->count - 1 != append->expect) {
        world_fail(world, "history", "f%" PRIu64 " goes on from version %" PRIu64 " of %s",
                   append->f, append->expect, project->epoch);
        return;
    }
    for (size_t i = 0; i < append->count && !world_failed(world); i++)
        appended(world, line, &append->entries[i]);
}

/* ---- the tree ---- */

static void tree_changed(struct world *world, const struct model_project *project,
                         const struct state_tree *ask, const struct state_treed *treed)
{
    struct era *era = ghost_era(world, project->epoch);
    if (!era || treed->e != era->e + 1) {
        world_fail(world, "history", "the tree goes on with e %" PRIu64 " of %s", treed->e,
                   project->epoch);
        return;
    }
    era->e = treed->e;
    world->counts->tree_changes++;
    for (size_t i = 0; i < treed->entry_count; i++) {
        const struct state_tree_entry *entry = &treed->entries[i];
        struct line *line = find_line(era, entry->f);
        struct ghost_file *file = ask->op == TREE_CREATE
                                      ? new_file(world, era, entry->f, entry->path, ask->text)
                                  : line ? line->nodes[0]->file
                                         : NULL;
        if (!file) {
            world_fail(world, "tree", "f%" PRIu64 " is not known", entry->f);
            return;
        }
        struct tree_event *event = world_alloc(world, sizeof(*event));
        *event = (struct tree_event){.next = world->ghost->events,
                                     .file = file,
                                     .era = (unsigned)(era - world->ghost->eras),
                                     .e = treed->e,
                                     .op = ask->op,
                                     .path = entry->path};
        world->ghost->events = event;
        world_trace(world, "  tree e%" PRIu64 " op %d f%" PRIu64 " %s", treed->e, (int)ask->op,
                    entry->f, entry->path);
    }
}

/* ---- populate and create ---- */

/* Is that the last n of every author? */
static bool knows(const struct node *node, const struct state_seen *seen, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct node *at = node;
        while (at && at->cid != seen[i].cid)
            at = at->parent;
        if (!at || at->n != seen[i].n)
            return false;
    }
    for (const struct node *at = node; at; at = at->parent) {
        const struct node *later = node;
        while (later->cid != at->cid)
            later = later->parent;
        found += at->cid && later == at;
    }
    return found == count;
}

static bool has_text(const struct node *node, const struct state_populate_file *file)
{
    return node && strlen(node->text) == file->len &&
           memcmp(node->text, file->text, file->len) == 0;
}

struct node *ghost_recognize(const struct world *world, const struct state_populate_file *file)
{
    for (size_t i = world->ghost->era_count; i-- > 0;) {
        struct node *node = node_at(find_line(&world->ghost->eras[i], file->f), file->version);
        if (has_text(node, file) && knows(node, file->seen, file->seen_count))
            return node;
    }
    return NULL;
}

/* Where the tree is known and nobody has the text, the file goes on as an empty one. */
static struct node *emptied(struct world *world, const struct state_populate_file *file)
{
    struct ghost_file *ghost = world->ghost->files;
    while (ghost && ghost->f != file->f)
        ghost = ghost->next;
    if (!ghost || file->len > 0 || file->seen_count > 0 || ghost_is_held(world, file->f))
        return NULL;
    struct node *node = new_node(world, ghost, "");
    node->version = file->version;
    return node;
}

static void populate_file(struct world *world, struct era *era,
                          const struct state_populate_file *file)
{
    struct line *line = find_line(era, file->f);
    struct node *node = line ? node_at(line, file->version) : ghost_recognize(world, file);
    if (!node && !line)
        node = emptied(world, file);
    if (!has_text(node, file) || !knows(node, file->seen, file->seen_count))
        world_fail(world, "populate",
                   "f%" PRIu64 " version %" PRIu64 " of %s is put as %.*s (seen %zu), %s", file->f,
                   file->version, era->epoch, (int)file->len, file->text, file->seen_count,
                   node ? node->text : "which never was so");
    else if (!line)
        begin_line(world, era, file->f, node);
    else if (file->version != line->from + line->count - 1)
        world_fail(world, "rewound", "f%" PRIu64 " of %s is at %" PRIu64 " again", file->f,
                   era->epoch, file->version);
}

static void populated(struct world *world, const struct state_populate *populate)
{
    bool is_new = ghost_era(world, populate->epoch) == NULL;
    struct era *era = make_era(world, populate->epoch);
    world->counts->loads++;
    if (is_new)
        era->e = populate->e;
    else if (populate->e != era->e)
        world_fail(world, "rewound", "e of %s is %" PRIu64 " again, after %" PRIu64, era->epoch,
                   populate->e, era->e);
    for (size_t i = 0; i < populate->file_count && !world_failed(world); i++)
        populate_file(world, era, &populate->files[i]);
}

static void created(struct world *world, const struct model_project *project,
                    const struct state_create *create)
{
    struct era *era = make_era(world, project->epoch);
    for (size_t i = 0; i < create->file_count; i++)
        new_file(world, era, i + 1, create->files[i].path, create->files[i].text);
}

void ghost_created(struct world *world, const struct shelf *shelf)
{
    struct era *era = make_era(world, shelf->epoch);
    for (const struct shelf_file *file = shelf->files; file; file = file->next)
        new_file(world, era, file->f, file->path, file->text);
}

/* ---- what else happens in Redis ---- */

const char *ghost_fold(struct world *world, const struct model_file *file)
{
    struct rope *rope = rope_new(file->content, file->content_len);
    size_t after = (size_t)(file->content_version - file->log_from);
    bool fits = true;
    for (size_t i = after; i < file->log_count && fits; i++) {
        struct logged_edit edit;
        fits = decode_logged_edit(file->log[i]->data, file->log[i]->len, &edit, NULL) == ERR_OK &&
               edit.v == file->log_from + i + 1 &&
               change_len_before(edit.change) == rope_utf16_len(rope);
        if (fits)
            change_apply(edit.change, rope);
        change_unref(edit.change);
    }
    const char *text = fits ? world_text(world, rope) : NULL;
    rope_free(rope);
    return text;
}

/* Content and the log after it are the text, and the log ends at the version. */
static void check_fold(struct world *world, const struct model_project *project, uint64_t f)
{
    const struct model_file *file = model_find_file(project, f);
    const struct node *node = ghost_node(world, project->epoch, f, file->version);
    const char *text = ghost_fold(world, file);
    if (file->log_from + file->log_count != file->version ||
        file->content_version < file->log_from || !node || !text || strcmp(text, node->text) != 0)
        world_fail(world, "fold", "f%" PRIu64 " of Redis is %s, not %s", f, text ? text : "broken",
                   node ? node->text : "what it was");
}

static void unloaded(struct world *world)
{
    struct ghost *ghost = world->ghost;
    world->counts->unloads++;
    if (ghost->members > 0)
        world_fail(world, "unload", "it is unloaded while somebody is there");
    const struct era *era = NULL;
    for (size_t i = 0; i < ghost->era_count; i++)
        if (strcmp(ghost->eras[i].epoch, world->shelf->epoch) == 0)
            era = &ghost->eras[i];
    for (struct line *line = era ? era->lines : NULL; line; line = line->next) {
        const struct node *node = line->nodes[line->count - 1];
        const struct shelf_file *file = shelf_find(world->shelf, line->f);
        if (file && !file->is_deleted && strcmp(file->text, node->text) != 0)
            world_fail(world, "unload", "f%" PRIu64 " is saved as %s, was %s", line->f, file->text,
                       node->text);
    }
}

void ghost_executing(struct world *world, const struct model_call *call)
{
    const struct model_project *project = model_find(&world->model, call->project);
    world->ghost->members = project ? model_members(&world->model, project) : 0;
}

void ghost_executed(struct world *world, const struct model_call *call,
                    const struct model_answer *answer)
{
    const struct model_project *project = model_find(&world->model, call->project);
    if (answer->result == STATE_CONFLICT && call->op == MODEL_APPEND)
        world->counts->conflicts++;
    if (answer->result == STATE_FENCED)
        world->counts->fenced++;
    if (answer->result == STATE_TRIMMED)
        world->counts->trims++;
    world->counts->polls += call->op == MODEL_POLL;
    if (answer->result != STATE_OK || answer->is_again)
        return;
    switch (call->op) {
    case MODEL_APPEND:
        append(world, project, &call->u.append);
        break;
    case MODEL_TREE:
        tree_changed(world, project, &call->u.tree, &answer->u.treed);
        break;
    case MODEL_POPULATE:
        populated(world, &call->u.populate);
        break;
    case MODEL_CREATE:
        created(world, project, &call->u.create.create);
        break;
    case MODEL_CHECKPOINT:
        check_fold(world, project, call->u.checkpoint.f);
        break;
    case MODEL_UNLOAD:
        unloaded(world);
        break;
    default:
        break;
    }
}

void ghost_shelved(struct world *world, const struct shelf_file *file)
{
    const struct node *node = ghost_node(world, file->epoch, file->f, file->version);
    if (!file->is_deleted && (!node || strcmp(node->text, file->text) != 0))
        world_fail(world, "save", "f%" PRIu64 " version %" PRIu64 " of %s is saved as %s, not %s",
                   file->f, file->version, file->epoch, file->text,
                   node ? node->text : "a thing that was");
}

/* ---- acknowledged; the same everywhere ---- */

void ghost_acked(struct world *world, const char *who, const char *epoch, uint64_t f, uint64_t v,
                 uint64_t cid, uint64_t n)
{
    struct node *node = ghost_node(world, epoch, f, v);
    world->counts->acks++;
    if (!node || node->cid != cid || node->n != n)
        world_fail(world, "ack", "%s is told that f%" PRIu64 " v%" PRIu64 " is its n %" PRIu64, who,
                   f, v, n);
    else
        node->is_acked = true;
}

void ghost_contains(struct world *world, const char *who, const char *epoch, uint64_t f, uint64_t v,
                    uint64_t cid, uint64_t n)
{
    struct node *node = ghost_node(world, epoch, f, v);
    uint64_t last = 0;
    for (; node; node = node->parent) {
        if (node->cid != cid)
            continue;
        node->is_acked = true;
        last = last ? last : node->n;
    }
    if (last != n)
        world_fail(world, "number",
                   "%s is told that f%" PRIu64 " v%" PRIu64 " has its n %" PRIu64
                   ", and it has %" PRIu64,
                   who, f, v, n, last);
}

void ghost_same(struct world *world, const char *who, const char *epoch, uint64_t f, uint64_t v,
                const struct rope *text)
{
    const struct node *node = ghost_node(world, epoch, f, v);
    struct rope_iter iter = {0};
    size_t at = 0, len;
    bool same = node != NULL && rope_len(text) == strlen(node->text);
    for (const char *piece; same && (piece = rope_next(text, &iter, &len)) != NULL; at += len)
        same = memcmp(node->text + at, piece, len) == 0;
    if (!same)
        world_fail(world, "diverged", "%s has f%" PRIu64 " v%" PRIu64 " of %s as %s, not %s", who,
                   f, v, epoch, world_text(world, text), node ? node->text : "what never was");
}

/* ---- the beginning ---- */

void ghost_begin(struct world *world)
{
    world->ghost = world_alloc(world, sizeof(*world->ghost));
}
