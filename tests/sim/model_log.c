/* append.lua, read.lua, events.lua, poll.lua, checkpoint.lua. */
#include "model_redis.h"
#include "weft/base/blob.h"

#include <string.h>

static bool reaches(const struct model_file *file, uint64_t after)
{
    return after >= file->log_from;
}

/* ---- append ---- */

/* What is above its author's last number, and of the generation that may write. */
static enum state_result judge(const struct model_project *project, const struct model_file *file,
                               const struct state_append *append, size_t *index)
{
    for (*index = 0; *index < append->count; ++*index) {
        const struct state_entry *entry = &append->entries[*index];
        const struct model_person *person = project->people;
        while (person && person->cid != entry->by)
            person = person->next;
        if (entry->k && (!person || person->k != entry->k))
            return STATE_FENCED;
        uint64_t last = model_seen(file, entry->by);
        for (size_t i = 0; i < *index; i++)
            if (append->entries[i].by == entry->by)
                last = append->entries[i].n;
#if WEFT_MUTANT == 4
        last = 0;
#endif
        if (entry->n <= last)
            return STATE_SEEN;
    }
    return STATE_OK;
}

static void log_entries(struct model *model, struct model_file *file,
                        const struct state_append *append)
{
    for (size_t i = 0; i < append->count; i++) {
        const struct state_entry *entry = &append->entries[i];
        file->log =
            model_grow(model, file->log, file->log_count, &file->log_room, sizeof(*file->log));
        file->log[file->log_count++] = entry->message;
        model_set_seen(model, file, entry->by, entry->n);
        file->updated_by = entry->by;
    }
    file->version += append->count;
    file->rev += append->count;
    file->len += (uint64_t)append->utf16_delta;
    file->updated_at = model_now_ms(model);
}

static void tell_entries(struct model *model, struct model_project *project,
                         const struct model_file *file, const struct model_call *call)
{
    const struct state_append *append = &call->u.append;
    struct hint hint = {.kind = HINT_EDITS, .a = file->f, .b = file->version};
    struct buf body = BUF_EMPTY;
    for (size_t i = 0; i < append->count; i++) {
        if (i > 0)
            buf_add_char(&body, '\n');
        buf_add(&body, append->entries[i].message->data, append->entries[i].message->len);
    }
    if (append->seal)
        strncpy(hint.seal, append->seal, sizeof(hint.seal) - 1);
    model_tell(model, project, call, hint, body.data, body.len);
    buf_close(&body);
}

void model_append(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    const struct state_append *append = &call->u.append;
    struct model_project *project;
    struct state_appended *out = &answer->u.appended;
    if ((answer->result = model_gate(model, call, &project)) != STATE_OK)
        return;
    struct model_file *file = model_find_file(project, append->f);
    if (!file || file->is_deleted) {
        answer->result = STATE_GONE;
    } else if (append->expect > file->version) {
        answer->result = STATE_EPOCH;
    } else if (append->expect < file->version) {
        out->version = file->version;
        out->rev = file->rev;
        answer->result = reaches(file, append->expect) ? STATE_CONFLICT : STATE_TRIMMED;
        if (answer->result == STATE_CONFLICT) {
            out->missing = file->log + (append->expect - file->log_from);
            out->missing_count = file->version - append->expect;
        }
    } else {
        answer->result = judge(project, file, append, &out->index);
        if (answer->result != STATE_OK)
            return;
        model_mark(model, project, file, model->config.save_after_ms);
        log_entries(model, file, append);
        out->version = file->version;
        out->rev = file->rev;
        tell_entries(model, project, file, call);
    }
}

/* ---- read ---- */

