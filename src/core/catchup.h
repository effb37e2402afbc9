/* Reading the log after what the replica has: because a hint said that there is more, a poll, or
 * somebody who has seen more; or because somebody must be told of nothing older than now. Shared
 * states only. */
#ifndef WEFT_CORE_CATCHUP_H
#define WEFT_CORE_CATCHUP_H

#include "file.h"

/* The log may be further than the replica. */
void catchup_start(struct file *file);
/* The same, because a hint tells of this version. Where hints were not true before, it is read no
 * more often than every 20 ms, and a poll settles the rest. */
void catchup_hinted(struct file *file, uint64_t version);
/* The same as catchup_start, but where a read with a number above since is under way already, that
 * one will do. */
void catchup_since(struct file *file, uint64_t since);
/* Of a state that nobody but us writes, the replica is the truth at any time. Of a shared one it is
 * fresh where it has all of a read whose number is above since. */
bool catchup_is_fresh(const struct file *file, uint64_t since);
/* The state's answer. */
void catchup_rows(struct file *file, const struct state_rows *answer);
/* The file has news from the log: serves who waited for them. */
void catchup_moved(struct file *file);

#endif
