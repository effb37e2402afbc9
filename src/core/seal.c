#include "seal.h"
#include "root.h"
#include "weft/base/blob.h"
#include <inttypes.h>

_Static_assert(HINT_SEAL_SIZE == SIGNER_TEXT_SIZE, "a seal is what a signer makes");

/* None of the words before the body can hold a line break. */
static void begin(struct buf *text, const struct room *room, uint64_t f, uint64_t version)
{
    buf_printf(text, "edits\n%s\n%s\n%" PRIu64 "\n%" PRIu64, room->project, room->epoch, f,
               version);
}

bool seal_make(const struct room *room, const struct state_append *append, char out[HINT_SEAL_SIZE])
{
    struct buf text = BUF_EMPTY;
    begin(&text, room, append->f, append->expect + append->count);
    size_t head = text.len;
    for (size_t i = 0; i < append->count && text.len - head <= HINT_BODY_MAX; i++) {
        buf_add_char(&text, '\n');
        buf_add(&text, append->entries[i].message->data, append->entries[i].message->len);
    }
    bool fits = text.len - head - 1 <= HINT_BODY_MAX;
    if (fits)
        signer_sign(room->registry->signer, text.data, text.len, out);
    buf_close(&text);
    return fits;
}

bool seal_holds(const struct room *room, const struct hint *hint)
{
    struct buf text = BUF_EMPTY;
    if (!hint->seal[0])
        return false;
    begin(&text, room, hint->a, hint->b);
    buf_add_char(&text, '\n');
    buf_add(&text, hint->body, hint->len);
    bool holds = signer_verify(room->registry->signer, text.data, text.len, hint->seal);
    buf_close(&text);
    return holds;
}
