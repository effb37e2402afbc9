/* Redis as a whole: what it promises, the name of the instance, the secret, and that the instance
 * hears itself; with real redis-server processes. */
#include "check.h"
#include "redis_world.h"
#include "weft/base/mem.h"
#include "weft/io/redis.h"

#include <uv.h>

struct node {
    struct redis *redis;
    struct error error;
    int ups, downs; /* of the state's link */
};

struct world {
    struct redis_world server;
    struct redis_config config;
    uv_loop_t loop;
    uv_timer_t deadline;
    bool is_late;
};

static void world_open(struct world *world)
{
    *world = (struct world){0};
    redis_world_start(&world->server, NULL);
    uv_loop_init(&world->loop);
    uv_timer_init(&world->loop, &world->deadline);
    world->deadline.data = world;
    world->config = redis_config_default();
    world->config.url = redis_world_url(&world->server);
    world->config.instance = "w1";
    world->config.probe_ms = 100;
    world->config.lease_ms = 1000;
}

static void world_close(struct world *world)
{
    uv_close((uv_handle_t *)&world->deadline, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(uv_loop_close(&world->loop), 0);
    redis_world_remove(&world->server);
}

static void set_late(uv_timer_t *timer)
{
    ((struct world *)timer->data)->is_late = true;
}

/* cond may look at Redis: it is looked at every 20 ms at least. */
#define WAIT_FOR(world, cond)                                                                      \
    do {                                                                                           \
        uint64_t end_ms_ = redis_world_now_ms() + 20000;                                           \
        while (!(cond) && redis_world_now_ms() < end_ms_) {                                        \
            uv_timer_start(&(world)->deadline, set_late, 20, 0);                                   \
            uv_run(&(world)->loop, UV_RUN_ONCE);                                                   \
        }                                                                                          \
        uv_timer_stop(&(world)->deadline);                                                         \
        REQUIRE(cond);                                                                             \
    } while (0)

static void link_changed(void *owner, bool is_up)
{
    struct node *node = owner;
    node->ups += is_up;
    node->downs += !is_up;
}

static bool node_open(struct node *node, struct world *world)
{
    *node = (struct node){0};
    node->redis = redis_open(&world->config, &world->loop, &node->error);
    if (!node->redis)
        return false;
    redis_state(node->redis)->sink.owner = node;
    redis_state(node->redis)->sink.link = link_changed;
    return true;
}

static bool is_healthy(const struct node *node)
{
    struct redis_health health;
    redis_health(node->redis, &health);
    return health.commands_up && health.subscriptions_up && health.is_heard && !health.problem;
}

static bool has_problem(const struct node *node, const char *words)
{
    struct redis_health health;
    redis_health(node->redis, &health);
    return health.problem && strstr(health.problem, words);
}

/* The whole reply as text; "" for nothing. Valid until the next call. */
#define ask(world, ...)                                                                            \
    reply_text(redis_world_ask(&(world)->server, __VA_ARGS__, (const char *)NULL))
static const char *reply_text(redisReply *reply)
{
    static char text[400];
    text[0] = '\0';
    if (reply && reply->type == REDIS_REPLY_INTEGER)
        snprintf(text, sizeof(text), "%lld", reply->integer);
    else if (reply && reply->str)
        snprintf(text, sizeof(text), "%s", reply->str);
    for (size_t i = 0; reply && i < reply->elements; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
                 reply->element[i]->str);
    freeReplyObject(reply);
    return text;
}

/* ---- opening ---- */

static void it_opens_and_closes_and_gives_its_name_back(void)
{
    static struct world world;
    static struct node node;
    world_open(&world);
    CHECK(node_open(&node, &world));
    CHECK_EQ_STR(node.error.text, "");
    REQUIRE(node.redis);
    CHECK(is_healthy(&node));
    CHECK_EQ_STR(redis_state(node.redis)->store_name, "redis");
    CHECK(redis_state(node.redis)->is_shared);
    CHECK_EQ_STR(ask(&world, "ZRANGE", "weft:instances", "0", "-1"), "w1");
    CHECK_EQ_STR(ask(&world, "PUBSUB", "CHANNELS"), "weft:inst:w1");
    CHECK(redis_counts(node.redis)->probes >= 1);
    CHECK_EQ_INT(redis_counts(node.redis)->reconnects, 0);
    redis_close(node.redis);
    uv_run(&world.loop, UV_RUN_NOWAIT);
    WAIT_FOR(&world,
             strcmp(ask(&world, "EXISTS", "weft:instances", "weft:instances:held"), "0") == 0);
    CHECK_EQ_STR(ask(&world, "EXISTS", "weft:secret"), "1");
    world_close(&world);
}

static void the_secret_is_made_once_and_comes_back(void)
{
    static struct world world;
    static struct node first, second, third;
    char secret[100];
    world_open(&world);
    REQUIRE(node_open(&first, &world));
    snprintf(secret, sizeof(secret), "%s", redis_secret(first.redis));
    CHECK_EQ_INT(strlen(secret), 64);
    world.config.instance = "w2";
    REQUIRE(node_open(&second, &world));
    CHECK_EQ_STR(redis_secret(second.redis), secret);
    world.config.instance = "w3";
    world.config.secret = "given by the operator";
    REQUIRE(node_open(&third, &world));
    CHECK_EQ_STR(redis_secret(third.redis), "given by the operator");
    CHECK_EQ_STR(ask(&world, "GET", "weft:secret"), secret);
    redis_world_kill(&world.server); /* it keeps nothing */
    WAIT_FOR(&world, first.downs == 1 && second.downs == 1 && third.downs == 1);
    redis_world_again(&world.server);
    WAIT_FOR(&world, is_healthy(&first) && is_healthy(&second) && is_healthy(&third));
    CHECK_EQ_STR(ask(&world, "GET", "weft:secret"), secret);
    CHECK_EQ_STR(ask(&world, "ZCARD", "weft:instances"), "3");
    redis_close(first.redis);
    redis_close(second.redis);
    redis_close(third.redis);
    world_close(&world);
}

static void expect_refusal(struct world *world, const char *words)
{
    struct node node;
    bool is_open = node_open(&node, world);
    CHECK(!is_open);
    if (!strstr(node.error.text, words))
        CHECK_FAIL("\"%s\" says nothing of \"%s\"", node.error.text, words);
    CHECK(!strstr(node.error.text, "hunter2"));
    if (is_open)
        redis_close(node.redis);
}

static void who_cannot_be_reached_is_said(void)
{
    static struct world world;
    char url[300];
    world_open(&world);
    world.config.open_ms = 500;
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", redis_world_free_port());
    world.config.url = url;
    expect_refusal(&world, "connection refused");
    snprintf(url, sizeof(url), "redis://anna:hunter2@127.0.0.1:%d", world.server.port);
    expect_refusal(&world, "WRONGPASS");
    world.config.url = "redis://h/hunter2";
    expect_refusal(&world, "no database number");
    world.config.url = redis_world_url(&world.server);
    world.config.instance = "a b";
    expect_refusal(&world, "name of an instance");
    world.config.instance = "w1";
    CHECK(redis_world_do(&world.server, "SET", "weft:instances", "somebody's"));
    expect_refusal(&world, "WRONGTYPE");
    world_close(&world);
}

static void who_may_not_publish_does_not_start(void)
{
    static struct world world;
    world_open(&world);
    world.config.open_ms = 500;
    CHECK(redis_world_do(&world.server, "ACL", "SETUSER", "default", "-publish"));
    expect_refusal(&world, "not heard");
    world_close(&world);
}

static void keys_of_another_weftd_are_not_touched(void)
{
    static struct world world;
    static struct node node;
    world_open(&world);
    CHECK(redis_world_do(&world.server, "SET", "weft:protocol", "9"));
    expect_refusal(&world, "weft:protocol in Redis is 9");
    CHECK(redis_world_do(&world.server, "DEL", "weft:protocol"));
    REQUIRE(node_open(&node, &world));
    redis_world_kill(&world.server);
    WAIT_FOR(&world, node.downs == 1);
    redis_world_again(&world.server);
    WAIT_FOR(&world, node.ups == 1);
    CHECK(redis_world_do(&world.server, "SET", "weft:protocol", "9"));
    CHECK(redis_world_do(&world.server, "CLIENT", "KILL", "TYPE", "normal"));
    WAIT_FOR(&world, has_problem(&node, "weft:protocol"));
    CHECK_EQ_INT(node.ups, 1); /* the state stays away */
    CHECK_EQ_INT(node.downs, 2);
    redis_close(node.redis);
    world_close(&world);
}

/* ---- what Redis promises ---- */

static const struct promise_row {
    const char *appendonly, *appendfsync, *policy;
    enum redis_durability durability;
    const char *because;
} promises[] = {
    {"no", "everysec", "noeviction", REDIS_NONE, "appendonly no"},
    {"no", "always", "noeviction", REDIS_NONE, "appendonly no"},
    {"yes", "no", "noeviction", REDIS_RESTART, "appendfsync no"},
    {"yes", "everysec", "noeviction", REDIS_RESTART, "last second"},
    {"yes", "always", "noeviction", REDIS_POWER_CUT, ""},
    {"yes", "always", "allkeys-lru", REDIS_NONE, "allkeys-lru"},
    {"yes", "everysec", "volatile-ttl", REDIS_NONE, "volatile-ttl"},
};

static void set_promise(struct world *world, const struct promise_row *row)
{
    CHECK(redis_world_do(&world->server, "CONFIG", "SET", "appendonly", row->appendonly,
                         "appendfsync", row->appendfsync, "maxmemory-policy", row->policy));
}

static void what_redis_promises_is_told_and_required(void)
{
    static struct world world;
    world_open(&world);
    for (size_t i = 0; i < sizeof(promises) / sizeof(promises[0]); i++) {
        set_promise(&world, &promises[i]);
        for (enum redis_durability least = REDIS_NONE; least <= REDIS_POWER_CUT; least++) {
            struct node node;
            struct redis_health health;
            world.config.require = least;
            if (least > promises[i].durability) {
                expect_refusal(&world, redis_durability_name(least));
                expect_refusal(&world, promises[i].because);
                continue;
            }
            REQUIRE(node_open(&node, &world));
            redis_health(node.redis, &health);
            CHECK_EQ_INT(health.durability, promises[i].durability);
            CHECK(!health.problem);
            redis_close(node.redis);
        }
    }
    world_close(&world);
}

static void a_promise_that_is_broken_later_is_a_problem(void)
{
    static struct world world;
    static struct node node;
    world_open(&world);
    set_promise(&world, &promises[4]);
    world.config.require = REDIS_POWER_CUT;
    REQUIRE(node_open(&node, &world));
    CHECK(is_healthy(&node));
    set_promise(&world, &promises[3]);
    CHECK(redis_world_do(&world.server, "CLIENT", "KILL", "TYPE", "normal"));
    WAIT_FOR(&world, has_problem(&node, "promises less"));
    set_promise(&world, &promises[4]);
    CHECK(redis_world_do(&world.server, "CLIENT", "KILL", "TYPE", "normal"));
    WAIT_FOR(&world, is_healthy(&node));
    redis_close(node.redis);
    world_close(&world);
}

static void a_redis_that_hides_its_settings_promises_nothing(void)
{
    static struct world world;
    static struct node node;
    world_open(&world);
    set_promise(&world, &promises[4]);
    CHECK(redis_world_do(&world.server, "ACL", "SETUSER", "default", "-config"));
    world.config.require = REDIS_RESTART;
    expect_refusal(&world, "does not tell");
    world.config.require = REDIS_NONE;
    REQUIRE(node_open(&node, &world));
    CHECK(is_healthy(&node));
    redis_close(node.redis);
    world_close(&world);
}

/* ---- the name ---- */

static void a_second_of_the_same_name_does_not_start(void)
{
    static struct world world;
    static struct node first, other;
    world_open(&world);
    REQUIRE(node_open(&first, &world));
    expect_refusal(&world, "another instance named w1 is alive");
    expect_refusal(&world, "another instance named w1 is alive");
    CHECK(is_healthy(&first));
    world.config.instance = "w2";
    CHECK(node_open(&other, &world));
    redis_close(first.redis);
    world.config.instance = "w1";
    CHECK(node_open(&first, &world)); /* it was given back */
    redis_close(first.redis);
    redis_close(other.redis);
    world_close(&world);
}

/* Puts a name there that somebody else holds for so long. */
static void hold_name(struct world *world, const char *name, const char *for_ms)
{
    CHECK(redis_world_do(&world->server, "EVAL",
                         "local t = redis.call('TIME')\n"
                         "local till = math.floor(t[1] * 1000 + t[2] / 1000) + ARGV[2]\n"
                         "redis.call('ZADD', 'weft:instances', till, ARGV[1])\n"
                         "return redis.call('HSET', 'weft:instances:held', ARGV[1], 'other')",
                         "0", name, for_ms));
}

static void the_name_of_one_that_died_is_waited_for(void)
{
    static struct world world;
    static struct node node;
    world_open(&world);
    hold_name(&world, "w1", "700");
    hold_name(&world, "w0", "-1");
    world.config.open_ms = 400; /* the lease is waited for besides */
    CHECK(node_open(&node, &world));
    CHECK_EQ_STR(node.error.text, "");
    REQUIRE(node.redis);
    CHECK_EQ_STR(ask(&world, "ZRANGE", "weft:instances", "0", "-1"), "w1");
    CHECK_EQ_STR(ask(&world, "HKEYS", "weft:instances:held"), "w1");
    redis_close(node.redis);
    world_close(&world);
}

static void a_name_that_is_taken_meanwhile_is_a_problem_until_it_is_free(void)
{
    static struct world world;
    static struct node node;
    world_open(&world);
    REQUIRE(node_open(&node, &world));
    hold_name(&world, "w1", "700");
    WAIT_FOR(&world, has_problem(&node, "another instance has the name"));
    WAIT_FOR(&world, is_healthy(&node));
    redis_close(node.redis);
    world_close(&world);
}

static void the_lease_is_renewed(void)
{
    static struct world world;
    static struct node node;
    char before[100];
    world_open(&world);
    REQUIRE(node_open(&node, &world));
    for (int i = 0; i < 3; i++) {
        snprintf(before, sizeof(before), "%s", ask(&world, "ZSCORE", "weft:instances", "w1"));
        WAIT_FOR(&world, strcmp(ask(&world, "ZSCORE", "weft:instances", "w1"), before) > 0);
    }
    redis_close(node.redis);
    world_close(&world);
}

/* ---- living ---- */

static void who_does_not_hear_itself_subscribes_anew(void)
{
    static struct world world;
    static struct node node;
    world_open(&world);
    REQUIRE(node_open(&node, &world));
    CHECK(redis_world_do(&world.server, "ACL", "SETUSER", "default", "-publish"));
    WAIT_FOR(&world, redis_counts(node.redis)->resubscriptions >= 2);
    CHECK(!is_healthy(&node));
    CHECK_EQ_INT(node.downs, 0); /* the commands go on */
    CHECK(redis_world_do(&world.server, "ACL", "SETUSER", "default", "+publish"));
    WAIT_FOR(&world, is_healthy(&node));
    redis_close(node.redis);
    world_close(&world);
}

static void each_link_comes_back_and_the_state_is_told_of_its_own(void)
{
    static struct world world;
    static struct node node;
    world_open(&world);
    REQUIRE(node_open(&node, &world));
    CHECK(redis_world_do(&world.server, "CLIENT", "KILL", "TYPE", "pubsub"));
    WAIT_FOR(&world, redis_counts(node.redis)->resubscriptions == 1 && is_healthy(&node));
    CHECK_EQ_INT(node.downs, 0);
    CHECK(redis_world_do(&world.server, "CLIENT", "KILL", "TYPE", "normal"));
    WAIT_FOR(&world, node.downs == 1 && node.ups == 1 && is_healthy(&node));
    CHECK_EQ_INT(redis_counts(node.redis)->resubscriptions, 1);
    CHECK_EQ_INT(redis_counts(node.redis)->reconnects, 2);
    redis_world_kill(&world.server);
    WAIT_FOR(&world, node.downs == 2 && !is_healthy(&node));
    redis_world_again(&world.server);
    WAIT_FOR(&world, node.ups == 2 && is_healthy(&node));
    CHECK_EQ_STR(ask(&world, "ZRANGE", "weft:instances", "0", "-1"), "w1");
    redis_close(node.redis);
    world_close(&world);
}

static void it_may_be_closed_while_redis_is_away(void)
{
    static struct world world;
    static struct node node;
    world_open(&world);
    REQUIRE(node_open(&node, &world));
    redis_world_kill(&world.server);
    WAIT_FOR(&world, !is_healthy(&node));
    redis_close(node.redis);
    world_close(&world);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(it_opens_and_closes_and_gives_its_name_back);
    RUN(the_secret_is_made_once_and_comes_back);
    RUN(who_cannot_be_reached_is_said);
    RUN(who_may_not_publish_does_not_start);
    RUN(keys_of_another_weftd_are_not_touched);
    RUN(what_redis_promises_is_told_and_required);
    RUN(a_promise_that_is_broken_later_is_a_problem);
    RUN(a_redis_that_hides_its_settings_promises_nothing);
    RUN(a_second_of_the_same_name_does_not_start);
    RUN(the_name_of_one_that_died_is_waited_for);
    RUN(a_name_that_is_taken_meanwhile_is_a_problem_until_it_is_free);
    RUN(the_lease_is_renewed);
    RUN(who_does_not_hear_itself_subscribes_anew);
    RUN(each_link_comes_back_and_the_state_is_told_of_its_own);
    RUN(it_may_be_closed_while_redis_is_away);
    return check_finish();
}
