#include "weft/server/config.h"
#include "weft/io/redis.h"
#include "weft/io/storage.h"

#include "check.h"

static struct config config;

static enum err read_json(const char *json, struct error *error)
{
    config_close(&config);
    config_init(&config);
    error_clear(error);
    return config_read(&config, json, strlen(json), error);
}

static void the_defaults_are_the_documented_ones(void)
{
    config_init(&config);
    CHECK_EQ_STR(config.host, "127.0.0.1");
    CHECK_EQ_INT(config.port, 7070);
    CHECK_EQ_STR(config.data, "./data");
    CHECK_EQ_INT(config.durability, 0);
    CHECK_EQ_INT(config.durability_require, REDIS_NONE);
    CHECK_EQ_STR(config.redis_url, "");
    CHECK_EQ_INT(config.redis_timeout_ms, 2000);
    CHECK_EQ_INT(config.redis_lease_ms, 10000);
    CHECK_EQ_INT(config.redis_trust_restarts, 0);
    CHECK_EQ_INT(config.degraded_ms, 20000);
    CHECK_EQ_INT(config.limits.frame, 2097152);
    CHECK_EQ_INT(config.rates[RATE_edit].per_s, 100);
    CHECK_EQ_INT(config.rates[RATE_edit].burst, 200);
    config_close(&config);
}

static void a_file_sets_what_it_names(void)
{
    struct error error = {0};
    CHECK_EQ_INT(read_json("{\"host\": \"::1\", \"port\": 0, \"durability\": \"power-cut\","
                           " \"limits\": {\"files\": 5, \"rate\": {\"edit\": 7, \"open\":"
                           " {\"per_s\": 3, \"burst\": 9}}}, \"log\": {\"format\": \"json\"}}",
                           &error),
                 ERR_OK);
    CHECK_EQ_STR(config.host, "::1");
    CHECK_EQ_INT(config.port, 0);
    CHECK_EQ_INT(config.durability, 1);
    CHECK_EQ_INT(config.limits.files, 5);
    CHECK_EQ_INT(config.rates[RATE_edit].per_s, 7);
    CHECK_EQ_INT(config.rates[RATE_edit].burst, 14);
    CHECK_EQ_INT(config.rates[RATE_open].per_s, 3);
    CHECK_EQ_INT(config.rates[RATE_open].burst, 9);
    CHECK_EQ_INT(config.log_json, 1);
    CHECK_EQ_STR(config.data, "./data");
}

static void durability_is_a_text_or_an_object(void)
{
    struct error error = {0};
    CHECK_EQ_INT(read_json("{\"durability\": {\"journal\": \"power-cut\","
                           " \"require\": \"power-cut\"}}",
                           &error),
                 ERR_OK);
    CHECK_EQ_INT(config.durability, DURABILITY_POWER_CUT);
    CHECK_EQ_INT(config.durability_require, REDIS_POWER_CUT);
    CHECK_EQ_INT(read_json("{\"durability\": \"power-cut\"}", &error), ERR_OK);
    CHECK_EQ_INT(config.durability, DURABILITY_POWER_CUT);
    CHECK_EQ_INT(config.durability_require, REDIS_NONE);
    CHECK_EQ_INT(read_json("{\"durability\": {\"require\": \"restart\"}}", &error), ERR_OK);
    CHECK_EQ_INT(config.durability, DURABILITY_RESTART);
    CHECK_EQ_INT(config.durability_require, REDIS_RESTART);
}

static void redis_has_its_settings(void)
{
    struct error error = {0};
    CHECK_EQ_INT(read_json("{\"redis\": {\"url\": \"redis://h\", \"timeout_ms\": 100,"
                           " \"lease_ms\": 4000, \"trust_restarts\": true},"
                           " \"durability\": {\"require\": \"power-cut\"},"
                           " \"degraded_ms\": 1000}",
                           &error),
                 ERR_OK);
    CHECK_EQ_STR(config.redis_url, "redis://h");
    CHECK_EQ_INT(config.redis_timeout_ms, 100);
    CHECK_EQ_INT(config.redis_lease_ms, 4000);
    CHECK_EQ_INT(config.redis_trust_restarts, 1);
    CHECK_EQ_INT(config.degraded_ms, 1000);
}

