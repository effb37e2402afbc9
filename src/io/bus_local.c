#include "weft/io/bus_local.h"

static void join(struct bus *bus, const char *project)
{
    (void)bus, (void)project;
}

static void leave(struct bus *bus, const char *project)
{
    (void)bus, (void)project;
}

static void publish(struct bus *bus, const char *project, const char *data, size_t len)
{
    (void)bus, (void)project, (void)data, (void)len;
}

static const struct bus_ops ops = {.join = join, .leave = leave, .publish = publish};

void bus_local_init(struct bus *bus)
{
    *bus = (struct bus){.ops = &ops};
}
