/* The work on people's jobs: from the request to the edit, its failures, its leases, and two
 * workers that may both think a job theirs. */
#include "rooms_world.h"

#include "jobs_model.h"

static const char *const format_words[] = {"fmt", "--path={path}", "{args}", NULL};
static const char *const plain_words[] = {"run", "{project}", NULL};

static const struct job_kind format = {.name = "format",
                                       .title = "Format",
                                       .command = format_words,
                                       .content_type = "",
                                       .paths = ".c .h",
                                       .input = JOB_INPUT_FILE,
                                       .output = JOB_OUTPUT_EDIT,
                                       .tries = 3,
                                       .retry_ms = 1000,
                                       .retry_most_ms = 60000};
static const struct job_kind build = {.name = "build",
                                      .title = "",
                                      .command = plain_words,
                                      .content_type = "",
                                      .paths = "",
                                      .tries = 2,
                                      .retry_ms = 1000,
                                      .retry_most_ms = 1500};
static const struct job_kind zip = {.name = "zip",
                                    .title = "",
                                    .command = plain_words,
                                    .content_type = "application/zip",
                                    .paths = "",
                                    .input = JOB_INPUT_PROJECT,
                                    .output = JOB_OUTPUT_FILE,
                                    .tries = 1};
static const struct job_kind words = {.name = "words",
                                      .title = "",
                                      .content_type = "",
                                      .paths = "",
                                      .input = JOB_INPUT_FILE,
                                      .output = JOB_OUTPUT_EDIT,
                                      .tries = 2,
                                      .retry_ms = 1000,
                                      .retry_most_ms = 1000};
static const struct job_kind *const kinds[] = {&format, &build, &zip, &words};

/* Ann is here, Bob there, both have main.c open. Who works: 1 here, 2 there. */
static void workers(unsigned which)
{
    two_readers();
    queue_begin(kinds, sizeof kinds / sizeof kinds[0], which);
}

static void over(void)
{
    queue_end();
    end();
}

static void ask(const char *message)
{
    say(ann, message);
    expect(ann, "ok");
}

static const char format_it[] = "{\"t\":\"run\",\"q\":1,\"kind\":\"format\",\"f\":1}";

static void a_formatted_text_is_an_edit_of_who_asked(void)
{
    workers(2);
    say(ann, format_it);
    json_t *ok = expect(ann, "ok");
    CHECK_EQ_STR(string(ok, "job"), queue.jobs[0].job.id);
    CHECK_EQ_INT(number(ok, "q"), 1);
    pass(300);
    REQUIRE(queue.run_count == 1);
    CHECK(queue.runs[0].instance == there);
    CHECK_EQ_STR(queue.runs[0].words, "fmt --path=main.c {}");
    CHECK_EQ_STR(queue.runs[0].input, "hello world");
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[[0,\"A\"],11]}");
    run_end(0, RUN_EXITED, 0, "hello, world\r\n");
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_DONE);
    CHECK_EQ_STR(text_at(here, 1), "Ahello, world\n");
    json_t *typed = expect(ann, "edit");
    CHECK_EQ_INT(number(typed, "v"), 1);
    json_t *edit = expect(ann, "edit");
    CHECK_EQ_INT(number(edit, "by"), queue.jobs[0].job.cid);
    CHECK(strcmp(string(edit, "user"), "(none)") != 0);
    over();
}

