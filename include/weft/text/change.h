/* A change set in the sense of CodeMirror (docs/protocol.md, "Change sets"): an immutable list of
 * parts that keeps, deletes and inserts, over a text of exactly change_len_before() UTF-16 units.
 * Parts are significant (rule R2): a change stays as it was built, part for part, and what
 * change_map() makes of it is exactly what CodeMirror makes of it. change_compose() is for things
 * not yet sent and for display only.
 *
 * Inserted text is UTF-8 with '\n' line breaks; a line break is one unit. Values are counted by
 * reference; pure functions, one thread at a time per value.
 *
 * The order of insertions at one place follows mapSet of @codemirror/state 6.7: the change with the
 * lower start first; at one start the one that deletes fewer units; at the same deleted length the
 * other one (b) first, unless `before`. */
#ifndef WEFT_TEXT_CHANGE_H
#define WEFT_TEXT_CHANGE_H

#include "weft/base/buf.h"
#include "weft/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct change;
struct rope;

#define CHANGE_LEN_MAX 0x7fffffffu /* units on either side; more is ERR_TOO_BIG */

/* Built part by part, in order. After an error the builder is to be freed. */
struct change_builder;
struct change_builder *change_builder_new(void);
void change_builder_free(struct change_builder *builder);
/* Keep units > 0. */
ERR_CHECKED enum err change_builder_keep(struct change_builder *builder, uint64_t units);
/* Delete del ≥ 0 units and insert text (borrowed, valid UTF-8 without '\r', with '\n' as line
 * break). An empty text is none, so that `[d,""]` is `[d]`. del 0 without text is ERR_BAD_CHANGE.
 */
ERR_CHECKED enum err change_builder_replace(struct change_builder *builder, uint64_t del,
                                            const char *text, size_t len);
/* Returns a new change and empties the builder for the next one. */
struct change *change_builder_finish(struct change_builder *builder);

struct change *change_ref(const struct change *change);
void change_unref(const struct change *change); /* NULL is allowed */

size_t change_len_before(const struct change *change);
size_t change_len_after(const struct change *change);
size_t change_parts(const struct change *change);
size_t change_inserted_bytes(const struct change *change);
bool change_does_nothing(const struct change *change); /* keeps all */
bool change_equal(const struct change *a, const struct change *b);

/* Each returns a new change, or another reference to the one given where the other does nothing.
 * Lengths must agree: len_before(a) == len_before(b) for map, len_after(a) == len_before(b) for
 * compose (asserted; check input first). A piece of a's text that b cuts inside a surrogate pair
 * loses that character. */
struct change *change_map(const struct change *a, const struct change *b, bool before);
struct change *change_compose(const struct change *a, const struct change *b);

/* A position through the change; assoc < 0 stays before an insertion at it, ≥ 0 goes behind it. A
 * position inside deleted text goes to the place of the deletion (mapPos of CodeMirror, default
 * mode). */
size_t change_map_pos(const struct change *change, size_t pos, int assoc);

/* One replacement `del units at unit `at` by text` over a text of len units, as CodeMirror would
 * build it: keeps before and behind only where they are > 0. */
struct change *change_splice(size_t len, size_t at, size_t del, const char *text, size_t text_len);

/* Applies to a text of len_before units, none of whose pairs it splits. */
void change_apply(const struct change *change, struct rope *rope);
/* Does a boundary of the change fall inside a surrogate pair of the text it applies to? */
bool change_splits_pair(const struct change *change, const struct rope *rope);
/* The same for a list of consecutive changes, the first of which applies to the rope's text; the
 * rope is not touched. */
bool change_list_splits_pair(struct change *const *list, size_t count, const struct rope *rope);

/* Appends the JSON form: [3,[2,"line","line"],[1],4]. */
void change_print(const struct change *change, struct buf *out);

/* Maps list (count consecutive changes) over x in place, rule "Lists" of the protocol: for each a
 * in list: (a, x) = (a.map(x), x.map(a, true)). Borrows x; the list's old values are given back.
 * *rest, where it is wanted, becomes a new change: x as it stands behind the list. */
void change_list_map(struct change **list, size_t count, const struct change *x,
                     struct change **rest);

#endif
