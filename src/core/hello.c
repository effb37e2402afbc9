/* hello → state.open → (create from a template → open again) → (missed events) → welcome. The
 * session waits in SESSION_JOINING, either with exactly one call of a port under way or in the
 * room's waiters, which keeps the room alive. What it sends meanwhile is kept and handled behind
 * welcome.
 *
 * Of a shared state nobody may know what became of a call. Then it is asked from the beginning: the
 * open of one hello carries one nonce, so that it is the same one however often it is made. */
#include "hello.h"
#include "batch.h"
#include "dispatch.h"
#include "people.h"
#include "resume.h"
#include "root.h"
#include "templates.h"
#include "weft/base/blob.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/core/transport.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hello_refuse(struct session *session, enum err code, const char *why)
{
    struct error error = {ERR_OK, ""};
    (void)error_set(&error, code, "%s", why);
    session_error(session, &error, NULL, 0, 0, true);
}

static char *copy_text(struct text text)
{
    return text.text ? mem_strndup(text.text, text.len) : NULL;
}

struct room *hello_enter(struct session *session)
{
    session->room = room_enter(session->registry, session->room->project);
    return session->room;
}

void hello_ask(struct session *session)
{
    hello_enter(session);
    struct state_open open = {
        .cid = session->cid,
        .k = session->greeting->k,
        .nonce = session->greeting->nonce,
        .user = session->person->user,
        .name = session->person->name,
        .color = session->person->color,
        .want_tree = session->room->phase == ROOM_OPENING,
    };
    room_ask(session->room, session->id, &open);
}

void hello_left(struct session *session)
{
    waiting_stop(&session->greeting->wait);
    people_left(session->room, session); /* its open is under way, or was answered */
}

/* Who it is: the cid of its resume token, or a new one. */
static void identify(struct session *session, const struct message *message)
{
    struct registry *registry = session->registry;
    const char *name = message->u.hello.name.text;
    int color = message->u.hello.has_color ? (int)message->u.hello.color : -1;
    struct resume resume;
    if (!name || !*name)
        name = "Guest";
    if (message->u.hello.resume.text &&
        resume_parse(registry->signer, message->u.hello.project.text, message->u.hello.resume.text,
                     registry->wall_ms, &resume)) {
        session->cid = resume.cid;
        session->person = person_new(resume.user, name, color);
        session->greeting->k = message->u.hello.k;
        session->greeting->is_resumed = true;
        return;
    }
    do
        session->cid = registry->config.random(registry->config.random_owner) & CID_MAX;
    while (session->cid == 0 || people_find(session->room, session->cid));
    char user[32];
    snprintf(user, sizeof user, "guest-%012" PRIx64, session->cid);
    session->person = person_new(user, name, color);
    session->greeting->k = message->u.hello.k ? message->u.hello.k : 1;
}

void hello_receive(struct session *session, const struct message *message)
{
    struct registry *registry = session->registry;
    if (message->u.hello.v != 1) {
        session_refuse(session, &(struct error){ERR_BAD_MESSAGE, "this server speaks v 1"},
                       &message->q, 4400);
        return;
    }
    struct greeting *greeting = mem_zalloc(sizeof *greeting);
    greeting->template = copy_text(message->u.hello.template);
    greeting->ep = copy_text(message->u.hello.ep);
    greeting->e = message->u.hello.e;
    greeting->has_e = message->u.hello.has_e;
    greeting->nonce = registry_random(registry) | 1;
    greeting->wait.session = session;
    session->greeting = greeting;
    session->room = room_enter(registry, message->u.hello.project.text);
    session->phase = SESSION_JOINING;
    identify(session, message);
    session->k = greeting->k;
    hello_ask(session);
}

/* ---- welcome ---- */

