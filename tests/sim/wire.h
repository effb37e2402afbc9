/*
 * Connections between people and instances: messages in order, each after some time; cut at any
 * moment, when what was under way to the instance is lost from some message on, and the instance
 * notices late. Implements core's port transport.h.
 */
#ifndef WIRE_H
#define WIRE_H

#include "world.h"

#include <jansson.h>

struct conn {
    struct conn *next; /* of the instance's */
    struct client *client;
    struct instance *instance;
    struct session *session;  /* NULL: over there */
    bool is_open, is_closing; /* for the client; by the instance */
    bool is_choked, wants_write;
    uint64_t up_at, down_at;  /* of the last message: they stay in order */
    struct parcel *under_way; /* to the instance, the oldest first */
    int code;
};

/* A new one to some instance that lives; NULL where none does. */
struct conn *wire_connect(struct world *world, struct client *client);
/* Takes message. */
void wire_send(struct conn *conn, json_t *message);
/* The client goes, or its network does. */
void wire_cut(struct conn *conn);
/* All connections of an instance that is dead; its clients notice soon. */
void wire_crashed(struct instance *instance);
/* Takes its sessions from a dead instance, so that its memory can be given back. */
void wire_end(struct instance *instance);
/* The client reads nothing for a while. */
void wire_choke(struct conn *conn, uint64_t for_us);

#endif
