/* What HTTP asks of core: answered when the room, and where it is needed the file, is there. */
#ifndef WEFT_CORE_QUERY_H
#define WEFT_CORE_QUERY_H

#include "room.h"
#include "waiting.h"

/* A server's edit. */
struct amendment {
    struct change *change; /* of the text at v */
    char *ep, *user;
    uint64_t v, cid;
    void (*done)(void *owner, enum err result, uint64_t v);
    uint64_t at; /* the version that has it */
};

struct query {
    TAILQ_ENTRY(query) link;
    struct registry *registry;
    uint64_t id;       /* request number of its calls */
    struct room *room; /* NULL where it was refused at once, and for a creation (nothing shared) */
    char *path;        /* of a file; else NULL */
    uint64_t f;        /* of a file that is asked for by id; else 0 */
    struct amendment *amend;
    uint64_t nonce; /* of its open, however often it is asked for */
    struct waiter wait;
    char *name, *template; /* of a creation where something is shared */
    bool is_creating;      /* that is asked for, and not answered yet */
    bool is_tried;         /* it may have been created, by us */
    void *owner;
    void (*project_done)(void *owner, const struct query_project *answer);
    void (*file_done)(void *owner, const struct query_file *answer);
    void (*create_done)(void *owner, enum err result);
    enum err result; /* of one that is over, until the turn tells it */
};

/* Looks at its project, in the room that the project has now; again, too. */
void query_look(struct query *query);
/* Moves the query to the room that its project has now. */
struct room *query_enter(struct query *query);
/* Ends it with an error. */
void query_fail(struct query *query, enum err result);
void query_opened(struct query *query, const struct state_opened *answer);
void query_created(struct registry *registry, struct query *query,
                   const struct state_created *answer);
/* The file is there; or it cannot be had, and file is NULL. Ends the query. */
void query_file_ready(struct query *query, struct file *file, enum err result);
/* The edit of a query came into the log, or will not, as far as this room knows. */
void query_amended(struct registry *registry, uint64_t id, enum err result, uint64_t v);
/* Tells of those that were refused at once. */
void query_answer_refused(struct registry *registry);
/* Ends every query of a room that is over. */
void query_fail_all(struct room *room, enum err result);

#endif
