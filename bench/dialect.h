/* How one kind of server is spoken to. All functions run on the generator's only thread; what they
 * send leaves at the end of the turn. */
#ifndef WEFT_BENCH_DIALECT_H
#define WEFT_BENCH_DIALECT_H

#include "load.h"

struct dialect {
    const char *name;
    const char *subprotocol;               /* NULL: none */
    size_t state_size;                     /* of client->dialect */
    void (*closed)(struct client *client); /* frees what the state holds; may be NULL */
    void (*path)(const struct client *client, struct buf *out);
    /* The WebSocket is up; the dialect calls client_joined() in this or a later turn. */
    void (*connected)(struct client *client);
    void (*received)(struct client *client, const struct websocket_message *message);
    /* Makes the room's file; each member calls client_created() when it hears of it. NULL: there is
     * nothing to make. */
    void (*create)(struct client *client);
    /* Opens it, then client_opened(); NULL: a member gets everything. */
    void (*open)(struct client *client);
    /* An edit is due: sends it, or counts it in load->waiting until it can. */
    void (*edit)(struct client *client, uint64_t due_ns);
    /* Asks for the server's view of the file and compares, then client_opened(); may be NULL. */
    void (*verify)(struct client *client);
};

extern const struct dialect dialect_weft;
extern const struct dialect dialect_relay;
extern const struct dialect dialect_socketio;
extern const struct dialect dialect_whole_file;
extern const struct dialect dialect_yjs;
extern const struct dialect dialect_hocuspocus;

/* NULL for a name that is not known. */
const struct dialect *dialect_find(const char *name);

/* weft only. */
void weft_send_cursor(struct client *client, uint64_t position);
/* Appends `units` of text at the end of the open file; the ack shows in load->counts.acks. */
void weft_send_append(struct client *client, size_t units);

#endif
