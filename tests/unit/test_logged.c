#include "weft/protocol/message.h"
#include "weft/text/change.h"

#include "check.h"

static enum err decode(const char *text, size_t len, struct logged_edit *out)
{
    struct error error = {0};
    char *copy = malloc(len ? len : 1);
    REQUIRE(copy != NULL);
    memcpy(copy, text, len);
    enum err err = decode_logged_edit(copy, len, out, &error);
    free(copy);
    CHECK_EQ_INT(err, error.code);
    CHECK((err == ERR_OK) == (out->change != NULL));
    return err;
}

static struct change *change_of(const char *text)
{
    struct limits limits = limits_default();
    struct change *change;
    REQUIRE(decode_change(text, strlen(text), &limits, &change, NULL) == ERR_OK);
    return change;
}

static void an_entry_says_what_was_encoded(void)
{
    struct change *change = change_of("[3,[2,\"a\\\"\\\\\",\"\u00e9\U0001f600\"],[1],4]");
    struct selection sel = {.count = 2, .pos = {5, 6}};
    struct buf out = BUF_EMPTY;
    struct logged_edit edit;
    encode_edit(&out, 3, NUMBER_MAX, CID_MAX, 17, change, &sel, "who asked \"x\"");
    CHECK_EQ_INT(decode(out.data, out.len, &edit), ERR_OK);
    CHECK_EQ_INT(edit.f, 3);
    CHECK_EQ_INT(edit.v, NUMBER_MAX);
    CHECK_EQ_INT(edit.by, CID_MAX);
    CHECK_EQ_INT(edit.n, 17);
    CHECK(change_equal(edit.change, change));
    CHECK_EQ_INT(edit.sel.count, 2);
    CHECK(edit.sel.pos[0] == 5 && edit.sel.pos[1] == 6);
    change_unref(edit.change);
    change_unref(change);
    buf_close(&out);
}

/* A client may paste a mebibyte of line breaks as one string; in the log each is an element. */
static void what_was_accepted_is_read_back_however_large(void)
{
    enum { LINES = 1 << 20 };
    struct limits limits = limits_default();
    struct buf text = BUF_EMPTY, out = BUF_EMPTY;
    struct change *change;
    struct logged_edit edit;
    buf_add_text(&text, "[[0,\"");
    for (int i = 0; i < LINES; i++)
        buf_add_text(&text, "\\n");
    buf_add_text(&text, "\"]]");
    limits.frame *= 2;
    REQUIRE(decode_change(text.data, text.len, &limits, &change, NULL) == ERR_OK);
    encode_edit(&out, 1, 1, 1, 1, change, NULL, NULL);
    REQUIRE(decode(out.data, out.len, &edit) == ERR_OK);
    CHECK(change_equal(edit.change, change));
    CHECK_EQ_INT(change_len_after(edit.change), LINES);
    change_unref(edit.change);
    change_unref(change);
    buf_close(&text);
    buf_close(&out);
}

static void what_an_entry_cannot_be_is_refused(void)
{
    static const struct {
        const char *text;
        enum err code;
    } cases[] = {
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":0,\"n\":0,\"c\":[]}", ERR_OK},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"n\":1,\"c\":[],\"x\":[{}]}", ERR_OK},
        {"", ERR_BAD_JSON},
        {"null", ERR_BAD_JSON},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"n\":1,\"c\":[]} ,", ERR_BAD_JSON},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"v\":1,\"by\":1,\"n\":1,\"c\":[]}", ERR_BAD_JSON},
        {"{}", ERR_BAD_MESSAGE},
        {"[]", ERR_BAD_MESSAGE},
        {"[{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"n\":1,\"c\":[]}]", ERR_BAD_MESSAGE},
        {"{\"t\":\"ack\",\"f\":1,\"v\":1,\"by\":1,\"n\":1,\"c\":[]}", ERR_BAD_MESSAGE},
        {"{\"t\":7,\"f\":1,\"v\":1,\"by\":1,\"n\":1,\"c\":[]}", ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"f\":0,\"v\":1,\"by\":1,\"n\":1,\"c\":[]}", ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"f\":1,\"v\":0,\"by\":1,\"n\":1,\"c\":[]}", ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":281474976710656,\"n\":1,\"c\":[]}",
         ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"n\":-1,\"c\":[]}", ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1.0,\"by\":1,\"n\":1,\"c\":[]}", ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"c\":[]}", ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"n\":1}", ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"n\":1,\"c\":{}}", ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"n\":1,\"c\":[],\"sel\":[1]}", ERR_BAD_MESSAGE},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"n\":1,\"c\":[0]}", ERR_BAD_CHANGE},
        {"{\"t\":\"edit\",\"f\":1,\"v\":1,\"by\":1,\"n\":1,\"c\":[[0,\"\\r\"]]}", ERR_BAD_TEXT},
    };
    struct logged_edit edit;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum err code = decode(cases[i].text, strlen(cases[i].text), &edit);
        if (code != cases[i].code)
            CHECK_FAIL("%s is %s", cases[i].text, err_name(code));
        change_unref(edit.change);
    }
}

/* Every bit of an entry turned, every byte lost, every end cut off: refused, or read as something
 * that is well-formed. */
static void damage_is_survived(void)
{
    static const char text[] = "{\"t\":\"edit\",\"f\":3,\"v\":12,\"by\":31,\"n\":17,"
                               "\"c\":[3,[2,\"a\\n\u00e9\",\"\\ud83d\\ude00\"],4],\"sel\":[1,2]}";
    enum { LEN = sizeof(text) - 1 };
    struct logged_edit edit;
    char bad[LEN];
    int refused = 0;
    CHECK_EQ_INT(decode(text, LEN, &edit), ERR_OK);
    change_unref(edit.change);
    for (size_t bit = 0; bit < LEN * 8; bit++) {
        memcpy(bad, text, LEN);
        bad[bit / 8] ^= (char)(1 << (bit % 8));
        refused += decode(bad, LEN, &edit) != ERR_OK;
        change_unref(edit.change);
    }
    for (size_t len = 0; len < LEN; len++) {
        CHECK_EQ_INT(decode(text, len, &edit), ERR_BAD_JSON);
        memcpy(bad, text, len);
        memcpy(bad + len, text + len + 1, LEN - len - 1);
        refused += decode(bad, LEN - 1, &edit) != ERR_OK;
        change_unref(edit.change);
    }
    CHECK(refused > LEN * 5);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(an_entry_says_what_was_encoded);
    RUN(what_was_accepted_is_read_back_however_large);
    RUN(what_an_entry_cannot_be_is_refused);
    RUN(damage_is_survived);
    return check_finish();
}
