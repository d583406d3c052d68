/* SQLite: one who writes and many who read, other programs on the same file, a full disk, a process that is killed. */
#include "database.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define THING(F) \
        F(i64, i) F(f64, f) F(boolean, b) F(str, s) F(bytes, y) F(timestamp, t) F(duration, d) F(list(str), l) F(optional(i64), o)
AEON_RECORD(thing, THING);

static const char *file_url(const char *name)
{
        static char url[600];
        snprintf(url, sizeof url, "sqlite:%s", test_path("%s", name));
        return url;
}

static aeon_db *open_file(const char *name, const aeon_db_opts *opts)
{
        aeon_db *db = NULL;
        REQUIRE_INT(aeon_db_open(file_url(name), opts, &db), 0);
        return db;
}

/* ------------------------------------------------------------------ statements */

TEST(sqlite_keeps_what_it_was_given)
{
        const unsigned char bytes[] = { 0, 255, '\'' };
        aeon_db *db = open_file("a.db", NULL);
        REQUIRE_INT(aeon_db_script(
                            db, "create table a (i integer, f real, b integer, s text, y blob, t text, d text, l text, o integer)"),
                    0);
        CHECK_INT(aeon_db_exec(db, "insert into a values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                               AEON_DB_ARGS(INT64_MIN, 0.1, true, "it's $1", ((aeon_bytes){ bytes, sizeof bytes }),
                                            aeon_db_timestamp(INT64_C(1795255468500000001)), "1m30s", "[\"x\"]", aeon_db_null())),
                  1);
        struct thing *e = NULL;
        REQUIRE_INT(thing_row(db, &e, "select * from a where i = ?1 and s <> ?2 and s <> ?2", AEON_DB_ARGS(INT64_MIN, "")), 0);
        CHECK_INT(e->i, INT64_MIN);
        CHECK(e->f == 0.1);
        CHECK(e->b);
        CHECK_STR(e->s, "it's $1");
        CHECK_INT(e->y.size, sizeof bytes);
        CHECK(!memcmp(e->y.data, bytes, sizeof bytes));
        CHECK_INT(e->t, INT64_C(1795255468500000001));
        CHECK_INT(e->d, AEON_SECONDS(90));
        CHECK_INT(e->l.count, 1);
        CHECK_STR(e->l.items[0], "x");
        CHECK(!e->o);
        thing_free(e);
        CHECK_INT(number_of(db, "select unixepoch(t) as n from a", NULL), 1795255468);
        CHECK_INT(aeon_db_exec(db, "insert into a (i) values (?), (?)", AEON_DB_ARGS(1, 2)), 2);
        CHECK_INT(aeon_db_exec(db, "update a set f = 1 where i > 0", NULL), 2);
        CHECK_INT(aeon_db_exec(db, "create table other (i)", NULL), 0);
        CHECK_INT(number_of(db, "insert into other values (17) returning i as n", NULL), 17);
        aeon_db_close(db);
}

TEST(sqlite_says_what_is_wrong)
{
        static const struct {
                const char *sql;
                int code;
                const char *words;
        } cases[] = {
                { "insert into e values (1)", -EEXIST, "UNIQUE constraint failed: e.i" },
                { "insert into e values (-1)", -EINVAL, "CHECK constraint failed" },
                { "insert into f values (9)", -EINVAL, "FOREIGN KEY constraint failed" },
                { "selec 1", -EINVAL, "syntax error" },
                { "select * from nowhere", -EINVAL, "no such table: nowhere" },
                { "select 1; select 2", -EINVAL, "more than one statement" },
                { "select $name", -EINVAL, "the placeholder \"$name\" has no number" },
                { "select $1 + $2", -EINVAL, "2 placeholders, and 0 arguments" },
                { " -- nothing", -EINVAL, "an empty statement" },
        };
        aeon_db *db = open_file("e.db", NULL), *none;
        REQUIRE_INT(aeon_db_script(db, "create table e (i integer primary key check (i > 0)); insert into e values (1);"
                                       "create table f (e references e)"),
                    0);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                CHECK_INT(aeon_db_exec(db, cases[i].sql, NULL), cases[i].code);
                CHECK_CONTAINS(aeon_error_text(), cases[i].words);
        }
        CHECK_INT(aeon_db_exec(db, "select $1", AEON_DB_ARGS(UINT64_MAX)), -ERANGE);
        CHECK_INT(aeon_db_exec(db, "select 1", AEON_DB_ARGS(1)), -EINVAL);
        struct number *row = NULL;
        CHECK_INT(number_rows(db, &row, "select 'five' as n", NULL), -EBADMSG);
        CHECK_CONTAINS(aeon_error_text(), "row[1].n: it is text, and the field is a whole number");
        CHECK_INT(number_rows(db, &row, "select 1.5 as n", NULL), -EBADMSG);
        aeon_db_listener *l;
        CHECK_INT(aeon_db_listen(db, "x", &l), -ENOTSUP);
        aeon_db_close(db);

        CHECK_INT(aeon_db_open("sqlite:", NULL, &none), -EINVAL);
        CHECK_INT(aeon_db_open("sqlite:x.db?mode=ro", NULL, &none), -EINVAL);
        CHECK_INT(aeon_db_open("sqlite:////nowhere/at/all.db", NULL, &none), -ENXIO);
        CHECK_CONTAINS(aeon_error_text(), "unable to open database file");
        test_write_file(test_path("text.db"),
                        "this is a text, and it is longer than the header of a database, which has a hundred bytes: "
                        "so this goes on for a while, and a little longer");
        CHECK_INT(aeon_db_open(file_url("text.db"), NULL, &none), -ENXIO);
        CHECK_CONTAINS(aeon_error_text(), "file is not a database");
}

