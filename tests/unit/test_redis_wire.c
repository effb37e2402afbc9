/* A server that says what no Redis would, and the errors that one gives once in years: whatever
 * comes, the connection is made again, with bounded memory, and the process lives. */
#include "check.h"
#include "redis_link_world.h"
#include "redis_world.h"
#include "weft/base/mem.h"

/* ---- the server: on the loop of the link ---- */

#define RUN_ID "0123456789012345678901234567890123456789"

struct fake {
    uv_tcp_t listener;
    char url[64];
    int connections;      /* so far */
    bool is_hung_up_on;   /* every connection is closed at once */
    bool is_endless;      /* goes on with `answer`, as long as somebody listens */
    const char *greeting; /* said to whoever connects */
    size_t greeting_len;
    const char *answer; /* to every command that is not of the link's own greeting */
    size_t answer_len;
    const char *role, *ping, *info;
    uint64_t sent; /* bytes */
};

struct fake_client {
    uv_tcp_t tcp;
    redisReader *reader; /* a command looks like a reply */
    struct fake *fake;
    char data[65536];
};

static void fake_freed(uv_handle_t *handle)
{
    struct fake_client *client = handle->data;
    redisReaderFree(client->reader);
    free(client);
}

struct fake_write {
    uv_write_t write;
    char data[];
};

static void fake_say(struct fake_client *client, const char *data, size_t len);

static void fake_said(uv_write_t *write, int status)
{
    struct fake_client *client = write->handle->data;
    struct fake *fake = client->fake;
    free((struct fake_write *)write);
    if (status == 0 && fake->is_endless && !uv_is_closing((uv_handle_t *)&client->tcp))
        fake_say(client, fake->answer, fake->answer_len);
}

static void fake_say(struct fake_client *client, const char *data, size_t len)
{
    struct fake_write *write = mem_alloc(sizeof(*write) + len);
    memcpy(write->data, data, len);
    uv_buf_t buffer = uv_buf_init(write->data, (unsigned)len);
    client->fake->sent += len;
    if (uv_write(&write->write, (uv_stream_t *)&client->tcp, &buffer, 1, fake_said) != 0)
        free(write);
}

static void fake_reply(struct fake_client *client, const redisReply *command)
{
    struct fake *fake = client->fake;
    char text[200], bulk[240];
    const char *name = command->element[0]->str;
    const char *section = command->elements > 1 ? command->element[1]->str : "";
    if (strcmp(name, "INFO") == 0) {
        if (strcmp(section, "server") == 0)
            snprintf(text, sizeof(text), "# Server\r\nredis_version:7.0.0\r\n%s\r\n", fake->info);
        else
            snprintf(text, sizeof(text), "# Replication\r\nrole:%s\r\n", fake->role);
        snprintf(bulk, sizeof(bulk), "$%zu\r\n%s\r\n", strlen(text), text);
        fake_say(client, bulk, strlen(bulk));
    } else if (strcmp(name, "PING") == 0) {
        fake_say(client, fake->ping, strlen(fake->ping));
    } else if (strcmp(name, "CLIENT") == 0) {
        fake_say(client, "+OK\r\n", 5);
    } else {
        fake_say(client, fake->answer, fake->answer_len);
    }
}

static void fake_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct fake_client *client = stream->data;
    void *command;
    if (count < 0) {
        uv_close((uv_handle_t *)stream, fake_freed);
        return;
    }
    redisReaderFeed(client->reader, buffer->base, (size_t)count);
    while (redisReaderGetReply(client->reader, &command) == REDIS_OK && command) {
        fake_reply(client, command);
        freeReplyObject(command);
    }
}

static void fake_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *out)
{
    struct fake_client *client = handle->data;
    (void)wanted;
    *out = uv_buf_init(client->data, sizeof(client->data));
}

