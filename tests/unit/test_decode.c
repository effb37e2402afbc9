#include "weft/protocol/message.h"
#include "weft/text/change.h"

#include "check.h"

#include <dirent.h>
#include <jansson.h>

static struct limits limits;
static struct decoder *decoder;
static struct message message;
static struct error error;

/* The code of the frame, or of its first message; which is in `message`. The decoder gets a copy
 * that ends where the text ends, and is freed before the message is read. */
static enum err decode_bytes(const char *text, size_t len)
{
    size_t count;
    error_clear(&error);
    char *copy = malloc(len ? len : 1);
    REQUIRE(copy != NULL);
    memcpy(copy, text, len);
    enum err err = decoder_frame(decoder, copy, len, &count, &error);
    free(copy);
    if (err == ERR_OK && count > 0)
        err = decoder_message(decoder, 0, &message, &error);
    CHECK_EQ_INT(err, error.code);
    for (const char *c = error.text; *c; c++)
        CHECK(*c >= ' ' || (unsigned char)*c >= 0x80);
    return err;
}

static enum err decode(const char *text)
{
    return decode_bytes(text, strlen(text));
}

static void check_text(const struct text *got, const char *text)
{
    CHECK_EQ_STR(got->text, text);
    CHECK_EQ_INT(got->len, text ? strlen(text) : 0);
}

/* ---- what good messages say ---- */

static void hello_says_who_and_where(void)
{
    CHECK_EQ_INT(decode("{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"token\":\"eyJ\","
                        "\"resume\":\"31.Qm9i\",\"k\":2,\"ep\":\"1.k2f9\",\"e\":0}"),
                 ERR_OK);
    CHECK_EQ_INT(message.type, MESSAGE_HELLO);
    check_text(&message.u.hello.project, "demo");
    check_text(&message.u.hello.token, "eyJ");
    check_text(&message.u.hello.resume, "31.Qm9i");
    check_text(&message.u.hello.ep, "1.k2f9");
    check_text(&message.u.hello.name, NULL);
    check_text(&message.u.hello.template, NULL);
    CHECK_EQ_INT(message.u.hello.k, 2);
    CHECK(message.u.hello.has_e);
    CHECK(!message.u.hello.has_color);
    CHECK_EQ_INT(decode("{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"template\":\"blank\","
                        "\"color\":0}"),
                 ERR_OK);
    CHECK(message.u.hello.has_color);
    CHECK_EQ_INT(message.u.hello.color, 0);
    check_text(&message.u.hello.template, "blank");
    CHECK(!message.u.hello.has_e);
    CHECK_EQ_INT(message.u.hello.k, 0);
}

static void files_are_named_by_id_or_path(void)
{
    CHECK_EQ_INT(decode("{\"t\":\"open\",\"f\":3,\"v\":0,\"ep\":\"1\"}"), ERR_OK);
    CHECK_EQ_INT(message.f, 3);
    CHECK(message.u.open.has_v);
    check_text(&message.u.open.ep, "1");
    CHECK_EQ_INT(decode("{\"t\":\"open\",\"path\":\"src/main.c\"}"), ERR_OK);
    CHECK_EQ_INT(message.f, 0);
    CHECK(!message.u.open.has_v);
    check_text(&message.u.open.path, "src/main.c");
    CHECK_EQ_INT(decode("{\"t\":\"create\",\"path\":\"a\",\"text\":\"x\\r\\ny\\rz\"}"), ERR_OK);
    check_text(&message.u.create.text, "x\r\ny\rz");
    CHECK_EQ_INT(decode("{\"t\":\"create\",\"path\":\"a\"}"), ERR_OK);
    check_text(&message.u.create.text, NULL);
    CHECK_EQ_INT(decode("{\"t\":\"rename\",\"from\":\"src/\",\"path\":\"lib/\"}"), ERR_OK);
    CHECK_EQ_INT(message.f, 0);
    check_text(&message.u.rename.from, "src/");
    check_text(&message.u.rename.path, "lib/");
    CHECK_EQ_INT(decode("{\"t\":\"delete\",\"f\":9,\"q\":\"x\"}"), ERR_OK);
    CHECK_EQ_INT(message.f, 9);
    check_text(&message.u.delete.from, NULL);
    CHECK_EQ_STR(message.q.json, "\"x\"");
}

