/* The configuration file: any bytes are read or refused with a reason, and what is read is within
 * its bounds. */
#include "weft/server/config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    struct error error = {0};
    config_init(&config);
    enum err err = config_read(&config, (const char *)data, size, &error);
    if ((err == ERR_OK) != (error.text[0] == '\0'))
        abort();
    if (config.port > 65535 || config.limits.files < 1 || config.rates[RATE_edit].per_s < 1 ||
        strlen(config.host) > 60)
        abort();
    for (size_t i = 0; err == ERR_OK && i < config.jobs.count; i++) {
        const struct job_kind *kind = config.jobs.items[i];
        bool is_whole = kind->name[0] && kind->title && kind->paths && kind->tries > 0;
        if (!is_whole || (kind->command && !kind->command[0]))
            abort();
    }
    config_close(&config);
    return 0;
}
