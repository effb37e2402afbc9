#include "weft/protocol/message.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"

#include "check.h"

#include <jansson.h>

static struct buf out = BUF_EMPTY;
static const struct request_id q7 = {"7"};
static const struct request_id none = {""};

/* What was encoded since the last call is this, and JSON. */
static void check_encoded(int line, const char *expected)
{
    json_error_t error;
    json_t *tree = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, &error);
    if (!tree)
        CHECK_FAIL("line %d: %s: %s", line, error.text, out.data);
    else if (strcmp(out.data, expected) != 0)
        CHECK_FAIL("line %d: %s\n    is not %s", line, out.data, expected);
    CHECK_EQ_INT(strlen(out.data), out.len);
    json_decref(tree);
    buf_reset(&out);
}
#define EXPECT(expected) check_encoded(__LINE__, expected)

static void welcome_has_everything_in_order(void)
{
    struct limits limits = limits_default();
    struct rate rates[RATE_COUNT];
    rates_default(rates);
    const struct file_info files[] = {{3, 1842, 48074, "src/main.c"}, {4, 0, 0, "\u00e9.c"}};
    const struct peer_info peers[] = {{30, 3, "u7", "Bob", -1}, {31, 0, "u8", "\"Zo\u00eb\"", 0}};
    struct welcome welcome = {.cid = 31,
                              .e = 991,
                              .now = 1730000000000,
                              .resume = "31.Qm9i",
                              .user = "u12",
                              .name = "Ann",
                              .role = "edit",
                              .ep = "1.k2f9",
                              .inst = "a",
                              .store = "sqlite",
                              .files = files,
                              .file_count = 2,
                              .peers = peers,
                              .peer_count = 2,
                              .limits = &limits,
                              .rates = rates};
    encode_welcome(&out, &welcome);
    EXPECT("{\"t\":\"welcome\",\"v\":1,\"cid\":31,\"resume\":\"31.Qm9i\",\"user\":\"u12\","
           "\"name\":\"Ann\",\"role\":\"edit\",\"ep\":\"1.k2f9\",\"e\":991,\"now\":1730000000000,"
           "\"inst\":\"a\",\"files\":[{\"f\":3,\"path\":\"src/main.c\",\"v\":1842,\"len\":48074},"
           "{\"f\":4,\"path\":\"\u00e9.c\",\"v\":0,\"len\":0}],"
           "\"peers\":[{\"by\":30,\"user\":\"u7\",\"name\":\"Bob\",\"f\":3},"
           "{\"by\":31,\"user\":\"u8\",\"name\":\"\\\"Zo\u00eb\\\"\",\"color\":0}],\"store\":"
           "\"sqlite\","
           "\"limits\":{\"text\":4194304,\"frame\":2097152,\"edit\":100,\"cursor\":20}}");
    welcome.file_count = welcome.peer_count = 0;
    encode_welcome(&out, &welcome);
    CHECK(strstr(out.data, "\"files\":[],\"peers\":[],") != NULL);
    buf_reset(&out);
    welcome.files = NULL;
    welcome.inst = welcome.store = NULL;
    encode_welcome(&out, &welcome);
    EXPECT("{\"t\":\"welcome\",\"v\":1,\"cid\":31,\"resume\":\"31.Qm9i\",\"user\":\"u12\","
           "\"name\":\"Ann\",\"role\":\"edit\",\"ep\":\"1.k2f9\",\"e\":991,\"now\":1730000000000,"
           "\"peers\":[],"
           "\"limits\":{\"text\":4194304,\"frame\":2097152,\"edit\":100,\"cursor\":20}}");
}

