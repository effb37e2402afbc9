/* What a server says of jobs by HTTP is what `weftd jobs` reads. */
#include "check.h"
#include "weft/protocol/jobs.h"

static struct {
    size_t count;
    char said[4][1000];
} seen;

static void note(void *owner, const struct job_words *w)
{
    (void)owner;
    REQUIRE(seen.count < 4);
    snprintf(seen.said[seen.count++], sizeof(seen.said[0]),
             "%s|%s|%s|%s|%s|%s|%s|%s|%s|%zu|%" PRIu64 "|%" PRIu64 "|%" PRIu64 "|%" PRIu64
             "|%" PRIu64 "|%" PRIu64 "|%" PRIu64 "|%" PRIu64 "|%d|%" PRId64,
             w->job, w->kind, w->project, w->user, w->path, w->state, w->worker, w->problem,
             w->output, w->output_len, w->by, w->f, w->tries, w->ms, w->queued_at, w->started_at,
             w->ended_at, w->result_len, w->is_over, w->code);
}

static enum err read_text(const char *json, struct error *error)
{
    memset(&seen, 0, sizeof(seen));
    error_clear(error);
    return decode_http_jobs(json, strlen(json), note, NULL, error);
}

static const struct job_words whole = {.job = "j1",
                                       .kind = "format",
                                       .project = "p",
                                       .user = "anna",
                                       .path = "src/\"ü\".js",
                                       .state = "failed",
                                       .worker = "w1",
                                       .problem = "exit code 2",
                                       .output = "out\n\x01",
                                       .output_len = 5,
                                       .by = 1ull << 48,
                                       .f = 2,
                                       .tries = 3,
                                       .ms = 4,
                                       .queued_at = 1795609918854,
                                       .started_at = 6,
                                       .ended_at = 7,
                                       .result_len = 8,
                                       .is_over = true,
                                       .code = -9};
static const struct job_words bare = {.job = "j2", .state = "queued"};
#define WHOLE                                                                                      \
    "j1|format|p|anna|src/\"ü\".js|failed|w1|exit code 2|out\n\x01|5|281474976710656|2|3|4|"      \
    "1795609918854|6|7|8|1|-9"
#define BARE "j2|||||queued||||0|0|0|0|0|0|0|0|0|0|0"

static void one_job_is_read_as_it_was_said(void)
{
    struct buf out = BUF_EMPTY;
    struct error error = {0};
    encode_http_job(&out, &whole);
    CHECK_EQ_INT(read_text(out.data, &error), ERR_OK);
    CHECK_EQ_INT(seen.count, 1);
    CHECK_EQ_STR(seen.said[0], WHOLE);
    buf_close(&out);
}

static void a_list_is_read_in_its_order(void)
{
    struct buf out = BUF_EMPTY;
    struct error error = {0};
    const struct job_words list[] = {bare, whole};
    encode_http_jobs(&out, list, 2);
    CHECK_EQ_INT(read_text(out.data, &error), ERR_OK);
    CHECK_EQ_INT(seen.count, 2);
    CHECK_EQ_STR(seen.said[0], BARE);
    /* a list is without what was printed, as it is given here all the same */
    CHECK_EQ_STR(seen.said[1], WHOLE);
    buf_reset(&out);
    encode_http_jobs(&out, NULL, 0);
    CHECK_EQ_INT(read_text(out.data, &error), ERR_OK);
    CHECK_EQ_INT(seen.count, 0);
    buf_close(&out);
}

static void what_is_no_job_is_refused(void)
{
    static const char *const bad[] = {
        "", "[]", "1", "{}", "{\"job\":7}", "{\"jobs\":[1]}", "{\"jobs\":[{}]}", "{\"job\":\"j1\"",
    };
    struct error error = {0};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_text(bad[i], &error) == ERR_OK || seen.count > 0 || !error.text[0])
            CHECK_FAIL("%s was taken", bad[i]);
    }
    CHECK_EQ_INT(read_text("{\"job\":\"j1\",\"tries\":-1,\"state\":5}", &error), ERR_OK);
    CHECK_EQ_STR(seen.said[0], "j1|||||||||0|0|0|0|0|0|0|0|0|0|0");
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(one_job_is_read_as_it_was_said);
    RUN(a_list_is_read_in_its_order);
    RUN(what_is_no_job_is_refused);
    return check_finish();
}
