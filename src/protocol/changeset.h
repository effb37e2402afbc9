/* The JSON form of a change set, strictly: [keep, [delete, "line", …], …]. A client's editor
 * accepts negative, fractional and empty parts and line breaks inside a line; this is the only
 * guard. */
#ifndef CHANGESET_H
#define CHANGESET_H

#include "weft/base/buf.h"
#include "weft/base/err.h"
#include "weft/text/change.h"

#include <jansson.h>

/* Memory that is used again for each change set, and the limits of one. Caller's storage. */
struct changeset_reader {
    struct change_builder *builder;
    struct buf lines; /* of a part that has several, joined */
    size_t parts_most;
    size_t insert_most; /* bytes of all parts together */
};

void changeset_reader_init(struct changeset_reader *reader, size_t parts_most, size_t insert_most);
void changeset_reader_close(struct changeset_reader *reader);

/* Returns in *out a new change; parts is an array. A '\n' inside a line splits it, which changes no
 * length. ERR_BAD_CHANGE, ERR_BAD_TEXT ('\r'), ERR_TOO_MANY (parts), ERR_TOO_BIG (insert). */
ERR_CHECKED enum err changeset_read(struct changeset_reader *reader, const json_t *parts,
                                    struct change **out, struct error *error);

#endif
