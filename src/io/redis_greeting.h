/* What is said on a new connection before anybody may use it: user and password, the database, the
 * connection's name, and what INFO tells of the server. */
#ifndef WEFT_IO_REDIS_GREETING_H
#define WEFT_IO_REDIS_GREETING_H

#include "redis_wire.h"

struct redis_greeting {
    struct redis_wire *wire;
    const struct redis_address *address;
    const char *name;
    void *owner;
    void (*greeted)(void *owner); /* server is filled, and is one to stay with */
    struct redis_server server;
};

/* Sends it all at once. What goes wrong breaks the wire, with a reason. Borrows greeting until the
 * wire is closed or greeted was called. */
void redis_greeting_send(struct redis_greeting *greeting);

#endif
