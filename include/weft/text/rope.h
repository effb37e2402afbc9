/* A text that is edited in the middle: UTF-8 in a balanced tree of small leaves, addressed by
 * UTF-16 code units as editors do, edits in O(log n) of its size. Knows nothing of versions. One
 * owner, any one thread at a time. */
#ifndef WEFT_TEXT_ROPE_H
#define WEFT_TEXT_ROPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rope;

/* Returns a new rope holding a copy of text, which is valid UTF-8. */
struct rope *rope_new(const char *text, size_t len);
void rope_free(struct rope *rope);

size_t rope_len(const struct rope *rope);       /* bytes */
size_t rope_utf16_len(const struct rope *rope); /* UTF-16 units */

/* Replaces del units at unit position at by ins (borrowed, valid UTF-8, ins_len bytes). at + del is
 * within the text, and neither end is inside a surrogate pair (see rope_splits_pair). */
void rope_replace(struct rope *rope, size_t at, size_t del, const char *ins, size_t ins_len);

/* Is the position between the two halves of a surrogate pair? Positions beyond the end: false. */
bool rope_splits_pair(const struct rope *rope, size_t at);

/* The text in order, in pieces of whole characters: *iter starts as zero; returns a borrowed piece,
 * valid until the next edit, or NULL at the end. */
struct rope_iter {
    const void *leaf;
    bool done;
};
const char *rope_next(const struct rope *rope, struct rope_iter *iter, size_t *len);

/* Copies the whole text (rope_len bytes, no NUL) to out. */
void rope_copy(const struct rope *rope, char *out);
/* CRC-32 (the one of zlib) of the UTF-8 text. O(size). */
uint32_t rope_crc(const struct rope *rope);

#endif
