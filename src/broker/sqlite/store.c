/* The queue file's own life: opening, schema, transactions, errors. See store.h. */
#include "broker/sqlite/store.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
        SCHEMA_VERSION = 2,
        APPLICATION_ID = 0x41454f4e, /* "AEON" */
        BUSY_LIMIT_MS = 10000,
        RESERVE = 128 * 1024, /* of a full disk, for acknowledgements: they make room, but need some first */
};

/* For people: the value of a header, by its name in hex. A NUL ends it, and so does a text when it is shown. */
#define HEADER(hex, column) "CAST(substr(headers, instr(headers, x'" hex "00') + length(x'" hex "00')) AS TEXT) AS " column

static const char schema[] =
        "CREATE TABLE messages("
        "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  destination TEXT NOT NULL,"
        "  slot INTEGER NOT NULL DEFAULT 0,"
        "  owner INTEGER NOT NULL DEFAULT 0,"
        "  ready_at INTEGER NOT NULL DEFAULT 0,"
        "  priority INTEGER NOT NULL DEFAULT 0,"
        "  failures INTEGER NOT NULL DEFAULT 0,"
        "  losses INTEGER NOT NULL DEFAULT 0,"
        "  content_type TEXT, reply_to TEXT, correlation_id TEXT, headers BLOB, body BLOB);"
        "CREATE INDEX messages_ready ON messages(destination, slot, priority DESC, id) WHERE owner = 0 AND ready_at = 0;"
        "CREATE INDEX messages_delayed ON messages(ready_at) WHERE ready_at > 0;"
        "CREATE INDEX messages_claimed ON messages(owner) WHERE owner > 0;"
        "CREATE TABLE groups(destination TEXT, name TEXT, slot INTEGER NOT NULL, PRIMARY KEY(destination, name)) WITHOUT ROWID;"
        "CREATE TABLE owners(id INTEGER PRIMARY KEY AUTOINCREMENT, pid INTEGER);"
        "CREATE VIEW dead_letters AS SELECT id, destination, " HEADER("782d6f726967696e", "origin") ", " HEADER(
                "782d6572726f72", "error") ", " HEADER("782d617474656d707473",
                                                       "attempts") ", body"
                                                                   "  FROM messages WHERE instr(headers, x'782d6f726967696e00');"
                                                                   "PRAGMA application_id = 1095061326;"
                                                                   "PRAGMA user_version = 2;";

#define ROW "destination, slot, ready_at, priority, content_type, reply_to, correlation_id, headers, body"

static const char *const texts[STATEMENTS] = {
        [INSERT_FOR_GROUPS] =
                ("INSERT INTO messages(" ROW ") SELECT ?1, slot, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM groups WHERE destination = ?1"),
        [INSERT_FOR_NOBODY] = ("INSERT INTO messages(" ROW ") VALUES(?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"),
        [INSERT_ANSWER] = ("INSERT INTO messages(" ROW ") SELECT ?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM owners WHERE id = ?9"),
        [SELECT_READY] =
                ("SELECT id, failures, content_type, reply_to, correlation_id, headers, body, priority, losses FROM messages "
                 "WHERE owner = 0 AND ready_at = 0 AND destination = ?1 AND slot = ?2 ORDER BY priority DESC, id LIMIT ?3"),
        [PEEK_READY] = "SELECT 1 FROM messages WHERE owner = 0 AND ready_at = 0 AND destination = ?1 AND slot = ?2 LIMIT 1",
        [COUNT_READY] = "SELECT count(*) FROM messages WHERE owner = 0 AND ready_at = 0 AND destination = ?1 AND slot = ?2",
        [CLAIM] = "UPDATE messages SET owner = ?2 WHERE id = ?1",
        [ACK] = "DELETE FROM messages WHERE id = ?1 AND owner = ?2",
        [RETRY] = "UPDATE messages SET owner = 0, failures = failures + 1, ready_at = ?3 WHERE id = ?1 AND owner = ?2",
        [RELEASE] = "UPDATE messages SET owner = 0 WHERE id = ?1 AND owner = ?2",
        [PROMOTE] = "UPDATE messages SET ready_at = 0 WHERE ready_at > 0 AND ready_at <= ?1",
        [NEXT_DUE] = "SELECT min(ready_at) FROM messages WHERE ready_at > 0",
        [ADD_GROUP] = "INSERT OR IGNORE INTO groups SELECT ?1, ?2, coalesce(max(slot) + 1, 0) FROM groups WHERE destination = ?1",
        [FIND_GROUP] = "SELECT slot FROM groups WHERE destination = ?1 AND name = ?2",
        [ADD_OWNER] = "INSERT INTO owners(pid) VALUES(?1)",
        [OTHER_OWNERS] = "SELECT id FROM owners WHERE id <> ?1",
        [PAGE_COUNT] = "PRAGMA page_count",
};