/* Every row of the tables of limits, at both ends and one beyond. */
static void every_limit_can_be_set_within_its_bounds(void)
{
    static const struct {
        const char *name;
        uint32_t least, most;
    } limits[] = {
#define ROW(name, def, least, most, text) {#name, least, most},
        LIMIT_TABLE(ROW)
#undef ROW
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        for (int end = 0; end < 4; end++) {
            char json[200];
            struct error error = {0};
            uint64_t value = end < 2 ? limits[i].least - (uint64_t)(end == 1)
                                     : limits[i].most + (uint64_t)(end == 3);
            snprintf(json, sizeof(json), "{\"limits\": {\"%s\": %" PRIu64 "}}", limits[i].name,
                     value);
            enum err err = read_json(json, &error);
            bool is_together = strstr(error.text, " is above ") || strstr(error.text, "rising");
            if (end % 2 == 0 ? err != ERR_OK && !is_together
                             : err == ERR_OK || !strstr(error.text, limits[i].name))
                CHECK_FAIL("%s: %s", json, error.text);
        }
    }
}

static const struct {
    const char *json, *reason;
} bad[] = {
    {"", "before byte"},
    {"[]", "no object"},
    {"{\"port\": 1} x", "end of file"},
    {"{\"prot\": 1}", "there is no setting prot"},
    {"{\"limits\": {\"fiels\": 1}}", "there is no setting limits.fiels"},
    {"{\"limits\": 1}", "there is no setting limits"},
    {"{\"limits\": {\"rate\": {\"chatter\": 1}}}", "there is no setting limits.rate.chatter"},
    {"{\"limits\": {\"rate\": {\"edit\": {\"per_m\": 1}}}}", "limits.rate.edit.per_m"},
    {"{\"limits\": {\"rate\": {\"edit\": 0}}}", "limits.rate.edit is a whole number from 1"},
    {"{\"port\": 65536}", "port is a whole number from 0 to 65535, not 65536"},
    {"{\"port\": -1}", "port is a whole number"},
    {"{\"port\": 1.5}", "port is neither"},
    {"{\"port\": null}", "port is neither"},
    {"{\"port\": [1]}", "port[0] is no text"},
    {"{\"port\": [\"1\"]}", "there is no setting port[0]"},
    {"{\"port\": []}", "port is an empty list"},
    {"{\"port\": \"x\"}", "not x"},
    {"{\"port\": \"\"}", "port is a whole number"},
    {"{\"port\": 9223372036854775807}", "port is a whole number"},
    {"{\"port\": 1, \"port\": 1}", "duplicate"},
    {"{\"host\": \"\"}", "host has 1 to 60 bytes"},
    {"{\"durability\": \"forever\"}", "durability is one of restart, power-cut, not forever"},
    {"{\"durability\": {\"require\": \"all\"}}", "durability.require is one of none, restart"},
    {"{\"durability\": {\"require\": \"power-cut\"}}", "durability.require is power-cut, and"},
    {"{\"redis\": \"redis://h\"}", "there is no setting redis"},
    {"{\"redis\": {\"trust_restarts\": 1}}", "redis.trust_restarts is one of false, true, not 1"},
    {"{\"redis\": {\"url\": \"redis://h\", \"timeout_ms\": 9000}}", "redis.lease_ms is below 3000"},
    {"{\"redis\": {\"url\": \"http://h\"}}", "redis.url: "},
    {"{\"limits\": {\"queue_edits\": 8388608}}", "rising order"},
    {"{\"limits\": {\"frame\": 8192, \"hello_frame\": 16384}}", "hello_frame is above"},
    {"{\"jobs\": 1}", "there is no setting jobs"},
    {"{\"jobs\": {\"Format\": {\"input\": \"file\"}}}",
     "jobs.Format.input: a kind of job has a name"},
    {"{\"jobs\": {\"abcdefghijklmnopqrstuvwxyzabcdefg\": {\"tries\": 1}}}", "of at most 32"},
    {"{\"jobs\": {\"a\": 1}}", "there is no setting jobs.a"},
    {"{\"jobs\": {\"a\": {\"comand\": [\"x\"]}}}", "there is no setting jobs.a.comand[0]"},
    {"{\"jobs\": {\"a\": {\"command\": \"wc -l\"}}}", "jobs.a.command is a list of words"},
    {"{\"jobs\": {\"a\": {\"command\": [\"wc\", 1]}}}", "jobs.a.command[1] is no text"},
    {"{\"jobs\": {\"a\": {\"command\": []}}}", "jobs.a.command is an empty list"},
    {"{\"jobs\": {\"a\": {\"command\": [\"\"]}}}", "jobs.a: command[0] is the name of a program"},
    {"{\"jobs\": {\"a\": {\"command\": [\"{path}\"]}}}", "command[0] is the name of a program"},
    {"{\"jobs\": {\"a\": {\"input\": \"all\"}}}",
     "jobs.a.input is one of none, file, project, not all"},
    {"{\"jobs\": {\"a\": {\"output\": \"edit\", \"command\": [\"x\"]}}}",
     "jobs.a: with output edit"},
    {"{\"jobs\": {\"a\": {\"output\": \"file\"}}}", "jobs.a: without a command, output"},
    {"{\"jobs\": {\"a\": {\"input\": \"project\"}}}", "jobs.a: without a command, input"},
    {"{\"jobs\": {\"a\": {\"time_ms\": 0}}}", "jobs.a.time_ms is a whole number from 1"},
    {"{\"jobs\": {\"a\": {\"tries\": 101}}}", "jobs.a.tries is a whole number from 1 to 100"},
    {"{\"jobs\": {\"a\": {\"limit\": {\"count\": 1}}}}", "jobs.a: limit has both"},
    {"{\"jobs\": {\"a\": {\"limit\": 1}}}", "there is no setting jobs.a.limit"},
    {"{\"jobs\": {\"a\": {\"retry_ms\": 9, \"retry_most_ms\": 8}}}", "retry_most_ms is below"},
    {"{\"jobs\": {\"a\": {\"content_type\": \"zip\"}}}", "jobs.a: content_type"},
};

