/* Messages to text, by hand: it takes less than making a tree for it, and the order of the keys is
 * that of docs/protocol.md. */
#include "weft/base/utf.h"
#include "weft/protocol/message.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"

#include <string.h>

/* `literal` is the text that leads to the value, as ",\"v\":". */
#define ADD(out, literal) buf_add(out, literal, sizeof(literal) - 1)
#define ADD_NUMBER(out, literal, number) (ADD(out, literal), buf_add_u64(out, number))
#define ADD_TEXT(out, literal, text) (ADD(out, literal), add_text(out, text))

static void add_text(struct buf *out, const char *text)
{
    buf_add_json(out, text, strlen(text));
}

static void add_id(struct buf *out, const struct request_id *q)
{
    if (q && q->json[0]) {
        ADD(out, ",\"q\":");
        buf_add_text(out, q->json);
    }
}

static void add_selection(struct buf *out, const struct selection *sel)
{
    ADD(out, ",\"sel\":[");
    for (uint32_t i = 0; i < sel->count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        buf_add_u64(out, sel->pos[i]);
    }
    buf_add_char(out, ']');
}

static void add_files(struct buf *out, const struct file_info *files, size_t count)
{
    ADD(out, ",\"files\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        ADD_NUMBER(out, "{\"f\":", files[i].f);
        ADD_TEXT(out, ",\"path\":", files[i].path);
        ADD_NUMBER(out, ",\"v\":", files[i].v);
        ADD_NUMBER(out, ",\"len\":", files[i].len);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void add_person(struct buf *out, const struct peer_info *peer)
{
    ADD_TEXT(out, ",\"user\":", peer->user);
    ADD_TEXT(out, ",\"name\":", peer->name);
    if (peer->color >= 0)
        ADD_NUMBER(out, ",\"color\":", (uint64_t)peer->color);
}

static void add_peers(struct buf *out, const struct peer_info *peers, size_t count)
{
    ADD(out, ",\"peers\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        ADD_NUMBER(out, "{\"by\":", peers[i].by);
        add_person(out, &peers[i]);
        if (peers[i].f)
            ADD_NUMBER(out, ",\"f\":", peers[i].f);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void add_identity(struct buf *out, const struct welcome *welcome)
{
    const struct {
        const char *key;
        const char *text;
    } texts[] = {
        {",\"resume\":", welcome->resume}, {",\"user\":", welcome->user},
        {",\"name\":", welcome->name},     {",\"role\":", welcome->role},
        {",\"ep\":", welcome->ep},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].text) {
            buf_add_text(out, texts[i].key);
            add_text(out, texts[i].text);
        }
    }
}

static void add_limits(struct buf *out, const struct welcome *welcome)
{
    ADD_NUMBER(out, ",\"limits\":{\"text\":", welcome->limits->text);
    ADD_NUMBER(out, ",\"frame\":", welcome->limits->frame);
    ADD_NUMBER(out, ",\"edit\":", welcome->rates[RATE_edit].per_s);
    ADD_NUMBER(out, ",\"cursor\":", welcome->rates[RATE_cursor].per_s);
    buf_add_char(out, '}');
}

void encode_welcome(struct buf *out, const struct welcome *welcome)
{
    ADD_NUMBER(out, "{\"t\":\"welcome\",\"v\":1,\"cid\":", welcome->cid);
    add_identity(out, welcome);
    ADD_NUMBER(out, ",\"e\":", welcome->e);
    ADD_NUMBER(out, ",\"now\":", welcome->now);
    if (welcome->inst)
        ADD_TEXT(out, ",\"inst\":", welcome->inst);
    if (welcome->files)
        add_files(out, welcome->files, welcome->file_count);
    add_peers(out, welcome->peers, welcome->peer_count);
    if (welcome->store)
        ADD_TEXT(out, ",\"store\":", welcome->store);
    add_limits(out, welcome);
    if (welcome->jobs) {
        ADD(out, ",\"jobs\":");
        buf_add_text(out, welcome->jobs);
    }
    buf_add_char(out, '}');
}

void encode_files(struct buf *out, const struct request_id *q, uint64_t e,
                  const struct file_info *files, size_t count)
{
    ADD(out, "{\"t\":\"files\"");
    add_id(out, q);
    ADD_NUMBER(out, ",\"e\":", e);
    add_files(out, files, count);
    buf_add_char(out, '}');
}

void encode_pong(struct buf *out, uint64_t ts, uint64_t now)
{
    ADD_NUMBER(out, "{\"t\":\"pong\",\"ts\":", ts);
    ADD_NUMBER(out, ",\"now\":", now);
    buf_add_char(out, '}');
}

void encode_drain(struct buf *out, uint64_t in_ms, uint64_t spread_ms, const char *why)
{
    ADD_NUMBER(out, "{\"t\":\"drain\",\"in\":", in_ms);
    ADD_NUMBER(out, ",\"spread\":", spread_ms);
    ADD_TEXT(out, ",\"why\":", why);
    buf_add_char(out, '}');
}

void encode_file(struct buf *out, const struct snapshot *file, const struct rope *text)
{
    ADD(out, "{\"t\":\"file\"");
    add_id(out, file->q);
    ADD_NUMBER(out, ",\"f\":", file->f);
    ADD_TEXT(out, ",\"path\":", file->path);
    ADD_TEXT(out, ",\"ep\":", file->ep);
    ADD_NUMBER(out, ",\"v\":", file->v);
    ADD_NUMBER(out, ",\"n\":", file->n);
    ADD_NUMBER(out, ",\"s\":", file->s);
    ADD_NUMBER(out, ",\"len\":", file->len);
    ADD(out, ",\"text\":\"");
    buf_reserve(out, rope_len(text) + rope_len(text) / 16); /* lines take a byte more each */
    struct rope_iter iter = {0};
    size_t len;
    for (const char *piece; (piece = rope_next(text, &iter, &len));)
        buf_add_json_piece(out, piece, len);
    buf_add_char(out, '"');
    if (file->reset)
        ADD_TEXT(out, ",\"reset\":", file->reset);
    buf_add_char(out, '}');
}

void encode_synced(struct buf *out, const struct request_id *q, uint64_t f, uint64_t v, uint64_t n,
                   uint64_t s)
{
    ADD(out, "{\"t\":\"synced\"");
    add_id(out, q);
    ADD_NUMBER(out, ",\"f\":", f);
    ADD_NUMBER(out, ",\"v\":", v);
    ADD_NUMBER(out, ",\"n\":", n);
    ADD_NUMBER(out, ",\"s\":", s);
    buf_add_char(out, '}');
}

void encode_resync(struct buf *out, uint64_t f)
{
    ADD_NUMBER(out, "{\"t\":\"resync\",\"f\":", f);
    buf_add_char(out, '}');
}

void encode_edit(struct buf *out, uint64_t f, uint64_t v, uint64_t by, uint64_t n,
                 const struct change *change, const struct selection *sel, const char *user)
{
    ADD_NUMBER(out, "{\"t\":\"edit\",\"f\":", f);
    ADD_NUMBER(out, ",\"v\":", v);
    ADD_NUMBER(out, ",\"by\":", by);
    ADD_NUMBER(out, ",\"n\":", n);
    ADD(out, ",\"c\":");
    change_print(change, out);
    if (sel)
        add_selection(out, sel);
    if (user)
        ADD_TEXT(out, ",\"user\":", user);
    buf_add_char(out, '}');
}

void encode_ack(struct buf *out, uint64_t f, uint64_t v, uint64_t n)
{
    ADD_NUMBER(out, "{\"t\":\"ack\",\"f\":", f);
    ADD_NUMBER(out, ",\"v\":", v);
    ADD_NUMBER(out, ",\"n\":", n);
    buf_add_char(out, '}');
}

void encode_check(struct buf *out, const struct request_id *q, uint64_t f, uint64_t v, uint64_t len,
                  uint32_t crc)
{
    ADD(out, "{\"t\":\"check\"");
    add_id(out, q);
    ADD_NUMBER(out, ",\"f\":", f);
    ADD_NUMBER(out, ",\"v\":", v);
    ADD_NUMBER(out, ",\"len\":", len);
    buf_printf(out, ",\"crc\":\"%08x\"}", crc);
}

void encode_ok(struct buf *out, const struct request_id *q, uint64_t f, uint64_t e)
{
    ADD(out, "{\"t\":\"ok\"");
    add_id(out, q);
    if (f)
        ADD_NUMBER(out, ",\"f\":", f);
    if (e)
        ADD_NUMBER(out, ",\"e\":", e);
    buf_add_char(out, '}');
}

/* The length of what is well-formed at the beginning of text. */
static size_t valid_len(const char *text)
{
    size_t len = strlen(text);
    while (!utf8_valid(text, len))
        len--;
    return len;
}

void encode_error(struct buf *out, const struct error *error, const struct request_id *q,
                  uint64_t f, uint64_t n, bool fatal)
{
    const char *words = error->text[0] ? error->text : err_text(error->code);
    ADD_TEXT(out, "{\"t\":\"error\",\"code\":", err_name(error->code));
    ADD(out, ",\"msg\":");
    buf_add_json(out, words, valid_len(words));
    add_id(out, q);
    if (f)
        ADD_NUMBER(out, ",\"f\":", f);
    if (n)
        ADD_NUMBER(out, ",\"n\":", n);
    buf_add_text(out, fatal ? ",\"fatal\":true}" : ",\"fatal\":false}");
}

static void add_fs_list(struct buf *out, const struct fs_event *event)
{
    ADD(out, ",\"list\":[");
    for (size_t i = 0; i < event->count; i++) {
        ADD_NUMBER(out, "[", event->entries[i].f);
        ADD_TEXT(out, ",", event->entries[i].path);
        buf_add_text(out, i + 1 < event->count ? "]," : "]");
    }
    buf_add_char(out, ']');
}

void encode_fs(struct buf *out, const struct fs_event *event)
{
    static const char *const ops[] = {
        [FS_CREATE] = "create", [FS_RENAME] = "rename", [FS_DELETE] = "delete"};
    ADD_NUMBER(out, "{\"t\":\"fs\",\"e\":", event->e);
    if (event->by)
        ADD_NUMBER(out, ",\"by\":", event->by);
    ADD_TEXT(out, ",\"op\":", ops[event->op]);
    if (event->folder) {
        add_fs_list(out, event);
    } else {
        ADD_NUMBER(out, ",\"f\":", event->entries[0].f);
        ADD_TEXT(out, ",\"path\":", event->entries[0].path);
    }
    buf_add_char(out, '}');
}

void encode_degraded(struct buf *out, bool on)
{
    buf_add_text(out,
                 on ? "{\"t\":\"degraded\",\"on\":true}" : "{\"t\":\"degraded\",\"on\":false}");
}

void encode_cursor(struct buf *out, const struct cursor *cursor)
{
    ADD_NUMBER(out, "{\"t\":\"cursor\",\"f\":", cursor->f);
    if (cursor->f)
        ADD_NUMBER(out, ",\"v\":", cursor->v);
    ADD_NUMBER(out, ",\"by\":", cursor->by);
    if (cursor->f)
        add_selection(out, cursor->sel);
    buf_add_char(out, '}');
}

void encode_peer(struct buf *out, const struct peer_info *peer, bool on)
{
    ADD_NUMBER(out, "{\"t\":\"peer\",\"by\":", peer->by);
    buf_add_text(out, on ? ",\"on\":true" : ",\"on\":false");
    if (on)
        add_person(out, peer);
    buf_add_char(out, '}');
}

void encode_saved(struct buf *out, const struct saved_mark *marks, size_t count, uint64_t ts)
{
    ADD(out, "{\"t\":\"saved\",\"files\":[");
    for (size_t i = 0; i < count; i++) {
        ADD_NUMBER(out, "[", marks[i].f);
        ADD_NUMBER(out, ",", marks[i].v);
        buf_add_text(out, i + 1 < count ? "]," : "]");
    }
    ADD_NUMBER(out, "],\"ts\":", ts);
    buf_add_char(out, '}');
}
