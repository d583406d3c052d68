/* What an app keeps for its functions: dependencies of handlers, values by name, variables that may change. */
#include "harness.h"

#include <aeon/app.h>
#include <aeon/dependency.h>
#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/task.h>
#include <aeon/time.h>
#include <aeon/var.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ three dependencies that leave a trace */

static char trace[512];
static int opens, session_fails, close_result;

static void note(const char *word)
{
        strcat(strcat(trace, *trace ? " " : ""), word);
}

struct connection {
        int number;
};

static int open_connection(struct connection **ret_connection)
{
        static struct connection connections[16];
        int r = aeon_sleep(AEON_MILLISECONDS(1)); /* opening may suspend */
        if (r < 0)
                return r;
        struct connection *c = &connections[opens++];
        c->number = opens;
        note("connect");
        *ret_connection = c;
        return 0;
}

static int close_connection(struct connection *c, int r)
{
        (void)c, (void)r;
        note("disconnect");
        return 0;
}
AEON_DEPENDENCY(connection, struct connection, open_connection, close_connection);

struct session {
        struct connection *connection;
};

static int open_session(struct session **ret_session)
{
        static struct session session;
        int r = connection_get(&session.connection);
        if (r < 0)
                return r;
        if (session_fails-- > 0)
                return aeon_fail(-EIO, "no session");
        note("begin");
        *ret_session = &session;
        return 0;
}

static int close_session(struct session *s, int r)
{
        (void)s;
        int e = aeon_sleep(AEON_MILLISECONDS(1)); /* closing may suspend, though the handler is cancelled */
        note(e < 0 ? "closed-while-cancelled" : r < 0 ? "rollback" : "commit");
        return close_result;
}
AEON_DEPENDENCY(session, struct session, open_session, close_session);

static int open_snake(char **ret_snake);

static int close_snake(char *snake, int r)
{
        (void)snake, (void)r;
        return 0;
}
AEON_DEPENDENCY(snake, char, open_snake, close_snake);

static int open_snake(char **ret_snake)
{
        return snake_get(ret_snake);
}

static int handle(int (*handler)(void))
{
        aeon_handling h;
        trace[0] = '\0';
        opens = 0;
        aeon_handling_init(&h, &(aeon_scope_opts){ .name = "handler", .timeout = AEON_SECONDS(5) });
        aeon_handling_enter(&h);
        return aeon_handling_close(&h, handler());
}

/* ------------------------------------------------------------------ opening and closing */

static int uses_session_twice(void)
{
        struct session *a = NULL, *b = NULL;
        struct connection *c = NULL;
        CHECK_INT(session_get(&a), 0);
        CHECK_INT(session_get(&b), 0);
        CHECK_INT(connection_get(&c), 0);
        CHECK(a && a == b && a->connection == c && c->number == 1);
        note("work");
        return 7;
}

TEST(a_dependency_is_opened_once_per_handler_and_closed_in_reverse)
{
        CHECK_INT(handle(uses_session_twice), 7);
        CHECK_STR(trace, "connect begin work commit disconnect");
        CHECK_INT(handle(uses_session_twice), 7); /* the next handler has its own */
}

static int needs_nothing(void)
{
        return 0;
}

TEST(a_dependency_that_nobody_asks_for_is_not_opened)
{
        CHECK_INT(handle(needs_nothing), 0);
        CHECK_STR(trace, "");
}

static int fails_after_session(void)
{
        struct session *s = NULL;
        REQUIRE_INT(session_get(&s), 0);
        return aeon_fail(-EDOM, "the sum is wrong");
}

TEST(a_handler_that_fails_is_told_to_its_dependencies_and_stays_failed)
{
        CHECK_INT(handle(fails_after_session), -EDOM);
        CHECK_STR(trace, "connect begin rollback disconnect");
        CHECK_STR(aeon_error_text(), "the sum is wrong");
}

TEST(a_commit_that_fails_fails_the_handler)
{
        close_result = -ENOSPC;
        CHECK_INT(handle(uses_session_twice), -ENOSPC);
        CHECK_CONTAINS(aeon_error_text(), "dependency \"session\"");
        CHECK_CONTAINS(trace, "disconnect");
}

static int sleeps_with_session(void)
{
        struct session *s = NULL;
        REQUIRE_INT(session_get(&s), 0);
        return aeon_sleep(AEON_SECONDS(60));
}

TEST(a_cancelled_handler_closes_behind_a_shield_and_stays_cancelled)
{
        aeon_scope outer;
        aeon_scope_open(&outer, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(20) });
        int r = handle(sleeps_with_session);
        CHECK_INT(r, -ECANCELED);
        CHECK_STR(trace, "connect begin rollback disconnect");
        CHECK_INT(aeon_scope_close(&outer, r), -ETIMEDOUT);
}

/* ------------------------------------------------------------------ who finds it */

static int child(void *arg)
{
        struct session *s = NULL;
        CHECK_INT(session_get(&s), 0);
        *(struct session **)arg = s;
        return 0;
}

static int spawns_two(void)
{
        struct session *a = NULL, *b = NULL;
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "a", child, &a); /* it suspends while it opens, so b comes to ask meanwhile */
        aeon_spawn(g, "b", child, &b);
        int r = aeon_group_close(g);
        CHECK(a && a == b);
        return r;
}

TEST(tasks_that_a_handler_spawns_share_its_dependencies)
{
        CHECK_INT(handle(spawns_two), 0);
        CHECK_STR(trace, "connect begin commit disconnect");
}

