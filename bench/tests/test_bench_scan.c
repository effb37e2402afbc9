#include "scan.h"

#include "check.h"

/* Frames, how many messages are in them, and whether they are judged bad. `cut` says that the
 * frame goes on. */
static const struct {
    const char *frame;
    int messages;
    bool cut, bad;
} cases[] = {
    {"{\"t\":\"ack\",\"f\":3,\"v\":7,\"n\":2}", 1, false, false},
    {" [ {\"t\":\"ack\"} , {\"t\":\"edit\",\"c\":[1,[0,\"}],{\\\"\"]]} ]\n", 2, false, false},
    {"[]", 0, false, false},
    {"{}", 1, false, false},
    {"[{}]", 1, false, false},
    {"{\"a\":{\"t\":\"no\",\"v\":[{\"v\":1}]},\"t\":\"yes\"}", 1, false, false},
    {"{\"t\":\"x\"}{\"t\":\"y\"}", 1, false, true},
    {"{\"t\":\"x\"},{\"t\":\"y\"}", 1, false, true},
    {"[{\"t\":\"x\"}", 1, false, true},
    {"[{\"t\":\"x\"},]", 1, false, true},
    {"[{\"t\":\"x\"}{\"t\":\"y\"}]", 1, false, true},
    {"[1]", 0, false, true},
    {"{\"t\"}", 0, false, true},
    {"{\"t\":\"x\"", 0, false, true},
    {"{\"t\":\"x", 0, false, true},
    {"{\"t\":\"x\\\"}", 0, false, true},
    {"{\"t\":\"x\\", 0, false, true},
    {"{\"t\":[1,{\"a\":2}", 0, false, true},
    {"", 0, false, true},
    {"x", 0, false, true},
    {"{\"t\":\"file\",\"v\":12,\"text\":\"int ma", 1, true, true},
    {"[{\"t\":\"file\",\"v\":12,\"text\":\"int \\\"ma", 1, true, true},
    {"{\"f\":1,\"text\":\"int ma", 0, true, true},
};

static void messages_are_counted_and_bad_frames_told(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        /* An exact copy, so that the sanitizer sees a read behind the end. */
        size_t len = strlen(cases[i].frame);
        char *frame = malloc(len + !len);
        struct scan scan;
        struct scan_message message;
        int count = 0;
        memcpy(frame, cases[i].frame, len);
        scan_init(&scan, frame, len, cases[i].cut);
        while (scan_next(&scan, &message))
            count++;
        if (count != cases[i].messages || scan.bad != cases[i].bad)
            CHECK_FAIL("%s: %d messages, bad %d", cases[i].frame, count, scan.bad);
        free(frame);
    }
}

static struct scan_message first(const char *frame, bool cut)
{
    struct scan scan;
    struct scan_message message;
    scan_init(&scan, frame, strlen(frame), cut);
    REQUIRE(scan_next(&scan, &message));
    return message;
}

static void keys_are_found_in_any_order_at_the_top_only(void)
{
    struct scan_message message = first(
        "{\"c\":[3,[1,\"\\\"t\\\":1\"]],\"x\":{\"v\":9},\"v\": 281474976710655 ,\"t\":\"edit\"}",
        false);
    CHECK(scan_is(&message, SCAN_T, "edit"));
    CHECK(!scan_is(&message, SCAN_T, "edi"));
    CHECK_EQ_INT(scan_number(&message, SCAN_V, 0), 281474976710655);
    CHECK_EQ_INT(message.values[SCAN_C].len, strlen("[3,[1,\"\\\"t\\\":1\"]]"));
    CHECK(message.values[SCAN_BY].data == NULL);
    CHECK_EQ_INT(scan_number(&message, SCAN_BY, 77), 77);
}

static void what_is_not_a_whole_number_is_absent(void)
{
    struct scan_message message =
        first("{\"v\":1.5,\"n\":-3,\"f\":null,\"len\":12345678901234567890}", false);
    CHECK_EQ_INT(scan_number(&message, SCAN_V, 77), 77);
    CHECK_EQ_INT(scan_number(&message, SCAN_N, 77), 77);
    CHECK_EQ_INT(scan_number(&message, SCAN_F, 77), 77);
    CHECK_EQ_INT(scan_number(&message, SCAN_LEN, 77), 77);
}

static void a_cut_number_is_not_taken_for_a_whole_one(void)
{
    struct scan_message message = first("{\"t\":\"file\",\"v\":12", true);
    CHECK_EQ_INT(scan_number(&message, SCAN_V, 77), 77);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(messages_are_counted_and_bad_frames_told);
    RUN(keys_are_found_in_any_order_at_the_top_only);
    RUN(what_is_not_a_whole_number_is_absent);
    RUN(a_cut_number_is_not_taken_for_a_whole_one);
    return check_finish();
}
