/* The ring holds the entries of the versions oldest + 1 … version in a row, so an entry is found by
 * its version alone. It grows as entries come, up to its limit; what is above the limits falls out
 * at the old end. A client that is further behind than the ring is served from the log. */
#include "weft/text/document.h"
#include "weft/base/blob.h"
#include "weft/base/mem.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"

#include <assert.h>
#include <stdlib.h>

#define LEAST_ROOM 16u

struct document {
    struct rope *rope;
    uint64_t version;
    struct document_limits limits;
    struct document_entry *ring;
    size_t room;  /* of the ring */
    size_t start; /* where the oldest entry stands */
    size_t count;
    size_t bytes; /* as the limit counts them */
    uint64_t crc_version;
    uint32_t crc;
    bool crc_known;
};

struct document *document_new(struct rope *rope, uint64_t version, struct document_limits limits)
{
    struct document *document = mem_zalloc(sizeof(*document));
    document->rope = rope;
    document->version = version;
    document->limits = limits;
    return document;
}

static struct document_entry *entry_at(const struct document *document, size_t i)
{
    size_t at = document->start + i;
    return &document->ring[at < document->room ? at : at - document->room];
}

static size_t entry_bytes(const struct document_entry *entry)
{
    return (entry->message ? entry->message->len : 0) + change_inserted_bytes(entry->change);
}

static void drop_oldest(struct document *document)
{
    struct document_entry *entry = entry_at(document, 0);
    document->bytes -= entry_bytes(entry);
    change_unref(entry->change);
    blob_unref(entry->message);
    document->start = (document->start + 1) % document->room;
    document->count--;
}

void document_free(struct document *document)
{
    if (!document)
        return;
    while (document->count > 0)
        drop_oldest(document);
    free(document->ring);
    rope_free(document->rope);
    free(document);
}

uint64_t document_version(const struct document *document)
{
    return document->version;
}

uint64_t document_oldest(const struct document *document)
{
    return document->version - document->count;
}

const struct rope *document_rope(const struct document *document)
{
    return document->rope;
}

size_t document_bytes(const struct document *document)
{
    return sizeof(*document) + rope_len(document->rope) + document->bytes +
           document->room * sizeof(struct document_entry);
}

static void make_room(struct document *document)
{
    if (document->count < document->room)
        return;
    size_t room = document->room ? document->room * 2 : LEAST_ROOM;
    struct document_entry *ring = mem_realloc_array(NULL, room, sizeof(*ring));
    for (size_t i = 0; i < document->count; i++)
        ring[i] = *entry_at(document, i);
    free(document->ring);
    document->ring = ring;
    document->room = room;
    document->start = 0;
}

static struct document_entry entry_new(struct change *change, uint64_t by, uint64_t n,
                                       struct blob *message)
{
    return (struct document_entry){.by = by,
                                   .n = n,
                                   .change = change_ref(change),
                                   .message = message ? blob_ref(message) : NULL};
}

void document_push(struct document *document, struct change *change, uint64_t by, uint64_t n,
                   struct blob *message)
{
    change_apply(change, document->rope);
    struct document_entry entry = entry_new(change, by, n, message);
    entry.version = ++document->version;
    /* Before the newest goes in, so that a ring at its limit does not grow by one. */
    while (document->count > 0 && (document->count >= document->limits.entries ||
                                   document->bytes + entry_bytes(&entry) > document->limits.bytes))
        drop_oldest(document);
    make_room(document);
    document->count++;
    document->bytes += entry_bytes(&entry);
    *entry_at(document, document->count - 1) = entry;
}

void document_unshift(struct document *document, struct change *change, uint64_t by, uint64_t n,
                      struct blob *message)
{
    uint64_t oldest = document_oldest(document);
    assert(oldest > 0 && change_len_after(change) == document_len_at(document, oldest));
    struct document_entry entry = entry_new(change, by, n, message);
    entry.version = oldest;
    if (document->count >= document->limits.entries ||
        document->bytes + entry_bytes(&entry) > document->limits.bytes) {
        change_unref(entry.change);
        blob_unref(entry.message);
        return;
    }
    make_room(document);
    document->start = (document->start + document->room - 1) % document->room;
    document->count++;
    document->bytes += entry_bytes(&entry);
    *entry_at(document, 0) = entry;
}

const struct document_entry *document_entry(const struct document *document, uint64_t version)
{
    uint64_t oldest = document_oldest(document);
    if (version <= oldest || version > document->version)
        return NULL;
    return entry_at(document, (size_t)(version - oldest - 1));
}

size_t document_len_at(const struct document *document, uint64_t version)
{
    assert(version >= document_oldest(document) && version <= document->version);
    if (version == document->version)
        return rope_utf16_len(document->rope);
    return change_len_before(document_entry(document, version + 1)->change);
}

size_t document_map_pos(const struct document *document, uint64_t from, size_t pos, int assoc)
{
    uint64_t oldest = document_oldest(document);
    uint64_t version = from < oldest ? oldest : from;
    if (version > document->version)
        version = document->version;
    size_t len = document_len_at(document, version);
    if (pos > len)
        pos = len;
    for (; version < document->version; version++)
        pos = change_map_pos(document_entry(document, version + 1)->change, pos, assoc);
    return pos;
}

uint32_t document_crc(struct document *document)
{
    if (!document->crc_known || document->crc_version != document->version) {
        document->crc = rope_crc(document->rope);
        document->crc_version = document->version;
        document->crc_known = true;
    }
    return document->crc;
}
