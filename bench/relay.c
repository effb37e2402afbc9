/* The floor: what a server cannot be cheaper than. A WebSocket relay on bare epoll that knows
 * rooms (the request's path) and nothing else: what one member sends, the others of its room get.
 * No merging, no log, no limits, no acks unless asked; memory per connection is one struct.
 *
 * Two ways of sending: per frame, one send() for each frame and member as it comes; with --tick,
 * what one turn of the loop brought for a room is joined into one send() per member. --ack answers
 * each frame's author with the 37 bytes of a weft ack, which shows what answering alone costs.
 * --drop N, --mute N and --double N are for the generator's own test: the last member of the room
 * misses the Nth frame, misses all from there on, or gets it twice.
 *
 * It trusts its clients as far as a benchmark may: frames are whole, masked and at most 64 KiB. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "process.h"
#include "weft/base/buf.h"
#include "weft/base/map.h"
#include "weft/base/mem.h"

#define ACK_TEXT "{\"t\":\"ack\",\"f\":1,\"v\":1843,\"n\":100017}"
#define READ_SIZE 65536
/* A member that lets more than this wait is closed. */
#define BACKLOG_MAX ((size_t)64 * 1024 * 1024)

struct room;

struct member {
    int fd;
    uint32_t place; /* in the room's list */
    struct room *room;
    struct buf in;  /* what a read left over; no memory while empty */
    struct buf out; /* what the socket did not take */
};

/* A piece of the turn's batch, and who sent it. */
struct piece {
    const struct member *author;
    size_t start, end;
};

struct room {
    struct member **members;
    uint32_t count, cap;
    bool dirty;
    struct buf batch;
    struct piece *pieces;
    size_t piece_count, piece_cap;
};

struct relay {
    int epoll_fd, listen_fd;
    bool tick, ack;
    uint64_t frames;            /* relayed so far */
    uint64_t drop, mute, twice; /* which of them is spoilt; 0 = none */
    struct map rooms;
    struct room **dirty;
    size_t dirty_count, dirty_cap;
    char scratch[READ_SIZE];
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

/* Grows an array by doubling so that one more fits. */
static void *array_grow(void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return array;
    *cap = *cap ? *cap * 2 : 4;
    return mem_realloc_array(array, *cap, size);
}

static struct room *room_get(struct relay *relay, const char *path, size_t len)
{
    struct room *room = map_find_text(&relay->rooms, path, len);
    if (!room) {
        room = mem_zalloc(sizeof *room);
        map_put_text(&relay->rooms, path, len, room);
    }
    return room;
}

static void room_add(struct room *room, struct member *member)
{
    size_t cap = room->cap;
    room->members = array_grow(room->members, room->count, &cap, sizeof(struct member *));
    room->cap = (uint32_t)cap;
    member->room = room;
    member->place = room->count;
    room->members[room->count++] = member;
}

static void member_close(struct member *member)
{
    struct room *room = member->room;
    if (room) {
        room->members[member->place] = room->members[--room->count];
        room->members[member->place]->place = member->place;
        for (size_t i = 0; i < room->piece_count; i++) {
            if (room->pieces[i].author == member)
                room->pieces[i].author = NULL;
        }
    }
    close(member->fd);
    buf_close(&member->in);
    buf_close(&member->out);
    free(member);
}

static void member_watch(struct relay *relay, struct member *member, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = member};
    epoll_ctl(relay->epoll_fd, EPOLL_CTL_MOD, member->fd, &event);
}

/* Hangs up on a member from within a loop over its room: the read that follows closes it. */
static void member_shut(const struct member *member)
{
    shutdown(member->fd, SHUT_RDWR);
}

static void member_queue(struct relay *relay, struct member *member, const char *data, size_t len)
{
    if (member->out.len == 0)
        member_watch(relay, member, EPOLLIN | EPOLLOUT);
    buf_add(&member->out, data, len);
    if (member->out.len > BACKLOG_MAX)
        member_shut(member);
}

static void member_send(struct relay *relay, struct member *member, const char *data, size_t len)
{
    ssize_t sent = 0;
    if (member->out.len == 0) {
        sent = send(member->fd, data, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            member_shut(member);
            return;
        }
    }
    size_t done = sent > 0 ? (size_t)sent : 0;
    if (done < len)
        member_queue(relay, member, data + done, len - done);
}

static void member_flush(struct relay *relay, struct member *member)
{
    struct buf *out = &member->out;
    ssize_t sent = send(member->fd, out->data, out->len, MSG_NOSIGNAL);
    if (sent <= 0)
        return;
    memmove(out->data, out->data + sent, out->len - (size_t)sent);
    out->len -= (size_t)sent;
    if (out->len == 0) {
        buf_close(out);
        member_watch(relay, member, EPOLLIN);
    }
}

static void room_mark_dirty(struct relay *relay, struct room *room)
{
    if (room->dirty)
        return;
    room->dirty = true;
    relay->dirty =
        array_grow(relay->dirty, relay->dirty_count, &relay->dirty_cap, sizeof(struct room *));
    relay->dirty[relay->dirty_count++] = room;
}

