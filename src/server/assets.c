/* The rows come from build/…/assets_table.S, which cmake/embed.cmake writes sorted by path. */
#include "weft/server/assets.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern const struct asset assets_table[];
extern const uint64_t assets_table_count;

_Static_assert(sizeof(struct asset) == 24, "assets_table.S writes rows of three 8-byte words");

static int compare_path(const void *path, const void *asset)
{
    return strcmp(path, ((const struct asset *)asset)->path);
}

const struct asset *asset_find(const char *path)
{
    return bsearch(path, assets_table, asset_count(), sizeof(struct asset), compare_path);
}

size_t asset_count(void)
{
    return (size_t)assets_table_count;
}

const struct asset *asset_at(size_t index)
{
    assert(index < asset_count());
    return &assets_table[index];
}
