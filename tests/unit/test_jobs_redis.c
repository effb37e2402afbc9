/*
 * What is Redis' own in the queue of jobs: programs of others, that know only the commands of
 * docs/jobs.md, hints to all instances, the keys that are left, and a Redis that is away or has
 * forgotten the scripts. Answers of any shape are taken apart without harm.
 */
#include "check.h"
#include "jobs_backends.h"
#include "io/jobs_redis.h"
#include "io/state_redis_call.h"
#include "random_reply.h"

#define QUEUE "weft:jobs:queue:words"
#define ANSWERS "weft:jobs:answers"

static struct redis_world *server(void)
{
    return &redis_backend_world.server;
}

static long long count_of(const char *command, const char *key)
{
    return redis_world_number(redis_world_ask(server(), command, key, NULL));
}

/* ---- a program of somebody else ---- */

static enum jobs_result ask_words(const char *id)
{
    return job_add(jobs, &(struct job){.id = id,
                                       .project = "demo",
                                       .kind = "words",
                                       .f = 1,
                                       .path = "a.txt",
                                       .args = "{\"n\":1}",
                                       .user = "u1",
                                       .name = "Ann",
                                       .cid = 9,
                                       .ep = "1.abc",
                                       .input = "base",
                                       .input_len = 4,
                                       .v = 3});
}

/* The id of the entry that the program is given; "" where there is none. Valid until the next. */
static const char *program_takes(const char *name)
{
    static char id[64];
    redisReply *reply = redis_world_ask(server(), "XREADGROUP", "GROUP", "workers", name, "COUNT",
                                        "1", "STREAMS", QUEUE, ">", NULL);
    id[0] = '\0';
    if (reply && reply->type == REDIS_REPLY_ARRAY)
        snprintf(id, sizeof(id), "%s", reply->element[0]->element[1]->element[0]->element[0]->str);
    freeReplyObject(reply);
    return id;
}

#define PROGRAM_SAYS(...) CHECK(redis_world_do(server(), "XADD", ANSWERS, "*", "job", __VA_ARGS__))

/* What it was told last is done. */
static enum jobs_result end_answer(enum job_state state)
{
    struct jobs_settle settle = {.state = state, .code = jobs->got.answer.code};
    char job[JOB_ID_SIZE], answer[64];
    snprintf(job, sizeof(job), "%s", jobs->got.answer.job.id);
    snprintf(answer, sizeof(answer), "%s", jobs->got.answer.answer);
    settle.job = job;
    settle.answer = answer;
    enum jobs_result result = job_settle(jobs, &settle);
    CHECK_EQ_INT(job_settle(jobs, &settle), result);
    return result;
}

static void a_program_takes_does_and_answers(void)
{
    CHECK_EQ_INT(ask_words("j1"), JOBS_OK);
    CHECK(program_takes("python")[0] != '\0');
    redisReply *input = redis_world_ask(server(), "HGET", "weft:jobs:job:j1", "input", NULL);
    CHECK_EQ_STR(input->str, "base");
    freeReplyObject(input);
    CHECK_EQ_INT(job_answers(jobs, &words, LONG_MS), JOBS_NONE);

    PROGRAM_SAYS("j1", "state", "running", "out", "half\n");
    REQUIRE(job_answers(jobs, &words, LONG_MS) == JOBS_OK);
    CHECK_EQ_INT(jobs->got.answer.state, JOB_RUNNING);
    CHECK_EQ_STR(jobs->got.answer.output, "half\n");
    CHECK(jobs->got.answer.text == NULL);
    CHECK_EQ_INT(end_answer(JOB_RUNNING), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_RUNNING);
    job_print(jobs, "j1", NULL, 0, "half\n");
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_STR(jobs->got.job.worker, "python");
    CHECK_EQ_INT(jobs->got.job.tries, 1);
    CHECK_EQ_STR(jobs->got.output, "half\n");

    PROGRAM_SAYS("j1", "state", "done", "text", "new base", "code", "-2");
    REQUIRE(job_answers(jobs, &words, LONG_MS) == JOBS_OK);
    CHECK_EQ_INT(jobs->got.answer.state, JOB_DONE);
    CHECK_EQ_STR(jobs->got.answer.text, "new base");
    CHECK_EQ_INT(jobs->got.answer.code, -2);
    CHECK_EQ_STR(jobs->got.answer.job.input, "base");
    CHECK_EQ_STR(jobs->got.answer.job.ep, "1.abc");
    CHECK_EQ_INT(jobs->got.answer.job.v, 3);
    CHECK_EQ_INT(end_answer(JOB_DONE), JOBS_OK);
    CHECK_EQ_INT(count_of("XLEN", QUEUE), 0);
    CHECK_EQ_INT(count_of("XLEN", ANSWERS), 0);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.state, JOB_DONE);
    CHECK(jobs->got.job.input == NULL);
    REQUIRE(probe_ask_events(state_probe, 0) == STATE_OK);
    CHECK_EQ_INT(state_probe->got.message_count, 3);
}

