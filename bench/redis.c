#include "redis.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "weft/base/buf.h"

#define PATIENCE_S 5

uint64_t redis_scripts_parse(const char *info)
{
    static const char *const lines[] = {"\ncmdstat_eval:calls=", "\ncmdstat_evalsha:calls="};
    uint64_t calls = 0;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const char *at = strstr(info, lines[i]);
        calls += at ? strtoull(at + strlen(lines[i]), NULL, 10) : 0;
    }
    return calls;
}

static int connect_to(const struct sockaddr_in *address)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* QUIT has Redis close the connection behind its answers, so their end is the end. */
static bool talk(int fd, struct buf *answer)
{
    static const char question[] = "INFO commandstats\r\nQUIT\r\n";
    char data[16384];
    ssize_t len;
    if (send(fd, question, sizeof question - 1, MSG_NOSIGNAL) != (ssize_t)sizeof question - 1)
        return false;
    while ((len = recv(fd, data, sizeof data, 0)) > 0)
        buf_add(answer, data, (size_t)len);
    if (len == 0 && answer->len > 0 && answer->data[0] == '$')
        return true;
    if (len == 0)
        errno = EPROTO;
    return false;
}

bool redis_scripts_ask(const struct sockaddr_in *address, uint64_t *calls)
{
    struct buf answer = BUF_EMPTY;
    int fd = connect_to(address);
    if (fd < 0)
        return false;
    bool done = talk(fd, &answer);
    if (done)
        *calls = redis_scripts_parse(answer.data);
    close(fd);
    buf_close(&answer);
    return done;
}
