/* The database file: schema, prepared statements, transactions, and errors in words. A failed write
 * sticks until the transaction is given up, so that callers need not look at every step. The
 * storage thread's; storage_open uses it before that thread runs. */
#ifndef DATABASE_SQLITE_H
#define DATABASE_SQLITE_H

#include "weft/base/err.h"
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is said to it, all in one table. */
#define STATEMENT_TABLE(X)                                                                         \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                    \
    X(COMMIT, "COMMIT")                                                                            \
    X(SETTING_READ, "SELECT value FROM setting WHERE key = ?")                                     \
    X(SETTING_WRITE,                                                                               \
      "INSERT INTO setting VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value")        \
    X(PROJECTS, "SELECT id, name, title, epoch, next_file, e, (SELECT min(e) FROM event WHERE "    \
                "project = project.id) "                                                           \
                "FROM project")                                                                    \
    X(PROJECT_ADD, "INSERT INTO project VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)")                       \
    X(PROJECT_MOVE, "UPDATE project SET next_file = ?, e = ? WHERE id = ?")                        \
    X(PROJECT_EPOCH, "UPDATE project SET epoch = ? WHERE id = ?")                                  \
    X(PROJECT_SYNCED, "UPDATE project SET last_sync_timestamp = ? WHERE id = ?")                   \
    X(FILES, "SELECT id, project, f, path, eol, version, rev, content_version, saved_version, "    \
             "saved_epoch, saved_rev, "                                                            \
             "utf16_len, size, updated_by, updated_at FROM file")                                  \
    X(FILE_ADD, "INSERT INTO file VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")     \
    X(FILE_MOVE, "UPDATE file SET path = ?, version = ?, rev = ? WHERE id = ?")                    \
    X(FILE_DELETE, "DELETE FROM file WHERE id = ?")                                                \
    X(FILE_SAVE, "UPDATE file SET version = ?, rev = ?, content_version = ?, saved_version = ?, "  \
                 "saved_epoch = ?, "                                                               \
                 "saved_rev = ?, utf16_len = ?, size = ?, updated_at = ?, updated_by = ?, "        \
                 "content = ? WHERE id = ?")                                                       \
    X(FILE_CONTENT, "SELECT content FROM file WHERE id = ?")                                       \
    X(FILES_EPOCH, "UPDATE file SET saved_epoch = ? WHERE project = ?")                            \
    X(FILE_SAVED,                                                                                  \
      "UPDATE file SET saved_version = ?, saved_epoch = ?, saved_rev = ? WHERE id = ?")            \
    X(FILES_UNSAVED, "UPDATE file SET saved_version = 0, saved_epoch = 0, saved_rev = 0")          \
    X(FILES_SETTLED, "UPDATE file SET saved_version = content_version, saved_rev = 0, "            \
                     "saved_epoch = (SELECT CAST(epoch AS INTEGER) FROM project WHERE id = "       \
                     "file.project)")                                                              \
    X(TOMBSTONE_ADD, "INSERT OR REPLACE INTO tombstone VALUES (?, ?, ?, ?)")                       \
    X(TOMBSTONES, "SELECT f, rev, path FROM tombstone WHERE project = ? ORDER BY f LIMIT ?")       \
    X(TOMBSTONES_COUNT, "SELECT count(*) FROM tombstone WHERE project = ?")                        \
    X(TOMBSTONES_OF, "SELECT DISTINCT project FROM tombstone")                                     \
    X(TOMBSTONE_DROP, "DELETE FROM tombstone WHERE project = ? AND f = ? AND rev <= ?")            \
    X(TOMBSTONES_CLEAR, "DELETE FROM tombstone")                                                   \
    X(JOURNAL_INDEX, "SELECT id, project, file, version, cid, n FROM journal ORDER BY id")         \
    X(JOURNAL_ADD, "INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?)")                             \
    X(JOURNAL_READ, "SELECT payload, project, file, version FROM journal WHERE id = ?")            \
    X(JOURNAL_TRIM, "DELETE FROM journal WHERE id < ?")                                            \
    X(SEEN, "SELECT project, file, cid, n, at FROM seen")                                          \
    X(SEEN_WRITE, "INSERT INTO seen VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = "         \
                  "excluded.n, at = excluded.at")                                                  \
    X(SEEN_FORGET, "DELETE FROM seen WHERE project = ? AND file = ? AND cid = ?")                  \
    X(SEEN_DELETE, "DELETE FROM seen WHERE project = ? AND file = ?")                              \
    X(CIDS, "SELECT project, cid, k, at FROM cid")                                                 \
    X(CID_WRITE, "INSERT INTO cid VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET k = "           \
                 "excluded.k, at = excluded.at")                                                   \
    X(CIDS_FORGET, "DELETE FROM cid WHERE at < ?")                                                 \
    X(EVENT_ADD, "INSERT INTO event VALUES (?, ?, ?)")                                             \
    X(EVENTS_READ, "SELECT payload FROM event WHERE project = ? AND e > ? ORDER BY e")             \
    X(EVENTS_TRIM, "DELETE FROM event WHERE project = ? AND e < ?")                                \
    X(JOB_ADD, "INSERT INTO job (id, project, kind, f, path, args, by, user, name, cid, "          \
               "queued_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")                   \
    X(JOB_READ, "SELECT id, project, kind, f, path, args, by, user, name, cid, state, tries, "     \
                "queued_at, started_at, ended_at, code, problem, lease, output_max, is_canceled, " \
                "length(bytes) FROM job WHERE id = ?")                                             \
    X(JOBS_LIST, "SELECT id, project, kind, f, path, args, by, user, name, cid, state, tries, "    \
                 "queued_at, started_at, ended_at, code, problem, lease, output_max, "             \
                 "is_canceled, length(bytes) FROM job WHERE (?1 = '' OR project = ?1) AND "        \
                 "(?2 = 0 OR state = 3) ORDER BY seq DESC LIMIT ?3")                               \
    X(JOBS_OPEN, "SELECT count(*) FROM job WHERE project = ? AND state < 2")                       \
    X(JOBS_NEXT, "SELECT id, due_at, seq FROM job WHERE kind = ? AND state = 0 ORDER BY due_at, "  \
                 "seq LIMIT 1")                                                                    \
    X(JOBS_RUNNING, "SELECT count(*) FROM job WHERE kind = ? AND state = 1")                       \
    X(JOB_BEGIN, "UPDATE job SET state = 1, tries = tries + 1, started_at = ?, lease = ?, "        \
                 "output_max = ? WHERE id = ?")                                                    \
    X(JOB_END, "UPDATE job SET state = ?, ended_at = ?, code = ?, problem = ?, bytes = ?, "        \
               "due_at = ? WHERE id = ?")                                                          \
    X(JOB_CANCEL, "UPDATE job SET is_canceled = 1 WHERE id = ?")                                   \
    X(JOB_ANEW, "UPDATE job SET state = 0, tries = 0, due_at = ?, started_at = 0, ended_at = 0, "  \
                "code = 0, problem = '', lease = '', is_canceled = 0, bytes = NULL WHERE id = ?")  \
    X(JOB_DELETE, "DELETE FROM job WHERE id = ?")                                                  \
    X(JOB_BYTES, "SELECT bytes FROM job WHERE id = ?")                                             \
    X(JOB_RUNNING, "SELECT id FROM job WHERE state = 1 LIMIT 1")                                   \
    X(JOB_REQUEUE, "UPDATE job SET state = 0, lease = '', due_at = queued_at WHERE id = ?")        \
    X(JOBS_FORGET, "DELETE FROM job WHERE (state IN (2, 4) AND ended_at < ?1) OR (state = 3 AND "  \
                   "ended_at < ?2)")                                                               \
    X(JOB_OUTPUT_ADD, "INSERT OR REPLACE INTO job_output VALUES (?, ?, ?)")                        \
    X(JOB_OUTPUT_READ, "SELECT text FROM job_output WHERE job = ? ORDER BY i")                     \
    X(JOB_OUTPUT_SIZE, "SELECT total(length(CAST(text AS BLOB))) FROM job_output WHERE job = ?")   \
    X(JOB_OUTPUT_CLEAR, "DELETE FROM job_output WHERE job = ?")                                    \
    X(JOBS_OUTPUT_FORGET, "DELETE FROM job_output WHERE job NOT IN (SELECT id FROM job)")          \
    X(JOB_BEGUN_ADD, "INSERT INTO job_begun VALUES (?, ?)")                                        \
    X(JOB_BEGUN_COUNT, "SELECT count(*), min(at) FROM job_begun WHERE kind = ? AND at > ?")        \
    X(JOB_BEGUN_FORGET, "DELETE FROM job_begun WHERE kind = ? AND at <= ?")                        \
    X(CHAT_ADD, "INSERT INTO chat VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")         \
    X(CHAT_IS, "SELECT user = ? AND name = ? AND text = ? AND file = ? AND line = ? FROM chat "    \
               "WHERE project = ? AND ts = ? AND n = ?")                                           \
    X(CHAT_PAGE, "SELECT ts, n, user, name, text, file, line FROM chat WHERE project = ?1 AND "    \
                 "(?2 = 0 AND ?3 = 0 OR (ts, n) < (?2, ?3)) ORDER BY ts DESC, n DESC LIMIT ?4")    \
    X(POINT_YOUNG, "SELECT 1 FROM history WHERE project = ? AND file = ? AND ts > ? LIMIT 1")      \
    X(POINT_ADD, "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")     \
    X(POINTS_TRIM,                                                                                 \
      "DELETE FROM history WHERE (project, file, epoch, version) IN (SELECT project, "             \
      "file, epoch, version FROM history WHERE project = ? AND file = ? ORDER BY "                 \
      "epoch DESC, version DESC LIMIT -1 OFFSET ?)")                                               \
    X(POINTS_LIST, "SELECT epoch, version, ts, by, size FROM history WHERE project = ? AND file "  \
                   "= ? ORDER BY epoch DESC, version DESC LIMIT ?")                                \
    X(POINT_READ, "SELECT epoch, version, ts, by, size, text FROM history WHERE project = ? AND "  \
                  "file = ? AND version = ? ORDER BY epoch DESC LIMIT 1")

