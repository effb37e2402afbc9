/* Servers that relay a client's bytes to the rest of its room and know nothing of edits: the bare
 * relay beside this file, one written with the ws package, and Socket.IO with its envelope. They
 * get the very JSON that weft gets, or the whole file in its place. What they answer to the author,
 * if anything, is an ack. */
#include <string.h>

#include "dialect.h"

struct relayed {
    struct edit_document document;
    uint64_t version;
    uint64_t due_ns; /* of the edit that waits for its ack; with several, of the first */
};

static void relay_path(const struct client *client, struct buf *out)
{
    buf_printf(out, "/%s-%u", client->load->options.tag, client->room);
}

static void relay_connected(struct client *client)
{
    client_joined(client);
}

static void edit_write(struct client *client, struct buf *out, uint64_t due_ns)
{
    struct relayed *state = client->dialect;
    struct load *load = client->load;
    struct edit_mark mark = {client_writer(client), client->next_edit++, due_ns - load->born_ns};
    if (state->document.random == 0) {
        state->document = (struct edit_document){
            .len = load->options.text_units,
            .keep_len = load->options.shrink ? load->options.text_units : 0,
            .random = client->index + 1,
        };
    }
    buf_printf(out, "{\"t\":\"edit\",\"f\":1,\"v\":%llu,\"n\":%u,\"c\":",
               (unsigned long long)state->version++, client->next_edit);
    edit_change(out, &state->document, &mark);
    buf_add_char(out, '}');
    state->due_ns = due_ns;
}

static void relay_edit(struct client *client, uint64_t due_ns)
{
    struct buf message = BUF_EMPTY;
    edit_write(client, &message, due_ns);
    client_send(client, WEBSOCKET_TEXT, message.data, message.len);
    client_sent_edits(client, 1);
    buf_close(&message);
}

static void relay_received(struct client *client, const struct websocket_message *message)
{
    struct load *load = client->load;
    const struct relayed *state = client->dialect;
    if (message->total != message->len)
        load_fail(load, "client %u: a message of %llu bytes", client->index,
                  (unsigned long long)message->total);
    else if (client_received_marks(client, message->data, message->len) > 0)
        return;
    else if (message->len > 10 && memcmp(message->data, "{\"t\":\"ack\"", 10) == 0)
        client_acked(client, state->due_ns);
    else
        load->counts.others++;
}

const struct dialect dialect_relay = {
    .name = "relay",
    .state_size = sizeof(struct relayed),
    .path = relay_path,
    .connected = relay_connected,
    .received = relay_received,
    .edit = relay_edit,
};

/* Socket.IO: Engine.IO 4 packets in text frames, '0' open, '2' ping, '3' pong, '4' message, and in
 * a message '0' connect, '2' event. */

static void socketio_path(const struct client *client, struct buf *out)
{
    (void)client;
    buf_add_text(out, "/socket.io/?EIO=4&transport=websocket");
}

static void socketio_connected(struct client *client)
{
    (void)client; /* The server speaks first. */
}

static void socketio_send(struct client *client, const char *text)
{
    client_send(client, WEBSOCKET_TEXT, text, strlen(text));
}

/* The room is joined when the server acknowledges the event: packet id 0 comes back as 430[]. */
static void socketio_join(struct client *client)
{
    struct buf join = BUF_EMPTY;
    buf_printf(&join, "420[\"join\",\"%s-%u\"]", client->load->options.tag, client->room);
    socketio_send(client, join.data);
    buf_close(&join);
}

static bool starts_with(const struct websocket_message *message, const char *text)
{
    size_t len = strlen(text);
    return message->len >= len && memcmp(message->data, text, len) == 0;
}

static void socketio_received(struct client *client, const struct websocket_message *message)
{
    if (starts_with(message, "42"))
        relay_received(client, message);
    else if (starts_with(message, "0{"))
        socketio_send(client, "40");
    else if (starts_with(message, "40"))
        socketio_join(client);
    else if (starts_with(message, "430"))
        client_joined(client);
    else if (starts_with(message, "2"))
        socketio_send(client, "3");
    else
        load_fail(client->load, "client %u: Socket.IO said %.*s", client->index,
                  message->len < 60 ? (int)message->len : 60, message->data);
}

static void socketio_edit(struct client *client, uint64_t due_ns)
{
    struct buf message = BUF_EMPTY;
    buf_add_text(&message, "42[\"edit\",");
    edit_write(client, &message, due_ns);
    buf_add_char(&message, ']');
    client_send(client, WEBSOCKET_TEXT, message.data, message.len);
    client_sent_edits(client, 1);
    buf_close(&message);
}

const struct dialect dialect_socketio = {
    .name = "socketio",
    .state_size = sizeof(struct relayed),
    .path = socketio_path,
    .connected = socketio_connected,
    .received = socketio_received,
    .edit = socketio_edit,
};

/* What people start with: each edit sends the file as it is now. Only the mark in the middle is
 * new, as nobody here types for real. */
static void whole_file_edit(struct client *client, uint64_t due_ns)
{
    const struct load *load = client->load;
    struct edit_mark mark = {client_writer(client), client->next_edit++, due_ns - load->born_ns};
    size_t half = load->options.text_units / 2;
    char text[EDIT_TEXT_LEN];
    struct buf message = BUF_EMPTY;
    edit_text_write(text, &mark);
    buf_add_text(&message, "42[\"edit\",{\"path\":\"main.c\",\"content\":\"");
    edit_lines(&message, half);
    buf_add(&message, text, sizeof text);
    buf_add_text(&message, "\\n");
    edit_lines(&message, half);
    buf_add_text(&message, "\"}]");
    client_send(client, WEBSOCKET_TEXT, message.data, message.len);
    client_sent_edits(client, 1);
    buf_close(&message);
}

const struct dialect dialect_whole_file = {
    .name = "wholefile",
    .state_size = sizeof(struct relayed),
    .path = socketio_path,
    .connected = socketio_connected,
    .received = socketio_received,
    .edit = whole_file_edit,
};
