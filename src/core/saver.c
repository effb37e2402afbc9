#include "saver.h"
#include "root.h"
#include "weft/base/blob.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/text/rope.h"
#include <inttypes.h>
#include <stdlib.h>

/* One save copies at most so much text, so that a thousand dirty files cost bounded memory. */
#define SAVE_FILES 64u
#define SAVE_BYTES (16u << 20)
#define RETRY_MOST_MS 60000u

uint64_t saver_version(const struct file *file)
{
    return file->room->registry->checkpoints ? file->checkpoint.version : file->saved_version;
}

static bool is_dirty(const struct file *file)
{
    return file->phase == FILE_OPEN && document_version(file->document) > saver_version(file);
}

static bool anything_dirty(const struct room *room)
{
    struct map_iter iter = {0};
    while (map_next(&room->paths, &iter))
        if (is_dirty(iter.value))
            return true;
    return false;
}

void saver_changed(struct room *room)
{
    if (room->registry->state->is_shared)
        return; /* the state knows what is dirty, and flush.c saves it */
    if (room->save.due_ms == 0)
        room->save.due_ms = room->registry->now_ms + room->registry->config.save_after_ms;
}

void saver_hurry(struct room *room)
{
    if (room->save.due_ms && room->save.tries == 0)
        room->save.due_ms = room->registry->now_ms;
}

bool saver_clean(const struct room *room)
{
    return room->save.due_ms == 0 && !room->save.under_way;
}

static struct state_seen *copy_seen(const struct file *file, size_t *count)
{
    struct state_seen *seen = mem_realloc_array(NULL, file->authors.count + 1, sizeof *seen);
    struct map_iter iter = {0};
    size_t n = 0;
    while (map_next(&file->authors, &iter)) {
        const struct author *author = iter.value;
        if (author->n)
            seen[n++] = (struct state_seen){iter.key, author->n};
    }
    *count = n;
    return seen;
}

static void take_copy(const struct file *file, struct repository_file *out)
{
    const struct rope *rope = document_rope(file->document);
    *out = (struct repository_file){
        .f = file->f,
        .version = document_version(file->document),
        .rev = file->rev,
        .path = file->path,
        .text = mem_alloc(rope_len(rope) + 1),
        .len = rope_len(rope),
        .utf16_len = rope_utf16_len(rope),
        .eol = file->eol,
        .updated_at = file->updated_at,
        .updated_by = file->updated_by,
    };
    rope_copy(rope, out->text);
    out->text[out->len] = '\0';
    out->seen = copy_seen(file, &out->seen_count);
}

static void start(struct room *room)
{
    struct repository_file files[SAVE_FILES];
    size_t count = 0, bytes = 0;
    struct map_iter iter = {0};
    while (count < SAVE_FILES && bytes < SAVE_BYTES && map_next(&room->paths, &iter)) {
        if (!is_dirty(iter.value))
            continue;
        take_copy(iter.value, &files[count]);
        bytes += files[count++].len;
    }
    if (count == 0) {
        room->save.due_ms = 0;
        return;
    }
    struct registry *registry = room->registry;
    struct state_ticket ticket = room_ticket(room, 0);
    struct repository_save save = {registry->wall_ms, files, count};
    room->pending++;
    room->save.under_way = true;
    struct repository *to = registry->checkpoints ? registry->checkpoints : registry->repository;
    to->ops->save(to, &ticket, &save);
    for (size_t i = 0; i < count; i++)
        free((void *)files[i].seen);
}

void saver_tick(struct room *room, uint64_t now_ms)
{
    if (room->save.due_ms && now_ms >= room->save.due_ms && !room->save.under_way)
        start(room);
}

static uint64_t retry_in_ms(const struct room *room)
{
    const struct registry_config *config = &room->registry->config;
    unsigned doublings = room->save.tries < 16 ? room->save.tries : 16;
    uint64_t wait = config->save_retry_ms << (doublings - 1);
    if (wait > RETRY_MOST_MS)
        wait = RETRY_MOST_MS;
    return wait / 2 + config->random(config->random_owner) % (wait / 2 + 1);
}

static size_t mark_saved(struct room *room, const struct repository_saved *answer,
                         struct saved_mark *marks)
{
    size_t count = 0;
    for (size_t i = 0; i < answer->count; i++) {
        struct file *file = room_file(room, answer->files[i].f);
        if (!file || answer->files[i].result == REPOSITORY_FAILED)
            continue;
        if (answer->files[i].version > file->saved_version)
            file->saved_version = answer->files[i].version;
        marks[count++] = (struct saved_mark){file->f, file->saved_version};
    }
    return count;
}

static void plan_next(struct room *room, bool failed)
{
    struct registry *registry = room->registry;
    room->save.tries = failed ? room->save.tries + 1 : 0;
    if (failed)
        room->save.due_ms = registry->now_ms + retry_in_ms(room);
    else if (!anything_dirty(room))
        room->save.due_ms = 0;
    else if (room->session_count == 0 || registry->drain.active)
        room->save.due_ms = registry->now_ms;
    else
        room->save.due_ms = registry->now_ms + registry->config.save_after_ms;
}

static void note_failure(struct room *room, const char *problem)
{
    struct registry *registry = room->registry;
    uint32_t tries = room->save.tries + 1;
    failing_note(&registry->failing, room->project, tries, registry->now_ms);
    bool is_alarm = tries == registry->config.save_alarm_tries;
    registry->counts.save_failures++;
    registry->counts.saves_stuck += is_alarm;
    log_write(is_alarm ? LOG_ERROR : LOG_WARN, "save failed project=%s tries=%u problem=\"%s\"",
              room->project, tries, problem);
}

void saver_post(struct room *room, const struct saved_mark *marks, size_t count, uint64_t ts)
{
    struct buf *out = &room->registry->out;
    buf_reset(out);
    encode_saved(out, marks, count, ts);
    room_post(room, blob_new(out->data, out->len), NULL, 0);
}

static void checkpoints_saved(struct room *room, const struct repository_saved *answer)
{
    bool failed = false;
    for (size_t i = 0; i < answer->count; i++) {
        const struct repository_file_saved *saved = &answer->files[i];
        struct file *file = room_file(room, saved->f);
        failed |= saved->result == REPOSITORY_FAILED;
        if (file && saved->result != REPOSITORY_FAILED && saved->version > file->checkpoint.version)
            file->checkpoint.version = saved->version;
    }
    if (failed)
        log_warn("texts behind the journal were not written project=%s problem=\"%s\"",
                 room->project, answer->problem ? answer->problem : "");
    plan_next(room, failed);
}

void saver_saved(struct room *room, const struct repository_saved *answer)
{
    struct registry *registry = room->registry;
    room->save.under_way = false;
    if (registry->checkpoints) {
        checkpoints_saved(room, answer);
        return;
    }
    struct saved_mark *marks = mem_realloc_array(NULL, answer->count + 1, sizeof *marks);
    size_t count = mark_saved(room, answer, marks);
    registry->counts.saves += count;
    if (count)
        saver_post(room, marks, count, answer->ts);
    free(marks);
    bool failed = count < answer->count && answer->problem;
    if (failed)
        note_failure(room, answer->problem);
    else
        failing_remove(&registry->failing, room->project);
    plan_next(room, failed);
}