static void what_cannot_be_asked_for_is_said(void)
{
    workers(1);
    static const struct {
        const char *message, *code;
    } cases[] = {
        {"{\"t\":\"run\",\"kind\":\"burn\"}", "no_job"},
        {"{\"t\":\"run\",\"kind\":\"format\"}", "bad_message"},
        {"{\"t\":\"run\",\"kind\":\"format\",\"f\":9}", "no_file"},
        {"{\"t\":\"cancel\",\"job\":\"j81\"}", "no_job"},
        {"{\"t\":\"cancel\",\"job\":\"much-too-long-for-a-job\"}", "no_job"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        say(ann, cases[i].message);
        CHECK_EQ_STR(string(expect(ann, "error"), "code"), cases[i].code);
    }
    say(ann, "{\"t\":\"rename\",\"f\":1,\"path\":\"main.txt\"}");
    say(ann, format_it);
    CHECK_EQ_STR(string(expect(ann, "error"), "code"), "bad_path");
    CHECK_EQ_INT(queue.job_count, 0);
    over();
}

static void the_welcome_says_what_can_be_asked_for(void)
{
    workers(0);
    struct conn *late = join(here, "Late");
    const json_t *jobs = json_object_get(expect(late, "welcome"), "jobs");
    CHECK_EQ_INT(json_array_size(jobs), 4);
    const json_t *first = json_array_get(jobs, 0);
    CHECK_EQ_STR(string(first, "kind"), "format");
    CHECK_EQ_STR(string(first, "title"), "Format");
    CHECK_EQ_STR(string(first, "input"), "file");
    CHECK_EQ_STR(string(first, "output"), "edit");
    CHECK_EQ_STR(string(first, "paths"), ".c .h");
    over();
}

static void a_try_that_fails_is_made_again_later_and_in_the_end_not(void)
{
    workers(1);
    ask("{\"t\":\"run\",\"kind\":\"build\",\"args\":{\"std\":\"c11\"}}");
    pass(300);
    REQUIRE(queue.run_count == 1);
    run_end(0, RUN_EXITED, 2, NULL);
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_QUEUED);
    CHECK_EQ_STR(queue.jobs[0].problem, "exit code 2");
    uint64_t wait = queue.jobs[0].due_at - rooms.now;
    CHECK(wait >= 500 && wait <= 1500);
    pass(2000);
    REQUIRE(queue.run_count == 1);
    run_end(0, RUN_TIMED_OUT, 0, NULL);
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_FAILED);
    CHECK_EQ_STR(queue.jobs[0].problem, "it did not end well");
    CHECK_EQ_INT(queue.begun, 2);
    pass(5000);
    CHECK_EQ_INT(queue.begun, 2);
    over();
}

static void what_is_printed_is_text_in_pieces(void)
{
    workers(1);
    ask("{\"t\":\"run\",\"kind\":\"build\"}");
    pass(300);
    REQUIRE(queue.run_count == 1);
    run_print(0, "gcc \xe2\x82", 6);
    pass(100);
    CHECK_EQ_STR(queue.jobs[0].output, "gcc ");
    run_print(0, "\xac \xff\0x", 5);
    pass(100);
    CHECK_EQ_STR(queue.jobs[0].output, "gcc \u20ac \ufffd\ufffdx");
    run_print(0, "end \xe2", 5);
    run_end(0, RUN_EXITED, 0, NULL);
    CHECK_EQ_STR(queue.jobs[0].output, "gcc \u20ac \ufffd\ufffdxend \ufffd");
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_DONE);
    over();
}

static void a_project_is_given_as_files(void)
{
    workers(2);
    say(ann, "{\"t\":\"create\",\"path\":\"src/b.c\",\"text\":\"x\\r\\ny\\r\\n\"}");
    expect(ann, "ok");
    ask("{\"t\":\"run\",\"kind\":\"zip\"}");
    pass(500);
    REQUIRE(queue.run_count == 1);
    CHECK(strstr(queue.runs[0].files, "main.c=hello world;") != NULL);
    CHECK(strstr(queue.runs[0].files, "src/b.c=x\r\ny\r\n;") != NULL);
    run_end(0, RUN_EXITED, 0, "PK");
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_DONE);
    CHECK_EQ_INT(queue.jobs[0].bytes_len, 2);
    over();
}

static void a_running_one_is_stopped_a_waiting_one_never_begins(void)
{
    workers(1);
    ask("{\"t\":\"run\",\"kind\":\"build\"}");
    pass(300);
    char cancel[100];
    snprintf(cancel, sizeof cancel, "{\"t\":\"cancel\",\"q\":5,\"job\":\"%s\"}",
             queue.jobs[0].job.id);
    say(bob, cancel);
    CHECK_EQ_INT(number(expect(bob, "ok"), "q"), 5);
    pass(15000 / 6 + 200);
    REQUIRE(queue.run_count == 1);
    CHECK(queue.runs[0].is_stopped);
    run_end(0, RUN_STOPPED, 0, NULL);
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_CANCELED);
    over();
}

