/* A line is made in one piece and written by one write() of less than PIPE_BUF bytes, after poll()
 * said that there is room: so lines of threads do not mix, and a reader that stopped reading costs
 * lines, never the loop's time. (Flags of standard error are not touched: the terminal or pipe is
 * shared with whoever started us.) What format made is split again into message and pairs, because
 * the JSON form needs them and the calls stay readable that way.
 *
 * Left out: files and their rotation. A service manager does that better. */
#include "weft/base/log.h"
#include "weft/base/buf.h"
#include "weft/base/utf.h"

#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Quoting at most doubles it; twice this and the time stamp stay below PIPE_BUF. */
#define TEXT_MAX (PIPE_BUF / 2 - 128)

static struct {
    enum log_level least;
    bool json;
    pthread_mutex_t lock;
    uint64_t lost;
} sink = {LOG_INFO, false, PTHREAD_MUTEX_INITIALIZER, 0};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level least, bool json)
{
    sink.least = least;
    sink.json = json;
    signal(SIGPIPE, SIG_IGN);
}

bool log_is_on(enum log_level level)
{
    return level >= sink.least;
}

uint64_t log_lost(void)
{
    pthread_mutex_lock(&sink.lock);
    uint64_t lost = sink.lost;
    pthread_mutex_unlock(&sink.lock);
    return lost;
}

static void write_line(const struct buf *line)
{
    pthread_mutex_lock(&sink.lock);
    struct pollfd target = {.fd = STDERR_FILENO, .events = POLLOUT};
    bool room = poll(&target, 1, 0) == 1 && (target.revents & POLLOUT);
    if (!room || write(STDERR_FILENO, line->data, line->len) != (ssize_t)line->len)
        sink.lost++;
    pthread_mutex_unlock(&sink.lock);
}

static void add_time(struct buf *line)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    char date[32];
    size_t len = strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    buf_add(line, date, len);
    buf_printf(line, ".%03ldZ", now.tv_nsec / 1000000);
}

/* Returns the length of the key at the start of text, or 0 where there is no `key=`. */
static size_t key_len(const char *text)
{
    size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return text[len] == '=' ? len : 0;
}

/* Returns the length of the words before the next ` key=`. */
static size_t words_len(const char *text)
{
    if (key_len(text) > 0)
        return 0;
    const char *at = strchr(text, ' ');
    while (at && key_len(at + 1) == 0)
        at = strchr(at + 1, ' ');
    return at ? (size_t)(at - text) : strlen(text);
}

/* Returns the length of a value that log_quote made, both quotes included; cut off, it has only
 * one. */
static size_t quoted_len(const char *text)
{
    size_t i = 1;
    while (text[i] && text[i] != '"')
        i += text[i] == '\\' && text[i + 1] ? 2 : 1;
    return text[i] ? i + 1 : i;
}

static bool is_number(const char *text, size_t len)
{
    size_t i = len > 0 && text[0] == '-' ? 1 : 0;
    size_t whole = strspn(text + i, "0123456789");
    if (whole == 0 || (whole > 1 && text[i] == '0'))
        return false;
    i += whole;
    if (text[i] == '.' && i < len) {
        size_t rest = strspn(text + i + 1, "0123456789");
        i = rest > 0 ? i + 1 + rest : i;
    }
    return i == len;
}

/* Copies what is between the quotes; an escape that JSON does not know (a value that was quoted by
 * hand) becomes a backslash and that character. */
static void add_quoted(struct buf *line, const char *text, size_t len)
{
    size_t end = len > 1 && text[len - 1] == '"' ? len - 1 : len;
    buf_add_char(line, '"');
    for (size_t i = 1; i < end; i++) {
        if (text[i] != '\\') {
            buf_add_char(line, text[i]);
        } else if (i + 1 < end && strchr("\"\\/bfnrtu", text[i + 1])) {
            buf_add(line, text + i, 2);
            i++;
        } else {
            buf_add_text(line, "\\\\");
        }
    }
    buf_add_char(line, '"');
}

static void add_pair(struct buf *line, const char *key, size_t klen, const char *value, size_t len)
{
    buf_add_text(line, sink.json ? ",\"" : " ");
    buf_add(line, key, klen);
    buf_add_text(line, sink.json ? "\":" : "=");
    bool plain = sink.json ? is_number(value, len) : len > 0 && !memchr(value, ' ', len);
    if (value[0] == '"' && len > 0)
        add_quoted(line, value, len);
    else if (plain && !memchr(value, '"', len))
        buf_add(line, value, len);
    else
        buf_add_json(line, value, len);
}