static void an_edit_is_a_change_with_its_place(void)
{
    REQUIRE(decode("{\"t\":\"edit\",\"f\":3,\"v\":1842,\"n\":17,"
                   "\"c\":[25824,[0,\"u\"],22250],\"sel\":[25825,25824,1,2]}") == ERR_OK);
    CHECK_EQ_INT(message.f, 3);
    CHECK_EQ_INT(message.n, 17);
    CHECK_EQ_INT(message.u.edit.v, 1842);
    CHECK(!message.u.edit.is_short);
    REQUIRE(message.u.edit.count == 1);
    CHECK_EQ_INT(change_len_before(message.u.edit.changes[0]), 48074);
    CHECK_EQ_INT(change_len_after(message.u.edit.changes[0]), 48075);
    REQUIRE(message.u.edit.has_sel && message.u.edit.sel->count == 4);
    CHECK_EQ_INT(message.u.edit.sel->pos[0], 25825);
    CHECK_EQ_INT(message.u.edit.sel->pos[3], 2);
}

static void an_edit_may_be_a_list_of_changes(void)
{
    REQUIRE(decode("{\"t\":\"edit\",\"f\":3,\"v\":0,\"n\":2,\"cs\":[[[0,\"ab\"]],[1,[1]]]}") ==
            ERR_OK);
    REQUIRE(message.u.edit.count == 2);
    CHECK_EQ_INT(change_len_after(message.u.edit.changes[0]), 2);
    CHECK_EQ_INT(change_len_after(message.u.edit.changes[1]), 1);
    CHECK(!message.u.edit.has_sel && message.u.edit.sel == NULL);
}

static void the_short_form_names_a_place_in_the_newest_text(void)
{
    CHECK_EQ_INT(decode("{\"t\":\"edit\",\"f\":3,\"at\":120,\"del\":3,\"ins\":\"a\\nb\"}"), ERR_OK);
    CHECK(message.u.edit.is_short);
    CHECK_EQ_INT(message.u.edit.count, 0);
    CHECK_EQ_INT(message.u.edit.at, 120);
    CHECK_EQ_INT(message.u.edit.del, 3);
    check_text(&message.u.edit.ins, "a\nb");
    CHECK_EQ_INT(decode("{\"t\":\"edit\",\"f\":3,\"at\":0,\"del\":1}"), ERR_OK);
    check_text(&message.u.edit.ins, NULL);
}

static void a_cursor_may_be_in_no_file(void)
{
    CHECK_EQ_INT(decode("{\"t\":\"cursor\",\"f\":3,\"v\":1843,\"sel\":[10,24]}"), ERR_OK);
    REQUIRE(message.u.cursor.sel != NULL);
    CHECK_EQ_INT(message.u.cursor.sel->count, 2);
    CHECK_EQ_INT(message.u.cursor.v, 1843);
    CHECK_EQ_INT(decode("{\"t\":\"cursor\",\"f\":0}"), ERR_OK);
    CHECK(message.u.cursor.sel == NULL);
    CHECK_EQ_INT(decode("{\"t\":\"cursor\",\"f\":0,\"v\":1,\"sel\":[1,1]}"), ERR_OK);
    CHECK(message.u.cursor.sel == NULL);
}

static void a_change_that_is_kept_outlives_the_frame(void)
{
    REQUIRE(decode("{\"t\":\"edit\",\"f\":3,\"v\":0,\"n\":1,\"c\":[[0,\"kept\"]]}") == ERR_OK);
    struct change *kept = change_ref(message.u.edit.changes[0]);
    CHECK_EQ_INT(decode("{\"t\":\"edit\",\"f\":3,\"v\":0,\"n\":1,\"c\":[[0,\"other\"]]}"), ERR_OK);
    struct buf out = BUF_EMPTY;
    change_print(kept, &out);
    CHECK_EQ_STR(out.data, "[[0,\"kept\"]]");
    buf_close(&out);
    change_unref(kept);
}

/* ---- which fields go together ---- */

#define EDIT "{\"t\":\"edit\",\"f\":3,"
#define CURSOR "{\"t\":\"cursor\",\"f\":3,"

