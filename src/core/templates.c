#include "templates.h"
#include "root.h"
#include "weft/base/mem.h"
#include "weft/text/lines.h"
#include <stdlib.h>
#include <string.h>

static const struct template blank = {
    .name = "blank", .title = "Blank", .description = "No files yet."};

static const struct template *find(const struct registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->config.template_count; i++)
        if (strcmp(registry->config.templates[i].name, name) == 0)
            return &registry->config.templates[i];
    return strcmp(name, blank.name) == 0 ? &blank : NULL;
}

bool templates_exists(const struct registry *registry, const char *name)
{
    return find(registry, name) != NULL;
}

bool templates_create(struct registry *registry, const struct state_ticket *ticket,
                      const char *name, const char *template_name)
{
    const struct template *template = find(registry, template_name);
    if (!template)
        return false;
    size_t count = template->file_count;
    struct state_new_file *files = mem_realloc_array(NULL, count + 1, sizeof *files);
    for (size_t i = 0; i < count; i++) {
        const struct template_file *from = &template->files[i];
        char *text = mem_strndup(from->text, from->len);
        const char *eol;
        size_t len = lines_normalise(text, from->len, &eol);
        files[i] = (struct state_new_file){from->path, text, len, eol};
    }
    struct state_create create = {name, template->name, files, count};
    if (registry->repository->is_shared)
        registry->repository->ops->create(registry->repository, ticket, &create);
    else
        registry->state->ops->create(registry->state, ticket, &create);
    for (size_t i = 0; i < count; i++)
        free((char *)files[i].text);
    free(files);
    return true;
}
