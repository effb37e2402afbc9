#include "websocket.h"

#include "check.h"

/* A server's frame: not masked. */
static void frame_add(struct buf *out, unsigned first, const char *data, size_t len)
{
    buf_add_char(out, (char)first);
    if (len < 126) {
        buf_add_char(out, (char)len);
    } else {
        size_t extra = len <= 0xffff ? 2 : 8;
        buf_add_char(out, (char)(extra == 2 ? 126 : 127));
        for (size_t i = 0; i < extra; i++)
            buf_add_char(out, (char)(len >> (8 * (extra - 1 - i))));
    }
    buf_add(out, data, len);
}

/* What came out, as "opcode:total:last;" per message, and a sum of all bytes that were kept. */
struct seen {
    char text[256];
    uint64_t sum;
    bool bad;
};

/* Feeds the stream in pieces of up to `piece` bytes, each in a copy of exactly its size. */
static struct seen feed(const struct buf *stream, size_t piece)
{
    struct websocket_decoder decoder = {0};
    struct websocket_message message;
    struct seen seen = {0};
    for (size_t done = 0; done < stream->len && !seen.bad; done += piece) {
        size_t len = stream->len - done < piece ? stream->len - done : piece;
        char *copy = malloc(len);
        const char *at = memcpy(copy, stream->data + done, len);
        enum websocket_result result;
        while ((result = websocket_next(&decoder, &at, copy + len, &message)) ==
               WEBSOCKET_MESSAGE) {
            size_t used = strlen(seen.text);
            snprintf(seen.text + used, sizeof seen.text - used, "%d:%llu:%c;", message.opcode,
                     (unsigned long long)message.total, message.total ? message.last : '-');
            for (size_t i = 0; i < message.len; i++)
                seen.sum = seen.sum * 31 + (unsigned char)message.data[i];
        }
        seen.bad = result == WEBSOCKET_BAD;
        free(copy);
    }
    websocket_decoder_close(&decoder);
    return seen;
}

static void messages_come_out_the_same_however_they_are_cut(void)
{
    struct buf stream = BUF_EMPTY;
    char *large = malloc(70000);
    memset(large, 'x', 70000);
    large[69999] = 'y';
    frame_add(&stream, 0x81, "{}", 2);
    frame_add(&stream, 0x81, large + 69000, 1000);
    frame_add(&stream, 0x81, "", 0);
    frame_add(&stream, 0x01, "one", 3); /* a message of three fragments, */
    frame_add(&stream, 0x89, "p", 1);   /* with a ping between them */
    frame_add(&stream, 0x00, "two", 3);
    frame_add(&stream, 0x80, "three", 5);
    frame_add(&stream, 0x82, large, 70000);
    frame_add(&stream, 0x88, "\x03\xe8", 2);
    const char *wanted = "1:2:};1:1000:y;1:0:-;9:1:p;1:11:e;2:70000:y;8:2:\xe8;";
    struct seen whole = feed(&stream, stream.len);
    CHECK_EQ_STR(whole.text, wanted);
    for (size_t piece = 1; piece < 140; piece++) {
        struct seen seen = feed(&stream, piece);
        CHECK_EQ_STR(seen.text, wanted);
        CHECK(seen.sum == whole.sum && !seen.bad);
    }
    buf_close(&stream);
    free(large);
}

static void of_a_long_message_the_beginning_is_kept(void)
{
    struct buf stream = BUF_EMPTY;
    size_t len = 3 * WEBSOCKET_KEEP;
    char *large = calloc(1, len);
    struct websocket_decoder decoder = {0};
    struct websocket_message message;
    memset(large, 'a', len);
    large[len - 1] = '}';
    frame_add(&stream, 0x81, large, len);
    const char *at = stream.data, *middle = at + WEBSOCKET_KEEP / 2, *end = at + stream.len;
    CHECK_EQ_INT(websocket_next(&decoder, &at, middle, &message), WEBSOCKET_WAIT);
    CHECK_EQ_INT(websocket_next(&decoder, &at, end, &message), WEBSOCKET_MESSAGE);
    CHECK_EQ_INT(message.len, WEBSOCKET_KEEP);
    CHECK_EQ_INT(message.total, len);
    CHECK_EQ_INT(message.last, '}');
    websocket_decoder_close(&decoder);
    buf_close(&stream);
    free(large);
}

static void frames_against_the_rules_are_bad(void)
{
    static const unsigned char cases[][2] = {
        {0xc1, 0x00}, /* a reserved bit */
        {0x81, 0x80}, /* a server that masks */
        {0x83, 0x00}, /* an opcode that does not exist */
        {0x80, 0x00}, /* a fragment of nothing */
        {0x09, 0x00}, /* a ping in fragments */
        {0x89, 0x7e}, /* a ping of 126 bytes or more */
        {0x8b, 0x00}, /* a control opcode that does not exist */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf stream = BUF_EMPTY;
        buf_add(&stream, cases[i], 2);
        buf_add(&stream, "\x01\x00", 2);
        CHECK(feed(&stream, 1).bad);
        buf_close(&stream);
    }
    struct buf nested = BUF_EMPTY;
    frame_add(&nested, 0x01, "a", 1);
    frame_add(&nested, 0x81, "b", 1); /* a new message within another */
    CHECK(feed(&nested, 100).bad);
    buf_close(&nested);
}

static void our_frames_are_masked_and_unmask_to_what_was_sent(void)
{
    static const size_t lens[] = {0, 1, 7, 8, 125, 126, 65535, 65536};
    char *data = malloc(65536);
    for (size_t i = 0; i < 65536; i++)
        data[i] = (char)(i * 7);
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        struct buf out = BUF_EMPTY;
        size_t head = lens[i] < 126 ? 2 : lens[i] <= 0xffff ? 4 : 10;
        websocket_frame(&out, WEBSOCKET_TEXT, data, lens[i]);
        REQUIRE(out.len == head + 4 + lens[i]);
        CHECK_EQ_INT((unsigned char)out.data[0], 0x81);
        CHECK(out.data[1] & (char)0x80);
        size_t wrong = 0;
        for (size_t j = 0; j < lens[i]; j++)
            wrong += (char)(out.data[head + 4 + j] ^ out.data[head + (j & 3)]) != data[j];
        CHECK_EQ_INT(wrong, 0);
        buf_close(&out);
    }
    free(data);
}

static void only_the_right_answer_opens(void)
{
    static const char good[] = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n"
                               "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    CHECK_EQ_INT(websocket_response(good, sizeof good - 1), sizeof good - 1);
    for (size_t len = 0; len < sizeof good - 1; len++)
        CHECK_EQ_INT(websocket_response(good, len), 0);
    CHECK_EQ_INT(websocket_response("HTTP/1.1 404 Not Found\r\n\r\n", 26), -1);
    CHECK_EQ_INT(websocket_response("HTTP/1.1 101 X\r\nSec-WebSocket-Accept: no\r\n\r\n", 44), -1);
    CHECK_EQ_INT(websocket_response("\r\n\r\n", 4), -1);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(messages_come_out_the_same_however_they_are_cut);
    RUN(of_a_long_message_the_beginning_is_kept);
    RUN(frames_against_the_rules_are_bad);
    RUN(our_frames_are_masked_and_unmask_to_what_was_sent);
    RUN(only_the_right_answer_opens);
    return check_finish();
}
