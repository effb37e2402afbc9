/* A client's edit, from its message to the file's waiting list (docs/protocol.md, section 5). */
#ifndef WEFT_CORE_EDITS_H
#define WEFT_CORE_EDITS_H

#include "file.h"
#include "weft/protocol/message.h"
#include "weft/text/change.h"

/* An edit message of a session, validated and queued; the error where it is refused. A duplicate is
 * ERR_OK and nothing more. */
ERR_CHECKED enum err edits_accept(struct session *session, struct file *file,
                                  const struct message *message, struct error *error);
/* The edit of a query: queued, and query_amended() called when it is in the log, with *v 0; or *v
 * is the version that has it, or all that it would change, already. Nothing was done where it is an
 * error. */
struct query;
ERR_CHECKED enum err edits_amend(struct file *file, const struct query *query, uint64_t *v);
/* Has this cid edits that are not in the log yet? */
bool edits_waiting(const struct file *file, uint64_t cid);
/* Takes the short forms whose author has nothing else waiting any more. */
void edits_resolve_shorts(struct file *file);

/* Maps the edit and its selection over one logged entry. */
void edit_map(struct edit *edit, const struct change *x);
/* Frees an edit that was taken and is in no list: it is in the log, or will not be. */
void edit_end(struct file *file, struct edit *edit);
/* Answers its author, if still here, with the error, and ends the subscription. */
void edit_refuse(struct file *file, const struct edit *edit, enum err code, const char *why);
/* The caller's to free; NULL of NULL. */
struct selection *edit_copy_selection(const struct selection *sel);

#endif
