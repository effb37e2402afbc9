/* A project that somebody has open here: its tree, its files, its people. A room is found by id
 * from answers of the ports, never by pointer. It is opened by the first who asks (a session or an
 * HTTP query) and let go by the tick when nobody is there, nothing is unsaved, and nothing is under
 * way. */
#ifndef WEFT_CORE_ROOM_H
#define WEFT_CORE_ROOM_H

#include "file.h"
#include "outbox.h"
#include "session.h"
#include "waiting.h"
#include "weft/base/map.h"
#include "weft/core/registry.h"

enum room_phase {
    ROOM_OPENING,
    ROOM_READY,
    ROOM_DETACHED, /* the shared state does not hold it any more: see detached.h */
    ROOM_OVER
};

/* A person in the room, by cid: outlives its connection by peer_off_ms, so that a resume does not
 * flicker. */
struct member {
    TAILQ_ENTRY(member) link;
    TAILQ_ENTRY(member) moved; /* its cursor waits for the tick */
    bool is_moved;
    uint64_t cid, k;
    struct person *person;
    struct session *session; /* NULL: not here */
    char *inst;              /* the instance where it is, if that is another; else NULL */
    uint64_t gone_ms;        /* since when it is nowhere, if it is */
    uint64_t uncounted_ms;   /* here, but since then not known to the state; 0: known */
    uint32_t round;          /* of the last list of all people that it was on */
    uint64_t f;              /* file of the cursor, 0 = none */
    uint64_t told_f;         /* what the whole room knows */
    uint64_t v;              /* version that the positions belong to */
    struct selection *sel;   /* NULL = nowhere; as large as it must be */
};
TAILQ_HEAD(member_list, member);

/* An HTTP query that waits for the room, or for a file. */
struct query;
TAILQ_HEAD(query_list, query);
/* Changes of the tree that were asked for and are not answered. */
struct tree_request;
TAILQ_HEAD(tree_request_list, tree_request);

struct room {
    TAILQ_ENTRY(room) link;
    TAILQ_ENTRY(room) dirty; /* has something to send at the end of the turn */
    bool is_dirty;
    struct registry *registry;
    uint64_t id;
    char project[65];
    char epoch[EPOCH_SIZE];
    char *name;
    uint64_t e;
    enum room_phase phase;
    unsigned pending; /* calls of ports that are not answered yet */
    struct map files; /* f → struct file */
    struct map paths; /* path → struct file */
    uint64_t newest_f;
    struct session_list sessions;
    size_t session_count;
    struct map by_cid; /* cid → struct member */
    struct member_list members;
    struct member_list moved;
    size_t gone_count;        /* members that are nowhere, whose leave is not told yet */
    uint64_t presence_due_ms; /* next time that cursors are told; 0 = none moved */
    struct outbox outbox;     /* for everybody */
    struct outbox notices;    /* who came and went; told on the tick */
    struct file_list dirty_files;
    struct query_list queries;
    struct waiter_list waiters;
    struct {
        bool is_hinted;  /* a hint says that they can be answered */
        uint64_t due_ms; /* not before */
    } wake;
    bool is_on_channel;        /* joined on the bus */
    struct offering *offering; /* to whoever loads the project; NULL: nothing is under way */
    uint64_t offered_ms;       /* when all was offered last; 0: never */
    struct {
        TAILQ_ENTRY(room) link;
        uint64_t nonce, look_ms;
        bool is_over; /* the state holds the project again */
    } detached;
    bool had_people; /* when the state was last known to hold it, there was somebody here */
    struct tree_request_list tree_requests;
    struct {
        bool under_way;
        uint64_t due_ms; /* 0 = nothing unsaved */
        unsigned tries;  /* failed in a row */
    } save;
    uint64_t idle_ms;    /* since when nobody is there */
    uint64_t text_bytes; /* of all files, counted once a second */
    uint64_t counted_ms;
    /* Shared states: */
    size_t remote_count; /* members on other instances */
    uint32_t people_round;
    uint64_t renew_ms;        /* when the leases are renewed next */
    struct file_list retries; /* files with calls whose outcome is unknown */
    struct {
        uint64_t told, heard; /* ticks: by the last poll, by it and the hints since */
        uint64_t people_rev;
        bool is_under_way, is_wanted;
        bool doubts_people;
        uint64_t asked_ms, due_ms;
        unsigned failures; /* in a row */
    } poll;
    struct {
        uint64_t id;       /* number of the read of events under way; 0 = none */
        uint64_t after;    /* what it was asked for */
        bool again;        /* there may be more than that read has */
        uint64_t retry_ms; /* it failed, and is made again then; 0 = no */
        unsigned failures;
        uint64_t hinted; /* highest e that a hint told of since that read was made */
        uint64_t due_ms; /* before, a hint is no reason to read */
    } events;
};
TAILQ_HEAD(room_list, room);

