/* What the rope's interface does not show: that the tree stays a tree, low and filled. */
#include "text/rope.c"

#include "check.h"

/* Checks the node and all below it, and returns its units. */
static uint64_t check_node(const struct node *node, unsigned height, struct leaf **chain)
{
    uint64_t units = 0;
    CHECK(node->count > 0 && node->count <= FANOUT);
    for (uint32_t i = 0; i < node->count; i++) {
        uint64_t below = 0;
        if (height > 1) {
            below = check_node(node->child[i], height - 1, chain);
        } else {
            struct leaf *leaf = node->child[i];
            CHECK(leaf == *chain && leaf->len <= LEAF_MAX);
            CHECK(!leaf->next || leaf->next->prev == leaf);
            below = utf8_utf16_len(leaf->text, leaf->len);
            CHECK_EQ_INT(leaf->units, below);
            *chain = leaf->next;
        }
        CHECK_EQ_INT(node->units[i], below);
        units += below;
    }
    return units;
}

/* Returns the number of leaves. */
static size_t check_tree(const struct rope *rope)
{
    struct leaf *chain = rope->first;
    CHECK(chain->prev == NULL);
    CHECK_EQ_INT(check_node(rope->root, rope->height, &chain), rope->units);
    CHECK(chain == NULL);
    size_t leaves = 0, len = 0;
    for (chain = rope->first; chain; chain = chain->next, leaves++) {
        len += chain->len;
        CHECK(chain->len > 0 || rope->len == 0);
    }
    CHECK_EQ_INT(len, rope->len);
    return leaves;
}

static void loading_fills_the_leaves(void)
{
    size_t len = 1 << 20;
    char *text = malloc(len);
    memset(text, 'x', len);
    struct rope *rope = rope_new(text, len);
    CHECK_EQ_INT(check_tree(rope), len / LEAF_MAX);
    CHECK(rope->height <= 4);
    for (int i = 0; i < 5000; i++)
        rope_replace(rope, rope->units, 0, "y", 1);
    CHECK(check_tree(rope) <= len / LEAF_MAX + 6);
    rope_free(rope);
    free(text);
}

static void random_edits_keep_the_tree(void)
{
    uint64_t random = check_seed();
    static char text[3000];
    memset(text, 'z', sizeof(text));
    struct rope *rope = rope_new("", 0);
    for (int i = 0; i < 40000; i++) {
        bool grows = i / 8000 % 2 == 0;
        size_t most = i / 2000 % 2 ? sizeof(text) : 40;
        size_t at = check_random(&random) % (rope->units + 1);
        size_t del = min(check_random(&random) % (grows ? most / 2 : most * 2), rope->units - at);
        rope_replace(rope, at, del, text, check_random(&random) % most);
        if (i % 50)
            continue;
        size_t leaves = check_tree(rope);
        /* Shorter leaves than a quarter are only those that had no room beside them. */
        CHECK(leaves <= 2 + rope->len / (LEAF_MAX / 5));
        CHECK(rope->height <= 6);
    }
    rope_replace(rope, 0, rope->units, "", 0);
    CHECK_EQ_INT(check_tree(rope), 1);
    CHECK_EQ_INT(rope->height, 1);
    rope_free(rope);
}

static void deleting_letter_by_letter_leaves_little(void)
{
    size_t len = 200000;
    char *text = malloc(len);
    memset(text, 'x', len);
    struct rope *rope = rope_new(text, len);
    uint64_t random = check_seed();
    while (rope->units > 1000)
        rope_replace(rope, check_random(&random) % rope->units, 1, "", 0);
    CHECK(check_tree(rope) <= 5);
    CHECK_EQ_INT(rope->height, 1);
    rope_free(rope);
    free(text);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(loading_fills_the_leaves);
    RUN(random_edits_keep_the_tree);
    RUN(deleting_letter_by_letter_leaves_little);
    return check_finish();
}
