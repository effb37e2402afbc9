#include "weft/server/templates.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"
#include "weft/base/utf.h"
#include "weft/protocol/settings.h"
#include "weft/server/assets.h"
#include "weft/text/path.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "templates/"
#define DESCRIPTION "template.json"

static enum err read_order(const char *value, unsigned *order, struct error *error)
{
    size_t len = strlen(value);
    if (len == 0 || len > 4 || strspn(value, "0123456789") != len)
        return error_set(error, ERR_BAD_MESSAGE, "its order is not a number from 0 to 9999");
    *order = (unsigned)strtoul(value, NULL, 10);
    return ERR_OK;
}

static enum err describe(void *owner, const char *name, const char *value, struct error *error)
{
    struct template *template = owner;
    if (strcmp(name, "order") == 0)
        return read_order(value, &template->order, error);
    const char **field = strcmp(name, "title") == 0         ? &template->title
                         : strcmp(name, "description") == 0 ? &template->description
                                                            : NULL;
    if (!field)
        return error_set(error, ERR_BAD_MESSAGE, "it has a key %.60s", name);
    free((char *)*field);
    *field = mem_strdup(value);
    return ERR_OK;
}

static void add_description(struct template *template, const struct asset *asset)
{
    struct error error = {0};
    if (decode_settings((const char *)asset->data, asset->len, describe, template, &error))
        log_warn("a template's description is not understood template=%s why=\"%s\"",
                 template->name, error.text);
}

static void add_file(struct template *template, const char *path, const struct asset *asset)
{
    const char *text = (const char *)asset->data;
    if (path_check(path, strlen(path), NULL) != ERR_OK || !utf8_valid(text, asset->len) ||
        memchr(text, '\0', asset->len)) {
        log_warn("a template's file is left out: not text template=%s", template->name);
        return;
    }
    struct template_file *files =
        mem_realloc_array((void *)template->files, template->file_count + 1, sizeof(*files));
    files[template->file_count++] = (struct template_file){path, text, asset->len};
    template->files = files;
}

/* Assets are sorted by path, so those of one template stand together. */
static struct template *enter(struct templates *templates, const char *name, size_t len)
{
    struct template *last = templates->count ? &templates->items[templates->count - 1] : NULL;
    if (last && strlen(last->name) == len && strncmp(last->name, name, len) == 0)
        return last;
    templates->items =
        mem_realloc_array(templates->items, templates->count + 1, sizeof(*templates->items));
    last = &templates->items[templates->count++];
    *last = (struct template){.name = mem_strndup(name, len),
                              .title = mem_strndup(name, len),
                              .description = mem_strdup(""),
                              .order = UINT_MAX};
    return last;
}

static int compare(const void *a, const void *b)
{
    const struct template *left = a, *right = b;
    if (left->order != right->order)
        return left->order < right->order ? -1 : 1;
    return strcmp(left->name, right->name);
}

void templates_init(struct templates *templates)
{
    *templates = (struct templates){0};
    for (size_t i = 0; i < asset_count(); i++) {
        const struct asset *asset = asset_at(i);
        const char *name = asset->path + strlen(FOLDER);
        if (strncmp(asset->path, FOLDER, strlen(FOLDER)) != 0 || !strchr(name, '/'))
            continue;
        const char *path = strchr(name, '/') + 1;
        struct template *template = enter(templates, name, (size_t)(path - name - 1));
        if (strcmp(path, DESCRIPTION) == 0)
            add_description(template, asset);
        else
            add_file(template, path, asset);
    }
    if (templates->count > 0)
        qsort(templates->items, templates->count, sizeof(*templates->items), compare);
}

void templates_close(struct templates *templates)
{
    for (size_t i = 0; i < templates->count; i++) {
        struct template *template = &templates->items[i];
        free((char *)template->name);
        free((char *)template->title);
        free((char *)template->description);
        free((void *)template->files);
    }
    free(templates->items);
    *templates = (struct templates){0};
}