TEST(one_in_memory_lives_as_long_as_its_pool)
{
        aeon_db *a, *b;
        REQUIRE_INT(aeon_db_open("sqlite::memory:", NULL, &a), 0);
        REQUIRE_INT(aeon_db_open("sqlite::memory:", NULL, &b), 0);
        REQUIRE_INT(aeon_db_script(a, "create table x (n); insert into x values (3)"), 0);
        CHECK_INT(number_of(a, "select n from x", NULL), 3);
        CHECK_INT(aeon_db_exec(b, "select n from x", NULL), -EINVAL);
        aeon_db_close(a);
        aeon_db_close(b);
}

/* ------------------------------------------------------------------ side by side */

enum { WRITERS = 8, ROUNDS = 25 };

static int add_one_each(aeon_db *tx, void *arg)
{
        (void)arg;
        int64_t n = number_of(tx, "select n from counter", NULL);
        return n < 0 ? -EIO : aeon_db_exec(tx, "update counter set n = $1", AEON_DB_ARGS(n + 1));
}

static int write_rounds(void *db)
{
        int r = 0;
        for (int i = 0; r >= 0 && i < ROUNDS; i++)
                r = aeon_db_transaction(db, add_one_each, NULL);
        return r;
}

TEST_WITHIN(writers_of_two_pools_take_turns_and_lose_nothing, 60)
{
        aeon_db *a = open_file("w.db", NULL), *b = open_file("w.db", NULL);
        aeon_group *g;
        REQUIRE_INT(aeon_db_script(a, "create table counter (n); insert into counter values (0)"), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < WRITERS; i++)
                aeon_spawn(g, "writer", write_rounds, i % 2 ? a : b);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(number_of(a, "select n from counter", NULL), WRITERS * ROUNDS);
        aeon_db_close(a);
        aeon_db_close(b);
}

TEST(who_reads_does_not_wait_for_who_writes)
{
        aeon_db *db = open_file("r.db", NULL), *tx;
        REQUIRE_INT(aeon_db_script(db, "create table x (n); insert into x values (1)"), 0);
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        CHECK_INT(aeon_db_exec(tx, "update x set n = 2", NULL), 1);
        CHECK_INT(number_of(db, "select n from x", NULL), 1);
        CHECK_INT(number_of(db, "SELECT n FROM x", NULL), 1);
        CHECK_INT(aeon_db_commit(tx), 0);
        CHECK_INT(number_of(db, "select n from x", NULL), 2);
        aeon_db_close(db);
}

static const char endless[] = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) as n from c";

TEST(a_cancelled_statement_of_sqlite_ends)
{
        aeon_db *db = open_file("c.db", NULL);
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(30) });
        CHECK_INT(aeon_scope_close(&s, aeon_db_exec(db, endless, NULL)), -ETIMEDOUT);
        aeon_db_stats stats;
        aeon_db_get_stats(db, &stats);
        CHECK_INT(stats.in_use, 0);
        CHECK_INT(stats.dropped, 0);
        CHECK_INT(number_of(db, "select 1 as n", NULL), 1);
        aeon_db_close(db);
}

/* ------------------------------------------------------------------ other programs */

/* Hold the write lock of @path until told by a byte; says "locked" with one. */
static pid_t lock_elsewhere(const char *path, int *ret_tell)
{
        int up[2], down[2];
        char byte;
        REQUIRE(!pipe(up) && !pipe(down));
        pid_t pid = fork();
        if (pid == 0) {
                sqlite3 *db;
                sqlite3_open(path, &db);
                sqlite3_exec(db, "begin immediate", NULL, NULL, NULL);
                if (write(up[1], "l", 1) != 1 || read(down[0], &byte, 1) != 1)
                        _exit(1);
                sqlite3_exec(db, "commit", NULL, NULL, NULL);
                _exit(0);
        }
        REQUIRE(read(up[0], &byte, 1) == 1);
        *ret_tell = down[1];
        return pid;
}

