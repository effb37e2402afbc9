#include "io/frames.h"

#include "check.h"

#define MASK "\x11\x22\x33\x44"

struct row {
    const char *what, *bytes;
    size_t len, good;
    int code;
    bool closed;
};
#define ROW(what, bytes, good, code, closed)                                                       \
    {                                                                                              \
        what, bytes, sizeof(bytes) - 1, good, code, closed                                         \
    }

static const struct row rows[] = {
    ROW("nothing", "", 0, 0, false),
    ROW("a text", "\x81\x82" MASK "ab", 8, 0, false),
    ROW("two texts", "\x81\x81" MASK "a\x81\x81" MASK "b", 14, 0, false),
    ROW("half a header", "\x81", 1, 0, false),
    ROW("a header in 16 bits", "\x81\xfe\x00\x03" MASK "abc", 11, 0, false),
    ROW("a header in 64 bits", "\x81\xff\0\0\0\0\0\0\0\x01" MASK "a", 15, 0, false),
    ROW("fragments up to the limit", "\x01\x88" MASK "12345678\x80\x88" MASK "12345678", 28, 0,
        false),
    ROW("a ping between them", "\x01\x88" MASK "12345678\x89\x81" MASK "p\x80\x88" MASK "12345678",
        35, 0, false),
    ROW("the sum starts anew", "\x81\x90" MASK "1234567812345678\x81\x81" MASK "a", 29, 0, false),
    ROW("a close frame", "\x88\x80" MASK, 6, 0, true),
    ROW("unmasked",
        "\x81\x01"
        "a",
        0, 1002, false),
    ROW("unmasked, second",
        "\x81\x81" MASK "a\x81\x01"
        "a",
        7, 1002, false),
    ROW("unmasked close", "\x88\x00", 0, 1002, true),
    ROW("binary", "\x82\x80" MASK, 0, 1003, false),
    ROW("one byte too much", "\x81\x91" MASK, 0, 1009, false),
    ROW("too much in fragments", "\x01\x88" MASK "12345678\x80\x89" MASK, 14, 1009, false),
    ROW("2^63", "\x81\xff\x80\0\0\0\0\0\0\0" MASK, 0, 1009, false),
    ROW("2^64-1 behind fragments", "\x01\x81" MASK "a\x80\xff\xff\xff\xff\xff\xff\xff\xff\xff" MASK,
        7, 1009, false),
    ROW("a long ping", "\x89\xfe\x00\x7e" MASK, 0, 1002, false),
    ROW("a close behind what is forbidden", "\x81\x02hi\x88\x80" MASK, 0, 1002, true),
};

static void check_row(const struct row *row, size_t cut)
{
    struct frames frames = {0};
    size_t good = 0;
    int code = 0;
    /* In two reads, cut anywhere: the verdict is of the read in which the header becomes whole. */
    for (int part = 0; part < 2; part++) {
        const char *from = part == 0 ? row->bytes : row->bytes + cut;
        size_t len = part == 0 ? cut : row->len - cut;
        struct frames_verdict verdict = frames_follow(&frames, from, len, 16, code == 0);
        if (code == 0)
            good += verdict.good;
        if (verdict.code)
            code = verdict.code;
    }
    if (code != row->code || frames.closed != row->closed)
        CHECK_FAIL("%s cut at %zu: code %d, closed %d", row->what, cut, code, frames.closed);
    /* What of a forbidden frame's header came in the first read has been seen already. */
    size_t most = row->good > cut ? row->good : cut;
    if (good < row->good || good > most)
        CHECK_FAIL("%s cut at %zu: %zu good, not %zu", row->what, cut, good, row->good);
}

static void frames_are_judged_however_they_are_cut(void)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t cut = 0; cut <= rows[i].len; cut++)
            check_row(&rows[i], cut);
    }
}

static void frames_are_counted(void)
{
    struct frames frames = {0};
    frames_follow(&frames, "\x89\x80" MASK "\x81\x81" MASK "a\x8a", 14, 16, true);
    CHECK_EQ_INT(frames.count, 2);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(frames_are_judged_however_they_are_cut);
    RUN(frames_are_counted);
    return check_finish();
}
