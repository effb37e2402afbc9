/* What /metrics says: counters of core, of the storage and of the process, as Prometheus text. */
#ifndef WEFT_SERVER_METRICS_H
#define WEFT_SERVER_METRICS_H

#include "weft/base/buf.h"

struct registry;
struct storage;

void metrics_print(struct buf *out, const struct registry *registry, struct storage *storage);

#endif
