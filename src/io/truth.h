/* What the storage thread knows by heart: projects, files, who may write, who wrote last, and where
 * in the journal each version stands. Texts and messages stay in the database. Pure memory; changed
 * only together with the database, and read anew from there when a commit failed. */
#ifndef TRUTH_H
#define TRUTH_H

#include "weft/base/map.h"
#include "weft/core/state.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seen {
    uint64_t cid, n;
    uint64_t at_ms;
    bool unsaved; /* the table seen does not have it yet */
};

/* The newest connection of a cid. */
struct generation {
    uint64_t k, at_ms;
};

struct file {
    uint64_t row; /* file.id */
    uint64_t f;
    struct project *project;
    char *path;
    char eol[3];
    uint64_t version, rev;
    uint64_t content_version; /* of the text in the database; journal entries make up the rest */
    uint64_t saved_version, saved_epoch, saved_rev;
    uint64_t utf16_len, size; /* of the text at version */
    uint64_t updated_at, updated_by;
    uint64_t *ids; /* journal ids from [id_first, id_end), the last is that of version */
    size_t id_first, id_end, id_room;
    struct map seen; /* cid → struct seen */
    char *broken;    /* why it cannot be understood; NULL = fine */
};

struct project {
    uint64_t id;
    char *name, *title;
    char epoch[EPOCH_SIZE];
    uint64_t next_file;
    uint64_t e, first_event; /* the newest, and the oldest that is kept (e + 1: none) */
    struct map files;        /* f → struct file */
    struct map paths;        /* path → struct file */
    struct map folders;      /* folder without its '/' → how many files are somewhere inside */
    struct map generations;  /* cid → struct generation */
    size_t generations_swept;
    struct {
        uint64_t due_ms; /* steady; 0: nothing is to be saved */
        uint64_t lease;  /* of the flush under way; due_ms is its end */
        uint32_t failures;
    } flush; /* where projects are saved elsewhere */
    char *broken;
};

struct truth {
    struct map projects; /* name → struct project */
    struct map by_id;
    struct map unsaved; /* file.row → struct file: its journal entries must stay */
    uint64_t last_project;
    uint64_t last_id, first_id; /* of the journal; none: first = last + 1 */
    uint64_t changes;           /* tree changes and new projects since ever */
    bool is_saved_elsewhere;    /* saved_* are of another repository, content_version is not */
    struct map due;             /* id → struct project with flush.due_ms */
};

void truth_init(struct truth *truth);
void truth_close(struct truth *truth);

/* Returns a new project, held by truth. Borrows the texts. */
struct project *truth_add_project(struct truth *truth, uint64_t id, const char *name,
                                  const char *title, const char *epoch);
struct project *truth_find_project(const struct truth *truth, const char *name);

/* Returns a new file of the project, version 0, rev 1. */
struct file *project_add_file(struct project *project, uint64_t f, uint64_t row, const char *path,
                              const char *eol);
struct file *project_find_file(const struct project *project, uint64_t f);
/* Frees the file. */
void project_remove_file(struct truth *truth, struct project *project, struct file *file);
/* Takes the file's path out of the project and puts another in. */
void project_unlink_path(struct project *project, struct file *file);
void project_link_path(struct project *project, struct file *file, const char *path);
/* Is there a file of this path, a folder of this name, or a file where the path needs a folder? */
bool project_path_taken(const struct project *project, const char *path);

/* Raises the version by a journal entry. */
void file_push(struct truth *truth, struct file *file, uint64_t id);
/* Where the entry stands that made this version (≤ file->version); 0: no longer there. */
uint64_t file_id_of(const struct truth *truth, const struct file *file, uint64_t version);
/* The journal entry below which nothing of this file is needed. */
uint64_t file_oldest_needed(const struct truth *truth, const struct file *file);
/* The file has entries beyond its content, or is broken. */
void file_note_unsaved(struct truth *truth, struct file *file);
/* The text of content_version is in the database now. */
void file_note_saved(struct truth *truth, struct file *file, uint64_t version);
/* Gives memory back that trimmed entries held. */
void file_forget_trimmed(const struct truth *truth, struct file *file);
/* It cannot be understood; the first reason counts. */
void file_break(struct truth *truth, struct file *file, const char *why);

/* The last n of an author, or of nobody yet: n = 0. */
struct seen *file_seen(struct file *file, uint64_t cid);
uint64_t file_last_n(const struct file *file, uint64_t cid);

/* The generation of a cid, made with k = 0. */
struct generation *project_generation(struct project *project, uint64_t cid);
uint64_t project_last_k(const struct project *project, uint64_t cid);
/* Forgets those not seen since a time, at most each time their number has doubled. */
void project_sweep_generations(struct project *project, uint64_t since_ms);

#endif
