#include "doc.h"
#include "client.h"
#include "ghost.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACK_US 4000000u
#define OPEN_US 15000000u
#define DIFF_MOST 512u /* characters */

static struct world *world_of(const struct doc *doc)
{
    return doc->client->world;
}

static uint64_t number(const json_t *message, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(message, key));
}

static json_t *json_of(const struct change *change)
{
    struct buf text = BUF_EMPTY;
    change_print(change, &text);
    json_t *json = json_loadb(text.data, text.len, 0, NULL);
    buf_close(&text);
    return json;
}

/* The number of the first change in flight. */
static uint64_t first_n(const struct doc *doc)
{
    return doc->sent_n - doc->sent + 1;
}

static bool keeps_text(const struct doc *doc)
{
    return doc->client->kind != CLIENT_BOT;
}

static void check_text(const struct doc *doc)
{
    if (keeps_text(doc))
        ghost_same(world_of(doc), doc->client->name, doc->ep, doc->f, doc->v, doc->base);
}

static void drop_first(struct doc *doc)
{
    change_unref(doc->own[0]);
    memmove(doc->own, doc->own + 1, (--doc->own_count) * sizeof(doc->own[0]));
}

static void drop_all(struct doc *doc)
{
    while (doc->own_count > 0)
        drop_first(doc);
    doc->sent = 0;
}

void doc_close(struct doc *doc)
{
    drop_all(doc);
    rope_free(doc->base);
    rope_free(doc->shown);
    doc->base = doc->shown = NULL;
}

/* ---- what is typed ---- */

void doc_type(struct doc *doc, struct change *change)
{
    change_apply(change, doc->shown);
    bool may_add = doc->own_count == doc->sent ||
                   (doc->client->kind == CLIENT_LISTS && doc->own_count < OWN_MOST);
    if (may_add) {
        doc->own[doc->own_count++] = change;
        return;
    }
    struct change **last = &doc->own[doc->own_count - 1];
    struct change *both = change_compose(*last, change);
    change_unref(*last);
    change_unref(change);
    *last = both;
}

void doc_resend(struct doc *doc)
{
    struct client *client = doc->client;
    json_t *list = json_array();
    doc->copies = doc->sent_k == client->k ? doc->copies + 1 : 1;
    doc->sent_k = client->k;
    doc->sent_us = world_of(doc)->now_us;
    for (unsigned i = 0; i < doc->sent; i++)
        json_array_append_new(list, json_of(doc->own[i]));
    json_t *message = json_pack("{s:s,s:I,s:I,s:I}", "t", "edit", "f", (json_int_t)doc->f, "v",
                                (json_int_t)doc->v, "n", (json_int_t)doc->sent_n);
    if (doc->sent == 1)
        json_object_set(message, "c", json_array_get(list, 0));
    else
        json_object_set(message, "cs", list);
    json_decref(list);
    world_trace(world_of(doc), "%s sends f%" PRIu64 " v%" PRIu64 " n%" PRIu64 " (%u), shows %s",
                client->name, doc->f, doc->v, doc->sent_n, doc->sent,
                world_text(world_of(doc), doc->shown));
    client_send(client, message);
}

void doc_flush(struct doc *doc)
{
    struct client *client = doc->client;
    if (!client->is_live || doc->subscribed != SUB_YES || doc->sent > 0 || doc->own_count == 0)
        return;
    unsigned most = client->kind == CLIENT_LISTS ? 1 + world_roll(world_of(doc), LIST_MOST) : 1;
    doc->sent = doc->own_count < most ? doc->own_count : most;
    doc->sent_n = doc->n += doc->sent;
    doc->copies = 0;
    doc->sent_k = client->k;
    doc_resend(doc);
}

bool doc_is_idle(const struct doc *doc)
{
    return doc->own_count == 0;
}

/* ---- asking ---- */

json_t *doc_open(struct doc *doc, const char *ep)
{
    bool known = doc->f > 0 && (strcmp(doc->ep, ep) == 0 || !doc->base);
    bool resume = known && doc->base;
    doc->subscribed = resume ? SUB_SYNCED : SUB_FILE;
    doc->asked_us = world_of(doc)->now_us;
    if (!known)
        return json_pack("{s:s,s:s}", "t", "open", "path", doc->path);
    if (!resume)
        return json_pack("{s:s,s:I}", "t", "open", "f", (json_int_t)doc->f);
    return json_pack("{s:s,s:I,s:I,s:s}", "t", "open", "f", (json_int_t)doc->f, "v",
                     (json_int_t)doc->v, "ep", ep);
}

void doc_unsubscribed(struct doc *doc)
{
    doc->subscribed = SUB_NO;
}

