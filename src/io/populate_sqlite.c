/* A project that another repository has, and this folder has not: it comes into the database as it
 * was loaded, with who wrote last, in one step. There is one process, so the lease of a load is the
 * folder's own token: the same load asked for twice is one. */
#include "storage_thread.h"

#include <stdio.h>
#include <string.h>

/* ---- the loop's side ---- */

static void copy_file(struct request *request, struct state_populate_file *to,
                      const struct state_populate_file *from)
{
    struct state_seen *seen = request_alloc(request, from->seen_count * sizeof(*seen));
    if (from->seen_count)
        memcpy(seen, from->seen, from->seen_count * sizeof(*seen));
    *to = *from;
    to->path = request_copy_text(request, from->path);
    to->eol = request_copy_text(request, from->eol);
    to->text = request_copy(request, from->text, from->len);
    to->seen = seen;
}

void call_populate(struct state *state, const struct state_ticket *ticket,
                   const struct state_populate *populate)
{
    struct request *request = request_new(REQUEST_POPULATE, ticket);
    struct state_populate_file *files =
        request_alloc(request, populate->file_count * sizeof(*files));
    struct state_populate_deleted *deleted =
        request_alloc(request, populate->deleted_count * sizeof(*deleted));
    for (size_t i = 0; i < populate->file_count; i++)
        copy_file(request, &files[i], &populate->files[i]);
    for (size_t i = 0; i < populate->deleted_count; i++) {
        deleted[i] = populate->deleted[i];
        deleted[i].path = request_copy_text(request, deleted[i].path);
    }
    request->u.populate = *populate;
    request->u.populate.token = NULL;
    request->u.populate.epoch = request_copy_text(request, populate->epoch);
    request->u.populate.name = request_copy_text(request, populate->name);
    request->u.populate.template = request_copy_text(request, populate->template);
    request->u.populate.files = files;
    request->u.populate.deleted = deleted;
    storage_push(((struct state_port *)state)->storage, request);
}

/* There is nobody who waits for its end. */
void call_abandon(struct state *state, const struct state_ticket *ticket, const char *token)
{
    (void)state, (void)ticket, (void)token;
}

/* ---- the thread's ---- */

static void add_file(struct storage *storage, struct project *project,
                     const struct state_populate_file *from)
{
    struct file *file = insert_file(storage, project, from);
    uint64_t now = wall_ms();
    for (size_t i = 0; i < from->seen_count; i++)
        *file_seen(file, from->seen[i].cid) =
            (struct seen){from->seen[i].cid, from->seen[i].n, now, true};
    seen_write(&storage->database, file, now);
}

void execute_populate(struct storage *storage, struct request *request)
{
    const struct state_populate *populate = &request->u.populate;
    struct truth *truth = &storage->truth;
    if (truth_find_project(truth, request->ticket.project)) /* by the load before this one */
        return;
    if (!storage_begin(storage, request))
        return;
    struct project *project = truth_add_project(
        truth, truth->last_project + 1, request->ticket.project, populate->name, populate->epoch);
    project->next_file = populate->next_file;
    project->e = populate->e;
    project->first_event = project->e + 1;
    for (size_t i = 0; i < populate->file_count; i++)
        add_file(storage, project, &populate->files[i]);
    for (size_t i = 0; i < populate->deleted_count; i++) {
        const struct state_populate_deleted *gone = &populate->deleted[i];
        dirty_bury(storage, project, &(struct state_tree_entry){gone->f, gone->rev, gone->path});
    }
    insert_project(storage, project, populate->template);
    dirty_note(storage, project);
}
