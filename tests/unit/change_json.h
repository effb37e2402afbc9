/* Change sets of tests: from and to their JSON form, and applied to plain strings. */
#ifndef CHANGE_JSON_H
#define CHANGE_JSON_H

#include "check.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"

#include <jansson.h>

/* Returns a new change of [3,[2,"line","line"],[1],4], or NULL where builder refused a part. */
CHECK_UNUSED static struct change *change_of_json(const json_t *json)
{
    struct change_builder *builder = change_builder_new();
    size_t i, k;
    json_t *part, *line;
    enum err err = ERR_OK;
    json_array_foreach(json, i, part)
    {
        if (json_is_integer(part)) {
            err = change_builder_keep(builder, (uint64_t)json_integer_value(part));
        } else {
            struct buf text = BUF_EMPTY;
            json_array_foreach(part, k, line)
            {
                if (k > 1)
                    buf_add_char(&text, '\n');
                if (k > 0)
                    buf_add(&text, json_string_value(line), json_string_length(line));
            }
            uint64_t del = (uint64_t)json_integer_value(json_array_get(part, 0));
            err = change_builder_replace(builder, del, text.data, text.len);
            buf_close(&text);
        }
        if (err)
            break;
    }
    struct change *change = err ? NULL : change_builder_finish(builder);
    change_builder_free(builder);
    return change;
}

CHECK_UNUSED static struct change *change_of(const char *text)
{
    json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL);
    struct change *change = change_of_json(json);
    json_decref(json);
    return change;
}

/* Gives change back, and checks what it was. */
CHECK_UNUSED static void check_change_(int line, struct change *change, const char *expected)
{
    struct buf out = BUF_EMPTY;
    change_print(change, &out);
    if (strcmp(out.data, expected) != 0)
        check_fail(__FILE__, line, "the change is %s, not %s", out.data, expected);
    buf_close(&out);
    change_unref(change);
}
#define CHECK_CHANGE(change, expected) check_change_(__LINE__, (change), (expected))

/* What change makes of text; the caller closes *out. */
CHECK_UNUSED static void text_after(const struct change *change, const char *text, size_t len,
                                    struct buf *out)
{
    struct rope *rope = rope_new(text, len);
    change_apply(change, rope);
    buf_init(out);
    rope_copy(rope, buf_reserve(out, rope_len(rope)));
    out->len = rope_len(rope);
    out->data[out->len] = '\0';
    rope_free(rope);
}

#endif
