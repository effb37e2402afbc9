#include "check.h"

#include "weft/base/arena.h"

#include <stdalign.h>

static void what_is_given_is_aligned_and_apart(void)
{
    struct arena arena = ARENA_EMPTY;
    char *last = NULL;
    for (size_t size = 1; size < 5000; size = size * 3 + 1) {
        char *memory = arena_alloc(&arena, size);
        CHECK_EQ_INT((uintptr_t)memory % alignof(max_align_t), 0);
        memset(memory, 0x5a, size);
        CHECK(!last || last[0] == 0x5a);
        last = memory;
    }
    char *zeros = arena_zalloc(&arena, 300);
    for (size_t i = 0; i < 300; i++)
        CHECK_EQ_INT(zeros[i], 0);
    arena_close(&arena);
}

static void texts_are_copied(void)
{
    struct arena arena = ARENA_EMPTY;
    char text[] = "abc";
    char *copy = arena_copy(&arena, text, 2), *whole = arena_copy_text(&arena, text);
    text[0] = 'x';
    CHECK_EQ_STR(copy, "ab");
    CHECK_EQ_STR(whole, "abc");
    CHECK(arena_copy_text(&arena, NULL) == NULL);
    CHECK_EQ_STR(arena_copy(&arena, NULL, 0), "");
    arena_close(&arena);
}

static void it_may_stand_in_its_own_memory(void)
{
    struct arena arena = ARENA_EMPTY;
    struct arena *inside = arena_alloc(&arena, sizeof *inside);
    *inside = arena;
    arena_alloc(inside, 100000);
    struct arena copy = *inside;
    arena_close(&copy);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(what_is_given_is_aligned_and_apart);
    RUN(texts_are_copied);
    RUN(it_may_stand_in_its_own_memory);
    return check_finish();
}
