/* What this instance has of a project, for whoever loads it: the tree, and every replica that is
 * open, whether or not the room is detached yet. Made one call after the other: the tree first, so
 * that a refusal costs little, then so much text as may be copied at once. */
#ifndef WEFT_CORE_OFFERS_H
#define WEFT_CORE_OFFERS_H

#include "room.h"

struct choice;

/* Offers what the room has, unless that is under way, or was done a moment ago. */
void offers_start(struct room *room);
void offers_answered(struct room *room, const struct state_offered *answer);
void offers_stop(struct room *room);
/* Adds the same to what a load here chooses from. */
void offers_give(const struct room *room, struct choice *choice);

#endif
