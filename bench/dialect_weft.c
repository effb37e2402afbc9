/* weft.v1, protocol.md §4, as a client has to speak it: one message in flight per file, what comes
 * due meanwhile goes as a list (`cs`) behind the ack, the version is the last one seen, and the
 * length is followed through others' edits. The rules that the server promises are checked on
 * every message: versions without a gap, one ack per change set, others' lengths as expected. */
#include <stdlib.h>
#include <string.h>

#include "dialect.h"
#include "scan.h"
#include "weft/base/mem.h"

#define PATH "main.c"
#define CHANGE_SETS_MAX 64

/* The moments at which edits were due: first those in flight, then those that wait. */
struct due_queue {
    uint64_t *times;
    size_t head, count, cap; /* cap is a power of two */
};

struct weft_client {
    uint64_t f, v;
    uint64_t n;                    /* number of the last change set sent */
    uint64_t acked;                /* … and acknowledged; in flight while less than n */
    struct edit_document document; /* of v, and what is in flight */
    struct due_queue due;
};

static void due_put(struct due_queue *queue, uint64_t time)
{
    if (queue->count == queue->cap) {
        size_t cap = queue->cap ? queue->cap * 2 : 64;
        uint64_t *times = mem_alloc(cap * sizeof *times);
        for (size_t i = 0; i < queue->count; i++)
            times[i] = queue->times[(queue->head + i) & (queue->cap - 1)];
        free(queue->times);
        *queue = (struct due_queue){times, 0, queue->count, cap};
    }
    queue->times[(queue->head + queue->count++) & (queue->cap - 1)] = time;
}

static uint64_t due_at(const struct due_queue *queue, size_t i)
{
    return queue->times[(queue->head + i) & (queue->cap - 1)];
}

static uint64_t due_take(struct due_queue *queue)
{
    uint64_t time = due_at(queue, 0);
    queue->head++;
    queue->count--;
    return time;
}

static void text_send(struct client *client, const struct buf *message)
{
    client_send(client, WEBSOCKET_TEXT, message->data, message->len);
}

static void weft_path(const struct client *client, struct buf *out)
{
    (void)client;
    buf_add_char(out, '/');
}

static void weft_connected(struct client *client)
{
    struct buf hello = BUF_EMPTY;
    buf_printf(&hello,
               "{\"t\":\"hello\",\"v\":1,\"project\":\"%s-%u\",\"name\":\"bench %u\","
               "\"template\":\"blank\"}",
               client->load->options.tag, client->room, client->index);
    text_send(client, &hello);
    buf_close(&hello);
}

static void weft_create(struct client *client)
{
    struct buf create = BUF_EMPTY;
    buf_add_text(&create, "{\"t\":\"create\",\"q\":1,\"path\":\"" PATH "\",\"text\":\"");
    edit_lines(&create, client->load->options.text_units);
    buf_add_text(&create, "\"}");
    text_send(client, &create);
    buf_close(&create);
}

static void weft_open(struct client *client)
{
    static const char open[] = "{\"t\":\"open\",\"path\":\"" PATH "\"}";
    client_send(client, WEBSOCKET_TEXT, open, sizeof open - 1);
}

/* Sends up to `count` of the edits that wait, in one message. */
static void edits_send(struct client *client, uint32_t count)
{
    struct weft_client *state = client->dialect;
    struct load *load = client->load;
    struct buf message = BUF_EMPTY;
    state->n += count;
    buf_printf(&message, "{\"t\":\"edit\",\"f\":%llu,\"v\":%llu,\"n\":%llu,\"%s\":",
               (unsigned long long)state->f, (unsigned long long)state->v,
               (unsigned long long)state->n, count == 1 ? "c" : "cs");
    for (uint32_t i = 0; i < count; i++) {
        struct edit_mark mark = {client_writer(client), client->next_edit++,
                                 due_at(&state->due, i) - load->born_ns};
        if (count > 1)
            buf_add_char(&message, i == 0 ? '[' : ',');
        edit_change(&message, &state->document, &mark);
    }
    buf_add_text(&message, count == 1 ? "}" : "]}");
    text_send(client, &message);
    buf_close(&message);
    load->waiting -= count;
    client_sent_edits(client, count);
}

static void weft_edit(struct client *client, uint64_t due_ns)
{
    struct weft_client *state = client->dialect;
    due_put(&state->due, due_ns);
    client->load->waiting++;
    if (state->acked == state->n)
        edits_send(client, 1);
}

