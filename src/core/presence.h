/* Who is where: cursors, coalesced per tick, told to those who have the file open; that somebody
 * moved to another file is told to the whole room. Never in a log. */
#ifndef WEFT_CORE_PRESENCE_H
#define WEFT_CORE_PRESENCE_H

#include "room.h"
#include "weft/protocol/message.h"

/* A cursor message of a session; file NULL = in no file. */
void presence_move(struct session *session, struct file *file, uint64_t v,
                   const struct selection *sel);
/* The selection that rode on an edit: everybody moves it themselves; it is kept for who opens the
 * file later. */
void presence_edited(struct room *room, struct file *file, uint64_t cid, uint64_t v,
                     const struct selection *sel);
/* A cursor of somebody on another instance. */
void presence_heard(struct room *room, const struct relayed_cursor *cursor);
/* Tells another instance, which has not seen them, of all cursors here. */
void presence_show_again(struct room *room);
/* Tells the new reader where the others are in this file. */
void presence_show(struct session *session, struct file *file);
void presence_tick(struct room *room, uint64_t now_ms);

#endif
