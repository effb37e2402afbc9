/* Line endings: documents hold '\n' only; what a file came with is remembered and put back when it
 * is exported. */
#ifndef WEFT_CORE_LINES_H
#define WEFT_CORE_LINES_H

#include <stddef.h>

/* Rewrites text in place so that every line ends in '\n', returns the new length, and sets *eol to
 * the ending that most lines had ("\n" where there is none): a static string. */
size_t lines_normalise(char *text, size_t len, const char **eol);

#endif
