/* A database as a part of an app: where it can be used, what fails a start, what health tells. */
#include "database.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *url;
static aeon_app *the_app;
static _Atomic int seen;
static _Atomic int64_t at_startup, in_lifespan, in_lifespan_end, at_shutdown, at_end, in_task; /* loops are threads */
static struct server server;

static int64_t ask(int n)
{
        return number_of(aeon_db_get("main"), "select $1 + 0 as n", AEON_DB_ARGS(n));
}

static int make_tables(aeon_app *app)
{
        (void)app;
        at_startup = ask(1);
        return aeon_db_script(aeon_db_get(NULL), "create table if not exists t (n int)");
}

static int lifespan(aeon_lifespan *life)
{
        in_lifespan = ask(2);
        int r = aeon_lifespan_serve(life);
        in_lifespan_end = ask(3);
        return r;
}

static int down(aeon_app *app)
{
        (void)app;
        at_shutdown = ask(4);
        return 0;
}

static int end(aeon_app *app)
{
        (void)app;
        at_end = ask(5);
        return 0;
}

static int task(void *arg)
{
        in_task = ask(6);
        return aeon_app_stop(arg, 0);
}

static void everywhere(aeon_app *app)
{
        aeon_use_db(app, NULL, url, NULL);
        aeon_use_lifespan(app, lifespan);
        aeon_on_startup(app, make_tables);
        aeon_on_shutdown(app, down);
        aeon_after_shutdown(app, end);
        aeon_background(app, "task", task, app, NULL);
}

static void check_everywhere(unsigned loops)
{
        at_startup = in_lifespan = in_lifespan_end = at_shutdown = at_end = in_task = 0;
        CHECK_INT(aeon_app_run(everywhere, &(aeon_app_opts){ .quiet = true, .admin = "off", .loops = loops }), 0);
        CHECK_INT(at_startup, 1);
        CHECK_INT(in_lifespan, 2);
        CHECK_INT(in_lifespan_end, 3);
        CHECK_INT(at_shutdown, 4);
        CHECK_INT(at_end, 5);
        CHECK_INT(in_task, 6);
}

PLAIN_TEST(a_database_is_there_from_the_first_hook_to_the_last_sqlite)
{
        static char text[600];
        snprintf(text, sizeof text, "sqlite:%s", test_path("app.db"));
        url = text;
        check_everywhere(1);
        check_everywhere(3);
}

PLAIN_TEST(a_database_is_there_from_the_first_hook_to_the_last_postgres)
{
        url = getenv("AEON_TEST_POSTGRES");
        check_everywhere(1);
        check_everywhere(3);
}

/* ------------------------------------------------------------------ starts that fail */

static int expect_refusal(void (*define)(aeon_app *app), const char *words)
{
        test_stderr_begin();
        int code = aeon_app_run(define, &(aeon_app_opts){ .admin = "off" });
        CHECK_CONTAINS(test_stderr(), words);
        test_stderr_end();
        return code;
}

static void wrong_password(aeon_app *app)
{
        aeon_use_db(app, NULL, url, NULL);
}

static int run_script(void *arg)
{
        aeon_db *db = shared_open(1);
        int r = aeon_db_script(db, arg);
        aeon_db_close(db);
        return r;
}

PLAIN_TEST(a_wrong_password_fails_the_start_with_words)
{
        static char text[300];
        REQUIRE_INT(
                aeon_loop_run(run_script,
                              "do $$ begin create role \"locked\" login password 'right'; exception when others then null; end $$"),
                0);
        snprintf(text, sizeof text, "postgresql://locked:wrong@%s", strchr(getenv("AEON_TEST_POSTGRES"), '@') + 1);
        url = text;
        CHECK_INT(expect_refusal(wrong_password, "password authentication failed for user \"locked\""), 1);
}

static void wrong_scheme(aeon_app *app)
{
        aeon_use_db(app, NULL, "mysql://x", NULL);
}

static void same_name(aeon_app *app)
{
        aeon_use_db(app, "a", "sqlite::memory:", NULL);
        aeon_use_db(app, "a", "sqlite::memory:", NULL);
}

static void no_url(aeon_app *app)
{
        aeon_use_db(app, "shop", NULL, NULL);
}

static int use_before_failing(aeon_app *app)
{
        (void)app;
        CHECK_INT(ask(8), 8);
        return aeon_fail(-EPERM, "not today");
}

static void fails_after_use(aeon_app *app)
{
        aeon_use_db(app, NULL, "sqlite::memory:", NULL);
        aeon_on_startup(app, use_before_failing);
}

PLAIN_TEST(a_declaration_that_is_wrong_refuses_the_start)
{
        CHECK_INT(expect_refusal(wrong_scheme, "no database speaks \"mysql\""), 1);
        CHECK_INT(expect_refusal(same_name, "there are two databases named \"a\""), 1);
        CHECK_INT(expect_refusal(no_url, "the database \"shop\" has no URL"), 1);
        CHECK_INT(expect_refusal(fails_after_use, "not today"), 1);
}