bool doc_is_late(const struct doc *doc, uint64_t now_us, uint64_t heard_us)
{
    if (doc->state == DOC_GONE)
        return false;
    if (doc->subscribed == SUB_FILE || doc->subscribed == SUB_SYNCED)
        return now_us - doc->asked_us > OPEN_US;
    return doc->sent > 0 && doc->subscribed == SUB_YES && now_us - doc->sent_us > ACK_US &&
           heard_us >= doc->sent_us;
}

/* ---- what arrived ---- */

static void confirm(struct doc *doc)
{
    uint64_t n = first_n(doc);
    change_apply(doc->own[0], doc->base);
    drop_first(doc);
    doc->sent--;
    doc->v++;
    if (doc->sent == 0)
        doc->refusals = 0;
    ghost_acked(world_of(doc), doc->client->name, doc->ep, doc->f, doc->v, doc->client->cid, n);
    check_text(doc);
    if (doc->sent == 0 && doc->subscribed == SUB_YES)
        doc_flush(doc);
}

/* [del, "line", "line"…]. */
static enum err build_part(struct change_builder *builder, const json_t *part)
{
    struct buf text = BUF_EMPTY;
    size_t i;
    const json_t *line;
    buf_add(&text, "", 0);
    json_array_foreach(part, i, line)
    {
        if (i > 1)
            buf_add_char(&text, '\n');
        if (i > 0)
            buf_add(&text, json_string_value(line), json_string_length(line));
    }
    enum err err = change_builder_replace(
        builder, (uint64_t)json_integer_value(json_array_get(part, 0)), text.data, text.len);
    buf_close(&text);
    return err;
}

static struct change *change_of(struct doc *doc, const json_t *parts)
{
    struct change_builder *builder = change_builder_new();
    enum err err = json_is_array(parts) ? ERR_OK : ERR_BAD_CHANGE;
    size_t i;
    const json_t *part;
    json_array_foreach(parts, i, part)
    {
        if (!err)
            err = json_is_integer(part)
                      ? change_builder_keep(builder, (uint64_t)json_integer_value(part))
                      : build_part(builder, part);
    }
    struct change *change = err ? NULL : change_builder_finish(builder);
    change_builder_free(builder);
    if (err)
        world_fail(world_of(doc), "edit", "%s got no change: %s", doc->client->name, err_text(err));
    return change;
}

/* Own changes and x over each other, one at a time; the rest of x goes to the editor. Takes x. */
static void rebase(struct doc *doc, struct change *x)
{
    for (unsigned i = 0; i < doc->own_count; i++) {
        struct change *own = change_map(doc->own[i], x, false);
        struct change *rest = change_map(x, doc->own[i], true);
        change_unref(doc->own[i]);
        change_unref(x);
        doc->own[i] = own;
        x = rest;
    }
    change_apply(x, doc->shown);
    change_unref(x);
}

static bool is_next(struct doc *doc, const json_t *message)
{
    uint64_t v = number(message, "v");
    if (v <= doc->v)
        return false;
    if (v == doc->v + 1)
        return true;
    world_fail(world_of(doc), "gap", "%s has f%" PRIu64 " v%" PRIu64 " and got v%" PRIu64,
               doc->client->name, doc->f, doc->v, v);
    return false;
}

void doc_edit(struct doc *doc, const json_t *message)
{
    if (doc->subscribed == SUB_NO || doc->subscribed == SUB_FILE || !is_next(doc, message))
        return;
    uint64_t by = number(message, "by"), n = number(message, "n");
    if (!keeps_text(doc)) {
        doc->v++;
        if (by == doc->client->cid)
            ghost_acked(world_of(doc), doc->client->name, doc->ep, doc->f, doc->v, by, n);
        return;
    }
    if (by == doc->client->cid) {
        if (doc->sent == 0 || n != first_n(doc))
            world_fail(world_of(doc), "own", "%s f%" PRIu64 " got its n %" PRIu64 ", not %" PRIu64,
                       doc->client->name, doc->f, n, doc->sent ? first_n(doc) : 0);
        else
            confirm(doc);
        return;
    }
    struct change *x = change_of(doc, json_object_get(message, "c"));
    if (!x || change_len_before(x) != rope_utf16_len(doc->base)) {
        world_fail(world_of(doc), "length", "%s f%" PRIu64, doc->client->name, doc->f);
        change_unref(x);
        return;
    }
    change_apply(x, doc->base);
    doc->v++;
    rebase(doc, x);
    check_text(doc);
}

void doc_ack(struct doc *doc, const json_t *message)
{
    if (doc->subscribed != SUB_YES || !is_next(doc, message))
        return;
    uint64_t n = number(message, "n");
    if (!keeps_text(doc)) {
        doc->v++;
        ghost_acked(world_of(doc), doc->client->name, doc->ep, doc->f, doc->v, doc->client->cid, n);
    } else if (doc->sent == 0 || n != first_n(doc)) {
        world_fail(world_of(doc), "own", "%s f%" PRIu64 " got an ack of n %" PRIu64,
                   doc->client->name, doc->f, n);
    } else {
        confirm(doc);
    }
}

