/*
 * A row of the table says where a setting comes from and where it goes; limits and rates have their
 * own tables, in protocol/limits.h, and are found by their names there.
 */
#include "weft/server/config.h"
#include "setting.h"
#include "weft/base/buf.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/io/redis.h"
#include "weft/io/redis_link.h"
#include "weft/io/storage.h"
#include "weft/protocol/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_FILE "config/weftd.json"
#define FILE_MAX 1048576
#define RATE_MAX 10000000u
#define RENEW_MS 3000 /* how often core renews the leases of sessions */

#define IN(field) offsetof(struct config, field)

/* clang-format off */
static const struct setting settings[] = {
    {"host", "--host", "WEFT_HOST", "127.0.0.1",
     "address to listen on", IN(host), TEXT, 1, 60, {NULL}},
    {"port", "--port", "WEFT_PORT", "7070",
     "port, 0 for a free one", IN(port), NUMBER, 0, 65535, {NULL}},
    {"data", "--data", "WEFT_DATA", "./data",
     "folder of journal and store", IN(data), TEXT, 1, 900, {NULL}},
    {"durability", NULL, "WEFT_DURABILITY", "restart",
     "what acknowledged edits survive in the data folder", IN(durability),
     CHOICE, 0, 0, {"restart", "power-cut"}},
    {"durability.require", NULL, "WEFT_DURABILITY_REQUIRE", "none",
     "refuse to start where they would survive less", IN(durability_require),
     CHOICE, 0, 0, {"none", "restart", "power-cut"}},
    {"redis.url", NULL, "REDIS_URL", "",
     "Redis, shared by any number of servers, in place of the data folder", IN(redis_url),
     TEXT, 0, 900, {NULL}},
    {"redis.timeout_ms", NULL, "WEFT_REDIS_TIMEOUT_MS", "2000",
     "for the answer to a command", IN(redis_timeout_ms), NUMBER, 100, 60000, {NULL}},
    {"redis.lease_ms", NULL, "WEFT_REDIS_LEASE_MS", "10000",
     "after which the people of a server that died are gone", IN(redis_lease_ms),
     NUMBER, 4000, 600000, {NULL}},
    {"redis.trust_restarts", NULL, "WEFT_REDIS_TRUST_RESTARTS", "false",
     "you vouch that a restart of Redis loses nothing", IN(redis_trust_restarts),
     CHOICE, 0, 0, {"false", "true"}},
    {"degraded_ms", NULL, "WEFT_DEGRADED_MS", "20000",
     "how long Redis may be away before clients are sent elsewhere", IN(degraded_ms),
     NUMBER, 1000, 600000, {NULL}},
    {"mongodb", NULL, "MONGODB_URI", "",
     "MongoDB, where projects are saved", IN(mongodb_uri), TEXT, 0, 900, {NULL}},
    {"secret", NULL, "WEFT_SECRET", "",
     "key that signs resume tokens (default: made and kept)", IN(secret), TEXT, 0, 900, {NULL}},
    {"instance", NULL, "WEFT_INSTANCE", "",
     "name of this server (default: random)", IN(instance), TEXT, 0, 32, {NULL}},
    {"log.level", NULL, "WEFT_LOG_LEVEL", "info",
     "least that is logged", IN(log_level), CHOICE, 0, 0, {"debug", "info", "warn", "error"}},
    {"log.format", NULL, "WEFT_LOG_FORMAT", "logfmt",
     "how", IN(log_json), CHOICE, 0, 0, {"logfmt", "json"}},
    {"save.after_ms", NULL, "WEFT_SAVE_AFTER_MS", "2000",
     "from the first unsaved change to a save", IN(save_after_ms), NUMBER, 1, 600000, {NULL}},
    {"save.retry_ms", NULL, "WEFT_SAVE_RETRY_MS", "1000",
     "first wait after a failed save", IN(save_retry_ms), NUMBER, 1, 60000, {NULL}},
    {"save.concurrency", NULL, "WEFT_SAVE_CONCURRENCY", "3",
     "projects that are saved at once, to MongoDB", IN(save_concurrency), NUMBER, 1, 64, {NULL}},
    {"save.lease_ms", NULL, "WEFT_SAVE_LEASE_MS", "15000",
     "after which what a server that died was saving is saved by another", IN(save_lease_ms),
     NUMBER, 1000, 600000, {NULL}},
    {"save.rate.count", NULL, "WEFT_SAVE_RATE_COUNT", "10",
     "of which one server begins so many", IN(save_rate_count), NUMBER, 1, 100000, {NULL}},
    {"save.rate.ms", NULL, "WEFT_SAVE_RATE_MS", "10000",
     "in any stretch of so long", IN(save_rate_ms), NUMBER, 1, 3600000, {NULL}},
    {"save.alarm_tries", NULL, "WEFT_SAVE_ALARM_TRIES", "8",
     "failed saves in a row that are an error in the log", IN(save_alarm_tries),
     NUMBER, 1, 1000, {NULL}},
    {"history.every_ms", NULL, "WEFT_HISTORY_EVERY_MS", "600000",
     "a save adds to the history of a file so often, 0: never", IN(history_every_ms),
     NUMBER, 0, 31536000000ull, {NULL}},
    {"history.keep", NULL, "WEFT_HISTORY_KEEP", "100",
     "texts kept in it", IN(history_keep), NUMBER, 1, 1000, {NULL}},
    {"queue.keep_ms", NULL, "WEFT_QUEUE_KEEP_MS", "86400000",
     "a job that is over is kept so long", IN(queue_keep_ms),
     NUMBER, 1000, 31536000000ull, {NULL}},
    {"worker.concurrency", NULL, "WEFT_WORKER_CONCURRENCY", "4",
     "jobs of one process at once", IN(worker_concurrency), NUMBER, 1, 1000, {NULL}},
    {"worker.lease_ms", NULL, "WEFT_WORKER_LEASE_MS", "15000",
     "after which the jobs of a worker that died are taken by another", IN(worker_lease_ms),
     NUMBER, 1000, 600000, {NULL}},
    {"worker.folder", NULL, "WEFT_WORKER_FOLDER", "/tmp",
     "where the folders that commands run in are made", IN(worker_folder), TEXT, 1, 900, {NULL}},
    {"drain.in_ms", NULL, "WEFT_DRAIN_IN_MS", "5000",
     "from SIGTERM to the close of who is still connected", IN(drain_in_ms),
     NUMBER, 1, 600000, {NULL}},
    {"drain.spread_ms", NULL, "WEFT_DRAIN_SPREAD_MS", "4000",
     "over which clients spread their return", IN(drain_spread_ms), NUMBER, 1, 600000, {NULL}},
};
/* clang-format on */
#define SETTING_COUNT (sizeof(settings) / sizeof(settings[0]))

