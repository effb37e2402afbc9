#include "weft/io/repository_none.h"

#include <assert.h>

static void save(struct repository *repository, const struct state_ticket *ticket,
                 const struct repository_save *save)
{
    (void)repository, (void)ticket, (void)save;
    assert(false); /* a shared state without a shared repository is not saved */
}

static const struct repository_ops ops = {.save = save};

void repository_none_init(struct repository *repository)
{
    *repository = (struct repository){.ops = &ops};
}
