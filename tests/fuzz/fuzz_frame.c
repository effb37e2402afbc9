/* A frame of a stranger: every message of it is decoded, under the default limits and under small
 * ones, and what is accepted must keep the promises of message.h and come back from its own
 * encoding. The same bytes are also tried as a log entry and as a change set. */
#include "weft/base/utf.h"
#include "weft/protocol/message.h"
#include "weft/text/change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct buf out = BUF_EMPTY;

static void check_error(enum err err, const struct error *error)
{
    MUST((err == ERR_OK) == (error->code == ERR_OK));
    MUST(err == error->code);
    if (err == ERR_OK)
        return;
    buf_reset(&out);
    encode_error(&out, error, NULL, 0, 0, false);
    MUST(utf8_valid(out.data, out.len));
}

static void check_text(const struct text *text, size_t most)
{
    if (!text->text) {
        MUST(text->len == 0);
        return;
    }
    MUST(text->len <= most);
    MUST(strlen(text->text) == text->len);
    MUST(utf8_valid(text->text, text->len));
}

static void check_selection(const struct selection *sel, const struct limits *limits)
{
    MUST(sel->count > 0 && sel->count % 2 == 0 && sel->count <= 2 * limits->ranges);
    for (uint32_t i = 0; i < sel->count; i++)
        MUST(sel->pos[i] <= NUMBER_MAX);
}

static void check_comes_back(const struct message *message, const struct change *change)
{
    struct logged_edit edit;
    struct error error = {0};
    buf_reset(&out);
    encode_edit(&out, message->f, 1, CID_MAX, message->n, change, message->u.edit.sel, NULL);
    MUST(decode_logged_edit(out.data, out.len, &edit, &error) == ERR_OK);
    MUST(edit.f == message->f && edit.v == 1 && edit.by == CID_MAX && edit.n == message->n);
    MUST(change_equal(edit.change, change));
    change_unref(edit.change);
}

static void check_edit(const struct message *message, const struct limits *limits)
{
    MUST(message->f > 0);
    MUST(message->u.edit.is_short == (message->u.edit.count == 0));
    MUST(message->u.edit.has_sel == (message->u.edit.sel != NULL));
    if (message->u.edit.sel)
        check_selection(message->u.edit.sel, limits);
    check_text(&message->u.edit.ins, limits->insert);
    MUST(!message->u.edit.ins.text || !strchr(message->u.edit.ins.text, '\r'));
    if (message->u.edit.is_short)
        return;
    MUST(message->n >= message->u.edit.count && message->u.edit.count <= limits->change_sets);
    for (size_t i = 0; i < message->u.edit.count; i++) {
        const struct change *change = message->u.edit.changes[i];
        MUST(change_parts(change) <= limits->parts);
        MUST(change_inserted_bytes(change) <= limits->insert);
        MUST(change_len_before(change) <= CHANGE_LEN_MAX);
        MUST(i == 0 ||
             change_len_after(message->u.edit.changes[i - 1]) == change_len_before(change));
        check_comes_back(message, change);
    }
}

static void check_hello(const struct message *message)
{
    MUST(message->u.hello.v == 1 && message->u.hello.project.len > 0);
    check_text(&message->u.hello.project, 64);
    check_text(&message->u.hello.token, 4096);
    check_text(&message->u.hello.name, 64);
    check_text(&message->u.hello.resume, 256);
    check_text(&message->u.hello.ep, 32);
    check_text(&message->u.hello.template, 64);
}

static void check_message(const struct message *message, const struct limits *limits)
{
    switch (message->type) {
    case MESSAGE_HELLO:
        check_hello(message);
        break;
    case MESSAGE_OPEN:
        check_text(&message->u.open.path, 4096);
        MUST((message->f == 0) == (message->u.open.path.text != NULL));
        break;
    case MESSAGE_CREATE:
        check_text(&message->u.create.path, 4096);
        check_text(&message->u.create.text, limits->text);
        break;
    case MESSAGE_RENAME:
        check_text(&message->u.rename.path, 4096);
        MUST(message->u.rename.path.text);
        MUST((message->f == 0) == (message->u.rename.from.text != NULL));
        break;
    case MESSAGE_DELETE:
        MUST((message->f == 0) == (message->u.delete.from.text != NULL));
        break;
    case MESSAGE_EDIT:
        check_edit(message, limits);
        break;
    case MESSAGE_CURSOR:
        MUST((message->f == 0) == (message->u.cursor.sel == NULL));
        if (message->u.cursor.sel)
            check_selection(message->u.cursor.sel, limits);
        break;
    default:
        MUST(message->type < MESSAGE_TYPES);
    }
}

/* An answer that carries q back must be a frame that can be parsed again. */
static void check_id(struct decoder *decoder, const struct request_id *q)
{
    size_t count;
    MUST(strnlen(q->json, sizeof(q->json)) < sizeof(q->json));
    buf_reset(&out);
    encode_ok(&out, q, 1, 1);
    MUST(decoder_frame(decoder, out.data, out.len, &count, NULL) == ERR_OK);
}

static void try_frame(const char *data, size_t len, const struct limits *limits)
{
    struct decoder *decoder = decoder_new(limits);
    struct error error = {0};
    struct request_id q = {""};
    size_t count;
    check_error(decoder_frame(decoder, data, len, &count, &error), &error);
    MUST(count <= limits->frame_messages);
    for (size_t i = 0; i < count; i++) {
        struct message message;
        error_clear(&error);
        enum err err = decoder_message(decoder, i, &message, &error);
        check_error(err, &error);
        MUST(message.f <= NUMBER_MAX && message.n <= NUMBER_MAX);
        if (err == ERR_OK)
            check_message(&message, limits);
        q = message.q;
    }
    check_id(decoder, &q);
    decoder_free(decoder);
}

static void try_log(const char *data, size_t len, const struct limits *limits)
{
    struct logged_edit edit;
    struct change *change;
    struct error error = {0};
    check_error(decode_logged_edit(data, len, &edit, &error), &error);
    change_unref(edit.change);
    error_clear(&error);
    check_error(decode_change(data, len, limits, &change, &error), &error);
    change_unref(change);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct limits limits = limits_default();
    try_frame((const char *)data, len, &limits);
    try_log((const char *)data, len, &limits);
    limits.frame = 300;
    limits.frame_messages = 2;
    limits.keys = 16;
    limits.elements = 40;
    limits.parts = 4;
    limits.insert = 8;
    limits.change_sets = 2;
    limits.ranges = 1;
    limits.text = 8;
    try_frame((const char *)data, len, &limits);
    try_log((const char *)data, len, &limits);
    return 0;
}