static void fields_that_do_not_go_together_are_refused(void)
{
    static const struct {
        const char *frame;
        enum err code;
    } cases[] = {
        {"{\"t\":\"hello\",\"v\":2,\"project\":\"demo\"}", ERR_BAD_MESSAGE},
        {"{\"t\":\"hello\",\"v\":1,\"project\":\"..\"}", ERR_BAD_MESSAGE},
        {"{\"t\":\"hello\",\"v\":1,\"project\":\"\"}", ERR_BAD_MESSAGE},
        {"{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"color\":10}", ERR_BAD_MESSAGE},
        {"{\"t\":\"hello\",\"v\":1,\"project\":\"demo\",\"color\":\"red\"}", ERR_BAD_MESSAGE},
        {"{\"t\":\"open\"}", ERR_BAD_MESSAGE},
        {"{\"t\":\"open\",\"f\":1,\"path\":\"a\"}", ERR_BAD_MESSAGE},
        {"{\"t\":\"rename\",\"path\":\"a\"}", ERR_BAD_MESSAGE},
        {"{\"t\":\"rename\",\"f\":1,\"from\":\"a/\",\"path\":\"b/\"}", ERR_BAD_MESSAGE},
        {"{\"t\":\"delete\"}", ERR_BAD_MESSAGE},
        {"{\"t\":\"delete\",\"f\":1,\"from\":\"a/\"}", ERR_BAD_MESSAGE},
        /* One of c, cs and the short form. */
        {EDIT "\"v\":1,\"n\":1}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":2,\"c\":[1],\"cs\":[[1]]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":2,\"c\":[1],\"at\":0}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":2,\"cs\":[[1]],\"ins\":\"\"}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":2,\"c\":[1],\"del\":0}", ERR_BAD_MESSAGE},
        /* v and n with c and cs only. */
        {EDIT "\"v\":1,\"c\":[1]}", ERR_BAD_MESSAGE},
        {EDIT "\"n\":1,\"c\":[1]}", ERR_BAD_MESSAGE},
        {EDIT "\"n\":1,\"cs\":[[1]]}", ERR_BAD_MESSAGE},
        {EDIT "\"n\":1,\"at\":0,\"ins\":\"x\"}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"at\":0,\"ins\":\"x\"}", ERR_BAD_MESSAGE},
        {EDIT "\"del\":1,\"ins\":\"x\"}", ERR_BAD_MESSAGE},
        {EDIT "\"at\":0}", ERR_OK},
        {EDIT "\"at\":0,\"ins\":\"\\r\"}", ERR_BAD_TEXT},
        {EDIT "\"at\":0,\"ins\":\"\\r\\n\"}", ERR_BAD_TEXT},
        /* Lists. */
        {EDIT "\"v\":1,\"n\":1,\"cs\":[]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":1,\"cs\":[1]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":2,\"cs\":[[1],{}]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":1,\"cs\":[[1],[1]]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":2,\"cs\":[[1],[2]]}", ERR_BAD_CHANGE},
        {EDIT "\"v\":1,\"n\":3,\"cs\":[[1],[1,[0,\"x\"]],[1]]}", ERR_BAD_CHANGE},
        {EDIT "\"v\":1,\"n\":3,\"cs\":[[1],[1,[0,\"x\"]],[2]]}", ERR_OK},
        {EDIT "\"v\":1,\"n\":1,\"cs\":[[]]}", ERR_OK},
        {EDIT "\"v\":1,\"n\":1,\"c\":[0]}", ERR_BAD_CHANGE},
        /* Selections. */
        {EDIT "\"v\":1,\"n\":1,\"c\":[1],\"sel\":[]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":1,\"c\":[1],\"sel\":[1]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":1,\"c\":[1],\"sel\":[1,2,3]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":1,\"c\":[1],\"sel\":[1,-1]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":1,\"c\":[1],\"sel\":[1,1.0]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":1,\"c\":[1],\"sel\":[1,\"1\"]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":1,\"c\":[1],\"sel\":[1,9007199254740992]}", ERR_BAD_MESSAGE},
        {EDIT "\"v\":1,\"n\":1,\"c\":[1],\"sel\":[1,9007199254740991]}", ERR_OK},
        {CURSOR "\"v\":1}", ERR_BAD_MESSAGE},
        {CURSOR "\"sel\":[1,1]}", ERR_BAD_MESSAGE},
        {"{\"t\":\"cursor\",\"v\":1,\"sel\":[1,1]}", ERR_BAD_MESSAGE},
        /* Types. */
        {"{}", ERR_BAD_MESSAGE},
        {"{\"t\":null}", ERR_BAD_MESSAGE},
        {"{\"t\":[\"ping\"]}", ERR_BAD_MESSAGE},
        {"{\"t\":\"\"}", ERR_UNKNOWN_TYPE},
        {"{\"t\":\"Ping\",\"ts\":1}", ERR_UNKNOWN_TYPE},
        {"{\"t\":\"pingg\",\"ts\":1}", ERR_UNKNOWN_TYPE},
        {"{\"t\":\"welcome\"}", ERR_UNKNOWN_TYPE},
        {"{\"t\":\"ack\",\"f\":1,\"v\":1,\"n\":1}", ERR_UNKNOWN_TYPE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum err code = decode(cases[i].frame);
        if (code != cases[i].code)
            CHECK_FAIL("%s is %s (%s), not %s", cases[i].frame, err_name(code), error.text,
                       err_name(cases[i].code));
    }
}

/* Returns a static text: before, then count times part with commas between, then after. */
static const char *repeat(const char *before, const char *part, size_t count, const char *after)
{
    static struct buf out = BUF_EMPTY;
    buf_reset(&out);
    buf_add_text(&out, before);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(&out, ',');
        buf_add_text(&out, part);
    }
    buf_add_text(&out, after);
    return out.data;
}

