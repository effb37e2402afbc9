#include "offers.h"
#include "choice.h"
#include "root.h"
#include "weft/base/mem.h"
#include "weft/core/epoch.h"
#include "weft/text/rope.h"
#include <stdlib.h>

#define CALL_BYTES (16u << 20)
#define AGAIN_MS 1000u /* after all was offered: offers stay, but another load may have begun */

/* The files whose replicas are offered, by id: the room's may come and go meanwhile.
 *
 * The first call offers nothing, to hear whether anybody loads. The tree comes with the last of the
 * files: a load that has it must not take what is still on its way for what nobody has. */
struct offering {
    uint64_t *files;
    size_t count, at;
    bool is_whole; /* the tree was sent */
};

static int by_id(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static size_t list_open(const struct room *room, uint64_t **out)
{
    uint64_t *files = mem_realloc_array(NULL, room->files.count + 1, sizeof files[0]);
    struct map_iter iter = {0};
    size_t count = 0;
    while (map_next(&room->files, &iter)) {
        const struct file *file = iter.value;
        if (file->phase == FILE_OPEN)
            files[count++] = file->f;
    }
    qsort(files, count, sizeof files[0], by_id);
    *out = files;
    return count;
}

/* ---- the parts of an offer ---- */

static struct state_file *list_tree(const struct room *room)
{
    struct state_file *list = mem_realloc_array(NULL, room->files.count + 1, sizeof list[0]);
    struct map_iter iter = {0};
    size_t count = 0;
    while (map_next(&room->files, &iter)) {
        const struct file *file = iter.value;
        list[count++] = (struct state_file){.f = file->f,
                                            .version = file_version(file),
                                            .rev = file->rev,
                                            .path = file->path,
                                            .eol = file->eol};
    }
    return list;
}

static struct state_offer_tree tree_of(const struct room *room, const struct state_file *list)
{
    return (struct state_offer_tree){
        .epoch_number = epoch_number(room->epoch),
        .e = room->e,
        .next_file = room->newest_f + 1,
        .name = room->name,
        .files = list,
        .file_count = room->files.count,
    };
}

static struct state_seen *list_seen(const struct file *file, size_t *count)
{
    struct state_seen *seen = mem_realloc_array(NULL, file->authors.count + 1, sizeof seen[0]);
    struct map_iter iter = {0};
    *count = 0;
    while (map_next(&file->authors, &iter)) {
        const struct author *author = iter.value;
        if (author->n)
            seen[(*count)++] = (struct state_seen){iter.key, author->n};
    }
    return seen;
}

static void fill_file(const struct file *file, struct state_offer_file *out)
{
    const struct rope *rope = document_rope(file->document);
    char *text = mem_alloc(rope_len(rope) + 1);
    rope_copy(rope, text);
    text[rope_len(rope)] = '\0';
    *out = (struct state_offer_file){
        .f = file->f,
        .epoch_number = epoch_number(file->room->epoch),
        .version = document_version(file->document),
        .rev = file->rev,
        .path = file->path,
        .eol = file->eol,
        .text = text,
        .len = rope_len(rope),
        .updated_at = file->updated_at,
        .updated_by = file->updated_by,
        .content_version = document_version(file->document),
    };
    out->seen = list_seen(file, &out->seen_count);
}

static void free_file(struct state_offer_file *file)
{
    free((char *)file->text);
    free((struct state_seen *)file->seen);
}

/* ---- to the state ---- */

static void send(struct room *room, const struct state_offer *offer)
{
    struct state_ticket ticket = room_ticket(room, 0);
    room->pending++;
    room->registry->state->ops->offer(room->registry->state, &ticket, offer);
}

/* As many of the files as one call may have. Returns how many. */
static size_t take_files(struct room *room, struct state_offer_file *out)
{
    struct offering *offering = room->offering;
    size_t count = 0, bytes = 0;
    while (offering->at < offering->count && bytes < CALL_BYTES) {
        const struct file *file = room_file(room, offering->files[offering->at]);
        size_t len = file && file->document ? rope_len(document_rope(file->document)) : 0;
        if (count && bytes + len > CALL_BYTES)
            break;
        offering->at++;
        if (!file || file->phase != FILE_OPEN)
            continue;
        fill_file(file, &out[count++]);
        bytes += len;
    }
    return count;
}

static void send_part(struct room *room)
{
    struct offering *offering = room->offering;
    size_t most = offering->count - offering->at;
    struct state_offer_file *files = mem_realloc_array(NULL, most + 1, sizeof files[0]);
    struct state_offer offer = {.files = files, .file_count = take_files(room, files)};
    struct state_file *list = list_tree(room);
    struct state_offer_tree tree = tree_of(room, list);
    offering->is_whole = offering->at == offering->count;
    if (offering->is_whole)
        offer.tree = &tree;
    send(room, &offer);
    free(list);
    for (size_t i = 0; i < offer.file_count; i++)
        free_file(&files[i]);
    free(files);
}

void offers_start(struct room *room)
{
    uint64_t now_ms = room->registry->now_ms;
    if (room->offering || (room->offered_ms && now_ms - room->offered_ms < AGAIN_MS))
        return;
    room->offering = mem_zalloc(sizeof *room->offering);
    room->offering->count = list_open(room, &room->offering->files);
    send(room, &(struct state_offer){.tree = NULL});
}

void offers_stop(struct room *room)
{
    if (!room->offering)
        return;
    free(room->offering->files);
    free(room->offering);
    room->offering = NULL;
}

void offers_answered(struct room *room, const struct state_offered *answer)
{
    if (!room->offering)
        return;
    if (answer->result == STATE_OK && !room->offering->is_whole) {
        send_part(room);
        return;
    }
    /* Where nobody loads it, or nobody knows, the next ask begins it again. */
    if (answer->result == STATE_OK)
        room->offered_ms = room->registry->now_ms;
    offers_stop(room);
}

/* ---- to a load here ---- */

void offers_give(const struct room *room, struct choice *choice)
{
    struct state_file *list = list_tree(room);
    struct state_offer_tree tree = tree_of(room, list);
    choice_add_tree(choice, &tree);
    free(list);
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter)) {
        const struct file *file = iter.value;
        if (file->phase != FILE_OPEN)
            continue;
        struct state_offer_file offer;
        fill_file(file, &offer);
        choice_add_file(choice, &offer);
        free_file(&offer);
    }
}
