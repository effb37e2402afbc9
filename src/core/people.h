/* Who is in a room, on whichever instance: comings and goings here, what other instances and the
 * state tell of theirs, and the leases of ours. */
#ifndef WEFT_CORE_PEOPLE_H
#define WEFT_CORE_PEOPLE_H

#include "room.h"

void people_join(struct room *room, struct session *session);
void people_leave(struct room *room, struct session *session);
/* Tells the state that the session is not there, or will not be. */
void people_left(struct room *room, const struct session *session);

/* Somebody is said to be on another instance, or not to be there any more (by a hint, so it is not
 * sure). A session here is not touched by it. */
void people_heard(struct room *room, const struct state_person *person);
void people_gone(struct room *room, uint64_t cid, uint64_t k);
/* All who are in the room, as the state has them: ends sessions here whose cid has a newer
 * connection elsewhere. */
void people_settle(struct room *room, const struct state_person *people, size_t count);

struct member *people_find(const struct room *room, uint64_t cid);
/* Is it here or on another instance, and not only remembered? */
bool people_is_here(const struct member *member);
/* As the others are told of it. Borrows the texts of its person. */
struct peer_info people_peer(const struct room *room, const struct member *member);

/* Tells of leaves, and of all who came and went; renews the leases. */
void people_tick(struct room *room, uint64_t now_ms);
void people_free(struct room *room);

#endif
