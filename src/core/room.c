#include "room.h"
#include "authors.h"
#include "batch.h"
#include "checkpoint.h"
#include "detached.h"
#include "offers.h"
#include "opens.h"
#include "people.h"
#include "poll.h"
#include "presence.h"
#include "query.h"
#include "root.h"
#include "saver.h"
#include "tree.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/text/rope.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_IDLE_MS 60000 /* a replica that nobody reads is kept so long */

struct room *room_enter(struct registry *registry, const char *project)
{
    struct room *room = map_find_text(&registry->room_by_project, project, strlen(project));
    if (room)
        return room;
    room = mem_zalloc(sizeof *room);
    room->registry = registry;
    room->id = registry_id(registry);
    room->idle_ms = registry->now_ms;
    snprintf(room->project, sizeof room->project, "%s", project);
    map_init(&room->files);
    map_init(&room->paths);
    map_init(&room->by_cid);
    TAILQ_INIT(&room->sessions);
    TAILQ_INIT(&room->members);
    TAILQ_INIT(&room->moved);
    TAILQ_INIT(&room->dirty_files);
    TAILQ_INIT(&room->queries);
    TAILQ_INIT(&room->waiters);
    TAILQ_INIT(&room->tree_requests);
    TAILQ_INIT(&room->retries);
    outbox_init(&room->outbox);
    outbox_init(&room->notices);
    TAILQ_INSERT_TAIL(&registry->rooms, room, link);
    map_put(&registry->room_by_id, room->id, room);
    map_put_text(&registry->room_by_project, project, strlen(project), room);
    return room;
}

struct room *room_find(struct registry *registry, uint64_t id)
{
    return map_find(&registry->room_by_id, id);
}

struct room *room_listed(const struct registry *registry, const char *project)
{
    return map_find_text(&registry->room_by_project, project, strlen(project));
}

void room_unlist(struct room *room)
{
    struct registry *registry = room->registry;
    size_t len = strlen(room->project);
    if (map_find_text(&registry->room_by_project, room->project, len) == room)
        map_remove_text(&registry->room_by_project, room->project, len);
}

void room_join_channel(struct room *room)
{
    struct bus *bus = room->registry->bus;
    if (!room->is_on_channel)
        bus->ops->join(bus, room->project);
    room->is_on_channel = true;
}

/* Nothing of it is held here any more, before somebody opens it again. */
static void let_go(struct room *room)
{
    struct registry *registry = room->registry;
    if (room->phase == ROOM_READY || room->phase == ROOM_DETACHED) {
        struct state_ticket ticket = room_ticket(room, 0);
        registry->state->ops->forget(registry->state, &ticket);
    }
    if (room->phase == ROOM_DETACHED)
        TAILQ_REMOVE(&registry->detached, room, detached.link);
    if (room->is_on_channel)
        registry->bus->ops->leave(registry->bus, room->project);
    room->is_on_channel = false;
    room->phase = ROOM_OVER;
}

void room_free(struct room *room)
{
    struct registry *registry = room->registry;
    let_go(room);
    while (!TAILQ_EMPTY(&room->sessions))
        people_leave(room, TAILQ_FIRST(&room->sessions));
    people_free(room);
    query_fail_all(room, ERR_BUSY);
    tree_free_requests(room);
    offers_stop(room);
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter))
        file_free(iter.value);
    map_close(&room->files);
    map_close(&room->paths);
    map_close(&room->by_cid);
    outbox_close(&room->outbox);
    outbox_close(&room->notices);
    if (room->is_dirty)
        TAILQ_REMOVE(&registry->dirty_rooms, room, dirty);
    TAILQ_REMOVE(&registry->rooms, room, link);
    map_remove(&registry->room_by_id, room->id);
    room_unlist(room);
    free(room->name);
    free(room);
}

struct state_ticket room_ticket(const struct room *room, uint64_t request)
{
    return (struct state_ticket){room->id, request, room->project, room->epoch};
}

void room_ask(struct room *room, uint64_t request, const struct state_open *open)
{
    struct state_ticket ticket = room_ticket(room, request);
    room->pending++;
    room->registry->state->ops->open(room->registry->state, &ticket, open);
}

static void note_file(struct file *file, const struct state_file *from)
{
    file->version = from->version;
    file->utf16_len = from->utf16_len;
    file->size = from->size;
    file->rev = from->rev;
    file->saved_version = from->saved_version;
}

/* Of files that nobody has open here a hint may have been lost. */
static void refresh(struct room *room, const struct state_opened *answer)
{
    for (size_t i = 0; i < answer->file_count; i++) {
        struct file *file = room_file(room, answer->files[i].f);
        if (file && file->phase == FILE_CLOSED && file->version <= answer->files[i].version)
            note_file(file, &answer->files[i]);
    }
}

