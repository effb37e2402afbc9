/*
 * What Redis holds of Weft, in memory, and the scripts of src/io/redis/ as C functions over it: the
 * same words in, the same answers out, one step each. No connections and no faults: those are
 * link.c's. tests/unit/test_state_port.c and test_state_shared.c hold it and the real Redis to the
 * same answers.
 *
 * A call is copied when it is made (model_call.c) and executed later, or never. Those that may
 * write are kept in the order of their execution, like an append-only file: a restart that lost the
 * last of them is the others executed again.
 */
#ifndef MODEL_REDIS_H
#define MODEL_REDIS_H

#include "weft/base/arena.h"
#include "weft/base/buf.h"
#include "weft/core/hint.h"
#include "weft/core/state.h"

/* op, field of the union of arguments or "none", may it write */
#define MODEL_OPS(X)                                                                               \
    X(OPEN, true)                                                                                  \
    X(CREATE, true)                                                                                \
    X(APPEND, true)                                                                                \
    X(READ, false)                                                                                 \
    X(TREE, true)                                                                                  \
    X(EVENTS, false)                                                                               \
    X(LEAVE, true)                                                                                 \
    X(POLL, false)                                                                                 \
    X(RENEW, true)                                                                                 \
    X(CHECKPOINT, true)                                                                            \
    X(OFFER, true)                                                                                 \
    X(OFFERS, false)                                                                               \
    X(POPULATE, true)                                                                              \
    X(ABANDON, true)                                                                               \
    X(CLAIM, true)                                                                                 \
    X(SETTLE, true)                                                                                \
    X(DIRTY, false)                                                                                \
    X(SAVED, true)                                                                                 \
    X(UNLOAD, true)

enum model_op {
#define MODEL_OP_ENUM(op, writes) MODEL_##op,
    MODEL_OPS(MODEL_OP_ENUM)
#undef MODEL_OP_ENUM
        MODEL_OP_COUNT
};

/* A script call, its arguments copied. What the real state computes for a script and core does not
 * give (epoch of a create, how long to ask) stands beside it. */
struct model_call {
    enum model_op op;
    uint64_t room, request;
    const char *project, *epoch, *run, *instance;
    uint64_t at_us; /* of the server's clock, when it was executed */
    union {
        struct {
            struct state_open open;
            uint64_t ask_ms;
        } open;
        struct {
            struct state_create create;
            const char *epoch;
        } create;
        struct state_append append;
        struct state_read read;
        struct state_tree tree;
        uint64_t events_after;
        struct state_member leave;
        struct state_poll poll;
        struct {
            const struct state_member *members;
            size_t count;
        } renew;
        struct state_checkpoint checkpoint;
        struct state_offer offer;
        const char *token; /* offers, abandon */
        struct state_populate populate;
        uint64_t claim_ms;
        struct state_settle settle;
        size_t dirty_most;
        struct {
            const struct state_saved_file *files;
            size_t count;
            uint64_t ts;
        } saved;
    } u;
};

/* The answer of core's port, but for the script's own word where that says more. */
struct model_answer {
    enum state_result result;
    bool is_again; /* it was done before, and is only told again */
    union {
        struct state_opened opened;
        struct state_appended appended;
        struct state_rows rows;
        struct state_treed treed;
        struct state_events events;
        struct state_polled polled;
        struct state_offers offers;
        struct state_claimed claimed;
        struct state_dirty dirty;
        struct state_saved saved;
        struct state_unloaded unloaded;
    } u;
};

/* ---- what is held ---- */

struct model_file {
    struct model_file *next;
    uint64_t f, version, rev, len, content_version, saved_rev, saved_version;
    uint64_t updated_at, updated_by;
    const char *path, *eol, *content;
    size_t content_len;
    bool is_deleted; /* a tombstone: not in the tree */
    bool is_dirty;
    uint64_t dirty_at;
    struct blob **log; /* log_count entries after log_from, up to version */
    uint64_t log_from;
    size_t log_count, log_room;
    struct state_seen *seen;
    size_t seen_count, seen_room;
};

/* Of a cid: its generation, what to show of it, and whether it is a member. */
struct model_person {
    struct model_person *next;
    uint64_t cid, k, nonce, gone_at;
    bool is_shown, is_member;
    uint64_t until; /* of the member's lease */
    uint64_t shown_k;
    const char *inst, *user, *name;
    int color;
};

enum model_phase { MODEL_NOTHING, MODEL_LOADING, MODEL_READY, MODEL_RECOVERING };

struct model_asked {
    uint64_t by, nonce, e;
};

struct model_project {
    struct model_project *next;
    const char *name;
    /* meta */
    enum model_phase phase;
    uint64_t expires; /* of meta: 0 = never */
    char epoch[EPOCH_SIZE];
    const char *run, *live, *title, *template;
    uint64_t tick, people_rev, next_file, e;
    const char *load_token, *load_run, *load_by;
    uint64_t load_until;
    /* the other keys */
    struct model_file *files;
    struct model_person *people;
    struct blob **events; /* event_count of them, the last one is e */
    size_t event_count, event_room;
    struct model_asked *asked;
    size_t asked_count, asked_room;
    struct state_offer_tree *offered_tree;
    struct state_offer_file **offered;
    size_t offered_count, offered_room;
    uint64_t offers_expire;
    /* weft:due, weft:claims */
    uint64_t due; /* 0 = not there */
    const char *claim;
    uint32_t save_tries; /* of meta */
};

