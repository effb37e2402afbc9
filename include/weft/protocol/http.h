/* The JSON of the HTTP calls (docs/protocol.md, "HTTP"), to and from plain structs. */
#ifndef WEFT_PROTOCOL_HTTP_H
#define WEFT_PROTOCOL_HTTP_H

#include "weft/base/buf.h"
#include "weft/base/err.h"
#include "weft/protocol/message.h"
#include <stddef.h>
#include <stdint.h>

struct rope;

/* POST /projects */
struct create_project {
    char id[65];
    char template[65]; /* "blank" where absent */
    char name[65];     /* "" where absent */
};
ERR_CHECKED enum err decode_create_project(const char *data, size_t len, struct create_project *out,
                                           struct error *error);

/* Each appends one object. Strings given are valid UTF-8. */
void encode_http_error(struct buf *out, const struct error *error);
void encode_http_created(struct buf *out, const char *id);

struct http_template {
    const char *name, *title, *description;
};
void encode_http_templates(struct buf *out, const struct http_template *templates, size_t count);

struct http_project {
    const char *id, *name, *ep;
    uint64_t e;
    size_t sessions;
    const struct file_info *files;
    const uint64_t *saved; /* per file */
    size_t file_count;
};
void encode_http_project(struct buf *out, const struct http_project *project);

struct http_file {
    uint64_t f, v;
    const char *path, *ep, *eol;
    const struct rope *text;
};
void encode_http_file(struct buf *out, const struct http_file *file);

/* A list of kept texts: begin, each, end. */
struct http_point {
    uint64_t epoch_number, v, ts, by, size;
};
void encode_http_points_begin(struct buf *out);
void encode_http_point(struct buf *out, const struct http_point *point);
void encode_http_points_end(struct buf *out);

#endif
