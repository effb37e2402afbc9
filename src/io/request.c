#include "request.h"
#include "weft/base/blob.h"
#include "weft/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* The request stands in its own first chunk: most need no other. */
struct request *request_new(enum request_kind kind, const struct state_ticket *ticket)
{
    struct arena arena = ARENA_EMPTY;
    struct request *request = arena_zalloc(&arena, sizeof(*request));
    request->kind = kind;
    request->arena = arena;
    request->ticket = *ticket;
    request->ticket.project = request_copy_text(request, ticket->project);
    request->ticket.epoch = request_copy_text(request, ticket->epoch);
    return request;
}

void *request_alloc(struct request *request, size_t size)
{
    return arena_alloc(&request->arena, size);
}

char *request_copy(struct request *request, const char *text, size_t len)
{
    return arena_copy(&request->arena, text, len);
}

char *request_copy_text(struct request *request, const char *text)
{
    return arena_copy_text(&request->arena, text);
}

static void unref_all(struct blob *const *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        blob_unref(messages[i]);
}

static void give_back_answer(struct request *request)
{
    if (request->kind == REQUEST_APPEND)
        unref_all(request->answer.appended.missing, request->answer.appended.missing_count);
    else if (request->kind == REQUEST_READ)
        unref_all(request->answer.rows.entries, request->answer.rows.entry_count);
    else if (request->kind == REQUEST_EVENTS)
        unref_all(request->answer.events.messages, request->answer.events.count);
    else if (request->kind == REQUEST_JOB)
        for (size_t i = 0; i < request->answer.jobs.event_count; i++)
            blob_unref(request->answer.jobs.events[i].message);
}

void request_free(struct request *request)
{
    give_back_answer(request);
    if (request->kind == REQUEST_APPEND)
        for (size_t i = 0; i < request->u.append.count; i++)
            blob_unref(request->u.append.entries[i].message);
    if (request->kind == REQUEST_SAVE)
        for (size_t i = 0; i < request->u.save.count; i++)
            free(request->u.save.files[i].text);
    struct arena arena = request->arena; /* holds the request itself */
    arena_close(&arena);
}

void request_reset_answer(struct request *request)
{
    uint64_t room = request->ticket.room, number = request->ticket.request;
    give_back_answer(request);
    memset(&request->answer, 0, sizeof(request->answer));
    request->answer.opened.room = room; /* stands first in all answers, and so does request */
    request->answer.opened.request = number;
    if (request->kind == REQUEST_APPEND)
        request->answer.appended.f = request->u.append.f;
    else if (request->kind == REQUEST_READ)
        request->answer.rows.f = request->u.read.f;
}

static void refuse_save(struct request *request, const char *problem)
{
    const struct repository_save *save = &request->u.save;
    struct repository_file_saved *marks = request_alloc(request, save->count * sizeof(*marks));
    for (size_t i = 0; i < save->count; i++)
        marks[i] = (struct repository_file_saved){save->files[i].f, save->files[i].version,
                                                  save->files[i].rev, REPOSITORY_FAILED};
    request->answer.saved.files = marks;
    request->answer.saved.count = save->count;
    request->answer.saved.problem = problem;
}

static enum repository_found refusal_found(enum state_result result)
{
    return result == STATE_BUSY ? REPOSITORY_AWAY : REPOSITORY_BROKEN;
}

void request_refuse(struct request *request, enum state_result result, const char *problem)
{
    request_reset_answer(request);
    problem = request_copy_text(request, problem);
    switch (request->kind) {
    case REQUEST_OPEN:
        request->answer.opened.result = result;
        request->answer.opened.problem = problem;
        break;
    case REQUEST_CREATE:
        request->answer.created.result = result;
        request->answer.created.problem = problem;
        break;
    case REQUEST_APPEND:
        request->answer.appended.result = result;
        request->answer.appended.problem = problem;
        break;
    case REQUEST_READ:
        request->answer.rows.result = result;
        request->answer.rows.problem = problem;
        break;
    case REQUEST_TREE:
        request->answer.treed.result = result;
        request->answer.treed.problem = problem;
        request->answer.treed.op = request->u.tree.op;
        request->answer.treed.by = request->u.tree.by;
        break;
    case REQUEST_EVENTS:
        request->answer.events.result = result;
        break;
    case REQUEST_CLAIM:
        request->answer.claimed.answer.result = result;
        break;
    case REQUEST_DIRTY:
        request->answer.dirty.answer.result = result;
        break;
    case REQUEST_SAVED:
        request->answer.marked.answer.result = result;
        break;
    case REQUEST_POPULATE:
        request->answer.populated.result = result;
        break;
    case REQUEST_SAVE:
        refuse_save(request, problem);
        break;
    case REQUEST_JOB:
        request->answer.jobs.result = JOBS_BUSY;
        break;
    case REQUEST_SAY:
        request->answer.said.result = REPOSITORY_UNKNOWN;
        request->answer.said.problem = problem;
        break;
    case REQUEST_MESSAGES:
        request->answer.messages.found = refusal_found(result);
        request->answer.messages.problem = problem;
        break;
    case REQUEST_POINTS:
        request->answer.points.found = refusal_found(result);
        request->answer.points.problem = problem;
        break;
    case REQUEST_FORGET:
    case REQUEST_LEAVE:
    case REQUEST_SETTLE:
    case REQUEST_KINDS:
        break;
    }
}

bool request_reads(const struct request *request)
{
    return request->kind == REQUEST_OPEN || request->kind == REQUEST_READ ||
           request->kind == REQUEST_EVENTS || request->kind == REQUEST_MESSAGES ||
           request->kind == REQUEST_POINTS || request->kind == REQUEST_CLAIM ||
           request->kind == REQUEST_DIRTY ||
           (request->kind == REQUEST_JOB &&
            (request->u.job.call == JOB_GET || request->u.job.call == JOB_LIST));
}
