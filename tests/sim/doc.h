/*
 * One open file of a client: the state machine of web/client/core.js in C. What is typed and not
 * acknowledged is a list of changes, each on top of the one before; the first `sent` of them are
 * in flight.
 */
#ifndef DOC_H
#define DOC_H

#include "weft/core/state.h"
#include "weft/text/change.h"
#include "weft/text/rope.h"

#include <jansson.h>

struct client;
struct world;

#define OWN_MOST 8
#define PATH_ROOM 64
#define LIST_MOST 3

enum doc_state { DOC_OPENING, DOC_OPEN, DOC_GONE };
enum subscribed { SUB_NO, SUB_FILE, SUB_SYNCED, SUB_YES };

struct doc {
    struct client *client;
    enum doc_state state;
    uint64_t f;
    char path[PATH_ROOM];
    char ep[EPOCH_SIZE];
    uint64_t v, n;
    struct rope *base, *shown; /* at v; with all that is typed. NULL: never had */
    struct change *own[OWN_MOST];
    unsigned own_count, sent;
    uint64_t sent_n, sent_k; /* the last number in flight; the connection it was sent on */
    unsigned copies;
    uint64_t sent_us, asked_us, asked_q; /* asked_q 0: nothing asked */
    enum subscribed subscribed;
    unsigned refusals, retries;
};

void doc_close(struct doc *doc);
/* Something was typed; takes change. */
void doc_type(struct doc *doc, struct change *change);
/* Sends what waits, if nothing is in flight; or what is in flight, again. */
void doc_flush(struct doc *doc);
void doc_resend(struct doc *doc);
/* Returns the open that fits. */
json_t *doc_open(struct doc *doc, const char *ep);
void doc_unsubscribed(struct doc *doc);
bool doc_is_late(const struct doc *doc, uint64_t now_us, uint64_t heard_us);
/* Nothing of its own is under way. */
bool doc_is_idle(const struct doc *doc);

/* ---- what arrived ---- */

void doc_edit(struct doc *doc, const json_t *message);
void doc_ack(struct doc *doc, const json_t *message);
void doc_synced(struct doc *doc, const json_t *message);
void doc_file(struct doc *doc, const json_t *message);
void doc_refused(struct doc *doc, const char *code);
void doc_gone(struct doc *doc);

#endif
