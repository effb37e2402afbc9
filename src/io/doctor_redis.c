/* Redis as a doctor sees it, over the same link that a server uses, so that TLS, sentinels and
 * passwords are tried as they will be. */
#include "redis_promise.h"
#include "weft/base/random.h"
#include "weft/io/doctor.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PINGS 100
#define VERSION_LEAST 7
#define CLOCKS_MS 1000 /* apart, and people are told wrong times */
#define SLOW_MS 5.0

struct patient {
    const struct findings *findings;
    uint64_t timeout_ms;
    uv_loop_t loop;
    uv_timer_t timer;
    struct redis_link *link, *ears;
    char channel[48];
    bool is_late, is_up, is_subscribed, is_heard;
    /* of the last command: */
    bool is_answered, is_good;
    char text[200]; /* a string or an error, cut */
    int64_t numbers[2];
    struct redis_promise promise;
};

void findings_say(const struct findings *findings, enum finding finding, const char *about,
                  const char *format, ...)
{
    char words[400];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    findings->add(findings->owner, finding, about, words);
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

double doctor_percentile(double *values, int count, int percent)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    int at = (count * percent + 99) / 100 - 1;
    return values[at < 0 ? 0 : at];
}

/* ---- waiting ---- */

static void is_late(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Turns the loop until it is so; false: it took too long. */
static bool wait_until(struct patient *patient, const bool *is_so)
{
    patient->is_late = false;
    uv_timer_start(&patient->timer, is_late, patient->timeout_ms, 0);
    while (!*is_so && !patient->is_late)
        uv_run(&patient->loop, UV_RUN_ONCE);
    uv_timer_stop(&patient->timer);
    return *is_so;
}

static void take_reply(struct patient *patient, const struct redisReply *reply)
{
    patient->is_answered = true;
    patient->is_good = reply && reply->type != REDIS_REPLY_ERROR;
    snprintf(patient->text, sizeof patient->text, "%s",
             !reply       ? "no answer"
             : reply->str ? reply->str
                          : "");
    for (size_t i = 0; reply && reply->type == REDIS_REPLY_ARRAY && i < reply->elements && i < 2;
         i++) {
        if (reply->element[i]->str)
            patient->numbers[i] = strtoll(reply->element[i]->str, NULL, 10);
    }
}

static void replied(void *owner, void *data, struct redisReply *reply)
{
    (void)owner;
    take_reply(data, reply);
}

static void promised(void *owner, void *data, struct redisReply *reply)
{
    struct patient *patient = data;
    (void)owner;
    take_reply(patient, reply);
    if (reply)
        redis_promise_read(reply, &patient->promise);
}

static bool await_reply(struct patient *patient)
{
    return wait_until(patient, &patient->is_answered) && patient->is_good;
}

/* Sends a command of so many words, and waits. False: the reason is in patient->text. */
static bool ask(struct patient *patient, size_t count, const char *const *words)
{
    struct redis_arg args[8];
    for (size_t i = 0; i < count; i++)
        args[i] = (struct redis_arg){words[i], strlen(words[i])};
    patient->is_answered = patient->is_good = false;
    snprintf(patient->text, sizeof patient->text, "no answer in time");
    redis_link_send(patient->link, args, count, replied, patient);
    return await_reply(patient);
}
#define ASK(patient, ...)                                                                          \
    ask(patient, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *),                           \
        (const char *const[]){__VA_ARGS__})

/* ---- the links ---- */

static void came_up(void *owner, const struct redis_server *server)
{
    (void)server;
    ((struct patient *)owner)->is_up = true;
}

static void subscribed(void *owner, const char *channel, size_t len, bool is_on)
{
    (void)channel, (void)len;
    ((struct patient *)owner)->is_subscribed = is_on;
}

static void heard(void *owner, const char *channel, size_t channel_len, const char *data,
                  size_t len)
{
    struct patient *patient = owner;
    (void)channel, (void)channel_len;
    patient->is_heard = len == 4 && memcmp(data, "echo", 4) == 0;
}

/* ---- what is looked at ---- */

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void look_at_version(struct patient *patient)
{
    const char *version = redis_link_server(patient->link)->version;
    bool is_old = strtol(version, NULL, 10) < VERSION_LEAST;
    findings_say(patient->findings, is_old ? FINDING_BAD : FINDING_OK, "redis.version",
                 is_old ? "Redis %s is too old: its scripts lack what Weft uses; take %d.0 or newer"
                        : "Redis %s, and it is a master",
                 version, VERSION_LEAST);
}

static void look_at_promise(struct patient *patient, enum redis_durability require)
{
    const struct redis_promise *promise = &patient->promise;
    patient->is_answered = false;
    redis_promise_ask(patient->link, promised, patient);
    await_reply(patient);
    if (promise->may_evict)
        findings_say(patient->findings, FINDING_BAD, "redis.promise",
                     "%s; set maxmemory-policy noeviction", promise->words);
    else if (promise->durability < require)
        findings_say(patient->findings, FINDING_BAD, "redis.promise",
                     "%s, and the setting durability.require asks for %s; set appendonly yes and "
                     "appendfsync %s",
                     promise->words, redis_durability_name(require),
                     require == REDIS_POWER_CUT ? "always" : "everysec");
    else
        findings_say(patient->findings,
                     promise->durability == REDIS_POWER_CUT ? FINDING_OK : FINDING_WARN,
                     "redis.promise", "%s; the promise is: %s%s", promise->words,
                     redis_durability_name(promise->durability),
                     promise->durability == REDIS_POWER_CUT
                         ? ""
                         : "; for more, set appendonly yes and appendfsync always");
}

