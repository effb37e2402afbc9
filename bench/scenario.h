/* What is done with a crowd of clients, one function per kind of question. */
#ifndef WEFT_BENCH_SCENARIO_H
#define WEFT_BENCH_SCENARIO_H

#include "load.h"
#include "report.h"

struct scenario {
    const char *name;
    const char *text;
    uint32_t rooms, members, writers;
    double rate; /* edits or cursors per second of each sender */
    double seconds;
    size_t text_units;
    bool (*run)(struct load *load, const struct scenario *scenario, struct report *report);
    bool weft_only;
};

/* NULL for a name that is not known. */
const struct scenario *scenario_find(const char *name);
/* All of them, in the order of the help; ends with a NULL name. */
extern const struct scenario scenarios[];

/* Each adds its figures to the report, and returns false after a failure that load->failure tells.
 * Writers type; CPU per delivery and latency. */
bool scenario_edits(struct load *load, const struct scenario *scenario, struct report *report);
/* The same with a rising rate, until p99 is above 50 ms or the server does not keep up. */
bool scenario_ramp(struct load *load, const struct scenario *scenario, struct report *report);
/* Nobody types; memory and CPU per connection. */
bool scenario_idle(struct load *load, const struct scenario *scenario, struct report *report);
/* One room in which everybody moves the cursor. */
bool scenario_presence(struct load *load, const struct scenario *scenario, struct report *report);
/* All at once open one large file. */
bool scenario_storm(struct load *load, const struct scenario *scenario, struct report *report);

#endif
