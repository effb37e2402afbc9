/*
 * The test helper: a test is a static void function without parameters, main runs them.
 *
 *     static void rope_of_nothing_is_empty(void) { CHECK_EQ_INT(rope_len(rope), 0); }
 *
 *     int main(int argc, char **argv)
 *     {
 *         check_init(argc, argv);
 *         RUN(rope_of_nothing_is_empty);
 *         return check_finish();
 *     }
 *
 * CHECK notes a failure and goes on, REQUIRE leaves the test (not from another thread), SKIP leaves
 * it as skipped. With an argument, only the test of that name runs. WEFT_SEED=n repeats a run.
 */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define CHECK_UNUSED __attribute__((unused))

static struct {
    const char *only;
    const char *test;
    int passed, failed, skipped;
    int failures; /* of the test that runs; counted atomically, threads may CHECK too */
    jmp_buf leave;
} check;

#define CHECK_FAIL(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(cond) ((cond) ? (void)0 : CHECK_FAIL("%s", #cond))
#define REQUIRE(cond) ((cond) ? (void)0 : (CHECK_FAIL("%s", #cond), longjmp(check.leave, 1)))
#define CHECK_EQ_INT(a, b) check_eq_int(__FILE__, __LINE__, #a, (intmax_t)(a), (intmax_t)(b))
#define CHECK_EQ_STR(a, b) check_eq_str(__FILE__, __LINE__, #a, (a), (b))
#define SKIP(why) (printf("skipped %s: %s\n", check.test, (why)), longjmp(check.leave, 2))
#define RUN(fn) check_run(#fn, fn)

__attribute__((format(printf, 3, 4))) static void check_fail(const char *file, int line,
                                                             const char *format, ...)
{
    if (__atomic_add_fetch(&check.failures, 1, __ATOMIC_RELAXED) > 20)
        return; /* a property that fails a million times says it twenty times */
    va_list args;
    va_start(args, format);
    printf("%s:%d: %s: ", file, line, check.test);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

CHECK_UNUSED static void check_eq_int(const char *file, int line, const char *what, intmax_t a,
                                      intmax_t b)
{
    if (a != b)
        check_fail(file, line, "%s is %" PRIdMAX ", not %" PRIdMAX, what, a, b);
}

CHECK_UNUSED static void check_eq_str(const char *file, int line, const char *what, const char *a,
                                      const char *b)
{
    if (a == NULL || b == NULL ? a != b : strcmp(a, b) != 0)
        check_fail(file, line, "%s is \"%s\", not \"%s\"", what, a ? a : "(null)",
                   b ? b : "(null)");
}

static void check_init(int argc, char **argv)
{
    check.only = argc > 1 ? argv[1] : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
}

CHECK_UNUSED static void check_run(const char *name, void (*test)(void))
{
    if (check.only && strcmp(check.only, name) != 0)
        return;
    check.test = name;
    check.failures = 0;
    int left = setjmp(check.leave);
    if (left == 0)
        test();
    if (check.failures) {
        check.failed++;
        printf("FAILED %s (%d)\n", name, check.failures);
    } else if (left == 2) {
        check.skipped++;
    } else {
        check.passed++;
    }
}

/* Returns the exit status: that nothing ran (a name that does not exist) is a failure too. */
static int check_finish(void)
{
    printf("%d passed, %d failed, %d skipped\n", check.passed, check.failed, check.skipped);
    return check.failed > 0 || check.passed + check.skipped == 0;
}

/* Returns WEFT_SEED, or a new seed, and prints it. */
CHECK_UNUSED static uint64_t check_seed(void)
{
    const char *given = getenv("WEFT_SEED");
    uint64_t seed = 0;
    if (given)
        seed = strtoull(given, NULL, 10);
    else if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        seed = (uint64_t)getpid();
    printf("%s: WEFT_SEED=%" PRIu64 "\n", check.test, seed);
    return seed;
}

/* Returns the next number of a splitmix64 sequence. */
CHECK_UNUSED static uint64_t check_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Returns true under ./dev test --long: run the large numbers. */
CHECK_UNUSED static bool check_long(void)
{
    return getenv("WEFT_LONG") != NULL;
}

/* Opens a file of the shared test data: WEFT_SHARED, else ../shared/data beside the project. Leaves
 * the test as skipped where the data is not there. */
CHECK_UNUSED static FILE *check_open_shared(const char *name)
{
    const char *folder = getenv("WEFT_SHARED");
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder ? folder : "../shared/data", name);
    FILE *file = fopen(path, "rb");
    if (!file)
        SKIP("no shared test data");
    return file;
}

#endif
