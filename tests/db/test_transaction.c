/* Transactions and savepoints, on both databases where the rule is the same. */
#include "database.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ a test for each database */

static aeon_db *open_postgres(void)
{
        return shared_open(2);
}

static aeon_db *open_sqlite(void)
{
        char url[600];
        aeon_db *db;
        snprintf(url, sizeof url, "sqlite:%s", test_path("t.db"));
        REQUIRE_INT(aeon_db_open(url, NULL, &db), 0);
        return db;
}

#define BOTH_TEST(name)                                                                   \
        static void name(aeon_db *db);                                                    \
        static void name##_on(aeon_db *db)                                                \
        {                                                                                 \
                REQUIRE_INT(aeon_db_script(db, "create table x (i int primary key)"), 0); \
                name(db);                                                                 \
                aeon_db_close(db);                                                        \
        }                                                                                 \
        TEST(name##_postgres)                                                             \
        {                                                                                 \
                name##_on(open_postgres());                                               \
        }                                                                                 \
        TEST(name##_sqlite)                                                               \
        {                                                                                 \
                name##_on(open_sqlite());                                                 \
        }                                                                                 \
        static void name(aeon_db *db)

static int64_t count(aeon_db *db)
{
        return number_of(db, "select count(*) as n from x", NULL);
}

static int add(aeon_db *db, int i)
{
        return aeon_db_exec(db, "insert into x values ($1)", AEON_DB_ARGS(i));
}

/* ------------------------------------------------------------------ the rules */

BOTH_TEST(what_is_committed_lasts_and_what_is_rolled_back_never_was)
{
        aeon_db *tx;
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        CHECK_INT(add(tx, 1), 1);
        CHECK_INT(count(tx), 1);
        CHECK_INT(count(db), 0);
        CHECK_INT(aeon_db_commit(tx), 0);
        CHECK_INT(count(db), 1);
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        CHECK_INT(add(tx, 2), 1);
        aeon_db_rollback(tx);
        CHECK_INT(count(db), 1);
        aeon_db_rollback(NULL);
        aeon_db_stats stats;
        aeon_db_get_stats(db, &stats);
        CHECK_INT(stats.in_use, 0);
        CHECK_INT(stats.dropped, 0);
}

static int add_two(aeon_db *tx, void *arg)
{
        int r = add(tx, 1);
        if (r >= 0)
                r = add(tx, 2);
        return r < 0 ? r : *(int *)arg < 0 ? aeon_fail(-EPERM, "the handler does not want to") : *(int *)arg;
}

BOTH_TEST(a_function_that_fails_undoes_its_transaction)
{
        int result = -1;
        CHECK_INT(aeon_db_transaction(db, add_two, &result), -EPERM);
        CHECK_STR(aeon_error_text(), "the handler does not want to");
        CHECK_INT(count(db), 0);
        result = 7;
        CHECK_INT(aeon_db_transaction(db, add_two, &result), 7);
        CHECK_INT(count(db), 2);
        CHECK_INT(aeon_db_transaction(db, add_two, &result), -EEXIST);
        CHECK_INT(count(db), 2);
}

static int add_and_sleep(aeon_db *tx, void *arg)
{
        (void)arg;
        int r = add(tx, 5);
        return r < 0 ? r : aeon_sleep(AEON_MINUTES(1));
}

/* The handler is told to stop and says nothing of it. */
static int add_and_swallow(aeon_db *tx, void *arg)
{
        (void)add_and_sleep(tx, arg);
        return 0;
}

BOTH_TEST(a_cancelled_transaction_is_rolled_back)
{
        aeon_db_fn *const fns[] = { add_and_sleep, add_and_swallow };
        for (int i = 0; i < 2; i++) {
                aeon_scope s;
                aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(50) });
                CHECK_INT(aeon_scope_close(&s, aeon_db_transaction(db, fns[i], NULL)), -ETIMEDOUT);
                CHECK_INT(count(db), 0);
        }
        aeon_db_stats stats;
        aeon_db_get_stats(db, &stats);
        CHECK_INT(stats.in_use, 0);
        CHECK_INT(stats.dropped, 0);
}

BOTH_TEST(a_savepoint_is_undone_alone)
{
        aeon_db *tx, *inner, *innermost;
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        CHECK_INT(add(tx, 1), 1);
        REQUIRE_INT(aeon_db_begin(tx, NULL, &inner), 0);
        CHECK_INT(add(tx, 9), -EBUSY);
        CHECK_CONTAINS(aeon_error_text(), "a savepoint is open inside");
        CHECK_INT(add(inner, 1), -EEXIST);
        CHECK_INT(add(inner, 2), -EIO);
        aeon_db_rollback(inner);
        REQUIRE_INT(aeon_db_begin(tx, NULL, &inner), 0);
        CHECK_INT(add(inner, 3), 1);
        REQUIRE_INT(aeon_db_begin(inner, NULL, &innermost), 0);
        CHECK_INT(add(innermost, 4), 1);
        CHECK_INT(aeon_db_commit(innermost), 0);
        CHECK_INT(aeon_db_commit(inner), 0);
        CHECK_INT(aeon_db_begin(tx, &(aeon_db_begin_opts){ .read_only = true }, &inner), -EINVAL);
        CHECK_INT(aeon_db_commit(tx), 0);
        CHECK_INT(number_of(db, "select sum(i) as n from x", NULL), 1 + 3 + 4);
}

