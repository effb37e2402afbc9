/* What people can have done, as the operator has configured it: {"jobs": {"format": {"command":
 * ["prettier", "--stdin-filepath", "{path}"], "input": "file", "output": "edit"}}} comes here as
 * the settings jobs.format.command[0] and so on. */
#ifndef WEFT_SERVER_JOB_KINDS_H
#define WEFT_SERVER_JOB_KINDS_H

#include "weft/base/err.h"
#include "weft/core/jobs.h"
#include <stddef.h>
#include <stdio.h>

/* All zero: none. */
struct job_kinds {
    const struct job_kind **items; /* owned */
    size_t count;
};

/* name begins with "jobs.". ERR_BAD_MESSAGE with the reason. */
ERR_CHECKED enum err job_kinds_set(struct job_kinds *kinds, const char *name, const char *value,
                                   struct error *error);
/* When all are set; before that they are not complete. */
ERR_CHECKED enum err job_kinds_check(struct job_kinds *kinds, struct error *error);
void job_kinds_close(struct job_kinds *kinds);

void job_kinds_print_help(FILE *out);

#endif
