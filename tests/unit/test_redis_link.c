/* Links to real redis-server processes that are restarted, stopped, full, locked, demoted. */
#define _GNU_SOURCE /* unshare */
#include "check.h"
#include "redis_link_world.h"
#include "redis_world.h"
#include "weft/base/mem.h"

#include <sched.h>
#include <sys/mount.h>

struct both {
    struct redis_world redis;
    struct link_world world;
};

static void both_open(struct both *both, uint64_t timeout_ms, bool is_for_subscriptions)
{
    redis_world_start(&both->redis, NULL);
    link_world_open(&both->world, redis_world_url(&both->redis), timeout_ms, is_for_subscriptions);
    WAIT_FOR(&both->world, both->world.ups == 1);
}

static void both_close(struct both *both)
{
    link_world_close(&both->world);
    redis_world_remove(&both->redis);
}

static void it_comes_up_and_answers_in_order(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    redis_world_start(&both.redis, NULL);
    link_world_open(world, redis_world_url(&both.redis), 2000, false);
    CHECK(!redis_link_is_up(world->link));
    CHECK_EQ_STR(redis_link_problem(world->link), "not connected yet");
    WAIT_FOR(world, world->ups == 1);
    CHECK(redis_link_is_up(world->link));
    CHECK_EQ_STR(redis_link_problem(world->link), "");
    CHECK_EQ_INT(strlen(world->run_id), 40);
    CHECK(redis_link_server(world->link)->version[0] >= '5');
    for (int i = 0; i < 100; i++)
        link_world_send(world, "INCR", "n", NULL);
    link_world_send(world, "GET", "n", NULL);
    CHECK_EQ_INT(world->replies, 0);
    WAIT_FOR(world, world->replies == 101);
    CHECK_EQ_STR(world->last, "100");
    CHECK_EQ_INT(world->lost + world->errors, 0);
    both_close(&both);
}

static void a_restart_is_survived_and_has_another_run(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    char before[48];
    both_open(&both, 2000, false);
    strcpy(before, world->run_id);
    redis_world_kill(&both.redis);
    WAIT_FOR(world, world->downs == 1);
    CHECK_EQ_STR(world->reason, "closed by the server");
    link_world_send(world, "PING", NULL);
    CHECK_EQ_INT(world->replies, 0);
    WAIT_FOR(world, world->lost == 1);
    redis_world_again(&both.redis);
    WAIT_FOR(world, world->ups == 2);
    CHECK(strcmp(before, world->run_id) != 0);
    both_close(&both);
}

static void a_stopped_redis_is_noticed_and_what_was_asked_is_unknown(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    both_open(&both, 300, false);
    redis_world_signal(&both.redis, SIGSTOP);
    for (int i = 0; i < 10; i++)
        link_world_send(world, "INCR", "n", NULL);
    WAIT_FOR(world, world->downs == 1);
    CHECK_EQ_STR(world->reason, "no answer within 300 ms");
    CHECK_EQ_INT(world->lost_before_down, 10);
    CHECK_EQ_INT(redis_link_counts(world->link)->timeouts, 1);
    redis_world_signal(&both.redis, SIGCONT);
    WAIT_FOR(world, world->ups == 2);
    link_world_send(world, "GET", "n", NULL);
    WAIT_FOR(world, world->replies == 11);
    CHECK_EQ_STR(world->last, "10"); /* it was done, later */
    both_close(&both);
}

/* Redis answers while this process stands still: the answer is in its socket, and the time is over,
 * when it goes on. */
static void a_pause_of_ones_own_loses_no_answer(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    both_open(&both, 100, false);
    redis_world_signal(&both.redis, SIGSTOP);
    link_world_send(world, "INCR", "n", NULL);
    uv_run(&world->loop, UV_RUN_NOWAIT); /* it is sent */
    CHECK_EQ_INT(world->replies, 0);
    redis_world_signal(&both.redis, SIGCONT);
    uv_sleep(300);
    WAIT_FOR(world, world->replies == 1);
    CHECK_EQ_INT(world->lost, 0);
    CHECK_EQ_INT(world->downs, 0);
    both_close(&both);
}

