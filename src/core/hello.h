/* From hello to welcome: identity, resume, the room, creation from a template, missed events. */
#ifndef WEFT_CORE_HELLO_H
#define WEFT_CORE_HELLO_H

#include "room.h"

/* The first message of a session. The session is closed where it is refused. */
void hello_receive(struct session *session, const struct message *message);
void hello_opened(struct room *room, struct session *session, const struct state_opened *answer);
void hello_created(struct session *session, const struct state_created *answer);
void hello_events(struct room *room, struct session *session, const struct state_events *answer);

#endif
