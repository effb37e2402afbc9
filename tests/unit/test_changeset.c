#include "weft/protocol/message.h"
#include "weft/text/change.h"

#include "check.h"

#include <jansson.h>

/* Returns the code, and the change as it prints, in a static buffer. */
static enum err decode(const char *text, const struct limits *limits, const char **printed)
{
    static struct buf out = BUF_EMPTY;
    struct change *change;
    struct error error = {0};
    enum err err = decode_change(text, strlen(text), limits, &change, &error);
    CHECK_EQ_INT(err, error.code);
    CHECK((err == ERR_OK) == (change != NULL));
    *printed = NULL;
    if (err == ERR_OK) {
        buf_reset(&out);
        change_print(change, &out);
        change_unref(change);
        *printed = out.data;
    }
    return err;
}

static void each_form_is_taken_or_refused(void)
{
    static const struct {
        const char *text;
        enum err code;
        const char *printed; /* NULL: as it came */
    } cases[] = {
        {"[]", ERR_OK, NULL},
        {"[5]", ERR_OK, NULL},
        {"[2147483647]", ERR_OK, NULL},
        {"[[1]]", ERR_OK, NULL},
        {"[[0,\"x\"]]", ERR_OK, NULL},
        {"[[2,\"x\",\"y\"],3]", ERR_OK, NULL},
        {"[[0,\"\",\"\"]]", ERR_OK, NULL},
        {"[[3,\"\",\"\",\"\"]]", ERR_OK, NULL},
        {" [ 1 , [ 2 , \"x\" ] ] ", ERR_OK, "[1,[2,\"x\"]]"},
        /* Parts are significant: nothing is joined. */
        {"[3,[0,\"x\"]]", ERR_OK, NULL},
        {"[[3],[0,\"x\"]]", ERR_OK, NULL},
        {"[[0,\"x\"],[3]]", ERR_OK, NULL},
        {"[1,1,[1],[1],[0,\"a\"],[0,\"b\"]]", ERR_OK, NULL},
        /* A line break inside a line is a line break. */
        {"[[0,\"a\\nb\"]]", ERR_OK, "[[0,\"a\",\"b\"]]"},
        {"[[0,\"\\n\"]]", ERR_OK, "[[0,\"\",\"\"]]"},
        {"[[1,\"a\",\"b\\n\\nc\",\"d\"]]", ERR_OK, "[[1,\"a\",\"b\",\"\",\"c\",\"d\"]]"},
        {"[[0,\"a\\r\\nb\"]]", ERR_BAD_TEXT, NULL},
        {"[[0,\"a\",\"b\\r\"]]", ERR_BAD_TEXT, NULL},
        /* Other characters are only characters. */
        {"[[0,\"\\u2028\\u2029\\u0085\\u000b\\f\"]]", ERR_OK,
         "[[0,\"\u2028\u2029\xc2\x85\\u000b\\f\"]]"},
        {"[[0,\"\U0001f600\\ud83d\\ude00\"]]", ERR_OK, "[[0,\"\U0001f600\U0001f600\"]]"},
        {"[[0,\"\\ud83d\"]]", ERR_BAD_JSON, NULL},
        {"[[0,\"\\ude00\\ud83d\"]]", ERR_BAD_JSON, NULL},
        {"[[0,\"\\u0000\"]]", ERR_BAD_JSON, NULL},
        /* What does nothing is refused, but an empty line behind a deletion is nothing to say. */
        {"[[2,\"\"]]", ERR_OK, "[[2]]"},
        {"[[0]]", ERR_BAD_CHANGE, NULL},
        {"[[0,\"\"]]", ERR_BAD_CHANGE, NULL},
        {"[0]", ERR_BAD_CHANGE, NULL},
        {"[-0]", ERR_BAD_CHANGE, NULL},
        {"[[]]", ERR_BAD_CHANGE, NULL},
        {"[5,0]", ERR_BAD_CHANGE, NULL},
        {"[5,[0]]", ERR_BAD_CHANGE, NULL},
        /* Lengths are whole, not negative, and have a sum. */
        {"[-1]", ERR_BAD_CHANGE, NULL},
        {"[1.0]", ERR_BAD_CHANGE, NULL},
        {"[1.5]", ERR_BAD_CHANGE, NULL},
        {"[1e3]", ERR_BAD_CHANGE, NULL},
        {"[1e15]", ERR_BAD_CHANGE, NULL},
        {"[[-1]]", ERR_BAD_CHANGE, NULL},
        {"[[-1,\"x\"]]", ERR_BAD_CHANGE, NULL},
        {"[[1.0]]", ERR_BAD_CHANGE, NULL},
        {"[[1.5,\"x\"]]", ERR_BAD_CHANGE, NULL},
        {"[[1e2,\"x\"]]", ERR_BAD_CHANGE, NULL},
        {"[2147483648]", ERR_BAD_CHANGE, NULL},
        {"[9007199254740991]", ERR_BAD_CHANGE, NULL},
        {"[9223372036854775807]", ERR_BAD_CHANGE, NULL},
        {"[9223372036854775807,9223372036854775807]", ERR_BAD_CHANGE, NULL},
        {"[9223372036854775808]", ERR_BAD_JSON, NULL},
        {"[1e999]", ERR_BAD_JSON, NULL},
        {"[2147483647,1]", ERR_BAD_CHANGE, NULL},
        {"[2147483647,[1]]", ERR_BAD_CHANGE, NULL},
        {"[2147483646,[1,\"x\"]]", ERR_OK, NULL},
        {"[2147483647,[0,\"x\"]]", ERR_BAD_CHANGE, NULL},
        {"[[2147483647],[0,\"x\"]]", ERR_OK, NULL},
        /* Nothing else is a part, a length or a line. */
        {"[\"x\"]", ERR_BAD_CHANGE, NULL},
        {"[null]", ERR_BAD_CHANGE, NULL},
        {"[true]", ERR_BAD_CHANGE, NULL},
        {"[{}]", ERR_BAD_CHANGE, NULL},
        {"[[\"x\"]]", ERR_BAD_CHANGE, NULL},
        {"[[null,\"x\"]]", ERR_BAD_CHANGE, NULL},
        {"[[\"1\",\"x\"]]", ERR_BAD_CHANGE, NULL},
        {"[[[1]]]", ERR_BAD_CHANGE, NULL},
        {"[[1,1]]", ERR_BAD_CHANGE, NULL},
        {"[[1,null]]", ERR_BAD_CHANGE, NULL},
        {"[[1,\"x\",[\"y\"]]]", ERR_BAD_CHANGE, NULL},
        {"{}", ERR_BAD_MESSAGE, NULL},
        {"{\"0\":1}", ERR_BAD_MESSAGE, NULL},
        {"[1", ERR_BAD_JSON, NULL},
        {"[1]]", ERR_BAD_JSON, NULL},
        {"5", ERR_BAD_JSON, NULL},
        {"", ERR_BAD_JSON, NULL},
    };
    struct limits limits = limits_default();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *printed;
        enum err code = decode(cases[i].text, &limits, &printed);
        if (code != cases[i].code)
            CHECK_FAIL("%s is %s, not %s", cases[i].text, err_name(code), err_name(cases[i].code));
        if (code == ERR_OK && cases[i].code == ERR_OK)
            CHECK_EQ_STR(printed, cases[i].printed ? cases[i].printed : cases[i].text);
    }
}