static void a_server_that_never_greets_is_left(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    redis_world_start(&both.redis, NULL);
    redis_world_signal(&both.redis, SIGSTOP);
    link_world_open(world, redis_world_url(&both.redis), 200, false);
    WAIT_FOR(world, redis_link_counts(world->link)->timeouts >= 2);
    CHECK_EQ_INT(world->ups + world->downs, 0);
    redis_world_signal(&both.redis, SIGCONT);
    WAIT_FOR(world, world->ups == 1);
    both_close(&both);
}

static void killed_clients_come_back_each_kind_alone(void)
{
    static struct both both;
    static struct link_world subscriptions;
    both_open(&both, 2000, false);
    link_world_open(&subscriptions, redis_world_url(&both.redis), 2000, true);
    redis_link_subscribe(subscriptions.link, "weft:{p}");
    WAIT_FOR(&subscriptions, subscriptions.on == 1);
    for (int i = 1; i <= 5; i++) {
        CHECK(redis_world_do(&both.redis, "CLIENT", "KILL", "TYPE", "normal"));
        WAIT_FOR(&both.world, both.world.ups == 1 + i);
        CHECK_EQ_INT(subscriptions.downs, i - 1);
        CHECK(redis_world_do(&both.redis, "CLIENT", "KILL", "TYPE", "pubsub"));
        WAIT_FOR(&subscriptions, subscriptions.ups == 1 + i && subscriptions.on == 1 + i);
        CHECK_EQ_INT(both.world.downs, i);
        CHECK_EQ_INT(redis_world_number(
                         redis_world_ask(&both.redis, "PUBLISH", "weft:{p}", "still here", NULL)),
                     1);
        WAIT_FOR(&subscriptions, subscriptions.messages == i);
    }
    link_world_close(&subscriptions);
    both_close(&both);
}

/* ---- who may come in ---- */

static void expect_problem(const struct redis_world *redis, const char *login, const char *problem)
{
    static struct link_world world;
    char url[300];
    snprintf(url, sizeof(url), "redis://%s127.0.0.1:%d", login, redis->port);
    link_world_open(&world, url, 2000, false);
    WAIT_FOR(&world, strstr(redis_link_problem(world.link), problem));
    CHECK_EQ_INT(world.ups, 0);
    link_world_close(&world);
}

static void expect_welcome(const struct redis_world *redis, const char *login, const char *path)
{
    static struct link_world world;
    char url[300];
    snprintf(url, sizeof(url), "redis://%s127.0.0.1:%d%s", login, redis->port, path);
    link_world_open(&world, url, 2000, false);
    WAIT_FOR(&world, world.ups == 1);
    link_world_send(&world, "SET", "key", path, NULL);
    WAIT_FOR(&world, world.replies == 1);
    CHECK_EQ_INT(world.errors + world.lost, 0);
    link_world_close(&world);
}

static void a_password_is_needed_and_given(void)
{
    static struct redis_world redis;
    redis_world_init(&redis);
    redis.password = "se cret@/";
    redis.args[redis.arg_count++] = "--requirepass";
    redis.args[redis.arg_count++] = redis.password;
    redis_world_again(&redis);
    expect_problem(&redis, "", "NOAUTH");
    expect_problem(&redis, ":wrong@", "AUTH is answered: WRONGPASS");
    expect_problem(&redis, "anna:se%20cret%40%2f@", "AUTH is answered: WRONGPASS");
    expect_welcome(&redis, ":se%20cret%40%2f@", "");
    CHECK(redis_world_do(&redis, "ACL", "SETUSER", "anna", "on", ">p:w", "~*", "&*", "+@all"));
    expect_welcome(&redis, "anna:p%3Aw@", "/5");
    redis_world_remove(&redis);
}

static void the_database_and_the_name_are_as_told(void)
{
    static struct redis_world redis;
    static struct link_world world;
    char url[400];
    redis_world_start(&redis, NULL);
    snprintf(url, sizeof(url), "%s/3", redis_world_url(&redis));
    link_world_open(&world, url, 2000, false);
    WAIT_FOR(&world, world.ups == 1);
    redisReply *list = redis_world_ask(&redis, "CLIENT", "LIST", NULL);
    REQUIRE(list && list->str);
    const char *mine = strstr(list->str, "name=weft-test");
    CHECK(mine && strstr(mine, " db=3 "));
    freeReplyObject(list);
    link_world_close(&world);
    redis_world_remove(&redis);
}

