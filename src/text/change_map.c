/* What a change becomes after another one, and what a position becomes.
 *
 * map walks the text that both changes start from, both at the same place, from one border to the
 * next. Between borders each side keeps or deletes all, and four cases say what is left of A:
 *
 *                    B keeps            B deletes
 *     A keeps        keep               nothing: it is gone
 *     A deletes      delete             nothing: it is gone
 *
 * Inserted text has no extent in the old text and needs an order instead. B's text becomes
 * something that A keeps. A's text goes where A's edit begins; since the place may be gone, A
 * *owes* its text from there on, and pays with the first piece that it still deletes (one part: a
 * replacement), or alone, where A's edit ends or where text of B that has to stand behind it is
 * next. A piece of A's deletion continues the part before it as long as no text of B came between.
 *
 * All of A's text is in the result and in A's order, so it is copied as a whole. */
#include "change_parts.h"

#include <assert.h>
#include <string.h>

/* One side of the walk. */
struct side {
    const struct part *part;
    const struct part *end;
    uint32_t left; /* units of the part that are ahead */
    bool owes;     /* the part has text that was not dealt with */
};

static inline void side_enter(struct side *side)
{
    if (side->part < side->end) {
        side->left = side->part->len;
        side->owes = side->part->ins > 0;
    } else {
        side->left = 0;
        side->owes = false;
    }
}

static inline struct side side_of(const struct change *change)
{
    struct side side = {change->parts, change->parts + change->count, 0, false};
    side_enter(&side);
    return side;
}

static inline void side_go(struct side *side, uint32_t units)
{
    side->left -= units;
    if (side->left == 0) {
        side->part++;
        side_enter(side);
    }
}

static inline bool side_deletes(const struct side *side)
{
    return side->part->ins >= 0;
}

/* Both owe text: does A's stand before B's? B's edit begins here, A's here or earlier. */
static inline bool goes_first(const struct side *a, const struct side *b, bool before)
{
    if (a->left < a->part->len)
        return true;
    return a->left < b->left || (a->left == b->left && before);
}

/* A's text alone, without a deletion. */
static inline void pay(struct side *a, struct part_list *out)
{
    part_list_add(out, (struct part){0, a->part->ins, a->part->bytes});
    a->owes = false;
}

/* B's text, or A's that has to stand before it. Returns true where B's was next. */
static inline bool place_text(struct side *a, struct side *b, bool before, struct part_list *out)
{
    bool of_b = !(a->owes && goes_first(a, b, before));
    if (of_b) {
        part_list_add(out, (struct part){(uint32_t)b->part->ins, PART_KEEPS, 0});
        b->owes = false;
    } else {
        pay(a, out);
    }
    struct side *side = of_b ? b : a;
    if (side->left == 0)
        side_go(side, 0);
    return of_b;
}

/* A piece that A deletes and that is still there. */
static inline void delete_piece(struct side *a, uint32_t units, bool joins, struct part_list *out)
{
    if (joins)
        out->parts[out->count - 1].len += units;
    else if (a->owes)
        part_list_add(out, (struct part){units, a->part->ins, a->part->bytes});
    else
        part_list_add(out, (struct part){units, 0, 0});
    a->owes = false;
}

static void walk(struct side a, struct side b, bool before, struct part_list *out)
{
    bool joins = false; /* the last part out is the beginning of A's present deletion */
    for (;;) {
        if (b.owes) {
            if (place_text(&a, &b, before, out))
                joins = false;
            continue;
        }
        if (a.part == a.end)
            return;
        uint32_t units = a.left < b.left ? a.left : b.left;
        bool gone = units > 0 && side_deletes(&b);
        bool ends = units == a.left;
        if (!side_deletes(&a)) {
            if (!gone)
                part_list_add(out, (struct part){units, PART_KEEPS, 0});
        } else if (!gone && units > 0) {
            delete_piece(&a, units, joins, out);
            joins = true;
        }
        if (ends && a.owes)
            pay(&a, out);
        joins = joins && !ends;
        side_go(&a, units);
        if (units > 0)
            side_go(&b, units);
    }
}

struct change *change_map(const struct change *a, const struct change *b, bool before)
{
    assert(a->len_before == b->len_before);
    if (change_is_empty(b))
        return change_ref(a);
    struct part_list out;
    /* Every step adds one part at most, and ends a part of A or of B, places a text of B, or pays
     * before a text of B. */
    part_list_init(&out, (size_t)a->count + 3 * (size_t)b->count);
    walk(side_of(a), side_of(b), before, &out);
    char *text;
    struct change *change = change_new(out.parts, out.count, a->text_len, &text);
    memcpy(text, change_text(a), a->text_len);
    part_list_close(&out);
    assert(change->len_before == b->len_after);
    return change;
}

void change_list_map(struct change **list, size_t count, const struct change *x,
                     struct change **rest)
{
    struct change *over = change_ref(x);
    for (size_t i = 0; i < count; i++) {
        struct change *a = list[i];
        list[i] = change_map(a, over, false);
        if (rest || i + 1 < count) {
            struct change *next = change_map(over, a, true);
            change_unref(over);
            over = next;
        }
        change_unref(a);
    }
    if (rest)
        *rest = over;
    else
        change_unref(over);
}

size_t change_map_pos(const struct change *change, size_t pos, int assoc)
{
    assert(pos <= change->len_before);
    size_t old = 0, new = 0;
    for (uint32_t i = 0; i < change->count; i++) {
        const struct part *part = &change->parts[i];
        size_t end = old + part->len;
        if (part->ins < 0) {
            if (pos < end)
                return new + (pos - old);
            new += part->len;
        } else {
            bool stays = part->len == 0 && pos == end && assoc < 0;
            if (stays || pos < end)
                return pos == old || assoc < 0 ? new : new + (size_t)part->ins;
            new += (size_t)part->ins;
        }
        old = end;
    }
    return new;
}
