#include "setting.h"
#include "weft/base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err setting_number(const char *name, const char *value, uint64_t least, uint64_t most,
                        uint64_t *out, struct error *error)
{
    size_t len = strlen(value);
    uint64_t number = len > 0 && len < 19 && strspn(value, "0123456789") == len
                          ? strtoull(value, NULL, 10)
                          : UINT64_MAX;
    if (number < least || number > most)
        return error_set(error, ERR_BAD_MESSAGE,
                         "%.60s is a whole number from %" PRIu64 " to %" PRIu64 ", not %.40s", name,
                         least, most, value);
    *out = number;
    return ERR_OK;
}

static enum err set_text(const struct setting *setting, const char *name, const char *value,
                         char **out, struct error *error)
{
    size_t len = strlen(value);
    if (len < setting->least || len > setting->most)
        return error_set(error, ERR_BAD_MESSAGE, "%.60s has %" PRIu64 " to %" PRIu64 " bytes", name,
                         setting->least, setting->most);
    free(*out);
    *out = mem_strdup(value);
    return ERR_OK;
}

static enum err set_choice(const struct setting *setting, const char *name, const char *value,
                           uint64_t *out, struct error *error)
{
    char all[100] = "";
    for (uint64_t i = 0; setting->choices[i]; i++) {
        if (strcmp(value, setting->choices[i]) == 0) {
            *out = i;
            return ERR_OK;
        }
        size_t len = strlen(all);
        snprintf(all + len, sizeof(all) - len, "%s%s", i > 0 ? ", " : "", setting->choices[i]);
    }
    return error_set(error, ERR_BAD_MESSAGE, "%.60s is one of %s, not %.40s", name, all, value);
}

enum err setting_set(const struct setting *setting, void *owner, const char *name,
                     const char *value, struct error *error)
{
    void *at = (char *)owner + setting->offset;
    switch (setting->kind) {
    case TEXT:
        return set_text(setting, name, value, at, error);
    case NUMBER:
        return setting_number(name, value, setting->least, setting->most, at, error);
    case CHOICE:
    default:
        return set_choice(setting, name, value, at, error);
    }
}

void settings_init(const struct setting *settings, size_t count, void *owner)
{
    for (size_t i = 0; i < count; i++) {
        enum err err =
            setting_set(&settings[i], owner, settings[i].name, settings[i].fallback, NULL);
        assert(err == ERR_OK);
        (void)err;
    }
}

void settings_close(const struct setting *settings, size_t count, void *owner)
{
    for (size_t i = 0; i < count; i++) {
        if (settings[i].kind == TEXT)
            free(*(char **)((char *)owner + settings[i].offset));
    }
}
