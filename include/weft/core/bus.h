/* The port to the other instances: hints that go to everybody who holds a room. A message may be
 * lost, doubled or late; what matters is in the state's log. With one instance (bus_local) there is
 * nobody to tell. */
#ifndef WEFT_CORE_BUS_H
#define WEFT_CORE_BUS_H

#include <stddef.h>
#include <stdint.h>

struct blob;

struct bus_sink {
    void *owner;
    /* A message of another instance for a room held here. */
    void (*received)(void *owner, const char *project, struct blob *message);
};

struct bus;
struct bus_ops {
    void (*join)(struct bus *bus, const char *project);
    void (*leave)(struct bus *bus, const char *project);
    void (*publish)(struct bus *bus, const char *project,
                    struct blob *message); /* takes its own reference */
};
struct bus {
    const struct bus_ops *ops;
    struct bus_sink sink;
};

#endif