static void counts_have_limits(void)
{
    const char *cs = EDIT "\"v\":1,\"n\":99,\"cs\":[", *sel = CURSOR "\"v\":1,\"sel\":[";
    const char *ping = "{\"t\":\"ping\",\"ts\":1}", *keys = "{\"t\":\"ping\",\"ts\":1,\"x\":[";
    size_t count;
    CHECK_EQ_INT(decode(repeat(cs, "[1]", 64, "]}")), ERR_OK);
    CHECK_EQ_INT(message.u.edit.count, 64);
    CHECK_EQ_INT(decode(repeat(cs, "[1]", 65, "]}")), ERR_TOO_MANY);
    CHECK_EQ_INT(decode(repeat(sel, "1,2", 32, "]}")), ERR_OK);
    CHECK_EQ_INT(decode(repeat(sel, "1,2", 33, "]}")), ERR_TOO_MANY);
    CHECK_EQ_INT(decode(repeat("[", ping, 64, "]")), ERR_OK);
    CHECK_EQ_INT(decode(repeat("[", ping, 65, "]")), ERR_TOO_MANY);
    CHECK_EQ_INT(decoder_frame(decoder, "[]", 2, &count, NULL), ERR_OK);
    CHECK_EQ_INT(count, 0);
    CHECK_EQ_INT(decode(repeat(keys, "{\"k\":0}", 1997, "]}")), ERR_OK);
    CHECK_EQ_INT(decode(repeat(keys, "{\"k\":0}", 1998, "]}")), ERR_TOO_BIG);
    CHECK_EQ_INT(decode(repeat(keys, "0", 200000, "]}")), ERR_OK);
    CHECK_EQ_INT(decode(repeat(keys, "0", 200001, "]}")), ERR_TOO_BIG);
    CHECK_EQ_INT(decode(repeat(keys, "0", 1048700, "]}")), ERR_TOO_BIG);
}

static void every_message_of_a_frame_is_judged_by_itself(void)
{
    static const char frame[] = "[{\"t\":\"ping\",\"ts\":1},7,{\"t\":\"no\"},[{}],"
                                "{\"t\":\"check\",\"f\":0},{\"t\":\"check\",\"f\":8},null]";
    static const enum err codes[] = {ERR_OK,          ERR_BAD_MESSAGE, ERR_UNKNOWN_TYPE,
                                     ERR_BAD_MESSAGE, ERR_BAD_MESSAGE, ERR_OK,
                                     ERR_BAD_MESSAGE};
    size_t count;
    REQUIRE(decoder_frame(decoder, frame, sizeof(frame) - 1, &count, NULL) == ERR_OK);
    REQUIRE(count == 7);
    for (size_t i = 0; i < count; i++)
        CHECK_EQ_INT(decoder_message(decoder, i, &message, NULL), codes[i]);
    CHECK_EQ_INT(decoder_message(decoder, 5, &message, NULL), ERR_OK);
    CHECK_EQ_INT(message.f, 8);
}

/* ---- what is no frame ---- */

