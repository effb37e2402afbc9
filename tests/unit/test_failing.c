#include "check.h"

#include "core/failing.h"

static void who_failed_often_is_counted(void)
{
    struct failing failing;
    failing_init(&failing, 3);
    failing_note(&failing, "a", 2, 0);
    failing_note(&failing, "b", 1, 0);
    CHECK_EQ_INT(failing.stuck, 0);
    failing_note(&failing, "a", 3, 0);
    failing_note(&failing, "a", 4, 0);
    CHECK_EQ_INT(failing.stuck, 1);
    failing_remove(&failing, "b");
    failing_remove(&failing, "never failed");
    CHECK_EQ_INT(failing.stuck, 1);
    failing_note(&failing, "a", 1, 0);
    CHECK_EQ_INT(failing.stuck, 0);
    failing_note(&failing, "a", 7, 0);
    failing_remove(&failing, "a");
    CHECK_EQ_INT(failing.stuck, 0);
    failing_close(&failing);
}

static void what_has_not_failed_for_minutes_is_forgotten(void)
{
    struct failing failing;
    failing_init(&failing, 1);
    failing_note(&failing, "old", 1, 1000);
    failing_note(&failing, "older", 1, 1000);
    for (uint64_t now = 2000; now <= 100000; now += 1000)
        failing_sweep(&failing, now);
    failing_note(&failing, "young", 1, 100000);
    CHECK_EQ_INT(failing.stuck, 3);
    for (uint64_t now = 101000; now < 151000; now += 1000)
        failing_sweep(&failing, now);
    CHECK_EQ_INT(failing.stuck, 3);
    for (uint64_t now = 151000; now < 170000; now += 1000)
        failing_sweep(&failing, now);
    CHECK_EQ_INT(failing.stuck, 1);
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
        failing_note(&failing, name, 1, 0);
    }
    CHECK_EQ_INT(failing.stuck, 10000);
    failing_close(&failing);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(who_failed_often_is_counted);
    RUN(what_has_not_failed_for_minutes_is_forgotten);
    RUN(so_many_are_counted_and_no_more);
    return check_finish();
}
