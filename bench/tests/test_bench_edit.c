#include "edit.h"

#include "check.h"

static void a_mark_is_found_where_it_was_written(void)
{
    char text[64] = "[12,[0,\"";
    struct edit_mark wrote = {65535, 0xabcdef, 0xfedcba9876}, read;
    edit_mark_write(text + 8, &wrote);
    const char *end = text + 8 + EDIT_MARK_LEN;
    CHECK(edit_mark_find(text, end, &read) == end);
    CHECK_EQ_INT(read.writer, wrote.writer);
    CHECK_EQ_INT(read.number, wrote.number);
    CHECK_EQ_INT(read.due_ns, wrote.due_ns);
    CHECK(edit_mark_find(text, end - 1, &read) == NULL);
    CHECK(edit_mark_find(end, end, &read) == NULL);
}

static void what_only_looks_like_a_mark_is_passed_over(void)
{
    char text[128] = "~~0001 ~0001000002000000000g ";
    size_t len = strlen(text);
    struct edit_mark wrote = {1, 2, 3}, read;
    edit_mark_write(text + len, &wrote);
    CHECK(edit_mark_find(text, text + len + EDIT_MARK_LEN, &read) != NULL);
    CHECK_EQ_INT(read.due_ns, 3);
}

static void the_lengths_of_change_sets(void)
{
    static const struct {
        const char *change;
        int before, after; /* before -1: not a change set */
    } cases[] = {
        {"[]", 0, 0},
        {"[5]", 5, 5},
        {"[3,[2],4]", 9, 7},
        {"[[0,\"ab\"]]", 0, 2},
        {"[[0,\"\",\"\"]]", 0, 1},
        {"[1,[2,\"ab\",\"c\"],[0,\"\\n\\u00e9\\ud83d\\ude00\"]]", 3, 9},
        {"[[0,\"\xc3\xa9\xf0\x9f\x98\x80\"],1]", 1, 4},
        {"", -1, 0},
        {"[1,]", -1, 0},
        {"[1,[2]", -1, 0},
        {"[[0,\"a]]", -1, 0},
        {"[[0,\"a\\\"]]", -1, 0},
        {"[[\"a\"]]", -1, 0},
        {"[5]x", -1, 0},
        {"[-5]", -1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t before, after;
        bool good = edit_lengths(cases[i].change, strlen(cases[i].change), &before, &after);
        if (good != (cases[i].before >= 0) ||
            (good && (before != (uint64_t)cases[i].before || after != (uint64_t)cases[i].after)))
            CHECK_FAIL("%s: %d, %d to %d", cases[i].change, good, (int)before, (int)after);
    }
}

static void edits_fit_their_document_and_keep_its_length(void)
{
    uint64_t before, after, longest = 0;
    struct edit_document document = {.len = 0, .keep_len = 1000, .random = 7};
    struct edit_mark mark = {3, 0, 0}, read;
    struct buf change = BUF_EMPTY;
    for (; mark.number < 2000; mark.number++) {
        uint64_t len = document.len;
        buf_reset(&change);
        edit_change(&change, &document, &mark);
        REQUIRE(edit_lengths(change.data, change.len, &before, &after));
        CHECK_EQ_INT(before, len);
        CHECK_EQ_INT(after, document.len);
        CHECK(edit_mark_find(change.data, change.data + change.len, &read) != NULL);
        CHECK_EQ_INT(read.number, mark.number);
        longest = document.len > longest ? document.len : longest;
    }
    CHECK(longest > 1000 && longest <= 1000 + EDIT_UNITS);
    buf_close(&change);
}

static void lines_are_of_the_length_asked_for(void)
{
    for (size_t units = 1; units < 300; units++) {
        struct buf text = BUF_EMPTY;
        uint64_t before, after;
        buf_add_text(&text, "[[0,\"");
        edit_lines(&text, units);
        buf_add_text(&text, "\"]]");
        REQUIRE(edit_lengths(text.data, text.len, &before, &after));
        CHECK_EQ_INT(after, units);
        buf_close(&text);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_mark_is_found_where_it_was_written);
    RUN(what_only_looks_like_a_mark_is_passed_over);
    RUN(the_lengths_of_change_sets);
    RUN(edits_fit_their_document_and_keep_its_length);
    RUN(lines_are_of_the_length_asked_for);
    return check_finish();
}
