/* What people ask of the queue of jobs, over the socket and by HTTP: to run one, to cancel it, to
 * see what became of it. The work itself is work.h's. */
#ifndef WEFT_CORE_JOBS_ASKED_H
#define WEFT_CORE_JOBS_ASKED_H

#include "session.h"
#include "weft/core/jobs.h"
#include "weft/protocol/message.h"

struct registry;

void jobs_init(struct registry *registry);
/* Stops the work; then, when all rooms are gone, frees what is left. */
void jobs_stop(struct registry *registry);
void jobs_close(struct registry *registry);
void jobs_tick(struct registry *registry);

ERR_CHECKED enum err jobs_run(struct session *session, const struct message *message,
                              struct error *error);
ERR_CHECKED enum err jobs_cancel(struct session *session, const struct message *message,
                                 struct error *error);

/* Is a job of the kind for such a file? */
bool jobs_suits(const struct job_kind *kind, const char *path);

#endif
