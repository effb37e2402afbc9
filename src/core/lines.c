#include "lines.h"

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
