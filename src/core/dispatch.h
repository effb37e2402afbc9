/* From a frame to the handler of each message: a table by type. Handlers return codes; only this
 * turns them into messages. */
#ifndef WEFT_CORE_DISPATCH_H
#define WEFT_CORE_DISPATCH_H

struct session;

/* The session is live: handles the frames that came while it was joining, and forgets its greeting.
 */
void dispatch_kept(struct session *session);

#endif
