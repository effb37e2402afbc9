/* What a command prints, on its way to people: bytes in, text out. Bytes that are no UTF-8 become
 * U+FFFD, as does U+0000. */
#ifndef WEFT_CORE_PRINTED_H
#define WEFT_CORE_PRINTED_H

#include "weft/base/buf.h"
#include <stdbool.h>
#include <stddef.h>

/* Appends text made of the first bytes of data to out, as long as out holds at most `most` bytes,
 * and returns how many bytes it took. A character that may be going on behind the end is left,
 * unless it is_over. */
size_t printed_take(struct buf *out, const char *data, size_t len, size_t most, bool is_over);

#endif
