/* The port to the other instances: hints that go to everybody who holds a room. A message may be
 * lost, doubled or late; what matters is in the state's log. With one instance (bus_local) there is
 * nobody to tell. */
#ifndef WEFT_CORE_BUS_H
#define WEFT_CORE_BUS_H

#include <stddef.h>
#include <stdint.h>

struct bus_sink {
    void *owner;
    /* A message on the channel of a project joined here; this instance's own come back too.
     * Borrowed until return. */
    void (*received)(void *owner, const char *project, const char *data, size_t len);
    /* The subscription of the project is active, for the first time or again: what was published
     * before may not have come. */
    void (*joined)(void *owner, const char *project);
};

struct bus;
struct bus_ops {
    /* Counted: as many leaves as joins end it. */
    void (*join)(struct bus *bus, const char *project);
    void (*leave)(struct bus *bus, const char *project);
    void (*publish)(struct bus *bus, const char *project, const char *data,
                    size_t len); /* borrows */
};
struct bus {
    const struct bus_ops *ops;
    struct bus_sink sink;
};

#endif
