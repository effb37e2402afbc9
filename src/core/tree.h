/* Files and folders made, renamed, deleted: asked of the state, which decides; told to everybody as
 * `fs`, then to the author as `ok`. */
#ifndef WEFT_CORE_TREE_H
#define WEFT_CORE_TREE_H

#include "room.h"

ERR_CHECKED enum err tree_create(struct session *session, const struct message *message,
                                 struct error *error);
ERR_CHECKED enum err tree_rename(struct session *session, const struct message *message,
                                 struct error *error);
ERR_CHECKED enum err tree_delete(struct session *session, const struct message *message,
                                 struct error *error);
void tree_answered(struct room *room, const struct state_treed *answer);
void tree_free_requests(struct room *room);

/* Shared states: there may be events after the room's; they are read and applied in order. */
void tree_catch_up(struct room *room);
/* The same, because a hint tells of event e: rarely where hints were not true before. */
void tree_hinted(struct room *room, uint64_t e);
void tree_events(struct room *room, const struct state_events *answer);
/* An event that the room hears of by itself: applied where it is the next one, else they are read.
 */
void tree_event(struct room *room, uint64_t e, struct blob *message);
/* Makes again the calls whose outcome is unknown and whose time has come. */
void tree_retry(struct room *room, uint64_t now_ms);

#endif