static void what_is_wrong_is_named(void)
{
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct error error = {0};
        enum err err = read_json(bad[i].json, &error);
        if (err == ERR_OK || !strstr(error.text, bad[i].reason))
            CHECK_FAIL("%s: \"%s\", not \"%s\"", bad[i].json, error.text, bad[i].reason);
    }
    config_close(&config);
}

/* ---- kinds of jobs ---- */

static const struct job_kind *kind_of(const char *name)
{
    for (size_t i = 0; i < config.jobs.count; i++) {
        if (strcmp(config.jobs.items[i]->name, name) == 0)
            return config.jobs.items[i];
    }
    REQUIRE(false);
    return NULL;
}

static void a_kind_of_job_has_what_it_names_and_else_the_defaults(void)
{
    struct error error = {0};
    CHECK_EQ_INT(
        read_json(
            "{\"jobs\": {\"format\": {\"command\": [\"prettier\", \"{path}\"], \"input\":"
            " \"file\", \"output\": \"edit\", \"paths\": \".js .ts\", \"time_ms\": 1,"
            " \"memory\": 0, \"output_max\": 2, \"tries\": 4, \"concurrency\": 5, \"limit\":"
            " {\"count\": 6, \"ms\": 7}, \"retry_ms\": 8, \"retry_most_ms\": 9, \"title\":"
            " \"Format\"}, \"words\": {\"input\": \"file\"}, \"zip\": {\"command\": [\"zip\"],"
            " \"input\": \"project\", \"output\": \"file\", \"content_type\": \"a/zip\"}}}",
            &error),
        ERR_OK);
    CHECK_EQ_STR(error.text, "");
    CHECK_EQ_INT(config.jobs.count, 3);
    const struct job_kind *kind = kind_of("format");
    CHECK_EQ_STR(kind->title, "Format");
    CHECK_EQ_STR(kind->command[0], "prettier");
    CHECK_EQ_STR(kind->command[1], "{path}");
    CHECK(!kind->command[2]);
    CHECK_EQ_INT(kind->input, JOB_INPUT_FILE);
    CHECK_EQ_INT(kind->output, JOB_OUTPUT_EDIT);
    CHECK_EQ_STR(kind->paths, ".js .ts");
    CHECK(kind->time_ms == 1 && kind->memory == 0 && kind->output_max == 2 && kind->tries == 4);
    CHECK(kind->concurrency == 5 && kind->limit_count == 6 && kind->limit_ms == 7);
    CHECK(kind->retry_ms == 8 && kind->retry_most_ms == 9);
    kind = kind_of("words");
    CHECK(!kind->command);
    CHECK_EQ_STR(kind->title, "");
    CHECK_EQ_STR(kind->paths, "");
    CHECK_EQ_INT(kind->output, JOB_OUTPUT_TEXT);
    CHECK(kind->time_ms == 30000 && kind->memory == 1 << 30 && kind->output_max == 1 << 20);
    CHECK(kind->tries == 3 && kind->concurrency == 4 && kind->limit_count == 0);
    CHECK(kind->limit_ms == 0 && kind->retry_ms == 1000 && kind->retry_most_ms == 60000);
    kind = kind_of("zip");
    CHECK_EQ_INT(kind->input, JOB_INPUT_PROJECT);
    CHECK_EQ_INT(kind->output, JOB_OUTPUT_FILE);
    CHECK_EQ_STR(kind->content_type, "a/zip");
    config_close(&config);
}

