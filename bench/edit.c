#include "edit.h"

#include <string.h>

static const char filler[] = " static int value = compute(left, right);";

static void hex_write(char *out, uint64_t value, size_t digits)
{
    for (size_t i = digits; i-- > 0; value >>= 4)
        out[i] = "0123456789abcdef"[value & 15U];
}

static bool hex_read(const char *text, size_t digits, uint64_t *value)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < digits; i++) {
        unsigned c = (unsigned char)text[i];
        unsigned digit = c - '0' <= 9 ? c - '0' : c - 'a' <= 5 ? c - 'a' + 10 : 16;
        if (digit > 15)
            return false;
        sum = sum << 4 | digit;
    }
    *value = sum;
    return true;
}

void edit_mark_write(char out[EDIT_MARK_LEN], const struct edit_mark *mark)
{
    out[0] = '~';
    hex_write(out + 1, mark->writer, 4);
    hex_write(out + 5, mark->number, 6);
    hex_write(out + 11, mark->due_ns, 10);
}

const char *edit_mark_find(const char *at, const char *end, struct edit_mark *mark)
{
    uint64_t writer, number;
    while (end - at >= EDIT_MARK_LEN) {
        at = memchr(at, '~', (size_t)(end - at) - (EDIT_MARK_LEN - 1));
        if (!at)
            return NULL;
        if (hex_read(at + 1, 4, &writer) && hex_read(at + 5, 6, &number) &&
            hex_read(at + 11, 10, &mark->due_ns)) {
            mark->writer = (uint32_t)writer;
            mark->number = (uint32_t)number;
            return at + EDIT_MARK_LEN;
        }
        at++;
    }
    return NULL;
}

void edit_text_write(char out[EDIT_TEXT_LEN], const struct edit_mark *mark)
{
    _Static_assert(EDIT_MARK_LEN + sizeof filler - 1 >= EDIT_TEXT_LEN, "filler is too short");
    edit_mark_write(out, mark);
    memcpy(out + EDIT_MARK_LEN, filler, EDIT_TEXT_LEN - EDIT_MARK_LEN);
}

static uint64_t random_below(uint64_t *state, uint64_t bound)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % bound;
}

void edit_change(struct buf *out, struct edit_document *document, const struct edit_mark *mark)
{
    char text[EDIT_TEXT_LEN];
    bool replace = document->keep_len > 0 && document->len > document->keep_len;
    uint64_t gone = replace ? EDIT_UNITS : 0;
    uint64_t at = random_below(&document->random, document->len - gone + 1);
    uint64_t rest = document->len - gone - at;

    buf_add_char(out, '[');
    if (at > 0) {
        buf_add_u64(out, at);
        buf_add_char(out, ',');
    }
    buf_add_char(out, '[');
    buf_add_u64(out, gone);
    buf_add_text(out, ",\"");
    edit_text_write(text, mark);
    buf_add(out, text, sizeof text);
    buf_add_text(out, "\",\"\"]");
    if (rest > 0) {
        buf_add_char(out, ',');
        buf_add_u64(out, rest);
    }
    buf_add_char(out, ']');
    document->len += EDIT_UNITS - gone;
}

/* Reading a change set: a cursor over its text. */
struct change_reader {
    const char *at;
    const char *end;
};

static bool take(struct change_reader *reader, char wanted)
{
    if (reader->at == reader->end || *reader->at != wanted)
        return false;
    reader->at++;
    return true;
}

static bool number_take(struct change_reader *reader, uint64_t *number)
{
    const char *start = reader->at;
    *number = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        *number = *number * 10 + (uint64_t)(*reader->at++ - '0');
    return reader->at > start && reader->at - start < 18;
}

/* One character of a JSON string in UTF-16 units: an escape is one (a pair is two escapes), a
 * UTF-8 lead byte one or two, a continuation byte none. */
static uint64_t units_take(struct change_reader *reader)
{
    unsigned char c = (unsigned char)*reader->at++;
    if (c == '\\' && reader->at < reader->end) {
        size_t escape = *reader->at == 'u' ? 5 : 1;
        size_t here = (size_t)(reader->end - reader->at);
        reader->at += escape < here ? escape : here;
        return 1;
    }
    return (c & 0xc0U) == 0x80U ? 0 : c >= 0xf0U ? 2 : 1;
}

static bool string_take(struct change_reader *reader, uint64_t *units)
{
    if (!take(reader, '"'))
        return false;
    while (reader->at < reader->end && *reader->at != '"')
        *units += units_take(reader);
    return take(reader, '"');
}

/* [gone, "line", …]: its lines are joined by line breaks of one unit. */
static bool part_take(struct change_reader *reader, uint64_t *before, uint64_t *after)
{
    uint64_t number;
    if (!take(reader, '[')) {
        if (!number_take(reader, &number))
            return false;
        *before += number;
        *after += number;
        return true;
    }
    if (!number_take(reader, &number))
        return false;
    *before += number;
    for (bool first = true; take(reader, ','); first = false) {
        *after += first ? 0 : 1;
        if (!string_take(reader, after))
            return false;
    }
    return take(reader, ']');
}

bool edit_lengths(const char *change, size_t len, uint64_t *before, uint64_t *after)
{
    struct change_reader reader = {change, change + len};
    *before = *after = 0;
    if (!take(&reader, '['))
        return false;
    if (!take(&reader, ']')) {
        do {
            if (!part_take(&reader, before, after))
                return false;
        } while (take(&reader, ','));
        if (!take(&reader, ']'))
            return false;
    }
    return reader.at == reader.end;
}

void edit_lines(struct buf *out, size_t units)
{
    static const char line[] = "    int next = table[index] + offset; /* a line like any other */";
    while (units > 0) {
        size_t len = units < sizeof line ? units : sizeof line;
        buf_add(out, line, len - 1);
        buf_add_text(out, "\\n");
        units -= len;
    }
}
