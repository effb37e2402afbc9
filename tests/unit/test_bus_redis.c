/* The bus over two links to a real Redis: who joined hears, exactly while it is joined, again after
 * every reconnect, and Redis knows of no channel more. */
#include "check.h"
#include "io/bus_redis.h"
#include "redis_link_world.h"
#include "redis_world.h"
#include "weft/base/mem.h"
#include "weft/core/hint.h"

struct bus_world {
    struct redis_world redis;
    struct link_world commands; /* its loop is the loop */
    struct redis_link *subscriptions;
    struct redis_counts counts;
    struct bus_redis *bus_redis;
    struct bus *bus;
    int received, joined, ups, downs;
    char project[100], data[200];
    size_t len;
    bool leave_on_receipt;
};

static void received(void *owner, const char *project, const char *data, size_t len)
{
    struct bus_world *world = owner;
    world->received++;
    world->len = len;
    if (world->leave_on_receipt)
        world->bus->ops->leave(world->bus, project);
    snprintf(world->project, sizeof(world->project), "%s", project);
    snprintf(world->data, sizeof(world->data), "%.*s", (int)(len < 199 ? len : 199), data);
}

static void joined(void *owner, const char *project)
{
    struct bus_world *world = owner;
    world->joined++;
    snprintf(world->project, sizeof(world->project), "%s", project);
}

static void up(void *owner, const struct redis_server *server)
{
    (void)server;
    ((struct bus_world *)owner)->ups++;
}

static void down(void *owner, const char *reason)
{
    (void)reason;
    ((struct bus_world *)owner)->downs++;
}

static void pushed(void *owner, const char *channel, size_t channel_len, const char *data,
                   size_t len)
{
    bus_redis_pushed(((struct bus_world *)owner)->bus_redis, channel, channel_len, data, len);
}

static void subscribed(void *owner, const char *channel, size_t channel_len, bool is_on)
{
    bus_redis_subscribed(((struct bus_world *)owner)->bus_redis, channel, channel_len, is_on);
}

static void bus_world_open(struct bus_world *world)
{
    *world = (struct bus_world){0};
    redis_world_start(&world->redis, NULL);
    link_world_open(&world->commands, redis_world_url(&world->redis), 5000, false);
    struct redis_link_config config = {.loop = &world->commands.loop,
                                       .address = world->commands.address,
                                       .name = "weft-test-subscriptions",
                                       .timeout_ms = 5000,
                                       .owner = world,
                                       .up = up,
                                       .down = down,
                                       .pushed = pushed,
                                       .subscribed = subscribed};
    world->subscriptions = redis_link_new(&config);
    world->bus_redis = bus_redis_new(world->commands.link, world->subscriptions, &world->counts);
    world->bus = bus_redis_port(world->bus_redis);
    world->bus->sink = (struct bus_sink){.owner = world, .received = received, .joined = joined};
    WAIT_FOR(&world->commands, world->commands.ups == 1 && world->ups == 1);
}

static void bus_world_close(struct bus_world *world)
{
    redis_link_close(world->subscriptions);
    bus_redis_free(world->bus_redis);
    link_world_close(&world->commands);
    redis_world_remove(&world->redis);
}

static void bus_join(struct bus_world *world, const char *project)
{
    world->bus->ops->join(world->bus, project);
}

static void bus_leave(struct bus_world *world, const char *project)
{
    world->bus->ops->leave(world->bus, project);
}

static void bus_publish(struct bus_world *world, const char *project, const char *text)
{
    world->bus->ops->publish(world->bus, project, text, strlen(text));
}

/* So many instances listen on the channel, as Redis counts. */
static long long listeners(struct bus_world *world, const char *channel)
{
    return redis_world_number(
        redis_world_ask(&world->redis, "PUBSUB", "NUMSUB", channel, (const char *)NULL));
}

static size_t channels(struct bus_world *world)
{
    redisReply *reply = redis_world_ask(&world->redis, "PUBSUB", "CHANNELS", (const char *)NULL);
    size_t count = reply ? reply->elements : 9999;
    freeReplyObject(reply);
    return count;
}

