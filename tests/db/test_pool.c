/* Pools: how many connections, whose turn it is, how long they live, and what becomes of them when tasks are cancelled. */
#include "database.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static aeon_db_stats stats_of(const aeon_db *db)
{
        aeon_db_stats stats;
        aeon_db_get_stats(db, &stats);
        return stats;
}

/* ------------------------------------------------------------------ turns */

struct turn {
        aeon_db *db;
        int number;
        int *order, *count;
        int *result; /* NULL: a failure is the task's */
};

static int take_turn(void *arg)
{
        struct turn *t = arg;
        int r = aeon_db_exec(t->db, "select 1", NULL);
        t->order[(*t->count)++] = t->number;
        if (t->result)
                *t->result = r;
        return t->result ? 0 : r;
}

TEST(who_waits_longest_is_the_next)
{
        enum { TASKS = 8 };
        int order[TASKS], count = 0;
        struct turn turns[TASKS];
        aeon_db *db = shared_open(1), *tx;
        aeon_group *g;
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < TASKS; i++) {
                turns[i] = (struct turn){ db, i, order, &count, NULL };
                aeon_spawn(g, "turn", take_turn, &turns[i]);
                CHECK_INT(aeon_checkpoint(), 0);
        }
        CHECK_INT(stats_of(db).waiting, TASKS);
        CHECK_INT(count, 0);
        CHECK_INT(aeon_db_commit(tx), 0);
        CHECK_INT(aeon_group_close(g), 0);
        for (int i = 0; i < TASKS; i++)
                CHECK_INT(order[i], i);
        CHECK_INT(stats_of(db).connected, 1);
        aeon_db_close(db);
}

static int sleep_a_little(void *arg)
{
        return aeon_db_exec(arg, "select pg_sleep(0.02)", NULL);
}

TEST(there_are_never_more_connections_than_its_size)
{
        aeon_db *db = shared_open(3);
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 20; i++)
                aeon_spawn(g, "sleep", sleep_a_little, db);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(stats_of(db).connected, 3);
        CHECK_INT(stats_of(db).open, 3);
        CHECK_INT(stats_of(db).in_use, 0);
        CHECK_INT(stats_of(db).dropped, 0);
        aeon_db_close(db);
}

TEST(a_deadline_in_the_queue_says_that_all_are_in_use)
{
        aeon_db *db = shared_open(2), *a, *b;
        REQUIRE_INT(aeon_db_begin(db, NULL, &a), 0);
        REQUIRE_INT(aeon_db_begin(db, NULL, &b), 0);
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(20), .name = "request" });
        CHECK_INT(aeon_scope_close(&s, aeon_db_exec(db, "select 1", NULL)), -ETIMEDOUT);
        CHECK_CONTAINS(aeon_error_text(), "the time limit of \"request\" passed");
        CHECK_CONTAINS(aeon_error_text(), "all 2 connections to postgresql://");
        CHECK_CONTAINS(aeon_error_text(), "are in use; waited 0.0 s");
        CHECK_INT(aeon_db_ping(db), 1); /* the database is well all the same */
        CHECK_INT(stats_of(db).waiting, 0);
        aeon_db_rollback(a);
        aeon_db_rollback(b);
        CHECK_INT(aeon_db_ping(db), 0);
        aeon_db_close(db);
}

/* ------------------------------------------------------------------ lives */

TEST(a_connection_is_used_again_until_it_is_too_old)
{
        const char *who = "select pg_backend_pid() as n";
        aeon_db *db = shared_open(1), *young;
        int64_t first = number_of(db, who, NULL);
        CHECK_INT(number_of(db, who, NULL), first);
        aeon_db_close(db);

        REQUIRE_INT(aeon_db_open(shared_url(), &(aeon_db_opts){ .size = 1, .lifetime = 1 }, &young), 0);
        first = number_of(young, who, NULL);
        CHECK(number_of(young, who, NULL) != first);
        CHECK_INT(stats_of(young).open, 1);
        CHECK_INT(stats_of(young).dropped, 0);
        aeon_db_close(young);
}

TEST(one_that_the_server_has_ended_is_replaced_unseen)
{
        aeon_db *other = shared_open(1), *db = shared_open(1), *pinged;
        int64_t who = number_of(db, "select pg_backend_pid() as n", NULL);
        CHECK_INT(aeon_db_exec(other, "select pg_terminate_backend($1)", AEON_DB_ARGS(who)), 1);
        await_number(other, "select count(*) as n from pg_stat_activity where pid = $1", AEON_DB_ARGS(who), 0);
        CHECK(number_of(db, "select pg_backend_pid() as n", NULL) != who);
        CHECK_INT(stats_of(db).dropped, 1);
        CHECK_INT(stats_of(db).open, 1);
        aeon_db_close(db);
        aeon_db_close(other);

        REQUIRE_INT(aeon_db_open(shared_url(), &(aeon_db_opts){ .size = 1, .check_idle = 1 }, &pinged), 0);
        CHECK_INT(number_of(pinged, "select 1 as n", NULL), 1);
        CHECK_INT(stats_of(pinged).connected, 1);
        aeon_db_close(pinged);
}

