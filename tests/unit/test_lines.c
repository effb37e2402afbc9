#include "check.h"

#include "weft/text/lines.h"

static void check_lines(const char *text, const char *expected, const char *ending)
{
    char copy[64];
    const char *eol;
    snprintf(copy, sizeof copy, "%s", text);
    copy[lines_normalise(copy, strlen(copy), &eol)] = '\0';
    CHECK_EQ_STR(copy, expected);
    CHECK_EQ_STR(eol, ending);
}

static void every_ending_becomes_a_line_feed(void)
{
    check_lines("", "", "\n");
    check_lines("a", "a", "\n");
    check_lines("a\nb\n", "a\nb\n", "\n");
    check_lines("a\r\nb\r\n", "a\nb\n", "\r\n");
    check_lines("a\rb\r", "a\nb\n", "\r");
    check_lines("a\r\n\rb\n\r\n", "a\n\nb\n\n", "\r\n");
    check_lines("\r\r\n\n", "\n\n\n", "\n");
}

static void what_was_normalised_is_put_back(void)
{
    static const char *const texts[] = {"",         "a",    "\r\n", "a\r\nb", "\r\n\r\na\r\n",
                                        "a\rb\r\r", "\n\nx"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char copy[64];
        const char *eol;
        size_t len = strlen(texts[i]), back;
        memcpy(copy, texts[i], len);
        len = lines_normalise(copy, len, &eol);
        char *text = lines_expand(copy, len, eol, &back);
        CHECK_EQ_STR(text, texts[i]);
        CHECK_EQ_INT(back, strlen(texts[i]));
        free(text);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(every_ending_becomes_a_line_feed);
    RUN(what_was_normalised_is_put_back);
    return check_finish();
}
