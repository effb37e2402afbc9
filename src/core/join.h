/* Makes one array message `[a,b,c]` out of several messages, each an object or itself an array. */
#ifndef WEFT_CORE_JOIN_H
#define WEFT_CORE_JOIN_H

#include <stddef.h>

struct blob;

struct join {
    struct blob *blob;
    size_t at;
    unsigned elements;
};

/* bytes: room for all that is added, with a comma each, and the two brackets. */
void join_begin(struct join *join, size_t bytes);
void join_add(struct join *join, const struct blob *message);
/* Returns the new blob. */
struct blob *join_end(struct join *join);

#endif