static void what_is_not_json_is_refused(void)
{
    static const char *const frames[] = {
        "",
        " ",
        "null",
        "1",
        "\"x\"",
        "not json",
        "{",
        "[",
        "{\"t\":\"ping\",\"ts\":1",
        "{\"t\":\"ping\",\"ts\":1}}",
        "{\"t\":\"ping\",\"ts\":1} {}",
        "{\"t\":\"ping\",\"ts\":1}x",
        "\xef\xbb\xbf{\"t\":\"ping\",\"ts\":1}",
        "{\"t\":\"ping\",\"ts\":1,\"ts\":1}",
        "{\"t\":\"ping\",\"ts\":1,\"x\":{\"a\":1,\"a\":2}}",
        "{\"t\":\"ping\",\"ts\":1,\"\\u0074\":1}",
        "{\"t\":\"ping\",\"ts\":01}",
        "{\"t\":\"ping\",\"ts\":+1}",
        "{\"t\":\"ping\",\"ts\":0x1}",
        "{\"t\":\"ping\",\"ts\":NaN}",
        "{\"t\":\"ping\",\"ts\":1e999}",
        "{\"t\":\"ping\",\"ts\":9223372036854775808}",
        "{\"t\":\"ping\",\"ts\":1,}",
        "{'t':'ping'}",
        "{\"t\":\"ping\",\"ts\":1,\"x\":\"\n\"}",
        "{\"t\":\"ping\",\"ts\":1,\"x\":\"\\u0000\"}",
        "{\"t\":\"ping\",\"ts\":1,\"\\u0000\":1}",
        "{\"t\":\"ping\",\"ts\":1,\"x\":\"\\ud83d\"}",
        "{\"t\":\"ping\",\"ts\":1,\"x\":\"\\ud83d\\u0041\"}",
        "{\"t\":\"ping\",\"ts\":1,\"x\":\"\xed\xa0\xbd\"}",
        "{\"t\":\"ping\",\"ts\":1,\"x\":\"\xc0\xaf\"}",
        "{\"t\":\"ping\",\"ts\":1,\"x\":\"\xff\"}",
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        enum err code = decode(frames[i]);
        if (code != ERR_BAD_JSON)
            CHECK_FAIL("%s is %s", frames[i], err_name(code));
        CHECK_EQ_INT(decode("{\"t\":\"ping\",\"ts\":1}"), ERR_OK);
    }
    CHECK_EQ_INT(decode_bytes("{\"t\":\"list\"}\0", 13), ERR_BAD_JSON);
    CHECK_EQ_INT(decode_bytes("\0{\"t\":\"list\"}", 13), ERR_BAD_JSON);
}

/* ±0 without a fraction is the whole number 0. */
static void a_minus_before_zero_does_no_harm(void)
{
    CHECK_EQ_INT(decode("{\"t\":\"ping\",\"ts\":-0}"), ERR_OK);
    CHECK_EQ_INT(message.u.ping.ts, 0);
    CHECK_EQ_INT(decode("{\"t\":\"ping\",\"ts\":-0.0}"), ERR_BAD_MESSAGE);
}

static void what_is_too_large_is_not_parsed(void)
{
    enum { DEEP = 100000 };
    static char deep[2 * DEEP];
    memset(deep, '[', DEEP);
    memset(deep + DEEP, ']', DEEP);
    CHECK_EQ_INT(decode_bytes(deep, sizeof(deep)), ERR_BAD_JSON);
    CHECK_EQ_INT(decode_bytes(deep + DEEP - 2048, 4096), ERR_BAD_MESSAGE);
    CHECK_EQ_INT(decode_bytes(deep + DEEP - 2049, 4098), ERR_BAD_JSON);

    struct buf wide = BUF_EMPTY;
    buf_add_text(&wide, "{\"t\":\"ping\",\"ts\":1");
    for (int i = 0; wide.len < limits.frame - 20; i++)
        buf_printf(&wide, ",\"k%d\":0", i);
    buf_add_text(&wide, "}");
    CHECK_EQ_INT(decode_bytes(wide.data, wide.len), ERR_TOO_BIG);
    buf_close(&wide);

    char *spaces = malloc(limits.frame + 1);
    REQUIRE(spaces != NULL);
    memset(spaces, ' ', limits.frame + 1);
    memcpy(spaces, "{\"t\":\"list\"}", 12);
    CHECK_EQ_INT(decode_bytes(spaces, limits.frame), ERR_OK);
    CHECK_EQ_INT(decode_bytes(spaces, limits.frame + 1), ERR_TOO_BIG);
    free(spaces);
}

/* ---- other people's collections ---- */

/* Files of the suite that are well-formed, but not for us: no object or array, the same key twice,
 * U+0000. */
