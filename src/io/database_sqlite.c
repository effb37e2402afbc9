/* Exclusive locking: no other process can come between, SQLite keeps the index of its write-ahead
 * log in memory instead of in a shared file, and a commit takes no lock. The price is that a SQLite
 * shell cannot look into it meanwhile.
 *
 * `content` is the last column of `file`, so that reading the others does not walk through a text's
 * pages. The journal has no index but its key: it only grows at its end, which is what makes a
 * commit one page. */
#define _GNU_SOURCE /* sync_file_range */
#include "database_sqlite.h"
#include "weft/base/log.h"
#include "weft/base/mem.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define APPLICATION_ID 0x57656674 /* "Weft" */
#define SCHEMA_VERSION 1
#define BUSY_TIMEOUT_MS 2000
#define CHECK_SECONDS 10
#define STARTED_PAGES 256
#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)

static const char *const statement_texts[STATEMENTS] = {
#define STATEMENT_TEXT(name, sql) sql,
    STATEMENT_TABLE(STATEMENT_TEXT)
#undef STATEMENT_TEXT
};

static const char schema[] =
    "BEGIN;"
    "CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE project (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL,"
    "  template TEXT NOT NULL, epoch TEXT NOT NULL, next_file INTEGER NOT NULL, e INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL, last_sync_timestamp INTEGER NOT NULL) STRICT;"
    "CREATE TABLE file (id INTEGER PRIMARY KEY, project INTEGER NOT NULL, f INTEGER NOT NULL, path "
    "TEXT NOT NULL,"
    "  eol TEXT NOT NULL, version INTEGER NOT NULL, rev INTEGER NOT NULL, content_version INTEGER "
    "NOT NULL,"
    "  saved_version INTEGER NOT NULL, saved_epoch INTEGER NOT NULL, saved_rev INTEGER NOT NULL,"
    "  utf16_len INTEGER NOT NULL, size INTEGER NOT NULL, updated_at INTEGER NOT NULL,"
    "  updated_by INTEGER NOT NULL, content TEXT NOT NULL, UNIQUE (project, f), UNIQUE (project, "
    "path)) STRICT;"
    "CREATE TABLE journal (id INTEGER PRIMARY KEY, project INTEGER NOT NULL, file INTEGER NOT NULL,"
    "  version INTEGER NOT NULL, cid INTEGER NOT NULL, n INTEGER NOT NULL, payload TEXT NOT NULL) "
    "STRICT;"
    "CREATE TABLE seen (project INTEGER NOT NULL, file INTEGER NOT NULL, cid INTEGER NOT NULL, n "
    "INTEGER NOT NULL,"
    "  at INTEGER NOT NULL, PRIMARY KEY (project, file, cid)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE cid (project INTEGER NOT NULL, cid INTEGER NOT NULL, k INTEGER NOT NULL, user "
    "TEXT NOT NULL,"
    "  at INTEGER NOT NULL, PRIMARY KEY (project, cid)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE event (project INTEGER NOT NULL, e INTEGER NOT NULL, payload TEXT NOT NULL,"
    "  PRIMARY KEY (project, e)) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = " TEXT_OF(APPLICATION_ID) ";"
                                                       "PRAGMA user_version = " TEXT_OF(
                                                           SCHEMA_VERSION) ";"
                                                                           "COMMIT";

