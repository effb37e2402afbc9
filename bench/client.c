#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dialect.h"

static void mark_dirty(struct client *client)
{
    if (client->dirty || client->blocked)
        return;
    client->dirty = true;
    client->load->dirty[client->load->dirty_count++] = client;
}

static void fail_errno(struct client *client, const char *what)
{
    load_fail(client->load, "client %u: %s: %s", client->index, what, strerror(errno));
}

static const struct sockaddr_in *server_of(const struct client *client)
{
    const struct load_options *options = &client->load->options;
    return &options->servers[client->member % options->server_count];
}

static void request_write(struct client *client)
{
    const struct load_options *options = &client->load->options;
    const struct sockaddr_in *server = server_of(client);
    char address[INET_ADDRSTRLEN], host[INET_ADDRSTRLEN + 8];
    struct buf path = BUF_EMPTY;
    inet_ntop(AF_INET, &server->sin_addr, address, sizeof address);
    snprintf(host, sizeof host, "%s:%u", address, ntohs(server->sin_port));
    options->dialect->path(client, &path);
    websocket_request(&client->out, host, path.data, options->dialect->subprotocol);
    buf_close(&path);
    mark_dirty(client);
}

/* The connect itself may block: on loopback the kernel completes it from the listener's backlog,
 * and the load never has more of them under way than that holds. */
void client_connect(struct client *client)
{
    struct load *load = client->load;
    const int one = 1;
    client->started_ns = clock_ns();
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0) {
        fail_errno(client, "socket");
        return;
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (connect(client->fd, (const struct sockaddr *)server_of(client),
                sizeof(struct sockaddr_in)) != 0 ||
        fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) != 0) {
        fail_errno(client, "connect");
        return;
    }
    client->state = CLIENT_HANDSHAKE;
    load->connecting++;
    request_write(client);
}

void client_close(struct client *client)
{
    const struct dialect *dialect = client->load->options.dialect;
    if (client->fd >= 0)
        close(client->fd);
    if (dialect->closed)
        dialect->closed(client);
    free(client->dialect);
    buf_close(&client->out);
    websocket_decoder_close(&client->in);
}

static void want_write(struct client *client, bool wanted)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    if (client->blocked == wanted)
        return;
    client->blocked = wanted;
    if (wanted)
        event.events |= EPOLLOUT;
    epoll_ctl(client->load->epoll_fd, EPOLL_CTL_MOD, client->fd, &event);
}

void client_flush(struct client *client)
{
    while (client->out_sent < client->out.len) {
        ssize_t sent = send(client->fd, client->out.data + client->out_sent,
                            client->out.len - client->out_sent, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN || errno == EINTR) {
                want_write(client, true);
                return;
            }
            fail_errno(client, "send");
            return;
        }
        client->out_sent += (size_t)sent;
    }
    client->out_sent = 0;
    buf_reset(&client->out);
    want_write(client, false);
}

/* A close frame says why; the code and the reason belong in the failure. */
static void closed_by_server(struct client *client, const struct websocket_message *message)
{
    unsigned code = 1005;
    if (message->len >= 2)
        code = (unsigned)(unsigned char)message->data[0] << 8 | (unsigned char)message->data[1];
    int reason_len = message->len > 2 ? (int)message->len - 2 : 0;
    client->load->overloaded = code == 4508;
    load_fail(client->load, "client %u: the server closed with %u %.*s", client->index, code,
              reason_len, reason_len ? message->data + 2 : "");
}

static void message_received(struct client *client, const struct websocket_message *message)
{
    switch (message->opcode) {
    case WEBSOCKET_TEXT:
    case WEBSOCKET_BINARY:
        client->load->options.dialect->received(client, message);
        break;
    case WEBSOCKET_PING:
        client_send(client, WEBSOCKET_PONG, message->data, message->len);
        break;
    case WEBSOCKET_CLOSE:
        closed_by_server(client, message);
        break;
    case WEBSOCKET_PONG:
    case WEBSOCKET_MORE:
        break;
    }
}

static void frames_received(struct client *client, const char *at, const char *end)
{
    struct websocket_message message;
    enum websocket_result result;
    while ((result = websocket_next(&client->in, &at, end, &message)) == WEBSOCKET_MESSAGE)
        message_received(client, &message);
    if (result == WEBSOCKET_BAD)
        load_fail(client->load, "client %u: a frame against RFC 6455", client->index);
}

