/* Paths of files inside a project. One rule for all of Weft, refuse and never repair: relative,
 * '/'-separated, NFC, no empty, "." or ".." segment, no control or bidi control character, no '\\',
 * no segment that ends in a dot or a space, nothing like a drive ("C:"); at most 512 bytes, 32
 * segments, 255 bytes a segment. Pure functions. */
#ifndef WEFT_TEXT_PATH_H
#define WEFT_TEXT_PATH_H

#include "weft/base/err.h"
#include <stdbool.h>
#include <stddef.h>

#define PATH_LEN_MAX 512u
#define PATH_SEGMENTS_MAX 32u
#define PATH_SEGMENT_LEN_MAX 255u

/* text need not be valid UTF-8. ERR_BAD_PATH with the reason, or ERR_OK. */
ERR_CHECKED enum err path_check(const char *text, size_t len, struct error *error);
/* The same for a folder: a path with one '/' behind it. */
ERR_CHECKED enum err path_check_folder(const char *text, size_t len, struct error *error);
/* Is path inside folder ("src/")? */
bool path_in_folder(const char *path, const char *folder);

/* An id of a project: [A-Za-z0-9._-]{1,64}, and not "." or "..". */
bool project_id_valid(const char *text, size_t len);

#endif
