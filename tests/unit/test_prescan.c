#include "protocol/prescan.h"

#include "check.h"

#include <jansson.h>

static const struct prescan no_limit = {SIZE_MAX, SIZE_MAX, PRESCAN_DEPTH_MAX};

/* A copy that ends where the text ends, so that the sanitizer sees a read behind it. */
static struct prescan count(const char *text, size_t len, const struct prescan *most)
{
    char *copy = malloc(len ? len : 1);
    REQUIRE(copy != NULL);
    memcpy(copy, text, len);
    struct prescan found = prescan_count(copy, len, most);
    free(copy);
    return found;
}

static void keys_elements_and_depth_are_counted(void)
{
    static const struct {
        const char *text;
        size_t keys, elements, depth;
    } cases[] = {
        {"", 0, 0, 0},
        {"1", 0, 0, 0},
        {"[]", 0, 0, 1},
        {" [ \n] ", 0, 0, 1},
        {"{}", 0, 0, 1},
        {"[1]", 0, 1, 1},
        {"[\"\"]", 0, 1, 1},
        {"[1,2,3]", 0, 3, 1},
        {"[[]]", 0, 1, 2},
        {"[[],[ ],[{}]]", 0, 4, 3},
        {"{\"a\":1}", 1, 0, 1},
        {"{\"a\":1,\"b\":{\"c\":2,\"d\":3},\"e\":4}", 5, 0, 2},
        {"{\"a\":[1,2,{\"b\":[3],\"c\":4}],\"d\":5}", 4, 4, 4},
        {"[\"a,b:c]}[{\"]", 0, 1, 1},
        {"[\"\\\",\\\\\",\"\\\\\"]", 0, 2, 1},
        {"{\"a\\\":\":1}", 1, 0, 1},
        {"[\"", 0, 1, 1},
        {"[\"\\", 0, 1, 1},
        {"[", 0, 0, 1},
        {"[ ", 0, 0, 1},
        {"[\"\\\\\\\"\\\"\",2]", 0, 2, 1},
        {"[\"\\\\\",\",\"]", 0, 2, 1},
        {"[1,", 0, 2, 1},
        {"]]}}:", 1, 0, 0},
        {"[1]]],[2,3]", 0, 3, 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct prescan found = count(cases[i].text, strlen(cases[i].text), &no_limit);
        if (found.keys != cases[i].keys || found.elements != cases[i].elements ||
            found.depth != cases[i].depth)
            CHECK_FAIL("%s: %zu keys, %zu elements, depth %zu", cases[i].text, found.keys,
                       found.elements, found.depth);
    }
}

static void it_stops_at_the_first_that_is_too_many(void)
{
    enum { ROWS = 300000 };
    static char text[ROWS * 6];
    const struct prescan most = {2000, 5000, 64};
    memset(text, '[', ROWS);
    CHECK_EQ_INT(count(text, ROWS, &most).depth, 65);

    for (size_t i = 0; i < ROWS; i++)
        memcpy(text + i * 6, i ? ",\"a\":1" : "{\"a\":1", 6);
    CHECK_EQ_INT(count(text, sizeof(text), &most).keys, 2001);

    for (size_t i = 0; i < ROWS; i++)
        memcpy(text + i * 2, i ? ",1" : "[1", 2);
    CHECK_EQ_INT(count(text, ROWS * 2, &most).elements, 5001);
    CHECK_EQ_INT(count(text, ROWS * 2, &no_limit).elements, ROWS);
}

static void the_limit_itself_is_allowed(void)
{
    const struct prescan most = {2, 3, 2};
    static const char text[] = "{\"a\":[1,2,3],\"b\":{}}";
    struct prescan found = count(text, sizeof(text) - 1, &most);
    CHECK_EQ_INT(found.keys, 2);
    CHECK_EQ_INT(found.elements, 3);
    CHECK_EQ_INT(found.depth, 2);
}

static struct prescan count_tree(const json_t *tree)
{
    struct prescan found = {0, 0, 0};
    if (!json_is_array(tree) && !json_is_object(tree))
        return found;
    size_t deepest = 0, i;
    const char *key;
    json_t *value;
    found.elements = json_array_size(tree);
    found.keys = json_object_size(tree);
    json_array_foreach(tree, i, value)
    {
        struct prescan inner = count_tree(value);
        found.keys += inner.keys;
        found.elements += inner.elements;
        deepest = inner.depth > deepest ? inner.depth : deepest;
    }
    json_object_foreach((json_t *)tree, key, value)
    {
        struct prescan inner = count_tree(value);
        found.keys += inner.keys;
        found.elements += inner.elements;
        deepest = inner.depth > deepest ? inner.depth : deepest;
    }
    found.depth = deepest + 1;
    return found;
}

static json_t *random_tree(uint64_t *seed, int depth)
{
    static const char *const texts[] = {"", "\"", "\\", "a,b", "[{", ":]}", "\\\"", "\n", "é"};
    uint64_t kind = check_random(seed) % (depth > 0 ? 6 : 4);
    if (kind < 2)
        return json_integer((json_int_t)(check_random(seed) % 1000));
    if (kind < 4)
        return json_string(texts[check_random(seed) % 9]);
    json_t *tree = kind == 4 ? json_array() : json_object();
    for (uint64_t left = check_random(seed) % 5; left > 0; left--) {
        json_t *value = random_tree(seed, depth - 1);
        if (kind == 4)
            json_array_append_new(tree, value);
        else
            json_object_set_new(tree, texts[check_random(seed) % 9], value);
    }
    return tree;
}

static void it_counts_what_the_parser_makes(void)
{
    uint64_t seed = check_seed();
    for (int i = 0; i < (check_long() ? 1000000 : 20000); i++) {
        json_t *tree = json_pack("[o]", random_tree(&seed, 6));
        char *text = json_dumps(tree, i % 2 ? JSON_INDENT(2) : JSON_COMPACT);
        struct prescan found = count(text, strlen(text), &no_limit);
        struct prescan expected = count_tree(tree);
        if (memcmp(&found, &expected, sizeof(found)) != 0)
            CHECK_FAIL("%s", text);
        free(text);
        json_decref(tree);
    }
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(keys_elements_and_depth_are_counted);
    RUN(it_stops_at_the_first_that_is_too_many);
    RUN(the_limit_itself_is_allowed);
    RUN(it_counts_what_the_parser_makes);
    return check_finish();
}