/* ------------------------------------------------------------------ errors */

static int errno_of(sqlite3 *db, int code)
{
        int system = db ? sqlite3_system_errno(db) : 0;
        switch (code & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_READONLY:
        case SQLITE_PERM:
                return -EACCES;
        case SQLITE_NOTADB:
                return -EBADMSG;
        case SQLITE_CORRUPT:
                return -EUCLEAN;
        case SQLITE_TOOBIG:
                return -EMSGSIZE;
        case SQLITE_CANTOPEN:
                return system ? -system : -EACCES;
        default:
                return system ? -system : -EIO;
        }
}

int aeon__store_failure(struct store *s, int code, const char *doing)
{
        int r = errno_of(s->db, code);
        if (r == -ENOSPC)
                return aeon_fail(-ENOSPC, "%s %s: no space is left on the disk", doing, s->path);
        if (r == -EBUSY)
                return aeon_fail(-EBUSY, "%s %s: another program keeps it locked", doing, s->path);
        if (r == -EBADMSG)
                return aeon_fail(-EBADMSG, "%s %s: it is not a database", doing, s->path);
        if (r == -EUCLEAN)
                return aeon_fail(-EUCLEAN, "%s %s: the file is damaged (%s)", doing, s->path, sqlite3_errmsg(s->db));
        const char *words = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(code);
        return aeon_fail_at(r, true, AEON_HERE, "%s %s: %s", doing, s->path,
                            (code & 0xff) == SQLITE_CANTOPEN ? aeon_strerror(r) : words);
}

/* Wait a little, more each time; another process is in its commit. */
static int busy(void *arg, int count)
{
        (void)arg;
        useconds_t pause = count < 10 ? 200 : 2000;
        if (count > BUSY_LIMIT_MS / 2)
                return 0;
        usleep(pause);
        return 1;
}

/* ------------------------------------------------------------------ opening */

static int execute(struct store *s, const char *sql, const char *doing)
{
        int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
        return code == SQLITE_OK ? 0 : aeon__store_failure(s, code, doing);
}

