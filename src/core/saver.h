/* Saves what changed, in the background: some seconds after the first unsaved change, and at once
 * when the last one left. Failed saves are tried again for ever, with growing waits; dirty stays
 * dirty.
 *
 * Where projects are saved to a shared repository by a flush (flush.h), what is saved here is only
 * the text behind an embedded journal: nobody is told, and nothing is counted. */
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
/* The version of the text that is behind the log: nothing above it may be forgotten here. */
uint64_t saver_version(const struct file *file);
/* Tells the room what is saved. */
void saver_post(struct room *room, const struct saved_mark *marks, size_t count, uint64_t ts);

#endif