static size_t list_peers(const struct room *room, uint64_t cid, struct peer_info **out)
{
    struct peer_info *peers = mem_realloc_array(NULL, room->by_cid.count + 1, sizeof *peers);
    size_t count = 0;
    const struct member *member;
    /* Those who just left too: their leave is told later, to everybody. */
    TAILQ_FOREACH(member, &room->members, link)
    {
        if (member->cid != cid)
            peers[count++] = people_peer(room, member);
    }
    *out = peers;
    return count;
}

static void push_welcome(struct session *session)
{
    struct registry *registry = session->registry;
    struct room *room = session->room;
    const struct greeting *greeting = session->greeting;
    struct resume resume = {.cid = session->cid,
                            .expires_ms = registry->wall_ms + registry->config.resume_ms};
    snprintf(resume.user, sizeof resume.user, "%s", session->person->user);
    char token[RESUME_SIZE];
    resume_print(registry->signer, room->project, &resume, token);
    bool known = greeting->ep && strcmp(greeting->ep, room->epoch) == 0 && greeting->has_e &&
                 greeting->e == room->e;
    size_t file_count = 0;
    struct file_info *files = known ? NULL : room_list(room, &file_count);
    struct peer_info *peers;
    size_t peer_count = list_peers(room, session->cid, &peers);
    struct welcome welcome = {
        .cid = session->cid,
        .e = room->e,
        .now = registry->wall_ms,
        .resume = token,
        .user = session->person->user,
        .name = session->person->name,
        .role = "edit",
        .ep = room->epoch,
        .inst = registry->config.instance,
        .store = registry->state->store_name,
        .files = files,
        .file_count = file_count,
        .peers = peers,
        .peer_count = peer_count,
        .limits = &registry->config.limits,
        .rates = registry->config.rates,
        .jobs = registry->jobs.kind_count ? registry->jobs.words.data : NULL,
    };
    buf_reset(&registry->out);
    encode_welcome(&registry->out, &welcome);
    session_push_buf(session, &registry->out);
    free(files);
    free(peers);
}

/* Of two connections of one cid the one with the higher k stays, in whatever order they come to
 * be welcomed: the older one goes, and what it had waiting can no longer enter the log. Returns
 * false where session itself is the older one. */
static bool take_over(struct room *room, struct session *session)
{
    struct member *member = people_find(room, session->cid);
    struct session *other = member ? member->session : NULL;
    if (other && other != session) {
        struct session *older = other->k > session->k ? session : other;
        session_close(older, 4409, "a newer connection has this cid");
        if (older == session)
            return false;
    }
    batch_fence(room, session->cid);
    return true;
}

/* The events after e, as far as the room has them: of later ones it hears with the others. */
static void push_missed(struct session *session, const struct room *room, uint64_t e,
                        const struct state_events *missed)
{
    if (!missed || missed->result != STATE_OK)
        return;
    for (size_t i = 0; i < missed->count && e + i < room->e; i++)
        session_push(session, blob_ref(missed->messages[i]), QUEUE_PLAIN, 0);
}

static void welcome(struct session *session, const struct state_events *missed)
{
    struct room *room = session->room;
    char label[256];
    if (session->registry->drain.active) {
        session_close(session, 1012, "the server restarts");
        return;
    }
    /* Another one may have been welcomed while this one waited for its events. */
    if (session->greeting->is_resumed && !take_over(room, session))
        return;
    if (room->session_count >= session->registry->config.limits.room_sessions) {
        hello_refuse(session, ERR_TOO_MANY, "this project has too many sessions");
        return;
    }
    room_flush(room);
    session->phase = SESSION_LIVE;
    conn_set_limit(session->conn, session->registry->config.limits.frame);
    uint64_t e = session->greeting->e;
    push_welcome(session); /* it may end the session */
    push_missed(session, room, e, missed);
    if (session->phase != SESSION_LIVE)
        return; /* it read too slowly for that */
    people_join(room, session);
    log_debug("session joined %s cid=%" PRIu64 " k=%" PRIu64 " resumed=%d remote=%s",
              session_label(session, label, sizeof label), session->cid, session->k,
              session->greeting->is_resumed, session->remote);
    dispatch_kept(session);
}

