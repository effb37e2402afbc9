/* MongoDB as a doctor sees it: by the client library that a server uses, one call after the other.
 * What it writes goes into a collection of its own, which it drops. */
#include "weft/base/random.h"
#include "weft/io/doctor.h"

#include <inttypes.h>
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 2000
#define PINGS 100
#define SLOW_MS 50.0
#define VERSION_LEAST 5

struct examined {
    const struct findings *findings;
    mongoc_client_t *client;
    const char *database;
    bson_error_t error;
};

/* Takes command; the reply is the caller's to destroy. */
static bool run(struct examined *it, const char *database, bson_t *command, bson_t *reply)
{
    bool is_good =
        mongoc_client_command_simple(it->client, database, command, NULL, reply, &it->error);
    bson_destroy(command);
    return is_good;
}

static const char *text_of(const bson_t *document, const char *key)
{
    bson_iter_t at;
    return bson_iter_init_find(&at, document, key) && BSON_ITER_HOLDS_UTF8(&at)
               ? bson_iter_utf8(&at, NULL)
               : NULL;
}

static bool is_true(const bson_t *document, const char *key)
{
    bson_iter_t at;
    return bson_iter_init_find(&at, document, key) && bson_iter_as_bool(&at);
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The server's words may have the URI's user in them, and never its password. */
static bool look_at_reach(struct examined *it)
{
    bson_t reply;
    bool is_good = run(it, "admin", BCON_NEW("ping", BCON_INT32(1)), &reply);
    bson_destroy(&reply);
    if (is_good)
        findings_say(it->findings, FINDING_OK, "mongodb.reach", "it answers");
    else
        findings_say(it->findings, FINDING_BAD, "mongodb.reach",
                     "it does not answer as it should: %.200s; check MONGODB_URI, its user and "
                     "password, and that MongoDB runs",
                     it->error.message);
    return is_good;
}

static void look_at_version(struct examined *it)
{
    bson_t reply;
    const char *version = NULL;
    if (run(it, "admin", BCON_NEW("buildInfo", BCON_INT32(1)), &reply))
        version = text_of(&reply, "version");
    bool is_old = version && strtol(version, NULL, 10) < VERSION_LEAST;
    findings_say(it->findings, version && !is_old ? FINDING_OK : FINDING_WARN, "mongodb.version",
                 is_old ? "MongoDB %.40s is old; nothing below %d.0 is tried" : "MongoDB %.40s",
                 version ? version : "of a version that it does not tell", VERSION_LEAST);
    bson_destroy(&reply);
}

static void look_at_role(struct examined *it)
{
    bson_t reply;
    bool is_good = run(it, "admin", BCON_NEW("isMaster", BCON_INT32(1)), &reply);
    const char *set = is_good ? text_of(&reply, "setName") : NULL;
    if (!is_good || !is_true(&reply, "ismaster"))
        findings_say(it->findings, FINDING_BAD, "mongodb.role",
                     "it is no primary, so nothing can be saved; name the whole replica set in "
                     "MONGODB_URI (…/weft?replicaSet=NAME), or wait for the election");
    else if (set)
        findings_say(it->findings, FINDING_OK, "mongodb.role", "the primary of replica set %.80s",
                     set);
    else
        findings_say(it->findings, FINDING_WARN, "mongodb.role",
                     "a single server: what it has saved is on one disk; a replica set survives "
                     "the loss of one");
    bson_destroy(&reply);
}

/* Inserts and drops, as saves are written: by a majority, in its journal. */
static void look_at_writing(struct examined *it)
{
    char name[48];
    snprintf(name, sizeof name, "weft_doctor_%016" PRIx64, random_u64());
    mongoc_collection_t *own = mongoc_client_get_collection(it->client, it->database, name);
    mongoc_write_concern_t *concern = mongoc_write_concern_new();
    mongoc_write_concern_set_wmajority(concern, WAIT_MS);
    mongoc_write_concern_set_journal(concern, true);
    mongoc_collection_set_write_concern(own, concern);
    bson_t *document = BCON_NEW("_id", BCON_UTF8("doctor"));
    double begin = now_ms();
    bool is_good = mongoc_collection_insert_one(own, document, NULL, NULL, &it->error);
    double took = now_ms() - begin;
    if (is_good)
        findings_say(it->findings, FINDING_OK, "mongodb.write",
                     "a majority has a write in its journal after %.1f ms", took);
    else
        findings_say(it->findings, FINDING_BAD, "mongodb.write",
                     "a write is not taken by a majority with journal: %.200s; give this user "
                     "readWrite on %.60s, and look at the replica set",
                     it->error.message, it->database);
    if (!mongoc_collection_drop(own, &it->error) && is_good)
        findings_say(it->findings, FINDING_WARN, "mongodb.rights",
                     "the collection %s cannot be dropped again: %.120s", name, it->error.message);
    bson_destroy(document);
    mongoc_write_concern_destroy(concern);
    mongoc_collection_destroy(own);
}

static bool has_index(struct examined *it, const char *collection, const char *name)
{
    const bson_t *document;
    bool is_there = false;
    mongoc_collection_t *of = mongoc_client_get_collection(it->client, it->database, collection);
    mongoc_cursor_t *cursor = mongoc_collection_find_indexes_with_opts(of, NULL);
    while (!is_there && mongoc_cursor_next(cursor, &document)) {
        const char *found = text_of(document, "name");
        is_there = found && strcmp(found, name) == 0 && is_true(document, "unique");
    }
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(of);
    return is_there;
}

static void look_at_indexes(struct examined *it)
{
    static const char *const wanted[][2] = {
        {"files", "project_file"}, {"chat", "project_time"}, {"history", "project_file_version"}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (has_index(it, wanted[i][0], wanted[i][1]))
            continue;
        findings_say(it->findings, FINDING_WARN, "mongodb.indexes",
                     "the unique index %s of %s is not there; weftd makes it when it starts, and "
                     "says in its log where it cannot",
                     wanted[i][1], wanted[i][0]);
        return;
    }
    findings_say(it->findings, FINDING_OK, "mongodb.indexes", "the unique indexes are there");
}

static void look_at_latency(struct examined *it)
{
    double times[PINGS];
    for (int i = 0; i < PINGS; i++) {
        bson_t reply;
        double begin = now_ms();
        bool is_good = run(it, "admin", BCON_NEW("ping", BCON_INT32(1)), &reply);
        times[i] = now_ms() - begin;
        bson_destroy(&reply);
        if (!is_good) {
            findings_say(it->findings, FINDING_BAD, "mongodb.latency",
                         "a ping was not answered: %.200s", it->error.message);
            return;
        }
    }
    double p99 = doctor_percentile(times, PINGS, 99);
    findings_say(it->findings, p99 > SLOW_MS ? FINDING_WARN : FINDING_OK, "mongodb.latency",
                 "%d pings took %.2f ms (p50) and %.2f ms (p99)%s", PINGS,
                 doctor_percentile(times, PINGS, 50), p99,
                 p99 > SLOW_MS ? "; nobody waits for it, but saves take long" : "");
}

static void examine(const struct findings *findings, mongoc_uri_t *uri)
{
    const char *database = mongoc_uri_get_database(uri);
    struct examined it = {findings, NULL, database && *database ? database : "weft", {0}};
    const mongoc_host_list_t *host = mongoc_uri_get_hosts(uri);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, WAIT_MS);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, WAIT_MS);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, 2 * WAIT_MS);
    mongoc_uri_set_appname(uri, "weft-doctor");
    findings_say(findings, FINDING_OK, "mongodb.uri", "MongoDB is %.200s, database %.60s",
                 host ? host->host_and_port : mongoc_uri_get_srv_hostname(uri), it.database);
    it.client = mongoc_client_new_from_uri(uri);
    mongoc_client_set_error_api(it.client, MONGOC_ERROR_API_VERSION_2);
    if (look_at_reach(&it)) {
        look_at_version(&it);
        look_at_role(&it);
        look_at_writing(&it);
        look_at_indexes(&it);
        look_at_latency(&it);
    }
    mongoc_client_destroy(it.client);
}

static void say_nothing(mongoc_log_level_t level, const char *domain, const char *message,
                        void *data)
{
    (void)level, (void)domain, (void)message, (void)data;
}

void doctor_mongo(const struct findings *findings, const char *uri)
{
    bson_error_t error;
    mongoc_init();
    mongoc_log_set_handler(say_nothing, NULL);
    mongoc_uri_t *parsed = mongoc_uri_new_with_error(uri, &error);
    if (parsed) {
        examine(findings, parsed);
        mongoc_uri_destroy(parsed);
    } else {
        findings_say(
            findings, FINDING_BAD, "mongodb.uri",
            "MONGODB_URI cannot be read; it is mongodb://[user:password@]host[:port]/weft, "
            "with what is special in a password as %%XX");
    }
    mongoc_cleanup();
}