static void room_batch(struct relay *relay, struct member *author, const char *frame, size_t len)
{
    struct room *room = author->room;
    room->pieces =
        array_grow(room->pieces, room->piece_count, &room->piece_cap, sizeof *room->pieces);
    room->pieces[room->piece_count++] =
        (struct piece){author, room->batch.len, room->batch.len + len};
    buf_add(&room->batch, frame, len);
    room_mark_dirty(relay, room);
}

/* The batch without the member's own pieces, or the batch itself if there are none. */
static const struct buf *batch_for(const struct room *room, const struct member *member,
                                   struct buf *others)
{
    bool own = false;
    for (size_t i = 0; i < room->piece_count && !own; i++)
        own = room->pieces[i].author == member;
    if (!own)
        return &room->batch;
    buf_reset(others);
    for (size_t i = 0; i < room->piece_count; i++) {
        const struct piece *piece = &room->pieces[i];
        if (piece->author != member)
            buf_add(others, room->batch.data + piece->start, piece->end - piece->start);
    }
    return others;
}

static void room_flush(struct relay *relay, struct room *room)
{
    struct buf others = BUF_EMPTY;
    for (uint32_t i = 0; i < room->count; i++) {
        const struct buf *batch = batch_for(room, room->members[i], &others);
        if (batch->len > 0)
            member_send(relay, room->members[i], batch->data, batch->len);
    }
    buf_close(&others);
    buf_reset(&room->batch);
    room->piece_count = 0;
    room->dirty = false;
}

static size_t frame_header(char *out, size_t len)
{
    out[0] = (char)0x81;
    if (len < 126) {
        out[1] = (char)len;
        return 2;
    }
    out[1] = 126;
    out[2] = (char)(len >> 8);
    out[3] = (char)len;
    return 4;
}

static void ack_send(struct relay *relay, struct member *member)
{
    char frame[4 + sizeof ACK_TEXT];
    size_t head = frame_header(frame, sizeof ACK_TEXT - 1);
    memcpy(frame + head, ACK_TEXT, sizeof ACK_TEXT - 1);
    member_send(relay, member, frame, head + sizeof ACK_TEXT - 1);
}

/* How often the room's last member gets the frame at hand. */
static unsigned copies_for_last(const struct relay *relay)
{
    if (relay->frames == relay->drop || (relay->mute && relay->frames >= relay->mute))
        return 0;
    return relay->frames == relay->twice ? 2 : 1;
}

static void relay_frame(struct relay *relay, struct member *author, const char *frame, size_t len)
{
    const struct room *room = author->room;
    relay->frames++;
    if (relay->ack)
        ack_send(relay, author);
    if (relay->tick) {
        room_batch(relay, author, frame, len);
        return;
    }
    for (uint32_t i = 0; i < room->count; i++) {
        unsigned copies = i + 1 == room->count ? copies_for_last(relay) : 1;
        for (; copies > 0 && room->members[i] != author; copies--)
            member_send(relay, room->members[i], frame, len);
    }
}

/* Unmasks one whole frame and relays it. Returns its length, 0 if more is needed, -1 to close. */
static long frame_take(struct relay *relay, struct member *member, const unsigned char *at,
                       size_t here)
{
    char frame[4 + 65536];
    if (here < 8)
        return 0;
    size_t len = at[1] & 0x7fU;
    size_t head = len == 126 ? 4 : 2;
    if (at[0] != 0x81 || !(at[1] & 0x80U) || len == 127)
        return -1;
    if (len == 126)
        len = (size_t)at[2] << 8 | at[3];
    if (here < head + 4 + len)
        return 0;
    size_t out = frame_header(frame, len);
    const unsigned char *mask = at + head, *payload = mask + 4;
    for (size_t i = 0; i < len; i++)
        frame[out + i] = (char)(payload[i] ^ mask[i & 3]);
    relay_frame(relay, member, frame, out + len);
    return (long)(head + 4 + len);
}

static void handshake_answer(struct relay *relay, struct member *member, const char *key)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char text[24 + sizeof guid], sum[SHA_DIGEST_LENGTH + 1] = {0};
    char accept[29] = {0};
    struct buf answer = BUF_EMPTY;
    memcpy(text, key, 24);
    memcpy(text + 24, guid, sizeof guid);
    SHA1(text, 24 + sizeof guid - 1, sum);
    for (size_t i = 0; i < 7; i++) {
        uint32_t bits = (uint32_t)sum[3 * i] << 16 | (uint32_t)sum[3 * i + 1] << 8 | sum[3 * i + 2];
        for (size_t j = 0; j < 4; j++)
            accept[4 * i + j] = digits[bits >> (18 - 6 * j) & 63];
    }
    accept[27] = '=';
    buf_printf(&answer,
               "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
               accept);
    member_send(relay, member, answer.data, answer.len);
    buf_close(&answer);
}

