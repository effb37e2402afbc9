/* Eight bytes at a time where that is possible: most text of programs is ASCII, and the rope counts
 * it over and over. In a word, `high` bits pick out the bytes of a kind, one bit a byte, and a
 * multiplication adds those bits up. */
#include "weft/base/utf.h"

#include <stdint.h>
#include <string.h>

#define ONES 0x0101010101010101u
#define HIGHS 0x8080808080808080u

static uint64_t load_word(const char *text)
{
    uint64_t word;
    memcpy(&word, text, sizeof(word));
    return word;
}

/* UTF-16 units that begin in these eight bytes: none for 10xxxxxx, two for 11110xxx, else one. */
static size_t word_units(uint64_t word)
{
    if ((word & HIGHS) == 0)
        return 8;
    uint64_t continued = (word >> 7) & ~(word >> 6) & ONES;
    uint64_t four = (word >> 7) & (word >> 6) & (word >> 5) & (word >> 4) & ONES;
    return (size_t)(((ONES - continued + four) * ONES) >> 56);
}

static size_t byte_units(char c)
{
    unsigned char byte = (unsigned char)c;
    if (byte >= 0xf0)
        return 2;
    return (byte & 0xc0) == 0x80 ? 0 : 1;
}

size_t utf8_utf16_len(const char *text, size_t len)
{
#if WEFT_MUTANT == 7
    return len;
#endif
    size_t units = 0, i = 0;
    for (; i + 8 <= len; i += 8)
        units += word_units(load_word(text + i));
    for (; i < len; i++)
        units += byte_units(text[i]);
    return units;
}

size_t utf8_offset(const char *text, size_t len, size_t units)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        size_t here = word_units(load_word(text + i));
        if (here > units)
            break;
        units -= here;
    }
    /* Continuation bytes of the last character count nothing and are passed over too. */
    for (; i < len; i++) {
        size_t here = byte_units(text[i]);
        if (here > units)
            break;
        units -= here;
    }
    return i;
}

static bool continues(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Returns the length of the well-formed character at text, which is not ASCII, or 0. The second
 * byte's range is what excludes overlong forms, surrogates and what is beyond U+10FFFF. */
static size_t character_len(const unsigned char *text, size_t len)
{
    unsigned char lead = text[0];
    if (lead < 0xc2 || lead > 0xf4)
        return 0;
    if (lead < 0xe0)
        return len >= 2 && continues(text[1]) ? 2 : 0;
    unsigned char least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    size_t need = lead < 0xf0 ? 3 : 4;
    if (len < need || text[1] < least || text[1] > most || !continues(text[2]))
        return 0;
    return need == 3 || continues(text[3]) ? need : 0;
}

bool utf8_valid(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len) {
        if (i + 8 <= len && (load_word(text + i) & HIGHS) == 0) {
            i += 8;
        } else if ((unsigned char)text[i] < 0x80) {
            i++;
        } else {
            size_t here = character_len((const unsigned char *)text + i, len - i);
            if (here == 0)
                return false;
            i += here;
        }
    }
    return true;
}