struct limit {
    const char *name;
    size_t offset;
    uint32_t least, most;
    const char *meaning;
};

static const struct limit limits[] = {
#define LIMIT_ROW(name, def, least, most, text)                                                    \
    {#name, offsetof(struct limits, name), least, most, text},
    LIMIT_TABLE(LIMIT_ROW)
#undef LIMIT_ROW
};
#define LIMIT_COUNT (sizeof(limits) / sizeof(limits[0]))

/* ---- one value ---- */

static enum err set_limit(struct config *config, const char *name, const char *value,
                          struct error *error)
{
    for (size_t i = 0; i < LIMIT_COUNT; i++) {
        if (strcmp(name + strlen("limits."), limits[i].name) != 0)
            continue;
        uint64_t number;
        enum err err = setting_number(name, value, limits[i].least, limits[i].most, &number, error);
        if (!err)
            *(uint32_t *)((char *)&config->limits + limits[i].offset) = (uint32_t)number;
        return err;
    }
    return error_set(error, ERR_BAD_MESSAGE, "there is no setting %.100s", name);
}

/* "edit" sets both, burst to twice the number; "edit.per_s" and "edit.burst" set one. */
static enum err set_rate(struct config *config, const char *name, const char *value,
                         struct error *error)
{
    const char *which = name + strlen("limits.rate.");
    for (enum rate_kind kind = 0; kind < RATE_COUNT; kind++) {
        size_t len = strlen(rate_name(kind));
        if (strncmp(which, rate_name(kind), len) != 0)
            continue;
        const char *part = which + len;
        bool is_both = *part == '\0';
        if (!is_both && strcmp(part, ".per_s") != 0 && strcmp(part, ".burst") != 0)
            continue;
        uint64_t number;
        enum err err = setting_number(name, value, 1, RATE_MAX, &number, error);
        if (err)
            return err;
        if (is_both || strcmp(part, ".per_s") == 0)
            config->rates[kind].per_s = (uint32_t)number;
        if (is_both || strcmp(part, ".burst") == 0)
            config->rates[kind].burst = (uint32_t)(is_both ? 2 * number : number);
        return ERR_OK;
    }
    return error_set(error, ERR_BAD_MESSAGE, "there is no setting %.100s", name);
}

static enum err set_named(void *owner, const char *name, const char *value, struct error *error)
{
    struct config *config = owner;
    /* In the file, "durability" is a text, or an object where there is more to say. */
    if (strcmp(name, "durability.journal") == 0)
        name = "durability";
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        if (strcmp(name, settings[i].name) == 0)
            return setting_set(&settings[i], config, settings[i].name, value, error);
    }
    if (strncmp(name, "limits.rate.", strlen("limits.rate.")) == 0)
        return set_rate(config, name, value, error);
    if (strncmp(name, "limits.", strlen("limits.")) == 0)
        return set_limit(config, name, value, error);
    if (strncmp(name, "jobs.", strlen("jobs.")) == 0)
        return job_kinds_set(&config->jobs, name, value, error);
    return error_set(error, ERR_BAD_MESSAGE, "there is no setting %.100s", name);
}

