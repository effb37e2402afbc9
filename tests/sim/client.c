#include "client.h"
#include "ghost.h"
#include "instance.h"
#include "wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELLO_US 10000000u
#define PING_US 3000000u
#define WAITING_US 1500000u
#define DEAD_US 6000000u
#define STABLE_US 5000000u
#define BACKOFF_MS 250u
#define BACKOFF_MOST_MS 3000u

static void connect(struct client *client);

static uint64_t number(const json_t *message, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(message, key));
}

static const char *string(const json_t *message, const char *key)
{
    const char *text = json_string_value(json_object_get(message, key));
    return text ? text : "";
}

void client_send(struct client *client, json_t *message)
{
    if (client->conn)
        wire_send(client->conn, message);
    else
        json_decref(message);
}

uint64_t client_number(struct client *client)
{
    return ++client->last_q;
}

bool client_is_bot(const struct world *world, uint64_t cid)
{
    for (unsigned i = 0; i < world->client_count; i++)
        if (world->clients[i]->kind == CLIENT_BOT && world->clients[i]->cid == cid)
            return true;
    return false;
}

/* ---- the connection ---- */

static void retry(struct world *world, void *arg)
{
    struct client *client = arg;
    client->is_retrying = false;
    if (!client->conn && client->away_until <= world->now_us)
        connect(client);
    else if (!client->conn) {
        client->is_retrying = true;
        world_at(world, client->away_until - world->now_us, NULL, retry, client);
    }
}

static void come_back(struct client *client)
{
    struct world *world = client->world;
    unsigned most = BACKOFF_MS << (client->attempts < 8 ? client->attempts : 8);
    if (client->is_retrying)
        return;
    client->attempts++;
    client->is_retrying = true;
    if (most > BACKOFF_MOST_MS)
        most = BACKOFF_MOST_MS;
    world_at(world, world_between(world, most / 2.0, most * 1.5), NULL, retry, client);
}

static void disconnected(struct client *client)
{
    client->conn = NULL;
    client->is_live = client->is_degraded = false;
    for (unsigned i = 0; i < client->doc_count; i++) {
        client->docs[i].asked_q = 0;
        doc_unsubscribed(&client->docs[i]);
    }
    come_back(client);
}

void client_cut(struct client *client)
{
    if (!client->conn)
        return;
    world_trace(client->world, "%s is cut", client->name);
    wire_cut(client->conn);
    disconnected(client);
}

void client_away(struct client *client, uint64_t until_us)
{
    client->away_until = until_us;
    client_cut(client);
}

/* Nothing is left of the project, and nothing could be: it begins again. */
static void start_anew(struct client *client)
{
    client->world->counts->recovered_nothing++;
    for (unsigned i = 0; i < client->doc_count; i++) {
        doc_gone(&client->docs[i]);
        doc_close(&client->docs[i]);
    }
    client->doc_count = 0;
    client->tree_count = client->peer_count = 0;
    client->resume[0] = client->ep[0] = '\0';
    client->cid = client->e = client->welcome_e = client->tree_until = 0;
}

void client_closed(struct client *client, struct conn *conn, int code)
{
    if (client->conn != conn)
        return;
    if (code == 4404 && client->world->ghost->is_all_lost)
        start_anew(client);
    else if (code >= 4400 && code < 4500)
        world_fail(client->world, "closed", "%s is sent away for good: %d", client->name, code);
    disconnected(client);
}

static void say_hello(struct client *client)
{
    json_t *hello = json_pack("{s:s,s:i,s:s,s:s}", "t", "hello", "v", 1, "project", WORLD_PROJECT,
                              "name", client->name);
    client->k++;
    if (client->resume[0]) {
        json_object_set_new(hello, "resume", json_string(client->resume));
        json_object_set_new(hello, "k", json_integer((json_int_t)client->k));
    }
    if (client->resume[0] && client->e > 0) {
        json_object_set_new(hello, "ep", json_string(client->ep));
        json_object_set_new(hello, "e", json_integer((json_int_t)client->e));
    }
    if (!client->ep[0])
        json_object_set_new(hello, "template", json_string("plain"));
    client_send(client, hello);
}

static void connect(struct client *client)
{
    struct world *world = client->world;
    client->conn = wire_connect(world, client);
    if (!client->conn) {
        come_back(client);
        return;
    }
    world->counts->resumes++;
    client->asked_us = client->heard_us = world->now_us;
    client->ping_us = client->answered_us = 0;
    say_hello(client);
}

/* ---- who is here ---- */

static void peer_is(struct client *client, uint64_t cid, bool on)
{
    unsigned at = 0;
    while (at < client->peer_count && client->peers[at] != cid)
        at++;
    if (on && at == client->peer_count && at < PEERS_MOST)
        client->peers[client->peer_count++] = cid;
    else if (!on && at < client->peer_count)
        client->peers[at] = client->peers[--client->peer_count];
}

