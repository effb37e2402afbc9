/* A run of one's own: the caller's is borrowed only while it is started. */
#ifndef WEFT_IO_RUNNER_COPY_H
#define WEFT_IO_RUNNER_COPY_H

#include "weft/core/runner.h"

void run_copy(struct run *to, const struct run *from);
void run_free(struct run *run);
/* Its files alone, which may be large, when they are written. */
void run_free_files(struct run *run);

#endif
