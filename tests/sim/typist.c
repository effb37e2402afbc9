/* What people do: typing, changes of the tree, cursors. */
#include "client.h"
#include "ghost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MOST 240 /* characters that a text may have before it is cut down */

static struct doc *any_doc(struct client *client)
{
    struct doc *open[DOCS_MOST];
    unsigned count = 0;
    for (unsigned i = 0; i < client->doc_count; i++)
        if (client->docs[i].state == DOC_OPEN)
            open[count++] = &client->docs[i];
    return count > 0 ? open[world_roll(client->world, count)] : NULL;
}

/* ---- typing ---- */

/* The characters of a text: where each begins, in bytes and in units. */
struct places {
    const char *text;
    size_t byte[TEXT_MOST * 2 + 2], unit[TEXT_MOST * 2 + 2];
    unsigned count;
};

static void find_places(struct world *world, const struct rope *rope, struct places *out)
{
    size_t unit = 0;
    out->text = world_text(world, rope);
    out->count = 0;
    for (const char *c = out->text; *c && out->count < TEXT_MOST * 2; c++) {
        if (((unsigned char)*c & 0xc0) == 0x80)
            continue;
        out->byte[out->count] = (size_t)(c - out->text);
        out->unit[out->count++] = unit;
        unit += ((unsigned char)*c & 0xf8) == 0xf0 ? 2 : 1;
    }
    out->byte[out->count] = strlen(out->text);
    out->unit[out->count] = unit;
}

static void new_text(struct doc *doc, struct buf *out)
{
    struct world *world = doc->client->world;
    buf_reset(out);
    buf_add(out, "", 0);
    if (world_roll(world, 6) == 0)
        buf_add_char(out, '\n');
    ghost_type(world, doc->ep, doc->f, out);
    if (world_roll(world, 3) == 0)
        ghost_type(world, doc->ep, doc->f, out);
    if (world_roll(world, 10) == 0)
        buf_add_char(out, '\n');
}

/* What one place of the text becomes. */
struct splice {
    unsigned from, to;
    bool inserts;
};

static struct splice choose(struct world *world, const struct places *places)
{
    unsigned count = places->count;
    struct splice splice = {.from = world_roll(world, count + 1)};
    splice.to = splice.from;
    if (count > TEXT_MOST) {
        splice = (struct splice){0, count - 20, false};
    } else if (count > 20 || (count > 0 && world_roll(world, 5) < 2)) {
        splice.to += 1 + world_roll(world, 3);
        if (splice.to > count)
            splice.to = count;
    }
    splice.inserts = splice.from == splice.to || world_roll(world, 10) < 3;
    return splice;
}

static struct change *build(struct doc *doc, const struct places *places, struct splice splice)
{
    struct world *world = doc->client->world;
    struct change_builder *builder = change_builder_new();
    struct buf text = BUF_EMPTY;
    size_t from = places->unit[splice.from], to = places->unit[splice.to];
    size_t end = places->unit[places->count];
    bool also_at_end = splice.to < places->count && world_roll(world, 7) == 0;
    buf_add(&text, "", 0);
    ghost_meant(world, places->text + places->byte[splice.from],
                places->byte[splice.to] - places->byte[splice.from]);
    enum err err = from > 0 ? change_builder_keep(builder, from) : ERR_OK;
    if (splice.inserts)
        new_text(doc, &text);
    if (!err)
        err = change_builder_replace(builder, to - from, text.data, text.len);
    if (!err && end > to)
        err = change_builder_keep(builder, end - to);
    if (!err && also_at_end) {
        new_text(doc, &text);
        err = change_builder_replace(builder, 0, text.data, text.len);
    }
    struct change *change = change_builder_finish(builder);
    change_builder_free(builder);
    buf_close(&text);
    return change;
}

