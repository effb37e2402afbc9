#include "presence.h"
#include "edits.h"
#include "people.h"
#include "root.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/mem.h"
#include "weft/core/hint.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"
#include <stdio.h>
#include <stdlib.h>

#define RELAY_BYTES (HINT_BODY_MAX / 2) /* of cursors in one hint, and one cursor more */

/* Small rooms hear of a move at the next tick; a crowd hears less often, so that what everybody
 * writes to everybody does not grow with the square of the people. */
static uint64_t interval_ms(const struct room *room)
{
    uint64_t ms = room->session_count;
    return ms < 2000 ? ms : 2000;
}

static void keep(struct member *member, uint64_t f, uint64_t v, const struct selection *sel)
{
    member->f = f;
    member->v = v;
    free(member->sel);
    member->sel = edit_copy_selection(sel);
}

static void wait_for_tick(struct room *room, struct member *member)
{
    if (member->is_moved)
        return;
    member->is_moved = true;
    TAILQ_INSERT_TAIL(&room->moved, member, moved);
    if (room->presence_due_ms == 0)
        room->presence_due_ms = room->registry->now_ms + interval_ms(room);
}

void presence_move(struct session *session, struct file *file, uint64_t v,
                   const struct selection *sel)
{
    keep(session->member, file ? file->f : 0, v, file ? sel : NULL);
    wait_for_tick(session->room, session->member);
}

void presence_heard(struct room *room, const struct relayed_cursor *cursor)
{
    struct member *member = people_find(room, cursor->by);
    if (!member || !member->inst)
        return;
    keep(member, cursor->f, cursor->v, cursor->f ? &cursor->sel : NULL);
    wait_for_tick(room, member);
}

void presence_show_again(struct room *room)
{
    struct session *session;
    TAILQ_FOREACH(session, &room->sessions, of_room)
    if (session->member->f)
        wait_for_tick(room, session->member);
}

void presence_edited(struct room *room, struct file *file, uint64_t cid, uint64_t v,
                     const struct selection *sel)
{
    struct member *member = people_find(room, cid);
    if (!member)
        return;
    /* A cursor that waits for the tick is newer where its author had seen this edit in the log, or
     * has gone to another file since. */
    if (member->is_moved && (member->v >= v || member->f != file->f))
        return;
    keep(member, file->f, v, sel);
    if (member->told_f != file->f && people_is_here(member))
        wait_for_tick(room, member);
}

#define MAP_STEPS                                                                                  \
    100000u /* that one cursor may take: positions, each over the parts of each entry */

/* The oldest version, from v on, from which so many positions are moved. Those from before it are
 * clamped, like those that the replica does not reach back to. */
static uint64_t moved_from(const struct document *document, uint64_t v, size_t positions)
{
    uint64_t from = document_version(document);
    size_t steps = 0;
    while (from > v && from > document_oldest(document) && steps < MAP_STEPS) {
        steps += positions * change_parts(document_entry(document, from)->change);
        from--;
    }
    return from;
}

/* The cursor as it stands in the file's present text. Where nobody here has the file open, its
 * positions are nobody's business, but that somebody is in it is. */
static struct blob *encode(struct buf *out, struct member *member, const struct file *file)
{
    struct cursor cursor = {.by = member->cid};
    if (file && file->document) {
        const struct document *document = file->document;
        uint64_t from = moved_from(document, member->v, member->sel ? member->sel->count : 0);
        for (size_t i = 0; member->sel && i < member->sel->count; i++)
            member->sel->pos[i] = document_map_pos(document, from, member->sel->pos[i], -1);
        member->v = document_version(document);
        cursor.f = file->f;
        cursor.v = member->v;
        cursor.sel = member->sel;
    } else if (file && member->inst && member->sel) {
        cursor.f = file->f;
        cursor.v = member->v;
        cursor.sel = member->sel;
    }
    buf_reset(out);
    encode_cursor(out, &cursor);
    return blob_new(out->data, out->len);
}