static void a_lease_that_was_lost_ends_the_work(void)
{
    workers(3);
    ask(format_it);
    pass(300);
    REQUIRE(queue.run_count == 1);
    struct instance *first = queue.runs[0].instance;
    queue.jobs[0].lease_until = rooms.now; /* as if nothing had been heard of it */
    pass(400);
    REQUIRE(queue.run_count == 2);
    CHECK(queue.runs[1].instance != first || queue.runs[1].id != queue.runs[0].id);
    pass(3000);
    CHECK(queue.runs[0].is_stopped);
    run_end(1, RUN_EXITED, 0, "second");
    CHECK_EQ_STR(text_at(here, 1), "second");
    run_end(0, RUN_EXITED, 0, "first");
    CHECK_EQ_STR(text_at(here, 1), "second");
    CHECK_EQ_INT(version_at(here, 1), 1);
    over();
}

static void an_edit_nobody_knows_of_is_made_again(void)
{
    workers(1);
    ask(format_it);
    pass(300);
    REQUIRE(queue.run_count == 1);
    here->cut = OP(APPEND);
    queue.is_away = true;
    run_end(0, RUN_EXITED, 0, "done");
    pass(500);
    here->cut = 0;
    pass(4000);
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_RUNNING);
    queue.is_away = false;
    pass(3000);
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_DONE);
    CHECK_EQ_INT(version_at(here, 1), 1);
    over();
}

static void who_stops_gives_its_work_back(void)
{
    workers(1);
    ask("{\"t\":\"run\",\"kind\":\"build\"}");
    pass(300);
    REQUIRE(queue.run_count == 1);
    registry_drain(here->registry, rooms.now, 1000, 0, "for the test");
    CHECK(!registry_idle(here->registry));
    pass(1200);
    REQUIRE(queue.run_count == 1);
    CHECK(queue.runs[0].is_stopped);
    run_end(0, RUN_STOPPED, 0, NULL);
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_QUEUED);
    CHECK_EQ_INT(queue.jobs[0].due_at, rooms.now);
    CHECK_EQ_INT(here->registry->jobs.work_count, 0);
    over();
}

/* The queue is away as the drain ends: nobody waits for it. */
static void who_stops_does_not_wait_for_a_queue_that_is_away(void)
{
    workers(1);
    ask("{\"t\":\"run\",\"kind\":\"build\"}");
    pass(300);
    REQUIRE(queue.run_count == 1);
    queue.is_away = true;
    run_end(0, RUN_EXITED, 0, NULL);
    registry_drain(here->registry, rooms.now, 1000, 0, "for the test");
    pass(1200);
    CHECK_EQ_INT(here->registry->jobs.work_count, 0);
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_RUNNING); /* until its lease ends */
    over();
}

static void what_cannot_be_read_is_canceled_all_the_same(void)
{
    workers(2);
    there->cut = OP(OPEN) | OP(READ);
    cut(bob);
    pass(3000);
    ask(format_it);
    pass(500);
    CHECK_EQ_INT(queue.run_count, 0);
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_RUNNING);
    char cancel[100];
    snprintf(cancel, sizeof cancel, "{\"t\":\"cancel\",\"job\":\"%s\"}", queue.jobs[0].job.id);
    say(ann, cancel);
    pass(20000);
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_CANCELED);
    there->cut = 0;
    over();
}

static void says(const struct queue_said *said)
{
    queue.said[queue.said_count] = *said;
    queue.said[queue.said_count].job = &queue.jobs[0];
    queue.said_count++;
    pass(600);
}

static void programs_of_others_answer_with_a_text(void)
{
    workers(0);
    ask("{\"t\":\"run\",\"kind\":\"words\",\"f\":1}");
    CHECK_EQ_STR(queue.jobs[0].job.input, "hello world");
    CHECK_EQ_INT(queue.jobs[0].job.v, 0);
    say(bob, "{\"t\":\"edit\",\"f\":1,\"v\":0,\"n\":1,\"c\":[11,[0,\"!\"]]}");
    says(&(struct queue_said){.id = "1-0", .state = JOB_RUNNING, .output = "half\n"});
    CHECK_EQ_STR(queue.jobs[0].output, "half\n");
    says(&(struct queue_said){.id = "2-0", .state = JOB_DONE, .text = "HELLO WORLD"});
    CHECK_EQ_STR(text_at(here, 1), "HELLO WORLD!");
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_DONE);
    CHECK(queue.said[0].is_settled && queue.said[1].is_settled);
    over();
}

