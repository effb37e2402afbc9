#include "run.h"
#include "commands.h"
#include "weft/base/log.h"
#include "weft/server/config.h"

#include <stdio.h>
#include <stdlib.h>

int run_with_settings(char **argv, int (*run)(struct config *config))
{
    struct config config;
    struct error error = {0};
    enum config_action action;
    int status = EXIT_SUCCESS;
    if (config_load(&config, argv, &action, &error) != ERR_OK) {
        log_error("wrong settings: %s", error.text);
        status = EXIT_USAGE;
    } else if (action == CONFIG_HELP) {
        config_print_help(stdout);
    } else if (action == CONFIG_VERSION) {
        puts("weftd " WEFT_VERSION);
    } else if (action == CONFIG_RUN) {
        log_setup((enum log_level)config.log_level, config.log_json != 0);
        status = run(&config);
        if (status == EXIT_SUCCESS)
            log_info("stopped");
    }
    config_close(&config);
    return status;
}