static void lengths_are_in_units(void)
{
    static const char text[] = "[2,[3,\"h\u00e9\U0001f600\",\"\"],1]";
    struct limits limits = limits_default();
    struct change *change;
    REQUIRE(decode_change(text, sizeof(text) - 1, &limits, &change, NULL) == ERR_OK);
    CHECK_EQ_INT(change_len_before(change), 6);
    CHECK_EQ_INT(change_len_after(change), 2 + 5 + 1);
    CHECK_EQ_INT(change_parts(change), 3);
    CHECK_EQ_INT(change_inserted_bytes(change), 1 + 2 + 4 + 1);
    change_unref(change);
}

/* Returns a new text: '[', count times part with commas between, ']'. */
static char *repeat(const char *part, size_t count)
{
    struct buf out = BUF_EMPTY;
    for (size_t i = 0; i < count; i++) {
        buf_add_char(&out, i ? ',' : '[');
        buf_add_text(&out, part);
    }
    buf_add_char(&out, ']');
    return out.data;
}

static enum err decode_repeated(const char *part, size_t count, const struct limits *limits)
{
    const char *printed;
    char *text = repeat(part, count);
    enum err err = decode(text, limits, &printed);
    free(text);
    return err;
}

static void limits_count_to_the_last_one(void)
{
    struct limits limits = limits_default();
    CHECK_EQ_INT(decode_repeated("1", 1000, &limits), ERR_OK);
    CHECK_EQ_INT(decode_repeated("1", 1001, &limits), ERR_TOO_MANY);
    CHECK_EQ_INT(decode_repeated("1", 200001, &limits), ERR_TOO_BIG);
    limits.insert = 12;
    CHECK_EQ_INT(decode_repeated("[0,\"abc\"]", 4, &limits), ERR_OK);
    CHECK_EQ_INT(decode_repeated("[0,\"abc\"]", 5, &limits), ERR_TOO_BIG);
    CHECK_EQ_INT(decode_repeated("[0,\"a\",\"\"]", 6, &limits), ERR_OK);
    CHECK_EQ_INT(decode_repeated("[0,\"a\",\"\"]", 7, &limits), ERR_TOO_BIG);
    CHECK_EQ_INT(decode_repeated("[0,\"\\n\\n\u20ac\"]", 2, &limits), ERR_OK);
    CHECK_EQ_INT(decode_repeated("[0,\"\\n\\n\u20ac\"]", 3, &limits), ERR_TOO_BIG);
    limits.frame = 8;
    CHECK_EQ_INT(decode_repeated("1", 3, &limits), ERR_OK);
    CHECK_EQ_INT(decode_repeated("1", 4, &limits), ERR_TOO_BIG);
}

