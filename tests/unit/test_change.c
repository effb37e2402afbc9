#include "weft/text/change.h"

#include "change_json.h"
#include "random_change.h"

static void parts_stand_as_they_were_built(void)
{
    static const char *const forms[] = {
        "[]",
        "[5]",
        "[3,[2,\"line\",\"line\"],[1],4]",
        "[[0,\"\",\"\"]]",
        "[[0,\"a\"],[0,\"b\"],[1],[1],2,3]",
        "[[0,\"\\u0000\\\"\\\\\\t\"]]",
        "[1,[2147483646]]",
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        CHECK_CHANGE(change_of(forms[i]), forms[i]);
}

static void lengths_are_units_on_both_sides(void)
{
    struct change *change = change_of("[3,[2,\"h\u00e9\",\"\U0001f600\"],[1],4]");
    CHECK_EQ_INT(change_len_before(change), 10);
    CHECK_EQ_INT(change_len_after(change), 12);
    CHECK_EQ_INT(change_parts(change), 4);
    CHECK_EQ_INT(change_inserted_bytes(change), 8);
    change_unref(change);
}

static void parts_that_do_nothing_are_refused(void)
{
    struct change_builder *builder = change_builder_new();
    CHECK(change_builder_keep(builder, 0) == ERR_BAD_CHANGE);
    CHECK(change_builder_replace(builder, 0, NULL, 0) == ERR_BAD_CHANGE);
    CHECK(change_builder_replace(builder, 0, "", 0) == ERR_BAD_CHANGE);
    CHECK_CHANGE(change_builder_finish(builder), "[]");
    change_builder_free(builder);
    change_builder_free(NULL);
}

static void lengths_are_limited(void)
{
    struct change_builder *builder = change_builder_new();
    CHECK(change_builder_keep(builder, UINT64_MAX) == ERR_TOO_BIG);
    CHECK(change_builder_keep(builder, CHANGE_LEN_MAX) == ERR_OK);
    CHECK(change_builder_keep(builder, 1) == ERR_TOO_BIG);
    change_builder_free(builder);
    builder = change_builder_new();
    CHECK(change_builder_replace(builder, CHANGE_LEN_MAX, NULL, 0) == ERR_OK);
    CHECK(change_builder_replace(builder, 0, "a", 1) == ERR_OK);
    CHECK(change_builder_replace(builder, UINT64_MAX - 1, NULL, 0) == ERR_TOO_BIG);
    change_builder_free(builder);
    builder = change_builder_new();
    CHECK(change_builder_replace(builder, 0, "a", 1) == ERR_OK);
    CHECK(change_builder_keep(builder, CHANGE_LEN_MAX) == ERR_TOO_BIG);
    change_builder_free(builder);
}

static void a_builder_is_used_again(void)
{
    struct change_builder *builder = change_builder_new();
    CHECK(change_builder_keep(builder, 3) == ERR_OK);
    CHECK(change_builder_replace(builder, 1, "x", 1) == ERR_OK);
    CHECK_CHANGE(change_builder_finish(builder), "[3,[1,\"x\"]]");
    CHECK(change_builder_keep(builder, 2) == ERR_OK);
    CHECK_CHANGE(change_builder_finish(builder), "[2]");
    change_builder_free(builder);
}

static void equal_is_part_for_part(void)
{
    static const char *const forms[] = {"[5]",
                                        "[2,3]",
                                        "[[5]]",
                                        "[[5,\"a\"]]",
                                        "[[5,\"b\"]]",
                                        "[[0,\"ab\"],5]",
                                        "[[0,\"a\"],[0,\"b\"],5]",
                                        "[]"};
    for (size_t i = 0; i < 8; i++) {
        for (size_t k = 0; k < 8; k++) {
            struct change *a = change_of(forms[i]), *b = change_of(forms[k]);
            CHECK(change_equal(a, b) == (i == k));
            change_unref(a);
            change_unref(b);
        }
    }
}

static void a_splice_has_no_empty_part(void)
{
    CHECK_CHANGE(change_splice(10, 3, 2, "x\ny", 3), "[3,[2,\"x\",\"y\"],5]");
    CHECK_CHANGE(change_splice(10, 0, 0, "x", 1), "[[0,\"x\"],10]");
    CHECK_CHANGE(change_splice(10, 10, 0, "x", 1), "[10,[0,\"x\"]]");
    CHECK_CHANGE(change_splice(10, 0, 10, "", 0), "[[10]]");
    CHECK_CHANGE(change_splice(10, 4, 0, NULL, 0), "[10]");
    CHECK_CHANGE(change_splice(0, 0, 0, NULL, 0), "[]");
}

/* The tie rule of the protocol, case by case; a is mapped over b. */
static void insertions_at_one_place_have_an_order(void)
{
    static const struct {
        const char *a, *b;
        bool before;
        const char *mapped;
    } cases[] = {
        {"[2,[0,\"a\"],2]", "[2,[0,\"b\"],2]", false, "[3,[0,\"a\"],2]"},
        {"[2,[0,\"a\"],2]", "[2,[0,\"b\"],2]", true, "[2,[0,\"a\"],3]"},
        /* the lower start first, whatever before says */
        {"[1,[2,\"a\"],1]", "[2,[0,\"b\"],2]", false, "[1,[1,\"a\"],1,[1],1]"},
        /* at one start the one that deletes fewer */
        {"[[0,\"a\"],4]", "[[2,\"b\"],2]", false, "[[0,\"a\"],3]"},
        {"[[2,\"a\"],2]", "[[0,\"b\"],4]", true, "[1,[2,\"a\"],2]"},
        /* both replacements of one range stay */
        {"[[2,\"a\"],2]", "[[2,\"b\"],2]", false, "[1,[0,\"a\"],2]"},
        {"[[2,\"a\"],2]", "[[2,\"b\"],2]", true, "[[0,\"a\"],3]"},
        /* text inside a deleted range survives */
        {"[2,[0,\"a\"],2]", "[[4]]", false, "[[0,\"a\"]]"},
        {"[1,[2,\"a\"],1]", "[[4,\"b\"]]", false, "[1,[0,\"a\"]]"},
        {"[[4,\"a\"]]", "[1,[1],2]", false, "[[3,\"a\"]]"},
        {"[1,[3,\"a\"]]", "[[2],2]", false, "[[2,\"a\"]]"},
        {"[]", "[]", false, "[]"},
        {"[[0,\"a\"]]", "[[0,\"b\"]]", false, "[1,[0,\"a\"]]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct change *a = change_of(cases[i].a), *b = change_of(cases[i].b);
        CHECK_CHANGE(change_map(a, b, cases[i].before), cases[i].mapped);
        change_unref(a);
        change_unref(b);
    }
}

/* Neighbouring parts are joined on the way over a change, but not over one that does nothing: so
 * does CodeMirror, and the parts are significant. */
static void over_nothing_the_parts_stay_apart(void)
{
    struct change *a = change_of("[[0,\"a\"],[0,\"b\"],[1],[1],3]");
    struct change *nothing = change_of("[5]"), *keeps = change_of("[2,3]"),
                  *empty = change_of("[]");
    struct change *first = change_of("[[0,\"a\"],[0,\"b\"]]");
    CHECK_CHANGE(change_map(a, nothing, false), "[[0,\"a\"],[0,\"b\"],[1],[1],3]");
    CHECK_CHANGE(change_map(a, keeps, false), "[[0,\"ab\"],[2],3]");
    CHECK_CHANGE(change_map(first, empty, true), "[[0,\"a\"],[0,\"b\"]]");
    CHECK_CHANGE(change_compose(nothing, a), "[[0,\"a\"],[0,\"b\"],[1],[1],3]");
    CHECK_CHANGE(change_compose(a, nothing), "[[0,\"a\"],[0,\"b\"],[1],[1],3]");
    change_unref(a);
    change_unref(nothing);
    change_unref(keeps);
    change_unref(empty);
    change_unref(first);
}

static void positions_go_through_a_change(void)
{
    static const struct {
        size_t pos;
        int assoc;
        size_t mapped;
    } cases[] = {{0, 0, 0},  {2, -1, 2}, {2, 0, 2},  {2, 1, 2}, {3, -1, 2}, {3, 0, 5},
                 {4, -1, 5}, {4, 1, 5},  {5, -1, 6}, {5, 0, 7}, {5, 1, 7},  {6, -1, 7},
                 {7, 0, 7},  {8, 1, 7},  {9, 0, 8},  {9, -1, 8}};
    /* 01[23 -> xyz]4[+w]5(678 goes)9 */
    struct change *change = change_of("[2,[2,\"xyz\"],1,[0,\"w\"],[3],1]");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t mapped = change_map_pos(change, cases[i].pos, cases[i].assoc);
        if (mapped != cases[i].mapped)
            CHECK_FAIL("%zu with %d goes to %zu", cases[i].pos, cases[i].assoc, mapped);
    }
    change_unref(change);
}

static void composing_joins_what_was_typed(void)
{
    struct change *all = change_splice(4, 2, 0, "w", 1);
    for (size_t i = 1; i < 4; i++) {
        struct change *next = change_splice(4 + i, 2 + i, 0, &"weft"[i], 1);
        struct change *both = change_compose(all, next);
        change_unref(all);
        change_unref(next);
        all = both;
    }
    struct change *gone = change_splice(8, 3, 4, "e", 1);
    CHECK_CHANGE(change_compose(all, gone), "[2,[1,\"we\"],1]");
    CHECK_CHANGE(all, "[2,[0,\"weft\"],2]");
    change_unref(gone);
}

static void a_pair_is_not_to_be_split(void)
{
    struct rope *rope = rope_new("a\xf0\x9f\x98\x80z", 6);
    static const struct {
        const char *change;
        bool splits;
    } cases[] = {{"[1,[2],1]", false},
                 {"[2,[0,\"x\"],2]", true},
                 {"[[1,\"x\"],3]", false},
                 {"[1,[1],2]", true},
                 {"[2,2]", true},
                 {"[1,[1],[1],1]", true},
                 {"[4,[0,\"\U0001f600\"]]", false},
                 {"[4]", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct change *change = change_of(cases[i].change);
        CHECK_EQ_INT(change_splits_pair(change, rope), cases[i].splits);
        change_unref(change);
    }
    rope_free(rope);
}

static void a_list_may_split_a_pair_of_its_own(void)
{
    struct rope *rope = rope_new("abcd", 4);
    static const struct {
        const char *changes[3];
        bool splits;
    } cases[] = {
        {{"[2,[0,\"\U0001f600\"],2]", "[3,[0,\"x\"],3]", NULL}, true},
        {{"[2,[0,\"\U0001f600\"],2]", "[2,[0,\"x\"],4]", "[4,[0,\"y\"],3]"}, true},
        {{"[2,[0,\"\U0001f600\"],2]", "[2,[0,\"x\"],4]", "[3,[0,\"y\"],4]"}, false},
        {{"[2,[0,\"\U0001f600\"],2]", "[2,[2],2]", "[2,[0,\"y\"],2]"}, false},
        {{"[2,[0,\"x\u00e9\U0001f600\"],2]", "[2,[1],[1],[2],2]", NULL}, false},
        {{"[2,[0,\"x\u00e9\U0001f600\"],2]", "[2,[1],[1],[1],3]", NULL}, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct change *list[3];
        size_t count = 0;
        for (; count < 3 && cases[i].changes[count]; count++)
            list[count] = change_of(cases[i].changes[count]);
        CHECK_EQ_INT(change_list_splits_pair(list, count, rope), cases[i].splits);
        while (count > 0)
            change_unref(list[--count]);
    }
    CHECK(!change_list_splits_pair(NULL, 0, rope));
    rope_free(rope);
}

/* Pairs of the list's texts, against applying the list to the rope one by one. */
static void a_list_splits_pairs_as_its_changes_do_one_by_one(void)
{
    uint64_t random = check_seed();
    int split = 0;
    for (int round = 0; round < 20000; round++) {
        struct buf text = random_text(&random, UNICODE, 12);
        struct rope *rope = rope_new(text.data, text.len), *moved = rope_new(text.data, text.len);
        struct change *list[4];
        size_t count = 0, len = utf8_utf16_len(text.data, text.len);
        bool splits = false;
        while (count < 4 && !splits) {
            list[count] = random_change(&random, len);
            splits = change_splits_pair(list[count], moved);
            if (!splits)
                change_apply(list[count], moved);
            len = change_len_after(list[count++]);
        }
        CHECK_EQ_INT(change_list_splits_pair(list, count, rope), splits);
        split += splits;
        while (count > 0)
            change_unref(list[--count]);
        rope_free(rope);
        rope_free(moved);
        buf_close(&text);
    }
    CHECK(split > 2000 && split < 18000);
}

/* Both orders end in the same text, for changes as they are built and as mapping makes them. */
static void two_orders_end_in_one_text(void)
{
    uint64_t random = check_seed();
    int rounds = check_long() ? 3000000 : 100000;
    for (int round = 0; round < rounds && !check.failures; round++) {
        size_t len = check_random(&random) % 10;
        struct change *c = random_change(&random, len);
        struct change *a = random_change(&random, len), *b = random_change(&random, len);
        if (round % 2) {
            struct change *list[] = {a, b};
            a = change_map(list[0], c, round % 4 == 1);
            b = change_map(list[1], c, round % 8 > 3);
            change_unref(list[0]);
            change_unref(list[1]);
        }
        struct change *a_b = change_map(a, b, false), *b_a = change_map(b, a, true);
        struct change *ab = change_compose(b, a_b), *ba = change_compose(a, b_a);
        struct buf text = BUF_EMPTY, one, other;
        for (size_t i = 0; i < change_len_before(a); i++)
            buf_add_char(&text, (char)('A' + i % 26));
        text_after(ab, text.data, text.len, &one);
        text_after(ba, text.data, text.len, &other);
        CHECK_EQ_STR(one.data, other.data);
        buf_close(&text);
        buf_close(&one);
        buf_close(&other);
        struct change *all[] = {a, b, c, a_b, b_a, ab, ba};
        for (size_t i = 0; i < 7; i++)
            change_unref(all[i]);
    }
}

/* A list over x is the list one by one, and x over the list ends in the same text. */
static void a_list_is_mapped_as_a_grid(void)
{
    uint64_t random = check_seed();
    for (int round = 0; round < 30000 && !check.failures; round++) {
        size_t len = check_random(&random) % 10, count = check_random(&random) % 5;
        struct change *x = random_change(&random, len), *over = change_ref(x);
        struct change *list[5], *mapped[5];
        struct rope *first = rope_new("0123456789", len), *second = rope_new("0123456789", len);
        change_apply(x, second);
        for (size_t i = 0; i < count; i++) {
            list[i] = random_ascii_change(&random, len);
            len = change_len_after(list[i]);
            change_apply(list[i], first);
            mapped[i] = change_ref(list[i]);
            struct change *next = change_map(over, list[i], true);
            CHECK_EQ_INT(change_len_before(next), len);
            change_unref(over);
            over = next;
        }
        struct change *rest;
        change_list_map(mapped, count, x, &rest);
        CHECK(change_equal(rest, over));
        change_unref(rest);
        for (size_t i = 0; i < count; i++)
            change_apply(mapped[i], second);
        change_apply(over, first);
        CHECK_EQ_INT(rope_crc(first), rope_crc(second));
        while (count-- > 0) {
            change_unref(list[count]);
            change_unref(mapped[count]);
        }
        change_unref(over);
        change_unref(x);
        rope_free(first);
        rope_free(second);
    }
}

/* One long mapping against the same in pieces: many parts, which do not fit at hand. */
static void many_parts_are_no_different(void)
{
    uint64_t random = check_seed();
    for (int round = 0; round < 30; round++) {
        size_t len = 3000;
        struct change *a = random_change_of(&random, UNICODE, len, 400);
        struct change *b = random_change_of(&random, UNICODE, len, 400);
        struct change *a_b = change_map(a, b, false), *b_a = change_map(b, a, true);
        CHECK(change_parts(a) > 100 && change_parts(a_b) > 100);
        struct change *ab = change_compose(b, a_b), *ba = change_compose(a, b_a);
        struct rope *one = rope_new("", 0), *other = rope_new("", 0);
        for (size_t i = 0; i < len; i++) {
            rope_replace(one, i, 0, &"abcdefghijk"[i % 11], 1);
            rope_replace(other, i, 0, &"abcdefghijk"[i % 11], 1);
        }
        change_apply(ab, one);
        change_apply(ba, other);
        CHECK_EQ_INT(rope_crc(one), rope_crc(other));
        struct change *all[] = {a, b, a_b, b_a, ab, ba};
        for (size_t i = 0; i < 6; i++)
            change_unref(all[i]);
        rope_free(one);
        rope_free(other);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(parts_stand_as_they_were_built);
    RUN(lengths_are_units_on_both_sides);
    RUN(parts_that_do_nothing_are_refused);
    RUN(lengths_are_limited);
    RUN(a_builder_is_used_again);
    RUN(equal_is_part_for_part);
    RUN(a_splice_has_no_empty_part);
    RUN(insertions_at_one_place_have_an_order);
    RUN(over_nothing_the_parts_stay_apart);
    RUN(positions_go_through_a_change);
    RUN(composing_joins_what_was_typed);
    RUN(a_pair_is_not_to_be_split);
    RUN(a_list_may_split_a_pair_of_its_own);
    RUN(a_list_splits_pairs_as_its_changes_do_one_by_one);
    RUN(two_orders_end_in_one_text);
    RUN(a_list_is_mapped_as_a_grid);
    RUN(many_parts_are_no_different);
    return check_finish();
}