void presence_show(struct session *session, struct file *file)
{
    struct outbox outbox;
    outbox_init(&outbox);
    struct member *member;
    TAILQ_FOREACH(member, &session->room->members, link)
    {
        if (member->f != file->f || !member->sel || member == session->member)
            continue;
        outbox_add(&outbox, encode(&session->registry->out, member, file), NULL, 0);
        if (outbox.count == OUTBOX_MESSAGES) {
            session_push(session, blob_ref(outbox_all(&outbox)), QUEUE_PRESENCE, file->f);
            outbox_clear(&outbox);
        }
    }
    if (outbox.count)
        session_push(session, blob_ref(outbox_all(&outbox)), QUEUE_PRESENCE, file->f);
    outbox_close(&outbox);
}

/* To the other instances: all cursors of a tick in one message. */
static void relay(struct room *room, struct buf *hint, const struct blob *message)
{
    if (hint->len == 0) {
        struct hint words = {.kind = HINT_PRESENCE};
        snprintf(words.epoch, sizeof words.epoch, "%s", room->epoch);
        snprintf(words.instance, sizeof words.instance, "%s", room->registry->config.instance);
        hint_print(hint, &words);
    }
    buf_add_char(hint, '\n');
    buf_add(hint, message->data, message->len);
}

static void tell(struct room *room, struct member *member, struct outbox *everybody,
                 struct buf *hint)
{
    struct file *file = member->f ? room_file(room, member->f) : NULL;
    struct blob *message = encode(&room->registry->out, member, file);
    uint64_t f = file ? file->f : 0;
    if (room->remote_count && member->session)
        relay(room, hint, message);
    if (f != member->told_f || !file) {
        member->told_f = f;
        outbox_add(everybody, message, NULL, member->cid);
        if (everybody->count == OUTBOX_MESSAGES)
            room_deliver(room, everybody, QUEUE_PRESENCE);
        return;
    }
    outbox_add(&file->cursors, message, NULL, member->cid);
    if (file->cursors.count == OUTBOX_MESSAGES)
        file_deliver(file, &file->cursors, QUEUE_PRESENCE);
}

/* Its author has seen an edit that is not here yet. */
static bool is_ahead(const struct room *room, const struct member *member)
{
    const struct file *file = member->inst && member->f ? room_file(room, member->f) : NULL;
    return file && file->document && member->v > document_version(file->document);
}

/* Those who cannot be told of now wait for the next time. */
static void tell_moved(struct room *room, struct outbox *everybody, struct buf *hint)
{
    struct member *member, *next;
    LIST_EACH_SAFE(member, &room->moved, moved, next)
    {
        bool is_here = people_is_here(member);
        if (is_here && (hint->len > RELAY_BYTES || is_ahead(room, member)))
            continue;
        TAILQ_REMOVE(&room->moved, member, moved);
        member->is_moved = false;
        if (is_here)
            tell(room, member, everybody, hint);
    }
}

/* Edits of this turn go first, so that a cursor's version is known to who gets it. */
static void flush_files(struct room *room)
{
    const struct member *member;
    TAILQ_FOREACH(member, &room->moved, moved)
    {
        struct file *file = member->f ? room_file(room, member->f) : NULL;
        if (file)
            file_flush(file);
    }
}

static void deliver_files(struct room *room)
{
    struct map_iter iter = {0};
    while (map_next(&room->paths, &iter)) {
        struct file *file = iter.value;
        file_deliver(file, &file->cursors, QUEUE_PRESENCE);
    }
}

void presence_tick(struct room *room, uint64_t now_ms)
{
    if (room->presence_due_ms == 0 || now_ms < room->presence_due_ms)
        return;
    struct bus *bus = room->registry->bus;
    struct outbox everybody;
    struct buf hint = BUF_EMPTY;
    outbox_init(&everybody);
    room_flush(room);
    flush_files(room);
    tell_moved(room, &everybody, &hint);
    room->presence_due_ms = TAILQ_EMPTY(&room->moved) ? 0 : now_ms + interval_ms(room);
    room_deliver(room, &everybody, QUEUE_PRESENCE);
    deliver_files(room);
    if (hint.len)
        bus->ops->publish(bus, room->project, hint.data, hint.len);
    buf_close(&hint);
    outbox_close(&everybody);
}
