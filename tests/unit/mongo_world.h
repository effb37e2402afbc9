/*
 * A MongoDB for a test: what WEFT_TEST_MONGODB_URI names, else a server of its own, in a folder of
 * its own: mongod where it is on the PATH, else SecantusDB from build/mongodb (./dev test puts it
 * there). Include it once, behind check.h.
 */
#ifndef MONGO_WORLD_H
#define MONGO_WORLD_H

#include "weft/base/random.h"
#include "weft/io/repository_mongo.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <mongoc/mongoc.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECANTUS "build/mongodb/bin/secantusd-py"
#define MONGO_START_SECONDS 60

struct mongo_server {
    char folder[128], uri[160];
    int port;
    pid_t pid; /* 0: not ours */
};

static int mongo_free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        abort();
    close(fd);
    return ntohs(address.sin_port);
}

static bool mongo_has(const char *program)
{
    char command[64];
    snprintf(command, sizeof(command), "command -v %s >/dev/null 2>&1", program);
    return system(command) == 0;
}

static bool mongo_answers(const char *uri)
{
    mongoc_client_t *client = mongoc_client_new(uri);
    bson_t *ping = BCON_NEW("ping", BCON_INT32(1));
    bson_error_t error;
    bool answers = mongoc_client_command_simple(client, "admin", ping, NULL, NULL, &error);
    bson_destroy(ping);
    mongoc_client_destroy(client);
    return answers;
}

/* Starts it on its port and folder, and waits until it answers. */
static void mongo_start(struct mongo_server *server)
{
    char port[8];
    snprintf(port, sizeof(port), "%d", server->port);
    server->pid = fork();
    REQUIRE(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(1);
        if (mongo_has("mongod"))
            execlp("mongod", "mongod", "--port", port, "--dbpath", server->folder, "--bind_ip",
                   "127.0.0.1", NULL);
        execl(SECANTUS, SECANTUS, "--port", port, "--storage-path", server->folder,
              "--sync-on-commit", "--enable-test-commands", NULL);
        _exit(1);
    }
    time_t until = time(NULL) + MONGO_START_SECONDS;
    while (!mongo_answers(server->uri) && time(NULL) < until)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

static CHECK_UNUSED void mongo_kill(struct mongo_server *server)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

static CHECK_UNUSED void mongo_server_init(struct mongo_server *server)
{
    *server = (struct mongo_server){.pid = 0};
    mongoc_init();
    const char *uri = getenv("WEFT_TEST_MONGODB_URI");
    if (uri) {
        snprintf(server->uri, sizeof(server->uri), "%s", uri);
        return;
    }
    if (!mongo_has("mongod") && access(SECANTUS, X_OK) != 0)
        SKIP("no MongoDB server: set WEFT_TEST_MONGODB_URI, or let ./dev test install one");
    snprintf(server->folder, sizeof(server->folder), "/tmp/weft-mongo-XXXXXX");
    REQUIRE(mkdtemp(server->folder) != NULL);
    server->port = mongo_free_port();
    snprintf(server->uri, sizeof(server->uri),
             "mongodb://127.0.0.1:%d/?serverSelectionTimeoutMS=1000", server->port);
    mongo_start(server);
}

static CHECK_UNUSED void mongo_server_close(struct mongo_server *server)
{
    mongo_kill(server);
    char command[160];
    snprintf(command, sizeof(command), "rm -rf '%s'", server->folder);
    if (server->folder[0] && system(command) != 0)
        CHECK_FAIL("%s", command);
}

/* The URI with a database that nobody else uses. */
static CHECK_UNUSED void mongo_database_uri(const struct mongo_server *server, char *out,
                                            size_t size, char *database, size_t database_size)
{
    const char *query = strchr(server->uri, '?');
    size_t host = query ? (size_t)(query - server->uri) : strlen(server->uri);
    while (host > 0 && server->uri[host - 1] == '/')
        host--;
    snprintf(database, database_size, "weft_test_%016" PRIx64, random_u64());
    snprintf(out, size, "%.*s/%s%s", (int)host, server->uri, database, query ? query : "");
}

#endif