static void weft_verify(struct client *client)
{
    const struct weft_client *state = client->dialect;
    struct buf check = BUF_EMPTY;
    buf_printf(&check, "{\"t\":\"check\",\"f\":%llu}", (unsigned long long)state->f);
    text_send(client, &check);
    buf_close(&check);
}

/* Every version of the open file comes exactly once and in order (S1), as edit or as ack. */
static bool version_next(struct client *client, const struct scan_message *message)
{
    struct weft_client *state = client->dialect;
    uint64_t v = scan_number(message, SCAN_V, 0);
    if (scan_number(message, SCAN_F, 0) != state->f || v != state->v + 1)
        return load_fail(client->load, "client %u: version %llu of file %llu came after %llu",
                         client->index, (unsigned long long)v,
                         (unsigned long long)scan_number(message, SCAN_F, 0),
                         (unsigned long long)state->v);
    state->v = v;
    return true;
}

static void edit_received(struct client *client, const struct scan_message *message)
{
    struct weft_client *state = client->dialect;
    struct scan_value change = message->values[SCAN_C];
    uint64_t before, after;
    if (!version_next(client, message))
        return;
    if (!change.data || client_received_marks(client, change.data, change.len) != 1) {
        load_fail(client->load, "client %u: an edit without its text", client->index);
        return;
    }
    if (client->member >= client->load->options.writers)
        return;
    if (!edit_lengths(change.data, change.len, &before, &after) ||
        (state->acked == state->n && before != state->document.len)) {
        load_fail(client->load, "client %u: an edit of %llu units, here are %llu", client->index,
                  (unsigned long long)before, (unsigned long long)state->document.len);
        return;
    }
    state->document.len += after - before;
}

static void ack_received(struct client *client, const struct scan_message *message)
{
    struct weft_client *state = client->dialect;
    if (!version_next(client, message))
        return;
    uint64_t n = scan_number(message, SCAN_N, 0);
    if (n != state->acked + 1 || n > state->n) {
        load_fail(client->load, "client %u: ack of %llu after %llu, sent were %llu", client->index,
                  (unsigned long long)n, (unsigned long long)state->acked,
                  (unsigned long long)state->n);
        return;
    }
    state->acked = n;
    client_acked(client, due_take(&state->due));
    if (state->acked == state->n && state->due.count > 0)
        edits_send(client, state->due.count < CHANGE_SETS_MAX ? (uint32_t)state->due.count
                                                              : CHANGE_SETS_MAX);
}

static void cursor_received(struct client *client, const struct scan_message *message)
{
    struct scan_value sel = message->values[SCAN_SEL];
    if (!client->load->cursor_received || !sel.data)
        return;
    client->load->cursor_received(client, scan_number(message, SCAN_BY, 0),
                                  strtoull(sel.data + 1, NULL, 10));
}

static void welcome_received(struct client *client, const struct scan_message *message)
{
    client->id = scan_number(message, SCAN_CID, 0);
    if (client->id == 0)
        load_fail(client->load, "client %u: a welcome without cid", client->index);
    client_joined(client);
}

/* Everybody is told of a new file, its author too, and whoever has heard of it can open it: with
 * several servers that is later than the author's `ok`. */
static void tree_changed(struct client *client, const struct scan_message *message)
{
    if (scan_is(message, SCAN_PATH, PATH))
        client_created(client);
}

/* `len` may stand behind a text that was cut; it is only needed by writers of small files. */
static void file_received(struct client *client, const struct scan_message *message, uint64_t bytes)
{
    struct weft_client *state = client->dialect;
    size_t text_units = client->load->options.text_units;
    state->f = scan_number(message, SCAN_F, 0);
    state->v = scan_number(message, SCAN_V, UINT64_MAX);
    state->document = (struct edit_document){
        .len = scan_number(message, SCAN_LEN, 0),
        .keep_len = client->load->options.shrink ? text_units : 0,
        .random = client->index + 1,
    };
    if (state->f == 0 || state->v == UINT64_MAX || state->document.len < text_units)
        load_fail(client->load, "client %u: a file without f, v, or of %llu units", client->index,
                  (unsigned long long)state->document.len);
    client_opened(client, bytes);
}