static void opened(struct doc *doc)
{
    doc->state = DOC_OPEN;
    doc->retries = 0;
    doc->subscribed = SUB_YES;
}

void doc_synced(struct doc *doc, const json_t *message)
{
    uint64_t n = number(message, "n");
    if (doc->subscribed != SUB_SYNCED)
        return;
    if (number(message, "v") != doc->v)
        world_fail(world_of(doc), "synced", "%s f%" PRIu64 " has v%" PRIu64 ", is told v%" PRIu64,
                   doc->client->name, doc->f, doc->v, number(message, "v"));
    if (doc->sent > 0 && n >= first_n(doc))
        world_fail(world_of(doc), "synced",
                   "%s f%" PRIu64 " is told n %" PRIu64 " and never got its %" PRIu64,
                   doc->client->name, doc->f, n, first_n(doc));
    doc->n = n > doc->n ? n : doc->n;
    opened(doc);
    if (doc->sent > 0)
        doc_resend(doc);
    else
        doc_flush(doc);
}

/* ---- a snapshot instead of what can be followed ---- */

/* Byte offsets of the characters of a text, one more than there are. */
static unsigned characters(const char *text, uint16_t *at)
{
    unsigned count = 0;
    for (const char *c = text; *c; c++)
        if (((unsigned char)*c & 0xc0) != 0x80 && count < DIFF_MOST)
            at[count++] = (uint16_t)(c - text);
    at[count] = (uint16_t)strlen(text);
    return count;
}

static bool same_character(const char *a, const uint16_t *at_a, const char *b, const uint16_t *at_b)
{
    size_t len = (size_t)(at_a[1] - at_a[0]);
    return len == (size_t)(at_b[1] - at_b[0]) && memcmp(a + at_a[0], b + at_b[0], len) == 0;
}

static size_t units(const char *text, const uint16_t *at)
{
    return (text[at[0]] & 0xf8) == 0xf0 ? 2 : 1;
}

struct diff {
    const char *a, *b;
    uint16_t at_a[DIFF_MOST + 1], at_b[DIFF_MOST + 1];
    unsigned m, n;
    uint16_t *common; /* of the texts from i and j on: (m + 1) × (n + 1) */
};

static unsigned common(const struct diff *diff, unsigned i, unsigned j)
{
    return diff->common[i * (diff->n + 1) + j];
}

static void measure(struct diff *diff)
{
    for (unsigned i = diff->m; i-- > 0;) {
        for (unsigned j = diff->n; j-- > 0;) {
            unsigned skip = common(diff, i + 1, j), other = common(diff, i, j + 1);
            diff->common[i * (diff->n + 1) + j] =
                same_character(diff->a, &diff->at_a[i], diff->b, &diff->at_b[j])
                    ? (uint16_t)(common(diff, i + 1, j + 1) + 1)
                    : (uint16_t)(skip > other ? skip : other);
        }
    }
}

static struct change *walk(const struct diff *diff)
{
    struct change_builder *builder = change_builder_new();
    unsigned i = 0, j = 0;
    enum err err = ERR_OK;
    while (!err && (i < diff->m || j < diff->n)) {
        size_t kept = 0, deleted = 0;
        for (; i < diff->m && j < diff->n &&
               same_character(diff->a, &diff->at_a[i], diff->b, &diff->at_b[j]);
             i++, j++)
            kept += units(diff->a, &diff->at_a[i]);
        if (kept > 0)
            err = change_builder_keep(builder, kept);
        unsigned from = j;
        while ((i < diff->m || j < diff->n) &&
               !(i < diff->m && j < diff->n &&
                 same_character(diff->a, &diff->at_a[i], diff->b, &diff->at_b[j]))) {
            if (j < diff->n && (i == diff->m || common(diff, i, j + 1) >= common(diff, i + 1, j)))
                j++;
            else
                deleted += units(diff->a, &diff->at_a[i++]);
        }
        if (!err && (deleted > 0 || j > from))
            err = change_builder_replace(builder, deleted, diff->b + diff->at_b[from],
                                         (size_t)(diff->at_b[j] - diff->at_b[from]));
    }
    struct change *change = change_builder_finish(builder);
    change_builder_free(builder);
    return change;
}

/* The shortest way from one text to another. */
static struct change *diff_texts(struct world *world, const char *a, const char *b)
{
    struct diff *diff = world_alloc(world, sizeof(*diff));
    diff->a = a;
    diff->b = b;
    diff->m = characters(a, diff->at_a);
    diff->n = characters(b, diff->at_b);
    if (diff->m == DIFF_MOST || diff->n == DIFF_MOST)
        world_fail(world, "text", "a text grew too long for this simulation");
    diff->common = world_alloc(world, (diff->m + 1) * (diff->n + 1) * sizeof(uint16_t));
    measure(diff);
    return walk(diff);
}

