/* An immutable, counted run of bytes with headroom before it: a message encoded once and shared by
 * reference by every connection, the log and the store. The transport writes its frame header once
 * into the headroom, right before the data. Counting is for the loop's thread only; another thread
 * may read the bytes while the loop holds a reference for it. */
#ifndef WEFT_BASE_BLOB_H
#define WEFT_BASE_BLOB_H

#include "weft/base/buf.h"
#include <stddef.h>
#include <stdint.h>

#define BLOB_HEADROOM 32

struct blob {
    uint32_t refs;
    uint32_t elements; /* messages inside: 1, or more where data is a JSON array of them */
    uint32_t head_len; /* bytes of frame header that stand before data; 0 = none written yet */
    uint32_t len;
    unsigned char head[BLOB_HEADROOM];
    char data[]; /* len bytes and a NUL */
};

/* Returns a new blob with one reference, holding a copy of data (or len bytes to be filled by the
 * caller before anybody else sees it, when data is NULL). */
struct blob *blob_new(const void *data, size_t len);
/* For what is large: blob_begin puts room for a blob's head into an empty buf, the message is
 * appended, and blob_take makes the buf's own memory a new blob, without a copy. The buf is empty
 * afterwards. */
void blob_begin(struct buf *buf);
struct blob *blob_take(struct buf *buf);
struct blob *blob_ref(struct blob *blob);
void blob_unref(struct blob *blob); /* NULL is allowed */

#endif
