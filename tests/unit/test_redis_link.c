/* Links to real redis-server processes, and to a small server that says what no Redis would. */
#include "check.h"
#include "redis_world.h"
#include "weft/base/mem.h"
#include "weft/io/redis_link.h"

#include <uv.h>

/* ---- a link under observation ---- */

#define CHANNELS 8

struct world {
    uv_loop_t loop;
    uv_timer_t deadline;
    bool is_late;
    struct redis_address *address;
    struct redis_link *link;
    int ups, downs, replies, lost, errors;
    int on, off, messages;
    size_t lost_before_down;
    char reason[200]; /* of the last down */
    char last[200];   /* reply or message */
    char run_id[48];
};

static void came_up(void *owner, const struct redis_server *server)
{
    struct world *world = owner;
    world->ups++;
    snprintf(world->run_id, sizeof(world->run_id), "%s", server->run_id);
}

static void went_down(void *owner, const char *reason)
{
    struct world *world = owner;
    world->downs++;
    world->lost_before_down = (size_t)world->lost;
    snprintf(world->reason, sizeof(world->reason), "%s", reason);
}

static void message_came(void *owner, const char *channel, size_t channel_len, const char *data,
                         size_t len)
{
    struct world *world = owner;
    (void)channel, (void)channel_len;
    world->messages++;
    snprintf(world->last, sizeof(world->last), "%.*s", (int)(len < 190 ? len : 190), data);
}

static void was_confirmed(void *owner, const char *channel, size_t channel_len, bool is_on)
{
    struct world *world = owner;
    (void)channel, (void)channel_len;
    world->on += is_on;
    world->off += !is_on;
}

static void replied(void *owner, void *data, redisReply *reply)
{
    struct world *world = owner;
    (void)data;
    world->replies++;
    world->lost += reply == NULL;
    world->errors += reply && reply->type == REDIS_REPLY_ERROR;
    if (reply && reply->str)
        snprintf(world->last, sizeof(world->last), "%s", reply->str);
}

static void set_late(uv_timer_t *timer)
{
    ((struct world *)timer->data)->is_late = true;
}

static void world_open(struct world *world, const char *url, uint64_t timeout_ms, bool is_for_push)
{
    struct error error = {0};
    *world = (struct world){0};
    uv_loop_init(&world->loop);
    uv_timer_init(&world->loop, &world->deadline);
    world->deadline.data = world;
    world->address = redis_address_parse(url, &error);
    CHECK_EQ_STR(error.text, "");
    REQUIRE(world->address);
    struct redis_link_config config = {.loop = &world->loop,
                                       .address = world->address,
                                       .name = "weft-test",
                                       .timeout_ms = timeout_ms,
                                       .owner = world,
                                       .up = came_up,
                                       .down = went_down,
                                       .pushed = is_for_push ? message_came : NULL,
                                       .subscribed = was_confirmed};
    world->link = redis_link_new(&config);
}

static void world_close(struct world *world)
{
    if (world->link)
        redis_link_close(world->link);
    uv_close((uv_handle_t *)&world->deadline, NULL);
    uv_run(&world->loop, UV_RUN_DEFAULT);
    CHECK_EQ_INT(uv_loop_close(&world->loop), 0);
    redis_address_free(world->address);
}

/* Turns the loop until cond holds; a test that waits 20 s has failed. */
#define WAIT_FOR(world, cond)                                                                      \
    do {                                                                                           \
        (world)->is_late = false;                                                                  \
        uv_timer_start(&(world)->deadline, set_late, 20000, 0);                                    \
        while (!(cond) && !(world)->is_late)                                                       \
            uv_run(&(world)->loop, UV_RUN_ONCE);                                                   \
        uv_timer_stop(&(world)->deadline);                                                         \
        REQUIRE(cond);                                                                             \
    } while (0)

static void send_words(struct world *world, const char *first, const char *second)
{
    struct redis_arg args[2] = {{first, strlen(first)}, {second, second ? strlen(second) : 0}};
    redis_link_send(world->link, args, second ? 2 : 1, replied, NULL);
}

/* ---- with Redis ---- */

static void it_comes_up_and_answers_in_order(void)
{
    struct redis_world redis;
    struct world world;
    redis_world_start(&redis, NULL);
    world_open(&world, redis_world_url(&redis), 2000, false);
    CHECK(!redis_link_is_up(world.link));
    WAIT_FOR(&world, world.ups == 1);
    CHECK(redis_link_is_up(world.link));
    CHECK_EQ_INT(strlen(world.run_id), 40);
    CHECK(redis_link_server(world.link)->version[0] >= '5');
    for (int i = 0; i < 100; i++)
        send_words(&world, "INCR", "n");
    send_words(&world, "GET", "n");
    CHECK_EQ_INT(world.replies, 0);
    WAIT_FOR(&world, world.replies == 101);
    CHECK_EQ_STR(world.last, "100");
    CHECK_EQ_INT(world.lost + world.errors, 0);
    world_close(&world);
    redis_world_remove(&redis);
}

static void a_restart_is_survived(void)
{
    struct redis_world redis;
    struct world world;
    char before[48];
    redis_world_start(&redis, NULL);
    world_open(&world, redis_world_url(&redis), 2000, false);
    WAIT_FOR(&world, world.ups == 1);
    strcpy(before, world.run_id);
    redis_world_kill(&redis);
    WAIT_FOR(&world, world.downs == 1);
    CHECK_EQ_STR(world.reason, "closed by the server");
    send_words(&world, "PING", NULL);
    CHECK_EQ_INT(world.replies, 0);
    WAIT_FOR(&world, world.lost == 1);
    redis_world_again(&redis);
    WAIT_FOR(&world, world.ups == 2);
    CHECK(strcmp(before, world.run_id) != 0);
    world_close(&world);
    redis_world_remove(&redis);
}

static void a_stopped_redis_is_noticed_and_what_was_asked_is_unknown(void)
{
    struct redis_world redis;
    struct world world;
    redis_world_start(&redis, NULL);
    world_open(&world, redis_world_url(&redis), 300, false);
    WAIT_FOR(&world, world.ups == 1);
    redis_world_signal(&redis, SIGSTOP);
    for (int i = 0; i < 10; i++)
        send_words(&world, "INCR", "n");
    WAIT_FOR(&world, world.downs == 1);
    CHECK_EQ_STR(world.reason, "no answer within 300 ms");
    CHECK_EQ_INT(world.lost_before_down, 10);
    CHECK_EQ_INT(redis_link_counts(world.link)->timeouts, 1);
    redis_world_signal(&redis, SIGCONT);
    WAIT_FOR(&world, world.ups == 2);
    send_words(&world, "GET", "n");
    WAIT_FOR(&world, world.replies == 11);
    CHECK_EQ_STR(world.last, "10"); /* it was done, later */
    world_close(&world);
    redis_world_remove(&redis);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(it_comes_up_and_answers_in_order);
    RUN(a_restart_is_survived);
    RUN(a_stopped_redis_is_noticed_and_what_was_asked_is_unknown);
    return check_finish();
}
