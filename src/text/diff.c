/* Two passes of one function: refine() takes off what both texts begin and end with, cuts the rest
 * into tokens, and finds the hunks in which they differ. The hunks of lines are refined by words;
 * the hunks of words are the splices of the change. Where those would be too many parts, the hunks
 * of lines are; and where those are too many too, all from the first to the last is one. */
#include "weft/text/diff.h"
#include "weft/base/buf.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/text/change.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Edits (tokens removed or added) the search looks for before it gives up. It keeps this number
 * squared of reaches, of 4 bytes. */
#define LINE_EDITS 800
#define WORD_EDITS 200

struct span {
    const char *text;
    size_t len;
};

struct token {
    uint32_t hash;
    uint32_t len;
};

struct tokens {
    struct token *all;
    uint32_t *at; /* offsets of all, and of the end */
    size_t count;
};

/* Ranges of tokens in the old and the new text. */
struct hunk {
    size_t from, to, start, end;
};

/* Offsets in bytes of the whole old text, and the text that takes the place. */
struct splice {
    size_t from, to;
    const char *text;
    size_t len;
};

struct diff {
    const char *before;
    size_t before_len;
    struct buf splices; /* in order */
    bool is_by_line;    /* lines that differ are not looked into */
};

enum pass { LINES, WORDS };

static void refine(struct diff *diff, enum pass pass, struct span a, struct span b);

/* ---- tokens ---- */

static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Letters and digits; all beyond ASCII counts as letters, which keeps characters whole. */
static bool is_word(char byte)
{
    unsigned char c = (unsigned char)byte;
    return c >= 0x80 || c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

static size_t token_len(enum pass pass, struct span rest)
{
    size_t len = 1;
    if (pass == LINES) {
        const char *end = memchr(rest.text, '\n', rest.len);
        return end ? (size_t)(end - rest.text) + 1 : rest.len;
    }
    if (is_word(rest.text[0]))
        while (len < rest.len && is_word(rest.text[len]))
            len++;
    return len;
}

/* FNV-1a; equal hashes are compared. */
static uint32_t hash_of(const char *text, size_t len)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * 16777619u;
    return hash;
}

static struct tokens cut(enum pass pass, struct span span)
{
    struct buf all = BUF_EMPTY, at = BUF_EMPTY;
    uint32_t done = 0;
    while (done < span.len) {
        struct span rest = {span.text + done, span.len - done};
        struct token token = {0, (uint32_t)token_len(pass, rest)};
        token.hash = hash_of(rest.text, token.len);
        buf_add(&all, &token, sizeof token);
        buf_add(&at, &done, sizeof done);
        done += token.len;
    }
    buf_add(&at, &done, sizeof done);
    return (struct tokens){(struct token *)(void *)all.data, (uint32_t *)(void *)at.data,
                           all.len / sizeof(struct token)};
}

static void tokens_free(struct tokens *tokens)
{
    free(tokens->all);
    free(tokens->at);
}

/* ---- the search ---- */

struct search {
    struct span a, b;
    struct tokens x, y;
};

static bool is_same(const struct search *search, size_t i, size_t j)
{
    struct token x = search->x.all[i], y = search->y.all[j];
    return x.hash == y.hash && x.len == y.len &&
           memcmp(search->a.text + search->x.at[i], search->b.text + search->y.at[j], x.len) == 0;
}

/* Is the furthest reach on diagonal k of a round come to by a token added (down), not removed? */
static bool is_down(const int32_t *reach, int64_t k, int64_t edits)
{
    return k == -edits || (k != edits && reach[k - 1] < reach[k + 1]);
}

/* From the end of both back to the beginning, along the reaches of each round. Appends the hunks,
 * the last first. */
