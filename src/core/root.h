/* The registry's insides, for core only. */
#ifndef WEFT_CORE_ROOT_H
#define WEFT_CORE_ROOT_H

#include "failing.h"
#include "query.h"
#include "rate.h"
#include "room.h"
#include "session.h"
#include "window.h"
#include "weft/base/map.h"
#include "weft/core/registry.h"
#include "weft/protocol/message.h"

struct registry {
    struct registry_config config;
    struct state *state;
    struct repository *repository;
    struct repository *checkpoints; /* see registry_set_checkpoints; NULL: there are none */
    struct bus *bus;
    const struct signer *signer;
    struct decoder *decoder;
    struct buf out; /* for one message at a time */
    uint64_t now_ms, wall_ms;
    uint64_t last_id; /* of sessions, rooms, queries, requests: one sequence */
    struct session_list sessions;
    struct session_list dirty_sessions;
    size_t session_count;
    struct map session_by_id;
    struct room_list rooms;
    struct room_list dirty_rooms;
    struct room_list detached; /* those of the rooms */
    struct map room_by_id;
    struct map room_by_project; /* text */
    struct map query_by_id;
    struct query_list refused_queries;
    struct registry_counts counts;
    struct {
        bool active, closed;
        uint64_t at_ms; /* when everybody is closed */
    } drain;
    uint64_t swept_ms;
    uint64_t complained_ms; /* of an append that failed: a line a second at most */
    struct {
        bool is_down, told;
        uint64_t since_ms;
    } degraded; /* the shared state is away */
    TAILQ_HEAD(load_list, load) loads;
    struct {
        TAILQ_HEAD(flush_list, flush) list;
        size_t count;
        struct window window; /* of those that save something */
        uint64_t claim_ms;    /* not before */
        uint64_t end_ms;      /* when everybody had left, in a drain; 0: not yet */
        bool is_claiming;
        bool is_quiet;   /* nothing was due when it was asked last */
        struct map ours; /* text: projects that the repository has as ours; not shared */
    } flush;
    struct failing failing; /* saves */
    struct map look_by_id;  /* into the history */
    struct {
        struct jobs *port; /* NULL: there are none */
        struct runner *runner;
        const struct job_kind *const *kinds;
        size_t kind_count;
        struct buf words; /* of the kinds, as a welcome has them */
        TAILQ_HEAD(job_ask_list, job_ask) asks;
        TAILQ_HEAD(work_list, work) works;
        size_t work_count;
        const struct job_kind **commands, **others; /* of the kinds: run here; done by others */
        size_t command_count, other_count;
        uint64_t take_id, answers_id, renew_id; /* of the call under way; 0 = none */
        uint64_t take_ms, answers_ms, renew_ms; /* when they are made next */
        struct work **renewing;                 /* in the order of the call; NULL: gone since */
        size_t renewing_count;
    } jobs;
};

struct flush;
struct job_ask;
struct load;
struct work;

uint64_t registry_id(struct registry *registry);
uint64_t registry_random(const struct registry *registry);
struct session *registry_session(const struct registry *registry, uint64_t id);

#endif