bool room_fill(struct room *room, const struct state_opened *answer)
{
    if (room->phase == ROOM_READY) {
        refresh(room, answer);
        return true;
    }
    if (room->phase != ROOM_OPENING || (!answer->files && answer->file_count == 0 && !answer->name))
        return false;
    snprintf(room->epoch, sizeof room->epoch, "%s", answer->epoch);
    room->e = answer->e;
    room->name = mem_strdup(answer->name ? answer->name : room->project);
    for (size_t i = 0; i < answer->file_count; i++) {
        const struct state_file *from = &answer->files[i];
        struct file *file = room_add_file(room, from->f, from->path);
        note_file(file, from);
        snprintf(file->eol, sizeof file->eol, "%s", from->eol ? from->eol : "\n");
    }
    if (room->newest_f + 1 < answer->next_file)
        room->newest_f = answer->next_file - 1; /* deleted ones have higher ids */
    room->phase = ROOM_READY;
    poll_begin(room, answer);
    people_settle(room, answer->people, answer->people_count);
    room_join_channel(room);
    log_info("room opened project=%s epoch=%s files=%zu", room->project, room->epoch,
             answer->file_count);
    return true;
}

void room_end(struct room *room, int code, const char *reason)
{
    if (room->phase == ROOM_OVER)
        return;
    log_warn("room ended project=%s reason=\"%s\"", room->project, reason);
    room_unlist(room);
    let_go(room);
    struct session *session, *next;
    LIST_EACH_SAFE(session, &room->sessions, of_room, next)
    session_close(session, code, reason);
    query_fail_all(room, ERR_BUSY);
}

bool room_upset(struct room *room, enum state_result result)
{
    if (result == STATE_EPOCH)
        room_end(room, 4503, "the project has a new epoch");
    else if (result == STATE_UNLOADED)
        detached_begin(room);
    return result == STATE_EPOCH || result == STATE_UNLOADED;
}

void room_retry(struct room *room, uint64_t now_ms)
{
    struct file *file, *next;
    LIST_EACH_SAFE(file, &room->retries, retry, next)
    if (now_ms >= file->retry_ms)
        file_retry(file);
    tree_retry(room, now_ms);
}

/* ---- files ---- */

struct file *room_file(const struct room *room, uint64_t f)
{
    return map_find(&room->files, f);
}

struct file *room_file_at(const struct room *room, const char *path, size_t len)
{
    return map_find_text(&room->paths, path, len);
}

enum err room_no_file(const struct room *room, uint64_t f, struct error *error)
{
    if (f && f <= room->newest_f)
        return error_set(error, ERR_GONE, "the file was deleted");
    return error_set(error, ERR_NO_FILE, "there is no file %llu", (unsigned long long)f);
}

struct file *room_add_file(struct room *room, uint64_t f, const char *path)
{
    struct file *file = file_new(room, f, path);
    map_put(&room->files, f, file);
    map_put_text(&room->paths, path, strlen(path), file);
    if (f > room->newest_f)
        room->newest_f = f;
    return file;
}

void room_rename_file(struct room *room, struct file *file, const char *path)
{
    /* In a folder's rename another file may stand at this path already. */
    if (room_file_at(room, file->path, strlen(file->path)) == file)
        map_remove_text(&room->paths, file->path, strlen(file->path));
    free(file->path);
    file->path = mem_strdup(path);
    map_put_text(&room->paths, path, strlen(path), file);
    blob_unref(file->cached.message);
    file->cached.message = NULL;
}

void room_remove_file(struct room *room, struct file *file)
{
    map_remove_text(&room->paths, file->path, strlen(file->path));
    file_deleted(file);
    map_remove(&room->files, file->f);
    file_free(file);
}

static int by_id(const void *a, const void *b)
{
    const struct file_info *left = a, *right = b;
    return left->f < right->f ? -1 : left->f > right->f;
}

struct file_info *room_list(const struct room *room, size_t *count)
{
    struct file_info *list = mem_realloc_array(NULL, room->paths.count + 1, sizeof *list);
    struct map_iter iter = {0};
    size_t n = 0;
    while (map_next(&room->paths, &iter)) {
        const struct file *file = iter.value;
        list[n++] =
            (struct file_info){file->f, file_version(file), file_utf16_len(file), file->path};
    }
    qsort(list, n, sizeof *list, by_id);
    *count = n;
    return list;
}

bool room_has_unsaved(const struct room *room)
{
    struct map_iter iter = {0};
    if (!room->registry->repository->is_shared || !room->registry->state->is_shared)
        return false; /* the data folder has it */
    while (map_next(&room->files, &iter)) {
        const struct file *file = iter.value;
        if (file->document && document_version(file->document) > file->saved_version)
            return true;
    }
    return false;
}