static void the_session_has_its_messages(void)
{
    encode_pong(&out, 123, 1730000000001);
    EXPECT("{\"t\":\"pong\",\"ts\":123,\"now\":1730000000001}");
    encode_drain(&out, 5000, 4000, "deploy");
    EXPECT("{\"t\":\"drain\",\"in\":5000,\"spread\":4000,\"why\":\"deploy\"}");
    struct peer_info ann = {31, 3, "u12", "Ann", -1};
    encode_peer(&out, &ann, true);
    EXPECT("{\"t\":\"peer\",\"by\":31,\"on\":true,\"user\":\"u12\",\"name\":\"Ann\"}");
    ann.color = 9;
    encode_peer(&out, &ann, true);
    EXPECT("{\"t\":\"peer\",\"by\":31,\"on\":true,\"user\":\"u12\",\"name\":\"Ann\",\"color\":9}");
    encode_peer(&out, &ann, false);
    EXPECT("{\"t\":\"peer\",\"by\":31,\"on\":false}");
    const struct selection sel = {.count = 4, .pos = {10, 24, 0, NUMBER_MAX}};
    encode_cursor(&out, &(struct cursor){3, 1843, 31, &sel});
    EXPECT("{\"t\":\"cursor\",\"f\":3,\"v\":1843,\"by\":31,\"sel\":[10,24,0,9007199254740991]}");
    encode_cursor(&out, &(struct cursor){0, 5, 31, NULL});
    EXPECT("{\"t\":\"cursor\",\"f\":0,\"by\":31}");
}

static void the_tree_has_its_messages(void)
{
    const struct file_info files[] = {{3, 1842, 48074, "src/main.c"}};
    const struct fs_entry entries[] = {{9, "lib/a.c"}, {10, "lib/b.c"}};
    encode_files(&out, &q7, 991, files, 1);
    EXPECT("{\"t\":\"files\",\"q\":7,\"e\":991,"
           "\"files\":[{\"f\":3,\"path\":\"src/main.c\",\"v\":1842,\"len\":48074}]}");
    encode_files(&out, NULL, 0, NULL, 0);
    EXPECT("{\"t\":\"files\",\"e\":0,\"files\":[]}");
    encode_fs(&out, &(struct fs_event){992, 31, FS_CREATE, false, entries, 1});
    EXPECT("{\"t\":\"fs\",\"e\":992,\"by\":31,\"op\":\"create\",\"f\":9,\"path\":\"lib/a.c\"}");
    encode_fs(&out, &(struct fs_event){993, 0, FS_RENAME, true, entries, 2});
    EXPECT(
        "{\"t\":\"fs\",\"e\":993,\"op\":\"rename\",\"list\":[[9,\"lib/a.c\"],[10,\"lib/b.c\"]]}");
    encode_fs(&out, &(struct fs_event){994, 31, FS_DELETE, true, entries, 1});
    EXPECT("{\"t\":\"fs\",\"e\":994,\"by\":31,\"op\":\"delete\",\"list\":[[9,\"lib/a.c\"]]}");
    encode_fs(&out, &(struct fs_event){995, 31, FS_DELETE, true, NULL, 0});
    EXPECT("{\"t\":\"fs\",\"e\":995,\"by\":31,\"op\":\"delete\",\"list\":[]}");
    const struct saved_mark marks[] = {{3, 1850}, {4, 12}};
    encode_saved(&out, marks, 2, 1730000000000);
    EXPECT("{\"t\":\"saved\",\"files\":[[3,1850],[4,12]],\"ts\":1730000000000}");
    encode_saved(&out, NULL, 0, 1);
    EXPECT("{\"t\":\"saved\",\"files\":[],\"ts\":1}");
}

