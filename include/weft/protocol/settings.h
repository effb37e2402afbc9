/* A JSON file of settings, as pairs: {"limits": {"rate": {"edit": 100}}} is one pair
 * ("limits.rate.edit", "100"); {"words": ["a", "b"]} is two, of the names "words[0]" and
 * "words[1]". What a name means is the reader's business. */
#ifndef WEFT_PROTOCOL_SETTINGS_H
#define WEFT_PROTOCOL_SETTINGS_H

#include "weft/base/err.h"
#include <stddef.h>

#define SETTING_NAME_SIZE 128

/* Both borrowed until return. Anything but ERR_OK ends the reading, with that result. */
typedef enum err setting_read(void *owner, const char *name, const char *value,
                              struct error *error);

/* Calls read for each text, whole number and truth value ("true", "false") of the object that data
 * is, in the file's order. ERR_BAD_JSON or ERR_BAD_MESSAGE with the reason, or what read returned.
 */
ERR_CHECKED enum err decode_settings(const char *data, size_t len, setting_read *read, void *owner,
                                     struct error *error);

#endif
