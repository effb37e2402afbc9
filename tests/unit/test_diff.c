/* The difference of two texts: it makes the one of the other, whatever they are, it is as small as
 * the lines allow where little differs, and it costs no more than it may. */
#include "random_change.h"
#include "trace.h"
#include "weft/text/diff.h"
#include "weft/text/rope.h"

#include <time.h>

#define PARTS 1000

/* Returns the change, having checked that it leads from one text to the other. */
static struct change *diff_of(const char *a, size_t a_len, const char *b, size_t b_len)
{
    struct change *change = diff_texts(a, a_len, b, b_len, PARTS);
    struct rope *rope = rope_new(a, a_len);
    CHECK_EQ_INT(change_len_before(change), utf8_utf16_len(a, a_len));
    REQUIRE(!change_splits_pair(change, rope));
    change_apply(change, rope);
    char *text = malloc(rope_len(rope) + 1);
    rope_copy(rope, text);
    CHECK_EQ_INT(rope_len(rope), b_len);
    CHECK(rope_len(rope) == b_len && memcmp(text, b, b_len) == 0);
    CHECK(change_parts(change) <= PARTS);
    free(text);
    rope_free(rope);
    return change;
}

static void check_print(const char *a, const char *b, const char *expected)
{
    struct change *change = diff_of(a, strlen(a), b, strlen(b));
    struct buf out = BUF_EMPTY;
    change_print(change, &out);
    buf_add(&out, "", 1);
    CHECK_EQ_STR(out.data, expected);
    buf_close(&out);
    change_unref(change);
}

static void only_what_differs_is_replaced(void)
{
    check_print("", "", "[]");
    check_print("same", "same", "[4]");
    check_print("", "a\nb", "[[0,\"a\",\"b\"]]");
    check_print("gone", "", "[[4]]");
    check_print("one two three", "one 2 three", "[4,[3,\"2\"],6]");
    check_print("a\nb\nc\nd\n", "a\nb\nX\nc\nd\n", "[4,[0,\"X\",\"\"],4]");
    check_print("if(a){b}\nrest\n", "if (a) { b }\nrest\n",
                "[2,[0,\" \"],3,[0,\" \"],1,[0,\" \"],1,[0,\" \"],7]");
}

static void characters_stay_whole(void)
{
    check_print("\U0001f600", "\U0001f601", "[[2,\"\U0001f601\"]]");
    check_print("x\u00e9y", "x\u00eay", "[1,[1,\"\u00ea\"],1]");
    check_print("\u6f22\u6f23", "\u6f22", "[1,[1]]");
}

static void random_texts_become_each_other(void)
{
    uint64_t random = check_seed();
    for (int round = 0; round < 20000; round++) {
        struct buf a = random_text(&random, UNICODE, 60), b = random_text(&random, UNICODE, 60);
        change_unref(diff_of(a.data, a.len, b.data, b.len));
        buf_close(&a);
        buf_close(&b);
    }
}

/* Lines kept by the longest common subsequence of two lists of one-letter lines. */
static size_t common_lines(const char *a, size_t n, const char *b, size_t m)
{
    size_t table[13][13] = {{0}};
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            size_t best = table[i - 1][j] > table[i][j - 1] ? table[i - 1][j] : table[i][j - 1];
            table[i][j] = a[2 * i - 2] == b[2 * j - 2] ? table[i - 1][j - 1] + 1 : best;
        }
    return table[n][m];
}

/* Different letters, so that nothing is left to find inside of lines but the break between. */
static void as_many_lines_are_kept_as_can_be(void)
{
    uint64_t random = check_seed();
    for (int round = 0; round < 5000; round++) {
        char a[25], b[25];
        size_t n = check_random(&random) % 13, m = check_random(&random) % 13;
        for (size_t i = 0; i < 12; i++) {
            snprintf(a + 2 * i, 3, "%c\n", (int)('a' + check_random(&random) % 3));
            snprintf(b + 2 * i, 3, "%c\n", (int)('a' + check_random(&random) % 3));
        }
        struct change *change = diff_of(a, 2 * n, b, 2 * m);
        size_t inserted = change_inserted_bytes(change);
        size_t kept = 2 * m - inserted;
        CHECK(kept >= 2 * common_lines(a, n, b, m));
        change_unref(change);
    }
}

/* A file formatted anew, say: somebody who types into a line between must not be in a part that is
 * replaced. */
static void what_has_too_many_parts_is_replaced_by_lines(void)
{
    struct buf a = BUF_EMPTY, b = BUF_EMPTY;
    for (int i = 0; i < 300; i++) {
        buf_add_text(&a, "kept\na=a+a;\n");
        buf_add_text(&b, "kept\nb=b+b;\n");
    }
    struct change *change = diff_of(a.data, a.len, b.data, b.len);
    CHECK_EQ_INT(change_parts(change), 600);
    change_unref(change);
    change = diff_texts(a.data, a.len, b.data, b.len, 100);
    CHECK_EQ_INT(change_parts(change), 2);
    change_unref(change);
    buf_close(&a);
    buf_close(&b);
}

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Two texts of 4 MiB with no line in common, and every line many times. */
static void its_cost_is_bounded(void)
{
    struct buf a = BUF_EMPTY, b = BUF_EMPTY;
    for (unsigned i = 0; a.len < 4u << 20; i++) {
        char line[32];
        snprintf(line, sizeof line, "a%u %u\n", i % 7, i % 11);
        buf_add_text(&a, line);
        snprintf(line, sizeof line, "b%u %u\n", i % 5, i % 13);
        buf_add_text(&b, line);
    }
    double begin = seconds();
    change_unref(diff_of(a.data, a.len, a.data, a.len));
    double same = seconds() - begin;
    begin = seconds();
    change_unref(diff_of(a.data, a.len, b.data, b.len));
    double other = seconds() - begin;
    printf("4 MiB: the same %.0f ms, all different %.0f ms\n", same * 1e3, other * 1e3);
    CHECK(other < 60 * same + 2);
    buf_close(&a);
    buf_close(&b);
}

struct story {
    struct rope *rope;
    size_t edits;
    char *before;
    size_t before_len;
};

static char *copy_of(const struct rope *rope, size_t *len)
{
    *len = rope_len(rope);
    char *text = malloc(*len + 1);
    rope_copy(rope, text);
    return text;
}

/* Every so many edits of a person: what the diff makes of them. */
static void follow(void *user, const struct trace_patch *patch)
{
    struct story *story = user;
    rope_replace(story->rope, patch->at, patch->del, patch->ins, patch->ins_len);
    if (++story->edits % 997)
        return;
    size_t len;
    char *text = copy_of(story->rope, &len);
    change_unref(diff_of(story->before, story->before_len, text, len));
    free(story->before);
    story->before = text;
    story->before_len = len;
}

static void what_people_typed_is_found(void)
{
    json_t *trace = trace_load("rustcode");
    struct story story = {rope_new("", 0), 0, calloc(1, 1), 0};
    trace_play(trace, follow, &story);
    CHECK(story.edits > 10000);
    free(story.before);
    rope_free(story.rope);
    json_decref(trace);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(only_what_differs_is_replaced);
    RUN(characters_stay_whole);
    RUN(random_texts_become_each_other);
    RUN(as_many_lines_are_kept_as_can_be);
    RUN(what_has_too_many_parts_is_replaced_by_lines);
    RUN(its_cost_is_bounded);
    RUN(what_people_typed_is_found);
    return check_finish();
}
