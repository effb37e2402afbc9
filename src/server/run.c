#include "run.h"
#include "commands.h"
#include "weft/base/log.h"
#include "weft/server/config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* What is not built must not be taken silently. */
static bool is_buildable(const struct config *config)
{
    bool is_missing = config->mongodb_uri[0] && !config->redis_url[0];
    if (is_missing)
        log_error("weftd does not start: MONGODB_URI without REDIS_URL is not built yet");
    return !is_missing;
}

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
    } else if (!is_buildable(&config)) {
        status = EXIT_USAGE;
    } else if (action == CONFIG_RUN) {
        log_setup((enum log_level)config.log_level, config.log_json != 0);
        status = run(&config);
        if (status == EXIT_SUCCESS)
            log_info("stopped");
    }
    config_close(&config);
    return status;
}
