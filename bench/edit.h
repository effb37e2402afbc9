/* What the writers type: change sets of protocol.md §2 whose inserted text carries a mark, so that
 * whoever receives it, in whatever dialect, can tell who wrote it, which of the writer's edits it
 * is, and when it was due. With the message around it an edit is about 120 bytes of JSON. */
#ifndef WEFT_BENCH_EDIT_H
#define WEFT_BENCH_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weft/base/buf.h"

struct edit_mark {
    uint32_t writer; /* of 2^16 */
    uint32_t number; /* of 2^24; the writer's edits are numbered from 0 */
    uint64_t due_ns; /* of 2^40, since the generator's start */
};

/* '~' and 20 hexadecimal digits. */
#define EDIT_MARK_LEN 21
/* Characters that one edit inserts: the mark, filler, and a line break. */
#define EDIT_UNITS 61
#define EDIT_TEXT_LEN (EDIT_UNITS - 1)

void edit_mark_write(char out[EDIT_MARK_LEN], const struct edit_mark *mark);
/* Reads the first mark in at…end; returns the place behind it, or NULL if there is none. */
const char *edit_mark_find(const char *at, const char *end, struct edit_mark *mark);

/* The text of the edit without its line break. */
void edit_text_write(char out[EDIT_TEXT_LEN], const struct edit_mark *mark);

/* The writer's idea of its document. */
struct edit_document {
    uint64_t len;      /* UTF-16 units */
    uint64_t keep_len; /* above it an insertion replaces as much as it adds; 0 = never */
    uint64_t random;   /* not 0 */
};

/* Appends a change set at a random place and moves the length. */
void edit_change(struct buf *out, struct edit_document *document, const struct edit_mark *mark);

/* The lengths of the document before and after a change set. False if it is not one. */
bool edit_lengths(const char *change, size_t len, uint64_t *before, uint64_t *after);

/* Appends `units` of lines as they stand in a JSON string (a line break is \n). */
void edit_lines(struct buf *out, size_t units);

#endif
