/* No repository: where Redis is the store. Core saves nothing then, so no version is ever told to
 * be saved, and what is dirty stays so for the repository that may come later. */
#ifndef WEFT_IO_REPOSITORY_NONE_H
#define WEFT_IO_REPOSITORY_NONE_H

#include "weft/core/repository.h"

/* Fills *repository, which is the caller's. Nothing is to be closed. */
void repository_none_init(struct repository *repository);

#endif
