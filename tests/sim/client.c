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

static void set_path(char to[PATH_ROOM], const char *from)
{
    size_t len = strnlen(from, PATH_ROOM - 1);
    memmove(to, from, len);
    to[len] = '\0';
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

/* ---- opening ---- */

/* Its number means something in the present epoch. */
static bool is_current(const struct client *client, const struct doc *doc)
{
    return doc->state != DOC_GONE && (!doc->base || strcmp(doc->ep, client->ep) == 0);
}

static struct doc *doc_of(struct client *client, uint64_t f)
{
    for (unsigned i = 0; i < client->doc_count; i++)
        if (client->docs[i].f == f && is_current(client, &client->docs[i]))
            return &client->docs[i];
    return NULL;
}

void client_ask(struct client *client, struct doc *doc)
{
    if (!client->is_live || doc->state == DOC_GONE)
        return;
    for (unsigned i = 0; !doc->base && i < client->tree_count; i++)
        if (strcmp(client->tree[i].path, doc->path) == 0)
            doc->f = client->tree[i].f;
    if (!doc->base && doc_of(client, doc->f) != doc) { /* another file has its path now */
        doc_gone(doc);
        return;
    }
    doc->asked_q = client_number(client);
    json_t *open = doc_open(doc, client->ep);
    json_object_set_new(open, "q", json_integer((json_int_t)doc->asked_q));
    client_send(client, open);
}

struct later {
    struct client *client;
    struct doc *doc;
    uint64_t k;
};

static void ask_now(struct world *world, void *arg)
{
    const struct later *later = arg;
    (void)world;
    if (later->client->k == later->k && later->doc->subscribed == SUB_NO)
        client_ask(later->client, later->doc);
}

void client_ask_later(struct client *client, struct doc *doc)
{
    struct world *world = client->world;
    struct later *later = world_alloc(world, sizeof(*later));
    unsigned ms = 250u << (doc->retries < 4 ? doc->retries : 4);
    doc->retries++;
    *later = (struct later){client, doc, client->k};
    world_at(world, world_between(world, ms / 2.0, ms * 1.5), NULL, ask_now, later);
}

static struct doc *doc_at(struct client *client, const char *path)
{
    for (unsigned i = 0; i < client->doc_count; i++)
        if (client->docs[i].state != DOC_GONE && strcmp(client->docs[i].path, path) == 0)
            return &client->docs[i];
    return NULL;
}

static struct doc *doc_asked(struct client *client, const json_t *message)
{
    uint64_t q = number(message, "q");
    for (unsigned i = 0; q != 0 && i < client->doc_count; i++)
        if (client->docs[i].asked_q == q)
            return &client->docs[i];
    return NULL;
}

/* A path was asked for, and which file that is will be known with the answer. */
static bool is_unsure(const struct client *client)
{
    for (unsigned i = 0; i < client->doc_count; i++)
        if (client->docs[i].asked_q != 0 && !is_current(client, &client->docs[i]) &&
            client->docs[i].state != DOC_GONE)
            return true;
    return false;
}

/* Everything in the tree is open. */
static void open_new(struct client *client)
{
    for (unsigned i = 0; !is_unsure(client) && i < client->tree_count; i++) {
        if (doc_of(client, client->tree[i].f) || doc_at(client, client->tree[i].path))
            continue;
        if (client->doc_count == DOCS_MOST) {
            world_fail(client->world, "docs", "too many files for this simulation");
            return;
        }
        struct doc *doc = &client->docs[client->doc_count++];
        *doc = (struct doc){.client = client, .f = client->tree[i].f};
        set_path(doc->path, client->tree[i].path);
        client_ask(client, doc);
    }
}

/* ---- the tree ---- */

static struct tree_entry *entry_of(struct client *client, uint64_t f)
{
    for (unsigned i = 0; i < client->tree_count; i++)
        if (client->tree[i].f == f)
            return &client->tree[i];
    return NULL;
}

static void put_entry(struct client *client, uint64_t f, const char *path)
{
    struct tree_entry *entry = entry_of(client, f);
    if (!entry && client->tree_count == TREE_MOST) {
        world_fail(client->world, "tree", "too many files for this simulation");
        return;
    }
    if (!entry)
        entry = &client->tree[client->tree_count++];
    entry->f = f;
    set_path(entry->path, path);
}

static void follow(struct client *client, const char *op, uint64_t f, const char *path)
{
    struct doc *doc = doc_of(client, f);
    struct tree_entry *entry = entry_of(client, f);
    if (strcmp(op, "create") == 0) {
        put_entry(client, f, path);
    } else if (strcmp(op, "rename") == 0 && entry) {
        put_entry(client, f, path);
        if (doc)
            set_path(doc->path, path);
    } else if (entry) {
        *entry = client->tree[--client->tree_count];
        if (doc)
            doc_gone(doc);
    }
}

static void tree_changed(struct client *client, const json_t *message)
{
    const json_t *list = json_object_get(message, "list");
    uint64_t e = number(message, "e");
    if (e <= client->tree_until)
        return;
    if (e != client->tree_until + 1)
        world_fail(client->world, "events", "%s has e %" PRIu64 " and got %" PRIu64, client->name,
                   client->tree_until, e);
    client->tree_until = e;
    if (!list)
        follow(client, string(message, "op"), number(message, "f"), string(message, "path"));
    size_t i;
    const json_t *item;
    json_array_foreach(list, i, item)
    {
        follow(client, string(message, "op"), (uint64_t)json_integer_value(json_array_get(item, 0)),
               json_string_value(json_array_get(item, 1)));
    }
    open_new(client);
}

/* Of the same epoch: what is not listed is gone. */
static void listed(struct client *client, const json_t *files, uint64_t e)
{
    size_t i;
    const json_t *file;
    client->tree_count = 0;
    client->tree_until = e;
    json_array_foreach(files, i, file)
    {
        put_entry(client, number(file, "f"), string(file, "path"));
    }
    for (unsigned at = 0; at < client->doc_count; at++) {
        struct doc *doc = &client->docs[at];
        if (doc->f == 0 || doc->state == DOC_GONE || strcmp(doc->ep, client->ep) != 0)
            continue;
        const struct tree_entry *entry = entry_of(client, doc->f);
        if (entry)
            set_path(doc->path, entry->path);
        else
            doc_gone(doc);
    }
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
        listed(client, files, client->welcome_e);
    client->peer_count = 0;
    size_t i;
    const json_t *peer;
    json_array_foreach(json_object_get(message, "peers"), i, peer)
    {
        peer_is(client, number(peer, "by"), true);
    }
    for (unsigned at = 0; at < client->doc_count; at++)
        client_ask(client, &client->docs[at]);
    open_new(client);
}

/* ---- errors ---- */

static void gone(struct client *client, struct doc *doc)
{
    world_trace(client->world, "%s: f%" PRIu64 " %s is gone", client->name, doc->f, doc->path);
    doc_gone(doc);
    open_new(client);
}

static void open_failed(struct client *client, struct doc *doc, const char *code)
{
    doc->asked_q = 0;
    doc_unsubscribed(doc);
    if (strcmp(code, "busy") == 0 || strcmp(code, "rate") == 0 || strcmp(code, "not_open") == 0)
        client_ask_later(client, doc);
    else if (strcmp(code, "gone") == 0 || strcmp(code, "no_file") == 0)
        gone(client, doc);
    else
        world_fail(client->world, "open", "%s f%" PRIu64 ": %s", client->name, doc->f, code);
}

static void failed(struct client *client, const json_t *message)
{
    const char *code = string(message, "code");
    struct doc *asked = doc_asked(client, message);
    struct doc *doc = doc_of(client, number(message, "f"));
    world_trace(client->world, "%s is told %s: %s", client->name, code, string(message, "msg"));
    if (strcmp(code, "internal") == 0 || strcmp(code, "bad_json") == 0)
        world_fail(client->world, "error", "%s: %s", client->name, string(message, "msg"));
    else if (asked)
        open_failed(client, asked, code);
    else if (json_object_get(message, "q") || !doc)
        return; /* a change of the tree */
    else if (strcmp(code, "gone") == 0 || strcmp(code, "no_file") == 0)
        gone(client, doc);
    else
        doc_refused(doc, code);
}

static void answered(struct client *client, const json_t *message)
{
    uint64_t f = number(message, "f");
    if (f && !ghost_node(client->world, client->ep, f, 0))
        world_fail(client->world, "ok", "%s made f%" PRIu64 ", which never was", client->name, f);
}

/* ---- everything that comes ---- */

/* What was opened by path may be a file that is open by its number already. */
static void drop_others(struct client *client, const struct doc *doc)
{
    for (unsigned i = 0; i < client->doc_count; i++) {
        struct doc *other = &client->docs[i];
        if (other != doc && other->f == doc->f && is_current(client, other))
            doc_gone(other);
    }
}

static void about_file(struct client *client, const char *t, const json_t *message)
{
    struct doc *asked = doc_asked(client, message);
    struct doc *doc = asked ? asked : doc_of(client, number(message, "f"));
    if (!doc || doc->state == DOC_GONE)
        return;
    if (strcmp(t, "edit") == 0) {
        doc_edit(doc, message);
    } else if (strcmp(t, "ack") == 0) {
        doc_ack(doc, message);
    } else if (strcmp(t, "synced") == 0) {
        doc->asked_q = 0;
        doc_synced(doc, message);
    } else if (strcmp(t, "file") == 0) {
        doc->asked_q = 0;
        doc_file(doc, message);
        drop_others(client, doc);
        open_new(client);
    } else { /* resync */
        doc_unsubscribed(doc);
        client_ask(client, doc);
    }
}

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
        about_file(client, t, message);
    } else if (strcmp(t, "fs") == 0) {
        tree_changed(client, message);
    } else if (strcmp(t, "error") == 0) {
        failed(client, message);
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