static void fake_accept(uv_stream_t *listener, int status)
{
    struct fake *fake = listener->data;
    struct fake_client *client = mem_zalloc(sizeof(*client));
    REQUIRE(status == 0);
    client->fake = fake;
    client->reader = redisReaderCreate();
    uv_tcp_init(listener->loop, &client->tcp);
    client->tcp.data = client;
    uv_accept(listener, (uv_stream_t *)&client->tcp);
    fake->connections++;
    if (fake->is_hung_up_on) {
        uv_close((uv_handle_t *)&client->tcp, fake_freed);
        return;
    }
    if (fake->greeting)
        fake_say(client, fake->greeting, fake->greeting_len);
    uv_read_start((uv_stream_t *)&client->tcp, fake_buffer, fake_read);
}

static void fake_open(struct fake *fake, uv_loop_t *loop)
{
    struct sockaddr_in address;
    int len = sizeof(address);
    *fake =
        (struct fake){.answer = "+OK\r\n", .answer_len = 5, .role = "master", .ping = "+PONG\r\n"};
    fake->info = "run_id:" RUN_ID "\r\nuptime_in_seconds:12";
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_tcp_init(loop, &fake->listener);
    fake->listener.data = fake;
    REQUIRE(uv_tcp_bind(&fake->listener, (struct sockaddr *)&address, 0) == 0);
    REQUIRE(uv_listen((uv_stream_t *)&fake->listener, 16, fake_accept) == 0);
    uv_tcp_getsockname(&fake->listener, (struct sockaddr *)&address, &len);
    snprintf(fake->url, sizeof(fake->url), "redis://127.0.0.1:%d", ntohs(address.sin_port));
}

struct both {
    struct fake fake;
    struct link_world world;
};

static void both_open(struct both *both)
{
    link_world_init(&both->world);
    fake_open(&both->fake, &both->world.loop);
}

static void both_connect(struct both *both, uint64_t timeout_ms, bool is_for_subscriptions)
{
    link_world_connect(&both->world, both->fake.url, timeout_ms, is_for_subscriptions);
}

static void both_close(struct both *both)
{
    uv_close((uv_handle_t *)&both->fake.listener, NULL);
    link_world_close(&both->world);
}

static size_t resident_kb(void)
{
    size_t pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file && fscanf(file, "%zu %zu", &pages, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE) / 1024;
}

/* ---- errors ---- */

static const struct error_row {
    const char *text;
    bool ends;
} errors[] = {
    {"READONLY You can't write against a read only replica.", true},
    {"LOADING Redis is loading the dataset in memory", true},
    {"NOAUTH Authentication required.", true},
    {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", true},
    {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
     false},
    {"MISCONF Redis is configured to save RDB snapshots, but it's unable to persist to disk.",
     false},
    {"OOM command not allowed when used memory > 'maxmemory'.", false},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", false},
    {"NOSCRIPT No matching script. Please use EVAL.", false},
    {"NOPERM this user has no permissions to run the 'set' command", false},
    {"ERR something", false},
    {"", false},
};

static void each_error_is_handed_on_and_some_end_the_connection(void)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        static struct both both;
        struct link_world *world = &both.world;
        char answer[200];
        snprintf(answer, sizeof(answer), "-%s\r\n", errors[i].text);
        both_open(&both);
        both.fake.answer = answer;
        both.fake.answer_len = strlen(answer);
        both_connect(&both, 2000, false);
        WAIT_FOR(world, world->ups == 1);
        link_world_send(world, "SET", "a", "b", NULL);
        if (errors[i].ends) {
            WAIT_FOR(world, world->downs == 1);
            CHECK_EQ_STR(world->reason, errors[i].text);
            WAIT_FOR(world, world->ups == 2);
        } else {
            WAIT_FOR(world, world->replies == 1);
            link_world_send(world, "SET", "a", "b", NULL);
            WAIT_FOR(world, world->replies == 2);
            CHECK_EQ_INT(world->downs, 0);
        }
        CHECK_EQ_STR(world->last, errors[i].text);
        CHECK_EQ_INT(world->lost, 0);
        both_close(&both);
    }
}

/* ---- greetings of others ---- */

