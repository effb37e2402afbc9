/* One load: a crowd of WebSocket clients on one epoll, in rooms of equal size, that speak one
 * dialect. Where several addresses are one server, each room's members take turns at them. The load
 * connects them, lets the writers type at a fixed rate, counts what arrives, and
 * proves that nothing is missing. What a dialect's messages look like is dialect.h's; what is done
 * with a crowd, and for how long, is scenario.h's.
 *
 * The loop is open: an edit is due at its moment whatever the server does, and every delivery's
 * latency counts from that moment, so a server that stalls is not flattered by a generator that
 * waits for it. */
#ifndef WEFT_BENCH_LOAD_H
#define WEFT_BENCH_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edit.h"
#include "histogram.h"
#include "process.h"
#include "websocket.h"
#include "weft/base/buf.h"

#define LOAD_SERVERS_MAX 8

struct dialect;
struct load;

enum client_state { CLIENT_UNUSED, CLIENT_HANDSHAKE, CLIENT_JOINING, CLIENT_JOINED, CLIENT_OPEN };

struct client {
    struct load *load;
    void *dialect; /* the dialect's own state, zeroed at first */
    int fd;
    enum client_state state;
    uint32_t index;
    uint32_t room;
    uint32_t member; /* 0… in the room; the first ones write */
    uint32_t next_edit;
    uint64_t id; /* who the server says this is, or 0 */
    uint64_t started_ns, joined_ns, opened_ns;
    uint64_t opened_bytes; /* of the message that brought the file */
    bool dirty;            /* has bytes to send in this turn */
    bool blocked;          /* waits for EPOLLOUT */
    size_t out_sent;
    struct buf out;
    struct websocket_decoder in;
    uint32_t *seen; /* per writer of the room: the number of its edit that comes next */
};

/* What the servers keep their state in; measured for itself. No processes: there is none. */
struct load_redis {
    struct sockaddr_in address;
    struct process_list processes;
};

struct load_options {
    struct sockaddr_in servers[LOAD_SERVERS_MAX];
    uint32_t server_count;
    const struct dialect *dialect;
    struct process_list processes;
    struct load_redis redis;
    const char *tag; /* rooms are called TAG-0, TAG-1, … */
    uint32_t rooms, members, writers;
    size_t text_units; /* length of the file that is created in each room */
    bool shrink;       /* writers keep the text at about its first length */
    bool spin;         /* never sleep: the generator has a core to itself */
    double patience_s; /* without a byte for so long, what is waited for will not come */
};

struct load_counts {
    uint64_t edits;      /* change sets sent */
    uint64_t messages;   /* … in so many messages */
    uint64_t deliveries; /* of others' edits */
    uint64_t expected;   /* deliveries that are due for the edits sent */
    uint64_t acks;       /* and echoes of a client's own edits */
    uint64_t cursors_sent, cursors;
    uint64_t others; /* messages of all other kinds */
    uint64_t bytes_in, reads;
};

struct load {
    struct load_options options;
    int epoll_fd;
    uint64_t born_ns;
    uint64_t awake_ns; /* when the generator last had something to do, */
    uint64_t busy_ns;  /* and how long it has had: near to all the time, it is what is measured */
    uint64_t read_ns;  /* when the bytes in hand were read */
    struct client *clients;
    uint32_t client_count;
    struct client **dirty;
    uint32_t dirty_count;
    uint64_t connecting, joined;
    uint64_t opened;   /* answers to what load_open() or verify asked */
    uint64_t told;     /* members that heard of the file that load_create() made */
    uint64_t waiting;  /* edits that are due and not sent yet */
    uint64_t saved;    /* notices of a saved version */
    bool open_on_join; /* a client asks for the file in the turn in which it has joined */
    bool overloaded;   /* the failure is the server's own defence against slow readers */
    struct load_counts counts;
    struct histogram latency; /* deliveries, or cursors, from the moment they were due */
    struct histogram ack_latency;
    /* Set by the presence scenario: a cursor with this first position arrived. */
    void (*cursor_received)(struct client *client, uint64_t by, uint64_t position);
    void *scenario;
    uint32_t *seen;
    char *scratch;
    char failure[256]; /* the first thing that went wrong; empty while all is well */
};

uint64_t clock_ns(void);

/* Borrows what options points to. */
struct load *load_new(const struct load_options *options);
void load_free(struct load *load);

/* Notes the first failure; everything that waits gives up at once. Always returns false. */
bool load_fail(struct load *load, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool load_failed(const struct load *load);

/* Connects clients first…first+count-1 and waits until each has joined its room. */
bool load_connect(struct load *load, uint32_t first, uint32_t count);
/* Makes the rooms' files, until all who have joined know of them, and opens them in all clients;
 * nothing to do in most dialects. */
bool load_create(struct load *load);
bool load_open(struct load *load, uint32_t first, uint32_t count);

/* Handles what is there, and waits for it until the given moment at the latest. */
void load_poll(struct load *load, uint64_t until_ns);
/* Polls until the moment, or until a failure (then false). */
bool load_rest(struct load *load, uint64_t until_ns);
/* Polls until `*counter` is `wanted`. Fails, saying what was waited for, when nothing arrives for
 * as long as the options' patience. */
bool load_await(struct load *load, const uint64_t *counter, uint64_t wanted, const char *what);
/* Waits for the deliveries of all that was sent or is due. Fails if they do not come. */
bool load_settle(struct load *load);

/* A steady rate: every client of the list in turn, so that all are due equally often. */
struct load_pace {
    struct client **senders;
    uint32_t sender_count;
    double period_ns; /* between any two */
    uint64_t start_ns;
    uint64_t done;
    void (*send)(struct client *client, uint64_t due_ns);
};

void load_pace_edits(struct load *load, struct load_pace *pace, struct client **senders,
                     double rate);
/* Sends what is due until the moment; false on failure. */
bool load_drive(struct load *load, struct load_pace *pace, uint64_t until_ns);

/* What happened between two moments. */
struct load_window {
    struct load_counts counts;
    uint64_t ns, server_cpu_ns, own_cpu_ns, busy_ns;
    uint64_t redis_cpu_ns, redis_scripts; /* script calls */
};
void load_window_begin(struct load *load, struct load_window *window);
void load_window_end(struct load *load, struct load_window *window);

/* For dialects. */
void client_send(struct client *client, enum websocket_opcode opcode, const void *data, size_t len);
void client_joined(struct client *client);
void client_opened(struct client *client, uint64_t bytes);
/* The client has heard that the room's file is there. */
void client_created(struct client *client);
/* Edits went out in one message. */
void client_sent_edits(struct client *client, uint32_t count);
/* Looks for marks in data and counts them: others' are deliveries, the client's own are echoes.
 * Returns how many there were. */
uint32_t client_received_marks(struct client *client, const char *data, size_t len);
void client_acked(struct client *client, uint64_t due_ns);
/* Number of the client among all writers. */
uint32_t client_writer(const struct client *client);

#endif
