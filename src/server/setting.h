/* One row of a table of settings: where a value goes, and what it may be. */
#ifndef WEFT_SERVER_SETTING_H
#define WEFT_SERVER_SETTING_H

#include "weft/base/err.h"
#include <stddef.h>
#include <stdint.h>

enum setting_kind { TEXT, NUMBER, CHOICE };

struct setting {
    const char *name, *flag, *environment, *fallback, *meaning;
    size_t offset; /* of a char *, which is owned, or of a uint64_t */
    enum setting_kind kind;
    uint64_t least, most;   /* NUMBER; TEXT: bytes */
    const char *choices[5]; /* CHOICE: in the order of their values */
};

/* Sets what the row says of the struct at owner. name is for people. ERR_BAD_MESSAGE with the
 * reason. */
ERR_CHECKED enum err setting_set(const struct setting *setting, void *owner, const char *name,
                                 const char *value, struct error *error);
ERR_CHECKED enum err setting_number(const char *name, const char *value, uint64_t least,
                                    uint64_t most, uint64_t *out, struct error *error);

/* For each of a table: sets the defaults; frees the texts. */
void settings_init(const struct setting *settings, size_t count, void *owner);
void settings_close(const struct setting *settings, size_t count, void *owner);

#endif
