/* The insides of the MongoDB repository. An errand is one call of the port: made on the loop with
 * copies of what the caller lent, done by a thread of the pool, and told to the sink on the loop.
 * One owner at a time, so no lock. */
#ifndef MONGO_H
#define MONGO_H

#include "weft/base/arena.h"
#include "weft/core/repository.h"
#include "weft/io/repository_mongo.h"
#include "weft/io/worker.h"
#include <mongoc/mongoc.h>

enum errand_kind {
    ERRAND_INDEXES,
    ERRAND_SAVE,
    ERRAND_LOAD,
    ERRAND_BEGIN,
    ERRAND_RELEASE,
    ERRAND_CREATE,
    ERRAND_SAY,
    ERRAND_MESSAGES,
    ERRAND_POINTS
};

struct errand {
    struct task task;
    struct arena arena; /* holds the errand itself, and all that it points to but texts to save */
    enum errand_kind kind;
    uint64_t room, request, epoch_number;
    const char *project;
    union {
        struct {
            struct repository_file *files; /* texts are owned */
            size_t count;
            uint64_t ts;
        } save;
        struct repository_begin begin;
        struct repository_release release;
        struct state_create create;
        struct repository_message message;
        struct repository_page page;
        struct repository_point_query query;
    } u;
    /* Filled by the thread. */
    union {
        struct repository_saved saved;
        struct repository_loaded loaded;
        struct repository_done done;
        struct repository_messages messages;
        struct repository_points points;
    } answer;
    bool failed; /* the server did not answer, or not as it should */
};

/* A client of the pool, for one errand on its thread. */
struct mongo_session {
    mongoc_client_t *client;
    const char *database;
    mongoc_collection_t *projects, *files, *chat, *history;
    size_t text_max;
    uint64_t points_every_ms;
    size_t points_most;
};

/* Each does one errand and fills its answer; on a thread of the pool. */
void mongo_make_indexes(struct mongo_session *session, struct errand *errand);
void mongo_save(struct mongo_session *session, struct errand *errand);
void mongo_load(struct mongo_session *session, struct errand *errand);
void mongo_begin(struct mongo_session *session, struct errand *errand);
void mongo_release(struct mongo_session *session, struct errand *errand);
void mongo_create(struct mongo_session *session, struct errand *errand);
void mongo_say(struct mongo_session *session, struct errand *errand);
void mongo_messages(struct mongo_session *session, struct errand *errand);
void mongo_points(struct mongo_session *session, struct errand *errand);

/* After a save: keeps the texts whose last point is old enough. That none could be kept is no
 * failure of the save; the next one tries again. */
void mongo_keep_points(struct mongo_session *session, const struct errand *errand);

/* The errand is over without having been done; problem is copied. */
void errand_fail(struct errand *errand, const char *problem);

/* ---- documents ---- */

/* Appends what a file's document holds but for its _id. The text is written with its own line
 * endings. */
void mongo_print_file(bson_t *out, const char *project, uint64_t epoch_number,
                      const struct repository_file *file);
/* `<project>/<f>`, into out of MONGO_ID_SIZE bytes. */
#define MONGO_ID_SIZE 96
void mongo_print_id(char out[MONGO_ID_SIZE], const char *project, uint64_t f);

/* Stored values are hostile: a program may have written anything. False, and a line of why in
 * *error, where a value is missing or is not what it must be; what it was stays as it is. */
bool mongo_take_number(const bson_t *document, const char *key, uint64_t *out, struct error *error);
/* Valid UTF-8 without NUL, copied to the arena; *out is NULL where it is missing or null and
 * is_optional. */
bool mongo_take_text(const bson_t *document, const char *key, bool is_optional, size_t most,
                     struct arena *arena, const char **out, size_t *len, struct error *error);
bool mongo_take_file(const bson_t *document, size_t text_max, struct arena *arena,
                     struct repository_loaded_file *out, struct error *error);
/* Whose document it was that cannot be understood, and why. */
const char *mongo_blame(const bson_t *document, const char *collection, struct arena *arena,
                        const struct error *error);
/* Is it what a deleted file leaves behind? */
bool mongo_is_tombstone(const bson_t *document);

#endif
