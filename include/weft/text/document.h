/* A replica of one file: its text at a version, and a ring of the last entries of its log. It moves
 * only by logged entries (document_push), one version at a time. Nothing here knows of sessions. */
#ifndef WEFT_TEXT_DOCUMENT_H
#define WEFT_TEXT_DOCUMENT_H

#include "weft/base/err.h"
#include <stddef.h>
#include <stdint.h>

struct blob;
struct change;
struct document;
struct rope;

struct document_limits {
    size_t entries; /* the ring's entries, e.g. 5,000 */
    size_t bytes;   /* of messages and inserted text in the ring; the newest entry always stays */
};

struct document_entry {
    uint64_t version; /* after it */
    uint64_t by;      /* cid of the author */
    uint64_t n;       /* the author's number */
    struct change *change;
    struct blob *message; /* as every client receives it */
};

/* Takes rope, the text at version. Returns a new document. */
struct document *document_new(struct rope *rope, uint64_t version, struct document_limits limits);
void document_free(struct document *document);

uint64_t document_version(const struct document *document);
/* The smallest version from which every later entry is held here; = document_version when the ring
 * is empty. */
uint64_t document_oldest(const struct document *document);
const struct rope *document_rope(const struct document *document);
size_t document_bytes(const struct document *document); /* memory held, about */

/* Applies the entry that makes version + 1; change fits the text (asserted). Refs change and
 * message. */
void document_push(struct document *document, struct change *change, uint64_t by, uint64_t n,
                   struct blob *message);
/* Puts an entry below document_oldest into the ring without applying it: a log that was read for
 * clients that lag. Its version must be document_oldest. A full ring ignores it. */
void document_unshift(struct document *document, struct change *change, uint64_t by, uint64_t n,
                      struct blob *message);

/* The entry that made this version: borrowed, valid until the next push; NULL where it is not held.
 */
const struct document_entry *document_entry(const struct document *document, uint64_t version);

/* UTF-16 length of the text at a version between document_oldest and document_version. */
size_t document_len_at(const struct document *document, uint64_t version);
/* A position of version from moved to the present text. from below document_oldest, or a position
 * beyond the text, is clamped. */
size_t document_map_pos(const struct document *document, uint64_t from, size_t pos, int assoc);
/* CRC-32 of the present text, computed once per version. */
uint32_t document_crc(struct document *document);

#endif