static void check_received(struct client *client, const struct scan_message *message)
{
    const struct weft_client *state = client->dialect;
    uint64_t v = scan_number(message, SCAN_V, 0);
    uint64_t len = scan_number(message, SCAN_LEN, 0);
    if (v != state->v || len != state->document.len)
        load_fail(client->load,
                  "client %u: the server has version %llu of %llu units, here %llu, %llu",
                  client->index, (unsigned long long)v, (unsigned long long)len,
                  (unsigned long long)state->v, (unsigned long long)state->document.len);
    client_opened(client, client->opened_bytes);
}

static void refused(struct client *client, const struct scan_message *message)
{
    struct scan_value code = message->values[SCAN_CODE];
    struct scan_value text = message->values[SCAN_MSG];
    client->load->overloaded = scan_is(message, SCAN_T, "resync");
    load_fail(client->load, "client %u: %.*s %.*s: %.*s", client->index,
              (int)message->values[SCAN_T].len, message->values[SCAN_T].data,
              code.data ? (int)code.len : 0, code.data ? code.data : "",
              text.data && text.len < 100 ? (int)text.len : 0, text.data ? text.data : "");
}

static void saved_received(struct client *client, const struct scan_message *message)
{
    (void)message;
    client->load->saved++;
}

static const struct {
    const char *type;
    void (*received)(struct client *client, const struct scan_message *message);
} handlers[] = {
    {"edit", edit_received},   {"cursor", cursor_received},   {"ack", ack_received},
    {"fs", tree_changed},      {"welcome", welcome_received}, {"check", check_received},
    {"error", refused},        {"resync", refused},           {"drain", refused},
    {"saved", saved_received},
};

static void dispatch(struct client *client, const struct scan_message *message, uint64_t bytes)
{
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (scan_is(message, SCAN_T, handlers[i].type)) {
            handlers[i].received(client, message);
            return;
        }
    }
    if (scan_is(message, SCAN_T, "file"))
        file_received(client, message, bytes);
    else
        client->load->counts.others++;
}

static void weft_received(struct client *client, const struct websocket_message *frame)
{
    bool cut = frame->total != frame->len;
    struct scan scan;
    struct scan_message message;
    scan_init(&scan, frame->data, frame->len, cut);
    while (scan_next(&scan, &message))
        dispatch(client, &message, frame->total);
    if ((scan.bad && !cut) || (frame->last != '}' && frame->last != ']'))
        load_fail(client->load, "client %u: not weft.v1: %.*s", client->index,
                  frame->len < 100 ? (int)frame->len : 100, frame->data);
}

static void weft_closed(struct client *client)
{
    struct weft_client *state = client->dialect;
    free(state->due.times);
}

void weft_send_cursor(struct client *client, uint64_t position)
{
    const struct weft_client *state = client->dialect;
    struct buf cursor = BUF_EMPTY;
    buf_printf(&cursor, "{\"t\":\"cursor\",\"f\":%llu,\"v\":%llu,\"sel\":[%llu,%llu]}",
               (unsigned long long)state->f, (unsigned long long)state->v,
               (unsigned long long)position, (unsigned long long)position);
    text_send(client, &cursor);
    buf_close(&cursor);
    client->load->counts.cursors_sent++;
}

void weft_send_append(struct client *client, size_t units)
{
    struct weft_client *state = client->dialect;
    struct buf edit = BUF_EMPTY;
    buf_printf(&edit, "{\"t\":\"edit\",\"f\":%llu,\"at\":%llu,\"del\":0,\"ins\":\"",
               (unsigned long long)state->f, (unsigned long long)state->document.len);
    edit_lines(&edit, units);
    buf_add_text(&edit, "\"}");
    due_put(&state->due, clock_ns());
    state->n++;
    state->document.len += units;
    text_send(client, &edit);
    buf_close(&edit);
}

const struct dialect dialect_weft = {
    .name = "weft",
    .subprotocol = "weft.v1",
    .state_size = sizeof(struct weft_client),
    .closed = weft_closed,
    .path = weft_path,
    .connected = weft_connected,
    .received = weft_received,
    .create = weft_create,
    .open = weft_open,
    .edit = weft_edit,
    .verify = weft_verify,
};

const struct dialect *dialect_find(const char *name)
{
    static const struct dialect *const all[] = {&dialect_weft,     &dialect_relay,
                                                &dialect_socketio, &dialect_whole_file,
                                                &dialect_yjs,      &dialect_hocuspocus};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    }
    return NULL;
}
