/* The work on people's jobs: those that this process takes from the queue and has its runner do,
 * and those that programs of others have done, whose answers come into the queue. */
#ifndef WEFT_CORE_WORK_H
#define WEFT_CORE_WORK_H

#include "weft/core/jobs.h"
#include <stdbool.h>

struct registry;
struct runner;

void work_init(struct registry *registry);
void work_set_runner(struct registry *registry, struct runner *runner);
/* Ends what runs. Until work_close, queries that were made for it may still be answered. */
void work_stop(struct registry *registry);
void work_close(struct registry *registry);
void work_tick(struct registry *registry);
bool work_needs_ticks(const struct registry *registry);
bool work_is_done(const struct registry *registry);
/* Something may be due now. */
void work_hurry(struct registry *registry);

/* Answers of the queue; of settle only those that are the work's. */
void work_taken(void *owner, const struct jobs_taken *answer);
void work_renewed(void *owner, const struct jobs_renewed *answer);
void work_answered(void *owner, const struct jobs_answered *answer);
void work_settled(struct registry *registry, const struct jobs_done *answer);

#endif
