/* The order of edits, from a client's message to the log and back (architecture §3). */
#ifndef WEFT_CORE_EDITS_H
#define WEFT_CORE_EDITS_H

#include "file.h"
#include "weft/protocol/message.h"

/* An edit message of a session, validated and queued; the error where it is refused. A duplicate is
 * ERR_OK and nothing more. */
ERR_CHECKED enum err edits_accept(struct session *session, struct file *file,
                                  const struct message *message, struct error *error);
/* Sends what waits as one batch, unless one is under way. */
void edits_send(struct file *file);
/* The state's answer to an append. */
void edits_appended(struct file *file, const struct state_appended *answer);
/* Removes what waits of a cid whose connection was taken over. */
void edits_fence(struct room *room, uint64_t cid);
/* Answers every waiting edit with an error and forgets it. */
void edits_drop_all(struct file *file, enum err code, const char *why);
/* Has this cid edits that are not in the log yet? */
bool edits_waiting(const struct file *file, uint64_t cid);

#endif
