/* Looks at the servers that Weft stands on, and says what it finds in words. Blocks, for some
 * seconds at most where nobody answers. Nothing is left behind there, and no password is said. */
#ifndef WEFT_IO_DOCTOR_H
#define WEFT_IO_DOCTOR_H

#include "weft/io/redis.h"
#include <stdint.h>

enum finding { FINDING_OK, FINDING_WARN, FINDING_BAD };

/* Where findings go: what it is about ("redis.version"), and a line that says what is so and, where
 * it is not ok, what to do. Borrowed until the call returns. */
struct findings {
    void *owner;
    void (*add)(void *owner, enum finding finding, const char *about, const char *words);
};
void findings_say(const struct findings *findings, enum finding finding, const char *about,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

void doctor_redis(const struct findings *findings, const char *url, uint64_t timeout_ms,
                  enum redis_durability require);
void doctor_mongo(const struct findings *findings, const char *uri);

/* Of count numbers, which it sorts: the smallest that so many of a hundred are not above. */
double doctor_percentile(double *values, int count, int percent);

#endif
