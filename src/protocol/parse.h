/* JSON text to a tree, under limits. The one place that calls the library's parser. */
#ifndef PARSE_H
#define PARSE_H

#include "prescan.h"
#include "weft/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Returns in *out a new tree whose top is an object or an array. ERR_TOO_BIG above most, by count;
 * ERR_BAD_JSON for what is not well-formed, a key that comes twice, U+0000, a lone surrogate, text
 * that is not UTF-8, anything behind the end, more than PRESCAN_DEPTH_MAX levels. */
ERR_CHECKED enum err parse_json(const char *data, size_t len, const struct prescan *most,
                                json_t **out, struct error *error);

/* A whole number from least to most; a number with a fraction or an exponent is none. *out is
 * untouched where it is not. */
ERR_CHECKED bool parse_number(const json_t *value, uint64_t least, uint64_t most, uint64_t *out);

#endif
