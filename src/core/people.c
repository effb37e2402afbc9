/* A member is a person by cid. It is here (it has a session), on another instance (it has that
 * instance's name), or gone; a gone one is kept for peer_off_ms, so that a reconnect does not
 * flicker.
 *
 * Hints show others early; that they are right is settled by the next poll. What cannot be taken
 * back, closing a session whose cid has come back elsewhere, is done only on the word of the state.
 */
#include "people.h"
#include "authors.h"
#include "degrade.h"
#include "presence.h"
#include "root.h"
#include "saver.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/mem.h"
#include <stdlib.h>
#include <string.h>

#define RENEW_MS 3000u
#define UNCOUNTED_MS 7000u /* two renewals, and the polls behind them */

struct member *people_find(const struct room *room, uint64_t cid)
{
    return map_find(&room->by_cid, cid);
}

bool people_is_here(const struct member *member)
{
    return member->session || member->inst;
}

static void free_member(struct room *room, struct member *member)
{
    TAILQ_REMOVE(&room->members, member, link);
    if (member->is_moved)
        TAILQ_REMOVE(&room->moved, member, moved);
    map_remove(&room->by_cid, member->cid);
    person_unref(member->person);
    free(member->sel);
    free(member->inst);
    free(member);
}

void people_free(struct room *room)
{
    while (!TAILQ_EMPTY(&room->members))
        free_member(room, TAILQ_FIRST(&room->members));
}

/* ---- telling ---- */

/* A crowd that comes at once is told of itself in one message, not in as many as there are people.
 */
static void tell_notices(struct room *room)
{
    struct session *session, *next;
    LIST_EACH_SAFE(session, &room->sessions, of_room, next)
    {
        size_t from = session->notices_from;
        session->notices_from = 0;
        session_deliver_from(session, &room->notices, from, QUEUE_PLAIN, 0);
    }
    outbox_clear(&room->notices);
}

struct peer_info people_peer(const struct room *room, const struct member *member)
{
    const struct person *person = member->person;
    return (struct peer_info){
        .by = member->cid,
        .f = room_file(room, member->f) ? member->f : 0, /* it may have been deleted */
        .user = person->user,
        .name = person->name,
        .color = person->color,
    };
}

static void post_peer(struct room *room, const struct member *member, bool on)
{
    struct buf *out = &room->registry->out;
    buf_reset(out);
    const struct peer_info peer = people_peer(room, member);
    encode_peer(out, &peer, on);
    outbox_add(&room->notices, blob_new(out->data, out->len), NULL, member->cid);
    if (room->notices.count == OUTBOX_MESSAGES)
        tell_notices(room);
}

/* ---- coming and going ---- */

static struct member *add_member(struct room *room, uint64_t cid)
{
    struct member *member = mem_zalloc(sizeof *member);
    member->cid = cid;
    TAILQ_INSERT_TAIL(&room->members, member, link);
    map_put(&room->by_cid, cid, member);
    room->gone_count++;
    return member;
}

/* Nobody holds it now: its leave is told after a while. */
static void set_gone(struct room *room, struct member *member)
{
    room->gone_count++;
    member->gone_ms = room->registry->now_ms;
}

/* Where it was until now does not count any more. */
static struct member *find_or_add(struct room *room, uint64_t cid)
{
    struct member *member = people_find(room, cid);
    if (!member)
        member = add_member(room, cid);
    if (!people_is_here(member))
        room->gone_count--;
    if (member->inst)
        room->remote_count--;
    free(member->inst);
    member->inst = NULL;
    return member;
}

/* Takes person; tells the others, unless they know it so. */
static void set_person(struct room *room, struct member *member, struct person *person)
{
    bool told = member->person && person_same(member->person, person);
    person_unref(member->person);
    member->person = person;
    if (!told)
        post_peer(room, member, true);
}

void people_join(struct room *room, struct session *session)
{
    struct registry *registry = room->registry;
    struct member *member = find_or_add(room, session->cid);
    member->session = session;
    member->k = session->k;
    session->member = member;
    session->notices_from = room->notices.count;
    session->resumed_id = registry->state->is_shared && session->k > 1 ? registry_id(registry) : 0;
    TAILQ_INSERT_TAIL(&room->sessions, session, of_room);
    room->session_count++;
    set_person(room, member, person_ref(session->person));
    degrade_greet(session);
}

void people_left(struct room *room, const struct session *session)
{
    struct state *state = room->registry->state;
    struct state_ticket ticket = room_ticket(room, session->id);
    state->ops->leave(state, &ticket, session->cid, session->k);
}

void people_leave(struct room *room, struct session *session)
{
    struct member *member = session->member;
    TAILQ_REMOVE(&room->sessions, session, of_room);
    room->session_count--;
    session->member = NULL;
    if (member->session == session) {
        member->session = NULL;
        set_gone(room, member);
        people_left(room, session);
    }
    if (room->session_count == 0) {
        room->idle_ms = room->registry->now_ms;
        saver_hurry(room);
    }
}

