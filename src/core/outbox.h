/* What one turn has for one audience (the subscribers of a file, or everybody in a room): collected
 * during the turn, joined into one message at its end, and shared by reference by all who are no
 * author of it. Its author gets an ack in the place of an edit, and nothing in the place of a
 * notice about itself. */
#ifndef WEFT_CORE_OUTBOX_H
#define WEFT_CORE_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;

#define OUTBOX_MESSAGES 256 /* most messages in one array to a client */

struct outbox_item {
    struct blob *message;
    struct blob *own; /* for the author: its ack; NULL: the author gets nothing */
    uint64_t by;      /* cid of the author, 0 = none */
};

struct outbox {
    struct outbox_item *items;
    size_t count, cap;
    size_t bytes;     /* of the messages */
    struct blob *all; /* joined, made when first asked for */
};

void outbox_init(struct outbox *outbox);
void outbox_close(struct outbox *outbox);
/* Takes one reference each of message and own. */
void outbox_add(struct outbox *outbox, struct blob *message, struct blob *own, uint64_t by);
/* Is cid the author of anything in it? */
bool outbox_has_author(const struct outbox *outbox, uint64_t cid);
/* Borrowed until outbox_clear: all messages as one. */
struct blob *outbox_all(struct outbox *outbox);
/* Returns a new blob with what the author gets, or NULL where that is nothing. */
struct blob *outbox_for_author(struct outbox *outbox, uint64_t cid);
/* Returns a new blob with what comes after the first `from` messages and is not the author's own,
 * or NULL where that is nothing. For those who came in between. */
struct blob *outbox_from(const struct outbox *outbox, size_t from, uint64_t cid);
void outbox_clear(struct outbox *outbox);

#endif