static aeon_group *outside;

static int outlives(void *unused)
{
        (void)unused;
        struct session *s = NULL;
        CHECK_INT(session_get(&s), -EINVAL);
        CHECK_STR(aeon_error_text(), "dependency \"session\" is only there inside a handler");
        return 0;
}

static int leaves_a_task_behind(void)
{
        struct session *s = NULL;
        REQUIRE_INT(session_get(&s), 0);
        return aeon_spawn(outside, "outlives", outlives, NULL);
}

TEST(a_task_that_outlives_its_handler_does_not_find_them)
{
        REQUIRE_INT(aeon_group_open(&outside), 0);
        CHECK_INT(handle(leaves_a_task_behind), 0);
        CHECK_INT(aeon_group_close(outside), 0);
        outlives(NULL);
}

/* ------------------------------------------------------------------ when opening fails */

static int tries_again(void)
{
        struct session *s = NULL;
        session_fails = 1;
        CHECK_INT(session_get(&s), -EIO);
        CHECK_STR(aeon_error_text(), "dependency \"session\": no session");
        return session_get(&s);
}

TEST(a_failed_open_is_not_remembered_and_what_it_had_opened_is)
{
        CHECK_INT(handle(tries_again), 0);
        CHECK_STR(trace, "connect begin commit disconnect");
}

static int failing_child(void *arg)
{
        struct session *s = NULL;
        *(int *)arg = session_get(&s);
        return 0;
}

static int two_fail(void)
{
        int a = 1, b = 1;
        aeon_group *g;
        session_fails = 2;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "a", failing_child, &a);
        aeon_spawn(g, "b", failing_child, &b);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(a, -EIO);
        CHECK_INT(b, -EIO); /* it waited for the first, and then tried itself */
        return 0;
}

TEST(who_waited_for_an_open_that_failed_tries_itself)
{
        CHECK_INT(handle(two_fail), 0);
        CHECK_STR(trace, "connect disconnect");
}

static int holds_a_snake(void)
{
        char *snake;
        return snake_get(&snake);
}

TEST(a_dependency_that_needs_itself_is_named)
{
        CHECK_INT(handle(holds_a_snake), -ELOOP);
        CHECK_CONTAINS(aeon_error_text(), "\"snake\" needs itself");
}

/* ------------------------------------------------------------------ a test's own */

static struct connection fake = { .number = 99 };

static int open_fake(struct connection **ret_connection)
{
        *ret_connection = &fake;
        return 0;
}

static int close_fake(struct connection *c, int r)
{
        CHECK(c == &fake);
        return r;
}
AEON_DEPENDENCY(fake_connection, struct connection, open_fake, close_fake);

static int sees_the_fake(void)
{
        struct session *s = NULL;
        REQUIRE_INT(session_get(&s), 0);
        return s->connection->number;
}

TEST(a_test_puts_its_own_in_place)
{
        aeon_dependency_override(&connection_dependency, &fake_connection_dependency);
        CHECK_INT(handle(sees_the_fake), 99);
        CHECK_STR(trace, "begin commit");
        aeon_dependency_override(&connection_dependency, NULL);
        CHECK_INT(handle(sees_the_fake), 1);
}

/* ------------------------------------------------------------------ values by name, variables */

static int a = 1, b = 2;

static int keeps_values(aeon_app *app)
{
        void *value = NULL;
        CHECK_INT(aeon_app_require(app, "session", &value), -ENOENT);
        CHECK_STR(aeon_error_text(), "nothing is set as \"session\", nor under any other name");
        CHECK_INT(aeon_app_set(app, "session", &a), 0);
        CHECK_INT(aeon_app_set(app, "cache", &b), 0);
        CHECK_INT(aeon_app_require(app, "session", &value), 0);
        CHECK(value == &a && aeon_app_get(app, "cache") == &b && !aeon_app_get(app, "nothing"));
        CHECK_INT(aeon_app_require(app, "sesion", &value), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "did you mean \"session\"? There is \"session\" (set at ");
        CHECK_CONTAINS(aeon_error_text(), "test_context.c:");
        CHECK(value == &a);
        CHECK_INT(aeon_app_set(app, "session", &b), 0);
        CHECK(aeon_app_get(app, "session") == &b);
        aeon_app_reset(app, "session");
        CHECK(!aeon_app_get(app, "session") && aeon_app_get(app, "cache"));
        aeon_app_reset(app, NULL);
        CHECK(!aeon_app_get(app, "cache"));
        return aeon_app_set(app, "left", &a);
}

AEON_APP_VAR(sealed, int);
AEON_APP_VAR_MUTABLE(rate, int);

static int sets_when_ready(aeon_app *app)
{
        CHECK_INT(sealed_set(&b), -EPERM);
        CHECK_INT(rate_set(&b), 0);
        CHECK(sealed_get() == &a && rate_get() == &b);
        return aeon_app_stop(app, 0);
}

static int sets_at_start(aeon_app *app)
{
        (void)app;
        return sealed_set(&a) < 0 || rate_set(&a) < 0 ? -EPERM : 0;
}

static void keeping(aeon_app *app)
{
        aeon_on_startup(app, keeps_values);
        aeon_on_startup(app, sets_at_start);
        aeon_on_ready(app, sets_when_ready);
}

PLAIN_TEST(values_by_name_are_found_replaced_reset_and_missed_with_words)
{
        CHECK_INT(aeon_app_run(keeping, &(aeon_app_opts){ .quiet = true }), 0);
        CHECK(!rate_get());
}
