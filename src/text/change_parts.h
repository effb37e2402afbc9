/* How a change set lies in memory; for change*.c only. */
#ifndef WEFT_CHANGE_PARTS_H
#define WEFT_CHANGE_PARTS_H

#include "weft/text/change.h"

#define PART_KEEPS (-1)

struct part {
    uint32_t len;   /* units of the old text that are kept or deleted */
    int32_t ins;    /* units put in, or PART_KEEPS */
    uint32_t bytes; /* of the text put in */
};

/* One block: the parts and, behind the last of them, the inserted text of all, in order. */
struct change {
    uint32_t refs;
    uint32_t count;
    uint32_t len_before;
    uint32_t len_after;
    uint32_t text_len;
    struct part parts[];
};

static inline const char *change_text(const struct change *change)
{
    return (const char *)(change->parts + change->count);
}

/* Does it do nothing, in one part at most? As in CodeMirror, what meets such a change stays as it
 * is, with its neighbouring parts, which anything else would join. */
static inline bool change_is_empty(const struct change *change)
{
    return change->count == 0 || (change->count == 1 && change->parts[0].ins < 0);
}

/* Parts under construction. Most changes have a handful, which need no memory of their own. */
#define PARTS_AT_HAND 48

struct part_list {
    struct part *parts;
    size_t count;
    size_t room;
    struct part at_hand[PARTS_AT_HAND];
};

/* Caller's storage, with room for this many parts. */
void part_list_init(struct part_list *list, size_t room);
void part_list_close(struct part_list *list);

/* Returns a new change of these parts; *text is where the caller puts its text_len bytes. */
struct change *change_new(const struct part *parts, size_t count, size_t text_len, char **text);

/* Appends as CodeMirror joins neighbours: a keep to a keep, a deletion to a deletion, an insertion
 * to an insertion; what does nothing is dropped. Returns true where that began a new part. */
static inline bool part_list_add(struct part_list *list, struct part part)
{
    if (part.len == 0 && part.ins <= 0)
        return false;
    struct part *last = list->count > 0 ? &list->parts[list->count - 1] : NULL;
    if (last && part.ins <= 0 && part.ins == last->ins) {
        last->len += part.len;
        return false;
    }
    if (last && part.len == 0 && last->len == 0) {
        last->ins += part.ins;
        last->bytes += part.bytes;
        return false;
    }
    list->parts[list->count++] = part;
    return true;
}

#endif