static void a_unix_socket_and_a_name_lead_there_too(void)
{
    static struct redis_world redis;
    static struct link_world world;
    char url[400];
    redis_world_start(&redis, NULL);
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            snprintf(url, sizeof(url), "unix://%s", redis.socket);
        else
            snprintf(url, sizeof(url), "redis://localhost:%d", redis.port);
        link_world_open(&world, url, 2000, false);
        WAIT_FOR(&world, world.ups == 1);
        link_world_close(&world);
    }
    snprintf(url, sizeof(url), "unix://%s-nothing", redis.socket);
    link_world_open(&world, url, 2000, false);
    WAIT_FOR(&world, strstr(redis_link_problem(world.link), "no such file"));
    link_world_close(&world);
    redis_world_remove(&redis);
}

static void write_hosts(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    REQUIRE(file && fputs(text, file) >= 0);
    fclose(file);
}

/* In a process whose /etc/hosts is a file of the test's. Returns an exit status. */
static int follow_hosts(const char *path, int port)
{
    static struct link_world world;
    char url[64];
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(path, "/etc/hosts", NULL, MS_BIND, NULL) != 0)
        return 2;
    if (setjmp(check.leave) != 0)
        return 1;
    snprintf(url, sizeof(url), "redis://redis.test:%d", port);
    write_hosts(path, "127.0.0.8 redis.test\n");
    link_world_open(&world, url, 2000, false);
    WAIT_FOR(&world, strstr(redis_link_problem(world.link), "connection refused"));
    write_hosts(path, "127.0.0.1 redis.test\n127.0.0.8 redis.test\n127.0.0.9 redis.test\n");
    WAIT_FOR(&world, world.ups == 1);
    link_world_close(&world);
    return check.failures > 0;
}

static void a_name_is_looked_up_again_and_each_of_its_addresses_tried(void)
{
    static struct redis_world redis;
    char path[300];
    int status = 0;
    redis_world_start(&redis, "--bind", "127.0.0.9", NULL);
    snprintf(path, sizeof(path), "%s/hosts", redis.folder);
    write_hosts(path, "");
    pid_t child = fork();
    if (child == 0)
        _exit(follow_hosts(path, redis.port));
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    redis_world_remove(&redis);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        SKIP("no mount namespace may be made here");
    CHECK_EQ_INT(status, 0);
}

static void nobody_listening_is_said_and_waited_for(void)
{
    static struct redis_world redis;
    static struct link_world world;
    redis_world_init(&redis);
    link_world_open(&world, redis_world_url(&redis), 2000, false);
    WAIT_FOR(&world, strstr(redis_link_problem(world.link), "connection refused"));
    link_world_send(&world, "PING", NULL);
    WAIT_FOR(&world, world.lost == 1);
    redis_world_again(&redis);
    WAIT_FOR(&world, world.ups == 1);
    link_world_close(&world);
    redis_world_remove(&redis);
}

static void a_full_redis_is_said_and_waited_for(void)
{
    static struct redis_world redis;
    static struct link_world world;
    redis_world_start(&redis, "--maxclients", "3", NULL);
    struct timeval patience = {.tv_sec = 5};
    redisContext *others[2];
    CHECK(redis_world_do(&redis, "PING"));
    for (int i = 0; i < 2; i++)
        others[i] = redisConnectUnixWithTimeout(redis.socket, patience);
    link_world_open(&world, redis_world_url(&redis), 2000, false);
    WAIT_FOR(&world, strstr(redis_link_problem(world.link), "max number of clients reached"));
    CHECK_EQ_INT(world.ups, 0);
    for (int i = 0; i < 2; i++)
        redisFree(others[i]);
    WAIT_FOR(&world, world.ups == 1);
    link_world_close(&world);
    redis_world_remove(&redis);
}

/* ---- what Redis says ---- */