static void walk_back(const struct search *search, int32_t *const *rounds, int64_t edits,
                      struct buf *hunks)
{
    int64_t x = (int64_t)search->x.count, y = (int64_t)search->y.count;
    for (; edits > 0; edits--) {
        const int32_t *reach = rounds[edits] + edits + 1; /* [0]: the middle diagonal */
        int64_t k = x - y;
        bool down = is_down(reach, k, edits);
        int64_t from = down ? reach[k + 1] : reach[k - 1];
        int64_t start = from - (down ? k + 1 : k - 1);
        struct hunk hunk = {(size_t)from, (size_t)(down ? from : from + 1), (size_t)start,
                            (size_t)(down ? start + 1 : start)};
        struct hunk *last =
            hunks->len ? (struct hunk *)(void *)(hunks->data + hunks->len) - 1 : NULL;
        if (last && last->from == hunk.to && last->start == hunk.end) {
            last->from = hunk.from;
            last->start = hunk.start;
        } else {
            buf_add(hunks, &hunk, sizeof hunk);
        }
        x = from;
        y = start;
    }
}

static int32_t *copy_round(const int32_t *middle, int64_t edits)
{
    size_t count = (size_t)(2 * edits + 3);
    int32_t *round = mem_realloc_array(NULL, count, sizeof round[0]);
    memcpy(round, middle - edits - 1, count * sizeof round[0]);
    return round;
}

/* One more edit: the furthest reach on every diagonal. True where it is the end of both. */
static bool reach_on(const struct search *search, int32_t *middle, int64_t edits)
{
    int64_t x_count = (int64_t)search->x.count, y_count = (int64_t)search->y.count;
    for (int64_t k = -edits; k <= edits; k += 2) {
        int64_t x = is_down(middle, k, edits) ? middle[k + 1] : middle[k - 1] + 1;
        while (x < x_count && x - k < y_count && is_same(search, (size_t)x, (size_t)(x - k)))
            x++;
        middle[k] = (int32_t)x;
        if (x >= x_count && x - k >= y_count)
            return true;
    }
    return false;
}

/* False: they differ by more than most edits. Reaches beyond the texts' ends mean nothing, and are
 * never walked back to. */
static bool compare(const struct search *search, int64_t most, struct buf *hunks)
{
    size_t width = (size_t)(2 * most + 3);
    int32_t *reach = mem_zalloc(width * sizeof reach[0]);
    int32_t **rounds = mem_zalloc((size_t)(most + 1) * sizeof rounds[0]);
    int32_t *middle = reach + most + 1;
    bool is_found = false;
    int64_t edits = 0;
    for (; edits <= most && !is_found; edits++) {
        rounds[edits] = copy_round(middle, edits);
        is_found = reach_on(search, middle, edits);
    }
    if (is_found)
        walk_back(search, rounds, edits - 1, hunks);
    for (int64_t i = 0; i < edits; i++)
        free(rounds[i]);
    free(rounds);
    free(reach);
    return is_found;
}

/* ---- the passes ---- */

static void add_splice(struct diff *diff, struct span a, struct span b)
{
    size_t from = (size_t)(a.text - diff->before);
    struct splice splice = {from, from + a.len, b.text, b.len};
    if (a.len || b.len)
        buf_add(&diff->splices, &splice, sizeof splice);
}

/* May the one text be cut there, so that lines, or characters, stay whole? */
static bool is_border(enum pass pass, struct span span, size_t at)
{
    if (pass == LINES)
        return at == 0 || span.text[at - 1] == '\n';
    return at == span.len || !is_continuation(span.text[at]);
}

static size_t common_start(enum pass pass, struct span a, struct span b)
{
    size_t most = a.len < b.len ? a.len : b.len, count = 0;
    while (count < most && a.text[count] == b.text[count])
        count++;
    while (count > 0 && !(is_border(pass, a, count) && is_border(pass, b, count)))
        count--;
    return count;
}

static size_t common_end(enum pass pass, struct span a, struct span b)
{
    size_t most = a.len < b.len ? a.len : b.len, count = 0;
    while (count < most && a.text[a.len - 1 - count] == b.text[b.len - 1 - count])
        count++;
    while (count > 0 && !(is_border(pass, a, a.len - count) && is_border(pass, b, b.len - count)))
        count--;
    return count;
}

