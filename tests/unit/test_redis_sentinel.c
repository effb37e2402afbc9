/* redis+sentinel:// with real processes: a master, its replica, a sentinel, and failovers of both
 * kinds: one on command, and one of a master that hangs. */
#include "check.h"
#include "redis_link_world.h"
#include "redis_world.h"
#include "weft/io/redis.h"

struct sentinel_world {
    struct redis_world master, replica, sentinel;
    char master_port[8], conf[320], url[300];
};

static void start_replica(struct sentinel_world *world, const char *password)
{
    struct redis_world *replica = &world->replica;
    redis_world_init(replica);
    snprintf(world->master_port, sizeof(world->master_port), "%d", world->master.port);
    const char *args[] = {"--replicaof",   "127.0.0.1", world->master_port,
                          "--requirepass", password,    "--masterauth",
                          password};
    replica->password = password[0] ? password : NULL;
    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
        replica->args[replica->arg_count++] = args[i];
    redis_world_again(replica);
}

static void start_sentinel(struct sentinel_world *world, const char *password)
{
    struct redis_world *sentinel = &world->sentinel;
    redis_world_init(sentinel);
    snprintf(world->conf, sizeof(world->conf), "%s/sentinel.conf", sentinel->folder);
    FILE *file = fopen(world->conf, "w");
    REQUIRE(file);
    fprintf(file, "port %d\nbind 127.0.0.1\nunixsocket %s\ndir %s\n", sentinel->port,
            sentinel->socket, sentinel->folder);
    fprintf(file, "sentinel monitor weft 127.0.0.1 %d 1\n", world->master.port);
    fprintf(file, "sentinel down-after-milliseconds weft 500\n");
    fprintf(file, "sentinel failover-timeout weft 3000\n");
    if (password[0])
        fprintf(file, "requirepass %s\nsentinel auth-pass weft %s\n", password, password);
    fclose(file);
    sentinel->program = world->conf;
    sentinel->password = password[0] ? password : NULL;
    sentinel->args[sentinel->arg_count++] = "--sentinel";
    redis_world_again(sentinel);
}

/* A failover is possible when the replica is in step and the sentinel knows of it. */
static void wait_for_replica(struct redis_world *redis, const char *command, const char *about,
                             const char *words)
{
    uint64_t end_ms = redis_world_now_ms() + 30000;
    for (bool is_ready = false; !is_ready; uv_sleep(20)) {
        redisReply *reply = redis_world_ask(redis, command, about, NULL);
        is_ready = reply && reply->str && strstr(reply->str, words);
        freeReplyObject(reply);
        REQUIRE(redis_world_now_ms() < end_ms);
    }
}

static void sentinel_world_open(struct sentinel_world *world, const char *password)
{
    redis_world_init(&world->master);
    world->master.password = password[0] ? password : NULL;
    const char *args[] = {
        "--requirepass", password, "--masterauth", password, "--repl-diskless-sync-delay", "0"};
    for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
        world->master.args[world->master.arg_count++] = args[i];
    redis_world_again(&world->master);
    start_replica(world, password);
    wait_for_replica(&world->replica, "INFO", "replication", "master_link_status:up");
    wait_for_replica(&world->master, "INFO", "replication", "state=online");
    start_sentinel(world, password);
    CHECK(redis_world_do(&world->sentinel, "SENTINEL", "DEBUG", "info-period", "200"));
    wait_for_replica(&world->sentinel, "INFO", "sentinel", "slaves=1");
    /* The first one does not live. */
    snprintf(world->url, sizeof(world->url),
             "redis+sentinel://%s%s%s127.0.0.1:%d,127.0.0.1:%d/weft", password[0] ? ":" : "",
             password, password[0] ? "@" : "", redis_world_free_port(), world->sentinel.port);
}

static void sentinel_world_close(struct sentinel_world *world)
{
    redis_world_remove(&world->sentinel);
    redis_world_remove(&world->replica);
    redis_world_remove(&world->master);
}

/* Valid until the next call; "" where it does not answer. */
static const char *run_of(struct redis_world *redis)
{
    static char run[41];
    redisReply *reply = redis_world_ask(redis, "INFO", "server", NULL);
    const char *at = reply && reply->str ? strstr(reply->str, "run_id:") : NULL;
    snprintf(run, sizeof(run), "%s", at ? at + 7 : "");
    freeReplyObject(reply);
    return run;
}

