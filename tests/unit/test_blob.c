#include "weft/base/blob.h"

#include "check.h"

static void a_blob_holds_a_copy_and_a_nul(void)
{
    char text[] = "message";
    struct blob *blob = blob_new(text, 7);
    text[0] = 'M';
    CHECK_EQ_INT(blob->len, 7);
    CHECK_EQ_STR(blob->data, "message");
    CHECK_EQ_INT(blob->elements, 1);
    CHECK_EQ_INT(blob->head_len, 0);
    blob_unref(blob);
}

static void the_headroom_lies_right_before_the_data(void)
{
    struct blob *blob = blob_new("x", 1);
    CHECK((char *)blob->head + BLOB_HEADROOM == blob->data);
    blob_unref(blob);
}

static void the_last_reference_frees(void)
{
    struct blob *blob = blob_new(NULL, 3);
    memcpy(blob->data, "abc", 3);
    CHECK(blob_ref(blob) == blob);
    CHECK_EQ_INT(blob->refs, 2);
    blob_unref(blob);
    CHECK_EQ_STR(blob->data, "abc");
    blob_unref(blob);
    blob_unref(NULL);
}

static void an_empty_blob_is_empty(void)
{
    struct blob *blob = blob_new(NULL, 0);
    CHECK_EQ_INT(blob->len, 0);
    CHECK_EQ_STR(blob->data, "");
    blob_unref(blob);
}

static void a_buf_becomes_a_blob_without_a_copy(void)
{
    struct buf buf = BUF_EMPTY;
    blob_begin(&buf);
    buf_add_text(&buf, "a message");
    struct blob *blob = blob_take(&buf);
    CHECK_EQ_STR(blob->data, "a message");
    CHECK_EQ_INT(blob->len, 9);
    CHECK_EQ_INT(blob->elements, 1);
    CHECK_EQ_INT(blob->head_len, 0);
    CHECK(buf.data == NULL);
    blob_unref(blob);
    blob_begin(&buf);
    blob = blob_take(&buf);
    CHECK_EQ_STR(blob->data, "");
    blob_unref(blob);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_blob_holds_a_copy_and_a_nul);
    RUN(the_headroom_lies_right_before_the_data);
    RUN(the_last_reference_frees);
    RUN(an_empty_blob_is_empty);
    RUN(a_buf_becomes_a_blob_without_a_copy);
    return check_finish();
}
