/*
 * A link under observation, on a loop of its own. For tests; include it once, behind check.h.
 */
#ifndef REDIS_LINK_WORLD_H
#define REDIS_LINK_WORLD_H

#include "check.h"
#include "weft/io/redis_link.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <uv.h>

struct link_world {
    uv_loop_t loop;
    uv_timer_t deadline;
    bool is_late;
    struct redis_address *address;
    struct redis_link *link;
    int ups, downs;
    int replies, lost, errors; /* of them: NULL, error replies */
    int lost_before_down;
    int on, off, messages;
    bool close_soon; /* at the next callback of whatever kind */
    size_t last_len;
    char last[200]; /* reply or message */
    char reason[200], run_id[48], channel[100];
};

static void link_world_close_soon(struct link_world *world)
{
    if (world->close_soon && world->link) {
        struct redis_link *link = world->link;
        world->link = NULL;
        redis_link_close(link);
    }
}

static void link_world_up(void *owner, const struct redis_server *server)
{
    struct link_world *world = owner;
    world->ups++;
    snprintf(world->run_id, sizeof(world->run_id), "%s", server->run_id);
    link_world_close_soon(world);
}

static void link_world_down(void *owner, const char *reason)
{
    struct link_world *world = owner;
    world->downs++;
    world->lost_before_down = world->lost;
    snprintf(world->reason, sizeof(world->reason), "%s", reason);
    link_world_close_soon(world);
}

static void link_world_keep(struct link_world *world, const char *data, size_t len)
{
    world->last_len = len;
    snprintf(world->last, sizeof(world->last), "%.*s",
             (int)(len < sizeof(world->last) ? len : sizeof(world->last) - 1), data);
}

static void link_world_pushed(void *owner, const char *channel, size_t channel_len,
                              const char *data, size_t len)
{
    struct link_world *world = owner;
    world->messages++;
    snprintf(world->channel, sizeof(world->channel), "%.*s", (int)channel_len, channel);
    link_world_keep(world, data, len);
    link_world_close_soon(world);
}

static void link_world_subscribed(void *owner, const char *channel, size_t channel_len, bool is_on)
{
    struct link_world *world = owner;
    (void)channel, (void)channel_len;
    world->on += is_on;
    world->off += !is_on;
    link_world_close_soon(world);
}

static void link_world_replied(void *owner, void *data, redisReply *reply)
{
    struct link_world *world = owner;
    (void)data;
    world->replies++;
    world->lost += reply == NULL;
    world->errors += reply && reply->type == REDIS_REPLY_ERROR;
    if (reply && reply->str)
        link_world_keep(world, reply->str, reply->len);
    link_world_close_soon(world);
}

static void link_world_late(uv_timer_t *timer)
{
    ((struct link_world *)timer->data)->is_late = true;
}

/* The loop alone: a test may put a server of its own on it. */
static void link_world_init(struct link_world *world)
{
    *world = (struct link_world){0};
    signal(SIGPIPE, SIG_IGN); /* as log_setup does in the server */
    uv_loop_init(&world->loop);
    uv_timer_init(&world->loop, &world->deadline);
    world->deadline.data = world;
}

/* A link for subscriptions, or for commands. */
static void link_world_connect(struct link_world *world, const char *url, uint64_t timeout_ms,
                               bool is_for_subscriptions)
{
    struct error error = {0};
    world->address = redis_address_parse(url, &error);
    CHECK_EQ_STR(error.text, "");
    REQUIRE(world->address);
    struct redis_link_config config = {.loop = &world->loop,
                                       .address = world->address,
                                       .name = "weft-test",
                                       .timeout_ms = timeout_ms,
                                       .owner = world,
                                       .up = link_world_up,
                                       .down = link_world_down};
    if (is_for_subscriptions) {
        config.pushed = link_world_pushed;
        config.subscribed = link_world_subscribed;
    }
    world->link = redis_link_new(&config);
}

CHECK_UNUSED static void link_world_open(struct link_world *world, const char *url,
                                         uint64_t timeout_ms, bool is_for_subscriptions)
{
    link_world_init(world);
    link_world_connect(world, url, timeout_ms, is_for_subscriptions);
}

/* The loop must have nothing left. */
static void link_world_close(struct link_world *world)
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
        uv_timer_start(&(world)->deadline, link_world_late, 20000, 0);                             \
        while (!(cond) && !(world)->is_late)                                                       \
            uv_run(&(world)->loop, UV_RUN_ONCE);                                                   \
        uv_timer_stop(&(world)->deadline);                                                         \
        if (!(cond) && (world)->link)                                                              \
            printf("problem: %s\n", redis_link_problem((world)->link));                            \
        REQUIRE(cond);                                                                             \
    } while (0)

/* Words, NULL behind the last. */
__attribute__((sentinel)) CHECK_UNUSED static void link_world_send(struct link_world *world, ...)
{
    struct redis_arg args[16];
    size_t count = 0;
    va_list words;
    va_start(words, world);
    for (const char *word; count < 16 && (word = va_arg(words, const char *));)
        args[count++] = (struct redis_arg){word, strlen(word)};
    va_end(words);
    redis_link_send(world->link, args, count, link_world_replied, NULL);
}

#endif
