/* How much a JSON text will cost to parse, told from one look at its bytes before anything is
 * allocated for it: the parser takes microseconds and 200 bytes for each key, so that a frame of
 * 3.5 MB with 300,000 keys would stop everybody for a second. */
#ifndef PRESCAN_H
#define PRESCAN_H

#include <stddef.h>

/* What the parser accepts too (JSON_PARSER_MAX_DEPTH). */
#define PRESCAN_DEPTH_MAX 2048u

struct prescan {
    size_t keys;     /* of all objects */
    size_t elements; /* of all arrays */
    size_t depth;    /* of the deepest array or object; the top has 1 */
};

/* Counts, and stops early where a count is above that of most (whose depth is at most
 * PRESCAN_DEPTH_MAX); the result has the count that was too much. Exact for well-formed JSON and
 * for the well-formed beginning of anything else, which is as far as a parser would come. */
struct prescan prescan_count(const char *data, size_t len, const struct prescan *most);

#endif
