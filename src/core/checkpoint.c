#include "checkpoint.h"
#include "room.h"
#include "root.h"
#include "weft/base/mem.h"
#include "weft/text/rope.h"
#include <stdlib.h>

#define EVERY_MS 1000u
#define BYTES_PER_MS                                                                               \
    512u /* a large text is written less often: some 512 KiB a second of one file */
#define ROOM_BYTES (4u << 20) /* of one room at once */

static bool is_due(const struct file *file, uint64_t now_ms)
{
    return file->phase == FILE_OPEN && file->checkpoint.is_ours && !file->checkpoint.under_way &&
           now_ms >= file->checkpoint.due_ms &&
           document_version(file->document) > file->checkpoint.version;
}

static size_t write(struct file *file, uint64_t now_ms)
{
    struct room *room = file->room;
    struct state *state = room->registry->state;
    const struct rope *rope = document_rope(file->document);
    size_t len = rope_len(rope);
    char *text = mem_alloc(len + 1);
    rope_copy(rope, text);
    text[len] = '\0';
    struct state_ticket ticket = room_ticket(room, 0);
    struct state_checkpoint checkpoint = {file->f, document_version(file->document), text, len,
                                          rope_utf16_len(rope)};
    file->checkpoint.under_way = true;
    file->checkpoint.is_ours = false;
    file->checkpoint.due_ms = now_ms + EVERY_MS + len / BYTES_PER_MS;
    room->pending++;
    room->registry->counts.checkpoints++;
    state->ops->checkpoint(state, &ticket, &checkpoint);
    free(text);
    return len;
}

void checkpoint_tick(struct room *room, uint64_t now_ms)
{
    struct map_iter iter = {0};
    size_t bytes = 0;
    while (bytes < ROOM_BYTES && map_next(&room->files, &iter))
        if (is_due(iter.value, now_ms))
            bytes += write(iter.value, now_ms);
}

void checkpoint_answered(struct file *file, const struct state_checkpointed *answer)
{
    file->checkpoint.under_way = false;
    if (room_upset(file->room, answer->result))
        return;
    if (answer->result == STATE_BUSY)
        file->checkpoint.is_ours = true;
    else if (answer->version > file->checkpoint.version)
        file->checkpoint.version = answer->version;
}
