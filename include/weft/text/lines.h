/* Line endings: documents hold '\n' only; what a file came with is remembered and put back when it
 * is saved as plain text or exported. Pure functions. */
#ifndef WEFT_TEXT_LINES_H
#define WEFT_TEXT_LINES_H

#include <stddef.h>

/* Rewrites text in place so that every line ends in '\n', returns the new length, and sets *eol to
 * the ending that most lines had ("\n" where there is none): a static string. */
size_t lines_normalise(char *text, size_t len, const char **eol);
/* Returns a new text, with a NUL behind it, whose lines end in eol; *out_len is its length. */
char *lines_expand(const char *text, size_t len, const char *eol, size_t *out_len);

#endif
