/* The text behind the edits, in the shared state: so that its log can be trimmed, and a person who
 * looks at the file's hash reads the text. Written by the instance whose edits they were. */
#ifndef WEFT_CORE_CHECKPOINT_H
#define WEFT_CORE_CHECKPOINT_H

#include "file.h"

/* Once a second. */
void checkpoint_tick(struct room *room, uint64_t now_ms);
void checkpoint_answered(struct file *file, const struct state_checkpointed *answer);

#endif
