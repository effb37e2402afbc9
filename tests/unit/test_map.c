#include "weft/base/map.h"

#include "check.h"

static void an_empty_map_has_nothing(void)
{
    struct map map;
    map_init(&map);
    struct map_iter iter = {0};
    CHECK(map_find(&map, 1) == NULL);
    CHECK(map_find_text(&map, "a", 1) == NULL);
    CHECK(map_remove(&map, 1) == NULL);
    CHECK(!map_next(&map, &iter));
    CHECK(!map_next(&map, &iter));
    map_close(&map);
}

static void text_keys_are_copied_and_may_hold_anything(void)
{
    struct map map;
    map_init(&map);
    char key[] = "a\0b";
    int one = 1, two = 2, three = 3;
    CHECK(map_put_text(&map, key, 3, &one) == NULL);
    CHECK(map_put_text(&map, key, 1, &two) == NULL);
    CHECK(map_put_text(&map, "", 0, &three) == NULL);
    key[2] = 'c';
    CHECK(map_find_text(&map, "a\0b", 3) == &one);
    CHECK(map_find_text(&map, "a", 1) == &two);
    CHECK(map_find_text(&map, NULL, 0) == &three);
    CHECK(map_find_text(&map, key, 3) == NULL);
    CHECK(map_put_text(&map, "a", 1, &three) == &two);
    CHECK(map_remove_text(&map, "a", 1) == &three);
    CHECK_EQ_INT(map.count, 2);
    map_close(&map);
}

static void a_number_is_not_the_text_of_its_bytes(void)
{
    struct map map;
    map_init(&map);
    uint64_t number = 0x4142434445464748u;
    int one = 1, two = 2;
    map_put(&map, number, &one);
    CHECK(map_find_text(&map, (const char *)&number, 8) == NULL);
    map_put_text(&map, (const char *)&number, 8, &two);
    CHECK(map_find(&map, number) == &one);
    map_close(&map);
}

enum { KEYS = 512 };

/* Random puts and removes of few keys against an array. */
static void a_map_does_what_an_array_does(void)
{
    uint64_t random = check_seed();
    static int values[4];
    int *expected[KEYS] = {0};
    struct map map;
    map_init(&map);
    for (int round = 0; round < 200000; round++) {
        uint64_t key = check_random(&random) % KEYS;
        int *value = &values[check_random(&random) % 4];
        if (check_random(&random) % 2) {
            CHECK(map_put(&map, key << 32, value) == expected[key]);
            expected[key] = value;
        } else {
            CHECK(map_remove(&map, key << 32) == expected[key]);
            expected[key] = NULL;
        }
        key = check_random(&random) % KEYS;
        CHECK(map_find(&map, key << 32) == expected[key]);
    }
    size_t count = 0;
    struct map_iter iter = {0};
    while (map_next(&map, &iter)) {
        CHECK(iter.text == NULL && iter.value == expected[iter.key >> 32]);
        count++;
    }
    CHECK_EQ_INT(count, map.count);
    map_close(&map);
}

static void each_is_visited_once_while_they_are_removed(void)
{
    struct map map;
    map_init(&map);
    static char seen[3000];
    for (int i = 0; i < 3000; i++) {
        char key[16];
        int len = snprintf(key, sizeof(key), "key %d", i);
        map_put_text(&map, key, (size_t)len, &seen[i]);
    }
    struct map_iter iter = {0};
    while (map_next(&map, &iter)) {
        ++*(char *)iter.value;
        CHECK(memcmp(iter.text, "key ", 4) == 0);
        if (strchr("02468", iter.text[iter.text_len - 1]))
            CHECK(map_remove_text(&map, iter.text, iter.text_len) == iter.value);
    }
    for (int i = 0; i < 3000; i++)
        CHECK_EQ_INT(seen[i], 1);
    CHECK_EQ_INT(map.count, 1500);
    map_close(&map);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(an_empty_map_has_nothing);
    RUN(text_keys_are_copied_and_may_hold_anything);
    RUN(a_number_is_not_the_text_of_its_bytes);
    RUN(a_map_does_what_an_array_does);
    RUN(each_is_visited_once_while_they_are_removed);
    return check_finish();
}
