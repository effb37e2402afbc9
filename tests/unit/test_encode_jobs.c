/* What is said of jobs, byte for byte, and what a request for one by HTTP may be. */
#include "check.h"
#include "weft/protocol/jobs.h"

static struct buf out;

static void check_out(const char *expected)
{
    buf_add(&out, "", 1);
    CHECK_EQ_STR(out.data, expected);
    buf_reset(&out);
}

static void an_event_says_what_there_is_to_say(void)
{
    encode_job_event(&out, &(struct job_words){.job = "j1",
                                               .kind = "build",
                                               .user = "u\"12",
                                               .path = "",
                                               .state = "queued",
                                               .e = 994,
                                               .by = 31});
    check_out("{\"t\":\"job\",\"e\":994,\"job\":\"j1\",\"kind\":\"build\",\"by\":31,"
              "\"user\":\"u\\\"12\",\"state\":\"queued\"}");
    encode_job_event(&out, &(struct job_words){.job = "j1",
                                               .kind = "build",
                                               .f = 3,
                                               .path = "a.c",
                                               .state = "failed",
                                               .worker = "w1",
                                               .problem = "exit code 2",
                                               .e = 995,
                                               .tries = 3,
                                               .ms = 812,
                                               .is_over = true,
                                               .code = -2});
    check_out("{\"t\":\"job\",\"e\":995,\"job\":\"j1\",\"kind\":\"build\",\"f\":3,\"path\":\"a.c\","
              "\"state\":\"failed\",\"tries\":3,\"worker\":\"w1\",\"code\":-2,\"ms\":812,"
              "\"problem\":\"exit code 2\"}");
}

static void output_is_a_json_string(void)
{
    encode_job_output(&out, "j1", 2, "a\n\"\x01\u20ac", 7);
    check_out("{\"t\":\"job\",\"job\":\"j1\",\"i\":2,\"out\":\"a\\n\\\"\\u0001\u20ac\"}");
    struct error error = {ERR_OK, ""};
    encode_job_output(&out, "j1", 0, "\\", 1);
    CHECK_EQ_INT(decode_job_output(out.data, out.len, &error), ERR_OK);
    buf_reset(&out);
}

static void an_ok_names_the_job(void)
{
    struct request_id q = {"7"};
    encode_job_ok(&out, &q, "j1");
    check_out("{\"t\":\"ok\",\"q\":7,\"job\":\"j1\"}");
}

static void kinds_are_a_list(void)
{
    const struct job_kind_words kinds[] = {{"format", "Format", "file", "edit", ".c"},
                                           {"zip", "", "project", "file", ""}};
    encode_job_kinds(&out, kinds, 2);
    check_out("[{\"kind\":\"format\",\"title\":\"Format\",\"input\":\"file\",\"output\":\"edit\","
              "\"paths\":\".c\"},{\"kind\":\"zip\",\"input\":\"project\",\"output\":\"file\"}]");
    encode_job_kinds(&out, kinds, 0);
    check_out("[]");
}

static enum err decode(const char *text, struct run_job *job)
{
    struct error error = {ERR_OK, ""};
    return decode_run_job(text, strlen(text), job, &error);
}

static void a_request_is_read_or_refused(void)
{
    struct run_job job;
    CHECK_EQ_INT(decode("{\"kind\":\"format\",\"path\":\"a.c\",\"args\":{\"w\": 1}}", &job),
                 ERR_OK);
    CHECK_EQ_STR(job.kind, "format");
    CHECK_EQ_STR(job.path, "a.c");
    CHECK_EQ_STR(job.args, "{\"w\":1}");
    CHECK_EQ_INT(decode("{}", &job), ERR_OK);
    CHECK_EQ_STR(job.kind, "");
    CHECK_EQ_STR(job.args, "{}");
    static const struct {
        const char *text;
        enum err code;
    } bad[] = {
        {"", ERR_BAD_JSON},
        {"[]", ERR_BAD_MESSAGE},
        {"{\"kind\":7}", ERR_BAD_MESSAGE},
        {"{\"path\":null}", ERR_BAD_MESSAGE},
        {"{\"args\":[]}", ERR_BAD_MESSAGE},
        {"{\"kind\":\"much-too-long-for-the-kind-of-a-job\"}", ERR_TOO_BIG},
        {"{\"kind\":\"a\",\"kind\":\"b\"}", ERR_BAD_JSON},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK_EQ_INT(decode(bad[i].text, &job), bad[i].code);
}

/* Through both ways in, at the limit and above it. */
static void args_have_a_limit(void)
{
    struct limits limits = limits_default();
    struct decoder *decoder = decoder_new(&limits);
    for (size_t more = 0; more < 2; more++) {
        struct buf args = BUF_EMPTY, text = BUF_EMPTY;
        buf_add_text(&args, "{\"a\":\"");
        while (args.len < JOB_ARGS_MAX - 2 + more)
            buf_add_char(&args, 'x');
        buf_add_text(&args, "\"}");
        buf_printf(&text, "{\"t\":\"run\",\"kind\":\"k\",\"args\":%s}", args.data);
        enum err expected = more ? ERR_TOO_BIG : ERR_OK;
        struct run_job job;
        CHECK_EQ_INT(decode(text.data, &job), expected);
        struct error error = {ERR_OK, ""};
        struct message message;
        size_t count;
        REQUIRE(decoder_frame(decoder, text.data, text.len, &count, &error) == ERR_OK);
        CHECK_EQ_INT(decoder_message(decoder, 0, &message, &error), expected);
        if (!more)
            CHECK_EQ_STR(message.u.run.args, args.data);
        buf_close(&args);
        buf_close(&text);
    }
    decoder_free(decoder);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(an_event_says_what_there_is_to_say);
    RUN(output_is_a_json_string);
    RUN(an_ok_names_the_job);
    RUN(kinds_are_a_list);
    RUN(a_request_is_read_or_refused);
    RUN(args_have_a_limit);
    buf_close(&out);
    return check_finish();
}
