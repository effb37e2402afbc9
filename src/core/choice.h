/* What a load makes of all that was offered: of the repository, of the state itself, and of every
 * instance that still has a replica. Per file the highest (epoch number, version) wins; of the
 * trees the highest (epoch number, e). What goes into it is copied.
 *
 * With the text goes what its author numbers say (seen): numbers of a longer history that lost are
 * not taken, or a client would believe that its edit is in a text that it is not in. */
#ifndef WEFT_CORE_CHOICE_H
#define WEFT_CORE_CHOICE_H

#include "weft/base/map.h"
#include "weft/core/state.h"
#include <stdbool.h>

/* Caller's storage. */
struct choice {
    const char *project; /* for the log; borrowed */
    struct map files;    /* f → the best of each (struct candidate) */
    struct {
        bool is_there;
        uint64_t epoch_number, e, next_file;
        char *name, *template;
        struct state_file *files; /* each with its own path, and eol */
        size_t file_count;
    } tree;
    uint64_t epoch_number, e, next_file; /* the highest that any of them knows */
    bool has_repository;                 /* where a deleted file leaves a tombstone */
    struct plan *plan;                   /* what choice_decide() points into */
};

void choice_init(struct choice *choice, const char *project);
void choice_close(struct choice *choice);

/* Borrows. Entries behind the text are applied to it, as far as they fit. False, having taken
 * nothing, where it is no text at all. */
bool choice_add_file(struct choice *choice, const struct state_offer_file *file);
void choice_add_tree(struct choice *choice, const struct state_offer_tree *tree);
/* What the repository stores (collected in a choice of its own, which is empty afterwards): where
 * it is not newer than what was offered, that stays. */
void choice_add_stored(struct choice *choice, struct choice *stored);
bool choice_is_empty(const struct choice *choice);

/* What to populate the state with; the caller fills in token and epoch. Under a new epoch
 * (is_fresh) every file is dirty. A file that the winning tree does not list was deleted, unless
 * its id is so high that the tree cannot know it. Points into choice, until it is called again or
 * closed. */
void choice_decide(struct choice *choice, bool is_fresh, struct state_populate *out);

#endif
