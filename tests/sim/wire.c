#include "wire.h"
#include "client.h"
#include "instance.h"
#include "weft/base/blob.h"
#include "weft/core/transport.h"

#include <stdlib.h>
#include <string.h>

/* A message under way. */
struct parcel {
    struct parcel *next;
    struct conn *conn;
    const char *data;
    size_t len;
    int code; /* of a close, else 0 */
    bool is_lost;
};

static uint64_t after(uint64_t *last, uint64_t now, uint64_t in_us)
{
    *last = now + in_us > *last ? now + in_us : *last;
    return *last - now;
}

/* ---- from the instance ---- */

static void arrive(struct world *world, void *arg)
{
    const struct parcel *parcel = arg;
    struct conn *conn = parcel->conn;
    if (!conn->is_open)
        return;
    if (parcel->code) {
        conn->is_open = false;
        client_closed(conn->client, conn, parcel->code);
        return;
    }
    json_error_t error;
    json_t *frame = json_loadb(parcel->data, parcel->len, 0, &error);
    if (!frame) {
        world_fail(world, "json", "an instance wrote %.200s: %s", parcel->data, error.text);
        return;
    }
    if (json_is_array(frame)) {
        size_t i;
        json_t *message;
        json_array_foreach(frame, i, message)
        {
            if (conn->is_open && !world_failed(world))
                client_receive(conn->client, conn, message);
        }
    } else {
        client_receive(conn->client, conn, frame);
    }
    json_decref(frame);
}

static void send_down(struct conn *conn, const char *data, size_t len, int code)
{
    struct world *world = conn->instance->world;
    struct parcel *parcel = world_alloc(world, sizeof(*parcel));
    *parcel = (struct parcel){.conn = conn, .data = data, .len = len, .code = code};
    uint64_t in_us = world_between(world, 1, code ? 30 : world->dice.net_ms);
    world_at(world, after(&conn->down_at, world->now_us, in_us), NULL, arrive, parcel);
}

bool conn_write(struct conn *conn, struct blob *blob)
{
    if (conn->is_choked)
        return false;
    if (!conn->instance->is_dead && conn->is_open)
        send_down(conn, world_copy(conn->instance->world, blob->data, blob->len), blob->len, 0);
    return true;
}

void conn_want_write(struct conn *conn)
{
    conn->wants_write = true;
}

void conn_set_limit(struct conn *conn, uint32_t bytes)
{
    (void)conn, (void)bytes;
}

static void gone(struct world *world, void *arg)
{
    struct conn *conn = arg;
    struct session *session = conn->session;
    (void)world;
    conn->session = NULL;
    if (session)
        session_disconnected(session, conn->code ? conn->code : 1006, "gone",
                             instance_now_ms(conn->instance));
}

void conn_close(struct conn *conn, int code, const char *reason)
{
    struct world *world = conn->instance->world;
    if (conn->is_closing || conn->instance->is_dead)
        return;
    conn->is_closing = true;
    conn->code = code;
    world_trace(world, "%s closes c%u: %d %s", conn->instance->name, conn->client->number, code,
                reason);
    if (conn->is_open)
        send_down(conn, NULL, 0, code);
    world_at(world, world_between(world, 0, 20), conn->instance, gone, conn);
}

/* ---- to the instance ---- */

static void deliver(struct world *world, void *arg)
{
    struct parcel *parcel = arg;
    struct conn *conn = parcel->conn;
    (void)world;
    if (!parcel->is_lost && conn->session && !conn->is_closing)
        session_receive(conn->session, parcel->data, parcel->len, instance_now_ms(conn->instance));
}

/* Out of the network: from here on a cut does not lose it. */
static void come_up(struct world *world, void *arg)
{
    struct parcel *parcel = arg;
    struct parcel **at = &parcel->conn->under_way;
    while (*at && *at != parcel)
        at = &(*at)->next;
    if (*at)
        *at = parcel->next;
    if (!parcel->is_lost)
        instance_event(parcel->conn->instance, deliver, parcel);
    (void)world;
}

void wire_send(struct conn *conn, json_t *message)
{
    struct world *world = conn->instance->world;
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    struct parcel *parcel = world_alloc(world, sizeof(*parcel)), **at = &conn->under_way;
    parcel->conn = conn;
    parcel->len = strlen(text);
    parcel->data = world_copy(world, text, parcel->len);
    free(text);
    while (*at)
        at = &(*at)->next;
    *at = parcel;
    uint64_t in_us = world_between(world, 1, world->dice.net_ms);
    world_at(world, after(&conn->up_at, world->now_us, in_us), NULL, come_up, parcel);
}

static void meet(struct world *world, void *arg)
{
    struct conn *conn = arg;
    struct instance *instance = conn->instance;
    (void)world;
    conn->session =
        registry_connect(instance->registry, conn, "127.0.0.1", instance_now_ms(instance));
    if (!conn->session)
        send_down(conn, NULL, 0, 1006);
}

struct conn *wire_connect(struct world *world, struct client *client)
{
    struct instance *instance = instance_any(world);
    if (!instance)
        return NULL;
    struct conn *conn = world_alloc(world, sizeof(*conn));
    *conn = (struct conn){
        .next = instance->conns, .client = client, .instance = instance, .is_open = true};
    instance->conns = conn;
    conn->up_at = world->now_us;
    instance_event(instance, meet, conn);
    return conn;
}

void wire_cut(struct conn *conn)
{
    struct world *world = conn->instance->world;
    bool keep = true;
    conn->is_open = false;
    for (struct parcel *parcel = conn->under_way; parcel; parcel = parcel->next) {
        keep = keep && world_chance(world, 0.6);
        parcel->is_lost = !keep;
    }
    uint64_t noticed = world_between(world, 20, world_chance(world, 0.7) ? 200 : 3000);
    world_at(world, noticed, conn->instance, gone, conn);
}

static void crashed(struct world *world, void *arg)
{
    struct conn *conn = arg;
    (void)world;
    if (conn->is_open) {
        conn->is_open = false;
        client_closed(conn->client, conn, 1006);
    }
}

void wire_crashed(struct instance *instance)
{
    struct world *world = instance->world;
    for (struct conn *conn = instance->conns; conn; conn = conn->next)
        if (conn->is_open)
            world_at(world, world_between(world, 1, 100), NULL, crashed, conn);
}

void wire_end(struct instance *instance)
{
    for (struct conn *conn = instance->conns; conn; conn = conn->next)
        gone(instance->world, conn);
}

/* ---- slow readers ---- */

static void unchoke(struct world *world, void *arg)
{
    struct conn *conn = arg;
    (void)world;
    conn->is_choked = false;
    if (conn->wants_write && conn->session) {
        conn->wants_write = false;
        session_writable(conn->session);
    }
}

void wire_choke(struct conn *conn, uint64_t for_us)
{
    struct world *world = conn->instance->world;
    if (conn->is_choked || !conn->session || conn->is_closing)
        return;
    conn->is_choked = true;
    world_at(world, for_us, conn->instance, unchoke, conn);
}
