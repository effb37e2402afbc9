#include "weft/base/buf.h"

#include "check.h"

static void what_is_added_stands_in_order_with_a_nul(void)
{
    struct buf buf = BUF_EMPTY;
    buf_add_text(&buf, "a");
    buf_add_char(&buf, '-');
    buf_add(&buf, "bcd", 2);
    buf_add(&buf, NULL, 0);
    buf_printf(&buf, "%s=%d", "n", 7);
    CHECK_EQ_STR(buf.data, "a-bcn=7");
    CHECK_EQ_INT(buf.len, 7);
    buf_close(&buf);
    CHECK(buf.data == NULL && buf.len == 0 && buf.cap == 0);
}

static void reset_keeps_the_memory(void)
{
    struct buf buf;
    buf_init(&buf);
    buf_reset(&buf);
    CHECK_EQ_INT(buf.len, 0);
    buf_add_text(&buf, "something");
    const char *data = buf.data;
    buf_reset(&buf);
    CHECK_EQ_STR(buf.data, "");
    buf_add_text(&buf, "else");
    CHECK(buf.data == data);
    CHECK_EQ_STR(buf.data, "else");
    buf_close(&buf);
}

static void numbers_are_written_to_their_limits(void)
{
    struct buf buf = BUF_EMPTY;
    buf_add_u64(&buf, 0);
    buf_add_char(&buf, ' ');
    buf_add_u64(&buf, UINT64_MAX);
    buf_add_char(&buf, ' ');
    buf_add_i64(&buf, INT64_MIN);
    buf_add_char(&buf, ' ');
    buf_add_i64(&buf, INT64_MAX);
    CHECK_EQ_STR(buf.data, "0 18446744073709551615 -9223372036854775808 9223372036854775807");
    buf_close(&buf);
}

static void a_reserved_place_is_filled_by_the_caller(void)
{
    struct buf buf = BUF_EMPTY;
    buf_add_text(&buf, "head");
    char *to = buf_reserve(&buf, 10000);
    CHECK(to == buf.data + 4);
    memset(to, 'x', 10000);
    buf.len += 10000;
    CHECK_EQ_INT(buf.len, 10004);
    CHECK(buf.cap > 10004);
    buf_add_char(&buf, '!');
    CHECK_EQ_INT(strlen(buf.data), 10005);
    buf_close(&buf);
}

/* Every length around a growth, against one string. */
static void growing_loses_nothing(void)
{
    char expected[700];
    for (size_t i = 0; i < sizeof(expected); i++)
        expected[i] = (char)('a' + i % 26);
    for (size_t step = 1; step < 70; step++) {
        struct buf buf = BUF_EMPTY;
        while (buf.len + step <= sizeof(expected))
            buf_add(&buf, expected + buf.len, step);
        CHECK(memcmp(buf.data, expected, buf.len) == 0 && buf.data[buf.len] == 0);
        buf_printf(&buf, "%.*s", (int)step, expected);
        CHECK(memcmp(buf.data + buf.len - step, expected, step) == 0);
        buf_close(&buf);
    }
}

static void json_escapes_what_must_be(void)
{
    static const struct {
        const char *text;
        size_t len;
        const char *json;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain", 5, "\"plain\""},
        {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
        {"h\xc3\xa9 \xf0\x9f\x98\x80", 8, "\"h\xc3\xa9 \xf0\x9f\x98\x80\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf buf = BUF_EMPTY;
        buf_add_json(&buf, cases[i].text, cases[i].len);
        CHECK_EQ_STR(buf.data, cases[i].json);
        buf_close(&buf);
    }
}

static void a_json_string_may_come_in_pieces(void)
{
    struct buf buf = BUF_EMPTY;
    buf_add_json_piece(&buf, "a\"", 2);
    buf_add_json_piece(&buf, "", 0);
    buf_add_json_piece(&buf, "\n\x01z", 3);
    CHECK_EQ_STR(buf.data, "a\\\"\\n\\u0001z");
    buf_close(&buf);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(what_is_added_stands_in_order_with_a_nul);
    RUN(reset_keeps_the_memory);
    RUN(numbers_are_written_to_their_limits);
    RUN(a_reserved_place_is_filled_by_the_caller);
    RUN(growing_loses_nothing);
    RUN(json_escapes_what_must_be);
    RUN(a_json_string_may_come_in_pieces);
    return check_finish();
}
