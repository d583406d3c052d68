/* Whole lives in a world of one thread and no time: what users have in aeon/testing.h. */
#include "busy.h"
#include "harness.h"

#include <aeon/background.h>
#include <aeon/error.h>
#include <aeon/periodic.h>
#include <aeon/task.h>
#include <aeon/testing.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static void empty(aeon_app *app)
{
        (void)app;
}

static int stop_when_ready(aeon_test *t)
{
        CHECK_INT(aeon_test_await_ready(t), 0);
        return aeon_test_signal(t, SIGTERM);
}

PLAIN_TEST(an_empty_app_lives_and_ends)
{
        aeon_test_result result;
        CHECK_INT(aeon_test_run(empty, stop_when_ready, NULL, &result), 0);
        CHECK_INT(result.exit_code, 0);
        CHECK_CONTAINS(result.report, ": SIGTERM\n");
        CHECK_INT(result.lived, 0);
}

PLAIN_TEST(simulated_lives_of_an_empty_app)
{
        static aeon_simulation_result result;
        int r = aeon_test_simulate(empty, &(aeon_simulation_opts){ .lives = 1000 }, &result);
        if (!CHECK_INT(r, 0))
                fprintf(stderr, "%s\n%s", aeon_error_text(), result.story);
}

static void simulate(unsigned lives)
{
        static aeon_simulation_result result;
        int r = aeon_test_simulate(busy_define,
                                   &(aeon_simulation_opts){ .lives = lives, .test = busy_traffic, .check = busy_check }, &result);
        if (!CHECK_INT(r, 0))
                fprintf(stderr, "%s\n%s", aeon_error_text(), result.story);
        CHECK_INT(result.lives, lives);
}

PLAIN_TEST_WITHIN(ten_thousand_lives_keep_the_rules, 120)
{
        simulate(test_is_slow() ? 1000 : 10000);
}
