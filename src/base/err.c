#include "weft/base/err.h"

#include <stdarg.h>
#include <stdio.h>

struct err_row {
    const char *name;
    const char *text;
    int close_code;
    int http_status;
};

static const struct err_row rows[] = {
#define ERR_ROW(name, code, close, http, text) [name] = {code, text, close, http},
    ERR_TABLE(ERR_ROW)
#undef ERR_ROW
};

static const struct err_row *row(enum err code)
{
    size_t i = (size_t)code;
    return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : &rows[ERR_INTERNAL];
}

const char *err_name(enum err code)
{
    return row(code)->name;
}

int err_close_code(enum err code)
{
    return row(code)->close_code;
}

int err_http_status(enum err code)
{
    return row(code)->http_status;
}

const char *err_text(enum err code)
{
    return row(code)->text;
}

enum err error_set(struct error *error, enum err code, const char *format, ...)
{
    if (!error || error->code != ERR_OK)
        return code;
    va_list args;
    va_start(args, format);
    error->code = code;
    vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return code;
}

void error_clear(struct error *error)
{
    error->code = ERR_OK;
    error->text[0] = '\0';
}