static bool is_not_for_us(const char *name)
{
    static const char *const names[] = {
        "y_structure_lonely_",     "y_structure_string_empty", "y_string_space",
        "y_object_duplicated_key", "y_string_null_escape",     "y_object_escaped_null_in_key",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strncmp(name, names[i], strlen(names[i])) == 0)
            return true;
    }
    return false;
}

static void try_suite_file(const char *folder, const char *name)
{
    static char data[1 << 20];
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    REQUIRE(file != NULL);
    size_t len = fread(data, 1, sizeof(data), file);
    fclose(file);
    enum err code = decode_bytes(data, len);
    bool parsed = code != ERR_BAD_JSON;
    if (name[0] == 'y' && parsed == is_not_for_us(name))
        CHECK_FAIL("%s is %s: %s", name, err_name(code), error.text);
    if (name[0] == 'n' && parsed)
        CHECK_FAIL("%s is %s", name, err_name(code));
    CHECK_EQ_INT(decode("{\"t\":\"ping\",\"ts\":1}"), ERR_OK);
}

static void the_json_test_suite_is_judged_rightly(void)
{
    const char *shared = getenv("WEFT_SHARED");
    char folder[2048];
    snprintf(folder, sizeof(folder), "%s/json_suite/test_parsing",
             shared ? shared : "../shared/data");
    DIR *dir = opendir(folder);
    if (!dir)
        SKIP("no shared test data");
    int files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strstr(entry->d_name, ".json")) {
            try_suite_file(folder, entry->d_name);
            files++;
        }
    }
    closedir(dir);
    CHECK_EQ_INT(files, 318);
}

static size_t from_hex(const char *hex, char *out)
{
    size_t len = 0;
    unsigned byte;
    for (; sscanf(hex + 2 * len, "%2x", &byte) == 1; len++)
        out[len] = (char)byte;
    return len;
}

/* The bytes as they are, inside the text of a new file. */
static void try_sequence(bool valid, const char *hex)
{
    char bytes[256];
    struct buf frame = BUF_EMPTY;
    size_t len = from_hex(hex, bytes);
    bool control = memchr(bytes, 0, len) != NULL;
    buf_add_text(&frame, "{\"t\":\"create\",\"path\":\"a\",\"text\":\"");
    buf_add(&frame, bytes, len);
    buf_add_text(&frame, "\"}");
    CHECK_EQ_INT(decode_bytes(frame.data, frame.len), valid && !control ? ERR_OK : ERR_BAD_JSON);
    if (valid && !control) {
        CHECK_EQ_INT(message.u.create.text.len, len);
        CHECK(memcmp(message.u.create.text.text, bytes, len) == 0);
    }
    buf_close(&frame);
}

static void utf8_sequences_are_kept_or_refused(void)
{
    FILE *file = check_open_shared("utf8/autobahn_utf8_sequences.json");
    json_t *groups = json_loadf(file, 0, NULL);
    fclose(file);
    REQUIRE(groups != NULL);
    size_t i, j, tried = 0;
    json_t *group, *sequence;
    json_array_foreach(groups, i, group)
    {
        json_array_foreach(json_array_get(group, 1), j, sequence)
        {
            try_sequence(json_is_true(json_array_get(sequence, 0)),
                         json_string_value(json_array_get(sequence, 1)));
            tried++;
        }
    }
    CHECK(tried > 100);
    json_decref(groups);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    limits = limits_default();
    decoder = decoder_new(&limits);
    RUN(hello_says_who_and_where);
    RUN(files_are_named_by_id_or_path);
    RUN(an_edit_is_a_change_with_its_place);
    RUN(an_edit_may_be_a_list_of_changes);
    RUN(the_short_form_names_a_place_in_the_newest_text);
    RUN(a_cursor_may_be_in_no_file);
    RUN(a_change_that_is_kept_outlives_the_frame);
    RUN(fields_that_do_not_go_together_are_refused);
    RUN(counts_have_limits);
    RUN(every_message_of_a_frame_is_judged_by_itself);
    RUN(what_is_not_json_is_refused);
    RUN(a_minus_before_zero_does_no_harm);
    RUN(what_is_too_large_is_not_parsed);
    RUN(the_json_test_suite_is_judged_rightly);
    RUN(utf8_sequences_are_kept_or_refused);
    decoder_free(decoder);
    return check_finish();
}
