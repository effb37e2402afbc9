/* A growing run of bytes, reused by reset. Caller's storage. There is always a NUL behind the last
 * byte once anything was appended. */
#ifndef WEFT_BASE_BUF_H
#define WEFT_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len;
    size_t cap;
};

#define BUF_EMPTY                                                                                  \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }

void buf_init(struct buf *buf);
void buf_close(struct buf *buf);
/* Forgets the bytes and keeps the memory. */
void buf_reset(struct buf *buf);
/* Makes room for more bytes behind len and returns where they go; len is the caller's to move. */
char *buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_add_u64(struct buf *buf, uint64_t value);
void buf_add_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends text as a JSON string with its quotes. text must be valid UTF-8. */
void buf_add_json(struct buf *buf, const char *text, size_t len);
/* The same without the quotes, for a string that comes in pieces. */
void buf_add_json_piece(struct buf *buf, const char *text, size_t len);

#endif
