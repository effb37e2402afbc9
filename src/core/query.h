/* What HTTP asks of core: answered when the room, and where it is needed the file, is there. */
#ifndef WEFT_CORE_QUERY_H
#define WEFT_CORE_QUERY_H

#include "room.h"

struct query {
    TAILQ_ENTRY(query) link;
    uint64_t id;       /* request number of its calls */
    struct room *room; /* NULL for a creation, and where it was refused at once */
    char *path;        /* NULL: the project */
    void *owner;
    void (*project_done)(void *owner, const struct query_project *answer);
    void (*file_done)(void *owner, const struct query_file *answer);
    void (*create_done)(void *owner, enum err result);
    enum err result; /* of one that was refused at once, until the turn tells it */
};

void query_opened(struct query *query, const struct state_opened *answer);
void query_created(struct registry *registry, struct query *query,
                   const struct state_created *answer);
/* The file is there; or it cannot be had, and file is NULL. Ends the query. */
void query_file_ready(struct query *query, const struct file *file, enum err result);
/* Tells of those that were refused at once. */
void query_answer_refused(struct registry *registry);
/* Ends every query of a room that is over. */
void query_fail_all(struct room *room, enum err result);

#endif
