/* Two changes of one text, made part by part of the bytes, so that nothing is spent on syntax:
 * mapping and composing must keep their promises for whatever a builder accepts, and what may be
 * applied must end in one text in both orders, in the rope as in a plain array. */
#include "weft/base/utf.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct input {
    const uint8_t *data;
    size_t size;
};

static unsigned take(struct input *input)
{
    if (input->size == 0)
        return 0;
    input->size--;
    return *input->data++;
}

static void take_text(struct input *input, size_t most, struct buf *out)
{
    static const char *const characters[] = {"a",      "b",      "\n",         "c",
                                             "\u00e9", "\u6f22", "\U0001f600", "d"};
    buf_reset(out);
    buf_add(out, "", 0);
    for (size_t i = take(input) % (most + 1); i > 0; i--)
        buf_add_text(out, characters[take(input) % 8]);
}

/* A byte a part: two bits say what it does, the rest to how many units. Long ones come too. */
static struct change *take_change(struct input *input, size_t len)
{
    struct change_builder *builder = change_builder_new();
    struct buf text = BUF_EMPTY;
    enum err err = ERR_OK;
    while (input->size > 0 && !err) {
        unsigned part = take(input);
        if (part == 0xff)
            break;
        size_t units = part >> 3;
        if (units > len)
            units = len;
        take_text(input, (part & 3) == 3 ? 3 : 0, &text);
        if ((part & 3) < 2 && units > 0)
            err = change_builder_keep(builder, units);
        else if (units > 0 || text.len > 0)
            err = change_builder_replace(builder, units, text.data, text.len);
        if ((part & 3) >= 2 || units > 0)
            len -= units;
    }
    if (!err && len > 0)
        err = change_builder_keep(builder, len);
    MUST(err == ERR_OK);
    struct change *change = change_builder_finish(builder);
    change_builder_free(builder);
    buf_close(&text);
    return change;
}

/* Applies to a flat array what the printed form says; it is JSON without escapes but \n's lines. */
static void apply_printed(const struct change *change, const struct buf *text, struct buf *out)
{
    struct buf form = BUF_EMPTY;
    change_print(change, &form);
    size_t at = 0;
    buf_reset(out);
    buf_add(out, "", 0);
    for (char *c = form.data + 1; *c != ']' && *c != '\0';) {
        bool keeps = *c != '[';
        size_t units = strtoul(keeps ? c : c + 1, &c, 10);
        size_t end = at + utf8_offset(text->data + at, text->len - at, units);
        if (keeps)
            buf_add(out, text->data + at, end - at);
        at = end;
        for (bool first = true; !keeps && *c == ','; first = false) {
            char *close = strchr(c + 2, '"');
            if (!first)
                buf_add_char(out, '\n');
            buf_add(out, c + 2, (size_t)(close - c - 2));
            c = close + 1;
        }
        c += keeps ? 0 : 1;
        c += *c == ',';
    }
    buf_close(&form);
}

static void check_applied(const struct change *change, const struct buf *text, struct buf *out)
{
    struct rope *rope = rope_new(text->data, text->len);
    change_apply(change, rope);
    apply_printed(change, text, out);
    MUST(rope_len(rope) == out->len);
    MUST(rope_utf16_len(rope) == change_len_after(change));
    char *copy = malloc(out->len + 1);
    rope_copy(rope, copy);
    MUST(memcmp(copy, out->data, out->len) == 0);
    free(copy);
    rope_free(rope);
}

static void check_positions(const struct change *change)
{
    size_t last[2] = {0, 0};
    for (size_t pos = 0; pos <= change_len_before(change); pos++) {
        size_t left = change_map_pos(change, pos, -1), right = change_map_pos(change, pos, 1);
        MUST(left <= right && right <= change_len_after(change));
        MUST(left >= last[0] && right >= last[1]);
        last[0] = left;
        last[1] = right;
    }
}

static void check_orders(const struct change *a, const struct change *b, const struct buf *text)
{
    struct change *a_b = change_map(a, b, false), *b_a = change_map(b, a, true);
    struct change *ab = change_compose(b, a_b), *ba = change_compose(a, b_a);
    MUST(change_len_before(a_b) == change_len_after(b));
    MUST(change_len_before(b_a) == change_len_after(a));
    MUST(change_len_after(a_b) == change_len_after(b_a));
    MUST(change_inserted_bytes(a_b) == change_inserted_bytes(a));
    MUST(change_inserted_bytes(b_a) == change_inserted_bytes(b));
    check_positions(ab);
    struct rope *rope = rope_new(text->data, text->len);
    if (!change_splits_pair(a, rope) && !change_splits_pair(b, rope)) {
        struct buf one = BUF_EMPTY, two = BUF_EMPTY, three = BUF_EMPTY;
        check_applied(b, text, &one);
        check_applied(a_b, &one, &two);
        check_applied(ab, text, &one);
        MUST(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
        check_applied(a, text, &three);
        check_applied(b_a, &three, &two);
        MUST(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
        check_applied(ba, text, &two);
        MUST(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
        buf_close(&one);
        buf_close(&two);
        buf_close(&three);
    }
    rope_free(rope);
    const struct change *all[] = {a_b, b_a, ab, ba};
    for (size_t i = 0; i < 4; i++)
        change_unref(all[i]);
}

/* c comes after a, and may cut a's text wherever it likes: whether it does is known beforehand. */
static void check_list(struct change *a, struct change *c, const struct buf *text)
{
    struct change *list[] = {a, c};
    struct rope *rope = rope_new(text->data, text->len);
    bool splits = change_list_splits_pair(list, 2, rope);
    struct change *both = change_compose(a, c);
    MUST(change_len_after(both) == change_len_after(c));
    if (!change_splits_pair(a, rope)) {
        change_apply(a, rope);
        MUST(splits == change_splits_pair(c, rope));
        struct buf one = BUF_EMPTY, two = BUF_EMPTY, all = BUF_EMPTY;
        if (!splits) {
            check_applied(a, text, &one);
            check_applied(c, &one, &two);
            check_applied(both, text, &all);
            MUST(all.len == two.len && memcmp(all.data, two.data, all.len) == 0);
        }
        buf_close(&one);
        buf_close(&two);
        buf_close(&all);
    } else {
        MUST(splits);
    }
    change_unref(both);
    rope_free(rope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct buf text = BUF_EMPTY;
    take_text(&input, 40, &text);
    size_t len = utf8_utf16_len(text.data, text.len);
    struct change *a = take_change(&input, len);
    struct change *b = take_change(&input, len);
    struct change *c = take_change(&input, change_len_after(a));
    check_positions(a);
    check_orders(a, b, &text);
    check_list(a, c, &text);
    change_unref(a);
    change_unref(b);
    change_unref(c);
    buf_close(&text);
    return 0;
}