/* The room of a project, opened if it is not. Never NULL. */
struct room *room_enter(struct registry *registry, const char *project);
struct room *room_find(struct registry *registry, uint64_t id);
/* The room that who comes now would enter, or NULL. */
struct room *room_listed(const struct registry *registry, const char *project);
/* Out of the list of projects: who comes now gets a new room. */
void room_unlist(struct room *room);
/* Hears what other instances say of the project, from now on. */
void room_join_channel(struct room *room);
/* Has it a replica with edits that no repository has yet? */
bool room_has_unsaved(const struct room *room);
void room_free(struct room *room);

struct state_ticket room_ticket(const struct room *room, uint64_t request);
/* Asks the state to let somebody in (cid 0: only look). One more pending call. */
void room_ask(struct room *room, uint64_t request, const struct state_open *open);
/* Fills the room from the state's answer, or notes what that knows better; false where the room is
 * not filled, and the answer has no tree. */
bool room_fill(struct room *room, const struct state_opened *answer);
/* Does the answer say that the room is not what was thought: of another epoch, or not loaded? Then
 * its people are sent away, to come back, and there is nothing more to do with the answer. */
bool room_upset(struct room *room, enum state_result result);
/* Makes again the calls whose outcome is unknown and whose time has come. */
void room_retry(struct room *room, uint64_t now_ms);
/* History is not what it was: everybody is sent away to come back, and the room ends. */
void room_end(struct room *room, int code, const char *reason);

struct file *room_file(const struct room *room, uint64_t f);
struct file *room_file_at(const struct room *room, const char *path, size_t len);
/* Why there is no such file: ERR_GONE or ERR_NO_FILE. */
ERR_CHECKED enum err room_no_file(const struct room *room, uint64_t f, struct error *error);
struct file *room_add_file(struct room *room, uint64_t f, const char *path);
void room_rename_file(struct room *room, struct file *file, const char *path);
/* Frees it: an answer that comes for it later finds nothing. */
void room_remove_file(struct room *room, struct file *file);
/* Every live file in the order of ids: returns a new array of *count for the protocol, borrowing
 * the paths. */
struct file_info *room_list(const struct room *room, size_t *count);
uint64_t room_text_bytes(const struct room *room);
/* Answers the opens of all its files that can be answered. */
void room_serve_openers(struct room *room);

/* Adds a message for everybody (own in its place for by). Takes the references. */
void room_post(struct room *room, struct blob *message, struct blob *own, uint64_t by);
/* Passes on a piece of what a job prints, if it is one; who reads slowly loses it. */
void room_print(struct room *room, const char *line, size_t len);
/* Gives what was posted to the sessions' queues. */
void room_flush(struct room *room);
/* Gives what is in the outbox to them, and clears it. */
void room_deliver(struct room *room, struct outbox *outbox, enum queue_class class);
void room_mark_dirty(struct room *room);
/* End of turn: batches, files, everybody. */
void room_turn(struct room *room);
/* People, cursors, saves, what is to be tried again, idle files. False: the room can go. */
bool room_tick(struct room *room, uint64_t now_ms);

#endif
