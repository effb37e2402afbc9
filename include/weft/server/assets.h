/*
 * The files that weftd carries inside: the built page ("web/index.html", and "web/index.html.gz"
 * beside it), the SDK ("sdk/weft.js") and the project templates ("templates/react/src/App.jsx").
 *
 * They are fixed when weftd is linked (cmake/embed.cmake). Content types, caching and which paths
 * the world may see are the HTTP server's business.
 */
#ifndef WEFT_SERVER_ASSETS_H
#define WEFT_SERVER_ASSETS_H

#include <stddef.h>

struct asset {
    const char *path;
    const unsigned char *data; /* a NUL stands behind the last byte, not counted in len */
    size_t len;
};

/* Returns the asset of exactly this path, valid for the life of the process, or NULL. */
const struct asset *asset_find(const char *path);

/* Number of assets. */
size_t asset_count(void);

/* Returns the asset at index, which is below asset_count(). Assets are sorted by path, in the order
 * of bytes, so those of one folder stand together. */
const struct asset *asset_at(size_t index);

#endif