TEST(one_that_was_left_in_a_transaction_is_not_handed_on)
{
        aeon_db *db = shared_open(1);
        int64_t who = number_of(db, "select pg_backend_pid() as n", NULL);
        CHECK_INT(aeon_db_exec(db, "begin", NULL), 0);
        CHECK(number_of(db, "select pg_backend_pid() as n", NULL) != who);
        aeon_db_close(db);
}

TEST(a_pool_that_is_closed_while_it_is_used_ends_with_its_last_user)
{
        aeon_db *db = shared_open(1), *tx;
        test_stderr_begin();
        REQUIRE_INT(aeon_db_begin(db, NULL, &tx), 0);
        int order, count = 0, waiter_result = 0;
        struct turn turn = { db, 0, &order, &count, &waiter_result };
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "waiter", take_turn, &turn);
        CHECK_INT(aeon_checkpoint(), 0);
        aeon_db_close(db);
        CHECK_CONTAINS(test_stderr(), "is closed while it is used");
        CHECK_INT(number_of(tx, "select 5 as n", NULL), 5);
        CHECK_INT(aeon_db_commit(tx), 0);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(waiter_result, -ESHUTDOWN);
        aeon_db_close(NULL);
        test_stderr_end();
}

/* ------------------------------------------------------------------ connecting */

TEST(what_no_time_can_mend_fails_at_once_with_words)
{
        aeon_db *db = shared_open(1), *none;
        char url[300];
        const char *base = getenv("AEON_TEST_POSTGRES"), *host = strchr(base, '@') + 1;
        REQUIRE_INT(aeon_db_script(db, "drop role if exists locked; create role locked login password 'right'"), 0);
        snprintf(url, sizeof url, "postgresql://locked:wrong@%s", host);
        CHECK_INT(aeon_db_open(url, NULL, &none), -EACCES);
        CHECK_CONTAINS(aeon_error_text(), "password authentication failed for user \"locked\" (28P01)");
        CHECK(!strstr(aeon_error_text(), "wrong"));
        CHECK_CONTAINS(aeon_error_text(), "locked:***@127.0.0.1");
        snprintf(url, sizeof url, "postgresql://locked@%s", host);
        CHECK_INT(aeon_db_open(url, NULL, &none), -EACCES);
        CHECK_CONTAINS(aeon_error_text(), "no password supplied");
        snprintf(url, sizeof url, "postgresql://aeon@%.*s/nowhere", (int)strcspn(host, "/"), host);
        CHECK_INT(aeon_db_open(url, NULL, &none), -ENXIO);
        CHECK_CONTAINS(aeon_error_text(), "database \"nowhere\" does not exist (3D000)");
        CHECK_INT(aeon_db_open("postgresql://h/x?nonsense=1", NULL, &none), -EINVAL);
        CHECK_INT(aeon_db_open("postgre://localhost/x", NULL, &none), -EPROTONOSUPPORT);
        CHECK_CONTAINS(aeon_error_text(), "did you mean \"postgres\"?");
        CHECK_INT(aeon_db_open("nothing", NULL, &none), -EINVAL);
        aeon_db_close(db);
}

TEST(where_nobody_listens_it_tries_for_as_long_as_its_patience)
{
        char url[100];
        aeon_db *db;
        snprintf(url, sizeof url, "postgresql://aeon:secret@127.0.0.1:%d/x", test_free_port());
        aeon_time begin = aeon_now();
        CHECK_INT(aeon_db_open(url, &(aeon_db_opts){ .patience = AEON_MILLISECONDS(200) }, &db), -ENOTCONN);
        CHECK(aeon_now() - begin >= AEON_MILLISECONDS(50));
        CHECK_CONTAINS(aeon_error_text(), "Connection refused");
        CHECK(!strstr(aeon_error_text(), "secret"));
        CHECK_INT(aeon_db_open("postgresql://no.such.host.invalid/x", &(aeon_db_opts){ .patience = 1 }, &db), -ENOTCONN);
        CHECK_CONTAINS(aeon_error_text(), "no.such.host.invalid");
}

