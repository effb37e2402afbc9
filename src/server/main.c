/* weftd: its first word says what to do; without one it serves. */
#include "commands.h"
#include "weft/base/log.h"
#include "weft/io/repository_mongo.h"
#include "weft/io/runner.h"

#include <stddef.h>
#include <string.h>
#include <uv.h>

static const struct {
    const char *name;
    int (*run)(char **argv);
} commands[] = {
    {"serve", command_serve},
    {"worker", command_worker},
    {"jobs", command_jobs},
    {"doctor", command_doctor},
};

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], RUNNER_EXEC) == 0)
        return runner_exec(argv);
    log_setup(LOG_INFO, false);
    mongo_hide_counters();
    int (*run)(char **argv) = command_serve;
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            run = commands[i].run;
            argv++;
            break;
        }
    }
    int status = run(argv);
    uv_library_shutdown(); /* no thread is left: what looks for leaks at the end waits for none */
    return status;
}