static void who_joined_hears_and_who_left_does_not(void)
{
    static struct bus_world world;
    bus_world_open(&world);
    bus_join(&world, "p");
    CHECK_EQ_INT(world.joined, 0);
    WAIT_FOR(&world.commands, world.joined == 1);
    CHECK_EQ_STR(world.project, "p");
    bus_publish(&world, "q", "not for us");
    bus_publish(&world, "p", "presence 1.a 0 w1 0 0\n{}");
    WAIT_FOR(&world.commands, world.received == 1);
    CHECK_EQ_STR(world.project, "p");
    CHECK_EQ_STR(world.data, "presence 1.a 0 w1 0 0\n{}");
    CHECK_EQ_INT(listeners(&world, "weft:{p}"), 1);
    bus_leave(&world, "p");
    WAIT_FOR(&world.commands, listeners(&world, "weft:{p}") == 0);
    bus_publish(&world, "p", "too late");
    bus_join(&world, "r");
    WAIT_FOR(&world.commands, world.joined == 2);
    CHECK_EQ_INT(world.received, 1);
    bus_world_close(&world);
}

static void joins_are_counted_and_each_is_told(void)
{
    static struct bus_world world;
    bus_world_open(&world);
    bus_join(&world, "p");
    WAIT_FOR(&world.commands, world.joined == 1);
    bus_join(&world, "p");
    WAIT_FOR(&world.commands, world.joined == 2);
    bus_leave(&world, "p");
    bus_publish(&world, "p", "still here");
    WAIT_FOR(&world.commands, world.received == 1);
    CHECK_EQ_INT(listeners(&world, "weft:{p}"), 1);
    bus_leave(&world, "p");
    WAIT_FOR(&world.commands, channels(&world) == 0);
    bus_leave(&world, "p"); /* one too many does no harm */
    bus_join(&world, "p");
    WAIT_FOR(&world.commands, world.joined == 3);
    bus_world_close(&world);
}

static void a_name_is_no_pattern(void)
{
    static struct bus_world world;
    bus_world_open(&world);
    bus_join(&world, "*");
    bus_join(&world, "[ab]");
    WAIT_FOR(&world.commands, world.joined == 2);
    bus_publish(&world, "a", "x");
    bus_publish(&world, "*", "mine");
    WAIT_FOR(&world.commands, world.received == 1);
    CHECK_EQ_STR(world.data, "mine");
    CHECK_EQ_INT(
        redis_world_number(redis_world_ask(&world.redis, "PUBSUB", "NUMPAT", (const char *)NULL)),
        0);
    bus_world_close(&world);
}

static void messages_of_others_on_strange_channels_are_ignored(void)
{
    static struct bus_world world;
    static const char *const strange[] = {
        "weft:p", "weft:{p", "weft:{}", "weft:", "{p}", "x", "weft:inst:w1"};
    bus_world_open(&world);
    bus_join(&world, "p");
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        redis_link_subscribe(world.subscriptions, strange[i]);
        bus_redis_pushed(world.bus_redis, strange[i], strlen(strange[i]), "x", 1);
    }
    WAIT_FOR(&world.commands, world.joined == 1);
    CHECK_EQ_INT(world.received, 0);
    bus_world_close(&world);
}

static void every_reconnect_joins_again(void)
{
    static struct bus_world world;
    bus_world_open(&world);
    for (int i = 0; i < 300; i++) {
        char project[16];
        snprintf(project, sizeof(project), "p%d", i);
        bus_join(&world, project);
    }
    WAIT_FOR(&world.commands, world.joined == 300);
    for (int round = 2; round <= 4; round++) {
        CHECK(redis_world_do(&world.redis, "CLIENT", "KILL", "TYPE", "pubsub"));
        WAIT_FOR(&world.commands, world.joined == 300 * round);
        CHECK_EQ_INT(world.downs, round - 1);
        CHECK_EQ_INT(channels(&world), 300);
    }
    CHECK_EQ_INT(world.commands.downs, 0);
    bus_publish(&world, "p299", "x");
    WAIT_FOR(&world.commands, world.received == 1);
    redis_world_kill(&world.redis);
    WAIT_FOR(&world.commands, world.downs == 4);
    bus_leave(&world, "p0"); /* while nobody is there to be told */
    bus_join(&world, "new");
    bus_publish(&world, "p1", "into the void");
    redis_world_again(&world.redis);
    WAIT_FOR(&world.commands, world.joined == 1500);
    CHECK_EQ_INT(channels(&world), 300);
    CHECK_EQ_INT(listeners(&world, "weft:{p0}"), 0);
    CHECK_EQ_INT(listeners(&world, "weft:{new}"), 1);
    bus_world_close(&world);
}

