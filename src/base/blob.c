#include "weft/base/blob.h"
#include "weft/base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct blob *blob_new(const void *data, size_t len)
{
    assert(len < UINT32_MAX);
    struct blob *blob = mem_alloc(sizeof(*blob) + len + 1);
    blob->refs = 1;
    blob->elements = 1;
    blob->head_len = 0;
    blob->len = (uint32_t)len;
    if (data && len > 0)
        memcpy(blob->data, data, len);
    blob->data[len] = '\0';
    return blob;
}

void blob_begin(struct buf *buf)
{
    assert(buf->len == 0);
    buf_reserve(buf, sizeof(struct blob));
    buf->len = sizeof(struct blob);
}

struct blob *blob_take(struct buf *buf)
{
    size_t len = buf->len - sizeof(struct blob);
    assert(buf->len >= sizeof(struct blob) && len < UINT32_MAX);
    /* The allocator's memory is aligned for any type, and data follows the head at once. */
    struct blob *blob = mem_realloc(buf->data, buf->len + 1);
    blob->refs = 1;
    blob->elements = 1;
    blob->head_len = 0;
    blob->len = (uint32_t)len;
    blob->data[len] = '\0';
    buf_init(buf);
    return blob;
}

struct blob *blob_ref(struct blob *blob)
{
    assert(blob->refs > 0 && blob->refs < UINT32_MAX);
    blob->refs++;
    return blob;
}

void blob_unref(struct blob *blob)
{
    if (!blob)
        return;
    assert(blob->refs > 0);
    if (--blob->refs == 0)
        free(blob);
}
