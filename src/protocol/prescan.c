/* Keys are counted by their colons. Elements are counted by the commas between them and by what
 * stands behind a '[', so it must be known what each comma is in: a stack of one bit a level.
 * Nothing is validated. A closing bracket of the wrong kind pops like the right one, because the
 * parser will have stopped there. */
#include "prescan.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct scan {
    struct prescan found;
    size_t depth;
    uint64_t is_array[PRESCAN_DEPTH_MAX / 64 + 1];
};

static void push(struct scan *scan, bool is_array)
{
    scan->depth++;
    if (scan->depth > scan->found.depth)
        scan->found.depth = scan->depth;
    if (scan->depth > PRESCAN_DEPTH_MAX)
        return;
    uint64_t bit = (uint64_t)1 << (scan->depth % 64);
    if (is_array)
        scan->is_array[scan->depth / 64] |= bit;
    else
        scan->is_array[scan->depth / 64] &= ~bit;
}

static bool in_array(const struct scan *scan)
{
    return scan->depth > 0 && scan->depth <= PRESCAN_DEPTH_MAX &&
           (scan->is_array[scan->depth / 64] >> (scan->depth % 64) & 1);
}

/* i is behind a '['. Is there an element? No white space is looked at twice by this. */
static bool has_element(const char *data, size_t len, size_t i)
{
    while (i < len && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r'))
        i++;
    return i < len && data[i] != ']';
}

/* i is behind the opening quote. Returns what is behind the closing one, or len. A quote is the
 * closing one where the backslashes before it are in pairs. */
static size_t skip_string(const char *data, size_t len, size_t i)
{
    for (const char *quote; (quote = memchr(data + i, '"', len - i));) {
        const char *from = quote;
        while (from > data + i && from[-1] == '\\')
            from--;
        i = (size_t)(quote - data) + 1;
        if ((quote - from) % 2 == 0)
            return i;
    }
    return len;
}

static bool is_above(const struct prescan *found, const struct prescan *most)
{
    return found->keys > most->keys || found->elements > most->elements ||
           found->depth > most->depth;
}

struct prescan prescan_count(const char *data, size_t len, const struct prescan *most)
{
    assert(most->depth <= PRESCAN_DEPTH_MAX);
    struct scan scan = {.depth = 0};
    for (size_t i = 0; i < len;) {
        char c = data[i++];
        switch (c) {
        case '"':
            i = skip_string(data, len, i);
            continue;
        case '[':
        case '{':
            push(&scan, c == '[');
            scan.found.elements += c == '[' && has_element(data, len, i);
            break;
        case ']':
        case '}':
            scan.depth -= scan.depth > 0;
            continue;
        case ',':
            scan.found.elements += in_array(&scan);
            break;
        case ':':
            scan.found.keys++;
            break;
        default:
            continue;
        }
        if (is_above(&scan.found, most))
            break;
    }
    return scan.found;
}