static void entered(struct room *room, struct session *session, const struct state_opened *answer)
{
    struct greeting *greeting = session->greeting;
    waiting_stop(&greeting->wait); /* it was asked twice, and is told to wait by the other answer */
    session->k = answer->k;
    bool behind = greeting->ep && strcmp(greeting->ep, room->epoch) == 0 && greeting->has_e &&
                  greeting->e < room->e;
    if (!behind) {
        welcome(session, NULL);
        return;
    }
    if (greeting->is_resumed && !take_over(room, session))
        return;
    struct state_ticket ticket = room_ticket(room, session->id);
    room->pending++;
    room->registry->state->ops->events(room->registry->state, &ticket, greeting->e);
}

/* A repository does not say which room its answer is for. */
static void await_creation(struct session *session)
{
    if (session->registry->repository->is_shared)
        waiting_add(&session->greeting->wait, session->registry->config.wait_ms);
    else
        session->room->pending++;
}

static void no_project(struct room *room, struct session *session)
{
    const char *template = session->greeting->template;
    struct state_ticket ticket = room_ticket(room, session->id);
    if (!template)
        hello_refuse(session, ERR_NO_PROJECT,
                     "there is no such project; name a template to create it");
    else if (templates_create(room->registry, &ticket, NULL, template))
        await_creation(session);
    else
        hello_refuse(session, ERR_NO_PROJECT, "there is no such template");
}

void hello_opened(struct room *room, struct session *session, const struct state_opened *answer)
{
    if (session->phase != SESSION_JOINING || session->room != room ||
        waiting_opened(&session->greeting->wait, answer))
        return;
    switch (answer->result) {
    case STATE_OK:
        if (room->phase == ROOM_READY && strcmp(room->epoch, answer->epoch) != 0)
            room_end(room, 4503, "the project has a new epoch");
        if (room->phase == ROOM_OVER)
            session_close(session, 4503, "the room was closed");
        else if (room->phase == ROOM_DETACHED || !room_fill(room, answer))
            hello_ask(session);
        else if (!waiting_for_tree(&session->greeting->wait, answer))
            entered(room, session, answer);
        break;
    case STATE_NO_PROJECT:
        no_project(room, session);
        break;
    case STATE_STRAGGLER:
        session_close(session, 4409, "a newer connection has this cid");
        break;
    case STATE_BUSY:
        hello_refuse(session, ERR_BUSY, answer->problem ? answer->problem : err_text(ERR_BUSY));
        break;
    default:
        log_error("project cannot be opened project=%s problem=\"%s\"", room->project,
                  answer->problem ? answer->problem : "");
        hello_refuse(session, ERR_INTERNAL,
                     "the project is stored but cannot be read; nothing was overwritten");
    }
}

void hello_created(struct session *session, const struct state_created *answer)
{
    if (session->phase != SESSION_JOINING)
        return;
    waiting_stop(&session->greeting->wait);
    if (answer->result == STATE_OK || answer->result == STATE_EXISTS)
        hello_ask(session);
    else if (waiting_is_on(session->registry))
        waiting_try_again(&session->greeting->wait);
    else
        hello_refuse(session, ERR_BUSY, answer->problem ? answer->problem : err_text(ERR_BUSY));
}

void hello_events(struct room *room, struct session *session, const struct state_events *answer)
{
    if (session->phase != SESSION_JOINING || session->room != room)
        return;
    bool is_unknown = room->registry->state->is_shared && answer->result == STATE_BUSY;
    (void)room_upset(room, answer->result);
    if (room->phase == ROOM_OVER)
        session_close(session, 4503, "the room was closed");
    else if (is_unknown || room->phase == ROOM_DETACHED)
        waiting_try_again(&session->greeting->wait);
    else
        welcome(session, answer);
}