/* What came later, and an older weftd does not look at. */
static const char additions[] =
    "CREATE TABLE IF NOT EXISTS job (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL "
    "UNIQUE,"
    "  project TEXT NOT NULL, kind TEXT NOT NULL, f INTEGER NOT NULL, path TEXT NOT NULL,"
    "  args TEXT NOT NULL, by INTEGER NOT NULL, user TEXT NOT NULL, name TEXT NOT NULL,"
    "  cid INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,"
    "  queued_at INTEGER NOT NULL, started_at INTEGER NOT NULL DEFAULT 0,"
    "  ended_at INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL, code INTEGER NOT NULL DEFAULT "
    "0,"
    "  problem TEXT NOT NULL DEFAULT '', lease TEXT NOT NULL DEFAULT '',"
    "  output_max INTEGER NOT NULL DEFAULT 0, is_canceled INTEGER NOT NULL DEFAULT 0, bytes BLOB) "
    "STRICT;"
    "CREATE INDEX IF NOT EXISTS job_due ON job (kind, state, due_at, seq);"
    "CREATE INDEX IF NOT EXISTS job_of ON job (project, state);"
    "CREATE TABLE IF NOT EXISTS job_output (job TEXT NOT NULL, i INTEGER NOT NULL, text TEXT NOT "
    "NULL,"
    "  PRIMARY KEY (job, i)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS job_begun (kind TEXT NOT NULL, at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS job_begun_at ON job_begun (kind, at);"
    "CREATE TABLE IF NOT EXISTS chat (project INTEGER NOT NULL, ts INTEGER NOT NULL, n INTEGER NOT "
    "NULL,"
    "  user TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, file INTEGER NOT NULL,"
    "  line INTEGER NOT NULL, PRIMARY KEY (project, ts, n)) STRICT;"
    "CREATE TABLE IF NOT EXISTS history (project INTEGER NOT NULL, file INTEGER NOT NULL,"
    "  epoch INTEGER NOT NULL, version INTEGER NOT NULL, ts INTEGER NOT NULL, by INTEGER NOT NULL,"
    "  size INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (project, file, epoch, version)) "
    "STRICT;"
    "CREATE TABLE IF NOT EXISTS tombstone (project INTEGER NOT NULL, f INTEGER NOT NULL,"
    "  rev INTEGER NOT NULL, path TEXT NOT NULL, PRIMARY KEY (project, f)) STRICT, WITHOUT ROWID;";

/* ---- failing in words ---- */

