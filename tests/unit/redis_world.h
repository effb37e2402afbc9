/*
 * A private redis-server for a test: a port and a folder of its own, gone with the test, and with
 * its process if that dies. Include it once, behind check.h.
 *
 *     struct redis_world redis;
 *     redis_world_start(&redis, "--appendonly", "yes", NULL);   // SKIPs where there is no server
 *     redis_world_url(&redis)                                   // redis://127.0.0.1:port
 *     redisReply *reply = redis_world_ask(&redis, "GET", "weft:secret", NULL);
 *     freeReplyObject(reply);
 *     redis_world_kill(&redis); redis_world_again(&redis);      // the same port and folder
 *     redis_world_remove(&redis);
 *
 * WEFT_REDIS_LOG=1 keeps the servers' words on standard error.
 */
#ifndef REDIS_WORLD_H
#define REDIS_WORLD_H

#include "check.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define REDIS_WORLD_ARGS 48

struct redis_world {
    char folder[256], socket[300], url[300];
    int port;
    pid_t pid; /* 0: not running */
    const char *args[REDIS_WORLD_ARGS];
    size_t arg_count;
    const char *password; /* for redis_world_ask */
    const char *program;  /* first word; "redis-server" */
    redisContext *context;
};

CHECK_UNUSED static uint64_t redis_world_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

CHECK_UNUSED static int redis_world_free_port(void)
{
    /* Below the ports that outgoing connections get, so that nobody takes it while Redis is down.
     */
    for (int tries = 0; tries < 1000; tries++) {
        uint16_t draw;
        if (getrandom(&draw, sizeof(draw), 0) != (ssize_t)sizeof(draw))
            abort();
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)(12000 + draw % 18000)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        close(fd);
        if (is_free)
            return ntohs(address.sin_port);
    }
    abort();
}

static bool redis_world_is_there(void)
{
    static int answer = -1;
    if (answer < 0)
        answer = system("redis-server --version >/dev/null 2>&1") == 0;
    return answer;
}

/* ---- what a test that failed left behind ---- */

static void redis_world_empty(const char *folder)
{
    char path[1024];
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (unlink(path) != 0 && (errno == EISDIR || errno == EPERM))
            redis_world_empty(path);
    }
    if (listing)
        closedir(listing);
    rmdir(folder);
}

static struct redis_world_left {
    char folder[256]; /* "": a free place */
    pid_t pid;        /* 0: not running */
} redis_world_left[256];

static void redis_world_clear_up(void)
{
    for (size_t i = 0; i < sizeof(redis_world_left) / sizeof(redis_world_left[0]); i++) {
        struct redis_world_left *left = &redis_world_left[i];
        if (left->pid > 0) {
            kill(left->pid, SIGKILL);
            waitpid(left->pid, NULL, 0);
        }
        if (left->folder[0])
            redis_world_empty(left->folder);
    }
}

/* The place of a folder; a new one where it has none yet. */
static struct redis_world_left *redis_world_note(const char *folder)
{
    static bool is_registered;
    struct redis_world_left *empty = NULL;
    if (!is_registered)
        atexit(redis_world_clear_up);
    is_registered = true;
    for (size_t i = 0; i < sizeof(redis_world_left) / sizeof(redis_world_left[0]); i++) {
        if (strcmp(redis_world_left[i].folder, folder) == 0)
            return &redis_world_left[i];
        if (!redis_world_left[i].folder[0])
            empty = &redis_world_left[i];
    }
    if (!empty)
        abort();
    snprintf(empty->folder, sizeof(empty->folder), "%s", folder);
    return empty;
}

/* ---- asking ---- */

static void redis_world_hang_up(struct redis_world *redis)
{
    if (redis->context)
        redisFree(redis->context);
    redis->context = NULL;
}

static bool redis_world_dial(struct redis_world *redis)
{
    if (redis->context && redis->context->err == 0)
        return true;
    redis_world_hang_up(redis);
    struct timeval patience = {.tv_sec = 5};
    redis->context = redisConnectUnixWithTimeout(redis->socket, patience);
    if (!redis->context || redis->context->err)
        return false;
    redisSetTimeout(redis->context, patience);
    if (redis->password) {
        redisReply *reply = redisCommand(redis->context, "AUTH %s", redis->password);
        freeReplyObject(reply);
    }
    return true;
}

/* Words as arguments, NULL behind the last. Returns a new reply, or NULL where there is none. */
__attribute__((sentinel)) static redisReply *redis_world_ask(struct redis_world *redis, ...)
{
    const char *words[64];
    int count = 0;
    va_list args;
    va_start(args, redis);
    while (count < 64 && (words[count] = va_arg(args, const char *)))
        count++;
    va_end(args);
    redisReply *reply = NULL;
    for (int tries = 0; tries < 2 && !reply && redis_world_dial(redis); tries++)
        reply = redisCommandArgv(redis->context, count, words, NULL); /* it may have been killed */
    return reply;
}

