/* A message of the bus, as a stranger may publish it: what is taken for a hint must be printed as
 * it came, its lines must lie inside it, and whatever a line is read as must keep the promises of
 * message.h and come back from its own encoding. */
#include "weft/base/utf.h"
#include "weft/core/hint.h"
#include "weft/protocol/message.h"
#include "weft/text/change.h"
#include "weft/text/path.h"

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

static void check_fs(const struct relayed_fs *fs)
{
    struct relayed_fs again;
    MUST(fs->event.e > 0 && fs->event.e <= NUMBER_MAX && fs->event.by <= CID_MAX);
    for (size_t i = 0; i < fs->event.count; i++) {
        struct error error = {0};
        const char *path = fs->event.entries[i].path;
        MUST(fs->event.entries[i].f > 0);
        MUST(path_check(path, strlen(path), &error) == ERR_OK);
    }
    buf_reset(&out);
    encode_fs(&out, &fs->event);
    MUST(decode_fs(out.data, out.len, &again, NULL) == ERR_OK);
    MUST(again.event.count == fs->event.count && again.event.op == fs->event.op);
    relayed_fs_close(&again);
}

static void check_cursor(const struct relayed_cursor *got)
{
    struct cursor cursor = {.f = got->f, .v = got->v, .by = got->by, .sel = &got->sel};
    struct relayed_cursor again;
    MUST(got->by > 0 && got->by <= CID_MAX && got->sel.count % 2 == 0 && got->sel.count <= 64);
    MUST((got->f == 0) == (got->sel.count == 0));
    buf_reset(&out);
    encode_cursor(&out, &cursor);
    MUST(decode_cursor(out.data, out.len, 32, &again, NULL) == ERR_OK);
    MUST(again.f == got->f && again.v == got->v && again.sel.count == got->sel.count);
}

static void try_line(const char *line, size_t len)
{
    struct error error = {0};
    struct relayed_fs fs;
    struct relayed_cursor cursor;
    struct relayed_person person;
    struct logged_edit edit;
    if (decode_fs(line, len, &fs, &error) == ERR_OK) {
        check_fs(&fs);
        relayed_fs_close(&fs);
    }
    if (decode_cursor(line, len, 32, &cursor, &error) == ERR_OK)
        check_cursor(&cursor);
    if (decode_person(line, len, &person, &error) == ERR_OK) {
        MUST(utf8_valid(person.name, strlen(person.name)));
        MUST(person.color >= -1 && person.color < COLORS);
    }
    uint64_t e = 0;
    if (decode_event(line, len, &e, &error) == ERR_OK)
        MUST(e > 0 && e <= NUMBER_MAX);
    if (decode_job_output(line, len, &error) == ERR_OK)
        MUST(utf8_valid(line, len));
    if (decode_logged_edit(line, len, &edit, &error) == ERR_OK)
        MUST(edit.sel.count % 2 == 0 && edit.sel.count <= 2 * RANGES_MAX);
    change_unref(edit.change);
}

static void check_printed(const struct hint *hint, const char *data, const char *line_end)
{
    buf_reset(&out);
    hint_print(&out, hint);
    struct hint again;
    MUST(hint_parse(out.data, out.len, &again));
    MUST(again.kind == hint->kind && again.tick == hint->tick && again.a == hint->a);
    MUST(strcmp(again.epoch, hint->epoch) == 0 && strcmp(again.seal, hint->seal) == 0);
    MUST(line_end >= data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const char *data = (const char *)bytes;
    struct hint hint;
    try_line(data, size);
    if (!hint_parse(data, size, &hint))
        return 0;
    check_printed(&hint, data, hint.body);
    size_t len;
    for (const char *line; (line = hint_line(&hint, &len));) {
        MUST(line >= data && line + len <= data + size && !memchr(line, '\n', len));
        try_line(line, len);
    }
    return 0;
}
