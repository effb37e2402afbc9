#include "degrade.h"
#include "poll.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/log.h"

#define TELL_AFTER_MS 1000u /* a link that is rebuilt at once is nobody's business */

static struct blob *notice(struct registry *registry, bool on)
{
    buf_reset(&registry->out);
    encode_degraded(&registry->out, on);
    return blob_new(registry->out.data, registry->out.len);
}

static void tell(struct registry *registry, bool on)
{
    struct blob *blob = notice(registry, on);
    struct session *session, *next;
    registry->degraded.told = on;
    registry->counts.degraded += on;
    log_warn("the shared state is %s", on ? "away" : "back");
    LIST_EACH_SAFE(session, &registry->sessions, link, next)
    if (session->phase == SESSION_LIVE)
        session_push(session, blob_ref(blob), QUEUE_PLAIN, 0);
    blob_unref(blob);
}

void degrade_greet(struct session *session)
{
    if (session->registry->degraded.told)
        session_push(session, notice(session->registry, true), QUEUE_PLAIN, 0);
}

/* What waits is done now, and what was missed is asked for. */
static void go_on(struct registry *registry)
{
    struct room *room;
    TAILQ_FOREACH(room, &registry->rooms, link)
    {
        if (room->phase != ROOM_READY)
            continue;
        room_retry(room, UINT64_MAX);
        poll_want(room);
    }
}

void degrade_link(struct registry *registry, bool is_up)
{
    if (is_up == !registry->degraded.is_down)
        return;
    registry->degraded.is_down = !is_up;
    registry->degraded.since_ms = registry->now_ms;
    if (!is_up)
        return;
    if (registry->degraded.told)
        tell(registry, false);
    go_on(registry);
}

static void send_away(struct registry *registry)
{
    struct session *session, *next;
    LIST_EACH_SAFE(session, &registry->sessions, link, next)
    {
        if (session->phase != SESSION_LIVE)
            continue;
        registry->counts.degraded_closed++;
        session_close(session, 4503, "the server cannot reach its store");
    }
}

void degrade_tick(struct registry *registry, uint64_t now_ms)
{
    if (!registry->degraded.is_down)
        return;
    uint64_t away_ms = now_ms - registry->degraded.since_ms;
    if (away_ms >= TELL_AFTER_MS && !registry->degraded.told)
        tell(registry, true);
    if (away_ms >= registry->config.degraded_ms)
        send_away(registry);
}