/* A number that @sql selects. */
static int ask(struct store *s, const char *sql, int64_t *ret_number)
{
        sqlite3_stmt *statement;
        int code = sqlite3_prepare_v2(s->db, sql, -1, &statement, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
                *ret_number = sqlite3_column_int64(statement, 0);
        int r = code == SQLITE_ROW ? 0 : aeon__store_failure(s, code, "cannot read");
        sqlite3_finalize(statement);
        return r;
}

/* Why no file can be made there. sqlite's own errno is of its second attempt, to read. Opening the file to see would cost the process
 * its locks on it, were it open already: see "How To Corrupt An SQLite Database File", 2.2. */
static int refuse_folder(const char *path)
{
        char folder[512];
        const char *slash = strrchr(path, '/');
        snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
        if (faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0 || faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0)
                return 0;
        return aeon_fail_os(-errno, "cannot open %s", path);
}

static int open_file(struct store *s, const char *path)
{
        struct stat status;
        snprintf(s->path, sizeof s->path, "%s", path);
        if (strlen(path) >= sizeof s->path)
                return aeon_fail(-ENAMETOOLONG, "the path of the queue file is longer than %zu bytes", sizeof s->path - 1);
        if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
                return aeon_fail(-EISDIR, "cannot open %s: it is a folder", path);
        int code = sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
        if (code != SQLITE_OK) {
                int r = refuse_folder(path);
                return r < 0 ? r : aeon__store_failure(s, code, "cannot open");
        }
        sqlite3_extended_result_codes(s->db, 1);
        sqlite3_busy_handler(s->db, busy, NULL);
        if (sqlite3_db_readonly(s->db, "main") == 1)
                return aeon_fail(-EACCES, "cannot open %s: it may not be written", path);
        const char *full = sqlite3_db_filename(s->db, "main");
        if (full && *full && strlen(full) < sizeof s->path)
                strcpy(s->path, full);
        return 0;
}

/* Turning WAL on needs the file for a moment alone, and sqlite does not wait for that. */
static int use_wal(struct store *s)
{
        sqlite3_stmt *statement;
        int code = SQLITE_BUSY, r = 0;
        for (int tries = 0; (code & 0xff) == SQLITE_BUSY && tries < BUSY_LIMIT_MS / 10; tries++) {
                if (tries)
                        usleep(10000);
                code = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
                if (code == SQLITE_OK)
                        code = sqlite3_step(statement);
                if (code == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(statement, 0), "wal") != 0)
                        r = aeon_fail(-ENOTSUP, "cannot use %s: a write-ahead log is not possible there", s->path);
                sqlite3_finalize(statement);
        }
        return code == SQLITE_ROW ? r : aeon__store_failure(s, code, "cannot open");
}

/* In a transaction: make the tables when the file is new, and refuse what is not ours. */
static int check_schema(struct store *s)
{
        int64_t version = 0, application = 0, tables = 0;
        int r = ask(s, "PRAGMA user_version", &version);
        if (r >= 0)
                r = ask(s, "PRAGMA application_id", &application);
        if (r >= 0)
                r = ask(s, "SELECT count(*) FROM sqlite_master", &tables);
        if (r < 0)
                return r;
        if (tables == 0)
                return execute(s, schema, "cannot make the tables of");
        if (application != APPLICATION_ID)
                return aeon_fail(-EBADMSG, "%s is a database of another program", s->path);
        if (version > SCHEMA_VERSION)
                return aeon_fail(-EPROTONOSUPPORT, "%s was written by a newer Aeon (schema %lld, this one knows %d)", s->path,
                                 (long long)version, SCHEMA_VERSION);
        if (version < SCHEMA_VERSION)
                return execute(s, "ALTER TABLE messages ADD COLUMN losses INTEGER NOT NULL DEFAULT 0; PRAGMA user_version = 2",
                               "cannot bring up to date");
        return 0;
}

static int prepare(struct store *s)
{
        for (int i = 0; i < STATEMENTS; i++) {
                int code = sqlite3_prepare_v3(s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statements[i], NULL);
                if (code != SQLITE_OK)
                        return aeon__store_failure(s, code, "cannot use");
        }
        return 0;
}

static int add_owner(struct store *s)
{
        sqlite3_stmt *add = s->statements[ADD_OWNER];
        sqlite3_bind_int64(add, 1, getpid());
        int code = sqlite3_step(add);
        sqlite3_reset(add);
        if (code != SQLITE_DONE)
                return aeon__store_failure(s, code, "cannot write");
        s->self = sqlite3_last_insert_rowid(s->db);
        return 0;
}

/* The id's byte is locked before anybody can see the id. Somebody may hold it all the same: a process that was killed between its
 * own insert and its commit, whose files the kernel is still closing. Then the next id does; the first is an owner that is dead. */
static int become_owner(struct store *s)
{
        enum { DYING_AT_MOST = 100 };
        int r = -EAGAIN;
        for (int i = 0; i < DYING_AT_MOST && r == -EAGAIN; i++) {
                r = add_owner(s);
                if (r >= 0)
                        r = aeon__owners_lock(&s->owners, s->self);
        }
        return r;
}

