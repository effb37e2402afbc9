#include "check.h"

#include "lws_world.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define UPGRADE "Host: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define HANDSHAKE "GET / HTTP/1.1\r\n" UPGRADE V13 KEY

/* ---- a client's frames ---- */

enum { CONTINUE = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10, FIN = 0x80 };

static size_t put_header(unsigned char *out, int first, uint64_t len, bool is_masked)
{
    size_t at = 0;
    unsigned char bit = is_masked ? 0x80 : 0;
    out[at++] = (unsigned char)first;
    if (len < 126) {
        out[at++] = (unsigned char)(bit | len);
    } else if (len < 65536) {
        out[at++] = bit | 126;
        out[at++] = (unsigned char)(len >> 8);
        out[at++] = (unsigned char)len;
    } else {
        out[at++] = bit | 127;
        for (int shift = 56; shift >= 0; shift -= 8)
            out[at++] = (unsigned char)(len >> shift);
    }
    for (int i = 0; is_masked && i < 4; i++)
        out[at++] = (unsigned char)(0x11 * (i + 1));
    return at;
}

static void mask(unsigned char *out, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)(bytes[i] ^ (0x11 * (i % 4 + 1)));
}

static void send_frame(int fd, int first, const void *data, size_t len)
{
    unsigned char *frame = mem_alloc(len + 14);
    size_t at = put_header(frame, first, len, true);
    mask(frame + at, data, len);
    send_bytes(fd, frame, at + len);
    free(frame);
}

static void send_text(int fd, const char *text)
{
    send_frame(fd, FIN | TEXT, text, strlen(text));
}

struct frame {
    int first;
    size_t len;
    unsigned char data[70000];
};

/* Returns false at the end of the connection. */
static bool read_frame(int fd, struct frame *frame)
{
    unsigned char head[10];
    if (read_bytes(fd, head, 2) < 2)
        return false;
    frame->first = head[0];
    CHECK(head[1] < 127); /* not masked; longer ones come as fragments */
    frame->len = head[1];
    if (head[1] == 126) {
        if (read_bytes(fd, head, 2) < 2)
            return false;
        frame->len = (size_t)head[0] << 8 | head[1];
    }
    return read_bytes(fd, frame->data, frame->len) == frame->len;
}

static void expect_text(int fd, const char *text)
{
    static struct frame frame;
    REQUIRE(read_frame(fd, &frame));
    CHECK_EQ_INT(frame.first, FIN | TEXT);
    frame.data[frame.len] = '\0';
    CHECK_EQ_STR((char *)frame.data, text);
}

/* Reads on to the close frame and returns its code: 1005 without one, 1006 where none comes. */
static int read_close(int fd, char *reason)
{
    static struct frame frame;
    while (read_frame(fd, &frame)) {
        if ((frame.first & 15) != CLOSE)
            continue;
        frame.data[frame.len] = '\0';
        if (reason)
            strcpy(reason, frame.len > 2 ? (char *)frame.data + 2 : "");
        return frame.len < 2 ? 1005 : frame.data[0] << 8 | frame.data[1];
    }
    return 1006;
}

static void send_close(int fd, int code)
{
    unsigned char payload[] = {(unsigned char)(code >> 8), (unsigned char)code};
    send_frame(fd, FIN | CLOSE, payload, 2);
}

static void expect_end(int fd)
{
    char byte;
    CHECK_EQ_INT(read_bytes(fd, &byte, 1), 0);
    close(fd);
}

static int open_client(int receive_buffer)
{
    int fd = dial(receive_buffer);
    send_bytes(fd, HANDSHAKE "\r\n", strlen(HANDSHAKE "\r\n"));
    REQUIRE(read_status(fd) == 101);
    return fd;
}

/* ---- the handshake ---- */