static void what_makes_no_sense_is_put_away(void)
{
    CHECK_EQ_INT(ask_words("j1"), JOBS_OK);
    CHECK_EQ_INT(ask_words("j2"), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j2"), JOBS_OK);
    CHECK(redis_world_do(server(), "XADD", ANSWERS, "*", "hello", "world"));
    PROGRAM_SAYS("nobody", "state", "done");
    PROGRAM_SAYS("j2", "state", "done");
    PROGRAM_SAYS("j1", "state", "queued");
    PROGRAM_SAYS("j1", "text", "x");
    CHECK_EQ_INT(job_answers(jobs, &words, LONG_MS), JOBS_NONE);
    CHECK_EQ_INT(count_of("XLEN", ANSWERS), 0);
    CHECK(redis_world_do(server(), "XADD", QUEUE, "*", "hello", "world"));
    CHECK_EQ_INT(job_take(jobs, &words, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &words, LONG_MS), JOBS_NONE);
}

static void a_text_that_is_no_utf_8_has_failed(void)
{
    CHECK_EQ_INT(ask_words("j1"), JOBS_OK);
    PROGRAM_SAYS("j1", "state", "done", "text", "a\xff", "out", "\xc3", "problem", "\xff", "code",
                 "many");
    REQUIRE(job_answers(jobs, &words, LONG_MS) == JOBS_OK);
    CHECK_EQ_INT(jobs->got.answer.state, JOB_FAILED);
    CHECK(jobs->got.answer.text == NULL && jobs->got.answer.output == NULL);
    CHECK(strstr(jobs->got.answer.problem, "UTF-8"));
    CHECK_EQ_INT(end_answer(JOB_FAILED), JOBS_OK);
    CHECK_EQ_INT(job_list(jobs, "demo", true, 10), 1);
}

static void what_nobody_settles_is_handed_out_again(void)
{
    struct jobs_probe *other = &probes[1];
    CHECK_EQ_INT(ask_words("j1"), JOBS_OK);
    PROGRAM_SAYS("j1", "state", "done", "text", "x");
    CHECK_EQ_INT(job_answers(jobs, &words, SHORT_MS), JOBS_OK);
    CHECK_EQ_INT(job_answers(other, &words, LONG_MS), JOBS_NONE);
    uint64_t until_ns = uv_hrtime() + PROBE_SECONDS * 1000000000ull;
    while (job_answers(other, &words, SHORT_MS) == JOBS_NONE && uv_hrtime() < until_ns)
        continue;
    CHECK_EQ_INT(other->got.result, JOBS_OK);
    CHECK_EQ_STR(other->got.answer.text, "x");
}

static void what_every_program_fails_at_is_dead(void)
{
    char entry[64];
    CHECK_EQ_INT(ask_words("j1"), JOBS_OK);
    snprintf(entry, sizeof(entry), "%s", program_takes("first"));
    for (uint32_t i = 1; i < words.tries; i++)
        CHECK(redis_world_do(server(), "XCLAIM", QUEUE, "workers", "next", "0", entry));
    CHECK_EQ_INT(job_answers(jobs, &words, LONG_MS), JOBS_NONE);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.state, JOB_QUEUED);
    CHECK(redis_world_do(server(), "XCLAIM", QUEUE, "workers", "next", "0", entry));
    CHECK_EQ_INT(job_answers(jobs, &words, LONG_MS), JOBS_NONE);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.job.state, JOB_FAILED);
    CHECK_EQ_INT(count_of("XLEN", QUEUE), 0);
}

