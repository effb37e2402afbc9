/* A detached room ends in one way: the state says that it holds the project again. By then a load
 * has chosen from all that was offered. Hints (that somebody loads it, that it is ready) only make
 * the room act sooner: anybody may forge them. */
#include "detached.h"
#include "batch.h"
#include "offers.h"
#include "opens.h"
#include "root.h"
#include "weft/base/list.h"
#include "weft/base/log.h"
#include <string.h>

#define LOOK_MS                                                                                    \
    750u /* and up to 500 more, by chance: the room asks for a load about once a second */

static void drop_waiting(struct room *room)
{
    struct map_iter iter = {0};
    while (map_next(&room->files, &iter)) {
        batch_drop_all(iter.value, ERR_BUSY, "the project is loaded again");
        opens_fail_queries(iter.value, ERR_BUSY);
    }
}

void detached_begin(struct room *room)
{
    struct registry *registry = room->registry;
    if (room->phase != ROOM_READY)
        return;
    room->had_people |= room->session_count > 0;
    room->detached.nonce = registry_random(registry) | 1;
    room->detached.look_ms = registry->now_ms;
    room->phase = ROOM_DETACHED;
    room_unlist(room);
    TAILQ_INSERT_TAIL(&registry->detached, room, detached.link);
    bool is_needed = detached_is_needed(room);
    log_write(is_needed ? LOG_WARN : LOG_INFO,
              "room is not in the state any more project=%s epoch=%s sessions=%zu unsaved=%d",
              room->project, room->epoch, room->session_count, is_needed);
    struct session *session, *next;
    LIST_EACH_SAFE(session, &room->sessions, of_room, next)
    session_close(session, 4503, "the project is loaded again");
    drop_waiting(room);
    if (is_needed)
        offers_start(room);
}

/* Without a repository the state is the only place. And while there were people, what they did to
 * the tree may not be saved, of which a replica knows nothing. */
bool detached_is_needed(const struct room *room)
{
    return !room->detached.is_over &&
           (!room->registry->repository->is_shared || room->had_people || room_has_unsaved(room));
}

static void look(struct room *room)
{
    struct state_open open = {.nonce = room->detached.nonce, .color = -1};
    room->detached.look_ms = UINT64_MAX; /* until it is answered */
    room_ask(room, 0, &open);
}

static void look_in(struct room *room, uint64_t ms)
{
    room->detached.look_ms = room->registry->now_ms + ms;
}

void detached_tick(struct room *room, uint64_t now_ms)
{
    if (detached_is_needed(room) && now_ms >= room->detached.look_ms)
        look(room);
}

void detached_opened(struct room *room, const struct state_opened *answer)
{
    struct registry *registry = room->registry;
    look_in(room, LOOK_MS + registry_random(registry) % 500);
    if (answer->result == STATE_WAIT)
        offers_start(room);
}

/* ---- all of a project ---- */

static bool is_of(const struct room *room, const char *project)
{
    return strcmp(room->project, project) == 0;
}

void detached_asked(struct registry *registry, const char *project)
{
    struct room *room = room_listed(registry, project);
    if (room && room->phase == ROOM_READY)
        offers_start(room);
    TAILQ_FOREACH(room, &registry->detached, detached.link)
    if (is_of(room, project))
        offers_start(room);
}

void detached_ready(struct registry *registry, const char *project)
{
    struct room *room = room_listed(registry, project);
    if (room)
        waiting_hinted(room);
    TAILQ_FOREACH(room, &registry->detached, detached.link)
    if (is_of(room, project) && room->detached.look_ms != UINT64_MAX)
        look_in(room, 0);
}

void detached_end(struct registry *registry, const char *project)
{
    struct room *room;
    TAILQ_FOREACH(room, &registry->detached, detached.link)
    {
        if (!is_of(room, project) || room->detached.is_over)
            continue;
        room->detached.is_over = true;
        if (!room_has_unsaved(room) || room->offered_ms)
            continue;
        /* It came too late to offer what it had. */
        registry->counts.let_go++;
        log_error("edits of a room that was not heard in time are let go project=%s epoch=%s",
                  room->project, room->epoch);
    }
}

bool detached_exists(const struct registry *registry, const char *project)
{
    const struct room *room;
    TAILQ_FOREACH(room, &registry->detached, detached.link)
    if (is_of(room, project) && detached_is_needed(room))
        return true;
    return false;
}

void detached_give(const struct registry *registry, const char *project, struct choice *choice)
{
    const struct room *room;
    TAILQ_FOREACH(room, &registry->detached, detached.link)
    if (is_of(room, project) && !room->detached.is_over)
        offers_give(room, choice);
}
