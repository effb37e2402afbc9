/* What `weftd` and `weftd worker` have in common: a loop, the backend, core on top of it, and the
 * way to the end.
 *
 * A first SIGTERM or SIGINT drains: nothing new, what was begun is finished and everything is
 * saved; then the loop ends, at the latest some seconds after it had to be done. A second one exits
 * at once, which loses nothing acknowledged: that is in the journal, or in Redis. */
#ifndef WEFT_SERVER_INSTANCE_H
#define WEFT_SERVER_INSTANCE_H

#include "weft/base/err.h"
#include "weft/core/registry.h"
#include "weft/server/backend.h"
#include "weft/server/templates.h"
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct config;
struct runner;
struct signer;

struct instance {
    struct config *config;
    uv_loop_t loop;
    struct backend backend;
    struct signer *signer;
    struct templates templates;
    struct registry_config registry_config;
    struct registry *registry;
    struct runner *runner; /* or NULL */
    /* The owner's: */
    void *owner;
    void (*draining)(void *owner); /* it begins; registry_drain has been called. NULL: nothing */
    uint64_t drain_in_ms;          /* so long it may take; the setting */
    bool is_ready;                 /* before that, a signal ends the process */
    int status;                    /* to exit with */

    uv_signal_t signals[3];
    uv_timer_t watch;
    uint64_t drain_until_ms; /* 0: not draining */
};

/* Makes the loop and watches for signals. Borrows config. */
void instance_init(struct instance *instance, struct config *config);
/* Blocks. One line for people in *error. Also what it leaves half made is for instance_close. */
ERR_CHECKED enum err instance_open(struct instance *instance, bool runs_commands,
                                   struct error *error);
/* Gives up what may still need the loop, and turns that until nothing does; then instance_free. */
void instance_close(struct instance *instance);
void instance_free(struct instance *instance);

uint64_t instance_wall_ms(void);

/* Allows so many descriptors and some; not simply all that there can be, for libwebsockets makes a
 * table of all that are allowed. Before instance_init. */
void instance_raise_descriptors(uint32_t count);

#endif
