#include "weft/protocol/message.h"

#include "check.h"

static enum err fs(const char *text, struct relayed_fs *out)
{
    struct error error = {0};
    return decode_fs(text, strlen(text), out, &error);
}

static enum err cursor(const char *text, struct relayed_cursor *out)
{
    struct error error = {0};
    return decode_cursor(text, strlen(text), 2, out, &error);
}

static enum err person(const char *text, struct relayed_person *out)
{
    struct error error = {0};
    return decode_person(text, strlen(text), out, &error);
}

static void a_change_of_the_tree_comes_back(void)
{
    static const struct fs_entry entries[] = {{9, "lib/\u00e9.c"}, {10, "lib/b\"c"}};
    static const struct fs_event events[] = {
        {1, 0, FS_CREATE, false, entries, 1},  {NUMBER_MAX, CID_MAX, FS_RENAME, false, entries, 1},
        {7, 31, FS_DELETE, false, entries, 1}, {8, 31, FS_RENAME, true, entries, 2},
        {9, 31, FS_DELETE, true, entries, 2},
    };
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        struct buf out = BUF_EMPTY;
        struct relayed_fs got;
        encode_fs(&out, &events[i]);
        REQUIRE(fs(out.data, &got) == ERR_OK);
        CHECK_EQ_INT(got.event.e, events[i].e);
        CHECK_EQ_INT(got.event.by, events[i].by);
        CHECK_EQ_INT(got.event.op, events[i].op);
        CHECK_EQ_INT(got.event.folder, events[i].folder);
        REQUIRE(got.event.count == events[i].count);
        for (size_t k = 0; k < events[i].count; k++) {
            CHECK_EQ_INT(got.event.entries[k].f, entries[k].f);
            CHECK_EQ_STR(got.event.entries[k].path, entries[k].path);
        }
        CHECK_EQ_INT(got.len, 0);
        CHECK_EQ_STR(got.eol, "\n");
        relayed_fs_close(&got);
        buf_close(&out);
    }
}

static void a_creation_may_say_how_long_the_file_is(void)
{
    struct relayed_fs got;
    REQUIRE(fs("{\"t\":\"fs\",\"e\":1,\"op\":\"create\",\"f\":1,\"path\":\"a\",\"len\":12,"
               "\"eol\":\"\\r\\n\"}",
               &got) == ERR_OK);
    CHECK_EQ_INT(got.len, 12);
    CHECK_EQ_STR(got.eol, "\r\n");
    relayed_fs_close(&got);
}

#define FS(rest) "{\"t\":\"fs\"," rest "}"

