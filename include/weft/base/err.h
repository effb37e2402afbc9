/* Every way to fail, from one table: its name in code, the protocol's stable code, the WebSocket
 * close code (0 = the connection lives on), the HTTP status, and words for people. Functions that
 * can fail return enum err; where a person reads the reason they also fill a caller-owned struct
 * error. */
#ifndef WEFT_BASE_ERR_H
#define WEFT_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

#define ERR_TABLE(X)                                                                               \
    X(ERR_OK, "ok", 0, 200, "all is well")                                                         \
    X(ERR_BAD_JSON, "bad_json", 0, 400, "this is not JSON that can be accepted")                   \
    X(ERR_BAD_MESSAGE, "bad_message", 0, 400, "a field is missing or of the wrong type")           \
    X(ERR_UNKNOWN_TYPE, "unknown_type", 0, 400, "no message has this type")                        \
    X(ERR_BAD_CHANGE, "bad_change", 0, 400, "the change set does not fit the document")            \
    X(ERR_BAD_TEXT, "bad_text", 0, 400, "the text has characters that cannot be kept")             \
    X(ERR_OUT_OF_ORDER, "out_of_order", 0, 409, "the edit does not follow this client's last one") \
    X(ERR_STALE, "stale", 0, 409, "the version is not known here; open the file again")            \
    X(ERR_NOT_OPEN, "not_open", 0, 409, "this connection has not opened the file")                 \
    X(ERR_NO_FILE, "no_file", 0, 404, "there is no such file")                                     \
    X(ERR_GONE, "gone", 0, 410, "the file was deleted")                                            \
    X(ERR_EXISTS, "exists", 0, 409, "something with this name exists")                             \
    X(ERR_BAD_PATH, "bad_path", 0, 400, "the path cannot be accepted")                             \
    X(ERR_TOO_BIG, "too_big", 0, 413, "it is larger than the limit")                               \
    X(ERR_TOO_MANY, "too_many", 0, 413, "there are more than the limit")                           \
    X(ERR_FORBIDDEN, "forbidden", 4403, 403, "this role may not do that")                          \
    X(ERR_UNAUTHORIZED, "unauthorized", 4401, 401, "no valid token for this project")              \
    X(ERR_NO_PROJECT, "no_project", 4404, 404, "there is no such project")                         \
    X(ERR_NO_JOB, "no_job", 0, 404, "there is no such job, or no such kind of job")                \
    X(ERR_RATE, "rate", 0, 429, "too many messages of this type; slow down")                       \
    X(ERR_BUSY, "busy", 0, 503, "the store is away; keep the edit and try again")                  \
    X(ERR_INTERNAL, "internal", 1011, 500, "something is wrong in the server")

enum err {
#define ERR_ENUM(name, code, close, http, text) name,
    ERR_TABLE(ERR_ENUM)
#undef ERR_ENUM
};

struct error {
    enum err code;
    char text[160];
};

#define ERR_CHECKED __attribute__((warn_unused_result))

/* The protocol's code ("bad_change"), the close code, the HTTP status, the words. Never fail. */
const char *err_name(enum err code);
int err_close_code(enum err code);
int err_http_status(enum err code);
const char *err_text(enum err code);

/* Fills *error, which may be NULL, unless it already holds one (the first reason wins), and returns
 * code, so that `return error_set(error, ERR_X, "…")` reads well. */
enum err error_set(struct error *error, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void error_clear(struct error *error);

#endif