/* The words, then pair by pair. A value ends at its quote, or where the next pair begins. */
static void add_fields(struct buf *line, const char *text)
{
    size_t len = words_len(text);
    buf_add_text(line, sink.json ? ",\"msg\":" : " msg=");
    buf_add_json(line, text, len);
    const char *at = text + len;
    while (*at) {
        at += strspn(at, " ");
        size_t klen = key_len(at);
        if (klen == 0)
            break; /* something behind a closing quote: nobody's pair */
        const char *value = at + klen + 1;
        len = *value == '"' ? quoted_len(value) : words_len(value);
        add_pair(line, at, klen, value, len);
        at = value + len;
    }
}

/* No raw control byte and no broken character gets past here, whatever the call did. */
static void clean(char *text)
{
    size_t len = strlen(text), cut = 0;
    while (cut < 3 && cut < len && !utf8_valid(text, len - cut))
        cut++; /* vsnprintf may have cut inside a character */
    if (utf8_valid(text, len - cut))
        len -= cut;
    text[len] = '\0';
    bool valid = utf8_valid(text, len);
    for (char *at = text; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c < 0x20 || c == 0x7f || (!valid && c >= 0x80))
            *at = '?';
    }
}

void log_write(enum log_level level, const char *format, ...)
{
    if (!log_is_on(level))
        return;
    char text[TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    clean(text);
    struct buf line = BUF_EMPTY;
    buf_add_text(&line, sink.json ? "{\"ts\":\"" : "ts=");
    add_time(&line);
    buf_add_text(&line, sink.json ? "\",\"level\":\"" : " level=");
    buf_add_text(&line, level_names[level]);
    if (sink.json)
        buf_add_char(&line, '"');
    add_fields(&line, text);
    buf_add_text(&line, sink.json ? "}\n" : "\n");
    write_line(&line);
    buf_close(&line);
}

/* Returns the length in bytes of the character at text, or 0 where the bytes are none. */
static size_t character_len(const char *text)
{
    unsigned char lead = (unsigned char)text[0];
    size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return strnlen(text, len) == len && utf8_valid(text, len) ? len : 0;
}

/* What moves a terminal's cursor, turns the direction of writing, or breaks a line: C1 controls,
 * U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069. */
static bool is_unsafe(const char *text, size_t len)
{
    const unsigned char *c = (const unsigned char *)text;
    if (len == 2)
        return c[0] == 0xc2 && c[1] < 0xa0;
    if (len != 3 || c[0] != 0xe2)
        return false;
    return (c[1] == 0x80 && (c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae))) ||
           (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9);
}

/* Writes the quoted form of the character at text to piece and returns the bytes of text used. */
static size_t quote_character(char piece[8], const char *text)
{
    unsigned char c = (unsigned char)text[0];
    size_t len = character_len(text);
    if (len == 0) {
        memcpy(piece, "\\ufffd", 7);
        return 1;
    }
    if (c < 0x20 || c == 0x7f) {
        snprintf(piece, 8, "\\u%04x", c);
    } else if (c == '"' || c == '\\') {
        memcpy(piece, (char[]){'\\', (char)c, '\0'}, 3);
    } else if (is_unsafe(text, len)) {
        unsigned code = len == 2 ? (unsigned char)text[1]
                                 : 0x2000u | ((unsigned char)text[1] & 0x3fu) << 6 |
                                       ((unsigned char)text[2] & 0x3fu);
        snprintf(piece, 8, "\\u%04x", code & 0xffffu);
    } else {
        memcpy(piece, text, len);
        piece[len] = '\0';
    }
    return len;
}

const char *log_quote(char *out, unsigned size, const char *text)
{
    assert(size >= 3);
    size_t at = 0;
    out[at++] = '"';
    while (*text) {
        char piece[8];
        size_t used = quote_character(piece, text);
        size_t len = strlen(piece);
        if (at + len + 2 > size)
            break;
        memcpy(out + at, piece, len);
        at += len;
        text += used;
    }
    out[at++] = '"';
    out[at] = '\0';
    return out;
}
