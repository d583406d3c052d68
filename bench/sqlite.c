/* bench-sqlite FILE MESSAGES GROUP: the limit that bench-queue is measured against.
 *
 * DESIGN
 *   sqlite's C interface in a plain loop, as durable as the queue (write-ahead log, synchronous = FULL): one transaction writes GROUP
 *   messages, one reads and deletes them. No tasks, no threads, no indexes, nothing but the file. Prints messages a second. */
#include "measure.h"

#include <errno.h>
#include <sqlite3.h>

static sqlite3 *db;
static sqlite3_stmt *insert, *select_first, *delete_one;

static void check(int code, int wanted)
{
        if (code == wanted)
                return;
        fprintf(stderr, "bench-sqlite: %s\n", sqlite3_errmsg(db));
        exit(1);
}

static void execute(const char *sql)
{
        check(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static sqlite3_stmt *prepare(const char *sql)
{
        sqlite3_stmt *statement = NULL;
        check(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), SQLITE_OK);
        return statement;
}

static void run(sqlite3_stmt *statement)
{
        check(sqlite3_step(statement), SQLITE_DONE);
        sqlite3_reset(statement);
}

static void enqueue(long count)
{
        char body[128];
        memset(body, 'x', sizeof body);
        execute("BEGIN IMMEDIATE");
        for (long i = 0; i < count; i++) {
                sqlite3_bind_blob(insert, 1, body, sizeof body, SQLITE_STATIC);
                run(insert);
        }
        execute("COMMIT");
}

static void acknowledge(long count)
{
        execute("BEGIN IMMEDIATE");
        for (long i = 0; i < count; i++) {
                check(sqlite3_step(select_first), SQLITE_ROW);
                sqlite3_bind_int64(delete_one, 1, sqlite3_column_int64(select_first, 0));
                must(sqlite3_column_bytes(select_first, 1) == 128 ? 0 : -EBADMSG, "body");
                sqlite3_reset(select_first);
                run(delete_one);
        }
        execute("COMMIT");
}

int main(int argc, char **argv)
{
        if (argc < 4) {
                fprintf(stderr, "usage: bench-sqlite FILE MESSAGES GROUP\n");
                return 2;
        }
        long messages = strtol(argv[2], NULL, 10), group = strtol(argv[3], NULL, 10);
        check(sqlite3_open(argv[1], &db), SQLITE_OK);
        execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE work(id INTEGER PRIMARY KEY, body BLOB)");
        insert = prepare("INSERT INTO work(body) VALUES(?1)");
        select_first = prepare("SELECT id, body FROM work ORDER BY id LIMIT 1");
        delete_one = prepare("DELETE FROM work WHERE id = ?1");
        double begin = wall_seconds();
        for (long i = 0; i < messages / group; i++) {
                enqueue(group);
                acknowledge(group);
        }
        long done = messages / group * group;
        printf("%.1f\n", (double)done / (wall_seconds() - begin));
        sqlite3_finalize(insert);
        sqlite3_finalize(select_first);
        sqlite3_finalize(delete_one);
        return sqlite3_close(db) != SQLITE_OK;
}