static void welcomed(struct client *client, const json_t *message)
{
    struct world *world = client->world;
    bool is_same = strcmp(string(message, "ep"), client->ep) == 0;
    uint64_t cid = number(message, "cid");
    if (client->cid && cid != client->cid)
        world_fail(world, "identity", "%s is somebody else", client->name);
    client->cid = cid;
    client->is_live = true;
    client->live_us = world->now_us;
    client->welcome_e = number(message, "e");
    snprintf(client->resume, sizeof(client->resume), "%s", string(message, "resume"));
    snprintf(client->ep, sizeof(client->ep), "%s", string(message, "ep"));
    if (!is_same)
        client->e = client->tree_until = 0;
    const json_t *files = json_object_get(message, "files");
    if (files)
        client_listed(client, files, client->welcome_e);
    client->peer_count = 0;
    size_t i;
    const json_t *peer;
    json_array_foreach(json_object_get(message, "peers"), i, peer)
    {
        peer_is(client, number(peer, "by"), true);
    }
    for (unsigned at = 0; at < client->doc_count; at++)
        client_ask(client, &client->docs[at]);
    client_open_new(client);
}

static void answered(struct client *client, const json_t *message)
{
    uint64_t f = number(message, "f");
    if (f && !ghost_node(client->world, client->ep, f, 0))
        world_fail(client->world, "ok", "%s made f%" PRIu64 ", which never was", client->name, f);
}

/* ---- everything that comes ---- */

static bool is_about_file(const char *t)
{
    static const char *const types[] = {"edit", "ack", "synced", "file", "resync"};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcmp(t, types[i]) == 0)
            return true;
    return false;
}

static void count_event(struct client *client, const char *t, const json_t *message)
{
    uint64_t e = number(message, "e");
    if (json_object_get(message, "e") && strcmp(t, "files") != 0)
        client->e = e > client->e ? e : client->e;
    else if (strcmp(t, "peer") != 0 && strcmp(t, "cursor") != 0 && client->welcome_e > client->e)
        client->e = client->welcome_e;
}

void client_receive(struct client *client, struct conn *conn, const json_t *message)
{
    const char *t = string(message, "t");
    if (client->conn != conn)
        return;
    client->heard_us = client->world->now_us;
    if (strcmp(t, "welcome") == 0) {
        welcomed(client, message);
        return;
    }
    count_event(client, t, message);
    if (is_about_file(t)) {
        client_about_file(client, t, message);
    } else if (strcmp(t, "fs") == 0) {
        client_tree_changed(client, message);
    } else if (strcmp(t, "error") == 0) {
        client_failed(client, message);
    } else if (strcmp(t, "ok") == 0) {
        answered(client, message);
    } else if (strcmp(t, "pong") == 0) {
        client->answered_us = number(message, "ts");
    } else if (strcmp(t, "peer") == 0) {
        peer_is(client, number(message, "by"), json_is_true(json_object_get(message, "on")));
    } else if (strcmp(t, "drain") == 0) {
        client->attempts = 0;
        client_cut(client);
    } else if (strcmp(t, "degraded") == 0) {
        client->is_degraded = json_is_true(json_object_get(message, "on"));
        for (unsigned i = 0; !client->is_degraded && i < client->doc_count; i++)
            client->docs[i].asked_us = client->docs[i].sent_us = client->world->now_us;
    }
}

/* ---- once a second ---- */

static void ping(struct client *client)
{
    if (client->ping_us > client->answered_us)
        return;
    client->ping_us = client->world->now_us;
    client_send(client, json_pack("{s:s,s:I}", "t", "ping", "ts", (json_int_t)client->ping_us));
}

static bool is_owed(const struct client *client)
{
    uint64_t now = client->world->now_us;
    if (!client->is_live)
        return now - client->asked_us > HELLO_US;
    if (client->ping_us > client->answered_us && client->ping_us >= client->heard_us &&
        now - client->ping_us > DEAD_US)
        return true;
    for (unsigned i = 0; !client->is_degraded && i < client->doc_count; i++)
        if (doc_is_late(&client->docs[i], now, client->answered_us))
            return true;
    return false;
}

static void look(struct world *world, void *arg)
{
    struct client *client = arg;
    world_at(world, 1000000, NULL, look, client);
    if (!client->conn)
        return;
    if (is_owed(client)) {
        client_cut(client);
        return;
    }
    if (!client->is_live)
        return;
    if (world->now_us - client->live_us > STABLE_US)
        client->attempts = 0;
    bool waits = world->now_us - client->ping_us >= PING_US;
    for (unsigned i = 0; i < client->doc_count; i++)
        waits |= client->docs[i].sent > 0 && world->now_us - client->docs[i].sent_us > WAITING_US;
    if (waits)
        ping(client);
}

/* ---- the beginning and the end ---- */

static void first_connect(struct world *world, void *arg)
{
    (void)world;
    connect(arg);
}

void clients_begin(struct world *world)
{
    const struct dice *dice = &world->dice;
    world->client_count = dice->people + dice->bots;
    for (unsigned i = 0; i < world->client_count; i++) {
        struct client *client = world_alloc(world, sizeof(*client));
        client->world = world;
        client->number = i + 1;
        client->kind = i >= dice->people           ? CLIENT_BOT
                       : world_roll(world, 3) == 0 ? CLIENT_LISTS
                                                   : CLIENT_COMPOSES;
        snprintf(client->name, sizeof(client->name), "c%u", client->number);
        world->clients[i] = client;
        world_at(world, world_between(world, 0, 1500), NULL, first_connect, client);
        world_at(world, world_between(world, 0, 1000), NULL, look, client);
    }
}

void clients_end(struct world *world)
{
    for (unsigned i = 0; i < world->client_count; i++)
        for (unsigned j = 0; j < world->clients[i]->doc_count; j++)
            doc_close(&world->clients[i]->docs[j]);
}
