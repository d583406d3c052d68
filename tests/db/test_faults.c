/* A server that is killed and comes back, under load. */
#include "database.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TASKS = 64, SIZE = 10 };

static struct load {
        aeon_db *db;
        bool over;
        unsigned done, lost, wrong, since; /* since: done after the last restart */
} load;

#define ROW(F) F(i64, task) F(i64, turn) F(str, text)
AEON_RECORD(row, ROW);

static int ask(int task, int turn)
{
        struct row *row = NULL;
        char text[60];
        snprintf(text, sizeof text, "task %d, turn %d", task, turn);
        int r = row_row(load.db, &row, "select $1::int as task, $2::int as turn, $3::text as text from pg_sleep(0.001)",
                        AEON_DB_ARGS(task, turn, text));
        if (r < 0)
                return r;
        if (row->task != task || row->turn != turn || strcmp(row->text, text) != 0)
                load.wrong++;
        row_free(row);
        return 0;
}

static int insert(int task, int turn)
{
        return aeon_db_exec(load.db, "insert into log values ($1, $2) on conflict do nothing", AEON_DB_ARGS(task, turn));
}

struct tx_row {
        int task, turn;
};

static int two_rows(aeon_db *tx, void *arg)
{
        const struct tx_row *row = arg;
        int r = aeon_db_exec(tx, "insert into pairs values ($1, $2)", AEON_DB_ARGS(row->task, row->turn));
        if (r >= 0)
                r = aeon_db_exec(tx, "insert into pairs values ($1, $2)", AEON_DB_ARGS(row->task, -row->turn));
        return r;
}

static int work(void *arg)
{
        int task = (int)(intptr_t)arg;
        for (int turn = 1; !load.over; turn++) {
                int r = turn % 3 ? ask(task, turn) : insert(task, turn);
                if (r >= 0 && turn % 7 == 0)
                        r = aeon_db_transaction(load.db, two_rows, &(struct tx_row){ task, turn });
                if (r >= 0) {
                        load.done++;
                        load.since++;
                } else if (r == -ECONNABORTED || r == -ENOTCONN) {
                        load.lost++;
                } else {
                        return r; /* nothing else may happen */
                }
        }
        return 0;
}

static void await_since(unsigned wanted)
{
        load.since = 0;
        for (int i = 0; load.since < wanted && i < 3000; i++)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(10)), 0);
        CHECK(load.since >= wanted);
}

static void run_through(struct server *server, int signal, bool while_away)
{
        REQUIRE_INT(aeon_db_open(server_url(server), &(aeon_db_opts){ .size = SIZE, .patience = AEON_SECONDS(60) }, &load.db), 0);
        REQUIRE_INT(aeon_db_script(load.db, "create table if not exists log (task int, turn int, primary key (task, turn));"
                                            "create table if not exists pairs (task int, turn int)"),
                    0);
        aeon_group *g;
        load.over = false;
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < TASKS; i++)
                aeon_spawn(g, "work", work, (void *)(intptr_t)i);
        await_since(500);
        CHECK_INT(aeon_db_ping(load.db) < 0, 0);

        server_stop_beside(server, signal);
        if (while_away) {
                for (int i = 0; (aeon_db_ping(load.db) >= 0 || strstr(aeon_error_text(), "shutting down")) && i < 500; i++)
                        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(10)), 0);
                CHECK_INT(aeon_db_ping(load.db), -ENOTCONN);
                CHECK_CONTAINS(aeon_error_text(), "connection to server at \"127.0.0.1\"");
        }
        server_start_beside(server);
        await_since(500);
        load.over = true;
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(load.wrong, 0);
        CHECK(load.lost > 0);
        CHECK_INT(aeon_db_ping(load.db), 0);

        aeon_db_stats stats;
        aeon_db_get_stats(load.db, &stats);
        CHECK_INT(stats.in_use, 0);
        CHECK_INT(stats.waiting, 0);
        CHECK_INT(stats.open, SIZE);
        await_number(load.db, "select count(*) as n from pg_stat_activity where application_name = 'aeon'", NULL, SIZE);
        CHECK_INT(number_of(load.db, "select coalesce(sum(turn), 0) as n from pairs", NULL), 0); /* both or none */
        aeon_db_close(load.db);
}

