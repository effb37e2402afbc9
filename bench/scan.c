#include "scan.h"

#include <string.h>

static const struct {
    const char *text;
    size_t len;
} keys[SCAN_KEYS] = {
#define SCAN_KEY_TEXT(name, text) [SCAN_##name] = {text, sizeof text - 1},
    SCAN_KEY_TABLE(SCAN_KEY_TEXT)
#undef SCAN_KEY_TEXT
};

void scan_init(struct scan *scan, const char *frame, size_t len, bool cut)
{
    *scan = (struct scan){.at = frame, .end = frame + len, .cut = cut};
}

static bool fail(struct scan *scan)
{
    scan->bad = true;
    return false;
}

/* The next byte that is not white space, or 0 at the end. */
static char peek(struct scan *scan)
{
    while (scan->at < scan->end) {
        char c = *scan->at;
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            return c;
        scan->at++;
    }
    return '\0';
}

static bool take(struct scan *scan, char wanted)
{
    if (peek(scan) != wanted)
        return false;
    scan->at++;
    return true;
}

static bool string_take(struct scan *scan, struct scan_value *value)
{
    if (!take(scan, '"'))
        return false;
    const char *at = scan->at;
    for (; at < scan->end && *at != '"'; at++) {
        if (*at == '\\' && ++at == scan->end)
            break;
    }
    if (at == scan->end) {
        scan->at = scan->end;
        return false;
    }
    *value = (struct scan_value){scan->at, (size_t)(at - scan->at)};
    scan->at = at + 1;
    return true;
}

/* An array or object with all that is in it. */
static bool nested_take(struct scan *scan)
{
    struct scan_value skipped;
    unsigned depth = 0;
    while (scan->at < scan->end) {
        char c = *scan->at;
        if (c == '"') {
            if (!string_take(scan, &skipped))
                return false;
            continue;
        }
        scan->at++;
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && --depth == 0)
            return true;
    }
    return false;
}

/* A number, true, false or null. Something follows it, else it may be cut itself. */
static bool plain_take(struct scan *scan)
{
    const char *start = scan->at;
    for (; scan->at < scan->end; scan->at++) {
        char c = *scan->at;
        if (c <= ' ' || c == ',' || c == ']' || c == '}' || c == ':' || c == '"')
            break;
    }
    return scan->at > start && scan->at < scan->end;
}

static bool value_take(struct scan *scan, struct scan_value *value)
{
    char first = peek(scan);
    if (first == '"')
        return string_take(scan, value);
    const char *start = scan->at;
    bool found = first == '{' || first == '[' ? nested_take(scan) : plain_take(scan);
    *value = (struct scan_value){start, (size_t)(scan->at - start)};
    return found;
}

static void value_keep(struct scan_message *message, struct scan_value key, struct scan_value value)
{
    for (size_t i = 0; i < SCAN_KEYS; i++) {
        if (keys[i].len == key.len && keys[i].text[0] == *key.data &&
            memcmp(keys[i].text, key.data, key.len) == 0) {
            message->values[i] = value;
            return;
        }
    }
}

static bool member_take(struct scan *scan, struct scan_message *message)
{
    struct scan_value key, value;
    if (!string_take(scan, &key) || !take(scan, ':') || !value_take(scan, &value))
        return false;
    value_keep(message, key, value);
    return true;
}

static bool object_take(struct scan *scan, struct scan_message *message)
{
    if (!take(scan, '{'))
        return false;
    memset(message, 0, sizeof *message);
    if (take(scan, '}'))
        return true;
    do {
        if (!member_take(scan, message))
            return false;
    } while (take(scan, ','));
    return take(scan, '}');
}

/* Steps to the next object of the frame; false at its end, and where something else stands. */
static bool object_find(struct scan *scan)
{
    if (!scan->started) {
        scan->started = true;
        scan->array = take(scan, '[');
        if (!scan->array || peek(scan) != ']')
            return true;
    } else if (scan->array && take(scan, ',')) {
        return true;
    }
    if (scan->array && !take(scan, ']'))
        return fail(scan);
    return peek(scan) == '\0' && scan->at == scan->end ? false : fail(scan);
}

bool scan_next(struct scan *scan, struct scan_message *message)
{
    if (scan->bad || !object_find(scan))
        return false;
    if (object_take(scan, message))
        return true;
    if (scan->cut && scan->at >= scan->end && message->values[SCAN_T].data) {
        scan->bad = true; /* nothing can follow */
        return true;
    }
    return fail(scan);
}

uint64_t scan_number(const struct scan_message *message, enum scan_key key, uint64_t absent)
{
    struct scan_value value = message->values[key];
    uint64_t number = 0;
    if (value.len == 0 || value.len > 19)
        return absent;
    for (size_t i = 0; i < value.len; i++) {
        unsigned digit = (unsigned)value.data[i] - '0';
        if (digit > 9)
            return absent;
        number = number * 10 + digit;
    }
    return number;
}

bool scan_is(const struct scan_message *message, enum scan_key key, const char *text)
{
    struct scan_value value = message->values[key];
    return value.data && strlen(text) == value.len && memcmp(value.data, text, value.len) == 0;
}