BOTH_TEST(after_a_failed_statement_nothing_but_a_rollback_is_possible)
{
        aeon_db *tx;
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        CHECK_INT(add(tx, 1), 1);
        CHECK_INT(add(tx, 1), -EEXIST);
        CHECK_INT(add(tx, 2), -EIO);
        CHECK_INT(aeon_db_commit(tx), -EIO);
        CHECK_CONTAINS(aeon_error_text(), "it was rolled back");
        CHECK_INT(count(db), 0);
}

BOTH_TEST(after_a_failed_statement_there_is_no_savepoint_either)
{
        aeon_db *tx, *inner;
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        CHECK_INT(add(tx, 1), 1);
        CHECK_INT(add(tx, 1), -EEXIST);
        CHECK_INT(aeon_db_begin(tx, NULL, &inner), -EIO);
        CHECK_CONTAINS(aeon_error_text(), "it can only be rolled back");
        aeon_db_rollback(tx);
        CHECK_INT(count(db), 0);
}

BOTH_TEST(an_outer_transaction_does_not_commit_over_an_open_savepoint)
{
        aeon_db *tx, *inner;
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        REQUIRE_INT(aeon_db_begin(tx, NULL, &inner), 0);
        CHECK_INT(add(inner, 1), 1);
        CHECK_INT(aeon_db_commit(tx), -EINVAL);
        CHECK_INT(count(db), 0);
}

BOTH_TEST(a_read_only_transaction_writes_nothing)
{
        aeon_db *tx;
        REQUIRE_INT(aeon_db_begin(db, &(aeon_db_begin_opts){ .read_only = true }, &tx), 0);
        CHECK_INT(count(tx), 0);
        CHECK_INT(add(tx, 1), -EROFS);
        aeon_db_rollback(tx);
        CHECK_INT(count(db), 0);
}

BOTH_TEST(a_script_that_fails_leaves_nothing_behind)
{
        CHECK_INT(aeon_db_script(db, "insert into x values (1); insert into x values (2); insert into x values (1)"), -EEXIST);
        CHECK_INT(count(db), 0);
        CHECK_INT(aeon_db_script(db, "insert into x values (1); insert into x values (2)"), 0);
        CHECK_INT(count(db), 2);
}

struct use {
        aeon_db *tx;
        int result;
};

static int use(void *arg)
{
        struct use *u = arg;
        u->result = add(u->tx, 2);
        return 0;
}

BOTH_TEST(two_tasks_do_not_use_a_transaction_at_once)
{
        aeon_db *tx;
        aeon_group *g;
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        struct use u = { tx, 0 };
        aeon_spawn(g, "second", use, &u);
        CHECK_INT(add(tx, 1), 1); /* the second task runs while this one waits */
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(u.result, -EBUSY);
        CHECK_INT(aeon_db_commit(tx), 0);
        CHECK_INT(count(db), 1);
}

TEST(of_two_serializable_transactions_one_is_told_to_do_it_again)
{
        const aeon_db_begin_opts serializable = { .isolation = AEON_SERIALIZABLE };
        aeon_db *db = shared_open(2), *a, *b;
        REQUIRE_INT(aeon_db_script(db, "create table z (i int)"), 0);
        REQUIRE_INT(aeon_db_begin(db, &serializable, &a), 0);
        REQUIRE_INT(aeon_db_begin(db, &serializable, &b), 0);
        const char *sql = "insert into z select count(*) from z";
        CHECK_INT(aeon_db_exec(a, sql, NULL), 1);
        CHECK_INT(aeon_db_exec(b, sql, NULL), 1);
        CHECK_INT(aeon_db_commit(a), 0);
        CHECK_INT(aeon_db_commit(b), -EAGAIN);
        CHECK_INT(number_of(db, "select count(*) as n from z", NULL), 1);
        CHECK_INT(aeon_db_begin(db, &(aeon_db_begin_opts){ .isolation = (aeon_isolation)9 }, &a), -EINVAL);
        aeon_db_close(db);
}

TEST(a_transaction_whose_connection_is_lost_is_lost)
{
        aeon_db *db = shared_open(1), *other = shared_open(1), *tx;
        REQUIRE_INT(aeon_db_script(db, "create table x (i int)"), 0);
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        CHECK_INT(add(tx, 1), 1);
        int64_t who = number_of(tx, "select pg_backend_pid() as n", NULL);
        CHECK_INT(aeon_db_exec(other, "select pg_terminate_backend($1)", AEON_DB_ARGS(who)), 1);
        await_number(other, "select count(*) as n from pg_stat_activity where pid = $1", AEON_DB_ARGS(who), 0);
        int r = add(tx, 2);
        CHECK(r == -ECONNABORTED || r == -ENOTCONN);
        CHECK_INT(aeon_db_commit(tx), -ECONNABORTED);
        CHECK_INT(count(db), 0);
        aeon_db_close(db);
        aeon_db_close(other);
}
