#include "weft/text/lines.h"
#include "weft/base/mem.h"
#include <string.h>

size_t lines_normalise(char *text, size_t len, const char **eol)
{
    size_t crlf = 0, cr = 0, lf = 0, out = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\r') {
            lf += text[i] == '\n';
            text[out++] = text[i];
            continue;
        }
        if (i + 1 < len && text[i + 1] == '\n') {
            crlf++;
            i++;
        } else {
            cr++;
        }
        text[out++] = '\n';
    }
    *eol = crlf > lf && crlf >= cr ? "\r\n" : cr > lf && cr > crlf ? "\r" : "\n";
    return out;
}

char *lines_expand(const char *text, size_t len, const char *eol, size_t *out_len)
{
    size_t lines = 0, eol_len = strlen(eol), out = 0;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    char *copy = mem_alloc(len + lines * (eol_len - 1) + 1);
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\n') {
            copy[out++] = text[i];
            continue;
        }
        memcpy(copy + out, eol, eol_len);
        out += eol_len;
    }
    copy[out] = '\0';
    *out_len = out;
    return copy;
}
