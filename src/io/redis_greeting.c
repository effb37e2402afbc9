/* All goes out in one write, and the replies come in order: the one of PING last. It is there
 * because AUTH and INFO are answered by a server that is still loading or has lost its master, and
 * PING is not: that one is left again before anybody used it. */
#include "redis_greeting.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies the value of `name:value\r\n`; "" where there is none or it does not fit. */
static void read_info(const redisReply *reply, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name);
    out[0] = '\0';
    for (const char *line = reply->str; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, name_len) != 0 || line[name_len] != ':')
            continue;
        const char *value = line + name_len + 1;
        size_t len = strcspn(value, "\r\n");
        if (len < size)
            snprintf(out, size, "%.*s", (int)len, value);
        return;
    }
}

/* Returns the reply where it is of the type; else breaks the wire. NULL: the wire has failed. */
static redisReply *expect(struct redis_greeting *greeting, const char *what, redisReply *reply,
                          int type)
{
    char reason[160];
    if (!reply || reply->type == type)
        return reply;
    snprintf(reason, sizeof(reason), "%s is answered: %.120s", what,
             reply->type == REDIS_REPLY_ERROR ? reply->str : "as no Redis does");
    redis_wire_break(greeting->wire, reason);
    return NULL;
}

static void authenticated(void *owner, void *data, redisReply *reply)
{
    (void)data;
    expect(owner, "AUTH", reply, REDIS_REPLY_STATUS);
}

static void selected(void *owner, void *data, redisReply *reply)
{
    (void)data;
    expect(owner, "SELECT", reply, REDIS_REPLY_STATUS);
}

static void server_told(void *owner, void *data, redisReply *reply)
{
    struct redis_greeting *greeting = owner;
    struct redis_server *server = &greeting->server;
    char seconds[24];
    (void)data;
    if (!expect(greeting, "INFO server", reply, REDIS_REPLY_STRING))
        return;
    read_info(reply, "run_id", server->run_id, sizeof(server->run_id));
    read_info(reply, "redis_version", server->version, sizeof(server->version));
    read_info(reply, "uptime_in_seconds", seconds, sizeof(seconds));
    server->uptime_ms = strtoull(seconds, NULL, 10) * 1000;
    if (server->run_id[0] == '\0')
        redis_wire_break(greeting->wire, "INFO server tells no run_id");
}

static void replication_told(void *owner, void *data, redisReply *reply)
{
    struct redis_greeting *greeting = owner;
    char role[16];
    (void)data;
    if (!expect(greeting, "INFO replication", reply, REDIS_REPLY_STRING))
        return;
    read_info(reply, "role", role, sizeof(role));
    greeting->server.is_replica = strcmp(role, "master") != 0;
    if (greeting->server.is_replica)
        redis_wire_break(greeting->wire, "this Redis is a replica");
}

static void ponged(void *owner, void *data, redisReply *reply)
{
    struct redis_greeting *greeting = owner;
    (void)data;
    if (expect(greeting, "PING", reply, REDIS_REPLY_STATUS) && greeting->server.run_id[0] != '\0' &&
        !greeting->server.is_replica)
        greeting->greeted(greeting->owner);
}

static struct redis_arg text(const char *bytes)
{
    return (struct redis_arg){bytes, strlen(bytes)};
}

static void say(struct redis_greeting *greeting, redis_replied *replied,
                const struct redis_arg *args, size_t count)
{
    struct redis_call_back back = {.replied = replied, .owner = greeting};
    redis_wire_send(greeting->wire, args, count, back);
}

void redis_greeting_send(struct redis_greeting *greeting)
{
    const struct redis_address *address = greeting->address;
    char db[16];
    greeting->server = (struct redis_server){0};
    if (address->password && address->user)
        say(greeting, authenticated,
            (struct redis_arg[]){text("AUTH"), text(address->user), text(address->password)}, 3);
    else if (address->password)
        say(greeting, authenticated, (struct redis_arg[]){text("AUTH"), text(address->password)},
            2);
    snprintf(db, sizeof(db), "%u", address->db);
    if (address->db != 0)
        say(greeting, selected, (struct redis_arg[]){text("SELECT"), text(db)}, 2);
    say(greeting, server_told, (struct redis_arg[]){text("INFO"), text("server")}, 2);
    say(greeting, replication_told, (struct redis_arg[]){text("INFO"), text("replication")}, 2);
    /* Only for people: it may be refused. Not the first, which a full Redis answers unasked. */
    say(greeting, NULL, (struct redis_arg[]){text("CLIENT"), text("SETNAME"), text(greeting->name)},
        3);
    say(greeting, ponged, (struct redis_arg[]){text("PING")}, 1);
}
