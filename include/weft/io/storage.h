/* The embedded backends: state and repository in one SQLite database of a data folder, kept by one
 * thread. Started and stopped here; used through the ports of core.
 *
 * All functions are the loop's. Only storage_open and storage_close touch the disk in the caller's
 * thread. */
#ifndef WEFT_IO_STORAGE_H
#define WEFT_IO_STORAGE_H

#include "weft/base/err.h"
#include "weft/core/jobs.h"
#include "weft/core/repository.h"
#include "weft/core/state.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum durability {
    DURABILITY_RESTART, /* what was acknowledged survives the end of the process, however it ends */
    DURABILITY_POWER_CUT /* … and of the machine */
};

struct storage_config {
    const char *folder; /* made if it is not there */
    enum durability durability;
    uint64_t history;         /* log entries kept in all for clients that lag, saved or not */
    uint64_t events;          /* room events kept per project */
    uint64_t points_every_ms; /* a file's history gets a point so often; 0 (the default): never */
    uint64_t points_most;     /* and has so many; 100 */
    size_t requests_max;      /* that wait for the thread; above it, STATE_BUSY */
    const char *secret;       /* NULL: made once and kept in the database */
    const char *boot_id;      /* of the machine; NULL: the kernel's */
    const char
        *repository; /* where projects are saved: another one is told all again. NULL: here */
    uint64_t save_after_ms; /* with one: how long after a change it is told; 2,000 */
};
/* All but folder. */
struct storage_config storage_config_default(void);

struct storage;

/* Takes the folder for this process alone, checks what is in it, brings the saved texts up to the
 * journal, and starts the thread. Returns a new storage, or NULL with one line for people in
 * *error; what was there is as it was. Borrows loop; config is copied. */
struct storage *storage_open(const struct storage_config *config, uv_loop_t *loop,
                             struct error *error);
/* Does what waits, writes everything into the one file, and lets go of the folder. Answers that
 * nobody got by now are dropped. The loop turns once more after it. */
void storage_close(struct storage *storage);

/* With a repository elsewhere the state has the calls of a flush and a load (state.h), and what is
 * saved in this repository is the text behind the journal. */
/* Both borrowed, valid until storage_close. Their sinks are called on later turns of the loop. */
struct state *storage_state(struct storage *storage);
struct repository *storage_repository(struct storage *storage);
/* The queue of people's jobs; what runs when the process ends is queued again at the next start. */
struct jobs *storage_jobs(struct storage *storage);

/* The key of this server for signing: configured, or kept in the database. Borrowed. */
const char *storage_secret(const struct storage *storage);

#define STORAGE_BUCKETS                                                                            \
    12 /* of commit times: bucket i counts those below 2^i × 32 µs, the last all others */
struct storage_counts {
    uint64_t batches, requests; /* what the thread took, and in how many lots */
    uint64_t batch_max;         /* requests in the largest lot */
    uint64_t commits, entries;  /* that reached the disk */
    uint64_t failures;          /* commits that did not */
    uint64_t commit_us, commit_us_max;
    uint64_t commit_times[STORAGE_BUCKETS];
    uint64_t saves, trims;
    uint64_t waiting; /* requests, now */
    uint64_t broken;  /* files and projects that could not be understood at start */
    bool failing;     /* writes are refused for now */
};
struct storage_counts storage_counts(struct storage *storage);

#endif
