/* The jobs port over the scripts src/io/redis/job_*.lua, sent as calls of the state
 * (state_redis_call.h): the same link, scripts and run of Redis. */
#ifndef JOBS_REDIS_H
#define JOBS_REDIS_H

#include "state_redis.h"
#include "weft/core/jobs.h"

struct jobs_redis;
struct call;
struct redisReply;

/* Returns new jobs. Borrows state for their life. */
struct jobs_redis *jobs_redis_new(struct state_redis *state);
/* Once the link is closed, so that every call has been answered. */
void jobs_redis_free(struct jobs_redis *jobs);
/* Borrowed, valid until jobs_redis_free. */
struct jobs *jobs_redis_port(struct jobs_redis *jobs);

/* The words of the scripts, by enum job_state. */
extern const char *const job_state_words[JOB_CANCELED + 1];

/* Gives what a call of jobs is answered to the sink of the port, its owner. */
void jobs_redis_answer(struct call *call, struct redisReply *reply);

#endif
