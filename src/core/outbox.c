#define _GNU_SOURCE /* mempcpy */
#include "outbox.h"
#include "join.h"
#include "weft/base/blob.h"
#include "weft/base/mem.h"
#include <stdlib.h>
#include <string.h>

void outbox_init(struct outbox *outbox)
{
    *outbox = (struct outbox){0};
}

void outbox_close(struct outbox *outbox)
{
    outbox_clear(outbox);
    free(outbox->items);
    outbox_init(outbox);
}

void outbox_add(struct outbox *outbox, struct blob *message, struct blob *own, uint64_t by)
{
    if (outbox->count == outbox->cap) {
        outbox->cap = outbox->cap ? outbox->cap * 2 : 4;
        outbox->items = mem_realloc_array(outbox->items, outbox->cap, sizeof *outbox->items);
    }
    outbox->items[outbox->count++] = (struct outbox_item){message, own, by};
    outbox->bytes += message->len;
    blob_unref(outbox->all);
    outbox->all = NULL;
}

bool outbox_has_author(const struct outbox *outbox, uint64_t cid)
{
    for (size_t i = 0; i < outbox->count; i++)
        if (outbox->items[i].by == cid)
            return true;
    return false;
}

struct blob *outbox_all(struct outbox *outbox)
{
    if (outbox->all)
        return outbox->all;
    if (outbox->count == 1)
        return outbox->all = blob_ref(outbox->items[0].message);
    struct join join;
    join_begin(&join, outbox->bytes + outbox->count + 2);
    for (size_t i = 0; i < outbox->count; i++)
        join_add(&join, outbox->items[i].message);
    return outbox->all = join_end(&join);
}

/* Of one message, or of many that are all the author's, there is nothing to cut out. */
static struct blob *only(const struct outbox *outbox, uint64_t cid, size_t *left, size_t *bytes)
{
    struct blob *last = NULL;
    *left = 0;
    *bytes = 2;
    for (size_t i = 0; i < outbox->count; i++) {
        const struct outbox_item *item = &outbox->items[i];
        struct blob *blob = item->by == cid ? item->own : item->message;
        if (!blob)
            continue;
        ++*left;
        *bytes += blob->len + 1;
        last = blob;
    }
    return *left < 2 ? last : NULL;
}

/* In a crowd everybody is an author of something: the runs between one's own messages are copied
 * whole out of what all the others get. */
struct blob *outbox_for_author(struct outbox *outbox, uint64_t cid)
{
    size_t left, bytes;
    struct blob *single = only(outbox, cid, &left, &bytes);
    if (left < 2)
        return single ? blob_ref(single) : NULL;
    const char *all = outbox_all(outbox)->data;
    struct blob *blob = blob_new(NULL, bytes);
    char *out = blob->data;
    size_t run = 0, at = 1;
    for (size_t i = 0; i < outbox->count; at += outbox->items[i++].message->len + 1) {
        const struct outbox_item *item = &outbox->items[i];
        if (item->by != cid)
            continue;
        out = mempcpy(out, all + run, at - run);
        if (item->own) {
            out = mempcpy(out, item->own->data, item->own->len);
            *out++ = ',';
        }
        run = at + item->message->len + 1;
    }
    out = mempcpy(out, all + run, at - run);
    out[-1] = ']';
    *out = '\0';
    blob->len = (uint32_t)(out - blob->data);
    blob->elements = (uint32_t)left;
    return blob;
}

struct blob *outbox_from(const struct outbox *outbox, size_t from, uint64_t cid)
{
    size_t bytes = 2, count = 0;
    for (size_t i = from; i < outbox->count; i++)
        if (outbox->items[i].by != cid) {
            bytes += outbox->items[i].message->len + 1;
            count++;
        }
    if (count == 0)
        return NULL;
    struct join join;
    join_begin(&join, bytes);
    for (size_t i = from; i < outbox->count; i++)
        if (outbox->items[i].by != cid)
            join_add(&join, outbox->items[i].message);
    return join_end(&join);
}

void outbox_clear(struct outbox *outbox)
{
    for (size_t i = 0; i < outbox->count; i++) {
        blob_unref(outbox->items[i].message);
        blob_unref(outbox->items[i].own);
    }
    blob_unref(outbox->all);
    outbox->all = NULL;
    outbox->count = 0;
    outbox->bytes = 0;
}
