/* Every place that takes a path from outside asks here, and none changes what it got: a path that
 * was repaired would be another one than its sender goes on using. NFC makes one file of what looks
 * like one name; the rules on dots, spaces, backslashes and drives are those of the systems to
 * which a project may be exported. */
#include "weft/text/path.h"
#include "weft/base/utf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static bool is_control(utf8proc_int32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

static bool is_bidi_control(utf8proc_int32_t code)
{
    return code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static enum err check_characters(const char *text, size_t len, struct error *error)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
    size_t i = 0;
    while (i < len) {
        utf8proc_int32_t code;
        utf8proc_ssize_t bytes = utf8proc_iterate(at + i, (utf8proc_ssize_t)(len - i), &code);
        assert(bytes > 0); /* it is valid UTF-8 */
        i += (size_t)bytes;
        if (is_control(code))
            return error_set(error, ERR_BAD_PATH, "the path has a control character");
        if (is_bidi_control(code))
            return error_set(error, ERR_BAD_PATH, "the path has a control of writing direction");
        if (code == '\\')
            return error_set(error, ERR_BAD_PATH, "the path has a backslash; use /");
    }
    return ERR_OK;
}

static bool is_ascii(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

static enum err check_normal(const char *text, size_t len, struct error *error)
{
    if (is_ascii(text, len))
        return ERR_OK;
    utf8proc_uint8_t *normal = NULL;
    utf8proc_ssize_t normal_len =
        utf8proc_map((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, &normal,
                     UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    bool same = normal_len == (utf8proc_ssize_t)len && memcmp(normal, text, len) == 0;
    free(normal);
    if (!same)
        return error_set(error, ERR_BAD_PATH, "the path is not in Unicode's normal form C");
    return ERR_OK;
}

static enum err check_segment(const char *segment, size_t len, struct error *error)
{
    if (len == 0)
        return error_set(error, ERR_BAD_PATH, "the path begins or ends with / or has two in a row");
    if (len > PATH_SEGMENT_LEN_MAX)
        return error_set(error, ERR_BAD_PATH, "a name in the path is longer than %u bytes",
                         PATH_SEGMENT_LEN_MAX);
    if (segment[len - 1] == '.')
        return error_set(error, ERR_BAD_PATH, "a name in the path ends in a dot");
    if (segment[len - 1] == ' ')
        return error_set(error, ERR_BAD_PATH, "a name in the path ends in a space");
    return ERR_OK;
}

static enum err check_segments(const char *text, size_t len, struct error *error)
{
    const char *end = text + len;
    for (unsigned count = 1;; count++) {
        const char *slash = memchr(text, '/', (size_t)(end - text));
        enum err err = check_segment(text, (size_t)((slash ? slash : end) - text), error);
        if (err)
            return err;
        if (count > PATH_SEGMENTS_MAX)
            return error_set(error, ERR_BAD_PATH, "the path has more than %u names",
                             PATH_SEGMENTS_MAX);
        if (!slash)
            return ERR_OK;
        text = slash + 1;
    }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

enum err path_check(const char *text, size_t len, struct error *error)
{
    if (len == 0)
        return error_set(error, ERR_BAD_PATH, "the path is empty");
    if (len > PATH_LEN_MAX)
        return error_set(error, ERR_BAD_PATH, "the path is longer than %u bytes", PATH_LEN_MAX);
    if (!utf8_valid(text, len))
        return error_set(error, ERR_BAD_PATH, "the path is not UTF-8");
    if (len >= 2 && is_letter(text[0]) && text[1] == ':')
        return error_set(error, ERR_BAD_PATH, "the path begins with a drive");
    enum err err = check_characters(text, len, error);
    if (!err)
        err = check_segments(text, len, error);
    if (!err)
        err = check_normal(text, len, error);
    return err;
}

enum err path_check_folder(const char *text, size_t len, struct error *error)
{
    if (len == 0 || text[len - 1] != '/')
        return error_set(error, ERR_BAD_PATH, "a folder's path ends with /");
    return path_check(text, len - 1, error);
}

bool path_in_folder(const char *path, const char *folder)
{
    size_t len = strlen(folder);
    return len > 0 && folder[len - 1] == '/' && strncmp(path, folder, len) == 0 &&
           path[len] != '\0';
}

bool project_id_valid(const char *text, size_t len)
{
    if (len == 0 || len > 64)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';
        bool mark = text[i] == '.' || text[i] == '_' || text[i] == '-';
        if (!is_letter(text[i]) && !digit && !mark)
            return false;
    }
    return !(text[0] == '.' && (len == 1 || (len == 2 && text[1] == '.')));
}