enum statement {
#define STATEMENT_ENUM(name, sql) STATEMENT_##name,
    STATEMENT_TABLE(STATEMENT_ENUM)
#undef STATEMENT_ENUM
        STATEMENTS
};

struct database {
    sqlite3 *handle; /* NULL: closed */
    sqlite3_stmt *statements[STATEMENTS];
    bool writing;      /* inside a transaction */
    bool failed;       /* … that can only be given up */
    int code;          /* of the last problem */
    int wal_pages;     /* in the write-ahead log, after the last commit */
    int started_pages; /* of them, on their way to the disk already */
    int wal_fd;        /* of our own, to start them; 0: not opened */
    char problem[160];
};

/* Opens path, which must be a database of Weft, or an empty or missing file: then *made is set and
 * the schema is there. The connection has the file for itself. full: every commit waits for the
 * disk. */
ERR_CHECKED enum err database_open(struct database *database, const char *path, bool full,
                                   bool *made, struct error *error);
void database_close(struct database *database);
/* Looks for damage, at most for some seconds. */
ERR_CHECKED enum err database_check(struct database *database, struct error *error);
/* Starts the way of the log to the disk, once a megabyte has come, and waits for nothing: a
 * checkpoint that finds it there waits for the disk a tenth as long. Costs nothing in durability,
 * and gives none. */