static void what_is_no_change_of_the_tree_is_refused(void)
{
    static const struct {
        const char *text;
        enum err code;
    } cases[] = {
        {"", ERR_BAD_JSON},
        {"7", ERR_BAD_JSON},
        {"{}", ERR_UNKNOWN_TYPE},
        {"[]", ERR_UNKNOWN_TYPE},
        {"{\"t\":\"edit\",\"e\":1}", ERR_UNKNOWN_TYPE},
        {FS("\"op\":\"create\",\"f\":1,\"path\":\"a\""), ERR_BAD_MESSAGE},
        {FS("\"e\":0,\"op\":\"create\",\"f\":1,\"path\":\"a\""), ERR_BAD_MESSAGE},
        {FS("\"e\":1.0,\"op\":\"create\",\"f\":1,\"path\":\"a\""), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"by\":0,\"op\":\"create\",\"f\":1,\"path\":\"a\""), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"by\":\"x\",\"op\":\"create\",\"f\":1,\"path\":\"a\""), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"burn\",\"f\":1,\"path\":\"a\""), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"f\":1,\"path\":\"a\""), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"create\",\"path\":\"a\""), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"create\",\"f\":0,\"path\":\"a\""), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"create\",\"f\":1"), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"create\",\"f\":1,\"path\":7"), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"create\",\"f\":1,\"path\":\"../a\""), ERR_BAD_PATH},
        {FS("\"e\":1,\"op\":\"create\",\"f\":1,\"path\":\"\""), ERR_BAD_PATH},
        {FS("\"e\":1,\"op\":\"create\",\"f\":1,\"path\":\"a\",\"len\":-1"), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"create\",\"f\":1,\"path\":\"a\",\"eol\":\"x\""), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"create\",\"f\":1,\"path\":\"a\",\"eol\":1"), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"create\",\"list\":[[1,\"a\"]]"), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"delete\",\"f\":1,\"path\":\"a\",\"list\":[]"), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"delete\",\"list\":{}"), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"delete\",\"list\":[1]"), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"delete\",\"list\":[[1]]"), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"delete\",\"list\":[[1,\"a\",2]]"), ERR_BAD_MESSAGE},
        {FS("\"e\":1,\"op\":\"delete\",\"list\":[[1,\"a\"],[2,\"/b\"]]"), ERR_BAD_PATH},
        {FS("\"e\":1,\"e\":1,\"op\":\"create\",\"f\":1,\"path\":\"a\""), ERR_BAD_JSON},
        {FS("\"e\":1,\"op\":\"create\",\"f\":1,\"path\":\"a\\u0000\""), ERR_BAD_JSON},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct relayed_fs got;
        enum err code = fs(cases[i].text, &got);
        if (code != cases[i].code)
            CHECK_FAIL("%s is %s", cases[i].text, err_name(code));
        if (code == ERR_OK)
            relayed_fs_close(&got);
    }
}

static void a_cursor_comes_back(void)
{
    const struct selection sel = {.count = 4, .pos = {5, 6, 0, NUMBER_MAX}};
    const struct cursor said[] = {{.f = 3, .v = 9, .by = 31, .sel = &sel}, {.by = CID_MAX}};
    for (size_t i = 0; i < 2; i++) {
        struct buf out = BUF_EMPTY;
        struct relayed_cursor got;
        encode_cursor(&out, &said[i]);
        REQUIRE(cursor(out.data, &got) == ERR_OK);
        CHECK_EQ_INT(got.f, said[i].f);
        CHECK_EQ_INT(got.v, said[i].v);
        CHECK(got.by == said[i].by);
        REQUIRE(got.sel.count == (said[i].sel ? 4 : 0));
        if (got.sel.count)
            CHECK(memcmp(got.sel.pos, sel.pos, 4 * sizeof(sel.pos[0])) == 0);
        buf_close(&out);
    }
}

static void what_is_no_cursor_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"sel\":[1,1]}",
        "{\"t\":\"cursor\",\"f\":-1,\"v\":1,\"by\":1,\"sel\":[1,1]}",
        "{\"t\":\"cursor\",\"v\":1,\"by\":1,\"sel\":[1,1]}",
        "{\"t\":\"cursor\",\"f\":1,\"by\":1,\"sel\":[1,1]}",
        "{\"t\":\"cursor\",\"f\":1,\"v\":1,\"by\":0,\"sel\":[1,1]}",
        "{\"t\":\"cursor\",\"f\":1,\"v\":1,\"by\":281474976710656,\"sel\":[1,1]}",
        "{\"t\":\"cursor\",\"f\":1,\"v\":1,\"sel\":[1,1]}",
        "{\"t\":\"cursor\",\"f\":1,\"v\":1,\"by\":1}",
        "{\"t\":\"cursor\",\"f\":1,\"v\":1,\"by\":1,\"sel\":[]}",
        "{\"t\":\"cursor\",\"f\":1,\"v\":1,\"by\":1,\"sel\":[1]}",
        "{\"t\":\"cursor\",\"f\":1,\"v\":1,\"by\":1,\"sel\":[1,1.5]}",
        "{\"t\":\"cursor\",\"f\":1,\"v\":1,\"by\":1,\"sel\":[1,1,2,2,3,3]}",
    };
    struct relayed_cursor got;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (cursor(bad[i], &got) == ERR_OK)
            CHECK_FAIL("taken: %s", bad[i]);
}