static void look_at_script(struct patient *patient)
{
    static const char script[] = "redis.call('SET', KEYS[1], 'x', 'PX', 1000) "
                                 "redis.call('DEL', KEYS[1]) return redis.call('TIME')";
    struct timespec now;
    if (!ASK(patient, "EVAL", script, "1", patient->channel)) {
        findings_say(patient->findings, FINDING_BAD, "redis.script",
                     "a script that writes does not run: %s; let this user run EVAL, EVALSHA, "
                     "SCRIPT, and write keys weft:*",
                     patient->text);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t ours = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    int64_t apart = ours - (patient->numbers[0] * 1000 + patient->numbers[1] / 1000);
    findings_say(patient->findings, FINDING_OK, "redis.script", "scripts run, and may write");
    bool is_far = apart > CLOCKS_MS || apart < -CLOCKS_MS;
    findings_say(patient->findings, is_far ? FINDING_WARN : FINDING_OK, "redis.clock",
                 "this clock is %" PRId64 " ms %s that of Redis%s", apart < 0 ? -apart : apart,
                 apart < 0 ? "behind" : "before", is_far ? "; set both by NTP" : "");
}

static void look_at_echo(struct patient *patient)
{
    redis_link_subscribe(patient->ears, patient->channel);
    bool is_on = wait_until(patient, &patient->is_subscribed);
    bool is_sent = is_on && ASK(patient, "PUBLISH", patient->channel, "echo");
    if (is_sent && wait_until(patient, &patient->is_heard))
        findings_say(patient->findings, FINDING_OK, "redis.pubsub",
                     "what is published comes back to a subscriber");
    else
        findings_say(patient->findings, FINDING_BAD, "redis.pubsub",
                     "what is published does not come back (%s); let this user SUBSCRIBE and "
                     "PUBLISH on channels weft:*",
                     !is_on     ? "no subscription"
                     : !is_sent ? patient->text
                                : "nothing came");
}

static void look_at_latency(struct patient *patient)
{
    double times[PINGS];
    for (int i = 0; i < PINGS; i++) {
        double begin = now_ms();
        if (!ASK(patient, "PING")) {
            findings_say(patient->findings, FINDING_BAD, "redis.latency",
                         "a PING was not answered: %s", patient->text);
            return;
        }
        times[i] = now_ms() - begin;
    }
    double p99 = doctor_percentile(times, PINGS, 99);
    findings_say(patient->findings, p99 > SLOW_MS ? FINDING_WARN : FINDING_OK, "redis.latency",
                 "%d PINGs took %.2f ms (p50) and %.2f ms (p99)%s", PINGS,
                 doctor_percentile(times, PINGS, 50), p99,
                 p99 > SLOW_MS ? "; every edit waits for it: bring Redis nearer" : "");
}

static void look(struct patient *patient, enum redis_durability require)
{
    /* The link tries again by itself: who has sentinels may find the master a little later. */
    if (!wait_until(patient, &patient->is_up)) {
        const char *problem = redis_link_problem(patient->link);
        findings_say(patient->findings, FINDING_BAD, "redis.reach",
                     "it does not answer as it should: %s; check REDIS_URL, its user and password, "
                     "and that Redis runs",
                     problem[0] ? problem : "nothing came in time");
        return;
    }
    findings_say(patient->findings, FINDING_OK, "redis.reach", "it answers");
    look_at_version(patient);
    look_at_promise(patient, require);
    look_at_script(patient);
    look_at_echo(patient);
    look_at_latency(patient);
}

static void examine(struct patient *patient, const struct redis_address *address,
                    enum redis_durability require)
{
    struct redis_link_config config = {.loop = &patient->loop,
                                       .address = address,
                                       .name = "weft-doctor",
                                       .timeout_ms = patient->timeout_ms,
                                       .owner = patient};
    snprintf(patient->channel, sizeof patient->channel, "weft:doctor:%016" PRIx64, random_u64());
    uv_loop_init(&patient->loop);
    uv_timer_init(&patient->loop, &patient->timer);
    patient->timer.data = &patient->is_late;
    config.up = came_up;
    patient->link = redis_link_new(&config);
    config.up = NULL;
    config.subscribed = subscribed;
    config.pushed = heard;
    patient->ears = redis_link_new(&config);
    look(patient, require);
    redis_link_close(patient->link);
    redis_link_close(patient->ears);
    uv_close((uv_handle_t *)&patient->timer, NULL);
    uv_run(&patient->loop, UV_RUN_DEFAULT);
    uv_loop_close(&patient->loop);
}

void doctor_redis(const struct findings *findings, const char *url, uint64_t timeout_ms,
                  enum redis_durability require)
{
    struct patient patient = {.findings = findings, .timeout_ms = timeout_ms};
    struct error error = {0};
    struct redis_address *address = redis_address_parse(url, &error);
    if (!address) {
        findings_say(findings, FINDING_BAD, "redis.url", "%s", error.text);
        return;
    }
    findings_say(findings, FINDING_OK, "redis.url", "Redis is %s", redis_address_label(address));
    examine(&patient, address, require);
    redis_address_free(address);
}
