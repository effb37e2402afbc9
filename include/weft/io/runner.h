/* Commands of jobs as processes of this machine (the port of core/runner.h).
 *
 * Each has a session and process group of its own, an empty environment, no descriptor but its
 * three, limits, and a folder of its own that is removed at the end with all that it left there.
 * It dies with this process. It is not locked in: it may read what this user may read, and a
 * process that it puts into another session outlives it (docs/jobs.md). */
#ifndef WEFT_IO_RUNNER_H
#define WEFT_IO_RUNNER_H

#include "weft/base/err.h"
#include "weft/core/runner.h"
#include <stdint.h>
#include <uv.h>

/* The first argument by which this program is asked to become a command; see runner_exec. */
#define RUNNER_EXEC "--exec-limited"

struct runner_config {
    const char *self;     /* a program whose main calls runner_exec; "/proc/self/exe" */
    const char *folder;   /* where folders of runs are made; "/tmp" */
    uint64_t file_max;    /* bytes of any file that a command writes; 256 MiB */
    uint32_t descriptors; /* that a process of it may have; 256 */
};
struct runner_config runner_config_default(void);

/* Returns a new runner, or NULL with the reason. Borrows loop, copies config. Removes what a runner
 * that was killed has left below the folder. The process ignores SIGPIPE (log_setup). */
struct runner *runner_new(const struct runner_config *config, uv_loop_t *loop, struct error *error);
/* Kills what still runs; nothing more is told. It is gone when the loop has no more to do. */
void runner_free(struct runner *runner);

/* For main, before all else, where argv[1] is RUNNER_EXEC: sets the limits and becomes the command.
 * Returns only where that fails, with the exit status. */
int runner_exec(char **argv);

#endif
