/* Two things are worth a word. The journal ids of a file are an array that grows at its end;
 * trimming the journal only moves truth.first_id, and a file notices the next time that its array
 * would grow. And folders are not things: a folder is there while a file is in it, so they are
 * counted. */
#include "truth.h"
#include "weft/base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void truth_init(struct truth *truth)
{
    *truth = (struct truth){.first_id = 1};
    map_init(&truth->projects);
    map_init(&truth->by_id);
    map_init(&truth->unsaved);
    map_init(&truth->due);
}

static void free_values(struct map *map)
{
    for (struct map_iter it = {0}; map_next(map, &it);)
        free(it.value);
    map_close(map);
}

static void free_file(struct file *file)
{
    free_values(&file->seen);
    free(file->ids);
    free(file->path);
    free(file->broken);
    free(file);
}

static void free_project(struct project *project)
{
    for (struct map_iter it = {0}; map_next(&project->files, &it);)
        free_file(it.value);
    map_close(&project->files);
    map_close(&project->paths);
    map_close(&project->folders);
    free_values(&project->generations);
    free(project->name);
    free(project->title);
    free(project->broken);
    free(project);
}

void truth_close(struct truth *truth)
{
    for (struct map_iter it = {0}; map_next(&truth->by_id, &it);)
        free_project(it.value);
    map_close(&truth->projects);
    map_close(&truth->by_id);
    map_close(&truth->unsaved);
    map_close(&truth->due);
}

struct project *truth_add_project(struct truth *truth, uint64_t id, const char *name,
                                  const char *title, const char *epoch)
{
    struct project *project = mem_zalloc(sizeof(*project));
    project->id = id;
    project->name = mem_strdup(name);
    project->title = mem_strdup(title);
    snprintf(project->epoch, sizeof(project->epoch), "%s", epoch);
    project->next_file = 1;
    project->first_event = 1;
    map_put_text(&truth->projects, name, strlen(name), project);
    map_put(&truth->by_id, id, project);
    if (id > truth->last_project)
        truth->last_project = id;
    return project;
}

struct project *truth_find_project(const struct truth *truth, const char *name)
{
    return map_find_text(&truth->projects, name, strlen(name));
}

/* ---- files and paths ---- */

static void count_folder(struct project *project, const char *folder, size_t len, int step)
{
    uintptr_t count = (uintptr_t)map_find_text(&project->folders, folder, len);
    count += (uintptr_t)(intptr_t)step;
    if (count > 0)
        map_put_text(&project->folders, folder, len, (void *)count);
    else
        map_remove_text(&project->folders, folder, len);
}

static void count_folders(struct project *project, const char *path, int step)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
        count_folder(project, path, (size_t)(slash - path), step);
}

void project_unlink_path(struct project *project, struct file *file)
{
    map_remove_text(&project->paths, file->path, strlen(file->path));
    count_folders(project, file->path, -1);
}

/* path may be the file's own. */
void project_link_path(struct project *project, struct file *file, const char *path)
{
    char *copy = mem_strdup(path);
    free(file->path);
    file->path = copy;
    map_put_text(&project->paths, copy, strlen(copy), file);
    count_folders(project, copy, 1);
}

bool project_path_taken(const struct project *project, const char *path)
{
    size_t len = strlen(path);
    if (map_find_text(&project->paths, path, len) || map_find_text(&project->folders, path, len))
        return true;
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
        if (map_find_text(&project->paths, path, (size_t)(slash - path)))
            return true;
    return false;
}

struct file *project_add_file(struct project *project, uint64_t f, uint64_t row, const char *path,
                              const char *eol)
{
    struct file *file = mem_zalloc(sizeof(*file));
    file->f = f;
    file->row = row;
    file->project = project;
    file->rev = 1;
    snprintf(file->eol, sizeof(file->eol), "%s", eol);
    project_link_path(project, file, path);
    map_put(&project->files, f, file);
    return file;
}

struct file *project_find_file(const struct project *project, uint64_t f)
{
    return map_find(&project->files, f);
}

