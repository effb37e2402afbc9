/*
 * A repository that all instances share, in memory: slow; failing before it has done something, or
 * after it; or doing it long after it was given up. Every write is guarded by the pair (epoch
 * number, rev), and a document that is gone leaves a mark, so that a late save does not bring it
 * back. In worlds without one, the ports are there and not shared.
 */
#ifndef SHELF_H
#define SHELF_H

#include "weft/core/repository.h"
#include "world.h"

struct shelf_file {
    struct shelf_file *next;
    uint64_t f, version, rev, epoch_number;
    const char *epoch; /* that it was saved under */
    const char *path, *eol, *text;
    size_t len;
    uint64_t updated_at, updated_by;
    const struct state_seen *seen;
    size_t seen_count;
    bool is_deleted;
};

struct shelf {
    bool exists;
    const char *name, *template, *epoch, *live;
    uint64_t e, next_file;
    struct shelf_file *files;
};

struct shelf_port {
    struct repository port;
    struct instance *instance;
};

void shelf_begin(struct world *world);
void shelf_open(struct instance *instance);
struct shelf_file *shelf_find(const struct shelf *shelf, uint64_t f);

#endif
