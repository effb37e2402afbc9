/* Change sets against @codemirror/state: what it makes of two changes has to be what we make of
 * them, part by part, since clients and servers map the same changes and must not differ. */
#include "change_json.h"

struct vector {
    const json_t *json;
    struct change *a, *b;
};

/* Gives change back. */
static void check_same(const struct vector *vector, struct change *change, const char *name)
{
    struct change *expected = change_of_json(json_object_get(vector->json, name));
    REQUIRE(expected != NULL);
    if (!change_equal(change, expected)) {
        struct buf out = BUF_EMPTY;
        change_print(change, &out);
        char *whole = json_dumps(vector->json, JSON_COMPACT);
        CHECK_FAIL("%s is %s in %s", name, out.data, whole);
        free(whole);
        buf_close(&out);
    }
    change_unref(change);
    change_unref(expected);
}

/* The JSON form too, since it is what goes over the wire. */
static void check_printed(const struct vector *vector, const struct change *change,
                          const char *name)
{
    struct buf out = BUF_EMPTY;
    change_print(change, &out);
    json_t *printed = json_loads(out.data, JSON_ALLOW_NUL, NULL);
    CHECK(json_equal(printed, json_object_get(vector->json, name)));
    json_decref(printed);
    buf_close(&out);
}

static void check_text(const struct vector *vector, const struct change *change)
{
    const json_t *doc = json_object_get(vector->json, "doc");
    const json_t *expected = json_object_get(vector->json, "doc_ab");
    struct buf text;
    text_after(change, json_string_value(doc), json_string_length(doc), &text);
    CHECK_EQ_INT(text.len, json_string_length(expected));
    CHECK(text.len == json_string_length(expected) &&
          memcmp(text.data, json_string_value(expected), text.len) == 0);
    buf_close(&text);
}

static size_t number(const struct vector *vector, const char *name)
{
    return (size_t)json_integer_value(json_object_get(vector->json, name));
}

static void check_vector(const json_t *json)
{
    struct vector vector = {.json = json};
    vector.a = change_of_json(json_object_get(json, "a"));
    vector.b = change_of_json(json_object_get(json, "b"));
    REQUIRE(vector.a && vector.b);
    struct change *a_over_b = change_map(vector.a, vector.b, false);
    struct change *b_then_a = change_compose(vector.b, a_over_b);
    check_printed(&vector, a_over_b, "a_over_b");
    check_text(&vector, b_then_a);
    check_same(&vector, a_over_b, "a_over_b");
    check_same(&vector, change_map(vector.b, vector.a, true), "b_over_a_before");
    check_same(&vector, b_then_a, "b_then_a");
    size_t pos = number(&vector, "pos");
    CHECK_EQ_INT(change_map_pos(vector.a, pos, -1), number(&vector, "pos_m1"));
    CHECK_EQ_INT(change_map_pos(vector.a, pos, 1), number(&vector, "pos_p1"));
    change_unref(vector.a);
    change_unref(vector.b);
}

/* Returns the number of vectors, one a line. */
static int check_lines(FILE *file)
{
    static char line[65536];
    int count = 0;
    while (fgets(line, sizeof(line), file) && !check.failures) {
        json_t *json = json_loads(line, JSON_ALLOW_NUL, NULL);
        REQUIRE(json != NULL);
        check_vector(json);
        json_decref(json);
        count++;
    }
    return count;
}

static void the_shared_vectors_pass(void)
{
    FILE *file = check_open_shared("changeset-vectors.jsonl");
    CHECK_EQ_INT(check_lines(file), 5000);
    fclose(file);
}

static void new_vectors_pass(void)
{
    if (access("node_modules/@codemirror/state/package.json", R_OK) != 0)
        SKIP("no @codemirror/state (npm ci)");
    char command[128];
    int count = check_long() ? 2000000 : 120000;
    snprintf(command, sizeof(command), "node tests/vectors/generate.mjs %" PRIu64 " %d",
             check_seed(), count);
    FILE *pipe = popen(command, "r");
    REQUIRE(pipe != NULL);
    CHECK_EQ_INT(check_lines(pipe), count);
    CHECK_EQ_INT(pclose(pipe), 0);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(the_shared_vectors_pass);
    RUN(new_vectors_pass);
    return check_finish();
}
