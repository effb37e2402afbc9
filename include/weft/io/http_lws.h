/*
 * Plain HTTP on the server's port, reduced to what a route needs: a request whole in memory, its
 * body bounded, and one answer, now or on a later turn, by the request's number. Methods, paths and
 * bodies that could be understood in two ways (two lengths, a transfer coding) are refused here.
 */
#ifndef WEFT_IO_HTTP_LWS_H
#define WEFT_IO_HTTP_LWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lws_server;

#define HTTP_BODY_MAX 65536u

/* Strings are borrowed until handle returns, and never NULL: "" where a header is absent. */
struct http_request {
    uint64_t id;
    const char *method; /* "GET" */
    const char *path;   /* with %xx decoded once, no "//", "/./" or "/../" */
    size_t path_len;
    const char *query; /* what stands behind '?', as it came; "": nothing */
    const char *accept, *accept_encoding, *if_none_match;
    const char *body;
    size_t body_len;
};

/* Every request is answered exactly once by http_respond, here or later. A connection that ends
 * before is not told: the answer then goes nowhere. */
struct http_handler {
    void *owner;
    void (*handle)(void *owner, const struct http_request *request);
};

struct http_response {
    int status;
    const char *content_type; /* NULL: no body, no type */
    const char *headers;      /* more of them, "Name: value\r\n" each, or NULL */
    char *body;               /* taken (free), unless is_static */
    size_t len;
    bool is_static; /* body lives as long as the server */
};

/* Copies the strings of response. */
void http_respond(struct lws_server *server, uint64_t id, const struct http_response *response);

#endif