static int give_url(aeon_app *app)
{
        CHECK_INT(aeon_db_set_url(app, "nothing", "sqlite::memory:"), -ENOENT);
        CHECK_INT(aeon_db_set_url(app, "shop", "oracle:x"), -EPROTONOSUPPORT);
        int r = aeon_db_set_url(app, "shop", "sqlite::memory:");
        CHECK_INT(number_of(aeon_db_get("shop"), "select 1 as n", NULL), 1);
        CHECK_INT(aeon_db_set_url(app, "shop", "sqlite::memory:"), -EBUSY);
        CHECK(!aeon_db_get("nothing"));
        CHECK(aeon_db_get(NULL) == aeon_db_get("shop"));
        return r < 0 ? r : aeon_app_stop(app, 0);
}

static void url_from_a_hook(aeon_app *app)
{
        aeon_use_db(app, "shop", NULL, NULL);
        aeon_use_db(app, "other", "sqlite::memory:", NULL);
        aeon_on_startup(app, give_url);
}

PLAIN_TEST(a_hook_may_give_the_url)
{
        CHECK_INT(aeon_app_run(url_from_a_hook, &(aeon_app_opts){ .quiet = true, .admin = "off" }), 0);
}

/* ------------------------------------------------------------------ health */

static bool health_says(const char *part)
{
        char *text = aeon_health_json(the_app, true);
        bool says = text && strstr(text, part);
        free(text);
        return says;
}

static int await_health(const char *part)
{
        int r = 0;
        for (int i = 0; r >= 0 && !health_says(part) && i < 3000; i++) {
                aeon_health_ask(the_app, "database");
                r = aeon_sleep(AEON_MILLISECONDS(10));
        }
        CHECK(health_says(part));
        return r;
}

static void await_ready(bool wanted)
{
        for (int i = 0; aeon_app_is_ready(the_app) != wanted && i < 3000; i++)
                REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(10)), 0);
        CHECK(aeon_app_is_ready(the_app) == wanted);
}

static int go_through(void *arg)
{
        the_app = arg;
        await_health("\"name\":\"database\",\"status\":\"healthy\"");
        await_health("\"name\":\"database files\",\"status\":\"healthy\"");
        await_ready(true);
        server_stop_beside(&server, SIGKILL);
        await_health("\"name\":\"database\",\"status\":\"unhealthy\"");
        await_health("connection to server at");
        CHECK(health_says("\"impact\":\"critical\""));
        CHECK(health_says("\"name\":\"database files\",\"status\":\"healthy\""));
        await_ready(false);
        server_start_beside(&server);
        await_health("\"name\":\"database\",\"status\":\"healthy\"");
        await_ready(true);

        aeon_db *tx;
        REQUIRE_INT(aeon_db_begin(aeon_db_get(NULL), NULL, &tx), 0); /* the pool has one connection */
        await_health("all 1 connections are in use, 0 tasks wait");
        await_ready(true);
        aeon_db_rollback(tx);
        await_health("\"name\":\"database\",\"status\":\"healthy\"");
        seen = 1;
        return aeon_app_stop(the_app, 0);
}

static void with_two_databases(aeon_app *app)
{
        aeon_use_db(app, NULL, server_url(&server), &(aeon_db_opts){ .size = 1 });
        aeon_use_db(app, "files", "sqlite::memory:", NULL);
        aeon_background(app, "go", go_through, app, NULL);
}

PLAIN_TEST_WITHIN(health_tells_of_a_server_that_goes_and_comes_back, 90)
{
        test_stderr_begin();
        server_init(&server);
        server_start(&server);
        CHECK_INT(aeon_app_run(with_two_databases, &(aeon_app_opts){ .quiet = true, .admin = "off" }), 0);
        CHECK_INT(seen, 1);
        server_stop(&server, SIGKILL);
        test_stderr_end();
}

/* ------------------------------------------------------------------ the example of docs/databases.md */

PLAIN_TEST(the_example_runs_on_postgresql_too)
{
        const char *said, *sold = "1 lamp, please: sold\n1 table, please: sold\n1 table, please: update item";
        char program[600];
        REQUIRE_INT(aeon_loop_run(run_script, "select 1"), 0); /* for its schema */
        snprintf(program, sizeof program, "%s/tests/db/example-stock", test_build_folder());
        CHECK_INT(RUN(&said, program, "--admin", "off", "--db", shared_url()), 0);
        CHECK_CONTAINS(said, sold);
        CHECK_CONTAINS(said, "(23514)");
        CHECK_CONTAINS(said, "where id = $1: there is no such item\n");
        CHECK_CONTAINS(said, "left: 1 lamp\nleft: 0 table\n");
}