static void what_a_program_runs_is_canceled_at_once(void)
{
    CHECK_EQ_INT(ask_words("j1"), JOBS_OK);
    program_takes("python");
    PROGRAM_SAYS("j1", "state", "running");
    CHECK_EQ_INT(job_answers(jobs, &words, LONG_MS), JOBS_OK);
    CHECK_EQ_INT(end_answer(JOB_RUNNING), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(jobs->got.state, JOB_CANCELED);
    PROGRAM_SAYS("j1", "state", "done", "text", "late");
    CHECK_EQ_INT(job_answers(jobs, &words, LONG_MS), JOBS_NONE);
    CHECK_EQ_INT(count_of("XLEN", QUEUE), 0);
}

static void an_answer_after_the_end_is_lost(void)
{
    CHECK_EQ_INT(ask_words("j1"), JOBS_OK);
    PROGRAM_SAYS("j1", "state", "done");
    REQUIRE(job_answers(jobs, &words, LONG_MS) == JOBS_OK);
    char answer[64];
    snprintf(answer, sizeof(answer), "%s", jobs->got.answer.answer);
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(
        job_settle(jobs, &(struct jobs_settle){.job = "j1", .answer = answer, .state = JOB_DONE}),
        JOBS_LOST);
    CHECK_EQ_INT(count_of("XLEN", ANSWERS), 0);
}

/* ---- hints ---- */

static struct {
    char words[8][400];
    size_t count;
    bool is_joined;
} heard;

static void hear(void *owner, const char *project, const char *data, size_t len)
{
    (void)owner;
    CHECK_EQ_STR(project, "demo");
    REQUIRE(heard.count < 8);
    snprintf(heard.words[heard.count++], sizeof(heard.words[0]), "%.*s", (int)len, data);
}

static void hear_joined(void *owner, const char *project)
{
    (void)owner, (void)project;
    heard.is_joined = true;
}

static void all_instances_hear_of_it(void)
{
    struct bus *bus = redis_bus_of(1);
    memset(&heard, 0, sizeof(heard));
    bus->sink = (struct bus_sink){&heard, hear, hear_joined};
    bus->ops->join(bus, "demo");
    for (int i = 0; i < 1500 && !heard.is_joined; i++)
        redis_pass(10);
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    job_print(jobs, "j1", keep_lease(), 0, "\xe2\x98\x83 \"b\"\n\x01");
    for (int i = 0; i < 1500 && heard.count < 3; i++)
        redis_pass(10);
    REQUIRE(heard.count == 3);

    char expected[400];
    struct hint hint;
    CHECK(hint_parse(heard.words[0], strlen(heard.words[0]), &hint));
    CHECK_EQ_INT(hint.kind, HINT_EVENT);
    CHECK_EQ_STR(hint.instance, "-");
    CHECK_EQ_INT(hint.a, 1);
    uint64_t tick = hint.tick;
    CHECK(hint_parse(heard.words[1], strlen(heard.words[1]), &hint));
    CHECK_EQ_INT(hint.tick, tick + 1);
    CHECK_EQ_INT(hint.a, 2);
    CHECK_EQ_STR(hint.body, "{\"t\":\"job\",\"e\":2,\"job\":\"j1\",\"kind\":\"format\",\"by\":5,"
                            "\"user\":\"u1\",\"f\":1,\"path\":\"a.txt\",\"state\":\"running\","
                            "\"tries\":1,\"worker\":\"first\"}");
    CHECK(hint_parse(heard.words[2], strlen(heard.words[2]), &hint));
    CHECK_EQ_INT(hint.kind, HINT_OUTPUT);
    snprintf(expected, sizeof(expected),
             "output %s 0 - 0 0\n{\"t\":\"job\",\"job\":\"j1\",\"i\":0,"
             "\"out\":\"\xe2\x98\x83 \\\"b\\\"\\n\\u0001\"}",
             state_probe->epoch);
    CHECK_EQ_STR(heard.words[2], expected);
    bus->sink.owner = NULL;
}

/* ---- keys ---- */

static size_t keys_like(const char *pattern)
{
    redisReply *reply = redis_world_ask(server(), "KEYS", pattern, NULL);
    size_t count = reply && reply->type == REDIS_REPLY_ARRAY ? reply->elements : SIZE_MAX;
    freeReplyObject(reply);
    return count;
}

static void a_project_that_is_not_here_is_told_nothing(void)
{
    struct job job = {.id = "j1", .project = "away", .kind = "format", .user = "", .name = ""};
    CHECK_EQ_INT(job_add(jobs, &job), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    job_print(jobs, "j1", keep_lease(), 0, "x");
    CHECK_EQ_INT(job_end(jobs, "j1", keep_lease(), JOB_DONE), JOBS_OK);
    CHECK_EQ_INT(keys_like("weft:{away}:*"), 0);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_STR(jobs->got.output, "x");
    CHECK_EQ_STR(jobs->got.job.args, "{}");
}

static void a_project_that_is_broken_holds_up_no_jobs(void)
{
    CHECK(redis_world_do(server(), "HSET", "weft:{demo}:meta", "e", "many"));
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK(redis_world_do(server(), "HSET", "weft:{demo}:meta", "tick", "many"));
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    job_print(jobs, "j1", keep_lease(), 0, "x");
    CHECK_EQ_INT(job_end(jobs, "j1", keep_lease(), JOB_DONE), JOBS_OK);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_STR(jobs->got.output, "x");
}

static void what_is_forgotten_leaves_no_keys(void)
{
    jobs->jobs->keep_ms = 1;
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    job_print(jobs, "j1", keep_lease(), 0, "x");
    CHECK_EQ_INT(job_end(jobs, "j1", keep_lease(), JOB_FAILED), JOBS_OK);
    CHECK_EQ_INT(keys_like("weft:jobs:*"), 7); /* queue, job, out, all, of, over, dead */
    for (int i = 0; i < 1500 && keys_like("weft:jobs:*") > 1; i++) {
        redis_pass(10);
        CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_NONE);
    }
    CHECK_EQ_INT(keys_like("weft:jobs:*"), 1);
    CHECK_EQ_INT(keys_like("weft:jobs:queue:format"), 1);
}

/* ---- leases: of an embedded queue they end with the process ---- */

static void a_lease_that_ends_is_taken_over(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, SHORT_MS), JOBS_OK);
    const char *lease = keep_lease();
    job_take_soon(jobs, &format, SHORT_MS);
    const char *next = keep_lease();
    CHECK(job_is("j1"));
    CHECK_EQ_INT(jobs->got.job.tries, 2);
    CHECK(strcmp(lease, next) != 0);
    CHECK_EQ_INT(job_renew(jobs, "j1", lease, SHORT_MS), JOB_LEASE_LOST);
    CHECK_EQ_INT(job_end(jobs, "j1", lease, JOB_DONE), JOBS_LOST);
    job_print(jobs, "j1", lease, 0, "old");
    CHECK_EQ_INT(job_end(jobs, "j1", next, JOB_DONE), JOBS_OK);
    CHECK_EQ_INT(job_get(jobs, "j1"), JOBS_OK);
    CHECK_EQ_STR(jobs->got.output, "");
    CHECK_EQ_INT(jobs->got.job.state, JOB_DONE);
}