static struct span part_of(struct span span, const struct tokens *tokens, size_t from, size_t to)
{
    return (struct span){span.text + tokens->at[from], tokens->at[to] - tokens->at[from]};
}

static void refine_middle(struct diff *diff, enum pass pass, struct span a, struct span b)
{
    struct search search = {a, b, cut(pass, a), cut(pass, b)};
    struct buf found = BUF_EMPTY;
    bool is_found = compare(&search, pass == LINES ? LINE_EDITS : WORD_EDITS, &found);
    const struct hunk *hunks = (const struct hunk *)(void *)found.data;
    for (size_t i = found.len / sizeof hunks[0]; is_found && i-- > 0;) {
        struct span old = part_of(a, &search.x, hunks[i].from, hunks[i].to);
        struct span now = part_of(b, &search.y, hunks[i].start, hunks[i].end);
        if (pass == LINES && !diff->is_by_line)
            refine(diff, WORDS, old, now);
        else
            add_splice(diff, old, now);
    }
    if (!is_found)
        add_splice(diff, a, b);
    buf_close(&found);
    tokens_free(&search.x);
    tokens_free(&search.y);
}

static void refine(struct diff *diff, enum pass pass, struct span a, struct span b)
{
    size_t head = common_start(pass, a, b);
    a = (struct span){a.text + head, a.len - head};
    b = (struct span){b.text + head, b.len - head};
    size_t tail = common_end(pass, a, b);
    a.len -= tail;
    b.len -= tail;
    if (a.len == 0 || b.len == 0)
        add_splice(diff, a, b);
    else
        refine_middle(diff, pass, a, b);
}

/* ---- the change ---- */

static void keep(struct change_builder *builder, const char *text, size_t len)
{
    enum err err = len ? change_builder_keep(builder, utf8_utf16_len(text, len)) : ERR_OK;
    assert(err == ERR_OK);
    (void)err;
}

static struct change *build(const struct diff *diff, const struct splice *splices, size_t count)
{
    struct change_builder *builder = change_builder_new();
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const struct splice *splice = &splices[i];
        keep(builder, diff->before + at, splice->from - at);
        uint64_t del = utf8_utf16_len(diff->before + splice->from, splice->to - splice->from);
        enum err err = change_builder_replace(builder, del, splice->text, splice->len);
        assert(err == ERR_OK);
        (void)err;
        at = splice->to;
    }
    keep(builder, diff->before + at, diff->before_len - at);
    struct change *change = change_builder_finish(builder);
    change_builder_free(builder);
    return change;
}

/* At most: each, and what is kept before and behind. */
static size_t parts_of(size_t splices)
{
    return 2 * splices + 1;
}

static size_t count_splices(const struct diff *diff)
{
    return diff->splices.len / sizeof(struct splice);
}

struct change *diff_texts(const char *before, size_t before_len, const char *after,
                          size_t after_len, size_t parts_max)
{
    struct diff diff = {before, before_len, BUF_EMPTY, false};
    struct span a = {before, before_len}, b = {after, after_len};
    refine(&diff, LINES, a, b);
    if (parts_of(count_splices(&diff)) > parts_max) {
        diff.is_by_line = true;
        buf_reset(&diff.splices);
        refine(&diff, LINES, a, b);
    }
    const struct splice *splices = (const struct splice *)(void *)diff.splices.data;
    size_t count = count_splices(&diff);
    struct splice whole;
    if (parts_of(count) > parts_max) { /* from the first to the last in one */
        const struct splice *last = &splices[count - 1];
        size_t tail = before_len - last->to;
        whole = (struct splice){splices[0].from, last->to, after + splices[0].from,
                                after_len - splices[0].from - tail};
        splices = &whole;
        count = 1;
    }
    struct change *change = build(&diff, splices, count);
    buf_close(&diff.splices);
    return change;
}
