#include "weft/base/buf.h"
#include "weft/base/mem.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_LEAST 64u

void buf_init(struct buf *buf)
{
    *buf = (struct buf)BUF_EMPTY;
}

void buf_close(struct buf *buf)
{
    free(buf->data);
    buf_init(buf);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

/* Doubling keeps the cost of a byte constant; the one byte more is for the NUL. */
char *buf_reserve(struct buf *buf, size_t more)
{
    assert(more < SIZE_MAX / 4 && buf->len < SIZE_MAX / 4);
    size_t need = buf->len + more + 1;
    if (need > buf->cap) {
        size_t cap = buf->cap ? buf->cap * 2 : BUF_LEAST;
        if (cap < need)
            cap = need;
        buf->data = mem_realloc(buf->data, cap);
        buf->cap = cap;
    }
    return buf->data + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t len)
{
    char *to = buf_reserve(buf, len);
    if (len > 0)
        memcpy(to, data, len);
    to[len] = '\0';
    buf->len += len;
}

void buf_add_text(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_add_char(struct buf *buf, char c)
{
    char *to = buf_reserve(buf, 1);
    to[0] = c;
    to[1] = '\0';
    buf->len++;
}

void buf_add_u64(struct buf *buf, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_add(buf, digits + at, sizeof(digits) - at);
}

void buf_add_i64(struct buf *buf, int64_t value)
{
    if (value < 0)
        buf_add_char(buf, '-');
    buf_add_u64(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    char *to = buf_reserve(buf, 0);
    size_t room = buf->cap - buf->len;
    int len = vsnprintf(to, room, format, args);
    assert(len >= 0);
    if ((size_t)len >= room)
        vsnprintf(buf_reserve(buf, (size_t)len), (size_t)len + 1, format, again);
    buf->len += (size_t)len;
    va_end(again);
    va_end(args);
}

/* Returns the letter behind the backslash, 'u' for the long form, or 0 where c stands for itself.
 */
static char json_escape(unsigned char c)
{
    static const char control[] = "uuuuuuuubtnufruuuuuuuuuuuuuuuuuu";
    if (c < 0x20)
        return control[c];
    return c == '"' || c == '\\' ? (char)c : 0;
}

void buf_add_json_piece(struct buf *buf, const char *text, size_t len)
{
    size_t start = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        char escape = json_escape(c);
        if (!escape)
            continue;
        buf_add(buf, text + start, i - start);
        start = i + 1;
        if (escape == 'u')
            buf_printf(buf, "\\u%04x", c);
        else
            buf_add(buf, (char[]){'\\', escape}, 2);
    }
    buf_add(buf, text + start, len - start);
}

void buf_add_json(struct buf *buf, const char *text, size_t len)
{
    buf_reserve(buf, len + 2);
    buf_add_char(buf, '"');
    buf_add_json_piece(buf, text, len);
    buf_add_char(buf, '"');
}
