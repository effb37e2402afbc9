#include "check.h"

#include "core/failing.h"

static void failures_in_a_row_are_counted_by_project(void)
{
    struct failing failing;
    failing_init(&failing, 3);
    CHECK_EQ_INT(failing_add(&failing, "a", 0), 1);
    CHECK_EQ_INT(failing_add(&failing, "a", 0), 2);
    CHECK_EQ_INT(failing_add(&failing, "b", 0), 1);
    CHECK_EQ_INT(failing.stuck, 0);
    CHECK_EQ_INT(failing_add(&failing, "a", 0), 3);
    CHECK_EQ_INT(failing_add(&failing, "a", 0), 4);
    CHECK_EQ_INT(failing.stuck, 1);
    failing_remove(&failing, "b");
    failing_remove(&failing, "never failed");
    CHECK_EQ_INT(failing.stuck, 1);
    failing_remove(&failing, "a");
    CHECK_EQ_INT(failing.stuck, 0);
    CHECK_EQ_INT(failing_add(&failing, "a", 0), 1);
    failing_close(&failing);
}

static void what_has_not_failed_for_minutes_is_forgotten(void)
{
    struct failing failing;
    failing_init(&failing, 1);
    failing_add(&failing, "old", 1000);
    failing_add(&failing, "older", 1000);
    for (uint64_t now = 2000; now <= 100000; now += 1000)
        failing_sweep(&failing, now);
    failing_add(&failing, "young", 100000);
    CHECK_EQ_INT(failing.stuck, 3);
    for (uint64_t now = 101000; now < 151000; now += 1000)
        failing_sweep(&failing, now);
    CHECK_EQ_INT(failing.stuck, 3);
    for (uint64_t now = 151000; now < 170000; now += 1000)
        failing_sweep(&failing, now);
    CHECK_EQ_INT(failing.stuck, 1);
    CHECK_EQ_INT(failing_add(&failing, "young", 170000), 2);
    CHECK_EQ_INT(failing_add(&failing, "old", 170000), 1);
    failing_close(&failing);
}

/* Whoever may make projects must not make this grow for ever. */
static void so_many_are_counted_and_no_more(void)
{
    struct failing failing;
    char name[24];
    failing_init(&failing, 1);
    for (int i = 0; i < 10001; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        CHECK_EQ_INT(failing_add(&failing, name, 0), 1);
    }
    CHECK_EQ_INT(failing.stuck, 10000);
    CHECK_EQ_INT(failing_add(&failing, name, 0), 1);
    failing_close(&failing);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(failures_in_a_row_are_counted_by_project);
    RUN(what_has_not_failed_for_minutes_is_forgotten);
    RUN(so_many_are_counted_and_no_more);
    return check_finish();
}
