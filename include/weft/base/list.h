/* The C library's tail queues (<sys/queue.h>), and the loop that they lack there: one in which the
 * item just visited may be removed. */
#ifndef WEFT_BASE_LIST_H
#define WEFT_BASE_LIST_H

#include <sys/queue.h>

#define LIST_EACH_SAFE(item, list, field, following)                                               \
    for ((item) = TAILQ_FIRST(list); (item) && ((following) = TAILQ_NEXT(item, field), 1);         \
         (item) = (following))

#endif
