/* At most one read is under way per file. What is heard of meanwhile may have been logged after it
 * was made, so it is followed by another one. Entries are taken by version: those that the replica
 * has, by a hint or by an append that was answered meanwhile, are passed over.
 *
 * Anybody may forge hints: a read for one that brings nothing is followed by no other one for a
 * hint, for LEAST_MS. One that brings something says that hints are true, and the next is free. */
#include "catchup.h"
#include "batch.h"
#include "edits.h"
#include "opens.h"
#include "poll.h"
#include "room.h"
#include "root.h"
#include "tree.h"
#include "weft/base/log.h"
#include <inttypes.h>

#define LEAST_MS 20u

static void read_on(struct file *file)
{
    file->catchup.again = false;
    file->catchup.hinted = 0;
    file->catchup.id = registry_id(file->room->registry);
    file->room->registry->counts.catchups++;
    file_read(file, file->catchup.id, false, document_version(file->document));
}

void catchup_start(struct file *file)
{
    file->catchup.again = file->phase != FILE_CLOSED;
    if (file->phase == FILE_OPEN && !file->catchup.id && !file->is_retrying)
        read_on(file);
}

void catchup_hinted(struct file *file, uint64_t version)
{
    uint64_t now_ms = file->room->registry->now_ms;
    if (file->catchup.id) {
        if (file->catchup.hinted < version)
            file->catchup.hinted = version;
    } else if (now_ms >= file->catchup.due_ms) {
        file->catchup.due_ms = now_ms + LEAST_MS;
        catchup_start(file);
    } else {
        poll_want(file->room);
    }
}

void catchup_since(struct file *file, uint64_t since)
{
    if (file->catchup.id <= since)
        catchup_start(file);
}

bool catchup_is_fresh(const struct file *file, uint64_t since)
{
    return !file->room->registry->state->is_shared || file->read_id > since;
}

/* False where the log does not fit the replica. */
static bool take(struct file *file, const struct state_rows *rows, uint64_t first)
{
    for (size_t i = 0; i < rows->entry_count; i++)
        if (first + i > document_version(file->document) && batch_take(file, rows->entries[i]))
            return false;
    return document_version(file->document) >= rows->version;
}

/* What was heard of during a read that is answered. */
static void go_on(struct file *file)
{
    if (file->catchup.again)
        read_on(file);
    else if (file->catchup.hinted > document_version(file->document))
        catchup_hinted(file, file->catchup.hinted);
}

static void caught(struct file *file, const struct state_rows *rows)
{
    uint64_t first = rows->version - rows->entry_count + 1;
    uint64_t had = document_version(file->document);
    file->tries = 0;
    if (rows->entry_count > rows->version || !take(file, rows, first)) {
        log_error("the log does not fit the replica project=%s f=%" PRIu64, file->room->project,
                  file->f);
        file_reset(file);
        return;
    }
    if (file->rev < rows->rev)
        file->rev = rows->rev;
    file->read_id = rows->request;
    if (document_version(file->document) > had)
        file->catchup.due_ms = 0;
    go_on(file);
    catchup_moved(file);
}

void catchup_rows(struct file *file, const struct state_rows *rows)
{
    file->catchup.id = 0;
    switch (rows->result) {
    case STATE_OK:
        caught(file, rows);
        break;
    case STATE_TRIMMED:
        file_reset(file);
        break;
    case STATE_GONE:
    case STATE_NO_FILE:
        opens_refuse(file, ERR_GONE);
        tree_catch_up(file->room);
        break;
    case STATE_BUSY:
        file->catchup.again = true;
        file_retry_later(file);
        break;
    default:
        log_error("log cannot be read project=%s f=%" PRIu64 " problem=\"%s\"", file->room->project,
                  file->f, rows->problem ? rows->problem : "");
        opens_refuse(file, ERR_INTERNAL);
    }
}

void catchup_moved(struct file *file)
{
    edits_resolve_shorts(file);
    opens_serve(file);
}