static void a_file_has_its_messages(void)
{
    struct limits limits = limits_default();
    struct change *change;
    const struct selection sel = {.count = 2, .pos = {4, 4}};
    REQUIRE(decode_change("[3,[0,\"u\"],4]", 13, &limits, &change, NULL) == ERR_OK);
    encode_edit(&out, 3, 1843, 31, 17, change, &sel, NULL);
    EXPECT("{\"t\":\"edit\",\"f\":3,\"v\":1843,\"by\":31,\"n\":17,\"c\":[3,[0,\"u\"],4],"
           "\"sel\":[4,4]}");
    encode_edit(&out, 3, 1843, 31, 17, change, NULL, NULL);
    EXPECT("{\"t\":\"edit\",\"f\":3,\"v\":1843,\"by\":31,\"n\":17,\"c\":[3,[0,\"u\"],4]}");
    encode_edit(&out, 3, 1843, 77, 1, change, NULL, "u\"12");
    EXPECT("{\"t\":\"edit\",\"f\":3,\"v\":1843,\"by\":77,\"n\":1,\"c\":[3,[0,\"u\"],4],"
           "\"user\":\"u\\\"12\"}");
    change_unref(change);
    encode_ack(&out, 3, 1843, 17);
    EXPECT("{\"t\":\"ack\",\"f\":3,\"v\":1843,\"n\":17}");
    encode_synced(&out, &q7, 3, 1850, 17, 1842);
    EXPECT("{\"t\":\"synced\",\"q\":7,\"f\":3,\"v\":1850,\"n\":17,\"s\":1842}");
    encode_resync(&out, 3);
    EXPECT("{\"t\":\"resync\",\"f\":3}");
    encode_check(&out, &none, 3, 1850, 48074, 0x0031c2aa);
    EXPECT("{\"t\":\"check\",\"f\":3,\"v\":1850,\"len\":48074,\"crc\":\"0031c2aa\"}");
}

static void answers_say_what_they_answer(void)
{
    encode_ok(&out, &q7, 9, 0);
    EXPECT("{\"t\":\"ok\",\"q\":7,\"f\":9}");
    encode_ok(&out, &(struct request_id){"\"a\\\"b\""}, 0, 993);
    EXPECT("{\"t\":\"ok\",\"q\":\"a\\\"b\",\"e\":993}");
    encode_ok(&out, NULL, 0, 0);
    EXPECT("{\"t\":\"ok\"}");
    const struct error error = {ERR_BAD_CHANGE, "length 11, document has 12"};
    encode_error(&out, &error, &q7, 3, 17, false);
    EXPECT(
        "{\"t\":\"error\",\"code\":\"bad_change\",\"msg\":\"length 11, document has 12\",\"q\":7,"
        "\"f\":3,\"n\":17,\"fatal\":false}");
    encode_error(&out, &(struct error){ERR_BAD_JSON, ""}, NULL, 0, 0, true);
    EXPECT("{\"t\":\"error\",\"code\":\"bad_json\","
           "\"msg\":\"this is not JSON that can be accepted\",\"fatal\":true}");
}

/* The words of an error may quote what a stranger sent, cut to fit. */
static void an_error_is_utf8_whatever_it_quotes(void)
{
    struct error error = {0};
    char quoted[400] = "";
    for (int i = 0; i < 90; i++)
        strcat(quoted, "\U0001f600");
    enum err err = error_set(&error, ERR_BAD_PATH, "\"%s\" is no path", quoted);
    encode_error(&out, &error, NULL, 0, 0, false);
    json_t *tree = json_loadb(out.data, out.len, 0, NULL);
    REQUIRE(err == ERR_BAD_PATH && tree != NULL);
    size_t len = json_string_length(json_object_get(tree, "msg"));
    CHECK_EQ_INT(len, 1 + 4 * ((sizeof(error.text) - 2) / 4));
    json_decref(tree);
    buf_reset(&out);
    encode_error(&out, &(struct error){ERR_BAD_PATH, "a\xff z\x1b\n"}, NULL, 0, 0, false);
    EXPECT("{\"t\":\"error\",\"code\":\"bad_path\",\"msg\":\"a\",\"fatal\":false}");
    encode_error(&out, &(struct error){ERR_BAD_PATH, "\x80"}, NULL, 0, 0, false);
    EXPECT("{\"t\":\"error\",\"code\":\"bad_path\",\"msg\":\"\",\"fatal\":false}");
}

