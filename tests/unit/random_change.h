/* Random texts and changes of tests: short, so that two of them meet in every way. */
#ifndef RANDOM_CHANGE_H
#define RANDOM_CHANGE_H

#include "check.h"
#include "weft/base/buf.h"
#include "weft/base/utf.h"
#include "weft/text/change.h"

enum alphabet { ASCII = 4, UNICODE = 7 };

/* Returns a text of up to `most` characters; the caller closes it. */
CHECK_UNUSED static struct buf random_text(uint64_t *random, enum alphabet alphabet, size_t most)
{
    static const char *const characters[] = {"a", "b", "c", "\n", "\u00e9", "\u6f22", "\U0001f600"};
    struct buf text = BUF_EMPTY;
    buf_add(&text, "", 0);
    for (size_t i = check_random(random) % (most + 1); i > 0; i--)
        buf_add_text(&text, characters[check_random(random) % alphabet]);
    return text;
}

/* Returns a new change of a text of len units in up to `most` parts, neighbours of one kind among
 * them, as a message may have. What it inserts is its own, so that a text tells who put what where.
 */
CHECK_UNUSED static struct change *random_change_of(uint64_t *random, enum alphabet alphabet,
                                                    size_t len, size_t most)
{
    struct change_builder *builder = change_builder_new();
    enum err err = ERR_OK;
    while (!err && (len > 0 || check_random(random) % 3 == 0) && most-- > 0) {
        size_t units = check_random(random) % (len + 1);
        if (units > 4 && (most > 10 || check_random(random) % 4))
            units = 1 + units % 4;
        struct buf text = random_text(random, alphabet, 2);
        unsigned kind = (unsigned)(check_random(random) % 4);
        if (kind < 2 && units > 0)
            err = change_builder_keep(builder, units);
        else if (kind == 2 && units > 0)
            err = change_builder_replace(builder, units, NULL, 0);
        else if (units > 0 || text.len > 0)
            err = change_builder_replace(builder, units, text.data, text.len);
        if (kind >= 2 || units > 0)
            len -= units;
        buf_close(&text);
    }
    if (!err && len > 0)
        err = change_builder_keep(builder, len);
    CHECK(err == ERR_OK);
    struct change *change = change_builder_finish(builder);
    change_builder_free(builder);
    return change;
}

CHECK_UNUSED static struct change *random_change(uint64_t *random, size_t len)
{
    return random_change_of(random, UNICODE, len, 6);
}

/* One that a change after it may cut wherever it likes. */
CHECK_UNUSED static struct change *random_ascii_change(uint64_t *random, size_t len)
{
    return random_change_of(random, ASCII, len, 6);
}

#endif
