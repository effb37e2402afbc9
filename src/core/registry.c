/* The root: it owns the lists, looks up who an answer is for, and calls the turn and the tick of
 * everything below. The order of one turn: batches go to the log; what each file and each room has
 * is joined and queued; every session that has something is written to. */
#include "root.h"
#include "batch.h"
#include "checkpoint.h"
#include "degrade.h"
#include "detached.h"
#include "flush.h"
#include "hello.h"
#include "hints.h"
#include "jobs.h"
#include "looks.h"
#include "loader.h"
#include "offers.h"
#include "poll.h"
#include "saver.h"
#include "tree.h"
#include "work.h"
#include "weft/base/blob.h"
#include "weft/base/list.h"
#include "weft/base/mem.h"
#include "weft/base/random.h"
#include "weft/core/transport.h"
#include <stdlib.h>
#include <string.h>

#define SWEEP_MS 1000 /* timeouts of connections are looked at so often */
#define STILL_MS 3000 /* and not at all after so long a gap */

static uint64_t kernel_random(void *owner)
{
    (void)owner;
    return random_u64();
}

struct registry_config registry_config_default(void)
{
    struct registry_config config = {
        .limits = limits_default(),
        .instance = "a",
        .save_after_ms = 2000,
        .save_retry_ms = 1000,
        .hello_timeout_ms = 10000,
        .dead_after_ms = 45000,
        .peer_off_ms = 2000,
        .resume_ms = 24u * 3600 * 1000,
        .unload_after_ms = 5000,
        .degraded_ms = 20000,
        .wait_ms = 10000,
        .load_ms = 14000,
        .window_ms = 3000,
        .ask_again_ms = 250,
        .claim_every_ms = 500,
        .claim_ms = 15000,
        .look_again_ms = 10000,
        .flush_concurrency = 3,
        .flush_count = 10,
        .flush_count_ms = 10000,
        .save_alarm_tries = 8,
        .jobs_at_once = 4,
        .job_lease_ms = 15000,
        .jobs_take_ms = 200,
        .random = kernel_random,
    };
    rates_default(config.rates);
    return config;
}

uint64_t registry_random(const struct registry *registry)
{
    return registry->config.random(registry->config.random_owner);
}

uint64_t registry_id(struct registry *registry)
{
    return ++registry->last_id;
}

struct session *registry_session(const struct registry *registry, uint64_t id)
{
    struct session *session = map_find(&registry->session_by_id, id);
    return session && session->phase != SESSION_CLOSING ? session : NULL;
}

/* ---- answers of the state: each finds its room again, which may be gone ---- */

static struct room *answered(struct registry *registry, uint64_t id)
{
    struct room *room = room_find(registry, id);
    if (room)
        room->pending--;
    return room;
}

static void state_opened(void *owner, const struct state_opened *answer)
{
    struct registry *registry = owner;
    struct room *room = answered(registry, answer->room);
    struct query *query = map_find(&registry->query_by_id, answer->request);
    struct session *session = registry_session(registry, answer->request);
    if (flush_opened(registry, answer))
        return;
    if (room)
        loader_heard(registry, room->project, answer);
    if (query)
        query_opened(query, answer);
    else if (room && session)
        hello_opened(room, session, answer);
    else if (room && room->phase == ROOM_DETACHED)
        detached_opened(room, answer);
}

static void created(struct registry *registry, const struct state_created *answer)
{
    struct query *query = map_find(&registry->query_by_id, answer->request);
    struct session *session = registry_session(registry, answer->request);
    if (query)
        query_created(registry, query, answer);
    else if (session)
        hello_created(session, answer);
}

static void state_created(void *owner, const struct state_created *answer)
{
    answered(owner, answer->room);
    created(owner, answer);
}

static struct file *answered_file(struct registry *registry, uint64_t room_id, uint64_t f)
{
    struct room *room = answered(registry, room_id);
    return room && room->phase == ROOM_READY ? map_find(&room->files, f) : NULL;
}

static void state_appended(void *owner, const struct state_appended *answer)
{
    struct file *file = answered_file(owner, answer->room, answer->f);
    if (file)
        batch_appended(file, answer);
}