/* The response's head is short and comes whole on loopback; if not, it waits in the decoder's
 * buffer, which is not in use yet. */
static void response_received(struct client *client, const char *data, size_t len)
{
    struct buf *kept = &client->in.kept;
    buf_add(kept, data, len);
    long head = websocket_response(kept->data, kept->len);
    if (head == 0)
        return;
    if (head < 0) {
        load_fail(client->load, "client %u: no WebSocket here: %.60s", client->index, kept->data);
        return;
    }
    size_t rest = kept->len - (size_t)head;
    client->state = CLIENT_JOINING;
    buf_close(kept);
    client->load->options.dialect->connected(client);
    frames_received(client, data + len - rest, data + len);
}

static void client_read(struct client *client, char *scratch, size_t scratch_size)
{
    struct load *load = client->load;
    ssize_t len = recv(client->fd, scratch, scratch_size, 0);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len < 0) {
        fail_errno(client, "recv");
        return;
    }
    if (len == 0) {
        load_fail(load, "client %u: the server hung up", client->index);
        return;
    }
    load->counts.reads++;
    load->counts.bytes_in += (uint64_t)len;
    load->read_ns = clock_ns();
    if (client->state == CLIENT_HANDSHAKE)
        response_received(client, scratch, (size_t)len);
    else
        frames_received(client, scratch, scratch + len);
}

void client_event(struct client *client, uint32_t events, char *scratch, size_t scratch_size)
{
    if (load_failed(client->load))
        return;
    if (events & EPOLLOUT)
        client_flush(client);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        client_read(client, scratch, scratch_size);
}

void client_send(struct client *client, enum websocket_opcode opcode, const void *data, size_t len)
{
    websocket_frame(&client->out, opcode, data, len);
    mark_dirty(client);
}

void client_joined(struct client *client)
{
    client->state = CLIENT_JOINED;
    client->joined_ns = client->load->read_ns;
    client->load->connecting--;
    client->load->joined++;
    if (client->load->open_on_join)
        client->load->options.dialect->open(client);
}

void client_created(struct client *client)
{
    client->load->told++;
}

void client_opened(struct client *client, uint64_t bytes)
{
    client->state = CLIENT_OPEN;
    client->opened_ns = client->load->read_ns;
    client->opened_bytes = bytes;
    client->load->opened++;
}

void client_sent_edits(struct client *client, uint32_t count)
{
    struct load *load = client->load;
    load->counts.edits += count;
    load->counts.messages++;
    load->counts.expected += (uint64_t)count * (load->options.members - 1);
}

uint32_t client_writer(const struct client *client)
{
    return client->room * client->load->options.writers + client->member;
}

void client_acked(struct client *client, uint64_t due_ns)
{
    struct load *load = client->load;
    load->counts.acks++;
    histogram_add(&load->ack_latency, load->read_ns - due_ns);
}

/* Each edit of each writer of this room comes once and in the writer's order, and nothing comes
 * from another room. */
static void mark_received(struct client *client, const struct edit_mark *mark)
{
    struct load *load = client->load;
    uint32_t writers = load->options.writers;
    uint64_t due_ns = load->born_ns + mark->due_ns;
    uint32_t member = mark->writer % writers;
    if (mark->writer / writers != client->room) {
        load_fail(load, "LEAK: client %u of room %u got an edit of room %u", client->index,
                  client->room, mark->writer / writers);
        return;
    }
    if (member == client->member) {
        client_acked(client, due_ns);
        return;
    }
    if (mark->number != client->seen[member]) {
        load_fail(load, "LOST or twice: client %u got edit %u of writer %u after %u", client->index,
                  mark->number, mark->writer, client->seen[member]);
        return;
    }
    client->seen[member]++;
    load->counts.deliveries++;
    histogram_add(&load->latency, load->read_ns - due_ns);
}

uint32_t client_received_marks(struct client *client, const char *data, size_t len)
{
    struct edit_mark mark;
    uint32_t count = 0;
    if (client->load->options.writers == 0)
        return 0;
    for (const char *end = data + len; (data = edit_mark_find(data, end, &mark)); count++)
        mark_received(client, &mark);
    return count;
}
