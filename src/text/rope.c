/* A B+ tree. Leaves hold up to 1 KiB of UTF-8, whole characters only; a node holds up to 16
 * children and how many UTF-16 units each has, which is what a position is looked up by. An edit
 * goes down once (three or four levels at 4 MiB), moves half a leaf, and adds to one number a
 * level: some 100 ns, whether the text is one line or a hundred thousand, and without a cache of
 * the cursor. Where all of a leaf is ASCII, a unit is a byte and nothing is counted.
 *
 * Balance is kept loosely. What is full splits in half (a leaf that grows at its end stays full, so
 * that typing on and loading fill the leaves). A node that lost a child, and a leaf that became
 * short, joins a neighbour of the same parent when both fit into three quarters of one. That keeps
 * the height logarithmic without moving single children from node to node.
 *
 * Long text goes in, and out, leaf by leaf. Leaves are chained, for reading in order. */
#include "weft/text/rope.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LEAF_MAX 1024u
#define LEAF_SHORT (LEAF_MAX / 4)
#define LEAF_JOINS (LEAF_MAX / 4 * 3)
#define PIECE_MAX (LEAF_MAX / 2) /* put in at once: any leaf and a piece make two leaves */
#define FANOUT 16u
#define NODE_JOINS (FANOUT / 4 * 3)
#define HEIGHT_MAX 24

struct leaf {
    struct leaf *next;
    struct leaf *prev;
    uint32_t len;
    uint32_t units;
    char text[LEAF_MAX];
};

struct node {
    uint32_t count;
    uint32_t units[FANOUT];
    void *child[FANOUT]; /* struct leaf in the lowest nodes, else struct node */
};

struct rope {
    struct node *root;
    struct leaf *first;
    unsigned height; /* levels of nodes, at least 1 */
    size_t len;
    size_t units;
};

/* The way from the root to a leaf: node[0] is the root, index[i] the child taken at node[i]. */
struct way {
    struct node *node[HEIGHT_MAX];
    uint32_t index[HEIGHT_MAX];
    unsigned last; /* the level whose child is the leaf */
    struct leaf *leaf;
    size_t at; /* units from the leaf's start */
};

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static struct leaf *leaf_new(struct leaf *prev)
{
    struct leaf *leaf = mem_alloc(sizeof(*leaf));
    leaf->len = leaf->units = 0;
    leaf->prev = prev;
    leaf->next = prev ? prev->next : NULL;
    if (leaf->next)
        leaf->next->prev = leaf;
    if (prev)
        prev->next = leaf;
    return leaf;
}

static void leaf_free(struct rope *rope, struct leaf *leaf)
{
    if (leaf->prev)
        leaf->prev->next = leaf->next;
    else
        rope->first = leaf->next;
    if (leaf->next)
        leaf->next->prev = leaf->prev;
    free(leaf);
}

static size_t leaf_offset(const struct leaf *leaf, size_t units)
{
    return leaf->len == leaf->units ? units : utf8_offset(leaf->text, leaf->len, units);
}

static bool starts_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

/* Returns the way to the leaf that holds the unit at a position; where `ends`, to the one that ends
 * at the position rather than the one that begins there. */
static struct way find(const struct rope *rope, size_t at, bool ends)
{
    struct way way;
    struct node *node = rope->root;
    way.last = rope->height - 1;
    for (unsigned level = 0;; level++) {
        uint32_t i = 0;
        while (i + 1 < node->count && at >= node->units[i] + (ends ? 1u : 0u))
            at -= node->units[i++];
        way.node[level] = node;
        way.index[level] = i;
        if (level == way.last)
            break;
        node = node->child[i];
    }
    way.leaf = way.node[way.last]->child[way.index[way.last]];
    way.at = at;
    return way;
}

/* The leaf at the end of the way has that many units more, or fewer. */
static void count_units(struct rope *rope, const struct way *way, int32_t more)
{
    way->leaf->units += (uint32_t)more;
    for (unsigned level = 0; level <= way->last; level++)
        way->node[level]->units[way->index[level]] += (uint32_t)more;
    rope->units += (size_t)(ptrdiff_t)more;
}

static void node_put(struct node *node, uint32_t at, void *child, uint32_t units)
{
    size_t behind = node->count - at;
    memmove(&node->child[at + 1], &node->child[at], behind * sizeof(node->child[0]));
    memmove(&node->units[at + 1], &node->units[at], behind * sizeof(node->units[0]));
    node->child[at] = child;
    node->units[at] = units;
    node->count++;
}

static void node_take(struct node *node, uint32_t at)
{
    size_t behind = node->count - at - 1;
    memmove(&node->child[at], &node->child[at + 1], behind * sizeof(node->child[0]));
    memmove(&node->units[at], &node->units[at + 1], behind * sizeof(node->units[0]));
    node->count--;
}