/* ---- all of them ---- */

void config_init(struct config *config)
{
    memset(config, 0, sizeof(*config));
    config->limits = limits_default();
    rates_default(config->rates);
    settings_init(settings, SETTING_COUNT, config);
}

void config_close(struct config *config)
{
    settings_close(settings, SETTING_COUNT, config);
    job_kinds_close(&config->jobs);
    memset(config, 0, sizeof(*config));
}

static enum err check_redis(const struct config *config, struct error *error)
{
    struct error why = {0};
    struct redis_address *address = redis_address_parse(config->redis_url, &why);
    if (!address)
        return error_set(error, ERR_BAD_MESSAGE, "redis.url: %.140s", why.text);
    redis_address_free(address);
    if (config->redis_lease_ms < RENEW_MS + config->redis_timeout_ms)
        return error_set(error, ERR_BAD_MESSAGE,
                         "redis.lease_ms is below %d (how often it is renewed) + redis.timeout_ms",
                         RENEW_MS);
    return ERR_OK;
}

static enum err check_journal(const struct config *config, struct error *error)
{
    bool keeps_power_cut = config->durability == DURABILITY_POWER_CUT;
    if (config->durability_require == REDIS_POWER_CUT && !keeps_power_cut)
        return error_set(error, ERR_BAD_MESSAGE,
                         "durability.require is power-cut, and durability is less");
    return ERR_OK;
}

/* What each allows alone may still make no sense together. */
static enum err check_together(struct config *config, struct error *error)
{
    const struct limits *all = &config->limits;
    enum err err = job_kinds_check(&config->jobs, error);
    if (err)
        return err;
    if (all->hello_frame > all->frame)
        return error_set(error, ERR_BAD_MESSAGE, "limits.hello_frame is above limits.frame");
    if (all->queue_presence > all->queue_edits || all->queue_edits > all->queue)
        return error_set(error, ERR_BAD_MESSAGE,
                         "limits.queue_presence, queue_edits and queue are not in rising order");
    return config->redis_url[0] ? check_redis(config, error) : check_journal(config, error);
}

enum err config_read(struct config *config, const char *json, size_t len, struct error *error)
{
    enum err err = decode_settings(json, len, set_named, config, error);
    return err ? err : check_together(config, error);
}

static enum err read_file(struct config *config, const char *path, bool is_optional,
                          struct error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file && is_optional && errno == ENOENT)
        return ERR_OK;
    if (!file)
        return error_set(error, ERR_BAD_MESSAGE, "cannot read %.90s: %s", path, strerror(errno));
    struct buf text = BUF_EMPTY;
    size_t got;
    do {
        got = fread(buf_reserve(&text, 4096), 1, 4096, file);
        text.len += got;
    } while (got > 0 && text.len <= FILE_MAX);
    bool is_bad = ferror(file) || text.len > FILE_MAX;
    fclose(file);
    struct error why = {0};
    enum err err = is_bad ? error_set(&why, ERR_BAD_MESSAGE, "it cannot be read, or is too large")
                          : decode_settings(text.data, text.len, set_named, config, &why);
    buf_close(&text);
    return err ? error_set(error, err, "%.60s: %.90s", path, why.text) : ERR_OK;
}

static const char *environment(const char *name)
{
    const char *value = name ? getenv(name) : NULL;
    return value && *value ? value : NULL;
}

static enum err read_environment(struct config *config, struct error *error)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *value = environment(settings[i].environment);
        struct error why = {0};
        enum err err =
            value ? setting_set(&settings[i], config, settings[i].name, value, &why) : ERR_OK;
        if (err)
            return error_set(error, err, "%s: %.120s", settings[i].environment, why.text);
    }
    return ERR_OK;
}

/* ---- the command line ---- */

static enum err keep_action(enum config_action *action, enum config_action found)
{
    if (*action < found)
        *action = found;
    return ERR_OK;
}

/* Returns the value of a flag, "--port 1" or "--port=1", and moves *argv to its last word. */
static const char *flag_value(char ***argv, const char *flag)
{
    const char *word = **argv;
    size_t len = strlen(flag);
    if (strncmp(word, flag, len) == 0 && word[len] == '=')
        return word + len + 1;
    return strcmp(word, flag) == 0 && (*argv)[1] ? *++*argv : NULL;
}

