#include "waiting.h"
#include "backoff.h"
#include "hello.h"
#include "query.h"
#include "root.h"
#include "tree.h"
#include "weft/base/list.h"

#define TREE_MS 1000u /* for events to be read and applied */
#define HINTS_MS 50u

static struct registry *registry_of(const struct waiter *waiter)
{
    return waiter->session ? waiter->session->registry : waiter->query->registry;
}

void waiting_stop(struct waiter *waiter)
{
    if (!waiter->room)
        return;
    TAILQ_REMOVE(&waiter->room->waiters, waiter, link);
    waiter->room = NULL;
}

void waiting_add(struct waiter *waiter, uint64_t in_ms)
{
    struct registry *registry = registry_of(waiter);
    struct room *room = waiter->session ? hello_enter(waiter->session) : query_enter(waiter->query);
    waiting_stop(waiter);
    if (waiter->since_ms == 0)
        waiter->since_ms = registry->now_ms;
    waiter->due_ms = registry->now_ms + in_ms;
    waiter->room = room;
    TAILQ_INSERT_TAIL(&room->waiters, waiter, link);
    room_join_channel(room); /* to hear that it is ready */
}

void waiting_try_again(struct waiter *waiter)
{
    waiting_add(waiter, backoff_ms(registry_of(waiter), waiter->tries++));
}

bool waiting_is_on(const struct registry *registry)
{
    return registry->state->is_shared || registry->repository->is_shared;
}

bool waiting_opened(struct waiter *waiter, const struct state_opened *answer)
{
    struct registry *registry = registry_of(waiter);
    if (!waiting_is_on(registry) || (answer->result == STATE_BUSY && !registry->state->is_shared))
        return false;
    if (answer->result == STATE_BUSY) {
        waiting_try_again(waiter);
        return true;
    }
    waiter->tries = 0;
    if (answer->result == STATE_LOAD)
        waiting_add(waiter, registry->config.wait_ms); /* it is woken when the load ends */
    else if (answer->result == STATE_WAIT)
        waiting_add(waiter, answer->wait_ms);
    else
        return false;
    return true;
}

bool waiting_for_tree(struct waiter *waiter, const struct state_opened *answer)
{
    struct room *room = waiter->session ? waiter->session->room : waiter->query->room;
    if (!room->registry->state->is_shared || answer->e <= room->e)
        return false;
    waiting_add(waiter, TREE_MS); /* it is woken when the events are here */
    tree_catch_up(room);
    return true;
}

static void ask(struct waiter *waiter)
{
    waiting_stop(waiter);
    if (waiter->session)
        hello_ask(waiter->session);
    else
        query_look(waiter->query);
}

static void give_up(struct waiter *waiter, enum err code, const char *why)
{
    waiting_stop(waiter);
    if (waiter->session)
        hello_refuse(waiter->session, code, why);
    else
        query_fail(waiter->query, code);
}

void waiting_wake(struct room *room)
{
    struct waiter *waiter, *next;
    LIST_EACH_SAFE(waiter, &room->waiters, link, next)
    ask(waiter);
}

static void wake_if_hinted(struct room *room, uint64_t now_ms)
{
    if (!room->wake.is_hinted || now_ms < room->wake.due_ms)
        return;
    room->wake.is_hinted = false;
    room->wake.due_ms = now_ms + HINTS_MS;
    waiting_wake(room);
}

void waiting_hinted(struct room *room)
{
    room->wake.is_hinted = true;
    wake_if_hinted(room, room->registry->now_ms);
}

void waiting_answer(struct room *room, const struct state_opened *answer)
{
    /* Some wait again, behind the others, for what they ask for now. */
    struct waiter *waiter, *next, *last = TAILQ_LAST(&room->waiters, waiter_list);
    LIST_EACH_SAFE(waiter, &room->waiters, link, next)
    {
        bool is_last = waiter == last;
        waiting_stop(waiter);
        if (waiter->session)
            hello_opened(room, waiter->session, answer);
        else
            query_opened(waiter->query, answer);
        if (is_last)
            break;
    }
}

void waiting_fail(struct room *room, enum err code, const char *why)
{
    struct waiter *waiter, *next;
    LIST_EACH_SAFE(waiter, &room->waiters, link, next)
    give_up(waiter, code, why);
}

void waiting_tick(struct room *room, uint64_t now_ms)
{
    struct waiter *waiter, *next;
    wake_if_hinted(room, now_ms);
    LIST_EACH_SAFE(waiter, &room->waiters, link, next)
    {
        if (now_ms - waiter->since_ms >= room->registry->config.wait_ms)
            give_up(waiter, ERR_BUSY, "the project cannot be opened now");
        else if (now_ms >= waiter->due_ms)
            ask(waiter);
    }
}