static void note_problem(struct database *database)
{
    int code = database->code = sqlite3_errcode(database->handle) & 0xff;
    const char *words = sqlite3_errmsg(database->handle);
    int number = sqlite3_system_errno(database->handle);
    if (code == SQLITE_FULL)
        words = "the disk is full";
    else if (code == SQLITE_BUSY)
        words = "another process has the database locked";
    bool io = (code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && number != 0;
    snprintf(database->problem, sizeof(database->problem), "%s%s%s", words, io ? ": " : "",
             io ? strerror(number) : "");
}

static enum err opening_failed(struct database *database, const char *path, struct error *error)
{
    note_problem(database);
    int code = sqlite3_errcode(database->handle) & 0xff;
    if (code == SQLITE_NOTADB)
        error_set(error, ERR_INTERNAL, "%s is not a database of Weft", path);
    else if (code == SQLITE_CORRUPT)
        error_set(error, ERR_INTERNAL, "%s is damaged (%s); put a backup in its place", path,
                  database->problem);
    else
        error_set(error, ERR_INTERNAL, "%s cannot be used: %s", path, database->problem);
    return ERR_INTERNAL;
}

/* ---- opening ---- */

/* Runs sql and returns its first number; -1 where it failed. */
static int64_t ask_number(struct database *database, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t number = -1;
    if (sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static bool set_up_connection(struct database *database, bool full)
{
    static const char pragmas[] = "PRAGMA journal_mode = WAL;"
                                  "PRAGMA journal_size_limit = 16777216;"
                                  "PRAGMA cell_size_check = ON;"
                                  "PRAGMA trusted_schema = OFF;";
    return sqlite3_exec(database->handle, pragmas, NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_exec(database->handle,
                        full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", NULL,
                        NULL, NULL) == SQLITE_OK;
}

/* Whose database is it? Asked before anything is written to it. */
static enum err recognise(struct database *database, const char *path, bool *made,
                          struct error *error)
{
    if (sqlite3_db_readonly(database->handle, "main") == 1)
        return error_set(error, ERR_INTERNAL, "%s cannot be written: read-only", path);
    int64_t tables = ask_number(database, "SELECT count(*) FROM sqlite_schema");
    if (tables < 0)
        return opening_failed(database, path, error);
    *made = tables == 0;
    if (*made)
        return ERR_OK;
    if (ask_number(database, "PRAGMA application_id") != APPLICATION_ID)
        return error_set(error, ERR_INTERNAL, "%s is not a database of Weft", path);
    int64_t version = ask_number(database, "PRAGMA user_version");
    if (version != SCHEMA_VERSION)
        return error_set(error, ERR_INTERNAL, "%s has schema %d, this weftd knows %d", path,
                         (int)version, SCHEMA_VERSION);
    return ERR_OK;
}

static enum err prepare_all(struct database *database, const char *path, struct error *error)
{
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(database->handle, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &database->statements[i], NULL) != SQLITE_OK)
            return opening_failed(database, path, error);
    return ERR_OK;
}

/* Instead of the automatic checkpoint, which would run inside a commit and keep its errors to
 * itself. */
static int count_pages(void *database, sqlite3 *handle, const char *name, int pages)
{
    (void)handle, (void)name;
    ((struct database *)database)->wal_pages = pages;
    return SQLITE_OK;
}

static enum err open_connection(struct database *database, const char *path, bool full, bool *made,
                                struct error *error)
{
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &database->handle, flags, NULL) != SQLITE_OK)
        return opening_failed(database, path, error);
    sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
    /* A database that is refused, or whose disk fails, is left as it is. */
    sqlite3_db_config(database->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    /* Before the first look into the file: from then on it is too late for keeping the index in
     * memory. */
    sqlite3_exec(database->handle, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL);
    enum err err = recognise(database, path, made, error);
    if (err != ERR_OK)
        return err;
    if (!set_up_connection(database, full) ||
        (*made && sqlite3_exec(database->handle, schema, NULL, NULL, NULL) != SQLITE_OK) ||
        sqlite3_exec(database->handle, additions, NULL, NULL, NULL) != SQLITE_OK)
        return opening_failed(database, path, error);
    sqlite3_wal_hook(database->handle, count_pages, database);
    return prepare_all(database, path, error);
}

enum err database_open(struct database *database, const char *path, bool full, bool *made,
                       struct error *error)
{
    *database = (struct database){0};
    enum err err = open_connection(database, path, full, made, error);
    if (err != ERR_OK)
        database_close(database);
    return err;
}

void database_close(struct database *database)
{
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(database->statements[i]);
    sqlite3_close(database->handle);
    if (database->wal_fd > 0)
        close(database->wal_fd);
    database->wal_fd = database->started_pages = 0;
    memset(database->statements, 0, sizeof(database->statements));
    database->handle = NULL;
    database->writing = database->failed = false;
}

static int past_deadline(void *deadline)
{
    return time(NULL) > *(time_t *)deadline;
}

enum err database_check(struct database *database, struct error *error)
{
    time_t deadline = time(NULL) + CHECK_SECONDS;
    sqlite3_stmt *statement = NULL;
    sqlite3_progress_handler(database->handle, 100000, past_deadline, &deadline);
    int code = sqlite3_prepare_v2(database->handle, "PRAGMA quick_check(1)", -1, &statement, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    enum err err = ERR_OK;
    if (code == SQLITE_INTERRUPT)
        log_warn("the database is too large to be checked in %d s", CHECK_SECONDS);
    else if (code != SQLITE_ROW || strcmp(column_text(statement, 0), "ok") != 0)
        err = error_set(error, ERR_INTERNAL, "%s is damaged (%.60s); put a backup in its place",
                        sqlite3_db_filename(database->handle, "main"),
                        code == SQLITE_ROW ? column_text(statement, 0)
                                           : sqlite3_errmsg(database->handle));
    sqlite3_finalize(statement);
    sqlite3_progress_handler(database->handle, 0, NULL, NULL);
    return err;
}

void database_write_ahead(struct database *database)
{
    if (database->wal_pages < database->started_pages)
        database->started_pages = 0; /* the log began anew */
    if (database->wal_pages - database->started_pages < STARTED_PAGES)
        return;
    if (database->wal_fd == 0)
        database->wal_fd = open(sqlite3_filename_wal(sqlite3_db_filename(database->handle, "main")),
                                O_RDONLY | O_CLOEXEC);
    if (database->wal_fd > 0)
        sync_file_range(database->wal_fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    database->started_pages = database->wal_pages;
}

bool database_checkpoint(struct database *database, bool end)
{
    int mode = end ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
    if (sqlite3_wal_checkpoint_v2(database->handle, NULL, mode, NULL, NULL) == SQLITE_OK)
        return true;
    note_problem(database);
    log_warn("the write-ahead log cannot be written back reason=\"%s\"", database->problem);
    return false;
}

/* ---- statements ---- */

sqlite3_stmt *database_statement(struct database *database, enum statement which)
{
    sqlite3_stmt *statement = database->statements[which];
    sqlite3_reset(statement);
    return statement;
}

void bind_u64(sqlite3_stmt *statement, int at, uint64_t value)
{
    sqlite3_bind_int64(statement, at, (int64_t)value);
}

void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    bind_bytes(statement, at, text, strlen(text));
}

void bind_bytes(sqlite3_stmt *statement, int at, const char *text, size_t len)
{
    sqlite3_bind_text64(statement, at, text, len, SQLITE_STATIC, SQLITE_UTF8);
}

uint64_t column_u64(sqlite3_stmt *statement, int at)
{
    return (uint64_t)sqlite3_column_int64(statement, at);
}

const char *column_text(sqlite3_stmt *statement, int at)
{
    const unsigned char *text = sqlite3_column_text(statement, at);
    return text ? (const char *)text : "";
}

/* ---- transactions ---- */

static bool run(struct database *database, sqlite3_stmt *statement)
{
    int code = sqlite3_step(statement);
    if (code != SQLITE_DONE) {
        database->failed = true;
        note_problem(database);
    }
    sqlite3_reset(statement);
    return code == SQLITE_DONE;
}

bool database_begin(struct database *database)
{
    if (!database->writing && !database->failed)
        database->writing = run(database, database_statement(database, STATEMENT_BEGIN));
    return !database->failed;
}

void database_write(struct database *database, sqlite3_stmt *statement)
{
    if (!database->failed)
        run(database, statement);
}

bool database_commit(struct database *database)
{
    if (database->failed)
        return false;
    if (!database->writing)
        return true;
    database->writing = false;
    return run(database, database_statement(database, STATEMENT_COMMIT));
}

bool database_row(struct database *database, sqlite3_stmt *statement, int *code)
{
    *code = sqlite3_step(statement);
    if (*code == SQLITE_ROW)
        return true;
    if (*code != SQLITE_DONE)
        note_problem(database);
    sqlite3_reset(statement);
    return false;
}

void database_abandon(struct database *database)
{
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_reset(database->statements[i]);
    if (database->handle && !sqlite3_get_autocommit(database->handle))
        sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
    database->writing = database->failed = false;
}

/* ---- settings ---- */

char *database_setting(struct database *database, const char *key)
{
    sqlite3_stmt *read = database_statement(database, STATEMENT_SETTING_READ);
    int code;
    bind_text(read, 1, key);
    char *value = database_row(database, read, &code) ? mem_strdup(column_text(read, 0)) : NULL;
    sqlite3_reset(read);
    return value;
}

void database_set(struct database *database, const char *key, const char *value)
{
    sqlite3_stmt *write = database_statement(database, STATEMENT_SETTING_WRITE);
    bind_text(write, 1, key);
    bind_text(write, 2, value);
    database_write(database, write);
}