static void programs_of_others_may_fail(void)
{
    workers(0);
    ask("{\"t\":\"run\",\"kind\":\"words\",\"f\":1}");
    queue.jobs[0].job.tries = 1;
    says(&(struct queue_said){.id = "1-0", .state = JOB_FAILED, .problem = "no words", .code = 3});
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_QUEUED);
    queue.jobs[0].job.tries = 2;
    says(&(struct queue_said){.id = "2-0", .state = JOB_FAILED, .problem = "no words", .code = 3});
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_FAILED);
    CHECK_EQ_STR(queue.jobs[0].problem, "no words");
    over();
}

static void an_answer_to_a_text_long_gone_fails_for_good(void)
{
    workers(0);
    ask("{\"t\":\"run\",\"kind\":\"words\",\"f\":1}");
    free((char *)queue.jobs[0].job.ep);
    queue.jobs[0].job.ep = mem_strdup("9.other");
    says(&(struct queue_said){.id = "1-0", .state = JOB_DONE, .text = "x"});
    CHECK_EQ_INT(queue.jobs[0].job.state, JOB_FAILED);
    CHECK_EQ_STR(text_at(here, 1), "hello world");
    over();
}

/* Runs end, leases are lost, calls fail, at random: every job is done in the end, and each has put
 * its line into the text once. */
static void whatever_happens_each_job_has_its_effect_once(void)
{
    uint64_t seed = check_seed();
    workers(3);
    for (int i = 0; i < 20; i++)
        ask(format_it);
    for (int round = 0; round < 4000; round++) {
        uint64_t dice = check_random(&seed) % 16;
        queue.is_away = check_random(&seed) % 8 == 0;
        here->cut = check_random(&seed) % 8 == 0 ? OP(APPEND) : 0;
        there->cut = check_random(&seed) % 8 == 0 ? OP(APPEND) : 0;
        if (dice < 3)
            for (size_t i = 0; i < queue.job_count; i++)
                if (queue.jobs[i].job.state == JOB_RUNNING && check_random(&seed) % 3 == 0)
                    queue.jobs[i].lease_until = rooms.now;
        if (dice >= 8 && queue.run_count) {
            size_t i = check_random(&seed) % queue.run_count;
            char text[420];
            snprintf(text, sizeof text, "%.370s #%zu", queue.runs[i].input, queue.begun);
            if (strlen(queue.runs[i].input) < 350)
                run_end(i, RUN_EXITED, 0, text);
        }
        pass(50);
    }
    queue.is_away = false;
    here->cut = there->cut = 0;
    for (int round = 0; round < 400; round++) {
        while (queue.run_count) {
            char text[420];
            snprintf(text, sizeof text, "%.370s #%zu", queue.runs[0].input, queue.begun);
            run_end(0, RUN_EXITED, 0, text);
        }
        pass(500);
    }
    size_t marks = 0, done = 0;
    for (const char *c = text_at(here, 1); *c; c++)
        marks += *c == '#';
    for (size_t i = 0; i < queue.job_count; i++)
        done += queue.jobs[i].job.state == JOB_DONE;
    CHECK_EQ_INT(done, 20);
    CHECK_EQ_INT(marks, 20);
    CHECK_EQ_INT(version_at(here, 1), 20);
    CHECK(queue.begun > 20);
    over();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_formatted_text_is_an_edit_of_who_asked);
    RUN(what_cannot_be_asked_for_is_said);
    RUN(the_welcome_says_what_can_be_asked_for);
    RUN(a_try_that_fails_is_made_again_later_and_in_the_end_not);
    RUN(what_is_printed_is_text_in_pieces);
    RUN(a_project_is_given_as_files);
    RUN(a_running_one_is_stopped_a_waiting_one_never_begins);
    RUN(a_lease_that_was_lost_ends_the_work);
    RUN(an_edit_nobody_knows_of_is_made_again);
    RUN(who_stops_gives_its_work_back);
    RUN(who_stops_does_not_wait_for_a_queue_that_is_away);
    RUN(what_cannot_be_read_is_canceled_all_the_same);
    RUN(programs_of_others_answer_with_a_text);
    RUN(programs_of_others_may_fail);
    RUN(an_answer_to_a_text_long_gone_fails_for_good);
    RUN(whatever_happens_each_job_has_its_effect_once);
    return check_finish();
}
