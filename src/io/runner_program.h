/* Where a program is. Any thread. */
#ifndef WEFT_IO_RUNNER_PROGRAM_H
#define WEFT_IO_RUNNER_PROGRAM_H

/* Returns the whole path of a program: as name has it where that has a '/', else the first in the
 * folders of PATH. NULL with errno; the caller frees it. */
char *program_find(const char *name);

#endif
