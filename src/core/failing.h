/* Which projects cannot be saved, as this instance knows. Where another instance has the better
 * luck, this one hears of it when it has the project's job again, if ever; so what has not failed
 * here for a while is forgotten. */
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
/* It has failed so often in a row. */
void failing_note(struct failing *failing, const char *project, uint32_t tries, uint64_t now_ms);
/* It was saved. */
void failing_remove(struct failing *failing, const char *project);
/* Forgets what is old, every now and then. */
void failing_sweep(struct failing *failing, uint64_t now_ms);

#endif