/* For what only has to be done: true unless it is refused. */
#define redis_world_do(redis, ...)                                                                 \
    redis_world_done(redis_world_ask((redis), __VA_ARGS__, (const char *)NULL))
CHECK_UNUSED static bool redis_world_done(redisReply *reply)
{
    bool is_done = reply && reply->type != REDIS_REPLY_ERROR;
    if (reply && !is_done)
        printf("redis: %s\n", reply->str);
    freeReplyObject(reply);
    return is_done;
}

/* A number: the reply, or the one behind the name in an array of pairs. */
CHECK_UNUSED static long long redis_world_number(redisReply *reply)
{
    long long number = -1;
    if (reply && reply->type == REDIS_REPLY_INTEGER)
        number = reply->integer;
    else if (reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
             reply->element[1]->type == REDIS_REPLY_INTEGER)
        number = reply->element[1]->integer;
    freeReplyObject(reply);
    return number;
}

/* ---- the process ---- */

static void redis_world_exec(struct redis_world *redis)
{
    char port[8];
    const char *argv[REDIS_WORLD_ARGS + 16] = {redis->program};
    size_t count = 1;
    snprintf(port, sizeof(port), "%d", redis->port);
    const char *usual[] = {"--port",       port,    "--bind",      "127.0.0.1", "--unixsocket",
                           redis->socket,  "--dir", redis->folder, "--save",    "",
                           "--appendonly", "no"};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (strstr(redis->program, "/")) { /* a configuration, for a sentinel */
        argv[0] = "redis-server";
        argv[count++] = redis->program;
    } else {
        memcpy(&argv[count], usual, sizeof(usual));
        count += sizeof(usual) / sizeof(usual[0]);
    }
    memcpy(&argv[count], redis->args, redis->arg_count * sizeof(redis->args[0]));
    if (!getenv("WEFT_REDIS_LOG")) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 1);
        dup2(null, 2);
    }
    execvp(argv[0], (char *const *)argv);
    _exit(127);
}

/* Until it answers, loading over too. */
static bool redis_world_wait(struct redis_world *redis)
{
    uint64_t end_ms = redis_world_now_ms() + 15000;
    while (redis_world_now_ms() < end_ms && waitpid(redis->pid, NULL, WNOHANG) == 0) {
        redisReply *reply = redis_world_ask(redis, "PING", NULL);
        bool is_ready =
            reply && (reply->type != REDIS_REPLY_ERROR || strncmp(reply->str, "LOADING", 7) != 0);
        freeReplyObject(reply);
        if (is_ready)
            return true;
        struct timespec pause = {.tv_nsec = 5000000};
        nanosleep(&pause, NULL);
    }
    return false;
}

/* Starts it (again) on its port. */
CHECK_UNUSED static void redis_world_again(struct redis_world *redis)
{
    unlink(redis->socket);
    redis->pid = fork();
    if (redis->pid == 0)
        redis_world_exec(redis);
    redis_world_note(redis->folder)->pid = redis->pid;
    REQUIRE(redis_world_wait(redis));
}

CHECK_UNUSED static void redis_world_signal(struct redis_world *redis, int number)
{
    if (redis->pid > 0)
        kill(redis->pid, number);
}

CHECK_UNUSED static void redis_world_kill(struct redis_world *redis)
{
    redis_world_hang_up(redis);
    if (redis->pid <= 0)
        return;
    kill(redis->pid, SIGKILL);
    waitpid(redis->pid, NULL, 0);
    redis->pid = redis_world_note(redis->folder)->pid = 0;
}

/* Makes the folder and finds a port; nothing runs yet. SKIPs where it cannot. */
static void redis_world_init(struct redis_world *redis)
{
    *redis = (struct redis_world){.program = "redis-server"};
    signal(SIGPIPE, SIG_IGN); /* as log_setup does in the server */
    if (!redis_world_is_there() && !getenv("CI"))
        SKIP("there is no redis-server");
    const char *temp = getenv("TMPDIR");
    snprintf(redis->folder, sizeof(redis->folder), "%s/weft-redis-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(redis->folder))
        abort();
    redis_world_note(redis->folder);
    redis->port = redis_world_free_port();
    snprintf(redis->socket, sizeof(redis->socket), "%s/s", redis->folder);
    snprintf(redis->url, sizeof(redis->url), "redis://127.0.0.1:%d", redis->port);
}

/* Settings as words, NULL behind the last; borrowed until redis_world_remove. */
__attribute__((sentinel)) CHECK_UNUSED static void redis_world_start(struct redis_world *redis, ...)
{
    va_list args;
    redis_world_init(redis);
    va_start(args, redis);
    for (const char *word; (word = va_arg(args, const char *));)
        redis->args[redis->arg_count++] = word;
    va_end(args);
    redis_world_again(redis);
}

CHECK_UNUSED static const char *redis_world_url(const struct redis_world *redis)
{
    return redis->url;
}

CHECK_UNUSED static void redis_world_remove(struct redis_world *redis)
{
    redis_world_kill(redis);
    redis_world_empty(redis->folder);
    redis_world_note(redis->folder)->folder[0] = '\0';
}

#endif