/* GET /room HTTP/1.1 … Returns as frame_take(). */
static long handshake_take(struct relay *relay, struct member *member, const char *at, size_t here)
{
    static const char key_name[] = "\r\nSec-WebSocket-Key: ";
    const char *end = memmem(at, here, "\r\n\r\n", 4);
    if (!end)
        return here > 8192 ? -1 : 0;
    size_t head = (size_t)(end - at) + 4;
    const char *key = memmem(at, head, key_name, sizeof key_name - 1);
    const char *path_end = memchr(at + 4, ' ', head - 4);
    if (memcmp(at, "GET /", 5) != 0 || !key || !path_end ||
        key + sizeof key_name - 1 + 24 > end + 2)
        return -1;
    room_add(room_get(relay, at + 4, (size_t)(path_end - at) - 4), member);
    handshake_answer(relay, member, key + sizeof key_name - 1);
    return (long)head;
}

/* Handles all that is whole in data. Returns how many bytes that was, or -1 to close. */
static long bytes_handle(struct relay *relay, struct member *member, const char *data, size_t len)
{
    size_t done = 0;
    while (done < len) {
        long taken = member->room
                         ? frame_take(relay, member, (const unsigned char *)data + done, len - done)
                         : handshake_take(relay, member, data + done, len - done);
        if (taken < 0)
            return -1;
        if (taken == 0)
            break;
        done += (size_t)taken;
    }
    return (long)done;
}

/* False when the member is to be closed. */
static bool member_read(struct relay *relay, struct member *member)
{
    ssize_t len = recv(member->fd, relay->scratch, sizeof relay->scratch, 0);
    if (len <= 0)
        return len < 0 && errno == EAGAIN;
    const char *data = relay->scratch;
    size_t all = (size_t)len;
    if (member->in.len > 0) {
        buf_add(&member->in, data, all);
        data = member->in.data;
        all = member->in.len;
    }
    long done = bytes_handle(relay, member, data, all);
    if (done < 0)
        return false;
    struct buf rest = BUF_EMPTY;
    if ((size_t)done < all)
        buf_add(&rest, data + done, all - (size_t)done);
    buf_close(&member->in);
    member->in = rest;
    return true;
}

static void members_accept(struct relay *relay)
{
    const int one = 1;
    for (;;) {
        int fd = accept4(relay->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct member *member = mem_zalloc(sizeof *member);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};
        member->fd = fd;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_ctl(relay->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static void member_event(struct relay *relay, struct member *member, uint32_t events)
{
    if (events & EPOLLOUT && member->out.len > 0)
        member_flush(relay, member);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !member_read(relay, member))
        member_close(member);
}

static void relay_run(struct relay *relay)
{
    struct epoll_event events[256];
    while (!stopped) {
        int count = epoll_wait(relay->epoll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == relay)
                members_accept(relay);
            else
                member_event(relay, events[i].data.ptr, events[i].events);
        }
        for (size_t i = 0; i < relay->dirty_count; i++)
            room_flush(relay, relay->dirty[i]);
        relay->dirty_count = 0;
    }
}

static bool relay_listen(struct relay *relay, uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = relay};
    relay->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    relay->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (relay->epoll_fd < 0 || relay->listen_fd < 0 ||
        bind(relay->listen_fd, (struct sockaddr *)&address, len) != 0 ||
        listen(relay->listen_fd, 4096) != 0 ||
        getsockname(relay->listen_fd, (struct sockaddr *)&address, &len) != 0 ||
        epoll_ctl(relay->epoll_fd, EPOLL_CTL_ADD, relay->listen_fd, &event) != 0)
        return false;
    printf("ready http://127.0.0.1:%u/\n", ntohs(address.sin_port));
    return fflush(stdout) == 0;
}

/* False for an option that does not exist. */
static bool options_read(struct relay *relay, uint16_t *port, int argc, char **argv)
{
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},
        {"tick", no_argument, NULL, 't'},
        {"ack", no_argument, NULL, 'a'},
        {"drop", required_argument, NULL, 'd'},
        {"mute", required_argument, NULL, 'm'},
        {"double", required_argument, NULL, '2'},
        {0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;
        switch (option) {
        case 'p':
            *port = (uint16_t)number;
            break;
        case 't':
            relay->tick = true;
            break;
        case 'a':
            relay->ack = true;
            break;
        case 'd':
            relay->drop = number;
            break;
        case 'm':
            relay->mute = number;
            break;
        case '2':
            relay->twice = number;
            break;
        default:
            return false;
        }
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    static struct relay relay; /* static: at the end all is still reachable, which is no leak */
    uint16_t port = 0;
    if (!options_read(&relay, &port, argc, argv)) {
        fputs("relay [--port N] [--tick] [--ack]\n", stderr);
        return 2;
    }
    map_init(&relay.rooms);
    process_raise_file_limit();
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!relay_listen(&relay, port)) {
        perror("relay");
        return 1;
    }
    relay_run(&relay);
    return 0; /* What is left goes with the process. */
}