void database_write_ahead(struct database *database);
/* Moves the write-ahead log into the database file, as far as can be; end: and empties it. False:
 * it failed. */
bool database_checkpoint(struct database *database, bool end);

/* Returns the statement, reset, for binding. */
sqlite3_stmt *database_statement(struct database *database, enum statement which);
void bind_u64(sqlite3_stmt *statement, int at, uint64_t value);
/* Borrowed until the statement is used again. */
void bind_text(sqlite3_stmt *statement, int at, const char *text);
void bind_bytes(sqlite3_stmt *statement, int at, const char *text, size_t len);
uint64_t column_u64(sqlite3_stmt *statement, int at);
/* "" for NULL; valid until the next step. */
const char *column_text(sqlite3_stmt *statement, int at);

/* Returns a copy of a setting, or NULL where there is none. */
char *database_setting(struct database *database, const char *key);
/* Inside a transaction. */
void database_set(struct database *database, const char *key, const char *value);

/* Starts a transaction, if none is open. False: failed. */
bool database_begin(struct database *database);
/* Runs a statement that answers nothing, inside a transaction. A failure sticks. */
void database_write(struct database *database, sqlite3_stmt *statement);
/* True: on disk as far as asked for, or there was nothing to commit. False: nobody can know; give
 * up. */
bool database_commit(struct database *database);
/* The next row of a reading statement. False: the end, or *code is not SQLITE_DONE and problem is
 * set. */
bool database_row(struct database *database, sqlite3_stmt *statement, int *code);
/* Gives up the transaction, whatever it was. */
void database_abandon(struct database *database);

#endif