TEST(names_are_looked_up_and_hosts_tried_in_order)
{
        char url[300];
        aeon_db *db;
        const char *base = getenv("AEON_TEST_POSTGRES"), *port = strrchr(base, ':') + 1;
        snprintf(url, sizeof url, "postgresql://aeon@127.0.0.1:%d,localhost:%.*s/postgres", test_free_port(),
                 (int)strcspn(port, "/"), port);
        REQUIRE_INT(aeon_db_open(url, NULL, &db), 0);
        CHECK_INT(number_of(db, "select 3 as n", NULL), 3);
        aeon_db_close(db);
}

/* Somebody who takes connections and never says a word. */
static int silent_port(int *ret_fd)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof address;
        *ret_fd = socket(AF_INET, SOCK_STREAM, 0);
        REQUIRE(!bind(*ret_fd, (struct sockaddr *)&address, size) && !listen(*ret_fd, 8));
        REQUIRE(!getsockname(*ret_fd, (struct sockaddr *)&address, &size));
        return ntohs(address.sin_port);
}

TEST(a_server_that_says_nothing_is_given_up)
{
        char url[100];
        int fd;
        aeon_db *db;
        snprintf(url, sizeof url, "postgresql://aeon@127.0.0.1:%d/x", silent_port(&fd));
        CHECK_INT(aeon_db_open(url, &(aeon_db_opts){ .patience = 1, .connect_timeout = AEON_MILLISECONDS(30) }, &db), -ENOTCONN);
        CHECK_CONTAINS(aeon_error_text(), "it does not answer within 0.0 s");
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(30), .name = "start" });
        CHECK_INT(aeon_scope_close(&s, aeon_db_open(url, NULL, &db)), -ETIMEDOUT);
        CHECK_CONTAINS(aeon_error_text(), "no connection to postgresql://");
        close(fd);
}

/* ------------------------------------------------------------------ cancelled */

TEST(a_cancelled_statement_ends_at_the_server_and_its_connection_lives)
{
        aeon_db *other = shared_open(1), *db = shared_open(1);
        int64_t who = number_of(db, "select pg_backend_pid() as n", NULL);
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(50) });
        CHECK_INT(aeon_scope_close(&s, aeon_db_exec(db, "select pg_sleep(600)", NULL)), -ETIMEDOUT);
        CHECK_INT(number_of(other, "select count(*) as n from pg_stat_activity where pid = $1 and state = 'active'",
                            AEON_DB_ARGS(who)),
                  0);
        CHECK_INT(number_of(db, "select pg_backend_pid() as n", NULL), who);
        CHECK_INT(stats_of(db).dropped, 0);
        aeon_db_close(db);
        aeon_db_close(other);
}

TEST(nothing_happens_in_a_scope_that_is_cancelled_already)
{
        aeon_db *db = shared_open(1);
        REQUIRE_INT(aeon_db_script(db, "create table n (i int)"), 0);
        aeon_scope s;
        aeon_scope_open(&s, NULL);
        aeon_scope_cancel(&s, "test");
        aeon_db *tx = NULL;
        CHECK_INT(aeon_db_exec(db, "insert into n values (1)", NULL), -ECANCELED);
        CHECK_INT(aeon_db_begin(db, NULL, &tx), -ECANCELED);
        CHECK_INT(aeon_db_ping(db), -ECANCELED);
        CHECK_INT(aeon_scope_close(&s, -ECANCELED), 0);
        CHECK_INT(number_of(db, "select count(*) as n from n", NULL), 0);
        aeon_db_close(db);
}

/* At whatever moment: a connection is never handed on with somebody else's answer in it, and none is lost. */
TEST_WITHIN(cancelled_at_any_moment_every_row_goes_to_who_asked_for_it, 60)
{
        aeon_db *db = shared_open(2);
        int done = 0, cut = 0, rounds = test_is_slow() ? 100 : 300;
        for (int i = 0; i < rounds; i++) {
                struct number *row = NULL;
                aeon_scope s;
                aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MICROSECONDS(1 + (i * 37) % 3000) });
                int r = number_row(db, &row, "select $1::int as n from pg_sleep(0.001)", AEON_DB_ARGS(i));
                int outside = aeon_scope_close(&s, r);
                if (r == 0) {
                        CHECK_INT(row->n, i);
                        done++;
                } else {
                        CHECK_INT(r, -ECANCELED);
                        CHECK_INT(outside, -ETIMEDOUT);
                        cut++;
                }
                number_free(row);
                if (i % 10 == 0) /* and so does the next, which is not cancelled */
                        CHECK_INT(number_of(db, "select $1::int as n", AEON_DB_ARGS(-i)), -i);
        }
        CHECK(cut > 0);
        CHECK_INT(stats_of(db).in_use, 0);
        CHECK_INT(stats_of(db).dropped, 0);
        CHECK_INT(done + cut, rounds);
        aeon_db_close(db);
}
