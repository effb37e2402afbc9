/* The difference of two texts as a change set: what happened to a text whose history is not known,
 * so that it can be mapped over what others typed meanwhile. Lines are compared first, then words
 * inside of the lines that differ. Exact in every case, and near the smallest in the common ones;
 * where two texts have little in common, the whole middle is replaced. Pure.
 *
 * The search is the greedy one of E. W. Myers, "An O(ND) Difference Algorithm and Its Variations"
 * (1986), given up after so many edits, so that its cost is bounded: some 10^6 steps of lines. */
#ifndef WEFT_TEXT_DIFF_H
#define WEFT_TEXT_DIFF_H

#include <stddef.h>

struct change;

/* Both are valid UTF-8 with '\n' line breaks, each at most CHANGE_LEN_MAX bytes. Returns a new
 * change of at most parts_max (≥ 4) parts; of none but kept text where the texts are equal. */
struct change *diff_texts(const char *before, size_t before_len, const char *after,
                          size_t after_len, size_t parts_max);

#endif
