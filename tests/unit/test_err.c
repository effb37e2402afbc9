#include "weft/base/err.h"

#include "check.h"

static void the_table_answers_for_every_code(void)
{
    CHECK_EQ_STR(err_name(ERR_BAD_CHANGE), "bad_change");
    CHECK_EQ_INT(err_close_code(ERR_FORBIDDEN), 4403);
    CHECK_EQ_INT(err_close_code(ERR_BAD_CHANGE), 0);
    CHECK_EQ_INT(err_http_status(ERR_GONE), 410);
    CHECK(strstr(err_text(ERR_NO_FILE), "no such file") != NULL);
}

static void a_code_out_of_the_table_is_internal(void)
{
    CHECK_EQ_STR(err_name((enum err)1000), "internal");
    CHECK_EQ_INT(err_http_status((enum err)1000), 500);
}

static void the_first_reason_wins(void)
{
    struct error error = {0};
    CHECK_EQ_INT(error_set(&error, ERR_BAD_PATH, "segment %d is empty", 2), ERR_BAD_PATH);
    CHECK_EQ_INT(error_set(&error, ERR_INTERNAL, "later"), ERR_INTERNAL);
    CHECK_EQ_INT(error.code, ERR_BAD_PATH);
    CHECK_EQ_STR(error.text, "segment 2 is empty");
    error_clear(&error);
    CHECK_EQ_INT(error.code, ERR_OK);
    CHECK_EQ_STR(error.text, "");
}

static void nobody_needs_to_want_the_reason(void)
{
    CHECK_EQ_INT(error_set(NULL, ERR_RATE, "%s", "x"), ERR_RATE);
}

static void a_long_reason_is_cut(void)
{
    struct error error = {0};
    CHECK_EQ_INT(error_set(&error, ERR_BAD_JSON, "%0500d", 1), ERR_BAD_JSON);
    CHECK_EQ_INT(strlen(error.text), sizeof(error.text) - 1);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(the_table_answers_for_every_code);
    RUN(a_code_out_of_the_table_is_internal);
    RUN(the_first_reason_wins);
    RUN(nobody_needs_to_want_the_reason);
    RUN(a_long_reason_is_cut);
    return check_finish();
}
