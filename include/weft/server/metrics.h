/* What /metrics says: counters of core, of the backend and of the process, as Prometheus text. */
#ifndef WEFT_SERVER_METRICS_H
#define WEFT_SERVER_METRICS_H

#include "weft/base/buf.h"

struct backend;
struct lag;
struct registry;

void metrics_print(struct buf *out, const struct registry *registry, const struct backend *backend,
                   const struct lag *lag);

#endif