/* Moves the children of from, from index first on, to the end of to. Returns their units. */
static uint32_t node_move(struct node *to, struct node *from, uint32_t first)
{
    uint32_t units = 0, count = from->count - first;
    for (uint32_t i = 0; i < count; i++) {
        to->child[to->count + i] = from->child[first + i];
        to->units[to->count + i] = from->units[first + i];
        units += from->units[first + i];
    }
    to->count += count;
    from->count = first;
    return units;
}

static void grow_root(struct rope *rope)
{
    assert(rope->height < HEIGHT_MAX);
    struct node *root = mem_zalloc(sizeof(*root));
    node_put(root, 0, rope->root, (uint32_t)rope->units);
    rope->root = root;
    rope->height++;
}

/* Puts a child behind the way's one of this level, to which its units were counted so far. */
static void put_child(struct rope *rope, struct way *way, unsigned level, void *child,
                      uint32_t units)
{
    struct node *node = way->node[level];
    uint32_t at = way->index[level] + 1;
    node->units[at - 1] -= units;
    if (node->count < FANOUT) {
        node_put(node, at, child, units);
        return;
    }
    struct node *right = mem_zalloc(sizeof(*right));
    uint32_t moved = node_move(right, node, FANOUT / 2);
    if (at <= FANOUT / 2) {
        node_put(node, at, child, units);
    } else {
        node_put(right, at - FANOUT / 2, child, units);
        moved += units;
    }
    if (level > 0) {
        put_child(rope, way, level - 1, right, moved);
        return;
    }
    grow_root(rope);
    rope->root->units[0] -= moved;
    node_put(rope->root, 1, right, moved);
}

static void shrink_root(struct rope *rope)
{
    while (rope->height > 1 && rope->root->count == 1) {
        struct node *root = rope->root;
        rope->root = root->child[0];
        rope->height--;
        free(root);
    }
}

static uint32_t leaf_size(const void *leaf)
{
    return ((const struct leaf *)leaf)->len;
}

static uint32_t node_size(const void *node)
{
    return ((const struct node *)node)->count;
}

/* Returns the index of the left one of two neighbours, child i and another, whose sizes are at most
 * `most` together, or the count of children where there are no such two. */
static uint32_t find_joinable(const struct node *node, uint32_t i,
                              uint32_t (*size)(const void *child), uint32_t most)
{
    uint32_t own = size(node->child[i]);
    if (i > 0 && size(node->child[i - 1]) + own <= most)
        return i - 1;
    if (i + 1 < node->count && size(node->child[i + 1]) + own <= most)
        return i;
    return node->count;
}

/* Takes out the way's child of this level, which is freed and whose units are counted no more. */
static void take_child(struct rope *rope, struct way *way, unsigned level)
{
    struct node *node = way->node[level];
    node_take(node, way->index[level]);
    if (level == 0) {
        shrink_root(rope);
        return;
    }
    struct node *parent = way->node[level - 1];
    uint32_t i = way->index[level - 1];
    if (node->count > 0) {
        uint32_t left = find_joinable(parent, i, node_size, NODE_JOINS);
        if (left == parent->count)
            return;
        i = left + 1;
        parent->units[left] += node_move(parent->child[left], parent->child[i], 0);
    }
    free(parent->child[i]);
    way->index[level - 1] = i;
    take_child(rope, way, level - 1);
}

/* Frees the leaf of the way, whose text is gone or elsewhere. */
static void take_leaf(struct rope *rope, struct way *way)
{
    leaf_free(rope, way->node[way->last]->child[way->index[way->last]]);
    take_child(rope, way, way->last);
}

/* A leaf that lost text goes, or joins a neighbour, where it became too short. */
static void settle_leaf(struct rope *rope, struct way *way)
{
    struct node *node = way->node[way->last];
    uint32_t i = way->index[way->last];
    const struct leaf *leaf = way->leaf;
    if (leaf->len >= LEAF_SHORT || (!leaf->next && !leaf->prev))
        return;
    if (leaf->len == 0) {
        take_leaf(rope, way);
        return;
    }
    uint32_t at = find_joinable(node, i, leaf_size, LEAF_JOINS);
    if (at == node->count)
        return;
    struct leaf *left = node->child[at], *right = node->child[at + 1];
    memcpy(left->text + left->len, right->text, right->len);
    left->len += right->len;
    left->units += right->units;
    node->units[at] += right->units;
    way->index[way->last] = at + 1;
    take_leaf(rope, way);
}

static void delete_units(struct rope *rope, size_t at, size_t del)
{
    while (del > 0) {
        struct way way = find(rope, at, false);
        struct leaf *leaf = way.leaf;
        size_t units = min(del, leaf->units - way.at);
        size_t from = leaf_offset(leaf, way.at), to = leaf_offset(leaf, way.at + units);
        assert(utf8_utf16_len(leaf->text + from, to - from) == units);
        memmove(leaf->text + from, leaf->text + to, leaf->len - to);
        leaf->len -= (uint32_t)(to - from);
        rope->len -= to - from;
        count_units(rope, &way, -(int32_t)units);
        settle_leaf(rope, &way);
        del -= units;
    }
}

