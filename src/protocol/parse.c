#include "parse.h"

#include <string.h>

/* The library quotes the text near the place, cut anywhere in a character. Our answer must be UTF-8
 * and needs none of it: what is quoted goes, and what is not printable ASCII is replaced. */
static enum err refuse(const json_error_t *found, struct error *error)
{
    if (json_error_code(found) == json_error_out_of_memory)
        return error_set(error, ERR_INTERNAL, "no memory to parse it");
    char words[JSON_ERROR_TEXT_LENGTH];
    memcpy(words, found->text, sizeof(words));
    char *near = strstr(words, " near '");
    if (near)
        *near = '\0';
    for (char *c = words; *c; c++) {
        if (*c < ' ' || *c > '~')
            *c = '?';
    }
    return error_set(error, ERR_BAD_JSON, "%.90s, before byte %d", words, found->position);
}

enum err parse_json(const char *data, size_t len, const struct prescan *most, json_t **out,
                    struct error *error)
{
    *out = NULL;
    struct prescan found = prescan_count(data, len, most);
    if (found.keys > most->keys)
        return error_set(error, ERR_TOO_BIG, "more than %zu keys", most->keys);
    if (found.elements > most->elements)
        return error_set(error, ERR_TOO_BIG, "more than %zu array elements", most->elements);
    if (found.depth > most->depth)
        return error_set(error, ERR_BAD_JSON, "nested more than %zu deep", most->depth);
    json_error_t bad;
    *out = json_loadb(data, len, JSON_REJECT_DUPLICATES, &bad);
    return *out ? ERR_OK : refuse(&bad, error);
}

bool parse_number(const json_t *value, uint64_t least, uint64_t most, uint64_t *out)
{
    if (!json_is_integer(value))
        return false;
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number < least || (uint64_t)number > most)
        return false;
    *out = (uint64_t)number;
    return true;
}
