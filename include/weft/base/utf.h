/* UTF-8 and UTF-16 lengths. Pure functions, any thread. */
#ifndef WEFT_BASE_UTF_H
#define WEFT_BASE_UTF_H

#include <stdbool.h>
#include <stddef.h>

/* Well-formed UTF-8 by table 3-7 of the Unicode Standard: no overlong form, no surrogate, nothing
 * above U+10FFFF. U+0000 is well-formed; who cannot have it looks for it. */
bool utf8_valid(const char *text, size_t len);
/* UTF-16 code units of valid UTF-8. */
size_t utf8_utf16_len(const char *text, size_t len);
/* The byte offset of UTF-16 offset units in valid UTF-8; inside a surrogate pair, that of the
 * character's first byte. units beyond the end give len. */
size_t utf8_offset(const char *text, size_t len, size_t units);

#endif