uint64_t room_text_bytes(const struct room *room)
{
    struct map_iter iter = {0};
    uint64_t bytes = 0;
    while (map_next(&room->paths, &iter)) {
        const struct file *file = iter.value;
        bytes += file->document ? rope_len(document_rope(file->document)) : file->size;
    }
    return bytes;
}

void room_serve_openers(struct room *room)
{
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter)) {
        struct file *file = iter.value;
        if (!TAILQ_EMPTY(&file->openers))
            opens_serve(file);
    }
}

/* ---- the turn ---- */

void room_mark_dirty(struct room *room)
{
    if (room->is_dirty)
        return;
    room->is_dirty = true;
    TAILQ_INSERT_TAIL(&room->registry->dirty_rooms, room, dirty);
}

void room_post(struct room *room, struct blob *message, struct blob *own, uint64_t by)
{
    outbox_add(&room->outbox, message, own, by);
    if (room->outbox.count == OUTBOX_MESSAGES)
        room_flush(room);
    room_mark_dirty(room);
}

void room_print(struct room *room, const char *line, size_t len)
{
    struct error error = {ERR_OK, ""};
    struct session *session, *next;
    if (decode_job_output(line, len, &error))
        return;
    struct blob *message = blob_new(line, len);
    room_flush(room); /* that it runs was posted before */
    LIST_EACH_SAFE(session, &room->sessions, of_room, next)
    session_push(session, blob_ref(message), QUEUE_PRESENCE, 0);
    blob_unref(message);
}

void room_flush(struct room *room)
{
    room_deliver(room, &room->outbox, QUEUE_PLAIN);
}

void room_deliver(struct room *room, struct outbox *outbox, enum queue_class class)
{
    if (outbox->count == 0)
        return;
    struct session *session, *next;
    LIST_EACH_SAFE(session, &room->sessions, of_room, next)
    session_deliver(session, outbox, class, 0);
    outbox_clear(outbox);
}

void room_turn(struct room *room)
{
    room_flush(room);
    while (!TAILQ_EMPTY(&room->dirty_files)) {
        struct file *file = TAILQ_FIRST(&room->dirty_files);
        TAILQ_REMOVE(&room->dirty_files, file, dirty);
        file->is_dirty = false;
        file_flush(file);
        batch_send(file);
    }
}

static void close_idle_files(struct room *room, uint64_t now_ms)
{
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter)) {
        struct file *file = iter.value;
        if (file->phase == FILE_OPEN && file->sub_count == 0 &&
            now_ms - file->idle_ms > FILE_IDLE_MS)
            file_close_if_quiet(file);
    }
}

static void forget_authors(struct room *room, uint64_t now_ms)
{
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter))
        authors_tick(iter.value, now_ms);
}

static void expire_openers(struct room *room, uint64_t now_ms)
{
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter))
        opens_expire(iter.value, now_ms);
}

/* Once a second: what walks over all files. */
static void look_at_files(struct room *room, uint64_t now_ms)
{
    if (now_ms - room->counted_ms < 1000)
        return;
    room->counted_ms = now_ms;
    room->text_bytes = room_text_bytes(room);
    room_serve_openers(room); /* those whose session has gone */
    close_idle_files(room, now_ms);
    forget_authors(room, now_ms);
    if (!room->registry->state->is_shared)
        return;
    expire_openers(room, now_ms);
    checkpoint_tick(room, now_ms);
}

/* Is it kept for a while, although nobody is there? */
static bool is_kept(const struct room *room, uint64_t now_ms)
{
    if (room->phase == ROOM_DETACHED)
        return detached_is_needed(room);
    return room->phase == ROOM_READY &&
           (!saver_clean(room) || room_has_unsaved(room) ||
            now_ms - room->idle_ms < room->registry->config.unload_after_ms);
}

bool room_tick(struct room *room, uint64_t now_ms)
{
    waiting_tick(room, now_ms);
    people_tick(room, now_ms);
    presence_tick(room, now_ms);
    if (room->phase == ROOM_READY) {
        room_retry(room, now_ms);
        saver_tick(room, now_ms);
        look_at_files(room, now_ms);
        poll_tick(room, now_ms);
    }
    if (room->phase == ROOM_DETACHED)
        detached_tick(room, now_ms);
    if (room->registry->degraded.is_down)
        room->idle_ms = now_ms; /* it may be all that is left, when the state is back */
    if (room->pending || room->session_count || !TAILQ_EMPTY(&room->queries) ||
        !TAILQ_EMPTY(&room->waiters))
        return true;
    return is_kept(room, now_ms);
}
