#include "weft/text/path.h"

#include "check.h"

#include <jansson.h>

static bool accepted(const char *text, size_t len)
{
    struct error error = {0};
    enum err err = path_check(text, len, &error);
    CHECK(err == ERR_OK || err == ERR_BAD_PATH);
    CHECK_EQ_INT(error.code, err);
    CHECK((err == ERR_OK) == (error.text[0] == '\0'));
    return err == ERR_OK;
}

static void ordinary_paths_are_accepted(void)
{
    static const char *const paths[] = {
        "a",
        "main.c",
        "src/main.c",
        ".gitignore",
        "..a/...b/.c",
        "a b/ c",
        "caf\xc3\xa9/\xe6\xbc\xa2\xe5\xad\x97/\xf0\x9f\x98\x80.txt",
        "-rf/~/$HOME/*?\"<>|'`",
        "1:2",
        "src/C:",
        "node_modules/@codemirror/state/dist/index.js",
        "\xe2\x84\xa2", /* (tm): not in NFKC, but in NFC */
    };
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        if (!accepted(paths[i], strlen(paths[i])))
            CHECK_FAIL("%s was refused", paths[i]);
}

static void what_is_no_path_is_refused(void)
{
#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        BYTES(""),
        BYTES("/"),
        BYTES("/etc/passwd"),
        BYTES("a/"),
        BYTES("a//b"),
        BYTES("."),
        BYTES(".."),
        BYTES("../a"),
        BYTES("a/../b"),
        BYTES("a/./b"),
        BYTES("a/.."),
        BYTES("a."),
        BYTES("a./b"),
        BYTES("a "),
        BYTES("a /b"),
        BYTES("a\\b"),
        BYTES("C:"),
        BYTES("c:/x"),
        BYTES("C:x"),
        BYTES("a\0b"),
        BYTES("\0"),
        BYTES("a\nb"),
        BYTES("a\x1b"),
        BYTES("a\x7f"),
        BYTES("a\xc2\x80"),
        BYTES("a\xc2\x9f"),
        BYTES("\xe2\x80\xae"
              "gnp.exe"),
        BYTES("\xd8\x9c"),
        BYTES("a\xe2\x80\x8e"),
        BYTES("a\xe2\x80\x8f"),
        BYTES("a\xe2\x80\xaa"),
        BYTES("a\xe2\x81\xa6"),
        BYTES("a\xe2\x81\xa9"),
        BYTES("cafe\xcc\x81"),             /* e and an accent: not NFC */
        BYTES("\xe1\x84\x80\xe1\x85\xa1"), /* two jamo of one syllable */
        BYTES("\xe2\x84\xab"),             /* the angstrom sign */
        BYTES("\xff"),
        BYTES("a\xc3"),
        BYTES("\xc0\xae\xc0\xae/a"), /* dots in too many bytes */
        BYTES("\xed\xa0\x80"),
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (accepted(cases[i].text, cases[i].len))
            CHECK_FAIL("case %zu, %s, was accepted", i, cases[i].text);
}

static void lengths_are_limited(void)
{
    char path[PATH_LEN_MAX + 2];
    memset(path, 'a', sizeof(path));
    path[250] = path[251 + 200] = '/';
    CHECK(accepted(path, PATH_LEN_MAX));
    CHECK(!accepted(path, PATH_LEN_MAX + 1));
    memset(path, 'a', sizeof(path));
    CHECK(accepted(path, PATH_SEGMENT_LEN_MAX));
    CHECK(!accepted(path, PATH_SEGMENT_LEN_MAX + 1));
    for (size_t i = 1; i < sizeof(path); i += 2)
        path[i] = '/';
    CHECK(accepted(path, 2 * PATH_SEGMENTS_MAX - 1));
    CHECK(!accepted(path, 2 * PATH_SEGMENTS_MAX + 1));
}

static void a_folder_ends_with_one_slash(void)
{
    CHECK(path_check_folder("src/", 4, NULL) == ERR_OK);
    CHECK(path_check_folder("a/b/", 4, NULL) == ERR_OK);
    CHECK(path_check_folder("src", 3, NULL) == ERR_BAD_PATH);
    CHECK(path_check_folder("src//", 5, NULL) == ERR_BAD_PATH);
    CHECK(path_check_folder("/", 1, NULL) == ERR_BAD_PATH);
    CHECK(path_check_folder("", 0, NULL) == ERR_BAD_PATH);
    CHECK(path_check_folder("../", 3, NULL) == ERR_BAD_PATH);
}

static void what_is_inside_a_folder(void)
{
    CHECK(path_in_folder("src/a.c", "src/"));
    CHECK(path_in_folder("src/x/a.c", "src/"));
    CHECK(!path_in_folder("src", "src/"));
    CHECK(!path_in_folder("src/", "src/"));
    CHECK(!path_in_folder("srcs/a", "src/"));
    CHECK(!path_in_folder("srca", "src"));
    CHECK(!path_in_folder("a", ""));
}

static void project_ids_are_plain(void)
{
    static const char good[] = "Demo-1_2.x";
    char long_id[66];
    memset(long_id, 'x', sizeof(long_id));
    CHECK(project_id_valid(good, strlen(good)));
    CHECK(project_id_valid("...", 3));
    CHECK(project_id_valid(".a", 2));
    CHECK(project_id_valid(long_id, 64));
    CHECK(!project_id_valid(long_id, 65));
    CHECK(!project_id_valid("", 0));
    CHECK(!project_id_valid(".", 1));
    CHECK(!project_id_valid("..", 2));
    CHECK(!project_id_valid("a/b", 3));
    CHECK(!project_id_valid("a b", 3));
    CHECK(!project_id_valid("a\0", 2));
    CHECK(!project_id_valid("\xc3\xa9", 2));
    CHECK(!project_id_valid("a\n", 2));
}

/* Whatever of the big list of naughty strings is accepted is safe to be a file's name. */
static void naughty_strings_do_no_harm(void)
{
    FILE *file = check_open_shared("blns.json");
    json_t *list = json_loadf(file, JSON_ALLOW_NUL, NULL);
    fclose(file);
    REQUIRE(json_array_size(list) > 400);
    size_t i, refused = 0;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *text = json_string_value(item);
        size_t len = json_string_length(item);
        if (!accepted(text, len)) {
            refused++;
            continue;
        }
        CHECK(len > 0 && text[0] != '/' && memchr(text, '\0', len) == NULL);
        CHECK(strstr(text, "..") != text && strstr(text, "/../") == NULL && !strchr(text, '\n'));
    }
    CHECK(refused > 50 && refused < json_array_size(list));
    json_decref(list);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(ordinary_paths_are_accepted);
    RUN(what_is_no_path_is_refused);
    RUN(lengths_are_limited);
    RUN(a_folder_ends_with_one_slash);
    RUN(what_is_inside_a_folder);
    RUN(project_ids_are_plain);
    RUN(naughty_strings_do_no_harm);
    return check_finish();
}
