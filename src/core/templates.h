/* Makes a project's first files of a template. */
#ifndef WEFT_CORE_TEMPLATES_H
#define WEFT_CORE_TEMPLATES_H

#include "weft/core/registry.h"

/* Asks the state to create the project; false where there is no such template. "blank" has no
 * files. */
bool templates_create(struct registry *registry, const struct state_ticket *ticket,
                      const char *name, const char *template);

#endif