static void what_no_worker_survives_is_dead(void)
{
    struct job_kind kind = format;
    kind.tries = 2;
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &kind, SHORT_MS), JOBS_OK);
    job_take_soon(jobs, &kind, SHORT_MS);
    uint64_t until_ns = uv_hrtime() + PROBE_SECONDS * 1000000000ull;
    do
        CHECK_EQ_INT(job_take(jobs, &kind, SHORT_MS), JOBS_NONE);
    while (job_get(jobs, "j1") == JOBS_OK && jobs->got.job.state == JOB_RUNNING &&
           uv_hrtime() < until_ns);
    CHECK_EQ_INT(jobs->got.job.state, JOB_FAILED);
    CHECK_EQ_INT(jobs->got.job.tries, 2);
    CHECK(strlen(jobs->got.job.problem) > 0);
    CHECK(jobs->got.job.ended_at >= jobs->got.job.started_at);
    CHECK_EQ_INT(job_list(jobs, NULL, true, 10), 1);
}

static void what_was_canceled_is_not_taken_over(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, SHORT_MS), JOBS_OK);
    CHECK_EQ_INT(job_cancel(jobs, "j1"), JOBS_OK);
    uint64_t until_ns = uv_hrtime() + PROBE_SECONDS * 1000000000ull;
    do
        CHECK_EQ_INT(job_take(jobs, &format, SHORT_MS), JOBS_NONE);
    while (job_get(jobs, "j1") == JOBS_OK && jobs->got.job.state == JOB_RUNNING &&
           uv_hrtime() < until_ns);
    CHECK_EQ_INT(jobs->got.job.state, JOB_CANCELED);
}