static void there_are_at_most_64_kinds_of_jobs(void)
{
    char json[4096] = "{\"jobs\": {";
    struct error error = {0};
    for (int i = 0; i < 64; i++)
        snprintf(json + strlen(json), 40, "%s\"k%d\": {\"tries\": 1}", i > 0 ? ", " : "", i);
    strcat(json, "}}");
    CHECK_EQ_INT(read_json(json, &error), ERR_OK);
    CHECK_EQ_INT(config.jobs.count, 64);
    strcpy(json + strlen(json) - 2, ", \"k64\": {\"tries\": 1}}}");
    CHECK_EQ_INT(read_json(json, &error), ERR_BAD_MESSAGE);
    CHECK_EQ_STR(error.text, "there are more than 64 kinds of jobs");
    config_close(&config);
}

/* ---- where a value comes from ---- */

static enum err load(enum config_action *action, struct error *error, const char *const *words)
{
    char *argv[12] = {"weftd"};
    for (int i = 0; words[i]; i++)
        argv[i + 1] = (char *)words[i];
    error_clear(error);
    return config_load(&config, argv, action, error);
}
#define LOAD(...) load(&action, &error, (const char *const[]){__VA_ARGS__, NULL})

static void a_flag_wins_over_the_environment_and_that_over_the_file(void)
{
    char path[] = "/tmp/weft-config-XXXXXX";
    enum config_action action;
    struct error error = {0};
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    dprintf(fd, "{\"port\": 1001, \"data\": \"/file\", \"host\": \"127.0.0.3\"}");
    close(fd);
    setenv("WEFT_PORT", "1002", 1);
    setenv("WEFT_HOST", "", 1); /* set to nothing is not set */
    CHECK_EQ_INT(LOAD("--config", path), ERR_OK);
    CHECK_EQ_INT(config.port, 1002);
    CHECK_EQ_STR(config.host, "127.0.0.3");
    CHECK_EQ_STR(config.data, "/file");
    config_close(&config);
    CHECK_EQ_INT(LOAD("--port=1003", "--config", path, "--data", "/flag"), ERR_OK);
    CHECK_EQ_INT(config.port, 1003);
    CHECK_EQ_STR(config.data, "/flag");
    CHECK_EQ_INT(action, CONFIG_RUN);
    config_close(&config);
    setenv("WEFT_CONFIG", path, 1);
    unsetenv("WEFT_PORT");
    CHECK_EQ_INT(LOAD("--check-config"), ERR_OK);
    CHECK_EQ_INT(config.port, 1001);
    CHECK_EQ_INT(action, CONFIG_CHECK);
    config_close(&config);
    unsetenv("WEFT_CONFIG");
    unlink(path);
    CHECK_EQ_INT(LOAD("--config", path), ERR_BAD_MESSAGE);
    CHECK(strstr(error.text, "No such file") != NULL);
    config_close(&config);
}