static void a_person_is_taken_apart(void)
{
    struct relayed_person got;
    REQUIRE(person("[\"guest-1\",\"\u00c5sa\",-1]", &got) == ERR_OK);
    CHECK_EQ_STR(got.user, "guest-1");
    CHECK_EQ_STR(got.name, "\u00c5sa");
    CHECK_EQ_INT(got.color, -1);
    REQUIRE(person("[\"\",\"\",9]", &got) == ERR_OK);
    CHECK_EQ_INT(got.color, 9);
}

static void what_is_no_person_is_refused(void)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[\"u\",\"n\"]",
        "[\"u\",\"n\",1,1]",
        "[\"u\",\"n\",\"1\"]",
        "[\"u\",\"n\",10]",
        "[\"u\",\"n\",-2]",
        "[\"u\",\"n\",1.0]",
        "[1,\"n\",1]",
        "[\"u\",null,1]",
        "[\"u\",\"a\\nb\",1]",
        "[\"u\",\"a\\u0085b\",1]",
        "[\"u\",\"0123456789012345678901234567890123456789012345678901234567890123\\u00e9\",1]",
    };
    struct relayed_person got;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (person(bad[i], &got) == ERR_OK)
            CHECK_FAIL("taken: %s", bad[i]);
}

#define JOB(rest) "{\"t\":\"job\"," rest "}"

static void an_event_that_is_passed_on_has_its_number(void)
{
    struct error error = {ERR_OK, ""};
    static const char text[] = JOB("\"e\":7,\"job\":\"j1\",\"state\":\"done\"");
    static const char none[] = JOB("\"job\":\"j1\"");
    static const char other[] = "{\"t\":\"edit\",\"e\":7}";
    uint64_t e = 0;
    CHECK_EQ_INT(decode_event(text, strlen(text), &e, &error), ERR_OK);
    CHECK_EQ_INT(e, 7);
    CHECK_EQ_INT(decode_event(none, strlen(none), &e, &error), ERR_BAD_MESSAGE);
    CHECK_EQ_INT(decode_event(other, strlen(other), &e, &error), ERR_UNKNOWN_TYPE);
    CHECK_EQ_INT(decode_event("[", 1, &e, &error), ERR_BAD_JSON);
}

static void a_piece_of_output_is_nothing_else(void)
{
    static const struct {
        const char *text;
        enum err code;
    } cases[] = {
        {JOB("\"job\":\"j1\",\"i\":0,\"out\":\"a\\n\""), ERR_OK},
        {JOB("\"job\":\"j1\",\"i\":0,\"out\":\"\",\"e\":1"), ERR_BAD_MESSAGE},
        {JOB("\"job\":\"j1\",\"i\":0"), ERR_BAD_MESSAGE},
        {JOB("\"job\":\"J1\",\"i\":0,\"out\":\"a\""), ERR_BAD_MESSAGE},
        {JOB("\"job\":\"j123456789012345678901234\",\"i\":0,\"out\":\"a\""), ERR_BAD_MESSAGE},
        {JOB("\"job\":\"j1\",\"i\":-1,\"out\":\"a\""), ERR_BAD_MESSAGE},
        {JOB("\"job\":\"j1\",\"i\":0,\"out\":7"), ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"job\":\"j1\",\"i\":0,\"out\":\"a\"}", ERR_BAD_MESSAGE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error = {ERR_OK, ""};
        if (decode_job_output(cases[i].text, strlen(cases[i].text), &error) != cases[i].code)
            CHECK_FAIL("%s", cases[i].text);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_change_of_the_tree_comes_back);
    RUN(a_creation_may_say_how_long_the_file_is);
    RUN(what_is_no_change_of_the_tree_is_refused);
    RUN(a_cursor_comes_back);
    RUN(what_is_no_cursor_is_refused);
    RUN(a_person_is_taken_apart);
    RUN(what_is_no_person_is_refused);
    RUN(an_event_that_is_passed_on_has_its_number);
    RUN(a_piece_of_output_is_nothing_else);
    return check_finish();
}