static void a_lease_that_is_renewed_begins_anew(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
    const char *lease = keep_lease();
    char entry[64];
    snprintf(entry, sizeof(entry), "%.*s", (int)strcspn(lease, " "), lease);
    CHECK(redis_world_do(server(), "XCLAIM", "weft:jobs:queue:format", "workers", "weft", "0",
                         entry, "IDLE", "50000", "JUSTID"));
    CHECK_EQ_INT(job_renew(jobs, "j1", lease, LONG_MS), JOB_LEASE_HELD);
    CHECK_EQ_INT(job_take(jobs, &format, 50000), JOBS_NONE);
    CHECK(redis_world_do(server(), "XCLAIM", "weft:jobs:queue:format", "workers", "weft", "0",
                         entry, "IDLE", "50000", "JUSTID"));
    CHECK_EQ_INT(job_take(jobs, &format, 50000), JOBS_OK);
}

/* ---- Redis itself ---- */

static void scripts_that_were_forgotten_are_sent_again(void)
{
    CHECK(redis_world_do(server(), "SCRIPT", "FLUSH"));
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
}

static void a_redis_that_is_away_is_busy(void)
{
    CHECK_EQ_INT(job_ask(jobs, "j1"), JOBS_OK);
    redis_world_kill(server());
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_BUSY);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_BUSY);
    redis_world_again(server());
    for (int i = 0; i < 1500 && job_get(jobs, "j1") == JOBS_BUSY; i++)
        redis_pass(10);
    CHECK_EQ_INT(jobs->got.result, JOBS_OK);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_OK);
}

static void a_key_of_another_type_is_busy(void)
{
    CHECK(redis_world_do(server(), "SET", "weft:jobs:later", "x"));
    log_setup(LOG_ERROR, false);
    CHECK_EQ_INT(job_take(jobs, &format, LONG_MS), JOBS_BUSY);
    log_setup(LOG_WARN, false);
}

static void answers_of_any_shape_are_answered_once(void)
{
    struct redis_config config = redis_config_default();
    struct redis_counts counts = {0};
    struct state_redis *state = state_redis_new(&config, NULL, &counts);
    struct jobs_redis *port = jobs_redis_new(state);
    struct jobs_probe *probe = &probes[1];
    uint64_t seed = check_seed();
    size_t rounds = check_long() ? 20000 : 1000;
    log_setup(LOG_ERROR, false);
    jobs_probe_init(probe, state_probe->loop, jobs_redis_port(port));
    for (size_t i = 0; i < rounds; i++) {
        for (int script = SCRIPT_JOB_ADD; script < SCRIPTS; script++) {
            struct call call = {.state = state, .script = (enum script)script, .owner = port};
            redisReply *reply = random_reply(&seed);
            jobs_redis_answer(&call, reply);
            probe->taken_count = 0;
            freeReplyObject(reply);
        }
    }
    log_setup(LOG_WARN, false);
    CHECK_EQ_INT(probe->answers, (SCRIPTS - SCRIPT_JOB_ADD - 1) * rounds); /* but of output */
    jobs_redis_free(port);
    state_redis_free(state);
}

#define CASES(RUN)                                                                                 \
    RUN(a_program_takes_does_and_answers)                                                          \
    RUN(what_makes_no_sense_is_put_away)                                                           \
    RUN(a_text_that_is_no_utf_8_has_failed)                                                        \
    RUN(what_nobody_settles_is_handed_out_again)                                                   \
    RUN(what_every_program_fails_at_is_dead)                                                       \
    RUN(what_a_program_runs_is_canceled_at_once)                                                   \
    RUN(an_answer_after_the_end_is_lost)                                                           \
    RUN(all_instances_hear_of_it)                                                                  \
    RUN(a_project_that_is_not_here_is_told_nothing)                                                \
    RUN(a_project_that_is_broken_holds_up_no_jobs)                                                 \
    RUN(what_is_forgotten_leaves_no_keys)                                                          \
    RUN(a_lease_that_ends_is_taken_over)                                                           \
    RUN(what_no_worker_survives_is_dead)                                                           \
    RUN(what_was_canceled_is_not_taken_over)                                                       \
    RUN(a_lease_that_is_renewed_begins_anew)                                                       \
    RUN(scripts_that_were_forgotten_are_sent_again)                                                \
    RUN(a_redis_that_is_away_is_busy)                                                              \
    RUN(a_key_of_another_type_is_busy)                                                             \
    RUN(answers_of_any_shape_are_answered_once)

int main(int argc, char **argv)
{
    JOBS_MAIN(CASES, &jobs_shared)
}
