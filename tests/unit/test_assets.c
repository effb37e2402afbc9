#include "weft/server/assets.h"

#include "check.h"

static void assets_are_sorted_and_each_is_found(void)
{
    for (size_t i = 0; i < asset_count(); i++) {
        const struct asset *asset = asset_at(i);
        CHECK(asset_find(asset->path) == asset);
        CHECK(i == 0 || strcmp(asset_at(i - 1)->path, asset->path) < 0);
        CHECK_EQ_INT(asset->data[asset->len], 0);
    }
}

static void an_unknown_path_is_not_found(void)
{
    CHECK(asset_find("web/no such file") == NULL);
    CHECK(asset_find("") == NULL);
    CHECK(asset_find("templates") == NULL);
}

static void check_is_the_file(const struct asset *asset)
{
    FILE *file = fopen(asset->path, "rb");
    REQUIRE(file != NULL);
    static unsigned char bytes[1 << 20];
    size_t len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    CHECK_EQ_INT(asset->len, len);
    CHECK(len == asset->len && memcmp(asset->data, bytes, len) == 0);
}

static void an_asset_is_the_file(void)
{
    int templates = 0;
    for (size_t i = 0; i < asset_count(); i++) {
        if (strncmp(asset_at(i)->path, "templates/", 10) == 0) {
            check_is_the_file(asset_at(i));
            templates++;
        }
    }
    CHECK(templates > 0);
}

int main(int argc, char **argv)
{
    check_init(argc, argv);
    RUN(assets_are_sorted_and_each_is_found);
    RUN(an_unknown_path_is_not_found);
    RUN(an_asset_is_the_file);
    return check_finish();
}
