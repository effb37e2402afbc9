#include "weft/base/log.h"

#include "check.h"

#include <pthread.h>

/* Standard error is a pipe while a test runs, so that it can read what was logged. */
static struct {
    int saved;
    int read_end;
} wire;

static void wire_open(void)
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    wire.saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    wire.read_end = ends[0];
}

static void wire_restore(void)
{
    dup2(wire.saved, STDERR_FILENO);
    close(wire.saved);
}

/* Everything that was logged, until the pipe's last writer is gone. */
static size_t wire_close(char *out, size_t size)
{
    wire_restore();
    size_t len = 0;
    for (ssize_t got; (got = read(wire.read_end, out + len, size - 1 - len)) > 0;)
        len += (size_t)got;
    out[len] = '\0';
    close(wire.read_end);
    return len;
}

/* What stands behind the time stamp. */
static const char *behind_time(const char *line, bool json)
{
    const char *at = strstr(line, json ? "\"level\"" : "level=");
    return at ? at : "(no level)";
}

static void check_line(bool json, const char *text, const char *expected)
{
    static char line[8192];
    wire_open();
    log_setup(LOG_DEBUG, json);
    log_warn("%s", text);
    wire_close(line, sizeof(line));
    CHECK_EQ_STR(behind_time(line, json), expected);
}

static void a_line_is_words_and_pairs(void)
{
    check_line(false, "two words", "level=warn msg=\"two words\"\n");
    check_line(false, "it turns port=7070 host=\"a b\" x=",
               "level=warn msg=\"it turns\" port=7070 host=\"a b\" x=\"\"\n");
    check_line(false, "only=pairs", "level=warn msg=\"\" only=pairs\n");
    check_line(false, "say why=not a word n=1", "level=warn msg=\"say\" why=\"not a word\" n=1\n");
    check_line(false, "", "level=warn msg=\"\"\n");
}

static void json_has_the_same_as_fields(void)
{
    check_line(true, "it turns port=7070 pi=3.14 name=\"a \\\"b\\\"\" who=ann z=007 f=1.",
               "\"level\":\"warn\",\"msg\":\"it turns\",\"port\":7070,\"pi\":3.14,"
               "\"name\":\"a \\\"b\\\"\",\"who\":\"ann\",\"z\":\"007\",\"f\":\"1.\"}\n");
    check_line(true, "cut name=\"abc", "\"level\":\"warn\",\"msg\":\"cut\",\"name\":\"abc\"}\n");
    check_line(true, "odd path=\"C:\\x\\",
               "\"level\":\"warn\",\"msg\":\"odd\",\"path\":\"C:\\\\x\\\\\"}\n");
}

static void no_control_byte_passes(void)
{
    check_line(false, "a\nb\x1b[1m k=\x01", "level=warn msg=\"a?b?[1m\" k=?\n");
    check_line(false, "bad \xff\xfe here k=1", "level=warn msg=\"bad ?? here\" k=1\n");
}

static void strangers_words_are_quoted(void)
{
    static const struct {
        const char *text;
        const char *quoted;
    } cases[] = {
        {"", "\"\""},
        {"ann", "\"ann\""},
        {"a\"b\\c\n", "\"a\\\"b\\\\c\\u000a\""},
        {"\xff\xc3", "\"\\ufffd\\ufffd\""},
        {"\xc2\x9b"
         "2J",
         "\"\\u009b2J\""},
        {"\xe2\x80\xae"
         "gnp.exe",
         "\"\\u202egnp.exe\""},
        {"\xe2\x81\xa6", "\"\\u2066\""},
        {"h\xc3\xa9\xf0\x9f\x98\x80\xe6\xbc\xa2", "\"h\xc3\xa9\xf0\x9f\x98\x80\xe6\xbc\xa2\""},
    };
    char out[64];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CHECK_EQ_STR(log_quote(out, sizeof(out), cases[i].text), cases[i].quoted);
    char small[8];
    CHECK_EQ_STR(log_quote(small, sizeof(small), "abcdefgh"), "\"abcde\"");
    CHECK_EQ_STR(log_quote(small, sizeof(small), "abcd\n"), "\"abcd\"");
    CHECK_EQ_STR(log_quote(small, 3, "abc"), "\"\"");
}

static void below_the_level_nothing_is_written(void)
{
    char line[512];
    wire_open();
    log_setup(LOG_WARN, false);
    log_info("not this");
    log_error("this");
    CHECK(wire_close(line, sizeof(line)) > 0);
    CHECK(strstr(line, "not this") == NULL && strstr(line, "level=error msg=\"this\"") != NULL);
    int year, day;
    CHECK_EQ_INT(sscanf(line, "ts=%d-%*d-%dT", &year, &day), 2);
    CHECK(year > 2020);
}

static void a_long_line_is_one_short_write(void)
{
    static char text[10000], line[20000];
    memset(text, '"', sizeof(text) - 1);
    wire_open();
    log_setup(LOG_INFO, true);
    log_info("%s", text);
    size_t len = wire_close(line, sizeof(line));
    CHECK(len > 1000 && len <= 4096);
    CHECK(len > 3 && memcmp(line + len - 3, "\"}\n", 3) == 0);
}

static void a_reader_that_stopped_costs_lines_and_no_time(void)
{
    static char line[1 << 20];
    uint64_t lost = log_lost();
    wire_open();
    log_setup(LOG_INFO, false);
    for (int i = 0; i < 5000; i++)
        log_info("a line of some length that will fill the pipe sooner or later n=%d", i);
    CHECK(log_lost() > lost);
    uint64_t written = 5000 - (log_lost() - lost);
    wire_close(line, sizeof(line));
    uint64_t lines = 0;
    for (const char *at = line; (at = strchr(at, '\n')); at++)
        lines++;
    CHECK_EQ_INT(lines, written);
}

static void a_closed_target_costs_lines_and_no_life(void)
{
    uint64_t lost = log_lost();
    wire_open();
    log_setup(LOG_INFO, false);
    close(wire.read_end);
    log_info("into nothing");
    wire_restore();
    CHECK_EQ_INT(log_lost(), lost + 1);
}

static void *write_many(void *name)
{
    for (int i = 0; i < 200; i++)
        log_info("line by=%s n=%d", (const char *)name, i);
    return NULL;
}

static void lines_of_threads_do_not_mix(void)
{
    static char text[1 << 20];
    char names[2][3] = {"aa", "bb"};
    pthread_t threads[2];
    wire_open();
    log_setup(LOG_INFO, false);
    for (int i = 0; i < 2; i++)
        REQUIRE(pthread_create(&threads[i], NULL, write_many, names[i]) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    wire_close(text, sizeof(text));
    int lines = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++)
        CHECK(strncmp(line, "ts=", 3) == 0 &&
              (strstr(line, "msg=\"line\" by=aa n=") || strstr(line, "msg=\"line\" by=bb n=")));
    CHECK_EQ_INT(lines, 400);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_line_is_words_and_pairs);
    RUN(json_has_the_same_as_fields);
    RUN(no_control_byte_passes);
    RUN(strangers_words_are_quoted);
    RUN(below_the_level_nothing_is_written);
    RUN(a_long_line_is_one_short_write);
    RUN(a_reader_that_stopped_costs_lines_and_no_time);
    RUN(a_closed_target_costs_lines_and_no_life);
    RUN(lines_of_threads_do_not_mix);
    return check_finish();
}