static const struct greeting_row {
    const char *role, *ping, *info, *problem;
} greetings[] = {
    {"slave", "+PONG\r\n", NULL, "this Redis is a replica"},
    {"", "+PONG\r\n", NULL, "this Redis is a replica"},
    {"master", "-LOADING Redis is loading\r\n", NULL, "LOADING"},
    {"master", "-MASTERDOWN Link with MASTER\r\n", NULL, "MASTERDOWN"},
    {"master", "-ERR no\r\n", NULL, "PING is answered: ERR no"},
    {"master", ":1\r\n", NULL, "PING is answered: as no Redis does"},
    {"master", "+PONG\r\n", "run:x", "INFO server tells no run_id"},
    {"master", "+PONG\r\n", "run_id:" RUN_ID RUN_ID, "INFO server tells no run_id"},
};

static void who_greets_wrongly_is_left(void)
{
    for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
        static struct both both;
        struct link_world *world = &both.world;
        both_open(&both);
        const char *info = both.fake.info;
        both.fake.role = greetings[i].role;
        both.fake.ping = greetings[i].ping;
        if (greetings[i].info)
            both.fake.info = greetings[i].info;
        both_connect(&both, 2000, false);
        WAIT_FOR(world, strstr(redis_link_problem(world->link), greetings[i].problem));
        CHECK_EQ_INT(world->ups, 0);
        both.fake.role = "master";
        both.fake.ping = "+PONG\r\n";
        both.fake.info = info;
        WAIT_FOR(world, world->ups == 1);
        CHECK_EQ_STR(world->run_id, RUN_ID);
        CHECK_EQ_INT(redis_link_server(world->link)->uptime_ms, 12000);
        both_close(&both);
    }
}

/* ---- garbage ---- */

#define BYTES(text) text, sizeof(text) - 1

static const struct garbage_row {
    const char *what, *bytes;
    size_t len;
} garbage[] = {
    {"HTTP", BYTES("HTTP/1.1 400 Bad Request\r\n\r\n")},
    {"TLS", BYTES("\x15\x03\x03\x00\x02\x02\x46")},
    {"zeros", BYTES("\0\0\0\0\0\0\0\0")},
    {"SSH", BYTES("SSH-2.0-OpenSSH_9.2\r\n")},
    {"answers nobody asked for", BYTES("+OK\r\n+OK\r\n+OK\r\n")},
    {"an error nobody asked for", BYTES("+OK\r\n-ERR you are unwelcome\r\n")},
    {"a bulk of 700 MB", BYTES("$734003200\r\nx")},
    {"a bulk of 700 MB inside an array", BYTES("*2\r\n$1\r\nx\r\n$734003200\r\nx")},
    {"a bulk of 2^63", BYTES("$9223372036854775807\r\n")},
    {"a bulk of 10^30", BYTES("$1000000000000000000000000000000\r\n")},
    {"a bulk of no number", BYTES("$abc\r\n")},
    {"an array of two billion", BYTES("*2000000000\r\n")},
    {"an array of 2^31", BYTES("*2147483648\r\n")},
    {"an array below nothing", BYTES("*-9999999999999999999\r\n")},
    {"arrays in arrays", BYTES("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"
                               "*1\r\n*1\r\n*1\r\n")},
    {"a number of letters", BYTES(":x\r\n+OK\r\n")},
};

static void garbage_ends_the_connection(void)
{
    for (int is_push = 0; is_push < 2; is_push++)
        for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
            static struct both both;
            struct link_world *world = &both.world;
            both_open(&both);
            both.fake.answer = garbage[i].bytes;
            both.fake.answer_len = garbage[i].len;
            both_connect(&both, 2000, is_push);
            WAIT_FOR(world, world->ups == 1);
            size_t before_kb = resident_kb();
            link_world_send(world, "SET", "a", "b", NULL);
            WAIT_FOR(world, world->downs == 1 || world->replies == 1);
            if (world->downs == 0)
                WAIT_FOR(world, world->downs == 1);
            if (getenv("WEFT_VERBOSE"))
                printf("%s: %s\n", garbage[i].what, world->reason);
            if (strncmp(world->reason, "no answer", 9) == 0)
                CHECK_FAIL("%s: was only waited for", garbage[i].what);
            CHECK_EQ_INT(world->replies, 1);
            WAIT_FOR(world, world->ups == 2);
            if (resident_kb() > before_kb + 40000)
                CHECK_FAIL("%s: from %zu to %zu kB", garbage[i].what, before_kb, resident_kb());
            both_close(&both);
        }
}

