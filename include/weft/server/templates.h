/* What a project can start from: the folders of templates/ that weftd carries inside. A
 * template.json in one ({"title": …, "description": …, "order": …}) describes it and is no file of
 * the project. "blank" is core's own. */
#ifndef WEFT_SERVER_TEMPLATES_H
#define WEFT_SERVER_TEMPLATES_H

#include "weft/core/registry.h"
#include <stddef.h>

struct templates {
    struct template *items;
    size_t count;
};

/* Fills *templates, sorted by order, then by name; who has no order comes last. Texts stay in the
 * assets. */
void templates_init(struct templates *templates);
void templates_close(struct templates *templates);

#endif
