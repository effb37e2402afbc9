/*
 * A storage in a folder of its own, with a loop and a probe. For tests of the embedded backends;
 * include it once, behind check.h.
 */
#ifndef STORAGE_WORLD_H
#define STORAGE_WORLD_H

#include "state_probe.h"
#include "weft/io/storage.h"

#include <sqlite3.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

struct world {
    char folder[256];
    struct storage_config config;
    uv_loop_t loop;
    struct storage *storage;
    struct probe probe;
    struct error error; /* of the last opening */
};

/* Makes the folder; nothing runs yet. */
static void world_init(struct world *world)
{
    *world = (struct world){.config = storage_config_default()};
    const char *temp = getenv("TMPDIR");
    snprintf(world->folder, sizeof(world->folder), "%s/weft-XXXXXX", temp ? temp : "/tmp");
    if (!mkdtemp(world->folder))
        abort();
    world->config.folder = world->folder;
    uv_loop_init(&world->loop);
}

static bool world_start(struct world *world)
{
    world->error = (struct error){0};
    world->storage = storage_open(&world->config, &world->loop, &world->error);
    if (world->storage)
        probe_init(&world->probe, &world->loop, storage_state(world->storage),
                   storage_repository(world->storage));
    return world->storage != NULL;
}

static void world_stop(struct world *world)
{
    probe_clear(&world->probe);
    if (world->storage)
        storage_close(world->storage);
    world->storage = NULL;
    uv_run(&world->loop, UV_RUN_NOWAIT);
}

/* The folder is flat. */
static void world_remove(const char *folder)
{
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));)
        unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing)
        closedir(listing);
    rmdir(folder);
}

static void world_close(struct world *world)
{
    world_stop(world);
    CHECK_EQ_INT(uv_loop_close(&world->loop), 0);
    world_remove(world->folder);
}

/* Returns a path in the world's folder, valid until the fourth call after this one. */
static CHECK_UNUSED const char *world_path(const struct world *world, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", world->folder, name);
    return path;
}

/* Runs SQL on the database of a storage that is stopped. */
static CHECK_UNUSED void world_sql(const struct world *world, const char *sql)
{
    sqlite3 *database;
    char *problem = NULL;
    if (sqlite3_open(world_path(world, "weft.db"), &database) != SQLITE_OK ||
        sqlite3_exec(database, sql, NULL, NULL, &problem) != SQLITE_OK)
        CHECK_FAIL("%s: %s", sql, problem ? problem : sqlite3_errmsg(database));
    sqlite3_free(problem);
    sqlite3_close(database);
}

/* The first number that SQL answers, of a storage that is stopped. */
static CHECK_UNUSED int64_t world_number(const struct world *world, const char *sql)
{
    sqlite3 *database;
    sqlite3_stmt *statement = NULL;
    int64_t number = -1;
    if (sqlite3_open(world_path(world, "weft.db"), &database) == SQLITE_OK &&
        sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    else
        CHECK_FAIL("%s: %s", sql, sqlite3_errmsg(database));
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return number;
}

/* A project with one file (f = 1, "a.txt", the text "base"), open for cid 5 at generation 1. */
static CHECK_UNUSED void world_project(struct world *world)
{
    struct state_new_file file = {"a.txt", "base", 4, "\n"};
    CHECK_EQ_INT(probe_create(&world->probe, "Demo", &file, 1), STATE_OK);
    CHECK_EQ_INT(probe_open(&world->probe, 5, 1, false), STATE_OK);
}

static CHECK_UNUSED void copy_file(const char *from, const char *to)
{
    char block[65536];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    REQUIRE(in && out);
    for (size_t len; (len = fread(block, 1, sizeof(block), in)) > 0;)
        REQUIRE(fwrite(block, 1, len, out) == len);
    fclose(in);
    fclose(out);
}

/* Copies what a kill -9 would leave behind at this moment into a world of its own. */
static CHECK_UNUSED void copy_world(const struct world *from, struct world *to)
{
    char path[PATH_MAX];
    static const char *const names[] = {"weft.db", "weft.db-wal"};
    world_init(to);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", from->folder, names[i]);
        copy_file(path, world_path(to, names[i]));
    }
}

/* Appends "word " at the end of file 1, from version to version; its text is "base" and words. */
static CHECK_UNUSED void write_words(struct world *world, uint64_t from, uint64_t to)
{
    for (uint64_t v = from; v < to; v++)
        CHECK_EQ_INT(probe_append(&world->probe, 1, v, 5, v + 1, 0, 4 + 5 * v, "word "), STATE_OK);
}

#endif
