/* Saves what changed, in the background: some seconds after the first unsaved change, and at once
 * when the last one left. Failed saves are tried again for ever, with growing waits; dirty stays
 * dirty. */
#ifndef WEFT_CORE_SAVER_H
#define WEFT_CORE_SAVER_H

#include "room.h"

/* A file changed. */
void saver_changed(struct room *room);
/* Save as soon as possible. */
void saver_hurry(struct room *room);
void saver_tick(struct room *room, uint64_t now_ms);
void saver_saved(struct room *room, const struct repository_saved *answer);
bool saver_clean(const struct room *room);

#endif