struct late {
        int tell;
};

static int unlock_later(void *arg)
{
        int r = aeon_sleep(AEON_MILLISECONDS(50));
        CHECK(write(((struct late *)arg)->tell, "u", 1) == 1);
        return r;
}

TEST(a_file_that_another_program_has_locked_is_waited_for)
{
        int tell;
        aeon_db *hasty = open_file("l.db", &(aeon_db_opts){ .patience = AEON_MILLISECONDS(30) }), *db = open_file("l.db", NULL);
        REQUIRE_INT(aeon_db_script(db, "create table x (n)"), 0);
        pid_t pid = lock_elsewhere(test_path("l.db"), &tell);

        CHECK_INT(aeon_db_exec(hasty, "insert into x values (1)", NULL), -EBUSY);
        CHECK_CONTAINS(aeon_error_text(), "another program keeps the file locked");
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(30) });
        CHECK_INT(aeon_scope_close(&s, aeon_db_exec(db, "insert into x values (1)", NULL)), -ETIMEDOUT);
        CHECK_INT(number_of(db, "select count(*) as n from x", NULL), 0);

        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        struct late late = { tell };
        aeon_spawn(g, "unlock", unlock_later, &late);
        CHECK_INT(aeon_db_exec(db, "insert into x values (1)", NULL), 1);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(waitpid(pid, NULL, 0), pid);
        aeon_db_close(db);
        aeon_db_close(hasty);
}

/* Commits rows and says the number of each to its parent, until it is killed. */
static int commit_for_ever(void *arg)
{
        int fd = *(int *)arg;
        aeon_db *db;
        int r = aeon_db_open(file_url("k.db"), NULL, &db);
        if (r >= 0)
                r = aeon_db_script(db, "create table x (n integer)");
        for (int i = 1; r >= 0; i++) {
                r = aeon_db_exec(db, "insert into x values ($1)", AEON_DB_ARGS(i));
                if (r >= 0 && write(fd, &i, sizeof i) != sizeof i)
                        break;
        }
        return r;
}

static int64_t last_told, kept;

static int look_after(void *arg)
{
        (void)arg;
        aeon_db *db = open_file("k.db", NULL);
        kept = number_of(db, "select max(n) as n from x", NULL);
        CHECK_INT(number_of(db, "select count(*) as n from x", NULL), kept);
        aeon_db_close(db);
        return 0;
}

PLAIN_TEST(what_was_committed_survives_a_kill)
{
        int ends[2], i;
        (void)test_folder(); /* made before the fork: both use it */
        REQUIRE(!pipe(ends));
        pid_t pid = fork();
        if (pid == 0)
                _exit(aeon_loop_run(commit_for_ever, &ends[1]) < 0);
        close(ends[1]);
        while (last_told < 20 && read(ends[0], &i, sizeof i) == sizeof i)
                last_told = i;
        kill(pid, SIGKILL);
        REQUIRE_INT(waitpid(pid, NULL, 0), pid);
        while (read(ends[0], &i, sizeof i) == sizeof i)
                last_told = i;
        REQUIRE_INT(aeon_loop_run(look_after, NULL), 0);
        CHECK(last_told >= 20);
        CHECK(kept == last_told || kept == last_told + 1); /* the last one may have been committed and not told */
}

TEST(a_full_disk_is_told_and_what_was_there_stays)
{
        char folder[300];
        if (geteuid() != 0)
                return; /* only root can mount a small disk */
        snprintf(folder, sizeof folder, "%s", test_path("disk"));
        REQUIRE_INT(mkdir(folder, 0700), 0);
        REQUIRE_INT(mount("tmpfs", folder, "tmpfs", 0, "size=1m"), 0);
        aeon_db *db = open_file("disk/f.db", NULL);
        REQUIRE_INT(aeon_db_script(db, "create table x (y blob)"), 0);
        int r = 0, rows = 0;
        for (; r >= 0 && rows < 1000; rows += r >= 0)
                r = aeon_db_exec(db, "insert into x values (zeroblob(20000))", NULL);
        CHECK_INT(r, -ENOSPC);
        CHECK_CONTAINS(aeon_error_text(), "no space is left on the disk");
        CHECK(rows > 5);
        CHECK_INT(number_of(db, "select count(*) as n from x", NULL), rows);
        aeon_db_stats stats;
        aeon_db_get_stats(db, &stats);
        CHECK_INT(stats.in_use, 0);
        aeon_db_close(db);
        CHECK_INT(umount2(folder, MNT_DETACH), 0);
}