static void state_rows(void *owner, const struct state_rows *answer)
{
    struct file *file = answered_file(owner, answer->room, answer->f);
    if (file)
        file_rows(file, answer);
    else if (answer->room == 0)
        flush_rows(owner, answer);
}

static void state_treed(void *owner, const struct state_treed *answer)
{
    struct room *room = answered(owner, answer->room);
    if (room)
        tree_answered(room, answer);
}

static void state_events(void *owner, const struct state_events *answer)
{
    struct registry *registry = owner;
    struct room *room = answered(registry, answer->room);
    struct session *session = registry_session(registry, answer->request);
    if (room && answer->request == room->events.id)
        tree_events(room, answer);
    else if (room && session)
        hello_events(room, session, answer);
}

static void state_polled(void *owner, const struct state_polled *answer)
{
    struct room *room = answered(owner, answer->room);
    if (room)
        poll_answered(room, answer);
}

static void state_checkpointed(void *owner, const struct state_checkpointed *answer)
{
    struct file *file = answered_file(owner, answer->room, answer->f);
    if (file)
        checkpoint_answered(file, answer);
}

static void state_link(void *owner, bool is_up)
{
    degrade_link(owner, is_up);
}

static void state_offered(void *owner, const struct state_offered *answer)
{
    struct room *room = answered(owner, answer->room);
    if (room)
        offers_answered(room, answer);
}

static void state_offers(void *owner, const struct state_offers *answer)
{
    loader_offers(owner, answer);
}

static void state_populated(void *owner, const struct state_populated *answer)
{
    loader_populated(owner, answer);
}

static void state_claimed(void *owner, const struct state_claimed *answer)
{
    flush_claimed(owner, answer);
}

static void state_dirty(void *owner, const struct state_dirty *answer)
{
    flush_dirty(owner, answer);
}

static void state_saved(void *owner, const struct state_saved *answer)
{
    flush_saved(owner, answer);
}

static void state_unloaded(void *owner, const struct state_unloaded *answer)
{
    flush_unloaded(owner, answer);
}

/* ---- answers of the repository ---- */

static void repository_saved(void *owner, const struct repository_saved *answer)
{
    struct room *room = answered(owner, answer->room);
    if (room)
        saver_saved(room, answer);
    else if (answer->room == 0)
        flush_stored(owner, answer);
}

static void repository_loaded(void *owner, const struct repository_loaded *answer)
{
    if (!flush_loaded(owner, answer))
        loader_loaded(owner, answer);
}

static void repository_begun(void *owner, const struct repository_done *answer)
{
    if (!flush_begun(owner, answer))
        loader_begun(owner, answer);
}

static void repository_released(void *owner, const struct repository_done *answer)
{
    flush_released(owner, answer);
}

static void repository_created(void *owner, const struct repository_done *answer)
{
    static const enum state_result results[] = {
        [REPOSITORY_DONE] = STATE_OK,
        [REPOSITORY_CHANGED] = STATE_EXISTS,
        [REPOSITORY_UNKNOWN] = STATE_BUSY,
    };
    if (!flush_created(owner, answer) && !loader_created(owner, answer))
        created(owner, &(struct state_created){0, answer->request, results[answer->result],
                                               answer->problem});
}

static void repository_points(void *owner, const struct repository_points *answer)
{
    looks_points(owner, answer);
}

/* ---- what other instances say ---- */

static void bus_received(void *owner, const char *project, const char *data, size_t len)
{
    hints_received(owner, project, data, len);
}

static void bus_joined(void *owner, const char *project)
{
    hints_joined(owner, project);
}