static int set_up(struct store *s)
{
        int r = aeon__store_begin(s, true);
        if (r < 0)
                return r;
        r = check_schema(s);
        if (r >= 0)
                r = prepare(s);
        if (r >= 0)
                r = become_owner(s);
        if (r >= 0)
                r = aeon__store_commit(s);
        if (r < 0)
                aeon__store_rollback(s);
        return r;
}

static void let_go(struct store *s)
{
        for (int i = 0; i < STATEMENTS; i++)
                sqlite3_finalize(s->statements[i]);
        sqlite3_close(s->db);
        aeon__owners_close(&s->owners);
        s->db = NULL;
}

int aeon__store_open(struct store *s, const char *path)
{
        *s = (struct store){ .owners = { .fd = -1, .watch = -1 } };
        int r = open_file(s, path);
        if (r >= 0)
                r = use_wal(s);
        if (r >= 0)
                r = aeon__owners_open(&s->owners, s->path);
        if (r >= 0)
                r = set_up(s);
        if (r < 0)
                let_go(s);
        return r;
}

void aeon__store_close(struct store *s)
{
        if (!s->db)
                return;
        int r = aeon__store_begin(s, false);
        if (r >= 0)
                r = aeon__store_bury(s, s->self);
        int given_back = r;
        if (r >= 0)
                r = aeon__store_commit(s);
        if (r < 0) {
                aeon_log_warning("%s; what was claimed comes back when the next one opens it", aeon_error_describe(r));
                aeon__store_rollback(s);
        } else if (given_back > 0) {
                aeon__owners_wake(&s->owners);
        }
        let_go(s);
}

/* ------------------------------------------------------------------ transactions */

int aeon__store_begin(struct store *s, bool durable)
{
        if (durable != s->durable) {
                int r = execute(s, durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", "cannot use");
                if (r < 0)
                        return r;
                s->durable = durable;
        }
        return execute(s, "BEGIN IMMEDIATE", "cannot write");
}

int aeon__store_commit(struct store *s)
{
        return execute(s, "COMMIT", "cannot write");
}

void aeon__store_rollback(struct store *s)
{
        if (s->db && !sqlite3_get_autocommit(s->db))
                sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ------------------------------------------------------------------ room */

static void checkpoint(struct store *s, int how)
{
        sqlite3_wal_checkpoint_v2(s->db, NULL, how, NULL, NULL); /* as far as it goes */
}

/* Bytes free for the log, once what the next checkpoint adds to the file is set aside: without that the log could never be emptied. */
static int64_t room(struct store *s)
{
        struct statvfs volume;
        struct stat file;
        if (statvfs(s->path, &volume) < 0 || stat(s->path, &file) < 0)
                return INT64_MAX; /* the write itself will tell */
        sqlite3_stmt *count = s->statements[PAGE_COUNT];
        int64_t pages = sqlite3_step(count) == SQLITE_ROW ? sqlite3_column_int64(count, 0) : 0;
        sqlite3_reset(count);
        int64_t growth = pages * 4096 - (int64_t)file.st_size;
        return (int64_t)(volume.f_bavail * volume.f_frsize) - (growth > 0 ? growth : 0);
}

int aeon__store_has_room(struct store *s, size_t bytes)
{
        int64_t needed = RESERVE + 2 * (int64_t)bytes;
        if (room(s) >= needed)
                return 0;
        checkpoint(s, SQLITE_CHECKPOINT_TRUNCATE); /* the log may have grown and be empty by now */
        if (room(s) >= needed)
                return 0;
        return aeon_fail(-ENOSPC, "cannot write %s: no space is left on the disk", s->path);
}

void aeon__store_keep_room(struct store *s)
{
        if (room(s) < RESERVE)
                aeon__store_checkpoint(s);
}

void aeon__store_checkpoint(struct store *s)
{
        checkpoint(s, SQLITE_CHECKPOINT_PASSIVE);
}