static void check_file(const struct rope *rope, const char *text, size_t len)
{
    const struct snapshot file = {.f = 3,
                                  .v = 1842,
                                  .n = 5,
                                  .s = 1840,
                                  .len = rope_utf16_len(rope),
                                  .path = "src/main.c",
                                  .ep = "1.k2f9",
                                  .reset = "trimmed",
                                  .q = &q7};
    encode_file(&out, &file, rope);
    json_t *tree = json_loadb(out.data, out.len, JSON_ALLOW_NUL, NULL);
    REQUIRE(tree != NULL);
    const json_t *back = json_object_get(tree, "text");
    CHECK_EQ_INT(json_string_length(back), len);
    CHECK(json_string_length(back) == len && memcmp(json_string_value(back), text, len) == 0);
    CHECK_EQ_INT(json_integer_value(json_object_get(tree, "len")), file.len);
    CHECK_EQ_STR(json_string_value(json_object_get(tree, "reset")), "trimmed");
    json_decref(tree);
    buf_reset(&out);
}

static void a_snapshot_has_the_text_of_the_rope(void)
{
    const struct snapshot file = {
        .f = 3, .v = 1842, .n = 0, .s = 7, .len = 6, .path = "a.c", .ep = "1.k2f9"};
    struct rope *rope = rope_new("a\"\n\t\xc3\xa9\x01", 7);
    encode_file(&out, &file, rope);
    EXPECT("{\"t\":\"file\",\"f\":3,\"path\":\"a.c\",\"ep\":\"1.k2f9\",\"v\":1842,\"n\":0,\"s\":7,"
           "\"len\":6,\"text\":\"a\\\"\\n\\t\xc3\xa9\\u0001\"}");
    rope_free(rope);
    rope = rope_new("", 0);
    check_file(rope, "", 0);
    rope_free(rope);
}

static void a_large_snapshot_comes_from_many_pieces(void)
{
    static const char *const pieces[] = {"\n", "\"",     "\\",     "\x1f",
                                         "a",  "\u00e9", "\u20ac", "\U0001f600"};
    uint64_t seed = check_seed();
    struct buf text = BUF_EMPTY;
    struct rope *rope = rope_new("", 0);
    for (int i = 0; i < 20000; i++) {
        const char *piece = pieces[check_random(&seed) % 8];
        rope_replace(rope, rope_utf16_len(rope), 0, piece, strlen(piece));
        buf_add_text(&text, piece);
    }
    check_file(rope, text.data, text.len);
    rope_free(rope);
    buf_close(&text);
}

/* Names and paths are strangers' text too. */
static void strings_are_escaped_everywhere(void)
{
    static const char text[] = "\"\\\n\x1b[31m</script>\u2028";
    const struct file_info files[] = {{1, 1, 1, text}};
    const struct fs_entry entries[] = {{1, text}};
    encode_peer(&out, &(struct peer_info){1, 1, text, text, -1}, true);
    encode_files(&out, NULL, 1, files, 1);
    encode_fs(&out, &(struct fs_event){1, 1, FS_CREATE, false, entries, 1});
    encode_fs(&out, &(struct fs_event){1, 1, FS_CREATE, true, entries, 1});
    encode_drain(&out, 1, 1, text);
    size_t read = 0;
    int objects = 0;
    while (read < out.len) {
        json_error_t error;
        json_t *tree = json_loadb(out.data + read, out.len - read, JSON_DISABLE_EOF_CHECK, &error);
        REQUIRE(tree != NULL);
        read += (size_t)error.position;
        objects++;
        json_decref(tree);
    }
    CHECK_EQ_INT(objects, 5);
    for (size_t i = 0; i < out.len; i++)
        CHECK((unsigned char)out.data[i] >= ' ');
    buf_reset(&out);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(welcome_has_everything_in_order);
    RUN(the_session_has_its_messages);
    RUN(the_tree_has_its_messages);
    RUN(a_file_has_its_messages);
    RUN(answers_say_what_they_answer);
    RUN(an_error_is_utf8_whatever_it_quotes);
    RUN(a_snapshot_has_the_text_of_the_rope);
    RUN(a_large_snapshot_comes_from_many_pieces);
    RUN(strings_are_escaped_everywhere);
    buf_close(&out);
    return check_finish();
}