struct registry *registry_new(const struct registry_config *config, struct state *state,
                              struct repository *repository, struct bus *bus,
                              const struct signer *signer)
{
    struct registry *registry = mem_zalloc(sizeof *registry);
    registry->config = *config;
    registry->state = state;
    registry->repository = repository;
    registry->bus = bus;
    registry->signer = signer;
    registry->decoder = decoder_new(&registry->config.limits);
    TAILQ_INIT(&registry->sessions);
    TAILQ_INIT(&registry->dirty_sessions);
    TAILQ_INIT(&registry->rooms);
    TAILQ_INIT(&registry->dirty_rooms);
    TAILQ_INIT(&registry->detached);
    TAILQ_INIT(&registry->loads);
    map_init(&registry->session_by_id);
    map_init(&registry->room_by_id);
    map_init(&registry->room_by_project);
    map_init(&registry->query_by_id);
    TAILQ_INIT(&registry->refused_queries);
    flush_init(registry);
    jobs_init(registry);
    looks_init(registry);
    failing_init(&registry->failing, config->save_alarm_tries);
    state->sink = (struct state_sink){
        .owner = registry,
        .opened = state_opened,
        .created = state_created,
        .appended = state_appended,
        .rows = state_rows,
        .treed = state_treed,
        .events = state_events,
        .polled = state_polled,
        .checkpointed = state_checkpointed,
        .link = state_link,
        .offered = state_offered,
        .offers = state_offers,
        .populated = state_populated,
        .claimed = state_claimed,
        .dirty = state_dirty,
        .saved = state_saved,
        .unloaded = state_unloaded,
    };
    repository->sink = (struct repository_sink){
        .owner = registry,
        .saved = repository_saved,
        .loaded = repository_loaded,
        .begun = repository_begun,
        .released = repository_released,
        .created = repository_created,
        .points = repository_points,
    };
    bus->sink =
        (struct bus_sink){.owner = registry, .received = bus_received, .joined = bus_joined};
    return registry;
}

void registry_set_checkpoints(struct registry *registry, struct repository *checkpoints)
{
    registry->checkpoints = checkpoints;
    checkpoints->sink = (struct repository_sink){.owner = registry, .saved = repository_saved};
}

void registry_free(struct registry *registry)
{
    jobs_stop(registry);
    loader_close(registry);
    flush_close(registry);
    failing_close(&registry->failing);
    while (!TAILQ_EMPTY(&registry->rooms))
        room_free(TAILQ_FIRST(&registry->rooms));
    while (!TAILQ_EMPTY(&registry->sessions)) {
        struct session *session = TAILQ_FIRST(&registry->sessions);
        TAILQ_REMOVE(&registry->sessions, session, link);
        session_free(session);
    }
    query_answer_refused(registry);
    jobs_close(registry); /* its queries ended with the rooms */
    map_close(&registry->session_by_id);
    map_close(&registry->room_by_id);
    map_close(&registry->room_by_project);
    map_close(&registry->query_by_id);
    looks_close(registry);
    registry->state->sink = (struct state_sink){.owner = NULL};
    registry->repository->sink = (struct repository_sink){.owner = NULL};
    if (registry->checkpoints)
        registry->checkpoints->sink = (struct repository_sink){.owner = NULL};
    registry->bus->sink = (struct bus_sink){.owner = NULL};
    decoder_free(registry->decoder);
    buf_close(&registry->out);
    free(registry);
}

struct session *registry_connect(struct registry *registry, struct conn *conn, const char *remote,
                                 uint64_t now_ms)
{
    registry->now_ms = now_ms;
    if (registry->drain.active || registry->session_count >= registry->config.limits.sessions)
        return NULL;
    struct session *session = session_new(registry, conn, remote, now_ms);
    TAILQ_INSERT_TAIL(&registry->sessions, session, link);
    registry->session_count++;
    map_put(&registry->session_by_id, session->id, session);
    return session;
}

void registry_turn(struct registry *registry, uint64_t now_ms, uint64_t wall_ms)
{
    registry->now_ms = now_ms;
    registry->wall_ms = wall_ms;
    query_answer_refused(registry);
    while (!TAILQ_EMPTY(&registry->dirty_rooms)) {
        struct room *room = TAILQ_FIRST(&registry->dirty_rooms);
        TAILQ_REMOVE(&registry->dirty_rooms, room, dirty);
        room->is_dirty = false;
        room_turn(room);
    }
    while (!TAILQ_EMPTY(&registry->dirty_sessions)) {
        struct session *session = TAILQ_FIRST(&registry->dirty_sessions);
        TAILQ_REMOVE(&registry->dirty_sessions, session, dirty);
        session->is_dirty = false;
        session_flush(session);
        session_go_on(session);
    }
}

