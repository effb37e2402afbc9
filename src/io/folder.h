/* The data folder: made where it is missing, held by one process at a time, and remembered to have
 * had a database, so that one that is gone is noticed. Used at start and end only. */
#ifndef FOLDER_H
#define FOLDER_H

#include "weft/base/err.h"

/* Makes and locks the folder. Returns a file descriptor that holds it until closed, or -1 with one
 * line in *error. */
int folder_lock(const char *folder, struct error *error);
/* Is the database where it was, and whole as far as its file sizes tell? path is that of the
 * database. */
ERR_CHECKED enum err folder_check(int lock, const char *path, struct error *error);
/* From now on a missing database is an error. */
void folder_remember(int lock, const char *folder);

#endif
