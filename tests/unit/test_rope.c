#include "weft/text/rope.h"
#include "weft/base/buf.h"
#include "weft/base/utf.h"

#include "check.h"

#include <zlib.h>

/* The rope's text, piece by piece; the caller closes it. */
static struct buf read_all(const struct rope *rope)
{
    struct buf out = BUF_EMPTY;
    struct rope_iter iter = {0};
    const char *piece;
    size_t len;
    while ((piece = rope_next(rope, &iter, &len))) {
        CHECK(len > 0 && utf8_valid(piece, len));
        buf_add(&out, piece, len);
    }
    CHECK(rope_next(rope, &iter, &len) == NULL);
    return out;
}

static void check_holds(const struct rope *rope, const char *text, size_t len)
{
    struct buf all = read_all(rope);
    CHECK_EQ_INT(all.len, len);
    CHECK(len == 0 || (all.len == len && memcmp(all.data, text, len) == 0));
    CHECK_EQ_INT(rope_len(rope), len);
    CHECK_EQ_INT(rope_utf16_len(rope), utf8_utf16_len(text, len));
    CHECK(rope_crc(rope) == crc32(0, (const Bytef *)text, (uInt)len));
    char *copy = malloc(len + 1);
    copy[len] = '#';
    rope_copy(rope, copy);
    CHECK(memcmp(copy, text, len) == 0 && copy[len] == '#');
    free(copy);
    buf_close(&all);
}

static void a_rope_of_nothing_is_empty(void)
{
    struct rope *rope = rope_new("", 0);
    check_holds(rope, "", 0);
    rope_replace(rope, 0, 0, "x", 1);
    check_holds(rope, "x", 1);
    rope_replace(rope, 0, 1, NULL, 0);
    check_holds(rope, "", 0);
    rope_free(rope);
    rope_free(NULL);
}

static void positions_are_utf16_units(void)
{
    const char text[] = "a\xc3\xa9\xf0\x9f\x98\x80\xe6\xbc\xa2z"; /* a é 😀 漢 z */
    struct rope *rope = rope_new(text, sizeof(text) - 1);
    CHECK_EQ_INT(rope_utf16_len(rope), 6);
    for (size_t at = 0; at < 9; at++)
        CHECK_EQ_INT(rope_splits_pair(rope, at), at == 3);
    rope_replace(rope, 4, 1, "!?", 2);
    check_holds(rope, "a\xc3\xa9\xf0\x9f\x98\x80!?z", 10);
    rope_replace(rope, 2, 2, "", 0);
    check_holds(rope, "a\xc3\xa9!?z", 6);
    rope_free(rope);
}

static char *long_text(size_t *len)
{
    static const char *const bits[] = {"int main(void)\n{\n", "\xe6\xbc\xa2", "\xf0\x9f\x98\x80",
                                       "    return 0;\n}\n", "\xc3\xa9"};
    *len = 0;
    char *text = malloc(300000 + 32);
    for (size_t i = 0; *len < 300000; i++) {
        const char *bit = bits[i * i % 5];
        memcpy(text + *len, bit, strlen(bit));
        *len += strlen(bit);
    }
    return text;
}

static void a_long_text_goes_in_and_out(void)
{
    size_t len;
    char *text = long_text(&len);
    struct rope *rope = rope_new(text, len);
    check_holds(rope, text, len);
    size_t units = rope_utf16_len(rope);
    rope_replace(rope, 0, 0, text, len);
    CHECK_EQ_INT(rope_len(rope), 2 * len);
    rope_replace(rope, units, units, "end", 3);
    rope_replace(rope, 0, units, "", 0);
    check_holds(rope, "end", 3);
    rope_free(rope);
    free(text);
}

static void every_pair_is_known(void)
{
    size_t len;
    char *text = long_text(&len);
    struct rope *rope = rope_new(text, len);
    size_t at = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c & 0xc0) == 0x80)
            continue;
        CHECK(!rope_splits_pair(rope, at));
        if (c >= 0xf0)
            CHECK(rope_splits_pair(rope, at + 1));
        at += c >= 0xf0 ? 2 : 1;
    }
    CHECK_EQ_INT(at, rope_utf16_len(rope));
    rope_free(rope);
    free(text);
}

/* A flat array of UTF-8 that is edited as a rope is. */
struct flat {
    char *text;
    size_t len;
};

static void flat_replace(struct flat *flat, size_t at, size_t del, const char *ins, size_t len)
{
    size_t from = utf8_offset(flat->text, flat->len, at);
    size_t to = from + utf8_offset(flat->text + from, flat->len - from, del);
    memmove(flat->text + from + len, flat->text + to, flat->len - to);
    memcpy(flat->text + from, ins, len);
    flat->len += from + len - to;
}

static bool flat_splits(const struct flat *flat, size_t at)
{
    size_t off = utf8_offset(flat->text, flat->len, at);
    return at < utf8_utf16_len(flat->text, flat->len) && utf8_utf16_len(flat->text, off) < at;
}

static size_t random_text(uint64_t *random, char *out, size_t most)
{
    static const char *const characters[] = {
        "a", "b", "\n", "\xc3\xa9", "\xe6\xbc\xa2", "\xf0\x9f\x98\x80"};
    bool ascii = check_random(random) % 2;
    size_t len = 0, want = check_random(random) % (most - 4);
    while (len < want) {
        const char *c = characters[check_random(random) % (ascii ? 3 : 6)];
        memcpy(out + len, c, strlen(c));
        len += strlen(c);
    }
    return len;
}

enum { FLAT_MAX = 64 * 1024, INS_MAX = 5000 };

/* Edits of a size drawn anew every few hundred: letters, lines, and pages that grow or shrink it.
 */
static void edit_both(uint64_t *random, struct flat *flat, struct rope *rope, int kind)
{
    static char ins[INS_MAX];
    size_t units = rope_utf16_len(rope);
    size_t most = kind < 4 ? 8 : kind < 6 ? 200 : INS_MAX;
    size_t at = check_random(random) % (units + 1);
    size_t del = check_random(random) % (kind % 2 ? most : most / 3 + 1);
    if (del > units - at || kind == 7)
        del = units - at;
    CHECK(rope_splits_pair(rope, at) == flat_splits(flat, at));
    at -= rope_splits_pair(rope, at);
    del += rope_splits_pair(rope, at + del);
    size_t len = random_text(random, ins, most);
    if (flat->len + len > FLAT_MAX)
        len = 0;
    rope_replace(rope, at, del, ins, len);
    flat_replace(flat, at, del, ins, len);
}

static void a_rope_does_what_a_flat_array_does(void)
{
    uint64_t random = check_seed();
    int edits = check_long() ? 3000000 : 60000;
    struct flat flat = {malloc(FLAT_MAX + INS_MAX), 0};
    struct rope *rope = rope_new("", 0);
    int kind = 0;
    for (int i = 0; i < edits; i++) {
        if (i % 300 == 0)
            kind = (int)(check_random(&random) % 8);
        edit_both(&random, &flat, rope, kind);
        CHECK_EQ_INT(rope_len(rope), flat.len);
        if (i % 64 == 0)
            check_holds(rope, flat.text, flat.len);
        if (check.failures)
            break;
    }
    check_holds(rope, flat.text, flat.len);
    rope_free(rope);
    free(flat.text);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_rope_of_nothing_is_empty);
    RUN(positions_are_utf16_units);
    RUN(a_long_text_goes_in_and_out);
    RUN(every_pair_is_known);
    RUN(a_rope_does_what_a_flat_array_does);
    return check_finish();
}
