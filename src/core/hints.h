/* What comes over the bus from the scripts of the shared state and from other instances. */
#ifndef WEFT_CORE_HINTS_H
#define WEFT_CORE_HINTS_H

#include "root.h"

/* A message on a project's channel; anybody may have sent it. */
void hints_received(struct registry *registry, const char *project, const char *data, size_t len);
/* What was said on it before may not have come. */
void hints_joined(struct registry *registry, const char *project);

#endif
