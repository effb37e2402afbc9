/* What waits to be written to one connection, in order, with what a slow reader may lose. First
 * presence is dropped, then a file's edits are replaced by one resync, and last the connection is
 * closed (docs/protocol.md). This holds the messages and counts their bytes;
 * the session decides. */
#ifndef WEFT_CORE_QUEUE_H
#define WEFT_CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;

enum queue_class {
    QUEUE_PLAIN,    /* never dropped */
    QUEUE_PRESENCE, /* dropped first */
    QUEUE_EDIT,     /* of file f */
    QUEUE_SNAPSHOT, /* of file f: counted apart, because one alone may be larger than the cap */
    QUEUE_CLASSES
};

struct queue_item {
    struct blob *message;
    uint64_t f;
    enum queue_class class;
};

struct queue {
    struct queue_item *items; /* a ring of cap, first at head */
    uint32_t head, count, cap;
    uint32_t of_class[QUEUE_CLASSES]; /* so that nobody looks for what is not there */
    size_t bytes;                     /* without snapshots */
    size_t snapshot_bytes;
};

void queue_init(struct queue *queue);
void queue_close(struct queue *queue);
/* Refs message. */
void queue_push(struct queue *queue, struct blob *message, enum queue_class class, uint64_t f);
struct queue_item *queue_at(const struct queue *queue, uint32_t i);
/* Drops the first count messages. */
void queue_shift(struct queue *queue, uint32_t count);
/* Drops all of a class (and of file f, where f ≠ 0); returns how many. */
uint32_t queue_drop(struct queue *queue, enum queue_class class, uint64_t f);
/* The file of the first queued edit, or 0. */
uint64_t queue_edit_file(const struct queue *queue);
/* Returns a new blob: up to most messages from the front joined into one array; *taken says how
 * many. A single message is returned as it is. The queue must not be empty. */
struct blob *queue_join(const struct queue *queue, uint32_t most_elements, uint32_t *taken);

#endif
