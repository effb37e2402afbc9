#include "printed.h"
#include "weft/base/utf.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* How many bytes the character has that begins so. */
static size_t length_of(unsigned char first)
{
    if (first < 0xc2)
        return 1;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 1;
}

size_t printed_take(struct buf *out, const char *data, size_t len, size_t most, bool is_over)
{
    size_t at = 0;
    while (at < len && out->len + 4 <= most) {
        size_t size = length_of((unsigned char)data[at]);
        bool is_cut = at + size > len;
        if (is_cut && !is_over)
            break;
        if (!is_cut && data[at] != '\0' && utf8_valid(data + at, size)) {
            buf_add(out, data + at, size);
            at += size;
        } else {
            buf_add_text(out, REPLACEMENT);
            at++;
        }
    }
    return at;
}
