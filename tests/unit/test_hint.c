#include "check.h"
#include "weft/core/hint.h"
#include "weft/base/buf.h"
#include <string.h>

static bool parse(const char *text, struct hint *out)
{
    return hint_parse(text, strlen(text), out);
}

static void what_is_printed_is_parsed(void)
{
    struct buf out = BUF_EMPTY;
    struct hint hint = {.kind = HINT_EDITS,
                        .epoch = "3.k2f9",
                        .instance = "w1",
                        .tick = 71,
                        .a = 4,
                        .b = UINT64_C(9007199254740991)};
    hint_print(&out, &hint);
    buf_add_text(&out, "\n{\"a\":1}\n{\"b\":2}");
    struct hint got;
    REQUIRE(hint_parse(out.data, out.len, &got));
    CHECK_EQ_INT(got.kind, HINT_EDITS);
    CHECK_EQ_STR(got.epoch, "3.k2f9");
    CHECK_EQ_STR(got.instance, "w1");
    CHECK_EQ_INT(got.tick, 71);
    CHECK_EQ_INT(got.a, 4);
    CHECK(got.b == UINT64_C(9007199254740991));
    size_t len;
    const char *line = hint_line(&got, &len);
    CHECK(line && len == 7 && memcmp(line, "{\"a\":1}", 7) == 0);
    line = hint_line(&got, &len);
    CHECK(line && len == 7 && memcmp(line, "{\"b\":2}", 7) == 0);
    CHECK(hint_line(&got, &len) == NULL);
    buf_close(&out);
}

static void a_hint_without_a_body_has_no_lines(void)
{
    struct hint got;
    size_t len;
    REQUIRE(parse("ask - 0 w1 0 0", &got));
    CHECK_EQ_INT(got.kind, HINT_ASK);
    CHECK(hint_line(&got, &len) == NULL);
}

static void a_seal_is_the_last_word(void)
{
    struct buf out = BUF_EMPTY;
    struct hint hint = {.kind = HINT_EDITS, .epoch = "1.a", .instance = "w1", .a = 1, .b = 2};
    snprintf(hint.seal, sizeof hint.seal, "%s", "AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_123");
    hint_print(&out, &hint);
    buf_add_text(&out, "\n{}");
    struct hint got;
    REQUIRE(hint_parse(out.data, out.len, &got));
    CHECK_EQ_STR(got.seal, hint.seal);
    CHECK_EQ_INT(got.len, 2);
    buf_close(&out);
    REQUIRE(parse("edits 1.a 1 w1 1 2", &got));
    CHECK_EQ_STR(got.seal, "");
}

static void what_is_no_hint_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "edits",
        "edits 1.a 1 w1 1",
        "edits 1.a 1 w1 1 2 3",
        "edits 1.a x w1 1 2",
        "edits 1.a -1 w1 1 2",
        "edits 1.a 99999999999999999999 w1 1 2",
        "edits  1 w1 1 2",
        "nothing 1.a 1 w1 1 2",
        "edits 1.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 w1 1 2",
        "edits 1.a 1 wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww 1 2",
        "\nedits 1.a 1 w1 1 2",
        "edits 1.a 1 w1 1 2 seal more",
        "edits 1.a 1 w1 1 2 AZaz09-_AZaz09-_AZaz09-_AZaz09-_AZaz09-_1234",
    };
    struct hint got;
    CHECK(!hint_parse("ask a\0b 0 w1 0 0", 17, &got));
    CHECK(!parse("ask \u00e9 0 w1 0 0", &got));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(bad[i], &got))
            CHECK_FAIL("taken: %s", bad[i]);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(what_is_printed_is_parsed);
    RUN(a_hint_without_a_body_has_no_lines);
    RUN(a_seal_is_the_last_word);
    RUN(what_is_no_hint_is_refused);
    return check_finish();
}
