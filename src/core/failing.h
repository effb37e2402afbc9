/* Which projects cannot be saved, and how often in a row that was seen here. Where another instance
 * had the better luck nobody tells, so what has not failed here for a while is forgotten. */
#ifndef WEFT_CORE_FAILING_H
#define WEFT_CORE_FAILING_H

#include "weft/base/map.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct failing {
    struct map by_project;
    uint32_t alarm_tries;
    size_t stuck; /* projects that failed so often, now */
    uint64_t swept_ms;
};

void failing_init(struct failing *failing, uint32_t alarm_tries);
void failing_close(struct failing *failing);
/* Once more; returns how often in a row. */
uint32_t failing_add(struct failing *failing, const char *project, uint64_t now_ms);
/* It was saved. */
void failing_remove(struct failing *failing, const char *project);
/* Forgets what is old, every now and then. */
void failing_sweep(struct failing *failing, uint64_t now_ms);

#endif
