/* Two changes, one after the other, as one.
 *
 * compose walks the text between them, which A made and B found. A piece of it was kept or inserted
 * by A and is kept or deleted by B. What touches becomes one part as long as it belongs together:
 * the part is *open* while text of A or a deletion of B goes on behind it. So a word typed letter
 * by letter is one insertion, and a selection typed over is one replacement.
 *
 * Pairs are checked here too, because the boundaries of a list's later changes lie in texts that
 * only the composition of the earlier ones describes. */
#include "change_parts.h"
#include "weft/base/utf.h"
#include "weft/text/rope.h"

#include <assert.h>
#include <string.h>

struct side {
    const struct part *part;
    const struct part *end;
    const char *text; /* of the part, what is ahead */
    size_t bytes;
    uint32_t left; /* units of the middle text that are ahead */
    bool fresh;    /* nothing of the part was used */
    bool first;    /* it is the change that was made first */
};

struct work {
    struct part_list parts;
    struct buf text;
    bool open;
};

static void side_enter(struct side *side)
{
    side->fresh = true;
    side->left = 0;
    side->bytes = 0;
    if (side->part == side->end)
        return;
    const struct part *part = side->part;
    side->left = side->first && part->ins >= 0 ? (uint32_t)part->ins : part->len;
    side->bytes = part->bytes;
}

static struct side side_of(const struct change *change, bool first)
{
    struct side side = {.part = change->parts,
                        .end = change->parts + change->count,
                        .text = change_text(change),
                        .first = first};
    side_enter(&side);
    return side;
}

static void side_next(struct side *side)
{
    side->text += side->bytes;
    side->part++;
    side_enter(side);
}

/* Passes units of the middle text, and bytes of text with them. */
static void side_go(struct side *side, uint32_t units, size_t bytes)
{
    side->fresh = false;
    side->left -= units;
    side->text += bytes;
    side->bytes -= bytes;
    if (side->left == 0)
        side_next(side);
}

/* Returns true where the part is new, not a continuation. */
static bool add(struct work *work, struct part part, const char *text)
{
    buf_add(&work->text, text, part.bytes);
    if (!work->open)
        return part_list_add(&work->parts, part);
    struct part *last = &work->parts.parts[work->parts.count - 1];
    assert(part.ins >= 0 && last->ins >= 0);
    last->len += part.len;
    last->ins += part.ins;
    last->bytes += part.bytes;
    return false;
}

/* The next piece of the middle text, at which both stand. */
static void add_piece(struct work *work, struct side *a, struct side *b)
{
    uint32_t units = a->left < b->left ? a->left : b->left;
    bool inserted = a->part->ins >= 0, deleted = b->part->ins >= 0;
    size_t bytes = inserted ? utf8_offset(a->text, a->bytes, units) : 0;
    struct part part = {units, PART_KEEPS, 0};
    const char *text = a->text;
    if (inserted)
        part = (struct part){a->fresh ? a->part->len : 0, (int32_t)units, (uint32_t)bytes};
    if (deleted) {
        part.ins = b->fresh ? b->part->ins : 0;
        part.bytes = b->fresh ? b->part->bytes : 0;
        text = b->text;
    }
    bool began = add(work, part, text);
    bool goes_on = (inserted && a->left > units) || (deleted && b->left > units);
    work->open = goes_on && (work->open || began);
    side_go(a, units, bytes);
    side_go(b, units, 0);
}

static void walk(struct work *work, struct side a, struct side b)
{
    while (a.part < a.end || b.part < b.end) {
        if (a.part < a.end && a.part->ins == 0) {
            add(work, (struct part){a.part->len, 0, 0}, a.text);
            side_next(&a);
        } else if (b.part < b.end && b.part->len == 0) {
            add(work, *b.part, b.text);
            side_next(&b);
        } else {
            add_piece(work, &a, &b);
        }
    }
}

struct change *change_compose(const struct change *a, const struct change *b)
{
    assert(a->len_after == b->len_before);
    if (change_is_empty(a))
        return change_ref(b);
    if (change_is_empty(b))
        return change_ref(a);
    struct work work = {.text = BUF_EMPTY, .open = false};
    part_list_init(&work.parts, (size_t)a->count + (size_t)b->count);
    walk(&work, side_of(a, true), side_of(b, false));
    char *text;
    struct change *change = change_new(work.parts.parts, work.parts.count, work.text.len, &text);
    if (work.text.len > 0)
        memcpy(text, work.text.data, work.text.len);
    part_list_close(&work.parts);
    buf_close(&work.text);
    assert(change->len_before == a->len_before && change->len_after == b->len_after);
    return change;
}

/* Finds rising positions of the text that `done` makes of the rope's. */
struct tracer {
    const struct rope *rope;
    const struct part *part;
    const struct part *end;
    const char *text; /* of the part, from unit `passed` on */
    size_t bytes;
    size_t passed;
    size_t old; /* where the part starts in the rope's text */
    size_t new; /* and in done's */
};

static struct tracer tracer_of(const struct change *done, const struct rope *rope)
{
    struct tracer tracer = {.rope = rope};
    if (done) {
        tracer.part = done->parts;
        tracer.end = done->parts + done->count;
        tracer.text = change_text(done);
        tracer.bytes = done->count > 0 ? done->parts[0].bytes : 0;
    }
    return tracer;
}

static size_t new_len(const struct part *part)
{
    return part->ins < 0 ? part->len : (size_t)part->ins;
}

static void tracer_next(struct tracer *tracer)
{
    tracer->old += tracer->part->len;
    tracer->new += new_len(tracer->part);
    tracer->text += tracer->bytes;
    tracer->part++;
    tracer->passed = 0;
    tracer->bytes = tracer->part < tracer->end ? tracer->part->bytes : 0;
}

static bool tracer_splits_pair(struct tracer *tracer, size_t at)
{
    while (tracer->part < tracer->end && at >= tracer->new + new_len(tracer->part))
        tracer_next(tracer);
    if (tracer->part == tracer->end || tracer->part->ins < 0)
        return rope_splits_pair(tracer->rope, tracer->old + (at - tracer->new));
    size_t units = at - tracer->new - tracer->passed;
    size_t bytes = utf8_offset(tracer->text, tracer->bytes, units);
    size_t whole = utf8_utf16_len(tracer->text, bytes);
    tracer->text += bytes;
    tracer->bytes -= bytes;
    tracer->passed += whole;
    return whole < units;
}

/* change applies to what done, NULL for nothing, makes of the rope's text. */
static bool splits_pair_after(const struct change *done, const struct change *change,
                              const struct rope *rope)
{
    struct tracer tracer = tracer_of(done, rope);
    size_t at = 0;
    for (uint32_t i = 0; i < change->count; i++) {
        at += change->parts[i].len;
        if (tracer_splits_pair(&tracer, at))
            return true;
    }
    return false;
}

bool change_splits_pair(const struct change *change, const struct rope *rope)
{
    if (rope_len(rope) == rope_utf16_len(rope))
        return false; /* all ASCII */
    return splits_pair_after(NULL, change, rope);
}

bool change_list_splits_pair(struct change *const *list, size_t count, const struct rope *rope)
{
    struct change *done = NULL;
    bool splits = count > 0 && change_splits_pair(list[0], rope);
    for (size_t i = 1; i < count && !splits; i++) {
        struct change *more = done ? change_compose(done, list[i - 1]) : change_ref(list[0]);
        change_unref(done);
        done = more;
        splits = splits_pair_after(done, list[i], rope);
    }
    change_unref(done);
    return splits;
}
