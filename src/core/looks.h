/* Looks into the history of files, which is the repository's: each waits for one answer of it. */
#ifndef LOOKS_H
#define LOOKS_H

#include "weft/core/repository.h"

struct registry;

void looks_init(struct registry *registry);
/* Those that still wait are not answered. */
void looks_close(struct registry *registry);
void looks_points(struct registry *registry, const struct repository_points *answer);

#endif