/* It is refused until the sentinel has looked at the replica. */
static void fail_over(struct sentinel_world *world)
{
    uint64_t end_ms = redis_world_now_ms() + 30000;
    for (bool is_done = false; !is_done; uv_sleep(20)) {
        redisReply *reply = redis_world_ask(&world->sentinel, "SENTINEL", "FAILOVER", "weft", NULL);
        is_done = reply && reply->type == REDIS_REPLY_STATUS;
        freeReplyObject(reply);
        REQUIRE(redis_world_now_ms() < end_ms);
    }
}

static void the_master_is_found_and_a_failover_followed(void)
{
    static struct sentinel_world world;
    static struct link_world link;
    sentinel_world_open(&world, "");
    link_world_open(&link, world.url, 2000, false);
    WAIT_FOR(&link, link.ups == 1);
    CHECK_EQ_STR(link.run_id, run_of(&world.master));
    fail_over(&world);
    WAIT_FOR(&link, link.ups == 2);
    CHECK_EQ_STR(link.run_id, run_of(&world.replica));
    link_world_send(&link, "SET", "key", "x", NULL);
    WAIT_FOR(&link, link.replies == 1);
    CHECK_EQ_STR(link.last, "OK");
    link_world_close(&link);
    sentinel_world_close(&world);
}

static void a_sentinel_that_wants_the_password_gets_it(void)
{
    static struct sentinel_world world;
    static struct link_world link;
    sentinel_world_open(&world, "hunter2");
    link_world_open(&link, world.url, 2000, false);
    WAIT_FOR(&link, link.ups == 1);
    CHECK_EQ_STR(link.run_id, run_of(&world.master));
    CHECK(!strstr(redis_address_label(link.address), "hunter2"));
    link_world_close(&link);
    sentinel_world_close(&world);
}

static void who_knows_no_master_is_said(void)
{
    static struct redis_world redis;
    static struct link_world link;
    char url[300];
    redis_world_start(&redis, NULL);
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d/weft", redis.port);
    link_world_open(&link, url, 2000, false);
    WAIT_FOR(&link, strstr(redis_link_problem(link.link), "unknown command"));
    link_world_close(&link);
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d,127.0.0.1:%d/weft",
             redis_world_free_port(), redis_world_free_port());
    link_world_open(&link, url, 2000, false);
    WAIT_FOR(&link, strstr(redis_link_problem(link.link), "connection refused"));
    link.close_soon = true;
    link_world_close(&link);
    redis_world_remove(&redis);
}

static void an_unknown_service_is_said(void)
{
    static struct sentinel_world world;
    static struct link_world link;
    sentinel_world_open(&world, "");
    strcat(world.url, "x");
    link_world_open(&link, world.url, 2000, false);
    WAIT_FOR(&link, strstr(redis_link_problem(link.link), "does not know the service"));
    CHECK_EQ_INT(link.ups, 0);
    link_world_close(&link);
    sentinel_world_close(&world);
}

/* A master that hangs closes no connection. The link of commands times out and finds the new one;
 * the link of subscriptions is told by it, for nothing ever comes on its own. */
static void both_links_leave_a_master_that_hangs(void)
{
    static struct sentinel_world world;
    static struct link_world loop;
    struct redis_health health;
    struct error error = {0};
    struct redis_config config = redis_config_default();
    sentinel_world_open(&world, "");
    link_world_init(&loop);
    config.url = world.url;
    config.instance = "w1";
    config.timeout_ms = 500;
    config.probe_ms = 60000; /* not by the probe */
    config.lease_ms = 1000;  /* a command every 300 ms */
    struct redis *redis = redis_open(&config, &loop.loop, &error);
    CHECK_EQ_STR(error.text, "");
    REQUIRE(redis);
    redis_world_signal(&world.master, SIGSTOP);
    WAIT_FOR(&loop, redis_counts(redis)->resubscriptions > 0);
    WAIT_FOR(&loop, (redis_health(redis, &health),
                     health.commands_up && health.subscriptions_up && health.is_heard));
    CHECK(!health.problem);
    redisReply *reply = redis_world_ask(&world.replica, "PUBSUB", "CHANNELS", "weft:inst:w1", NULL);
    CHECK(reply && reply->elements == 1);
    freeReplyObject(reply);
    redis_close(redis);
    redis_world_signal(&world.master, SIGCONT);
    link_world_close(&loop);
    sentinel_world_close(&world);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(the_master_is_found_and_a_failover_followed);
    RUN(a_sentinel_that_wants_the_password_gets_it);
    RUN(who_knows_no_master_is_said);
    RUN(an_unknown_service_is_said);
    RUN(both_links_leave_a_master_that_hangs);
    return check_finish();
}
