/* A text and the entries of its log behind it, made one text: for what is saved, and for what a
 * load finds. */
#ifndef WEFT_CORE_FOLD_H
#define WEFT_CORE_FOLD_H

#include <stddef.h>
#include <stdint.h>

struct blob;
struct rope;

struct fold {
    uint64_t f; /* whose log it is, for the log of errors */
    const char *project;
    const char *content; /* valid UTF-8, at version */
    size_t len;
    uint64_t version;
    struct blob *const *entries;
    size_t entry_count;
};

/* Returns the new text behind as many entries as fit, one after the other; *applied says how many.
 * One that does not fit is told to the log. */
struct rope *fold_apply(const struct fold *fold, size_t *applied);

#endif