static void a_replica_is_left_and_a_demoted_master_too(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    char nowhere[8];
    both_open(&both, 2000, false);
    snprintf(nowhere, sizeof(nowhere), "%d", redis_world_free_port());
    CHECK(redis_world_do(&both.redis, "REPLICAOF", "127.0.0.1", nowhere));
    link_world_send(world, "SET", "key", "x", NULL);
    WAIT_FOR(world, world->downs == 1);
    CHECK_EQ_INT(world->errors + world->lost, 1);
    WAIT_FOR(world, strstr(redis_link_problem(world->link), "replica"));
    CHECK(redis_world_do(&both.redis, "REPLICAOF", "NO", "ONE"));
    WAIT_FOR(world, world->ups == 2);
    link_world_send(world, "SET", "key", "x", NULL);
    WAIT_FOR(world, world->replies == 2);
    CHECK_EQ_STR(world->last, "OK");
    both_close(&both);
}

static void an_error_that_is_about_the_command_leaves_the_link(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    both_open(&both, 2000, false);
    CHECK(redis_world_do(&both.redis, "SET", "key", "x"));
    link_world_send(world, "HGET", "key", "field", NULL);
    link_world_send(world, "NOSUCH", NULL);
    link_world_send(world, "EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "0", NULL);
    CHECK(redis_world_do(&both.redis, "CONFIG", "SET", "maxmemory", "1"));
    link_world_send(world, "SET", "key", "y", NULL);
    WAIT_FOR(world, world->replies == 4);
    CHECK_EQ_INT(world->errors, 4);
    CHECK_EQ_INT(world->downs, 0);
    CHECK_EQ_INT(redis_link_counts(world->link)->errors, 4);
    both_close(&both);
}

static void a_busy_redis_answers_so_and_is_there_again(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    both_open(&both, 5000, false);
    CHECK(redis_world_do(&both.redis, "CONFIG", "SET", "busy-reply-threshold", "10"));
    link_world_send(world, "EVAL", "while true do end", "0", NULL);
    redisReply *reply = NULL;
    uint64_t end_ms = redis_world_now_ms() + 10000;
    do {
        freeReplyObject(reply);
        uv_run(&world->loop, UV_RUN_NOWAIT);
        reply = redis_world_ask(&both.redis, "PING", NULL);
    } while (reply && reply->type != REDIS_REPLY_ERROR && redis_world_now_ms() < end_ms);
    REQUIRE(reply && strncmp(reply->str, "BUSY", 4) == 0);
    freeReplyObject(reply);
    CHECK(redis_world_do(&both.redis, "SCRIPT", "KILL"));
    WAIT_FOR(world, world->errors == 1);
    CHECK_EQ_INT(world->downs, 0);
    both_close(&both);
}

static void large_answers_and_large_commands_pass(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    size_t len = 20000000;
    char *text = mem_alloc(len);
    memset(text, 'x', len);
    both_open(&both, 10000, false);
    struct redis_arg set[] = {{"SET", 3}, {"big", 3}, {text, len}};
    redis_link_send(world->link, set, 3, link_world_replied, NULL);
    CHECK(redis_link_queued(world->link) > len);
    link_world_send(world, "GET", "big", NULL);
    WAIT_FOR(world, world->replies == 2);
    CHECK_EQ_INT(world->last_len, len);
    CHECK_EQ_INT(world->lost + world->errors, 0);
    CHECK_EQ_INT(redis_link_queued(world->link), 0);
    free(text);
    both_close(&both);
}

static void what_waits_to_be_sent_is_bounded(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    size_t len = 1 << 20;
    char *text = mem_zalloc(len);
    both_open(&both, 1000, false);
    redis_world_signal(&both.redis, SIGSTOP);
    struct redis_arg set[] = {{"SET", 3}, {"big", 3}, {text, len}};
    for (int i = 0; i < 200; i++) {
        redis_link_send(world->link, set, 3, link_world_replied, NULL);
        uv_run(&world->loop, UV_RUN_NOWAIT);
    }
    CHECK(redis_link_queued(world->link) > 60u << 20);
    CHECK(redis_link_queued(world->link) < 66u << 20);
    WAIT_FOR(world, world->replies == 200);
    CHECK_EQ_INT(world->lost, 200);
    redis_world_signal(&both.redis, SIGCONT);
    WAIT_FOR(world, world->ups == 2);
    free(text);
    both_close(&both);
}

/* ---- ending ---- */

static void it_may_be_closed_in_any_callback(void)
{
    for (int kind = 0; kind < 6; kind++) {
        static struct both both;
        struct link_world *world = &both.world;
        redis_world_start(&both.redis, NULL);
        link_world_open(world, redis_world_url(&both.redis), 2000, kind >= 3);
        world->close_soon = kind == 0;
        WAIT_FOR(world, world->ups == 1);
        if (kind == 1 || kind == 5) /* the first of many replies, or the down */
            for (int i = 0; i < 100; i++)
                kind == 1 ? link_world_send(world, "PING", NULL)
                          : redis_link_subscribe(world->link, "weft:{p}");
        world->close_soon = kind > 0 && kind < 4;
        if (kind == 2)
            redis_world_kill(&both.redis);
        if (kind >= 3)
            redis_link_subscribe(world->link, "weft:{q}");
        if (kind == 4) {
            WAIT_FOR(world, world->on == 1);
            world->close_soon = true;
            for (int i = 0; i < 10; i++)
                CHECK(redis_world_do(&both.redis, "PUBLISH", "weft:{q}", "x"));
        }
        if (kind != 5)
            WAIT_FOR(world, world->link == NULL);
        CHECK_EQ_INT(world->lost, kind == 1 ? 99 : 0);
        both_close(&both);
    }
}

static void a_close_answers_what_is_under_way_and_sends_what_waits(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    both_open(&both, 2000, false);
    for (int i = 0; i < 10; i++)
        link_world_send(world, "INCR", "n", NULL);
    CHECK_EQ_INT(world->replies, 0);
    struct redis_link *link = world->link;
    world->link = NULL;
    redis_link_close(link);
    CHECK_EQ_INT(world->lost, 10);
    link_world_close(world);
    redisReply *reply = NULL;
    uint64_t end_ms = redis_world_now_ms() + 10000;
    do {
        freeReplyObject(reply);
        reply = redis_world_ask(&both.redis, "GET", "n", NULL);
    } while (reply && (!reply->str || strcmp(reply->str, "10") != 0) &&
             redis_world_now_ms() < end_ms);
    CHECK(reply && reply->str && strcmp(reply->str, "10") == 0);
    freeReplyObject(reply);
    redis_world_remove(&both.redis);
}

static void a_break_ends_and_begins_again(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    both_open(&both, 2000, false);
    link_world_send(world, "PING", NULL);
    redis_link_break(world->link, "because");
    CHECK_EQ_INT(world->downs, 0);
    WAIT_FOR(world, world->downs == 1);
    CHECK_EQ_STR(world->reason, "because");
    WAIT_FOR(world, world->ups == 2);
    CHECK_EQ_INT(world->lost, 1);
    both_close(&both);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(it_comes_up_and_answers_in_order);
    RUN(a_restart_is_survived_and_has_another_run);
    RUN(a_stopped_redis_is_noticed_and_what_was_asked_is_unknown);
    RUN(a_pause_of_ones_own_loses_no_answer);
    RUN(a_server_that_never_greets_is_left);
    RUN(killed_clients_come_back_each_kind_alone);
    RUN(a_password_is_needed_and_given);
    RUN(the_database_and_the_name_are_as_told);
    RUN(a_unix_socket_and_a_name_lead_there_too);
    RUN(a_name_is_looked_up_again_and_each_of_its_addresses_tried);
    RUN(nobody_listening_is_said_and_waited_for);
    RUN(a_full_redis_is_said_and_waited_for);
    RUN(a_replica_is_left_and_a_demoted_master_too);
    RUN(an_error_that_is_about_the_command_leaves_the_link);
    RUN(a_busy_redis_answers_so_and_is_there_again);
    RUN(large_answers_and_large_commands_pass);
    RUN(what_waits_to_be_sent_is_bounded);
    RUN(it_may_be_closed_in_any_callback);
    RUN(a_close_answers_what_is_under_way_and_sends_what_waits);
    RUN(a_break_ends_and_begins_again);
    return check_finish();
}
