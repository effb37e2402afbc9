#include "weft/base/utf.h"

#include "check.h"

/* What it must do, as plainly as can be: decode one scalar value, by table 3-7. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (n == 0 || s[0] > 0xf7 || n > len)
        return 0;
    *code = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (s[i] & 0x3fu);
    }
    bool bad = *code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000);
    return bad ? 0 : n;
}

static bool valid_slowly(const char *text, size_t len)
{
    uint32_t code;
    for (size_t i = 0, n; i < len; i += n)
        if ((n = decode((const unsigned char *)text + i, len - i, &code)) == 0)
            return false;
    return true;
}

static size_t encode(uint32_t code, char *out)
{
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)(lead[n] | code);
    return n;
}

static void every_scalar_value_is_valid_and_no_surrogate(void)
{
    for (uint32_t code = 0; code < 0x110000; code++) {
        char text[4];
        size_t len = encode(code, text);
        bool surrogate = code >= 0xd800 && code < 0xe000;
        CHECK(utf8_valid(text, len) == !surrogate);
        if (!surrogate)
            CHECK_EQ_INT(utf8_utf16_len(text, len), code < 0x10000 ? 1 : 2);
        CHECK(!utf8_valid(text, len - 1) || len == 1);
    }
}

/* All strings of three bytes, at the start of a word and behind eight of them. */
static void short_strings_are_judged_like_a_decoder_does(void)
{
    for (uint32_t three = 0; three < 1u << 24; three++) {
        if (((three >> 16) & 0xff) < 0x80 && (three & 7) != 0)
            continue;
        char text[] = {(char)(three >> 16), (char)(three >> 8), (char)three};
        CHECK(utf8_valid(text, 3) == valid_slowly(text, 3));
    }
}

/* Few bytes that matter, so that many strings of them are nearly or wholly well-formed. */
static void random_strings_are_judged_like_a_decoder_does(void)
{
    static const unsigned char bytes[] = {0,    'a',  0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                          0xc0, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1,
                                          0xf4, 0xf5, 0xff, 'b',  'c',  'd',  'e'};
    uint64_t random = check_seed();
    int valid = 0;
    for (int round = 0; round < 1000000; round++) {
        char text[24];
        size_t len = check_random(&random) % sizeof(text);
        size_t ascii = check_random(&random) % sizeof(text);
        for (size_t i = 0; i < len; i++)
            text[i] = i < ascii ? 'x' : (char)bytes[check_random(&random) % sizeof(bytes)];
        CHECK(utf8_valid(text, len) == valid_slowly(text, len));
        valid += utf8_valid(text, len);
    }
    CHECK(valid > 1000 && valid < 999000);
}

static void lengths_and_offsets_agree_with_counting(void)
{
    static const uint32_t codes[] = {'a', '\n', 0, 0xe9, 0x6f22, 0x1f600, 0xffff, 0x10ffff};
    uint64_t random = check_seed();
    for (int round = 0; round < 20000; round++) {
        char text[160];
        size_t offsets[80];
        size_t len = 0, units = 0, count = check_random(&random) % 40;
        for (size_t i = 0; i < count; i++) {
            uint32_t code = codes[check_random(&random) % (round % 2 ? 8 : 3)];
            offsets[units++] = len;
            if (code >= 0x10000)
                offsets[units++] = len;
            len += encode(code, text + len);
        }
        CHECK_EQ_INT(utf8_utf16_len(text, len), units);
        for (size_t i = 0; i < units; i++)
            CHECK_EQ_INT(utf8_offset(text, len, i), offsets[i]);
        CHECK_EQ_INT(utf8_offset(text, len, units), len);
        CHECK_EQ_INT(utf8_offset(text, len, units + 5), len);
    }
}

/* Markus Kuhn's file: its bytes as one text are not well-formed, and line by line only some are. */
static void the_stress_test_is_judged_like_a_decoder_does(void)
{
    FILE *file = check_open_shared("utf8/UTF-8-test.txt");
    char line[4096];
    int bad = 0;
    while (fgets(line, sizeof(line), file)) {
        size_t len = strlen(line);
        CHECK(utf8_valid(line, len) == valid_slowly(line, len));
        bad += !utf8_valid(line, len);
    }
    fclose(file);
    CHECK(bad > 50);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(every_scalar_value_is_valid_and_no_surrogate);
    RUN(short_strings_are_judged_like_a_decoder_does);
    RUN(random_strings_are_judged_like_a_decoder_does);
    RUN(lengths_and_offsets_agree_with_counting);
    RUN(the_stress_test_is_judged_like_a_decoder_does);
    return check_finish();
}