static void ten_thousand_joins_and_leaves_leave_what_is_live(void)
{
    static struct bus_world world;
    static unsigned joins[50];
    uint64_t seed = check_seed();
    size_t live = 0;
    bus_world_open(&world);
    for (int i = 0; i < 10000; i++) {
        char project[16];
        size_t at = check_random(&seed) % 50;
        snprintf(project, sizeof(project), "p%zu", at);
        if (joins[at] > 0 && check_random(&seed) % 2) {
            joins[at]--;
            bus_leave(&world, project);
        } else {
            joins[at]++;
            bus_join(&world, project);
        }
        if (check_random(&seed) % 8 == 0)
            uv_run(&world.commands.loop, UV_RUN_NOWAIT);
        if (check_random(&seed) % 2000 == 0)
            CHECK(redis_world_do(&world.redis, "CLIENT", "KILL", "TYPE", "pubsub"));
    }
    for (size_t i = 0; i < 50; i++)
        live += joins[i] > 0;
    WAIT_FOR(&world.commands, redis_link_is_up(world.subscriptions) && channels(&world) == live);
    for (size_t i = 0; i < 50; i++) {
        char channel[16];
        snprintf(channel, sizeof(channel), "weft:{p%zu}", i);
        CHECK_EQ_INT(listeners(&world, channel), joins[i] > 0);
        for (; joins[i] > 0; joins[i]--)
            bus_leave(&world, (snprintf(channel, sizeof(channel), "p%zu", i), channel));
    }
    WAIT_FOR(&world.commands, channels(&world) == 0);
    bus_world_close(&world);
}

static void a_join_taken_back_in_the_same_turn_costs_nothing(void)
{
    static struct bus_world world;
    bus_world_open(&world);
    CHECK(redis_world_do(&world.redis, "CONFIG", "RESETSTAT"));
    for (int i = 0; i < 100; i++) {
        bus_join(&world, "p");
        bus_leave(&world, "p");
    }
    bus_join(&world, "q");
    WAIT_FOR(&world.commands, world.joined == 1);
    redisReply *reply = redis_world_ask(&world.redis, "INFO", "commandstats", (const char *)NULL);
    REQUIRE(reply && reply->str);
    CHECK(strstr(reply->str, "cmdstat_subscribe:calls=1,"));
    CHECK(!strstr(reply->str, "cmdstat_unsubscribe"));
    freeReplyObject(reply);
    bus_world_close(&world);
}

static void a_second_join_taken_back_with_the_first_in_one_turn_ends_it(void)
{
    static struct bus_world world;
    bus_world_open(&world);
    bus_join(&world, "p");
    WAIT_FOR(&world.commands, world.joined == 1);
    bus_join(&world, "p");
    bus_leave(&world, "p");
    bus_leave(&world, "p");
    WAIT_FOR(&world.commands, channels(&world) == 0);
    bus_world_close(&world);
}

static void what_is_too_large_goes_without_its_body(void)
{
    static struct bus_world world;
    size_t len = HINT_BODY_MAX + 1000;
    char *text = mem_alloc(len);
    memset(text, 'x', len);
    memcpy(text, "presence 1.a 0 w1 0 0\n", 22);
    bus_world_open(&world);
    bus_join(&world, "p");
    WAIT_FOR(&world.commands, world.joined == 1);
    world.bus->ops->publish(world.bus, "p", text, len);
    WAIT_FOR(&world.commands, world.received == 1);
    CHECK_EQ_STR(world.data, "presence 1.a 0 w1 0 0");
    CHECK_EQ_INT(world.counts.hints_too_big, 1);
    world.bus->ops->publish(world.bus, "p", text, HINT_BODY_MAX);
    WAIT_FOR(&world.commands, world.received == 2);
    CHECK_EQ_INT(world.len, HINT_BODY_MAX);
    CHECK_EQ_INT(world.counts.hints_too_big, 1);
    free(text);
    bus_world_close(&world);
}

static void who_hears_may_leave_at_once(void)
{
    static struct bus_world world;
    bus_world_open(&world);
    bus_join(&world, "p");
    WAIT_FOR(&world.commands, world.joined == 1);
    world.leave_on_receipt = true;
    for (int i = 0; i < 10; i++)
        bus_publish(&world, "p", "x");
    WAIT_FOR(&world.commands, channels(&world) == 0);
    CHECK_EQ_INT(world.received, 1);
    CHECK_EQ_STR(world.project, "p");
    bus_world_close(&world);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(who_joined_hears_and_who_left_does_not);
    RUN(joins_are_counted_and_each_is_told);
    RUN(a_name_is_no_pattern);
    RUN(messages_of_others_on_strange_channels_are_ignored);
    RUN(every_reconnect_joins_again);
    RUN(ten_thousand_joins_and_leaves_leave_what_is_live);
    RUN(a_join_taken_back_in_the_same_turn_costs_nothing);
    RUN(a_second_join_taken_back_with_the_first_in_one_turn_ends_it);
    RUN(what_is_too_large_goes_without_its_body);
    RUN(who_hears_may_leave_at_once);
    return check_finish();
}
