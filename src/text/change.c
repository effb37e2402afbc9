/* Change sets as values: building, counting, applying, printing. How two of them meet is in
 * change_map.c and change_compose.c.
 *
 * A change is one block of memory and is never altered, so it can stand in a log, in a queue and in
 * a list that is being mapped at the same time. Lengths are 32 bits: texts are megabytes at most,
 * and a part then takes 12 bytes. */
#include "change_parts.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/text/rope.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct change_builder {
    struct buf parts; /* of struct part */
    struct buf text;
    uint64_t len_before;
    uint64_t len_after;
};

void part_list_init(struct part_list *list, size_t room)
{
    list->count = 0;
    list->room = room;
    list->parts = list->at_hand;
    if (room > PARTS_AT_HAND)
        list->parts = mem_realloc_array(NULL, room, sizeof(struct part));
}

void part_list_close(struct part_list *list)
{
    assert(list->count <= list->room);
    if (list->parts != list->at_hand)
        free(list->parts);
}

struct change *change_new(const struct part *parts, size_t count, size_t text_len, char **text)
{
    uint64_t before = 0, after = 0;
    for (size_t i = 0; i < count; i++) {
        before += parts[i].len;
        after += parts[i].ins < 0 ? parts[i].len : (uint32_t)parts[i].ins;
    }
    assert(before <= CHANGE_LEN_MAX && after <= CHANGE_LEN_MAX && text_len < UINT32_MAX);
    size_t size = count * sizeof(struct part);
    struct change *change = mem_alloc(sizeof(*change) + size + text_len);
    change->refs = 1;
    change->count = (uint32_t)count;
    change->len_before = (uint32_t)before;
    change->len_after = (uint32_t)after;
    change->text_len = (uint32_t)text_len;
    if (count > 0)
        memcpy(change->parts, parts, size);
    *text = (char *)(change->parts + count);
    return change;
}

struct change_builder *change_builder_new(void)
{
    return mem_zalloc(sizeof(struct change_builder));
}

void change_builder_free(struct change_builder *builder)
{
    if (!builder)
        return;
    buf_close(&builder->parts);
    buf_close(&builder->text);
    free(builder);
}

static enum err add(struct change_builder *builder, struct part part)
{
    builder->len_before += part.len;
    builder->len_after += part.ins < 0 ? part.len : (uint32_t)part.ins;
    if (builder->len_before > CHANGE_LEN_MAX || builder->len_after > CHANGE_LEN_MAX)
        return ERR_TOO_BIG;
    buf_add(&builder->parts, &part, sizeof(part));
    return ERR_OK;
}

enum err change_builder_keep(struct change_builder *builder, uint64_t units)
{
    if (units == 0)
        return ERR_BAD_CHANGE;
    if (units > CHANGE_LEN_MAX)
        return ERR_TOO_BIG;
    return add(builder, (struct part){(uint32_t)units, PART_KEEPS, 0});
}

enum err change_builder_replace(struct change_builder *builder, uint64_t del, const char *text,
                                size_t len)
{
    if (del == 0 && len == 0)
        return ERR_BAD_CHANGE;
    if (del > CHANGE_LEN_MAX || len > CHANGE_LEN_MAX)
        return ERR_TOO_BIG;
    size_t units = utf8_utf16_len(text, len);
    buf_add(&builder->text, text, len);
    return add(builder, (struct part){(uint32_t)del, (int32_t)units, (uint32_t)len});
}

struct change *change_builder_finish(struct change_builder *builder)
{
    char *text;
    size_t count = builder->parts.len / sizeof(struct part);
    struct change *change = change_new((const struct part *)(void *)builder->parts.data, count,
                                       builder->text.len, &text);
    if (builder->text.len > 0)
        memcpy(text, builder->text.data, builder->text.len);
    buf_reset(&builder->parts);
    buf_reset(&builder->text);
    builder->len_before = builder->len_after = 0;
    return change;
}

/* The count is what a change is const without. */
static struct change *counted(const struct change *change)
{
    return (struct change *)(uintptr_t)change;
}

struct change *change_ref(const struct change *change)
{
    assert(change->refs > 0 && change->refs < UINT32_MAX);
    counted(change)->refs++;
    return counted(change);
}

void change_unref(const struct change *change)
{
    if (!change)
        return;
    assert(change->refs > 0);
    if (--counted(change)->refs == 0)
        free(counted(change));
}

size_t change_len_before(const struct change *change)
{
    return change->len_before;
}

size_t change_len_after(const struct change *change)
{
    return change->len_after;
}

size_t change_parts(const struct change *change)
{
    return change->count;
}

size_t change_inserted_bytes(const struct change *change)
{
    return change->text_len;
}

bool change_does_nothing(const struct change *change)
{
    for (size_t i = 0; i < change->count; i++)
        if (change->parts[i].ins >= 0)
            return false;
    return true;
}

bool change_equal(const struct change *a, const struct change *b)
{
    return a->count == b->count && a->text_len == b->text_len &&
           memcmp(a->parts, b->parts, a->count * sizeof(struct part)) == 0 &&
           memcmp(change_text(a), change_text(b), a->text_len) == 0;
}

struct change *change_splice(size_t len, size_t at, size_t del, const char *text, size_t text_len)
{
    assert(len <= CHANGE_LEN_MAX && at <= len && del <= len - at && text_len <= CHANGE_LEN_MAX);
    struct part_list list;
    part_list_init(&list, 3);
    int32_t ins = (int32_t)utf8_utf16_len(text, text_len);
    part_list_add(&list, (struct part){(uint32_t)at, PART_KEEPS, 0});
    part_list_add(&list, (struct part){(uint32_t)del, ins, (uint32_t)text_len});
    part_list_add(&list, (struct part){(uint32_t)(len - at - del), PART_KEEPS, 0});
    char *to;
    struct change *change = change_new(list.parts, list.count, text_len, &to);
    if (text_len > 0)
        memcpy(to, text, text_len);
    part_list_close(&list);
    return change;
}

void change_apply(const struct change *change, struct rope *rope)
{
    assert(change->len_before == rope_utf16_len(rope));
    const char *text = change_text(change);
    size_t at = 0;
    for (uint32_t i = 0; i < change->count; i++) {
        const struct part *part = &change->parts[i];
        if (part->ins < 0) {
            at += part->len;
        } else {
            rope_replace(rope, at, part->len, text, part->bytes);
            text += part->bytes;
            at += (size_t)part->ins;
        }
    }
}

/* Appends "line","line"… of a text with its line breaks. */
static void print_lines(const char *text, size_t len, struct buf *out)
{
    const char *end = text + len;
    for (;;) {
        const char *nl = memchr(text, '\n', (size_t)(end - text));
        buf_add_char(out, ',');
        buf_add_json(out, text, (size_t)((nl ? nl : end) - text));
        if (!nl)
            return;
        text = nl + 1;
    }
}

void change_print(const struct change *change, struct buf *out)
{
    const char *text = change_text(change);
    buf_add_char(out, '[');
    for (uint32_t i = 0; i < change->count; i++) {
        const struct part *part = &change->parts[i];
        if (i > 0)
            buf_add_char(out, ',');
        if (part->ins >= 0)
            buf_add_char(out, '[');
        buf_add_u64(out, part->len);
        if (part->bytes > 0)
            print_lines(text, part->bytes, out);
        if (part->ins >= 0)
            buf_add_char(out, ']');
        text += part->bytes;
    }
    buf_add_char(out, ']');
}