/* Connections that never said hello, or have not been heard of. */
static void sweep(struct registry *registry)
{
    struct session *session, *next;
    LIST_EACH_SAFE(session, &registry->sessions, link, next)
    {
        if (session->phase == SESSION_CLOSING)
            continue;
        if (session->phase == SESSION_NEW &&
            registry->now_ms - session->connected_ms > registry->config.hello_timeout_ms)
            session_close(session, 4408, "no hello");
        else if (registry->now_ms - session->heard_ms > registry->config.dead_after_ms)
            session_close(session, 1001, "nothing heard");
    }
}

static void close_all(struct registry *registry)
{
    struct session *session, *next;
    registry->drain.closed = true;
    LIST_EACH_SAFE(session, &registry->sessions, link, next)
    session_close(session, 1012, "the server restarts");
}

void registry_tick(struct registry *registry, uint64_t now_ms, uint64_t wall_ms)
{
    registry->now_ms = now_ms;
    registry->wall_ms = wall_ms;
    struct room *room, *next;
    LIST_EACH_SAFE(room, &registry->rooms, link, next)
    if (!room_tick(room, now_ms))
        room_free(room);
    degrade_tick(registry, now_ms);
    loader_tick(registry);
    flush_tick(registry);
    jobs_tick(registry);
    failing_sweep(&registry->failing, now_ms);
    uint64_t since_ms = now_ms - registry->swept_ms;
    if (since_ms >= SWEEP_MS) {
        registry->swept_ms = now_ms;
        /* Who stood still (a stopped process, a frozen machine) has not read what was sent to it
         * meanwhile: that comes first. */
        if (since_ms < STILL_MS)
            sweep(registry);
    }
    if (registry->drain.active && !registry->drain.closed && now_ms >= registry->drain.at_ms)
        close_all(registry);
}

void registry_drain(struct registry *registry, uint64_t now_ms, uint64_t in_ms, uint64_t spread_ms,
                    const char *why)
{
    registry->now_ms = now_ms;
    registry->drain.active = true;
    registry->drain.at_ms = now_ms + in_ms;
    struct buf *out = &registry->out;
    buf_reset(out);
    encode_drain(out, in_ms, spread_ms, why);
    struct blob *notice = blob_new(out->data, out->len);
    struct session *session, *next;
    LIST_EACH_SAFE(session, &registry->sessions, link, next)
    if (session->phase == SESSION_LIVE)
        session_push(session, blob_ref(notice), QUEUE_PLAIN, 0);
    blob_unref(notice);
    struct room *room;
    TAILQ_FOREACH(room, &registry->rooms, link)
    saver_hurry(room);
}

bool registry_needs_ticks(const struct registry *registry)
{
    return registry->session_count > 0 || !TAILQ_EMPTY(&registry->rooms) ||
           !TAILQ_EMPTY(&registry->loads) || registry->repository->is_shared ||
           work_needs_ticks(registry);
}

bool registry_idle(const struct registry *registry)
{
    const struct room *room;
    TAILQ_FOREACH(room, &registry->rooms, link)
    if (room->pending || !saver_clean(room))
        return false;
    TAILQ_FOREACH(room, &registry->detached, detached.link)
    if (detached_is_needed(room))
        return false;
    return registry->session_count == 0 && flush_is_done(registry) && work_is_done(registry);
}

const struct template *registry_templates(const struct registry *registry, size_t *count)
{
    *count = registry->config.template_count;
    return registry->config.templates;
}

const struct registry_counts *registry_counts(const struct registry *registry)
{
    struct registry_counts *counts = (struct registry_counts *)&registry->counts;
    counts->sessions = registry->session_count;
    counts->rooms = registry->room_by_id.count;
    counts->stuck = registry->failing.stuck;
    return counts;
}
