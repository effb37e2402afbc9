#include "weft/core/hint.h"
#include <inttypes.h>
#include <string.h>

static const char *const names[HINT_KINDS] = {
    [HINT_EDITS] = "edits", [HINT_EVENT] = "event",       [HINT_JOIN] = "join",
    [HINT_LEAVE] = "leave", [HINT_PRESENCE] = "presence", [HINT_SAVED] = "saved",
    [HINT_READY] = "ready", [HINT_ASK] = "ask",           [HINT_OUTPUT] = "output",
};

/* The next word of the line that ends at end; false where there is none, it does not fit,
 * or it is not made of printable ASCII. */
static bool take_word(const char **at, const char *end, char *out, size_t size)
{
    size_t len = 0;
    while (*at < end && **at != ' ') {
        if (len + 1 >= size || **at < '!' || **at > '~')
            return false;
        out[len++] = *(*at)++;
    }
    out[len] = '\0';
    if (*at < end)
        (*at)++;
    return len > 0;
}

static bool take_number(const char **at, const char *end, uint64_t *out)
{
    char word[20];
    if (!take_word(at, end, word, sizeof word))
        return false;
    *out = 0;
    for (const char *digit = word; *digit; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        *out = *out * 10 + (uint64_t)(*digit - '0');
    }
    return true;
}

static bool take_kind(const char **at, const char *end, enum hint_kind *out)
{
    char word[16];
    if (!take_word(at, end, word, sizeof word))
        return false;
    for (int kind = 0; kind < HINT_KINDS; kind++) {
        if (strcmp(word, names[kind]) == 0) {
            *out = (enum hint_kind)kind;
            return true;
        }
    }
    return false;
}

/* The last word, if it is as long as a seal is. */
static bool take_seal(const char **at, const char *end, char out[HINT_SEAL_SIZE])
{
    return take_word(at, end, out, HINT_SEAL_SIZE) && strlen(out) == HINT_SEAL_SIZE - 1 &&
           *at == end;
}

bool hint_parse(const char *data, size_t len, struct hint *out)
{
    const char *at = data, *end = memchr(data, '\n', len);
    if (!end)
        end = data + len;
    if (!take_kind(&at, end, &out->kind) || !take_word(&at, end, out->epoch, sizeof out->epoch) ||
        !take_number(&at, end, &out->tick) ||
        !take_word(&at, end, out->instance, sizeof out->instance) ||
        !take_number(&at, end, &out->a) || !take_number(&at, end, &out->b))
        return false;
    out->seal[0] = '\0';
    if (at != end && !take_seal(&at, end, out->seal))
        return false;
    out->body = end < data + len ? end + 1 : end;
    out->len = (size_t)(data + len - out->body);
    return true;
}

void hint_print(struct buf *out, const struct hint *hint)
{
    buf_printf(out, "%s %s %" PRIu64 " %s %" PRIu64 " %" PRIu64, names[hint->kind], hint->epoch,
               hint->tick, hint->instance, hint->a, hint->b);
    if (hint->seal[0])
        buf_printf(out, " %s", hint->seal);
}

const char *hint_line(struct hint *hint, size_t *len)
{
    if (hint->len == 0)
        return NULL;
    const char *line = hint->body, *end = memchr(line, '\n', hint->len);
    *len = end ? (size_t)(end - line) : hint->len;
    size_t used = *len + (end ? 1 : 0);
    hint->body += used;
    hint->len -= used;
    return line;
}
