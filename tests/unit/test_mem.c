#include "weft/base/mem.h"

#include "check.h"

#include <signal.h>
#include <sys/wait.h>

static void nothing_is_something(void)
{
    void *a = mem_alloc(0), *b = mem_zalloc(0), *c = mem_realloc(NULL, 0);
    CHECK(a && b && c);
    free(a);
    free(b);
    free(c);
}

static void copies_end_in_nul(void)
{
    char *part = mem_strndup("weft and warp", 4), *whole = mem_strdup("warp"),
         *none = mem_strndup(NULL, 0);
    CHECK_EQ_STR(part, "weft");
    CHECK_EQ_STR(whole, "warp");
    CHECK_EQ_STR(none, "");
    free(part);
    free(whole);
    free(none);
}

static void zeroed_memory_is_zero(void)
{
    unsigned char *bytes = mem_zalloc(1000);
    for (int i = 0; i < 1000; i++)
        CHECK_EQ_INT(bytes[i], 0);
    free(bytes);
}

/* Runs in a child, which has to die by abort(). */
static void too_much(void)
{
    volatile size_t count = SIZE_MAX / 2;
    free(mem_realloc_array(NULL, count, 16));
}

static void a_product_that_overflows_aborts(void)
{
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        fclose(stderr);
        too_much();
        _exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(nothing_is_something);
    RUN(copies_end_in_nul);
    RUN(zeroed_memory_is_zero);
    RUN(a_product_that_overflows_aborts);
    return check_finish();
}