TEST_WITHIN(a_killed_server_comes_back_and_every_row_goes_to_who_asked_for_it, 120)
{
        struct server server;
        test_stderr_begin();
        server_init(&server);
        server_start_beside(&server);
        run_through(&server, SIGKILL, true);
        run_through(&server, SIGKILL, false);
        server_stop_beside(&server, SIGKILL);
        test_stderr_end();
}

TEST_WITHIN(a_server_that_is_restarted_in_order_is_ridden_through, 120)
{
        struct server server;
        test_stderr_begin();
        server_init(&server);
        server_start_beside(&server);
        run_through(&server, SIGINT, true); /* "fast": everybody is sent away */
        server_stop_beside(&server, SIGKILL);
        test_stderr_end();
}

static int open_early(void *arg)
{
        const struct server *server = arg;
        return aeon_db_open(server_url(server), &(aeon_db_opts){ .patience = AEON_SECONDS(60) }, &load.db);
}

TEST_WITHIN(who_comes_before_the_server_waits_for_it, 60)
{
        struct server server;
        aeon_group *g;
        test_stderr_begin();
        server_init(&server);
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "early", open_early, &server);
        CHECK_INT(aeon_checkpoint(), 0);
        server_start_beside(&server);
        REQUIRE_INT(aeon_group_close(g), 0);
        CHECK_CONTAINS(test_stderr(), "Connection refused");
        CHECK_CONTAINS(test_stderr(), "is connected again");
        CHECK_INT(number_of(load.db, "select 4 as n", NULL), 4);
        aeon_db_close(load.db);
        server_stop_beside(&server, SIGKILL);
        test_stderr_end();
}

/* ------------------------------------------------------------------ LISTEN */

TEST_WITHIN(a_listener_hears_and_says_when_it_may_have_missed_something, 90)
{
        struct server server;
        aeon_db *db;
        aeon_db_listener *l;
        aeon_db_note note;
        test_stderr_begin();
        server_init(&server);
        server_start_beside(&server);
        REQUIRE_INT(aeon_db_open(server_url(&server), NULL, &db), 0);
        REQUIRE_INT(aeon_db_listen(db, "a \"Channel\"", &l), 0);
        CHECK_INT(aeon_db_exec(db, "select pg_notify($1, $2)", AEON_DB_ARGS("a \"Channel\"", "one")), 1);
        CHECK_INT(aeon_db_exec(db, "select pg_notify($1, '')", AEON_DB_ARGS("a \"Channel\"")), 1);
        CHECK_INT(aeon_db_exec(db, "select pg_notify('other', 'x')", NULL), 1);
        int64_t who = number_of(db, "select pg_backend_pid() as n", NULL);
        REQUIRE_INT(aeon_db_listener_next(l, &note), 0);
        CHECK_STR(note.payload, "one");
        CHECK_INT(note.process, who);
        CHECK(!note.missed);
        REQUIRE_INT(aeon_db_listener_next(l, &note), 0);
        CHECK_STR(note.payload, "");

        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(30) });
        CHECK_INT(aeon_scope_close(&s, aeon_db_listener_next(l, &note)), -ETIMEDOUT);

        server_stop_beside(&server, SIGKILL);
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(300) });
        CHECK_INT(aeon_scope_close(&s, aeon_db_listener_next(l, &note)), -ETIMEDOUT);
        server_start_beside(&server);
        REQUIRE_INT(aeon_db_listener_next(l, &note), 0);
        CHECK(note.missed);
        CHECK_INT(aeon_db_exec(db, "select pg_notify($1, 'again')", AEON_DB_ARGS("a \"Channel\"")), 1);
        REQUIRE_INT(aeon_db_listener_next(l, &note), 0);
        CHECK_STR(note.payload, "again");
        aeon_db_listener_close(l);
        aeon_db_listener_close(NULL);
        aeon_db_close(db);
        server_stop_beside(&server, SIGKILL);
        test_stderr_end();
}
