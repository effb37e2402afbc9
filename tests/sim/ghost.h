/*
 * What an all-seeing checker knows: every state that a file ever was in, as a tree of logged edits
 * over all epochs; every character that was typed, each of its own kind, so that a loss and a
 * doubling show in the text; what was acknowledged; and what nobody alive and nothing else held
 * when Redis lost it, which is excused.
 */
#ifndef GHOST_H
#define GHOST_H

#include "shelf.h"
#include "world.h"

/* A file through all epochs; another one may have its number later. */
struct ghost_file {
    struct ghost_file *next;
    uint64_t f;
    const char *path; /* when it was made */
    struct node *root;
};

/* A state of a file: what its parent was, and one logged edit. */
struct node {
    struct node *parent;
    struct ghost_file *file;
    uint64_t cid, n; /* of the edit; 0: none */
    uint64_t version;
    const char *text;
    bool is_acked, is_excused, is_pending, is_covered;
};

/* A change of the tree as it was logged. */
struct tree_event {
    struct tree_event *next;
    struct ghost_file *file;
    unsigned era;
    uint64_t e;
    enum state_tree_op op;
    const char *path;
    bool is_excused, is_pending;
};

struct deletion {
    struct deletion *next;
    struct node *by;
};

/* A character that was typed. */
struct token {
    struct ghost_file *file;
    struct node *node; /* that put it in, the last one; NULL: it was never logged */
    struct deletion *deletions;
    bool is_meant_gone; /* its people deleted it */
    bool is_free;       /* nobody sends it again when it is lost on its way */
    uint64_t stamp;
};

/* The states of a file of an epoch, by version. */
struct line {
    struct line *next;
    uint64_t f, from;
    struct node **nodes;
    size_t count, room;
};

struct era {
    char epoch[EPOCH_SIZE];
    uint64_t e; /* the newest event */
    struct line *lines;
};

struct ghost {
    struct era *eras;
    size_t era_count, era_room;
    struct ghost_file *files;
    struct tree_event *events; /* the newest first */
    struct token *tokens;
    size_t token_count, token_room;
    struct node **nodes; /* all of them */
    size_t node_count, node_room;
    uint64_t stamp;
    uint64_t members; /* before the script that runs */
    bool is_all_lost; /* at some time nobody held anything of the project */
};

void ghost_begin(struct world *world);

/* ---- what happened ---- */

/* Before and behind a script. */
void ghost_executing(struct world *world, const struct model_call *call);
void ghost_executed(struct world *world, const struct model_call *call,
                    const struct model_answer *answer);
/* The repository has it now. */
void ghost_shelved(struct world *world, const struct shelf_file *file);
void ghost_created(struct world *world, const struct shelf *shelf);
/* Redis is about to lose what it has; and what is lost for good is counted. force: Redis has just
 * come back, and only who is connected is sure to be heard. */
void ghost_losing(struct world *world);
void ghost_recount(struct world *world, bool force);
/* Does anybody or anything hold a state of the file that is not lost for good? */
bool ghost_is_held(struct world *world, uint64_t f);
/* A client was told so. */
void ghost_acked(struct world *world, const char *who, const char *epoch, uint64_t f, uint64_t v,
                 uint64_t cid, uint64_t n);
/* A client took a snapshot that has its edits up to n. */
void ghost_contains(struct world *world, const char *who, const char *epoch, uint64_t f, uint64_t v,
                    uint64_t cid, uint64_t n);

/* ---- what is so ---- */

/* NULL: there never was such an epoch; such a state. */
struct era *ghost_era(const struct world *world, const char *epoch);
struct node *ghost_node(const struct world *world, const char *epoch, uint64_t f, uint64_t v);
/* Fails the world where the text is not that of the version. */
void ghost_same(struct world *world, const char *who, const char *epoch, uint64_t f, uint64_t v,
                const struct rope *text);
/* Looks at all replicas of an instance. */
void ghost_look(struct instance *instance);

/* Which state of a file that is: by version, text and seen. NULL: there never was such a one. */
struct node *ghost_recognize(const struct world *world, const struct state_populate_file *file);
/* Its content and the log after it; NULL where they do not fit. */
const char *ghost_fold(struct world *world, const struct model_file *file);

/* ---- characters ---- */

#define TOKEN_BYTES 4

/* Appends a new one, typed into a file. */
size_t ghost_type(struct world *world, const char *epoch, uint64_t f, struct buf *out);
/* The next token of a text, or -1 at its end; other characters are passed over. */
long ghost_next_token(const char **at);
/* Those of a text are gone because their people wanted it. */
void ghost_meant(struct world *world, const char *text, size_t len);

#endif
