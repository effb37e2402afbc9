/* One call of the state on its way: a script, its arguments, and what the answer must name. It owns
 * copies of the arguments until the answer has come, because a Redis that has forgotten the script
 * is sent all of it again. And the careful reading of what Redis answers: anybody may have written
 * into it. */
#ifndef STATE_REDIS_CALL_H
#define STATE_REDIS_CALL_H

#include "state_redis.h"
#include "weft/base/buf.h"

/* Those of jobs are the last. */
#define SCRIPT_TABLE(X)                                                                            \
    X(SCRIPT_ABANDON, "abandon", NULL)                                                             \
    X(SCRIPT_APPEND, "append", answer_appended)                                                    \
    X(SCRIPT_CHECKPOINT, "checkpoint", answer_checkpointed)                                        \
    X(SCRIPT_CLAIM, "claim", answer_claimed)                                                       \
    X(SCRIPT_CREATE, "create", answer_created)                                                     \
    X(SCRIPT_DIRTY, "dirty", answer_dirty)                                                         \
    X(SCRIPT_EVENTS, "events", answer_events)                                                      \
    X(SCRIPT_LEAVE, "leave", NULL)                                                                 \
    X(SCRIPT_OFFER, "offer", answer_offered)                                                       \
    X(SCRIPT_OFFERS, "offers", answer_offers)                                                      \
    X(SCRIPT_OPEN, "open", answer_opened)                                                          \
    X(SCRIPT_POLL, "poll", answer_polled)                                                          \
    X(SCRIPT_POPULATE, "populate", answer_populated)                                               \
    X(SCRIPT_READ, "read", answer_rows)                                                            \
    X(SCRIPT_RENEW, "renew", NULL)                                                                 \
    X(SCRIPT_SAVED, "saved", answer_saved)                                                         \
    X(SCRIPT_SETTLE, "settle", NULL)                                                               \
    X(SCRIPT_TREE, "tree", answer_treed)                                                           \
    X(SCRIPT_UNLOAD, "unload", answer_unloaded)                                                    \
    X(SCRIPT_JOB_ADD, "job_add", NULL)                                                             \
    X(SCRIPT_JOB_ANSWERS, "job_answers", NULL)                                                     \
    X(SCRIPT_JOB_CANCEL, "job_cancel", NULL)                                                       \
    X(SCRIPT_JOB_DROP, "job_drop", NULL)                                                           \
    X(SCRIPT_JOB_GET, "job_get", NULL)                                                             \
    X(SCRIPT_JOB_LIST, "job_list", NULL)                                                           \
    X(SCRIPT_JOB_OUTPUT, "job_output", NULL)                                                       \
    X(SCRIPT_JOB_RENEW, "job_renew", NULL)                                                         \
    X(SCRIPT_JOB_RETRY, "job_retry", NULL)                                                         \
    X(SCRIPT_JOB_SETTLE, "job_settle", NULL)                                                       \
    X(SCRIPT_JOB_TAKE, "job_take", NULL)

enum script {
#define SCRIPT_ENUM(id, name, answer) id,
    SCRIPT_TABLE(SCRIPT_ENUM)
#undef SCRIPT_ENUM
        SCRIPTS
};

struct state_redis {
    struct state port;
    struct redis_config config;
    struct redis_link *link;
    struct redis_counts *counts;
    const struct redis_script *scripts[SCRIPTS];
    bool is_up;             /* between state_redis_up and state_redis_down */
    char run[48];           /* of Redis, as last seen; "" before the first time */
    uint64_t started_ms;    /* Redis, on this process' clock */
    uint64_t replaced_ms;   /* when another run was met than before; 0 = never */
    uint64_t complained_ms; /* the last line in the log */
};

struct redisReply;

struct call {
    struct state_redis *state;
    enum script script;
    /* Gives the answer to a sink: reply, or where it is NULL, that nobody knows. call_answer, but
     * of jobs, whose port is owner. */
    void (*answered)(struct call *call, struct redisReply *reply);
    void *owner;
    uint64_t room, request;
    uint64_t f;            /* append, read, checkpoint */
    uint64_t by;           /* tree */
    uint64_t version;      /* checkpoint */
    enum state_tree_op op; /* tree */
    bool is_folder;        /* tree */
    bool with_text;        /* read */
    bool is_whole;         /* was sent with the script's text */
    struct buf bytes;      /* the arguments, one behind the other */
    size_t *ends;          /* where each ends */
    size_t count, room_for;
};

/* Returns a new call for the key weft:{project}:meta (no project: weft:jobs), with epoch (NULL:
 * ""), run and instance. */
struct call *call_new(struct state_redis *state, enum script script,
                      const struct state_ticket *ticket);
/* Adds an argument: a copy. NULL is "". */
void call_add(struct call *call, const char *data, size_t len);
void call_add_text(struct call *call, const char *text);
void call_add_u64(struct call *call, uint64_t value);
void call_add_i64(struct call *call, int64_t value);
/* "lf", "crlf", "cr" for a line ending, as the scripts have it. */
void call_add_eol(struct call *call, const char *eol);
/* Sends it, and frees it once it has been answered. */
void call_send(struct call *call);

/* Gives Redis the texts of all scripts. */
void call_load_scripts(struct state_redis *state);

/* ---- answers ---- */

/* A list of a reply, read from its front. What does not come as asked is "" or 0, and noted. */
struct reading {
    struct redisReply **at;
    size_t left;
    bool *is_bad;
};
/* Of anything but a list: an empty one. */
struct reading reading_of(struct redisReply *reply, bool *is_bad);
uint64_t take_u64(struct reading *from);
int take_int(struct reading *from);
/* Valid UTF-8; borrowed from the reply. len may be NULL, then it has no NUL inside. */
const char *take_text(struct reading *from, size_t *len);
/* Any bytes; NULL where the script says that there are none. */
const char *take_bytes(struct reading *from, size_t *len);
const char *take_eol(struct reading *from);
struct reading take_list(struct reading *from);
/* Returns a new array of the messages in a list, one reference each. */
struct blob **take_blobs(struct reading *from, size_t *count);
void free_blobs(struct blob **blobs, size_t count);

/* Logs what Redis says where it refuses a script: at most a line a second. */
void call_complain(struct call *call, const char *words);
/* To the sink of the state. */
void call_answer(struct call *call, struct redisReply *reply);

#endif