/* A bad one leaves nothing behind that the next one of the same decoder would have. */
static void the_parts_before_a_bad_one_are_forgotten(void)
{
    static const char frame[] =
        "[{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":2,\"cs\":[[2,[0,\"x\"]],[3,[0,\"y\"],-1]]},"
        "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[7]}]";
    struct limits limits = limits_default();
    struct decoder *decoder = decoder_new(&limits);
    struct message message;
    size_t count;
    CHECK_EQ_INT(decoder_frame(decoder, frame, sizeof(frame) - 1, &count, NULL), ERR_OK);
    CHECK_EQ_INT(decoder_message(decoder, 0, &message, NULL), ERR_BAD_CHANGE);
    CHECK_EQ_INT(decoder_message(decoder, 1, &message, NULL), ERR_OK);
    CHECK_EQ_INT(message.u.edit.count, 1);
    CHECK_EQ_INT(change_parts(message.u.edit.changes[0]), 1);
    CHECK_EQ_INT(change_len_after(message.u.edit.changes[0]), 7);
    decoder_free(decoder);
}

static void check_vector(const json_t *expected, const struct limits *limits)
{
    char *text = json_dumps(expected, JSON_COMPACT);
    const char *printed;
    enum err err = decode(text, limits, &printed);
    if (strstr(text, "\\u0000")) {
        CHECK_EQ_INT(err, ERR_BAD_JSON);
    } else if (err != ERR_OK) {
        CHECK_FAIL("%s: %s", text, err_name(err));
    } else {
        json_t *tree = json_loads(printed, 0, NULL);
        if (!json_equal(tree, expected))
            CHECK_FAIL("%s came back as %s", text, printed);
        json_decref(tree);
    }
    free(text);
}

static void change_sets_of_the_editor_come_back_as_they_were(void)
{
    static const char *const keys[] = {"a", "b", "a_over_b", "b_over_a_before", "b_then_a"};
    struct limits limits = limits_default();
    FILE *file = check_open_shared("changeset-vectors.jsonl");
    char *line = NULL;
    size_t cap = 0, vectors = 0;
    for (ssize_t len; (len = getline(&line, &cap, file)) > 0; vectors++) {
        json_t *vector = json_loadb(line, (size_t)len, JSON_ALLOW_NUL, NULL);
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
            check_vector(json_object_get(vector, keys[i]), &limits);
        json_decref(vector);
    }
    CHECK_EQ_INT(vectors, 5000);
    free(line);
    fclose(file);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(each_form_is_taken_or_refused);
    RUN(lengths_are_in_units);
    RUN(limits_count_to_the_last_one);
    RUN(the_parts_before_a_bad_one_are_forgotten);
    RUN(change_sets_of_the_editor_come_back_as_they_were);
    return check_finish();
}
