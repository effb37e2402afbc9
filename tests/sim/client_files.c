/* The files of a client on its connection: the tree, opening everything in it again after every
 * cut, and whose each message is. web/client/files.js and tree.js. */
#include "client.h"
#include "ghost.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t number(const json_t *message, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(message, key));
}

static const char *string(const json_t *message, const char *key)
{
    const char *text = json_string_value(json_object_get(message, key));
    return text ? text : "";
}

static void set_path(char to[PATH_ROOM], const char *from)
{
    size_t len = strnlen(from, PATH_ROOM - 1);
    memmove(to, from, len);
    to[len] = '\0';
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

static bool has_another(const struct client *client, const struct doc *doc, uint64_t f)
{
    for (unsigned i = 0; i < client->doc_count; i++)
        if (&client->docs[i] != doc && client->docs[i].f == f &&
            is_current(client, &client->docs[i]))
            return true;
    return false;
}

void client_ask(struct client *client, struct doc *doc)
{
    if (!client->is_live || doc->state == DOC_GONE)
        return;
    for (unsigned i = 0; !doc->base && i < client->tree_count; i++)
        if (strcmp(client->tree[i].path, doc->path) == 0)
            doc->f = client->tree[i].f;
    if (!doc->base && has_another(client, doc, doc->f)) { /* another file has its path now */
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
void client_open_new(struct client *client)
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

void client_tree_changed(struct client *client, const json_t *message)
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
    client_open_new(client);
}

/* Of the same epoch: what is not listed is gone. */
void client_listed(struct client *client, const json_t *files, uint64_t e)
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

/* ---- messages ---- */

static void gone(struct client *client, struct doc *doc)
{
    world_trace(client->world, "%s: f%" PRIu64 " %s is gone", client->name, doc->f, doc->path);
    doc_gone(doc);
    client_open_new(client);
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

void client_failed(struct client *client, const json_t *message)
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

void client_about_file(struct client *client, const char *t, const json_t *message)
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
        /* What was opened by path may be open by its number already: that one stays, for a number
         * of an edit is used once per file. */
        if (has_another(client, doc, number(message, "f")))
            doc_gone(doc);
        else
            doc_file(doc, message);
        client_open_new(client);
    } else { /* resync */
        doc_unsubscribed(doc);
        client_ask(client, doc);
    }
}
