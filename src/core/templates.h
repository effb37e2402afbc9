/* Makes a project's first files of a template. */
#ifndef WEFT_CORE_TEMPLATES_H
#define WEFT_CORE_TEMPLATES_H

#include "weft/core/registry.h"

/* "blank", which has no files, always does. */
bool templates_exists(const struct registry *registry, const char *name);
/* Asks the state to create the project, or the repository, where that is shared: it is loaded from
 * there then. False where there is no such template. */
bool templates_create(struct registry *registry, const struct state_ticket *ticket,
                      const char *name, const char *template);

#endif
