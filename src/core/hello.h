/* From hello to welcome: identity, resume, the room, creation from a template, missed events. */
#ifndef WEFT_CORE_HELLO_H
#define WEFT_CORE_HELLO_H

#include "room.h"

struct registry;

/* The first message of a session. The session is closed where it is refused. */
void hello_receive(struct session *session, const struct message *message);
void hello_opened(struct room *room, struct session *session, const struct state_opened *answer);
void hello_created(struct session *session, const struct state_created *answer);
/* Asks the state to let it in, in the room that its project has now; again, too. */
void hello_ask(struct session *session);
/* Moves the session to the room that its project has now. */
struct room *hello_enter(struct session *session);
/* Ends it with an error, before welcome. */
void hello_refuse(struct session *session, enum err code, const char *why);
/* It is gone, before welcome. */
void hello_left(struct session *session);
void hello_events(struct room *room, struct session *session, const struct state_events *answer);

#endif
