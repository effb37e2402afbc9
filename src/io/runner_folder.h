/* Folders of runs: one of this process, locked as long as it lives, and in it one for each run. Any
 * thread. */
#ifndef WEFT_IO_RUNNER_FOLDER_H
#define WEFT_IO_RUNNER_FOLDER_H

#include "weft/base/err.h"
#include "weft/core/runner.h"
#include <stddef.h>

/* Removes what killed processes have left below folder, and makes one of our own there. Returns the
 * descriptor of its lock and its path, which the caller frees, or -1. */
int runner_folder_open(const char *folder, char **path, struct error *error);
void runner_folder_close(int lock, const char *path);

/* Makes a folder below base with the files in it. *path, which the caller frees, is set where there
 * is a folder to be removed, also on failure. */
ERR_CHECKED enum err run_folder_make(const char *base, const struct run_file *files, size_t count,
                                     char **path, struct error *error);
/* With all that is in it; follows no link. What it cannot remove is told to the log. */
void run_folder_remove(const char *path);

#endif
