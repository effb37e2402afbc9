#include "redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

static const char info[] = "$235\r\n# Commandstats\r\n"
                           "cmdstat_hget:calls=7,usec=31,usec_per_call=7.75\r\n"
                           "cmdstat_evalsha:calls=1200,usec=9,usec_per_call=1.00\r\n"
                           "cmdstat_evalsha_ro:calls=5,usec=9,usec_per_call=1.00\r\n"
                           "cmdstat_eval:calls=34,usec=9,usec_per_call=1.00\r\n\r\n+OK\r\n";

static void calls_by_either_name_are_added_up(void)
{
    CHECK_EQ_INT(redis_scripts_parse(info), 1234);
    CHECK_EQ_INT(redis_scripts_parse("\r\ncmdstat_get:calls=8,usec=1\r\n"), 0);
    CHECK_EQ_INT(redis_scripts_parse(""), 0);
}

/* Answers one connection in two pieces, or hangs up where there is nothing to say. */
struct server {
    int fd;
    struct sockaddr_in address;
    const char *answer;
    char question[64];
};

static void *serve(void *data)
{
    struct server *server = data;
    int fd = accept(server->fd, NULL, NULL);
    ssize_t len = recv(fd, server->question, sizeof server->question - 1, 0);
    size_t half = strlen(server->answer) / 2;
    if (len > 0 && half > 0) {
        (void)!write(fd, server->answer, half);
        (void)!write(fd, server->answer + half, strlen(server->answer) - half);
    }
    close(fd);
    return NULL;
}

static bool ask(struct server *server, uint64_t *calls)
{
    socklen_t len = sizeof server->address;
    pthread_t thread;
    server->address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(bind(server->fd, (struct sockaddr *)&server->address, len) == 0);
    REQUIRE(getsockname(server->fd, (struct sockaddr *)&server->address, &len) == 0);
    REQUIRE(listen(server->fd, 1) == 0);
    REQUIRE(pthread_create(&thread, NULL, serve, server) == 0);
    bool done = redis_scripts_ask(&server->address, calls);
    pthread_join(thread, NULL);
    close(server->fd);
    return done;
}

static void a_server_is_asked(void)
{
    struct server server = {.answer = info};
    uint64_t calls = 0;
    CHECK(ask(&server, &calls));
    CHECK_EQ_INT(calls, 1234);
    CHECK_EQ_STR(server.question, "INFO commandstats\r\nQUIT\r\n");
}

static void who_does_not_answer_is_told_of(void)
{
    struct server silent = {.answer = ""}, refuses = {.answer = "-NOAUTH who are you\r\n"};
    uint64_t calls = 0;
    CHECK(!ask(&silent, &calls));
    CHECK(!ask(&refuses, &calls));
    CHECK_EQ_INT(errno, EPROTO);
    CHECK(!redis_scripts_ask(&silent.address, &calls));
    CHECK_EQ_INT(errno, ECONNREFUSED);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(calls_by_either_name_are_added_up);
    RUN(a_server_is_asked);
    RUN(who_does_not_answer_is_told_of);
    return check_finish();
}
