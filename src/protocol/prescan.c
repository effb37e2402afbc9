/* Keys are counted by their colons. Elements are counted by the commas between them and by the
 * first thing behind a '[', so it must be known what each comma is in: a stack of one bit a level.
 * Nothing is validated. A closing bracket of the wrong kind pops like the right one, because the
 * parser will have stopped there. */
#include "prescan.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

struct scan {
    struct prescan found;
    size_t depth;
    bool opened; /* what comes is the first in an array, or its end */
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
    scan->opened = is_array;
}

static bool in_array(const struct scan *scan)
{
    return scan->depth > 0 && scan->depth <= PRESCAN_DEPTH_MAX &&
           (scan->is_array[scan->depth / 64] >> (scan->depth % 64) & 1);
}

/* i is behind the opening quote. Returns what is behind the closing one, or len. */
static size_t skip_string(const char *data, size_t len, size_t i)
{
    while (i < len && data[i] != '"')
        i += data[i] == '\\' ? 2 : 1;
    return i < len ? i + 1 : len;
}

static void take_token(struct scan *scan, char c)
{
    if (scan->opened && c != ']')
        scan->found.elements++;
    scan->opened = false;
    switch (c) {
    case '[':
    case '{':
        push(scan, c == '[');
        break;
    case ']':
    case '}':
        scan->depth -= scan->depth > 0;
        break;
    case ',':
        scan->found.elements += in_array(scan);
        break;
    case ':':
        scan->found.keys++;
        break;
    default:
        break;
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
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
    for (size_t i = 0; i < len && !is_above(&scan.found, most);) {
        char c = data[i++];
        if (is_space(c))
            continue;
        take_token(&scan, c);
        if (c == '"')
            i = skip_string(data, len, i);
    }
    return scan.found;
}