static bool is_flag(const char *word, const char *flag)
{
    size_t len = strlen(flag);
    return strncmp(word, flag, len) == 0 && (word[len] == '\0' || word[len] == '=');
}

static enum err read_flag(struct config *config, char ***argv, struct error *error)
{
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const char *flag = settings[i].flag;
        if (!flag || !is_flag(**argv, flag))
            continue;
        const char *value = flag_value(argv, flag);
        if (!value)
            return error_set(error, ERR_BAD_MESSAGE, "%s needs a value", flag);
        return setting_set(&settings[i], config, settings[i].name, value, error);
    }
    return error_set(error, ERR_BAD_MESSAGE, "there is no flag or command %.60s; see --help",
                     **argv);
}

static enum err read_flags(struct config *config, char **argv, struct error *error)
{
    enum err err = ERR_OK;
    for (char **at = argv + 1; !err && *at; at++) {
        if (is_flag(*at, "--config"))
            (void)flag_value(&at, "--config");
        else if (strcmp(*at, "--check-config") != 0)
            err = read_flag(config, &at, error);
    }
    return err;
}

/* What has to be known before anything is read: which file, and whether to run at all. */
static enum err look_ahead(char **argv, const char **file, enum config_action *action,
                           struct error *error)
{
    *action = CONFIG_RUN;
    *file = environment("WEFT_CONFIG");
    for (char **at = argv + 1; *at; at++) {
        if (strcmp(*at, "--help") == 0 || strcmp(*at, "-h") == 0)
            return keep_action(action, CONFIG_HELP);
        if (strcmp(*at, "--version") == 0)
            return keep_action(action, CONFIG_VERSION);
        if (strcmp(*at, "--check-config") == 0)
            (void)keep_action(action, CONFIG_CHECK);
        if (is_flag(*at, "--config") && !(*file = flag_value(&at, "--config")))
            return error_set(error, ERR_BAD_MESSAGE, "--config needs a value");
    }
    return ERR_OK;
}

enum err config_load(struct config *config, char **argv, enum config_action *action,
                     struct error *error)
{
    const char *file;
    config_init(config);
    enum err err = look_ahead(argv, &file, action, error);
    if (err || *action >= CONFIG_VERSION)
        return err;
    err = read_file(config, file ? file : DEFAULT_FILE, !file, error);
    if (!err)
        err = read_environment(config, error);
    if (!err)
        err = read_flags(config, argv, error);
    return err ? err : check_together(config, error);
}

void config_print_help(FILE *out)
{
    fputs("weftd [serve] [--config FILE] [--host ADDR] [--port N] [--data DIR] [--check-config]\n"
          "              [--version] [--help]\n"
          "weftd worker [--config FILE] …   runs commands of jobs, with REDIS_URL\n"
          "weftd jobs …                     what is in the queue of jobs; weftd jobs --help\n\n"
          "Serves the page, the protocol weft.v1 and HTTP on one port, and keeps projects in the\n"
          "data folder; with REDIS_URL in Redis, as one of any number of servers. With\n"
          "MONGODB_URI projects are saved there, whichever of both it is.\n\n"
          "A flag wins over the environment, the environment over the file (config/weftd.json\n"
          "where it exists). A dotted name is nested objects in the file.\n\n",
          out);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *s = &settings[i];
        fprintf(out, "  %-20s %-7s %-25s %s", s->name, s->flag ? s->flag : "",
                s->environment ? s->environment : "", s->meaning);
        for (int c = 0; s->choices[c]; c++)
            fprintf(out, "%s%s", c > 0 ? ", " : ": ", s->choices[c]);
        fprintf(out, s->fallback[0] ? " (%s)\n" : "\n", s->fallback);
    }
    struct limits defaults = limits_default();
    struct rate rates[RATE_COUNT];
    rates_default(rates);
    fputs("\nIn the file only:\n\n", out);
    for (size_t i = 0; i < LIMIT_COUNT; i++)
        fprintf(out, "  limits.%-16s %s (%u)\n", limits[i].name, limits[i].meaning,
                *(uint32_t *)((char *)&defaults + limits[i].offset));
    for (enum rate_kind kind = 0; kind < RATE_COUNT; kind++)
        fprintf(out, "  limits.rate.%-11s %s a second (%u, burst %u)\n", rate_name(kind),
                kind == RATE_bytes ? "bytes" : "messages", rates[kind].per_s, rates[kind].burst);
    fputs("\nA rate is a number (burst twice that) or {\"per_s\": 100, \"burst\": 200}.\n", out);
    job_kinds_print_help(out);
}