static void type_short(struct client *client, struct doc *doc)
{
    struct world *world = client->world;
    struct buf text = BUF_EMPTY;
    if (doc->subscribed != SUB_YES)
        return;
    size_t token = ghost_type(world, doc->ep, doc->f, &text);
    world->ghost->tokens[token].is_free = true;
    client_send(client, json_pack("{s:s,s:I,s:i,s:i,s:s}", "t", "edit", "f", (json_int_t)doc->f,
                                  "at", (int)world_roll(world, 2), "del",
                                  (int)world_roll(world, 8) / 7, "ins", text.data));
    buf_close(&text);
}

void client_type(struct client *client)
{
    struct world *world = client->world;
    struct doc *doc = any_doc(client);
    struct places places;
    if (!doc)
        return;
    world->counts->edits++;
    if (client->kind == CLIENT_BOT) {
        type_short(client, doc);
        return;
    }
    find_places(world, doc->shown, &places);
    struct change *change = build(doc, &places, choose(world, &places));
    doc_type(doc, change);
    doc_flush(doc);
}

/* ---- the tree ---- */

const char *client_any_path(struct world *world)
{
    static const char *const paths[PATHS_MOST] = {
        "a.txt",     "b.txt", "c",        "src/b.txt", "src/c.txt", "src/in/d.txt",
        "lib/b.txt", "lib/x", "src/in/e", "in/d.txt",  "d.txt",     "src"};
    return paths[world_roll(world, PATHS_MOST)];
}

static const char *any_folder(struct world *world)
{
    static const char *const folders[] = {"src/", "lib/", "src/in/", "in/"};
    return folders[world_roll(world, 4)];
}

static void create(struct client *client)
{
    struct world *world = client->world;
    struct buf text = BUF_EMPTY;
    buf_add(&text, "", 0);
    for (unsigned i = world_roll(world, 3); i > 0; i--) {
        size_t token = ghost_type(world, "", 0, &text);
        world->ghost->tokens[token].is_free = true; /* the request may be lost or refused */
    }
    client_send(client,
                json_pack("{s:s,s:s,s:s,s:I}", "t", "create", "path", client_any_path(world),
                          "text", text.data, "q", (json_int_t)client_number(client)));
    buf_close(&text);
}

static uint64_t any_file(struct client *client)
{
    return client->tree[world_roll(client->world, client->tree_count)].f;
}

void client_change_tree(struct client *client)
{
    struct world *world = client->world;
    json_int_t q = (json_int_t)client_number(client);
    if (!client->is_live || client->tree_count == 0)
        return;
    unsigned what = world_roll(world, 12);
    if (what < 2 || (client->tree_count < 3 && what < 6))
        create(client);
    else if (what < 6)
        client_send(client,
                    json_pack("{s:s,s:I,s:s,s:I}", "t", "rename", "f", (json_int_t)any_file(client),
                              "path", client_any_path(world), "q", q));
    else if (what < 8)
        client_send(client, json_pack("{s:s,s:s,s:s,s:I}", "t", "rename", "from", any_folder(world),
                                      "path", any_folder(world), "q", q));
    else if (what < 10 && client->tree_count > 1)
        client_send(client, json_pack("{s:s,s:I,s:I}", "t", "delete", "f",
                                      (json_int_t)any_file(client), "q", q));
    else if (what == 10)
        client_send(client,
                    json_pack("{s:s,s:s,s:I}", "t", "delete", "from", any_folder(world), "q", q));
    else
        client_send(client, json_pack("{s:s,s:I}", "t", "list", "q", q));
}

void client_move_cursor(struct client *client)
{
    struct doc *doc = any_doc(client);
    if (!doc || !client->is_live || doc->subscribed != SUB_YES || !doc_is_idle(doc))
        return;
    json_int_t at =
        doc->base ? (json_int_t)world_roll(client->world, (unsigned)rope_utf16_len(doc->base) + 1)
                  : 0;
    client_send(client, json_pack("{s:s,s:I,s:I,s:[I,I]}", "t", "cursor", "f", (json_int_t)doc->f,
                                  "v", (json_int_t)doc->v, "sel", at, at));
}
