/* The waiting edits of a file on their way to the log and back (docs/protocol.md, section 5). */
#ifndef WEFT_CORE_BATCH_H
#define WEFT_CORE_BATCH_H

#include "file.h"

/* Sends what waits as one batch, unless one is under way. */
void batch_send(struct file *file);
/* Applies the entry that makes the next version, as it came from the log: to the replica, to what
 * is posted, and to all that waits or is under way. An error where it does not fit the replica. */
ERR_CHECKED enum err batch_take(struct file *file, struct blob *message);
/* The state's answer to an append. */
void batch_appended(struct file *file, const struct state_appended *answer);
/* Removes what waits of a cid whose connection was taken over. */
void batch_fence(struct room *room, uint64_t cid);
/* Answers every edit that waits or is under way with an error and forgets it. */
void batch_drop_all(struct file *file, enum err code, const char *why);

#endif
