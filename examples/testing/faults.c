/* examples/testing/faults.c - what does the service do when things go wrong? The test makes them go wrong. */
#include <aeon.h>
#include <aeon/testing.h>
#include <signal.h>
#include <stdio.h>

/* ------------------------------------------------------------------ the service */

static int lock_file;

static int take_lock(aeon_app *app)
{
        (void)app;
        lock_file = 1;
        return 0;
}

static int open_index(aeon_app *app)
{
        (void)app;
        return 0;
}

static int give_lock_back(aeon_app *app)
{
        (void)app;
        lock_file = 0;
        return 0;
}

AEON_APP(search)
{
        aeon_on_startup(search, take_lock);
        aeon_on_startup(search, open_index);
        aeon_on_shutdown(search, give_lock_back); /* a mistake: it runs only when ALL start-up hooks have succeeded */
}

/* ------------------------------------------------------------------ the test */

static void run(const char *what, const aeon_fault *faults)
{
        aeon_test_result result;
        lock_file = 0;
        int r = aeon_test_run(aeon_app_define_search, aeon_test_await_ready, &(aeon_test_opts){ .faults = faults }, &result);
        printf("%s: %s, exit code %d, the lock is %s\n", what, r == 0 ? "was ready" : "was never ready", result.exit_code,
               lock_file ? "LEFT BEHIND" : "given back");
}

int main(void)
{
        run("undisturbed", NULL);
        run("no index", (aeon_fault[]){ { .at = "on_startup open_index", .does = AEON_FAULT_FAIL, .code = -ENOENT }, { 0 } });
        run("a signal meanwhile",
            (aeon_fault[]){ { .at = "on_startup open_index", .does = AEON_FAULT_SIGNAL, .code = SIGTERM }, { 0 } });
        return 0;
}
