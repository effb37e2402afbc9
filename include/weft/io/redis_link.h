/* One connection to Redis that is rebuilt for ever: resolved, connected, authenticated and greeted
 * again after every failure, with a jittered backoff of at most 1 s. Two of them serve an instance:
 * one for commands, one for subscriptions; each is rebuilt alone.
 *
 * A command that is not answered within timeout_ms ends the connection; what became of it, and of
 * all that were sent behind it, nobody knows. Commands are argument vectors, never formatted text.
 * Everything runs on the loop's thread; no callback runs inside the call that caused it, but
 * redis_link_close calls back before it returns. */
#ifndef WEFT_IO_REDIS_LINK_H
#define WEFT_IO_REDIS_LINK_H

#include "weft/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct redisReply;
struct redis_link;

/* Where Redis is: redis://[user[:password]@]host[:port][/db], rediss://… (TLS; ?ca=FILE,
 * ?verify=none), unix:///path, redis+sentinel://[user[:password]@]host:port,host:port/service[/db].
 */
struct redis_address;
struct redis_address *redis_address_parse(const char *url, struct error *error); /* NULL: error */
void redis_address_free(struct redis_address *address);
/* Without the password, for logs; borrowed from address. */
const char *redis_address_label(const struct redis_address *address);

/* What INFO said when the connection was made. */
struct redis_server {
    char run_id[48];
    char version[24];
    uint64_t uptime_ms;
    bool is_replica;
};

struct redis_link_config {
    uv_loop_t *loop;
    const struct redis_address *address; /* borrowed for the link's life */
    const char *name;                    /* of the connection, for CLIENT SETNAME and logs */
    uint64_t timeout_ms;                 /* per command; 2,000 */
    void *owner;
    /* Greeted: commands may be sent. NULL allowed, also below. */
    void (*up)(void *owner, const struct redis_server *server);
    /* Every command under way has been answered with NULL before this is called. */
    void (*down)(void *owner, const char *reason);
    /* A message of a subscription. */
    void (*pushed)(void *owner, const char *channel, size_t channel_len, const char *data,
                   size_t len);
    /* A SUBSCRIBE or UNSUBSCRIBE was confirmed. */
    void (*subscribed)(void *owner, const char *channel, size_t channel_len, bool is_on);
};

/* One argument of a command; borrowed until the call returns. */
struct redis_arg {
    const char *data;
    size_t len;
};

/* Starts to connect; up is called when it is made. Borrows config's address and name. */
struct redis_link *redis_link_new(const struct redis_link_config *config);
/* Answers what is under way with NULL, sends what the socket takes at once, closes, and frees when
 * the loop has turned. */
void redis_link_close(struct redis_link *link);
bool redis_link_is_up(const struct redis_link *link);
const struct redis_server *redis_link_server(const struct redis_link *link);

/* The answer of a command: borrowed until return; NULL where nobody knows what became of it. An
 * error reply is given as it came (type REDIS_REPLY_ERROR), but READONLY, LOADING and NOAUTH, and
 * MASTERDOWN also end the connection. */
typedef void redis_replied(void *owner, void *data, struct redisReply *reply);
/* While the link is down it is answered NULL on the next turn. replied may be NULL. */
void redis_link_send(struct redis_link *link, const struct redis_arg *args, size_t count,
                     redis_replied *replied, void *data);
/* On a link for subscriptions only. Kept over reconnects until unsubscribed; subscribed is called
 * for every time it is asked for, soon after each other as one, and after every reconnect. */
void redis_link_subscribe(struct redis_link *link, const char *channel);
void redis_link_unsubscribe(struct redis_link *link, const char *channel);
/* Ends the connection, as if it had failed; it is made again. */
void redis_link_break(struct redis_link *link, const char *reason);
/* Bytes that wait to be sent. */
size_t redis_link_queued(const struct redis_link *link);
/* Why it is not up, in words; "" while it is. */
const char *redis_link_problem(const struct redis_link *link);

struct redis_link_counts {
    uint64_t calls, errors,
        timeouts;      /* commands, error replies, commands without a reply in time */
    uint64_t connects; /* times that it came up */
    uint64_t messages_in, bytes_in;
};
const struct redis_link_counts *redis_link_counts(const struct redis_link *link);

#endif