void model_read(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    const struct state_read *read = &call->u.read;
    struct model_project *project;
    if ((answer->result = model_gate(model, call, &project)) != STATE_OK)
        return;
    const struct model_file *file = model_find_file(project, read->f);
    if (!file || file->is_deleted) {
        answer->result = read->f > 0 && read->f < project->next_file ? STATE_GONE : STATE_NO_FILE;
        return;
    }
    uint64_t from = read->want_text ? file->content_version : read->after;
    if (from > file->version || !reaches(file, from)) {
        answer->result = read->want_text ? STATE_BROKEN : STATE_TRIMMED;
        return;
    }
    struct state_rows *rows = &answer->u.rows;
    *rows = (struct state_rows){
        .content_version = file->content_version,
        .version = file->version,
        .rev = file->rev,
        .saved_version = file->saved_version,
        .path = file->path,
        .eol = file->eol,
        .updated_at = file->updated_at,
        .updated_by = file->updated_by,
        .entries = file->version > from ? file->log + (from - file->log_from) : NULL,
        .entry_count = file->version - from,
    };
    if (read->want_text) {
        rows->content = file->content;
        rows->content_len = file->content_len;
        rows->seen_count = file->seen_count;
        struct state_seen *seen =
            arena_alloc(&model->arena, file->seen_count * sizeof(struct state_seen));
        if (file->seen_count > 0)
            memcpy(seen, file->seen, file->seen_count * sizeof(*seen));
        rows->seen = seen;
    }
}

/* ---- events, poll ---- */

void model_list_events(struct model *model, const struct model_call *call,
                       struct model_answer *answer)
{
    struct model_project *project;
    if ((answer->result = model_gate(model, call, &project)) != STATE_OK)
        return;
    uint64_t after = call->u.events_after;
    if (after > project->e || project->e - after > project->event_count) {
        answer->result = STATE_TRIMMED;
        return;
    }
    answer->u.events.count = project->e - after;
    if (answer->u.events.count > 0)
        answer->u.events.messages =
            project->events + (project->event_count - answer->u.events.count);
}

void model_poll(struct model *model, const struct model_call *call, struct model_answer *answer)
{
    const struct state_poll *poll = &call->u.poll;
    struct state_polled *out = &answer->u.polled;
    struct model_project *project;
    if ((answer->result = model_gate(model, call, &project)) != STATE_OK)
        return;
    struct state_mark *marks =
        arena_alloc(&model->arena, poll->file_count * sizeof(struct state_mark));
    out->tick = project->tick;
    out->e = project->e;
    out->people_rev = project->people_rev;
    for (size_t i = 0; poll->tick != project->tick && i < poll->file_count; i++) {
        const struct model_file *file = model_find_file(project, poll->files[i]);
        if (!file || file->is_deleted)
            marks[i] = (struct state_mark){poll->files[i], UINT64_MAX, 0};
        else
            marks[i] = (struct state_mark){file->f, file->version, file->saved_version};
        out->mark_count++;
    }
    out->marks = marks;
    out->has_people = poll->people_rev != project->people_rev;
    if (out->has_people)
        out->people = model_people(model, project, &out->people_count);
}

/* ---- checkpoint ---- */

void model_checkpoint(struct model *model, const struct model_call *call,
                      struct model_answer *answer)
{
    const struct state_checkpoint *checkpoint = &call->u.checkpoint;
    struct model_project *project;
    uint64_t keep = model->config.history;
    if ((answer->result = model_gate(model, call, &project)) != STATE_OK)
        return;
    struct model_file *file = model_find_file(project, checkpoint->f);
    if (!file || file->is_deleted) {
        answer->result = STATE_GONE;
        return;
    }
    if (checkpoint->version <= file->content_version || checkpoint->version > file->version) {
        answer->result = STATE_STALE;
        return;
    }
    file->content = checkpoint->text;
    file->content_len = checkpoint->len;
    file->content_version = checkpoint->version;
    if (checkpoint->version == file->version)
        file->len = checkpoint->utf16_len;
    if (checkpoint->version > keep && checkpoint->version - keep > file->log_from) {
        size_t gone = (size_t)(checkpoint->version - keep - file->log_from);
        file->log += gone; /* the arena has the rest */
        file->log_count -= gone;
        file->log_room -= gone;
        file->log_from += gone;
    }
}