/* What of the changes in flight is in the snapshot is confirmed by it. */
static void settle_sent(struct doc *doc, uint64_t n)
{
    while (doc->sent > 0 && n >= first_n(doc)) {
        change_apply(doc->own[0], doc->base);
        drop_first(doc);
        doc->sent--;
    }
    doc->sent = 0;
    doc->refusals = 0;
}

static void take_snapshot(struct doc *doc, const char *text, uint64_t n)
{
    struct world *world = world_of(doc);
    world->counts->resets++;
    settle_sent(doc, n);
    struct change *x = diff_texts(world, world_text(world, doc->base), text);
    rope_free(doc->base);
    doc->base = rope_new(text, strlen(text));
    rebase(doc, x);
}

void doc_file(struct doc *doc, const json_t *message)
{
    struct world *world = world_of(doc);
    const char *text = json_string_value(json_object_get(message, "text"));
    const char *ep = json_string_value(json_object_get(message, "ep"));
    const char *path = json_string_value(json_object_get(message, "path"));
    uint64_t n = number(message, "n"), v = number(message, "v");
    if (doc->sent > 0 && doc->sent_k == doc->client->k && doc->copies > 0 && n < doc->sent_n) {
        client_cut(doc->client); /* a copy may be under way */
        return;
    }
    if (!text || !ep || !path) {
        world_fail(world, "file", "%s got a snapshot without text", doc->client->name);
        return;
    }
    if (strcmp(doc->ep, ep) == 0 && v < doc->v)
        world_fail(world, "rewound", "%s has f%" PRIu64 " v%" PRIu64 " and got v%" PRIu64,
                   doc->client->name, doc->f, doc->v, v);
    world_trace(world,
                "%s takes f%" PRIu64 " v%" PRIu64 " n%" PRIu64 " of %s: %s (own %u, sent %u)",
                doc->client->name, number(message, "f"), v, n, ep, text, doc->own_count, doc->sent);
    bool is_same = doc->f == number(message, "f"); /* else n is of another file than ours was */
    doc->f = number(message, "f");
    if (doc->base) {
        take_snapshot(doc, text, is_same ? n : 0);
    } else {
        doc->base = rope_new(text, strlen(text));
        doc->shown = rope_new(text, strlen(text));
    }
    doc->v = v;
    doc->n = n > doc->n ? n : doc->n;
    snprintf(doc->ep, sizeof(doc->ep), "%s", ep);
    snprintf(doc->path, sizeof(doc->path), "%s", path);
    ghost_contains(world, doc->client->name, doc->ep, doc->f, v, doc->client->cid, n);
    opened(doc);
    check_text(doc);
    doc_flush(doc);
}

/* ---- refused ---- */

static bool is_passing(const char *code)
{
    static const char *const passing[] = {"busy", "rate", "not_open"};
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (strcmp(code, passing[i]) == 0)
            return true;
    return false;
}

void doc_refused(struct doc *doc, const char *code)
{
    struct world *world = world_of(doc);
    bool is_asked = doc->subscribed == SUB_FILE || doc->subscribed == SUB_SYNCED;
    if (doc->sent > 0 && doc->copies > 0)
        doc->copies--;
    if (is_asked && strcmp(code, "not_open") == 0)
        return;
    doc->subscribed = SUB_NO;
    if (is_passing(code)) {
        client_ask_later(doc->client, doc);
        return;
    }
    if (doc->sent > 0 && doc->copies > 0) {
        client_cut(doc->client);
        return;
    }
    bool is_known = strcmp(code, "stale") == 0 || strcmp(code, "out_of_order") == 0 ||
                    doc->client->kind == CLIENT_BOT;
    if (doc->sent > 0 && (!is_known || ++doc->refusals > 3))
        world_fail(world, "refused", "%s f%" PRIu64 " v%" PRIu64 " n %" PRIu64 ": %s",
                   doc->client->name, doc->f, doc->v, doc->sent_n, code);
    client_ask(doc->client, doc);
}

/* What was typed and not sent is handed out: nothing of it goes to the server. */
void doc_gone(struct doc *doc)
{
    doc->subscribed = SUB_NO;
    doc->state = DOC_GONE;
    for (unsigned i = 0; i < doc->own_count; i++) {
        struct buf text = BUF_EMPTY;
        change_print(doc->own[i], &text);
        const char *at = text.data;
        for (long token; (token = ghost_next_token(&at)) >= 0;)
            world_of(doc)->ghost->tokens[token].is_free = true;
        buf_close(&text);
    }
    drop_all(doc);
}
