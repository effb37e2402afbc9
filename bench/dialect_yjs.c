/* Yjs: the sync protocol of y-websocket, and the same inside Hocuspocus' envelope (the document's
 * name in front, and a token before anything else). An edit is an update in Yjs' first encoding
 * that appends one string to the writer's own run of a Y.Text: what a browser sends for typing. The
 * marks are found in the bytes, where strings stand as they are. */
#include <string.h>

#include "dialect.h"

enum { SYNC = 0, AUTH = 2 };                     /* kinds of message */
enum { STEP_ONE = 0, STEP_TWO = 1, UPDATE = 2 }; /* kinds of sync message */
enum { AUTHENTICATED = 2 };                      /* kinds of auth message */

#define CONTENT_STRING 0x04
#define HAS_ORIGIN 0x80

struct yjs_writer {
    uint32_t clock; /* UTF-16 units written so far */
};

static void varint_add(struct buf *out, uint64_t value)
{
    for (; value > 127; value >>= 7)
        buf_add_char(out, (char)(0x80U | (value & 0x7fU)));
    buf_add_char(out, (char)value);
}

static void text_add(struct buf *out, const char *text, size_t len)
{
    varint_add(out, len);
    buf_add(out, text, len);
}

static bool varint_take(const char **at, const char *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 63; shift += 7) {
        unsigned char byte = (unsigned char)*(*at)++;
        *value |= (uint64_t)(byte & 0x7fU) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static bool is_hocuspocus(const struct client *client)
{
    return client->load->options.dialect == &dialect_hocuspocus;
}

static void room_name_add(const struct client *client, struct buf *out)
{
    buf_printf(out, "%s-%u", client->load->options.tag, client->room);
}

static void yjs_path(const struct client *client, struct buf *out)
{
    buf_add_char(out, '/');
    if (!is_hocuspocus(client))
        room_name_add(client, out);
}

/* Begins a message: the envelope, if there is one, and its kind. */
static void message_begin(const struct client *client, struct buf *out, uint64_t kind)
{
    if (is_hocuspocus(client)) {
        struct buf name = BUF_EMPTY;
        room_name_add(client, &name);
        text_add(out, name.data, name.len);
        buf_close(&name);
    }
    varint_add(out, kind);
}

static void sync_send(struct client *client, uint64_t step, const char *payload, size_t len)
{
    struct buf message = BUF_EMPTY;
    message_begin(client, &message, SYNC);
    varint_add(&message, step);
    text_add(&message, payload, len);
    client_send(client, WEBSOCKET_BINARY, message.data, message.len);
    buf_close(&message);
}

static void yjs_connected(struct client *client)
{
    sync_send(client, STEP_ONE, "\0", 1); /* an empty state vector */
}

static void hocuspocus_connected(struct client *client)
{
    struct buf message = BUF_EMPTY;
    message_begin(client, &message, AUTH);
    varint_add(&message, 0); /* a token follows */
    text_add(&message, "bench", 5);
    client_send(client, WEBSOCKET_BINARY, message.data, message.len);
    buf_close(&message);
}

static void sync_received(struct client *client, const char *at, const char *end)
{
    uint64_t step;
    if (!varint_take(&at, end, &step))
        load_fail(client->load, "client %u: an empty sync message", client->index);
    else if (step == STEP_ONE)
        sync_send(client, STEP_TWO, "\0\0", 2); /* nothing to add */
    else if (step == STEP_TWO && client->state == CLIENT_JOINING)
        client_joined(client);
    else if (client_received_marks(client, at, (size_t)(end - at)) == 0)
        client->load->counts.others++;
}

/* Steps over the document's name. */
static bool envelope_open(const struct client *client, const char **at, const char *end)
{
    uint64_t len;
    if (!is_hocuspocus(client))
        return true;
    if (!varint_take(at, end, &len) || len > (uint64_t)(end - *at))
        return false;
    *at += len;
    return true;
}

static void yjs_received(struct client *client, const struct websocket_message *message)
{
    const char *at = message->data;
    const char *end = at + message->len;
    uint64_t kind, answer;
    if (message->total != message->len || !envelope_open(client, &at, end) ||
        !varint_take(&at, end, &kind)) {
        load_fail(client->load, "client %u: a message that is not Yjs'", client->index);
    } else if (kind == SYNC) {
        sync_received(client, at, end);
    } else if (kind == AUTH) {
        if (varint_take(&at, end, &answer) && answer == AUTHENTICATED)
            yjs_connected(client);
        else
            load_fail(client->load, "client %u: not authenticated", client->index);
    } else {
        client->load->counts.others++;
    }
}

/* One struct of one client, and no deletions. It hangs behind the writer's last character, or, as
 * the first, at the beginning of the text "t". */
static void update_write(struct buf *out, uint64_t id, uint32_t clock, const struct edit_mark *mark)
{
    char text[EDIT_TEXT_LEN + 1];
    edit_text_write(text, mark);
    text[EDIT_TEXT_LEN] = '\n';
    varint_add(out, 1);
    varint_add(out, 1);
    varint_add(out, id);
    varint_add(out, clock);
    buf_add_char(out, (char)(clock > 0 ? CONTENT_STRING | HAS_ORIGIN : CONTENT_STRING));
    if (clock > 0) {
        varint_add(out, id);
        varint_add(out, clock - 1);
    } else {
        varint_add(out, 1);
        text_add(out, "t", 1);
    }
    text_add(out, text, sizeof text);
    varint_add(out, 0);
}

static void yjs_edit(struct client *client, uint64_t due_ns)
{
    struct yjs_writer *writer = client->dialect;
    struct edit_mark mark = {client_writer(client), client->next_edit++,
                             due_ns - client->load->born_ns};
    struct buf update = BUF_EMPTY;
    update_write(&update, (uint64_t)client->index + 1, writer->clock, &mark);
    writer->clock += EDIT_UNITS;
    sync_send(client, UPDATE, update.data, update.len);
    client_sent_edits(client, 1);
    buf_close(&update);
}

const struct dialect dialect_yjs = {
    .name = "yjs",
    .state_size = sizeof(struct yjs_writer),
    .path = yjs_path,
    .connected = yjs_connected,
    .received = yjs_received,
    .edit = yjs_edit,
};

const struct dialect dialect_hocuspocus = {
    .name = "hocuspocus",
    .state_size = sizeof(struct yjs_writer),
    .path = yjs_path,
    .connected = hocuspocus_connected,
    .received = yjs_received,
    .edit = yjs_edit,
};
