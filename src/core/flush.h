/* From the state to a shared repository, and out of the state when nobody is there: claim a
 * project that is due → its dirty files → read and fold each → save → tell the state what is saved
 * → when nothing is dirty and nobody is there, unload it and release it in the repository. Whoever
 * claims does it, whether or not a room of it is open here. Nothing of this happens without a
 * shared repository.
 *
 * An embedded state (state.h) has it too, but for the unloading: there the room, if any, is told
 * here what is saved, and a project is first looked at in the repository, where it may be another
 * server's. */
#ifndef WEFT_CORE_FLUSH_H
#define WEFT_CORE_FLUSH_H

#include "weft/core/registry.h"

struct registry;

void flush_init(struct registry *registry);
void flush_tick(struct registry *registry);
void flush_close(struct registry *registry);
/* Of a drain: is what those who left changed saved, or left to other instances? */
bool flush_is_done(const struct registry *registry);

void flush_claimed(struct registry *registry, const struct state_claimed *answer);
/* The answer to an open that a flush asked for; false where it is not a flush's. */
bool flush_opened(struct registry *registry, const struct state_opened *answer);
void flush_dirty(struct registry *registry, const struct state_dirty *answer);
void flush_rows(struct registry *registry, const struct state_rows *answer);
void flush_saved(struct registry *registry, const struct state_saved *answer);
void flush_unloaded(struct registry *registry, const struct state_unloaded *answer);
void flush_stored(struct registry *registry, const struct repository_saved *answer);
void flush_released(struct registry *registry, const struct repository_done *answer);
/* False where it is not a flush's. */
bool flush_loaded(struct registry *registry, const struct repository_loaded *answer);
bool flush_created(struct registry *registry, const struct repository_done *answer);
bool flush_begun(struct registry *registry, const struct repository_done *answer);

#endif
