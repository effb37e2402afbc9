/* What instances tell each other on a project's channel: one line of words, then JSON texts as they
 * stand in the log or go to clients, each on a line of its own. Made by core, and by the scripts of
 * the shared state (src/io/redis/), which print the same form.
 *
 *     <kind> <epoch> <tick> <instance> <a> <b>[ <seal>]\n<line>\n<line>…
 *
 * A hint is nothing to rely on: anybody may forge, lose, double or delay it. Whoever receives one
 * compares epoch and version, and asks the state where in doubt. The tick counts the changes of the
 * project, so that a hint that was lost is noticed by the next one, and the last one by a poll.
 *
 * The seal stands on edits: made by the instance that appends, with the servers' key, over project,
 * epoch, file, last version and lines, given to the state with the append, and printed by its
 * script as it came. Entries under a seal that holds are those of the log; all others are read from
 * the log (docs/decisions/0009-sealed-hints.md). */
#ifndef WEFT_CORE_HINT_H
#define WEFT_CORE_HINT_H

#include "weft/base/buf.h"
#include "weft/core/state.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HINT_BODY_MAX 65536u /* bytes; more is not sent: who needs it reads it from the state */

#define HINT_SEAL_SIZE 44u /* with the NUL; letters, digits, '-' and '_' */

enum hint_kind {
    HINT_EDITS,    /* a: file, b: the version after the last; lines: the entries, or none */
    HINT_EVENT,    /* a: e; line: the event as clients receive it, or none */
    HINT_JOIN,     /* a: cid, b: k; lines: user, name, color (-1: none) as a JSON array */
    HINT_LEAVE,    /* a: cid, b: k; left, or its lease ended */
    HINT_PRESENCE, /* lines: cursor messages; no tick (0) */
    HINT_SAVED,    /* line: the saved message */
    HINT_READY,    /* the project was loaded: open it now; a: epoch number */
    HINT_ASK,      /* offer what you have; no tick, epoch "-" */
    HINT_OUTPUT,   /* lines: what jobs print, as clients receive it; no tick */
    HINT_KINDS
};

struct hint {
    enum hint_kind kind;
    char epoch[EPOCH_SIZE];
    char instance[33];
    uint64_t tick, a, b;
    char seal[HINT_SEAL_SIZE]; /* "": none */
    const char *body;          /* borrowed; len 0: left out */
    size_t len;
};

/* Takes apart data; false where it is no hint. Body is not looked at. */
bool hint_parse(const char *data, size_t len, struct hint *out);
/* Appends the line of words; the caller appends "\n" and a JSON text for each line of the body. */
void hint_print(struct buf *out, const struct hint *hint);
/* The next line of what is left of a body, or NULL at its end. */
const char *hint_line(struct hint *hint, size_t *len);

#endif