static void garbage_before_the_greeting_ends_the_connection(void)
{
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        static struct both both;
        struct link_world *world = &both.world;
        both_open(&both);
        both.fake.greeting = garbage[i].bytes;
        both.fake.greeting_len = garbage[i].len;
        both_connect(&both, 2000, false);
        WAIT_FOR(world, both.fake.connections >= 2);
        CHECK_EQ_INT(world->ups, 0);
        both.fake.greeting = NULL;
        WAIT_FOR(world, world->ups == 1);
        both_close(&both);
    }
}

/* As much as it likes to say: a line, a bulk in pieces, an array, a subscriber's flood. */
static const struct flood_row {
    const char *what, *begin, *piece;
    size_t sent_most; /* MB that the server gets rid of before the end */
} floods[] = {
    {"a status", "+", "xxxxxxxxxxxxxxxx", 16},
    {"an error", "-", "xxxxxxxxxxxxxxxx", 16},
    {"a number", ":", "1111111111111111", 16},
    {"a length", "$", "1111111111111111", 16},
    {"an array of strings", "*1000000\r\n", "$9\r\nxxxxxxxxx\r\n", 90},
};

static void a_flood_is_cut_off(void)
{
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        static struct both both;
        struct link_world *world = &both.world;
        size_t begin_len = strlen(floods[i].begin), piece_len = strlen(floods[i].piece);
        size_t len = begin_len + 4000 * piece_len;
        char *answer = mem_alloc(len + 1);
        strcpy(answer, floods[i].begin);
        for (size_t at = begin_len; at < len; at += piece_len)
            strcpy(answer + at, floods[i].piece);
        both_open(&both);
        both.fake.answer = answer;
        both.fake.answer_len = len;
        both.fake.is_endless = false;
        both_connect(&both, 20000, false);
        WAIT_FOR(world, world->ups == 1);
        link_world_send(world, "GET", "a", NULL);
        both.fake.is_endless = true;
        WAIT_FOR(world, world->downs == 1);
        both.fake.is_endless = false;
        CHECK_EQ_INT(world->lost, 1);
        if (both.fake.sent > floods[i].sent_most << 20)
            CHECK_FAIL("%s: %zu bytes were listened to", floods[i].what, (size_t)both.fake.sent);
        WAIT_FOR(world, world->ups == 2);
        both_close(&both);
        free(answer);
    }
}

/* ---- pauses ---- */

/* Eight attempts take at least the halves of 50, 100, 200, 400, 800, 1000, 1000 ms. */
static void attempts_are_spaced(void)
{
    static struct both both;
    struct link_world *world = &both.world;
    both_open(&both);
    both.fake.is_hung_up_on = true;
    both_connect(&both, 2000, false);
    WAIT_FOR(world, both.fake.connections == 1);
    uint64_t began_ms = redis_world_now_ms();
    WAIT_FOR(world, both.fake.connections == 8);
    CHECK(redis_world_now_ms() - began_ms >= 1700);
    both.fake.is_hung_up_on = false;
    WAIT_FOR(world, world->ups == 1);
    both_close(&both);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(each_error_is_handed_on_and_some_end_the_connection);
    RUN(who_greets_wrongly_is_left);
    RUN(garbage_ends_the_connection);
    RUN(garbage_before_the_greeting_ends_the_connection);
    RUN(a_flood_is_cut_off);
    RUN(attempts_are_spaced);
    return check_finish();
}