static void a_handshake_is_accepted_with_our_subprotocol_or_none(void)
{
    static const char *const lines[] = {"", "Sec-WebSocket-Protocol: weft.v1\r\n",
                                        "Sec-WebSocket-Protocol: other.v3, weft.v1\r\n"};
    world_open();
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char request[1024], head[1024];
        int fd = dial(0);
        int len = snprintf(request, sizeof(request), HANDSHAKE "%s\r\n", lines[i]);
        send_bytes(fd, request, (size_t)len);
        read_head(fd, head, sizeof(head));
        CHECK(strncmp(head, "HTTP/1.1 101", 12) == 0);
        CHECK(strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != NULL);
        CHECK_EQ_INT(strstr(head, "Protocol: weft.v1\r\n") != NULL, i > 0);
        CHECK(strstr(head, "Extensions") == NULL);
        close(fd);
    }
    WAIT_FOR(-1, world.closed == 3);
    world_close();
}

static const struct {
    const char *request;
    int status;
} refused[] = {
    {"POST / HTTP/1.1\r\n" UPGRADE V13 KEY, 405},
    {"GET / HTTP/1.0\r\n" UPGRADE V13 KEY, 400},
    {"GET / HTTP/1.1\r\n" UPGRADE KEY, 426},
    {"GET / HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Version: 8\r\n" KEY, 426},
    {"GET / HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Version: 0\r\n" KEY, 426},
    {"GET / HTTP/1.1\r\n" UPGRADE V13, 400},
    {"GET / HTTP/1.1\r\n" UPGRADE V13 "Sec-WebSocket-Key: c2hvcnQ=\r\n", 400},
    {"GET / HTTP/1.1\r\n" UPGRADE V13 "Sec-WebSocket-Key: !!!!IHNhbXBsZSBub25jZQ==\r\n", 400},
    {"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" V13 KEY, 400},
    {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nUpgrade: websocket\r\n" V13 KEY, 400},
    {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" V13 KEY, 400},
    {HANDSHAKE "Sec-WebSocket-Protocol: weft.v2\r\n", 400},
    {HANDSHAKE "Sec-WebSocket-Protocol: xweft.v1, weft.v\r\n", 400},
    {HANDSHAKE "Content-Length: 5\r\n", 400},
    {HANDSHAKE "Transfer-Encoding: chunked\r\n", 400},
};

static void a_bad_handshake_gets_its_status(void)
{
    world_open();
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        char request[1024];
        int fd = dial(0);
        int len = snprintf(request, sizeof(request), "%s\r\n", refused[i].request);
        send_bytes(fd, request, (size_t)len);
        int status = read_status(fd);
        if (status != refused[i].status)
            CHECK_FAIL("%d, not %d: %s", status, refused[i].status, refused[i].request);
        expect_end(fd);
    }
    CHECK_EQ_INT(world.opened, 0);
    world_close();
}

static void frames_sent_right_behind_the_handshake_count(void)
{
    char bytes[1024];
    world_open();
    int fd = dial(0);
    size_t len = (size_t)snprintf(bytes, sizeof(bytes), HANDSHAKE "\r\n");
    len += put_header((unsigned char *)bytes + len, FIN | TEXT, 2, true);
    mask((unsigned char *)bytes + len, "hi", 2);
    send_bytes(fd, bytes, len + 2);
    CHECK_EQ_INT(read_status(fd), 101);
    expect_text(fd, "hi");
    close(fd);
    WAIT_FOR(-1, world.closed == 1);
    world_close();
}

static void whom_the_registry_refuses_comes_back_later(void)
{
    world_open();
    world.refuses = true;
    int fd = open_client(0);
    CHECK_EQ_INT(read_close(fd, NULL), 4503);
    send_close(fd, 4503);
    expect_end(fd);
    world_close();
}

/* ---- messages ---- */

static void messages_are_echoed_whole_or_in_pieces(void)
{
    world_open();
    int fd = open_client(0);
    send_text(fd, "hello");
    expect_text(fd, "hello");
    send_text(fd, "");
    expect_text(fd, "");
    send_frame(fd, TEXT, "gr\xc3", 3);
    send_frame(fd, CONTINUE, "", 0);
    send_frame(fd, CONTINUE, "\xbc\xc3", 2);
    send_frame(fd, FIN | CONTINUE, "\x9f", 1);
    expect_text(fd, "grüß");
    close(fd);
    WAIT_FOR(-1, world.closed == 1);
    CHECK_EQ_STR(world.reason, "connection lost");
    CHECK_EQ_INT(world.code, 1006);
    world_close();
}

static void a_ping_between_fragments_is_answered(void)
{
    static struct frame frame;
    world_open();
    int fd = open_client(0);
    send_frame(fd, TEXT, "one ", 4);
    send_frame(fd, FIN | PING, "p", 1);
    REQUIRE(read_frame(fd, &frame));
    CHECK_EQ_INT(frame.first, FIN | PONG);
    CHECK_EQ_INT(frame.len, 1);
    send_frame(fd, FIN | CONTINUE, "message", 7);
    expect_text(fd, "one message");
    send_frame(fd, FIN | PONG, "", 0);
    send_frame(fd, FIN | PONG, "x", 1);
    WAIT_FOR(fd, world.alive >= 1);
    close(fd);
    WAIT_FOR(-1, world.closed == 1);
    world_close();
}

static void a_byte_at_a_time_is_a_message_too(void)
{
    unsigned char bytes[32];
    world_open();
    int fd = open_client(0);
    size_t len = put_header(bytes, FIN | TEXT, 5, true);
    mask(bytes + len, "slow!", 5);
    for (size_t i = 0; i < len + 5; i++)
        send_bytes(fd, bytes + i, 1);
    expect_text(fd, "slow!");
    close(fd);
    WAIT_FOR(-1, world.closed == 1);
    world_close();
}

static void the_limit_is_small_first_and_moves(void)
{
    size_t len = 1500000;
    char *text = mem_alloc(len);
    memset(text, 'x', len);
    world_open();
    int fd = open_client(0);
    send_frame(fd, FIN | TEXT, text, 8192);
    WAIT_FOR(fd, world.received == 1);
    CHECK_EQ_INT(world.last_len, 8192);
    send_text(fd, "limit 1500000");
    send_frame(fd, TEXT, text, len / 2);
    send_frame(fd, FIN | CONTINUE, text + len / 2, len - len / 2);
    WAIT_FOR(fd, world.received == 3);
    CHECK_EQ_INT(world.last_len, len);
    send_frame(fd, TEXT, text, len / 2);
    send_frame(fd, FIN | CONTINUE, text, len / 2 + 1);
    CHECK_EQ_INT(read_close(fd, NULL), 1009);
    send_close(fd, 1009);
    expect_end(fd);
    WAIT_FOR(-1, world.closed == 1);
    CHECK_EQ_INT(world.received, 3);
    free(text);
    world_close();
}

/* ---- what is forbidden ---- */

#define MASK "\x11\x22\x33\x44"

static const struct {
    const char *what, *bytes;
    size_t len;
    int code;
} forbidden[] = {
#define BAD(what, bytes, code)                                                                     \
    {                                                                                              \
        what, bytes, sizeof(bytes) - 1, code                                                       \
    }
    BAD("unmasked text", "\x81\x02hi", 1002),
    BAD("unmasked ping", "\x89\x00", 1002),
    BAD("unmasked fragment behind a masked one", "\x01\x80" MASK "\x80\x02hi", 1002),
    BAD("binary", "\x82\x81" MASK "\x00", 1003),
    BAD("bare continuation", "\x80\x81" MASK "\x00", 1002),
    BAD("text inside a message", "\x01\x81" MASK "\x00\x81\x81" MASK "\x00", 1002),
    BAD("reserved bit 1 (compressed)", "\xc1\x81" MASK "\x00", 1002),
    BAD("reserved bit 2", "\xa1\x81" MASK "\x00", 1002),
    BAD("reserved bit 3", "\x91\x81" MASK "\x00", 1002),
    BAD("opcode 3", "\x83\x80" MASK, 1002),
    BAD("opcode 7", "\x87\x80" MASK, 1002),
    BAD("opcode 11", "\x8b\x80" MASK, 1002),
    BAD("opcode 15", "\x8f\x80" MASK, 1002),
    BAD("a ping in fragments", "\x09\x80" MASK, 1002),
    BAD("a ping of 126 bytes", "\x89\xfe\x00\x7e" MASK, 1002),
    BAD("UTF-8: overlong", "\x81\x82" MASK "\xd1\x8d", 1007),
    BAD("UTF-8: surrogate", "\x81\x83" MASK "\xfc\x82\xb3", 1007),
    BAD("UTF-8: cut at the end of the message", "\x81\x81" MASK "\xd2", 1007),
    BAD("UTF-8: above U+10FFFF", "\x81\x84" MASK "\xe5\xb2\xb3\xc4", 1007),
    BAD("8193 bytes announced", "\x81\xfe\x20\x01" MASK, 1009),
    BAD("2^40 bytes announced", "\x81\xff\x00\x00\x01\x00\x00\x00\x00\x00" MASK, 1009),
    BAD("2^63 bytes announced", "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00" MASK, 1009),
    BAD("all bytes announced", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff" MASK, 1009),
    BAD("too much in fragments", "\x01\x81" MASK "\x00\x00\xfe\x20\x00" MASK, 1009),
#undef BAD
};

static void what_is_forbidden_is_closed_with_its_code(void)
{
    world_open();
    int count = sizeof(forbidden) / sizeof(forbidden[0]);
    for (int i = 0; i < count; i++) {
        int fd = open_client(0);
        send_bytes(fd, forbidden[i].bytes, forbidden[i].len);
        int code = read_close(fd, NULL);
        if (code != forbidden[i].code)
            CHECK_FAIL("%s: %d, not %d", forbidden[i].what, code, forbidden[i].code);
        shutdown(fd, SHUT_WR);
        expect_end(fd);
        WAIT_FOR(-1, world.closed == i + 1);
    }
    CHECK_EQ_INT(world.received, 0);
    world_close();
}

static void what_came_before_the_forbidden_frame_counts(void)
{
    world_open();
    int fd = open_client(0);
    send_bytes(fd, "\x81\x81" MASK "\x70\x81\x02hi", 11); /* "a", then unmasked */
    expect_text(fd, "a");
    CHECK_EQ_INT(read_close(fd, NULL), 1002);
    send_close(fd, 1002);
    expect_end(fd);
    world_close();
}

/* The client goes on sending the megabytes it announced, and still learns why. */
static void the_code_arrives_although_the_client_still_sends(void)
{
    size_t len = 3000000;
    char *text = mem_zalloc(len);
    world_open();
    int fd = open_client(0);
    send_frame(fd, FIN | TEXT, text, len);
    send_close(fd, 1000);
    CHECK_EQ_INT(read_close(fd, NULL), 1009);
    expect_end(fd);
    free(text);
    world_close();
}

static void a_flood_of_frames_is_closed(void)
{
    unsigned char *bytes = mem_alloc(6 * 20000);
    world_open();
    for (int kind = 0; kind < 2; kind++) {
        int fd = open_client(0);
        if (kind == 1)
            send_frame(fd, TEXT, "", 0);
        for (int i = 0; i < 20000; i++)
            put_header(bytes + 6 * i, kind == 0 ? FIN | PING : CONTINUE, 0, true);
        send_bytes(fd, bytes, 6 * 20000);
        CHECK_EQ_INT(read_close(fd, NULL), 4529);
        close(fd);
        WAIT_FOR(-1, world.closed == kind + 1);
    }
    free(bytes);
    world_close();
}

/* ---- ending ---- */

static void every_close_code_arrives(void)
{
    static const int codes[] = {1000, 1001, 1002, 1003, 1007, 1009, 1011, 1012, 4400,
                                4401, 4403, 4404, 4408, 4409, 4503, 4508, 4529};
    world_open();
    int count = sizeof(codes) / sizeof(codes[0]);
    for (int i = 0; i < count; i++) {
        char text[64], reason[128];
        int fd = open_client(0);
        snprintf(text, sizeof(text), "close %d because of %d", codes[i], i);
        send_text(fd, "before");
        send_text(fd, text);
        send_text(fd, "after");
        expect_text(fd, "before");
        CHECK_EQ_INT(read_close(fd, reason), codes[i]);
        CHECK_EQ_STR(reason, strstr(text, "because"));
        send_close(fd, codes[i]);
        expect_end(fd);
        WAIT_FOR(-1, world.closed == i + 1);
        CHECK_EQ_STR(world.reason, strstr(text, "because"));
    }
    CHECK_EQ_INT(world.received, 2 * count);
    world_close();
}

static void a_close_waits_for_what_was_written(void)
{
    static struct frame frame;
    world_open();
    int fd = open_client(65536);
    send_text(fd, "many 1 4000000");
    send_text(fd, "close 4404 gone");
    WAIT_FOR(fd, world.received == 2);
    size_t len = 0;
    do {
        REQUIRE(read_frame(fd, &frame));
        if ((frame.first & 15) != CLOSE)
            len += frame.len;
    } while ((frame.first & 15) != CLOSE);
    CHECK_EQ_INT(len, 4000000);
    CHECK_EQ_INT(frame.data[0] << 8 | frame.data[1], 4404);
    close(fd);
    WAIT_FOR(-1, world.closed == 1);
    world_close();
}

static void a_clients_close_is_answered_with_its_code_if_it_is_one(void)
{
    static const struct {
        int sent, answer;
    } closes[] = {{1000, 1000}, {1001, 1001}, {3000, 3000}, {4999, 4999}, {999, 1002},
                  {0, 1002},    {1004, 1002}, {1005, 1002}, {1006, 1002}, {1015, 1002},
                  {2999, 1002}, {5000, 1002}, {65535, 1002}};
    world_open();
    int count = sizeof(closes) / sizeof(closes[0]);
    for (int i = 0; i < count; i++) {
        int fd = open_client(0);
        send_close(fd, closes[i].sent);
        int code = read_close(fd, NULL);
        if (code != closes[i].answer)
            CHECK_FAIL("%d is answered with %d", closes[i].sent, code);
        expect_end(fd);
        WAIT_FOR(-1, world.closed == i + 1);
        CHECK_EQ_STR(world.reason, "closed by the client");
        CHECK_EQ_INT(world.code, closes[i].answer);
    }
    int fd = open_client(0);
    send_frame(fd, FIN | CLOSE, "", 0);
    CHECK_EQ_INT(read_close(fd, NULL), 1005);
    expect_end(fd);
    WAIT_FOR(-1, world.closed == count + 1);
    CHECK_EQ_INT(world.code, 1005);
    fd = open_client(0);
    send_frame(fd, FIN | CLOSE, "x", 1);
    CHECK_EQ_INT(read_close(fd, NULL), 1002);
    close(fd);
    WAIT_FOR(-1, world.closed == count + 2);
    CHECK_EQ_INT(world.code, 1002);
    world_close();
}

static void a_reset_in_the_middle_of_a_frame_ends_the_session(void)
{
    world_open();
    int fd = open_client(0);
    struct linger now = {1, 0};
    send_bytes(fd, "\x01\x8a" MASK "abc", 9);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
    WAIT_FOR(-1, world.closed == 1);
    fd = open_client(0);
    send_text(fd, "many 4000 1000");
    WAIT_FOR(fd, world.received == 1);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
    WAIT_FOR(-1, world.closed == 2);
    world_close();
}

static void the_end_of_the_server_ends_everybody(void)
{
    world_open();
    int clients[20];
    for (int i = 0; i < 20; i++)
        clients[i] = i % 2 ? open_client(0) : dial(0);
    WAIT_FOR(-1, world.opened == 10);
    world_close();
    for (int i = 0; i < 20; i++)
        close(clients[i]);
}

/* ---- slow readers ---- */

static void a_slow_reader_gets_everything_in_order(void)
{
    static struct frame frame;
    world_open();
    int fd = open_client(65536);
    send_text(fd, "many 3000 3000");
    WAIT_FOR(fd, world.choked > 0);
    for (int i = 0; i < 3000; i++) {
        REQUIRE(read_frame(fd, &frame));
        REQUIRE(frame.first == (FIN | TEXT) && frame.len == 3000);
        REQUIRE(frame.data[0] == 'a' + i % 26 && frame.data[2999] == 'a' + i % 26);
    }
    close(fd);
    WAIT_FOR(-1, world.closed == 1);
    world_close();
}

/* libwebsockets answers pings whenever it may write: never inside one of our frames. */
static void pongs_stay_between_the_fragments_of_a_large_message(void)
{
    static struct frame frame;
    world_open();
    int fd = open_client(65536);
    send_text(fd, "many 2 3000000");
    int pongs = 0, messages = 0;
    size_t len = 0;
    bool is_inside = false;
    for (int round = 0; messages < 2; round++) {
        if (round % 4 == 0)
            send_frame(fd, FIN | PING, "p", 1);
        REQUIRE(read_frame(fd, &frame));
        if ((frame.first & 15) >= PING) {
            pongs += (frame.first & 15) == PONG;
            continue;
        }
        CHECK_EQ_INT(frame.first & 15, is_inside ? CONTINUE : TEXT);
        is_inside = !(frame.first & FIN);
        for (size_t i = 0; i < frame.len; i++)
            REQUIRE(frame.data[i] == 'a' + messages);
        len += frame.len;
        messages += !is_inside;
        if (!is_inside)
            CHECK_EQ_INT(len, (size_t)messages * 3000000);
    }
    CHECK(pongs > 0);
    close(fd);
    WAIT_FOR(-1, world.closed == 1);
    world_close();
}

/* ---- the listener ---- */

static void a_port_in_use_is_a_clear_error(void)
{
    world_open();
    struct error error = {0};
    uv_loop_t loop;
    uv_loop_init(&loop);
    struct lws_server_config config = {.loop = &loop,
                                       .http = &world.http,
                                       .host = "127.0.0.1",
                                       .port = lws_server_port(world.server),
                                       .hello_frame = 8192};
    CHECK(lws_server_new(&config, &error) == NULL);
    CHECK(strstr(error.text, "Address already in use") != NULL);
    error_clear(&error);
    config.host = "no.such.host.";
    CHECK(lws_server_new(&config, &error) == NULL);
    CHECK(strstr(error.text, "is not an address") != NULL);
    CHECK_EQ_INT(uv_loop_close(&loop), 0);
    world_close();
}

static void the_tick_stops_when_nobody_is_there(void)
{
    world_open();
    CHECK_EQ_INT(world.ticks, 0);
    int fd = open_client(0);
    WAIT_FOR(fd, world.ticks >= 2);
    close(fd);
    WAIT_FOR(-1, world.closed == 1);
    int ticks;
    do {
        ticks = world.ticks;
        poll(NULL, 0, 120);
        uv_run(&world.loop, UV_RUN_NOWAIT);
    } while (ticks != world.ticks && ticks < 1000);
    CHECK(ticks < 1000);
    world_close();
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(a_handshake_is_accepted_with_our_subprotocol_or_none);
    RUN(a_bad_handshake_gets_its_status);
    RUN(frames_sent_right_behind_the_handshake_count);
    RUN(whom_the_registry_refuses_comes_back_later);
    RUN(messages_are_echoed_whole_or_in_pieces);
    RUN(a_ping_between_fragments_is_answered);
    RUN(a_byte_at_a_time_is_a_message_too);
    RUN(the_limit_is_small_first_and_moves);
    RUN(what_is_forbidden_is_closed_with_its_code);
    RUN(what_came_before_the_forbidden_frame_counts);
    RUN(the_code_arrives_although_the_client_still_sends);
    RUN(a_flood_of_frames_is_closed);
    RUN(every_close_code_arrives);
    RUN(a_close_waits_for_what_was_written);
    RUN(a_clients_close_is_answered_with_its_code_if_it_is_one);
    RUN(a_reset_in_the_middle_of_a_frame_ends_the_session);
    RUN(the_end_of_the_server_ends_everybody);
    RUN(a_slow_reader_gets_everything_in_order);
    RUN(pongs_stay_between_the_fragments_of_a_large_message);
    RUN(a_port_in_use_is_a_clear_error);
    RUN(the_tick_stops_when_nobody_is_there);
    return check_finish();
}
