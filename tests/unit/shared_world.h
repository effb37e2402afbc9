/*
 * What the tests of shared states have in common: a backend with the project "demo" of two files (1
 * "a.txt": "base", 2 "src/b.txt": ""), opened for cid 5 at generation 1 on the first instance, and
 * ways to wait. A test runs on every backend of the list below. Include it once, behind check.h.
 */
#ifndef SHARED_WORLD_H
#define SHARED_WORLD_H

#include "state_backends.h"
#include "weft/base/log.h"

#define ANN 5u
#define BOB 6u
#define WAIT_MS 15000

static const struct backend *const shared_backends[] = {&redis_backend, &model_backend};

static const struct backend *backend; /* that the test runs on */
static bool is_started;

/* Waits until the condition holds. */
#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        int waited = 0;                                                                            \
        while (!(condition) && waited < WAIT_MS) {                                                 \
            backend->pass(10);                                                                     \
            waited += 10;                                                                          \
        }                                                                                          \
        CHECK(waited < WAIT_MS);                                                                   \
    } while (0)

/* Makes a call again while nobody knows what became of it; returns what it says then. */
#define SETTLED(call)                                                                              \
    ({                                                                                             \
        enum state_result settled = (call);                                                        \
        for (int tries = 0; settled == STATE_BUSY && tries < 1000; tries++) {                      \
            backend->pass(10);                                                                     \
            settled = (call);                                                                      \
        }                                                                                          \
        settled;                                                                                   \
    })

static CHECK_UNUSED struct probe *begin(const struct backend_options *options)
{
    if (is_started)
        backend->stop();
    is_started = true;
    struct probe *probe = backend->start(options);
    struct state_new_file files[] = {{"a.txt", "base", 4, "\n"}, {"src/b.txt", "", 0, "\r\n"}};
    CHECK_EQ_INT(probe_create(probe, "Demo", files, 2), STATE_OK);
    CHECK_EQ_INT(probe_hello(probe, ANN, 1, 11), STATE_OK);
    return probe;
}

static CHECK_UNUSED struct probe *begin_plain(void)
{
    return begin(&(struct backend_options){0});
}

/* The second instance, in the same project and epoch. */
static CHECK_UNUSED struct probe *second_of(const struct probe *probe)
{
    struct probe *second = backend->second();
    second->project = probe->project;
    snprintf(second->epoch, sizeof(second->epoch), "%s", probe->epoch);
    return second;
}

/* Returns a new copy of the last answer's token or lease, "" where it had none. */
static CHECK_UNUSED char *token_of(const struct probe *probe)
{
    CHECK(probe->got.token != NULL);
    return mem_strdup(probe->got.token ? probe->got.token : "");
}

static CHECK_UNUSED const struct state_person *person(const struct probe *probe, uint64_t cid)
{
    for (size_t i = 0; i < probe->got.people_count; i++)
        if (probe->got.people[i].cid == cid)
            return &probe->got.people[i];
    return NULL;
}

static CHECK_UNUSED void check_text(struct probe *probe, uint64_t f, const char *want)
{
    char *text = probe_fold(probe, f);
    CHECK_EQ_STR(text, want);
    free(text);
}

/* Runs the cases of an X list on each backend; returns the exit status. */
#define RUN_SHARED(CASES)                                                                          \
    ({                                                                                             \
        log_setup(LOG_ERROR, false);                                                               \
        for (size_t i = 0; i < sizeof(shared_backends) / sizeof(shared_backends[0]); i++) {        \
            backend = shared_backends[i];                                                          \
            CASES(RUN_SHARED_CASE)                                                                 \
            if (is_started)                                                                        \
                backend->stop();                                                                   \
            is_started = false;                                                                    \
        }                                                                                          \
        backends_close();                                                                          \
        check_finish();                                                                            \
    })
#define RUN_SHARED_CASE(case)                                                                      \
    {                                                                                              \
        char name[160];                                                                            \
        snprintf(name, sizeof(name), "%s_" #case, backend->name);                                  \
        check_run(name, case);                                                                     \
    }

#endif
