/* What is said of people's jobs: room events, pieces of output, what can be asked for, and the
 * answers of the HTTP calls (docs/protocol.md, "Chat, claps, jobs" and "HTTP"). */
#ifndef WEFT_PROTOCOL_JOBS_H
#define WEFT_PROTOCOL_JOBS_H

#include "weft/base/buf.h"
#include "weft/base/err.h"
#include "weft/protocol/message.h"
#include <stddef.h>
#include <stdint.h>

#define JOB_ARGS_MAX 8192 /* bytes of args, printed */

/* What is NULL, "" or 0 is left out, but for code of a job that is over. */
struct job_words {
    const char *job, *kind, *user, *path, *state, *worker, *problem;
    uint64_t e, by, f, tries, ms, again_ms;
    bool is_over;
    int64_t code;
    /* HTTP only: */
    const char *project;
    uint64_t queued_at, started_at, ended_at, result_len;
    const char *output;
    size_t output_len;
};
/* {"t":"job","e":…,"job":…,…}. */
void encode_job_event(struct buf *out, const struct job_words *words);
/* {"t":"job","job":…,"i":…,"out":…}; data is valid UTF-8 of at most JOB_OUT_MAX bytes. */
void encode_job_output(struct buf *out, const char *job, uint64_t i, const char *data, size_t len);
/* {"t":"ok",…,"job":…}. */
void encode_job_ok(struct buf *out, const struct request_id *q, const char *job);

/* Of welcome. */
struct job_kind_words {
    const char *kind, *title, *input, *output, *paths;
};
void encode_job_kinds(struct buf *out, const struct job_kind_words *kinds, size_t count);

/* ---- HTTP ---- */

void encode_http_job(struct buf *out, const struct job_words *words);
void encode_http_jobs(struct buf *out, const struct job_words *list, size_t count);

/* What the two have made, for a client. Texts are borrowed until return; "" and 0 where absent. */
typedef void job_words_read(void *owner, const struct job_words *words);
/* Calls read for the job, or for each of the list, in its order. */
ERR_CHECKED enum err decode_http_jobs(const char *data, size_t len, job_words_read *read,
                                      void *owner, struct error *error);

/* POST …/jobs. */
struct run_job {
    char kind[33];
    char path[513]; /* "" where absent */
    char args[JOB_ARGS_MAX + 1];
};
ERR_CHECKED enum err decode_run_job(const char *data, size_t len, struct run_job *out,
                                    struct error *error);

#endif
