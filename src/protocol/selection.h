/* The JSON form of a selection: [anchor, head, …]. */
#ifndef SELECTION_H
#define SELECTION_H

#include "weft/protocol/message.h"

#include <jansson.h>

/* False where value is none, or has more than so many ranges (at most RANGES_MAX). */
bool selection_read(const json_t *value, uint32_t ranges_most, struct selection *out);

#endif
