/* The page and the SDK. Addresses of projects (/p/demo/src/a.c) are the page too, which reads them
 * itself. Names with a hash in them never change their content; all else is asked for anew, and
 * answered 304 by its tag. */
#include "routes.h"
#include "weft/base/mem.h"
#include "weft/server/assets.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The page's own scripts and styles, and the socket; nothing inline. */
#define PAGE                                                                                       \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self' ws: wss:; "                   \
    "worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; "          \
    "frame-ancestors 'none'\r\n"                                                                   \
    "Referrer-Policy: same-origin\r\n"                                                             \
    "Cross-Origin-Opener-Policy: same-origin\r\n"
#define ANY "X-Content-Type-Options: nosniff\r\n"
#define HEADERS_SIZE 1024

/* FNV-1a, 64 bits. */
static uint64_t hash(const unsigned char *data, size_t len)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        sum = (sum ^ data[i]) * 0x100000001b3u;
    return sum;
}

void routes_hash_assets(struct routes *routes)
{
    routes->asset_tags = mem_realloc_array(NULL, asset_count() + 1, sizeof(uint64_t));
    for (size_t i = 0; i < asset_count(); i++)
        routes->asset_tags[i] = hash(asset_at(i)->data, asset_at(i)->len);
}

static const char *content_type(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".map", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".txt", "text/plain; charset=utf-8"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    }
    return "application/octet-stream";
}

static const struct asset *find(const char *path)
{
    char name[512];
    if (strcmp(path, "/") == 0 || strcmp(path, "/p") == 0 || strncmp(path, "/p/", 3) == 0)
        return asset_find("web/index.html");
    const char *dot = strrchr(path, '.');
    if (strlen(path) > sizeof(name) - 8 || (dot && strcmp(dot, ".gz") == 0))
        return NULL;
    if (strncmp(path, "/sdk/", 5) == 0)
        return asset_find(path + 1);
    snprintf(name, sizeof(name), "web%s", path);
    return asset_find(name);
}

/* The same packed, where there is one and the client takes it. */
static const struct asset *find_packed(const struct asset *asset, const char *accept_encoding)
{
    char name[512];
    const char *gzip = strstr(accept_encoding, "gzip");
    if (!gzip || strncmp(gzip + 4, ";q=0", 4) == 0)
        return NULL;
    snprintf(name, sizeof(name), "%s.gz", asset->path);
    return asset_find(name);
}

bool routes_asset(struct routes *routes, const struct http_request *request, const char *path)
{
    const struct asset *asset = find(path);
    if (!asset)
        return false;
    if (!routes_is_get(request)) {
        routes_fail_method(routes, request->id, "GET, HEAD");
        return true;
    }
    const struct asset *packed = find_packed(asset, request->accept_encoding);
    const struct asset *body = packed ? packed : asset;
    const char *type = content_type(asset->path);
    char tag[24], headers[HEADERS_SIZE];
    snprintf(tag, sizeof(tag), "\"%016" PRIx64 "\"", routes->asset_tags[body - asset_at(0)]);
    bool is_page = strncmp(type, "text/html", 9) == 0;
    bool is_fixed = strncmp(path, "/chunk-", 7) == 0;
    snprintf(headers, sizeof(headers), "ETag: %s\r\nCache-Control: %s\r\n%s" ANY "%s%s", tag,
             is_fixed ? "public, max-age=31536000, immutable" : "no-cache",
             "Vary: Accept-Encoding\r\n", packed ? "Content-Encoding: gzip\r\n" : "",
             is_page ? PAGE : "");
    struct http_response response = {.status = 200,
                                     .content_type = type,
                                     .headers = headers,
                                     .body = (char *)body->data,
                                     .len = body->len,
                                     .is_static = true};
    if (routes_tag_matches(request->if_none_match, tag)) {
        response.status = 304;
        response.len = 0;
    }
    http_respond(routes->server, request->id, &response);
    return true;
}
