#include "fold.h"
#include "weft/base/blob.h"
#include "weft/base/log.h"
#include "weft/protocol/message.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"
#include <inttypes.h>

static enum err apply(const struct fold *fold, size_t index, struct rope *rope, struct error *error)
{
    const struct blob *message = fold->entries[index];
    struct logged_edit edit;
    enum err code = decode_logged_edit(message->data, message->len, &edit, error);
    if (code)
        return code;
    if (edit.f != fold->f || edit.v != fold->version + index + 1)
        code = error_set(error, ERR_OUT_OF_ORDER, "it is version %" PRIu64 " of file %" PRIu64,
                         edit.v, edit.f);
    else if (change_len_before(edit.change) != rope_utf16_len(rope) ||
             change_splits_pair(edit.change, rope))
        code = error_set(error, ERR_BAD_CHANGE, "%s", err_text(ERR_BAD_CHANGE));
    else
        change_apply(edit.change, rope);
    change_unref(edit.change);
    return code;
}

struct rope *fold_apply(const struct fold *fold, size_t *applied)
{
    struct rope *rope = rope_new(fold->content, fold->len);
    struct error error = {ERR_OK, ""};
    *applied = 0;
    while (*applied < fold->entry_count && apply(fold, *applied, rope, &error) == ERR_OK)
        ++*applied;
    if (*applied < fold->entry_count)
        log_error("an entry of the log does not fit project=%s f=%" PRIu64 " version=%" PRIu64
                  " problem=\"%s\"",
                  fold->project, fold->f, fold->version + *applied + 1, error.text);
    return rope;
}