static void wrong_words_are_named(void)
{
    static const char *const wrong[][3] = {
        {"--prot", "1", "--prot"},
        {"worker", NULL, "worker"},
        {"--port", NULL, "--port needs a value"},
        {"--config", NULL, "--config needs a value"},
        {"--port", "x", "not x"},
        {"--portable=1", NULL, "--portable"},
    };
    enum config_action action;
    struct error error = {0};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        CHECK(load(&action, &error, (const char *const[]){wrong[i][0], wrong[i][1], NULL}) !=
              ERR_OK);
        if (!strstr(error.text, wrong[i][2]))
            CHECK_FAIL("\"%s\" does not name %s", error.text, wrong[i][2]);
        config_close(&config);
    }
    setenv("WEFT_DURABILITY", "never", 1);
    CHECK(LOAD("--port", "1") != ERR_OK);
    CHECK(strstr(error.text, "WEFT_DURABILITY: durability is one of") != NULL);
    config_close(&config);
    CHECK_EQ_INT(LOAD("--help"), ERR_OK); /* whatever else is wrong */
    CHECK_EQ_INT(action, CONFIG_HELP);
    config_close(&config);
    CHECK_EQ_INT(LOAD("--version", "--nonsense"), ERR_OK);
    CHECK_EQ_INT(action, CONFIG_VERSION);
    unsetenv("WEFT_DURABILITY");
    config_close(&config);
}

/* What a file says may only make sense with what the environment adds. */
static void settings_are_compared_when_all_are_known(void)
{
    char path[] = "/tmp/weft-config-XXXXXX";
    enum config_action action;
    struct error error = {0};
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    dprintf(fd, "{\"durability\": {\"require\": \"power-cut\"}}");
    close(fd);
    CHECK_EQ_INT(LOAD("--config", path), ERR_BAD_MESSAGE);
    CHECK(strstr(error.text, "durability.require is power-cut") != NULL);
    config_close(&config);
    setenv("REDIS_URL", "redis://127.0.0.1", 1);
    CHECK_EQ_INT(LOAD("--config", path), ERR_OK);
    config_close(&config);
    unsetenv("REDIS_URL");
    setenv("WEFT_DURABILITY", "power-cut", 1);
    CHECK_EQ_INT(LOAD("--config", path), ERR_OK);
    config_close(&config);
    unsetenv("WEFT_DURABILITY");
    unlink(path);
}

/* The file that the project comes with says what holds without it. */
static void the_projects_own_file_is_accepted(void)
{
    enum config_action action;
    struct error error = {0};
    CHECK_EQ_INT(LOAD("--config", "config/weftd.json"), ERR_OK);
    CHECK_EQ_STR(error.text, "");
    CHECK_EQ_INT(config.port, 7070);
    config_close(&config);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(the_defaults_are_the_documented_ones);
    RUN(a_file_sets_what_it_names);
    RUN(durability_is_a_text_or_an_object);
    RUN(redis_has_its_settings);
    RUN(every_limit_can_be_set_within_its_bounds);
    RUN(what_is_wrong_is_named);
    RUN(a_kind_of_job_has_what_it_names_and_else_the_defaults);
    RUN(there_are_at_most_64_kinds_of_jobs);
    RUN(a_flag_wins_over_the_environment_and_that_over_the_file);
    RUN(wrong_words_are_named);
    RUN(settings_are_compared_when_all_are_known);
    RUN(the_projects_own_file_is_accepted);
    config_close(&config);
    return check_finish();
}
