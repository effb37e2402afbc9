#include "outbox.h"
#include "join.h"
#include "weft/base/blob.h"
#include "weft/base/mem.h"
#include <stdlib.h>

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

static struct blob *item_for(const struct outbox_item *item, uint64_t cid)
{
    return item->by == cid ? item->own : item->message;
}

struct blob *outbox_for_author(const struct outbox *outbox, uint64_t cid)
{
    size_t bytes = 2, count = 0;
    struct blob *last = NULL;
    for (size_t i = 0; i < outbox->count; i++) {
        struct blob *blob = item_for(&outbox->items[i], cid);
        if (!blob)
            continue;
        bytes += blob->len + 1;
        count++;
        last = blob;
    }
    if (count < 2)
        return last ? blob_ref(last) : NULL;
    struct join join;
    join_begin(&join, bytes);
    for (size_t i = 0; i < outbox->count; i++)
        if (item_for(&outbox->items[i], cid))
            join_add(&join, item_for(&outbox->items[i], cid));
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