/* ---- other instances ---- */

/* Who was not seen here before has seen none of our cursors. */
static bool is_new_instance(const struct room *room, const char *inst)
{
    const struct member *member;
    TAILQ_FOREACH_REVERSE(member, &room->members, member_list, link)
    if (member->inst && strcmp(member->inst, inst) == 0)
        return false;
    return true;
}

static void set_remote(struct room *room, const struct state_person *person)
{
    const struct member *known = people_find(room, person->cid);
    bool is_there = known && known->inst && strcmp(known->inst, person->inst) == 0;
    if (!is_there && is_new_instance(room, person->inst))
        presence_show_again(room);
    struct member *member = find_or_add(room, person->cid);
    member->inst = mem_strdup(person->inst);
    member->k = person->k;
    room->remote_count++;
    set_person(room, member, person_new(person->user, person->name, person->color));
}

static bool is_ours(const struct room *room, const struct state_person *person)
{
    const struct member *member = people_find(room, person->cid);
    return strcmp(person->inst, room->registry->config.instance) == 0 ||
           (member && member->session);
}

void people_heard(struct room *room, const struct state_person *person)
{
    const struct member *member = people_find(room, person->cid);
    if (!is_ours(room, person) && (!member || member->k <= person->k))
        set_remote(room, person);
}

static void end_remote(struct room *room, struct member *member)
{
    free(member->inst);
    member->inst = NULL;
    room->remote_count--;
    set_gone(room, member);
}

void people_gone(struct room *room, uint64_t cid, uint64_t k)
{
    struct member *member = people_find(room, cid);
    if (member && member->inst && member->k <= k)
        end_remote(room, member);
}

/* The state has a newer connection of the session's cid. */
static void take_over(struct room *room, const struct state_person *person)
{
    const struct member *member = people_find(room, person->cid);
    if (member && member->session && member->session->k < person->k)
        session_close(member->session, 4409, "a newer connection has this cid");
}

/* The state does not know of it: its lease ended while this process stood still, and the project
 * was unloaded and loaded again meanwhile. A lease that only ended is back with the next renewal;
 * who stays unknown is sent away, to come back as one that is counted. */
static void settle_own(struct room *room, struct member *member)
{
    uint64_t now_ms = room->registry->now_ms;
    if (member->round == room->people_round) {
        member->uncounted_ms = 0;
        return;
    }
    room->poll.doubts_people = true;
    if (member->uncounted_ms == 0)
        member->uncounted_ms = now_ms;
    else if (now_ms - member->uncounted_ms > UNCOUNTED_MS)
        session_close(member->session, 4503, "the state does not know of this session any more");
}

void people_settle(struct room *room, const struct state_person *people, size_t count)
{
    room->people_round++;
    for (size_t i = 0; i < count; i++) {
        take_over(room, &people[i]);
        if (!is_ours(room, &people[i]))
            set_remote(room, &people[i]); /* whatever a hint said of its k */
        struct member *known = people_find(room, people[i].cid);
        if (known)
            known->round = room->people_round;
    }
    struct member *member, *next;
    LIST_EACH_SAFE(member, &room->members, link, next)
    {
        if (member->inst && member->round != room->people_round)
            end_remote(room, member);
        else if (member->session)
            settle_own(room, member);
    }
}

/* ---- the tick ---- */

static void tell_leaves(struct room *room, uint64_t now_ms)
{
    struct member *member, *next;
    if (room->gone_count == 0)
        return;
    LIST_EACH_SAFE(member, &room->members, link, next)
    {
        if (people_is_here(member) || now_ms - member->gone_ms < room->registry->config.peer_off_ms)
            continue;
        post_peer(room, member, false);
        room->gone_count--;
        authors_left(room, member->cid);
        free_member(room, member);
    }
}

static void renew(struct room *room, uint64_t now_ms)
{
    struct state *state = room->registry->state;
    if (now_ms < room->renew_ms || room->session_count == 0)
        return;
    room->renew_ms = now_ms + RENEW_MS;
    struct state_member *members = mem_realloc_array(NULL, room->session_count, sizeof members[0]);
    size_t count = 0;
    const struct session *session;
    TAILQ_FOREACH(session, &room->sessions, of_room)
    members[count++] = (struct state_member){session->cid, session->k};
    struct state_ticket ticket = room_ticket(room, 0);
    state->ops->renew(state, &ticket, members, count);
    free(members);
}

void people_tick(struct room *room, uint64_t now_ms)
{
    tell_leaves(room, now_ms);
    if (room->notices.count)
        tell_notices(room);
    if (room->phase == ROOM_READY && room->registry->state->is_shared)
        renew(room, now_ms);
}