/* Where to cut so many bytes of text in two: in the middle, between characters. */
static size_t middle(const char *text, size_t len)
{
    size_t cut = len / 2;
    while (!starts_character(text[cut]))
        cut--;
    return cut;
}

/* A full leaf takes a piece in at byte offset off and becomes two. */
static void split_leaf(struct rope *rope, struct way *way, size_t off, const char *piece,
                       size_t len)
{
    struct leaf *leaf = way->leaf;
    char both[LEAF_MAX + PIECE_MAX];
    size_t total = leaf->len + len;
    memcpy(both, leaf->text, off);
    memcpy(both + off, piece, len);
    memcpy(both + off + len, leaf->text + off, leaf->len - off);
    size_t cut = off == leaf->len ? off : middle(both, total);
    struct leaf *right = leaf_new(leaf);
    memcpy(leaf->text, both, cut);
    memcpy(right->text, both + cut, total - cut);
    leaf->len = (uint32_t)cut;
    right->len = (uint32_t)(total - cut);
    right->units = (uint32_t)utf8_utf16_len(right->text, right->len);
    leaf->units -= right->units;
    put_child(rope, way, way->last, right, right->units);
}

/* Puts in at most PIECE_MAX bytes, whole characters. Returns their units. */
static size_t insert_piece(struct rope *rope, size_t at, const char *piece, size_t len)
{
    struct way way = find(rope, at, true);
    struct leaf *leaf = way.leaf;
    size_t off = leaf_offset(leaf, way.at);
    size_t units = utf8_utf16_len(piece, len);
    rope->len += len;
    count_units(rope, &way, (int32_t)units);
    if (leaf->len + len > LEAF_MAX) {
        split_leaf(rope, &way, off, piece, len);
        return units;
    }
    memmove(leaf->text + off + len, leaf->text + off, leaf->len - off);
    memcpy(leaf->text + off, piece, len);
    leaf->len += (uint32_t)len;
    return units;
}

void rope_replace(struct rope *rope, size_t at, size_t del, const char *ins, size_t ins_len)
{
    assert(at <= rope->units && del <= rope->units - at);
    assert(ins_len <= INT32_MAX && rope->len + ins_len <= INT32_MAX);
    delete_units(rope, at, del);
    while (ins_len > 0) {
        size_t len = min(ins_len, PIECE_MAX);
        while (len < ins_len && !starts_character(ins[len]))
            len--;
        at += insert_piece(rope, at, ins, len);
        ins += len;
        ins_len -= len;
    }
}

struct rope *rope_new(const char *text, size_t len)
{
    struct rope *rope = mem_zalloc(sizeof(*rope));
    rope->first = leaf_new(NULL);
    rope->root = mem_zalloc(sizeof(struct node));
    rope->height = 1;
    node_put(rope->root, 0, rope->first, 0);
    rope_replace(rope, 0, 0, text, len);
    return rope;
}

static void free_nodes(struct node *node, unsigned height)
{
    for (uint32_t i = 0; i < node->count && height > 1; i++)
        free_nodes(node->child[i], height - 1);
    free(node);
}

void rope_free(struct rope *rope)
{
    if (!rope)
        return;
    free_nodes(rope->root, rope->height);
    while (rope->first)
        leaf_free(rope, rope->first);
    free(rope);
}

size_t rope_len(const struct rope *rope)
{
    return rope->len;
}

size_t rope_utf16_len(const struct rope *rope)
{
    return rope->units;
}

/* A pair's second half is where two positions lie in one character. */
bool rope_splits_pair(const struct rope *rope, size_t at)
{
    if (at == 0 || at >= rope->units)
        return false;
    struct way way = find(rope, at, false);
    const struct leaf *leaf = way.leaf;
    if (way.at == 0 || leaf->len == leaf->units)
        return false;
    size_t before = leaf_offset(leaf, way.at - 1);
    return (unsigned char)leaf->text[before] >= 0xf0 && leaf_offset(leaf, way.at) == before;
}

const char *rope_next(const struct rope *rope, struct rope_iter *iter, size_t *len)
{
    if (iter->done)
        return NULL;
    const struct leaf *leaf = iter->leaf ? ((const struct leaf *)iter->leaf)->next : rope->first;
    iter->leaf = leaf;
    iter->done = !leaf || leaf->len == 0;
    if (iter->done)
        return NULL;
    *len = leaf->len;
    return leaf->text;
}

void rope_copy(const struct rope *rope, char *out)
{
    for (const struct leaf *leaf = rope->first; leaf; leaf = leaf->next) {
        memcpy(out, leaf->text, leaf->len);
        out += leaf->len;
    }
}

uint32_t rope_crc(const struct rope *rope)
{
    uLong crc = crc32(0, NULL, 0);
    for (const struct leaf *leaf = rope->first; leaf; leaf = leaf->next)
        crc = crc32(crc, (const Bytef *)leaf->text, leaf->len);
    return (uint32_t)crc;
}
