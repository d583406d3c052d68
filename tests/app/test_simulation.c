/* Whole lives in a world of one thread and no time: what users have in aeon/testing.h. */
#include "harness.h"

#include <aeon/background.h>
#include <aeon/error.h>
#include <aeon/periodic.h>
#include <aeon/task.h>
#include <aeon/testing.h>
#include <signal.h>
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
