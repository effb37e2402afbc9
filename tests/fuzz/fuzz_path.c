/* What path_check() accepts must be safe as the name of a file on any system: that is said here a
 * second time, naively, and what a folder is and a file in it must agree with each other. */
#include "weft/text/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Classes of the controls of direction; the three marks have none of their own. */
static const unsigned directing =
    1u << UTF8PROC_BIDI_CLASS_LRE | 1u << UTF8PROC_BIDI_CLASS_LRO | 1u << UTF8PROC_BIDI_CLASS_RLE |
    1u << UTF8PROC_BIDI_CLASS_RLO | 1u << UTF8PROC_BIDI_CLASS_PDF | 1u << UTF8PROC_BIDI_CLASS_LRI |
    1u << UTF8PROC_BIDI_CLASS_RLI | 1u << UTF8PROC_BIDI_CLASS_FSI | 1u << UTF8PROC_BIDI_CLASS_PDI;

static void check_characters(const char *path, size_t len)
{
    for (size_t i = 0; i < len;) {
        utf8proc_int32_t code;
        utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)path + i,
                                                  (utf8proc_ssize_t)(len - i), &code);
        MUST(bytes > 0);
        i += (size_t)bytes;
        const utf8proc_property_t *property = utf8proc_get_property(code);
        MUST(property->category != UTF8PROC_CATEGORY_CC && code != '\\');
        MUST(!(directing >> property->bidi_class & 1));
        MUST(code != 0x200e && code != 0x200f && code != 0x61c);
    }
}

static void check_names(const char *path)
{
    char copy[PATH_LEN_MAX + 1];
    snprintf(copy, sizeof(copy), "%s", path);
    MUST(copy[0] != '/' && copy[strlen(copy) - 1] != '/' && !strstr(copy, "//"));
    MUST(!(copy[0] != '\0' && copy[1] == ':' &&
           ((copy[0] | 0x20) >= 'a' && (copy[0] | 0x20) <= 'z')));
    unsigned count = 0;
    char *rest = NULL;
    for (char *name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
        size_t len = strlen(name);
        MUST(len <= PATH_SEGMENT_LEN_MAX && name[len - 1] != '.' && name[len - 1] != ' ');
        MUST(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
        count++;
    }
    MUST(count >= 1 && count <= PATH_SEGMENTS_MAX);
}

static void check_normal(const char *path)
{
    utf8proc_uint8_t *normal = utf8proc_NFC((const utf8proc_uint8_t *)path);
    MUST(normal && strcmp((const char *)normal, path) == 0);
    free(normal);
}

static void check_folder(const char *path, size_t len)
{
    char folder[PATH_LEN_MAX + 2], file[PATH_LEN_MAX + 8];
    snprintf(folder, sizeof(folder), "%s/", path);
    snprintf(file, sizeof(file), "%s/x", path);
    MUST(path_check_folder(folder, len + 1, NULL) == ERR_OK);
    MUST(path_check_folder(path, len, NULL) == ERR_BAD_PATH);
    MUST(path_check(folder, len + 1, NULL) == ERR_BAD_PATH);
    MUST(path_in_folder(file, folder) && !path_in_folder(path, folder));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    struct error error = {0};
    enum err err = path_check(text, size, &error);
    MUST(err == error.code && (err == ERR_OK) == (error.text[0] == '\0'));
    if (err == ERR_OK) {
        MUST(size == strlen(text) && size <= PATH_LEN_MAX);
        check_characters(text, size);
        check_names(text);
        check_normal(text);
        check_folder(text, size);
    }
    if (project_id_valid(text, size))
        MUST(err == ERR_OK || text[size - 1] == '.');
    free(text);
    return 0;
}