void project_remove_file(struct truth *truth, struct project *project, struct file *file)
{
    map_remove(&truth->unsaved, file->row);
    map_remove(&project->files, file->f);
    project_unlink_path(project, file);
    free_file(file);
}

/* ---- versions ---- */

void file_forget_trimmed(const struct truth *truth, struct file *file)
{
    while (file->id_first < file->id_end && file->ids[file->id_first] < truth->first_id)
        file->id_first++;
    size_t held = file->id_end - file->id_first;
    if (held > 0 && file->id_first > 0)
        memmove(file->ids, file->ids + file->id_first, held * sizeof(*file->ids));
    file->id_first = 0;
    file->id_end = held;
}

void file_push(struct truth *truth, struct file *file, uint64_t id)
{
    if (file->id_end == file->id_room) {
        file_forget_trimmed(truth, file);
        /* A quarter must have become free, or an array that is trimmed one by one would be moved
         * for each. */
        if (file->id_end * 4 >= file->id_room * 3) {
            file->id_room = file->id_room ? file->id_room * 2 : 8;
            file->ids = mem_realloc_array(file->ids, file->id_room, sizeof(*file->ids));
        }
    }
    file->ids[file->id_end++] = id;
    file->version++;
    file->rev++;
    if (file->version == file->content_version + 1)
        file_note_unsaved(truth, file);
}

uint64_t file_id_of(const struct truth *truth, const struct file *file, uint64_t version)
{
    assert(version <= file->version);
    uint64_t back = file->version - version;
    if (back >= file->id_end - file->id_first)
        return 0;
    uint64_t id = file->ids[file->id_end - 1 - back];
    return id < truth->first_id ? 0 : id;
}

uint64_t file_oldest_needed(const struct truth *truth, const struct file *file)
{
    if (file->broken)
        return file->id_first < file->id_end ? file->ids[file->id_first] : UINT64_MAX;
    if (file->version == file->content_version)
        return UINT64_MAX;
    return file_id_of(truth, file, file->content_version + 1);
}

void file_note_unsaved(struct truth *truth, struct file *file)
{
    if (!map_find(&truth->unsaved, file->row))
        map_put(&truth->unsaved, file->row, file);
}

void file_note_saved(struct truth *truth, struct file *file, uint64_t version)
{
    file->content_version = version;
    if (version == file->version)
        map_remove(&truth->unsaved, file->row);
}

void file_break(struct truth *truth, struct file *file, const char *why)
{
    if (file->broken)
        return;
    file->broken = mem_strdup(why);
    file_note_unsaved(truth, file);
}

/* ---- authors ---- */

struct seen *file_seen(struct file *file, uint64_t cid)
{
    struct seen *seen = map_find(&file->seen, cid);
    if (!seen) {
        seen = mem_zalloc(sizeof(*seen));
        seen->cid = cid;
        map_put(&file->seen, cid, seen);
    }
    return seen;
}

uint64_t file_last_n(const struct file *file, uint64_t cid)
{
    const struct seen *seen = map_find(&file->seen, cid);
    return seen ? seen->n : 0;
}

struct generation *project_generation(struct project *project, uint64_t cid)
{
    struct generation *generation = map_find(&project->generations, cid);
    if (!generation) {
        generation = mem_zalloc(sizeof(*generation));
        map_put(&project->generations, cid, generation);
    }
    return generation;
}

uint64_t project_last_k(const struct project *project, uint64_t cid)
{
    const struct generation *generation = map_find(&project->generations, cid);
    return generation ? generation->k : 0;
}

void project_sweep_generations(struct project *project, uint64_t since_ms)
{
    if (project->generations.count < 2 * project->generations_swept + 1000)
        return;
    for (struct map_iter it = {0}; map_next(&project->generations, &it);) {
        struct generation *generation = it.value;
        if (generation->at_ms < since_ms)
            free(map_remove(&project->generations, it.key));
    }
    project->generations_swept = project->generations.count;
}
