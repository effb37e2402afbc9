/* Whose numbers a replica remembers. All who ever wrote would be too many where a file is open for
 * long: who has been away for longer than a resume token lasts cannot come back with a number that
 * was used, and is forgotten. Should one come back all the same, the state still knows the number.
 */
#ifndef WEFT_CORE_AUTHORS_H
#define WEFT_CORE_AUTHORS_H

#include "file.h"

/* Made where there is none. Who is asked for is not forgotten soon. */
struct author *authors_get(struct file *file, uint64_t cid);
/* Somebody is no member of the room any more. */
void authors_left(struct room *room, uint64_t cid);
/* Forgets some of those whose time has come. */
void authors_tick(struct file *file, uint64_t now_ms);
void authors_clear(struct file *file);

#endif
