#include "queue.h"
#include "join.h"
#include "weft/base/blob.h"
#include "weft/base/mem.h"
#include <stdlib.h>

/* Frames beyond this are not joined further: copying more than a few pages costs more than it
 * saves. */
#define JOIN_BYTES 65536u

void queue_init(struct queue *queue)
{
    *queue = (struct queue){0};
}

void queue_close(struct queue *queue)
{
    queue_shift(queue, queue->count);
    free(queue->items);
    queue_init(queue);
}

static uint32_t slot(const struct queue *queue, uint32_t i)
{
    return (queue->head + i) % queue->cap;
}

struct queue_item *queue_at(const struct queue *queue, uint32_t i)
{
    return &queue->items[slot(queue, i)];
}

static void grow(struct queue *queue)
{
    uint32_t cap = queue->cap ? queue->cap * 2 : 2;
    struct queue_item *items = mem_realloc_array(NULL, cap, sizeof *items);
    for (uint32_t i = 0; i < queue->count; i++)
        items[i] = *queue_at(queue, i);
    free(queue->items);
    queue->items = items;
    queue->cap = cap;
    queue->head = 0;
}

static size_t *counter(struct queue *queue, enum queue_class class)
{
    return class == QUEUE_SNAPSHOT ? &queue->snapshot_bytes : &queue->bytes;
}

void queue_push(struct queue *queue, struct blob *message, enum queue_class class, uint64_t f)
{
    if (queue->count == queue->cap)
        grow(queue);
    queue->items[slot(queue, queue->count)] = (struct queue_item){blob_ref(message), f, class};
    queue->count++;
    queue->of_class[class]++;
    *counter(queue, class) += message->len;
}

static void release(struct queue *queue, struct queue_item *item)
{
    *counter(queue, item->class) -= item->message->len;
    queue->of_class[item->class]--;
    blob_unref(item->message);
}

void queue_shift(struct queue *queue, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        release(queue, queue_at(queue, i));
    queue->count -= count;
    queue->head = queue->count ? slot(queue, count) : 0;
    /* Most connections have nothing waiting most of the time. */
    if (queue->count == 0) {
        free(queue->items);
        queue->items = NULL;
        queue->cap = 0;
    }
}

uint32_t queue_drop(struct queue *queue, enum queue_class class, uint64_t f)
{
    if (queue->of_class[class] == 0)
        return 0;
    uint32_t kept = 0, count = queue->count;
    for (uint32_t i = 0; i < count; i++) {
        struct queue_item item = *queue_at(queue, i);
        if (item.class == class && (f == 0 || item.f == f))
            release(queue, &item);
        else
            *queue_at(queue, kept++) = item;
    }
    queue->count = kept;
    return count - kept;
}

uint64_t queue_edit_file(const struct queue *queue)
{
    for (uint32_t i = 0; queue->of_class[QUEUE_EDIT] && i < queue->count; i++)
        if (queue_at(queue, i)->class == QUEUE_EDIT)
            return queue_at(queue, i)->f;
    return 0;
}

struct blob *queue_join(const struct queue *queue, uint32_t most_elements, uint32_t *taken)
{
    struct blob *first = queue_at(queue, 0)->message;
    uint32_t count = 1, elements = first->elements;
    size_t bytes = first->len;
    while (count < queue->count) {
        const struct blob *next = queue_at(queue, count)->message;
        if (elements + next->elements > most_elements || bytes + next->len > JOIN_BYTES)
            break;
        elements += next->elements;
        bytes += next->len + 1;
        count++;
    }
    *taken = count;
    if (count == 1)
        return blob_ref(first);
    struct join join;
    join_begin(&join, bytes + 2);
    for (uint32_t i = 0; i < count; i++)
        join_add(&join, queue_at(queue, i)->message);
    return join_end(&join);
}
