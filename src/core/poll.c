/* Two ticks are known: the last that a poll told, and the last that hints counted up to. A gap in
 * the latter asks for a poll at once. A poll names the former: whatever hints said, lost or forged,
 * the state compares with what it told itself, and so nothing can be hidden for longer than a
 * second.
 *
 * At most one poll is under way per room, and none sooner than LEAST_MS after the last one, so that
 * a flood of false hints costs little. */
#include "poll.h"
#include "backoff.h"
#include "catchup.h"
#include "people.h"
#include "root.h"
#include "tree.h"
#include "weft/base/blob.h"
#include "weft/base/mem.h"
#include <stdlib.h>

#define EVERY_MS 1000u
#define LEAST_MS 50u

void poll_begin(struct room *room, const struct state_opened *answer)
{
    room->poll.told = room->poll.heard = answer->tick;
    room->poll.people_rev = answer->people_rev;
    room->poll.due_ms = room->registry->now_ms + EVERY_MS;
}

/* Files whose versions matter: those held here, or soon held as they were before this poll, and,
 * for who lists the project, those that are not saved yet. */
static bool is_asked_for(const struct file *file)
{
    return file->phase != FILE_CLOSED ||
           (file->room->registry->repository->is_shared && file->version > file->saved_version);
}

static void ask(struct room *room)
{
    struct registry *registry = room->registry;
    struct state_ticket ticket = room_ticket(room, 0);
    uint64_t *files = mem_realloc_array(NULL, room->files.count + 1, sizeof files[0]);
    struct state_poll poll = {
        .tick = room->poll.told,
        .people_rev = room->poll.doubts_people ? UINT64_MAX : room->poll.people_rev,
        .files = files,
    };
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter))
        if (is_asked_for(iter.value))
            files[poll.file_count++] = iter.key;
    room->poll.is_under_way = true;
    room->poll.is_wanted = room->poll.doubts_people = false;
    room->poll.asked_ms = registry->now_ms;
    room->pending++;
    registry->counts.polls++;
    registry->state->ops->poll(registry->state, &ticket, &poll);
    free(files);
}

void poll_want(struct room *room)
{
    room->poll.is_wanted = true;
    poll_tick(room, room->registry->now_ms);
}

void poll_want_people(struct room *room)
{
    room->poll.doubts_people = true;
    poll_want(room);
}

void poll_count(struct room *room, uint64_t tick)
{
    if (tick == room->poll.heard + 1)
        room->poll.heard = tick;
    else if (tick > room->poll.heard)
        poll_want(room);
}

void poll_tick(struct room *room, uint64_t now_ms)
{
    if (room->phase != ROOM_READY || !room->registry->state->is_shared || room->poll.is_under_way)
        return;
    uint64_t at_ms = room->poll.is_wanted && !room->poll.failures ? room->poll.asked_ms + LEAST_MS
                                                                  : room->poll.due_ms;
#if WEFT_MUTANT == 3
    if (!room->poll.is_wanted)
        return;
#endif
    if (now_ms >= at_ms)
        ask(room);
}

/* ---- the answer ---- */

static bool settle_file(struct file *file, const struct state_mark *mark)
{
    if (mark->version > file_version(file)) {
        if (file->phase == FILE_CLOSED)
            file->version = mark->version;
        else
            catchup_start(file);
    }
    if (mark->saved_version <= file->saved_version)
        return false;
    file->saved_version = mark->saved_version;
    return true;
}

static void tell_saved(struct room *room, const struct saved_mark *marks, size_t count)
{
    struct buf *out = &room->registry->out;
    buf_reset(out);
    encode_saved(out, marks, count, room->registry->wall_ms);
    room_post(room, blob_new(out->data, out->len), NULL, 0);
}

static void settle_files(struct room *room, const struct state_polled *answer)
{
    struct saved_mark *saved = mem_realloc_array(NULL, answer->mark_count + 1, sizeof saved[0]);
    size_t count = 0;
    for (size_t i = 0; i < answer->mark_count; i++) {
        const struct state_mark *mark = &answer->marks[i];
        struct file *file = room_file(room, mark->f);
        if (!file)
            continue;
        if (mark->version == UINT64_MAX)
            tree_catch_up(room); /* it was deleted */
        else if (settle_file(file, mark))
            saved[count++] = (struct saved_mark){file->f, file->saved_version};
    }
    if (count)
        tell_saved(room, saved, count);
    free(saved);
}

void poll_answered(struct room *room, const struct state_polled *answer)
{
    struct registry *registry = room->registry;
    room->poll.is_under_way = false;
    if (room_upset(room, answer->result) || room->phase != ROOM_READY)
        return;
    if (answer->result != STATE_OK) {
        room->poll.is_wanted = room->poll.doubts_people = true;
        room->poll.due_ms = registry->now_ms + backoff_ms(registry, room->poll.failures++);
        return;
    }
    room->poll.failures = 0;
    room->poll.due_ms = registry->now_ms + EVERY_MS;
    room->poll.told = answer->tick;
    room->had_people = room->session_count > 0;
    if (room->poll.heard < answer->tick)
        room->poll.heard = answer->tick;
    room->poll.people_rev = answer->people_rev;
    settle_files(room, answer);
    if (answer->e > room->e)
        tree_catch_up(room);
    if (answer->has_people)
        people_settle(room, answer->people, answer->people_count);
}
