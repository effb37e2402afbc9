/* The seal of edits on the bus (docs/decisions/0009-sealed-hints.md): what other instances may
 * apply without reading it from the log. */
#ifndef WEFT_CORE_SEAL_H
#define WEFT_CORE_SEAL_H

#include "room.h"
#include "weft/core/hint.h"

/* Seals the entries that make version b of file f. False where they are too many for a hint. */
bool seal_make(const struct room *room, const struct state_append *append,
               char out[HINT_SEAL_SIZE]);
/* Has somebody with our key said so, of this room? Of HINT_EDITS with a body. */
bool seal_holds(const struct room *room, const struct hint *hint);

#endif