struct model_config {
    uint64_t lease_ms, load_ms, save_after_ms;
    uint32_t history, events;
    bool trust_restarts;
};

struct model {
    struct arena arena;
    struct model_config config;
    struct model_project *projects;
    uint64_t now_us; /* its clock: since 1970 */
    const struct model_call **journal;
    size_t journal_count, journal_room;
    struct blob **blobs; /* all that it ever held; given back at the end */
    size_t blob_count, blob_room;
    bool is_replaying;
    void *owner;
    size_t (*instances)(void *owner); /* how many live */
    void (*publish)(void *owner, const char *project, const char *data, size_t len);
    struct buf out;
};

void model_init(struct model *model, const struct model_config *config);
void model_close(struct model *model);

/* Executes at now_us. The answer is borrowed until the next call of the arena's end. */
void model_execute(struct model *model, struct model_call *call, struct model_answer *answer);
/* Another run of it, without its last `lost` writes. */
void model_restart(struct model *model, size_t lost);

struct model_project *model_find(const struct model *model, const char *project);
struct model_file *model_find_file(const struct model_project *project, uint64_t f);
/* How many keys there are of it; leases that have ended count. */
size_t model_keys(const struct model *model, const char *project);
uint64_t model_members(const struct model *model, const struct model_project *project);
uint64_t model_epoch_number(const char *epoch);

/* ---- for the scripts (model_*.c) ---- */

uint64_t model_now_ms(const struct model *model);
/* STATE_OK where the project is here, ready, of the caller's run and epoch ("" believes in none).
 */
enum state_result model_gate(struct model *model, const struct model_call *call,
                             struct model_project **out);
/* One more change, told on the channel. */
void model_tell(struct model *model, struct model_project *project, const struct model_call *call,
                struct hint hint, const char *body, size_t len);
void model_mark(struct model *model, struct model_project *project, struct model_file *file,
                uint64_t after);
struct model_file *model_put_file(struct model *model, struct model_project *project,
                                  const struct state_populate_file *file);
void model_drop_file(struct model_project *project, struct model_file *file);
void model_erase(struct model_project *project);
/* The project, made where there is none. */
struct model_project *model_make(struct model *model, const char *project);
/* Keeps a reference until the end. Returns it. */
struct blob *model_keep(struct model *model, struct blob *taken);
/* Makes room for one more of size bytes behind count. Returns the array. */
void *model_grow(struct model *model, void *array, size_t count, size_t *room, size_t size);
struct model_file **model_tree(struct model *model, const struct model_project *project,
                               size_t *count);
const struct state_person *model_people(struct model *model, const struct model_project *project,
                                        size_t *count);
bool model_has_lease(const struct model *model, const struct model_project *project,
                     const struct model_call *call);
void model_set_seen(struct model *model, struct model_file *file, uint64_t cid, uint64_t n);
uint64_t model_seen(const struct model_file *file, uint64_t cid);
/* `<instance>.<microseconds>` */
const char *model_token(struct model *model, const struct model_call *call);

void model_open(struct model *model, const struct model_call *call, struct model_answer *answer);
void model_create(struct model *model, const struct model_call *call, struct model_answer *answer);
void model_append(struct model *model, const struct model_call *call, struct model_answer *answer);
void model_read(struct model *model, const struct model_call *call, struct model_answer *answer);
void model_change_tree(struct model *model, const struct model_call *call,
                       struct model_answer *answer);
void model_list_events(struct model *model, const struct model_call *call,
                       struct model_answer *answer);
void model_leave(struct model *model, const struct model_call *call, struct model_answer *answer);
void model_poll(struct model *model, const struct model_call *call, struct model_answer *answer);
void model_renew(struct model *model, const struct model_call *call, struct model_answer *answer);
void model_checkpoint(struct model *model, const struct model_call *call,
                      struct model_answer *answer);
void model_take_offer(struct model *model, const struct model_call *call,
                      struct model_answer *answer);
void model_list_offers(struct model *model, const struct model_call *call,
                       struct model_answer *answer);
void model_populate(struct model *model, const struct model_call *call,
                    struct model_answer *answer);
void model_abandon(struct model *model, const struct model_call *call, struct model_answer *answer);
void model_claim(struct model *model, const struct model_call *call, struct model_answer *answer);
void model_settle(struct model *model, const struct model_call *call, struct model_answer *answer);
void model_list_dirty(struct model *model, const struct model_call *call,
                      struct model_answer *answer);
void model_mark_saved(struct model *model, const struct model_call *call,
                      struct model_answer *answer);
void model_unload(struct model *model, const struct model_call *call, struct model_answer *answer);

#endif
