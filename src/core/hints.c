/* A hint is believed as far as it can be without harm (docs/decisions/0009-sealed-hints.md): sealed
 * edits that are exactly the next versions are applied; a cursor is shown; who came or went is
 * shown until a poll settles it. All else asks the state: the log of the file, the events, a poll.
 */
#include "hints.h"
#include "batch.h"
#include "catchup.h"
#include "detached.h"
#include "people.h"
#include "poll.h"
#include "presence.h"
#include "seal.h"
#include "tree.h"
#include "weft/base/blob.h"
#include "weft/core/hint.h"
#include "weft/text/change.h"
#include <string.h>

/* ---- edits ---- */

static size_t count_lines(const struct hint *hint)
{
    size_t lines = hint->len > 0;
    for (size_t i = 0; i < hint->len; i++)
        lines += hint->body[i] == '\n';
    return lines;
}

/* Of a file that nobody has open here: what the tree shows of it. */
static void note_version(struct file *file, const struct hint *hint)
{
    struct hint rest = *hint;
    struct error error = {ERR_OK, ""};
    struct logged_edit edit;
    const char *line, *last = NULL;
    size_t len, last_len = 0;
    while ((line = hint_line(&rest, &len))) {
        last = line;
        last_len = len;
    }
    if (!last || decode_logged_edit(last, last_len, &edit, &error))
        return;
    file->version = hint->b;
    file->utf16_len = change_len_after(edit.change);
    change_unref(edit.change);
}

/* Applies the entries from the next version on; false where one of them does not fit. */
static bool apply(struct file *file, struct hint *hint, uint64_t first)
{
    const char *line;
    size_t len;
    for (uint64_t version = first; (line = hint_line(hint, &len)); version++) {
        if (version <= document_version(file->document))
            continue;
        struct blob *message = blob_new(line, len);
        enum err code = batch_take(file, message);
        blob_unref(message);
        if (code)
            return false;
    }
    return true;
}

static void on_edits(struct room *room, struct hint *hint)
{
    struct file *file = room_file(room, hint->a);
    if (!file || hint->b <= file_version(file))
        return;
    size_t lines = count_lines(hint);
    bool is_next = lines && lines <= hint->b && file->phase != FILE_LOADING &&
                   hint->b - lines <= file_version(file);
    if (file->phase == FILE_CLOSED) {
        if (lines && seal_holds(room, hint))
            note_version(file, hint);
    } else if (is_next && seal_holds(room, hint) && apply(file, hint, hint->b - lines + 1)) {
        catchup_moved(file);
    } else {
        room->registry->counts.hints_doubted++;
        catchup_hinted(file, hint->b);
    }
}

/* ---- the tree, people, what is saved ---- */

static void on_event(struct room *room, struct hint *hint)
{
    if (hint->a > room->e)
        tree_hinted(room, hint->a);
}

static void on_join(struct room *room, struct hint *hint)
{
    struct relayed_person words;
    struct error error = {ERR_OK, ""};
    if (hint->a == 0 || hint->a > CID_MAX || decode_person(hint->body, hint->len, &words, &error))
        return;
    const struct state_person person = {hint->a,    hint->b,    hint->instance,
                                        words.user, words.name, words.color};
    people_heard(room, &person);
    poll_want_people(room);
}

static void on_leave(struct room *room, struct hint *hint)
{
    people_gone(room, hint->a, hint->b);
    poll_want_people(room);
}

static void on_presence(struct room *room, struct hint *hint)
{
    struct relayed_cursor cursor;
    struct error error = {ERR_OK, ""};
    const char *line;
    size_t len;
    while ((line = hint_line(hint, &len)))
        if (decode_cursor(line, len, room->registry->config.limits.ranges, &cursor, &error) ==
            ERR_OK)
            presence_heard(room, &cursor);
}

static void on_output(struct room *room, struct hint *hint)
{
    const char *line;
    size_t len;
    while ((line = hint_line(hint, &len)))
        room_print(room, line, len);
}

static void on_saved(struct room *room, struct hint *hint)
{
    (void)hint;
    poll_want(room);
}

static void (*const handlers[HINT_KINDS])(struct room *room, struct hint *hint) = {
    [HINT_EDITS] = on_edits,   [HINT_EVENT] = on_event, [HINT_JOIN] = on_join,
    [HINT_LEAVE] = on_leave,   [HINT_SAVED] = on_saved, [HINT_PRESENCE] = on_presence,
    [HINT_OUTPUT] = on_output,
};

/* ---- any ---- */

static struct room *find_room(const struct registry *registry, const char *project)
{
    struct room *room = map_find_text(&registry->room_by_project, project, strlen(project));
    return room && room->phase == ROOM_READY && registry->state->is_shared ? room : NULL;
}

static void on_room(struct room *room, struct hint *hint)
{
    if (!handlers[hint->kind])
        return;
    if (strcmp(hint->epoch, room->epoch) != 0) {
        poll_want(room);
        return;
    }
    poll_count(room, hint->tick);
    if (strcmp(hint->instance, room->registry->config.instance) != 0)
        handlers[hint->kind](room, hint);
}

/* Somebody loads the project, or has loaded it: a room that is in the state does not care, but it
 * may not know yet that it is not. */
static void on_load(struct registry *registry, const char *project, const struct hint *hint)
{
    bool is_own = strcmp(hint->instance, registry->config.instance) == 0;
    struct room *room = find_room(registry, project);
    if (hint->kind == HINT_READY)
        detached_ready(registry, project);
    else if (!is_own)
        detached_asked(registry, project);
    if (room)
        poll_want(room);
}

void hints_received(struct registry *registry, const char *project, const char *data, size_t len)
{
    struct hint hint;
    registry->counts.hints++;
    if (!hint_parse(data, len, &hint)) {
        registry->counts.hints_doubted++;
        return;
    }
    if (hint.kind == HINT_ASK || hint.kind == HINT_READY)
        on_load(registry, project, &hint);
    struct room *room = find_room(registry, project);
    if (room)
        on_room(room, &hint);
}

void hints_joined(struct registry *registry, const char *project)
{
    struct room *room = find_room(registry, project);
    if (room)
        poll_want(room);
}
