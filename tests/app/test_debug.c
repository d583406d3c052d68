/* Seeing what an app's loops do: the dump on SIGUSR1, the report about a loop that is stuck. */
#include "life.h"

#include <aeon/time.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* Wait for @part to appear in the log; blocks the loop, or not. */
static __attribute__((noinline)) void wait_for_log(const char *part, bool block)
{
        while (!strstr(test_stderr(), part)) {
                if (block)
                        usleep(1000);
                else
                        REQUIRE_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        }
}

static int ask_for_dump(aeon_app *app)
{
        kill(getpid(), SIGUSR1);
        wait_for_log("loop 1: ", false);
        return aeon_app_stop(app, 0);
}

PLAIN_TEST(sigusr1_dumps_every_loop)
{
        test_stderr_begin();
        CHECK_INT(life_run(&(struct act){ "serving", ask_for_dump }, 2), 0);
        CHECK_CONTAINS(test_stderr(), "warden: ");
        CHECK_CONTAINS(test_stderr(), "\n  signals #");
        CHECK_CONTAINS(test_stderr(), "\nloop 0: ");
        CHECK_CONTAINS(test_stderr(), "\n  lifespan #");
        CHECK_CONTAINS(test_stderr(), "\nloop 1: ");
        test_stderr_end();
}

static int block_until_named(aeon_app *app)
{
        kill(getpid(), SIGUSR1);
        wait_for_log("blocked by task \"", true);
        return aeon_app_stop(app, 0);
}

PLAIN_TEST(sigusr1_names_the_task_that_blocks_its_loop)
{
        test_stderr_begin();
        CHECK_INT(life_run(&(struct act){ "serving", block_until_named }, 2), 0);
        CHECK_CONTAINS(test_stderr(), "loop 0: blocked by task \"");
        CHECK_CONTAINS(test_stderr(), " wait_for_log+0x");
        CHECK_CONTAINS(test_stderr(), " block_until_named+0x");
        test_stderr_end();
}

PLAIN_TEST(after_the_app_sigusr1_does_what_it_did_before)
{
        struct sigaction now;
        CHECK_INT(life_run(NULL, 1), 0);
        CHECK_INT(sigaction(SIGUSR1, NULL, &now), 0);
        CHECK(now.sa_handler == SIG_DFL);
}

static volatile sig_atomic_t usr1;

static void count_usr1(int number)
{
        (void)number;
        usr1++;
}

static int raise_usr1(aeon_app *app)
{
        raise(SIGUSR1);
        return aeon_app_stop(app, 0);
}

PLAIN_TEST(a_handler_for_sigusr1_that_was_there_before_the_app_is_left_alone)
{
        signal(SIGUSR1, count_usr1);
        CHECK_INT(life_run(&(struct act){ "serving", raise_usr1 }, 1), 0);
        CHECK_INT(usr1, 1);
}

static int block_the_loop(void *app)
{
        wait_for_log("has not come round for ", true);
        CHECK(!aeon_app_is_live(app));
        wait_for_log("every loop comes round again", false);
        CHECK(aeon_app_is_live(app));
        return aeon_app_stop(app, 0);
}

static void with_a_task_that_blocks(aeon_app *app)
{
        aeon_background(app, "blocker", block_the_loop, app, NULL);
}

PLAIN_TEST(a_loop_that_is_stuck_fails_the_live_probe_and_the_log_has_its_stack)
{
        test_stderr_begin();
        CHECK_INT(aeon_app_run(with_a_task_that_blocks, &(aeon_app_opts){ .stall_limit = AEON_MILLISECONDS(200) }), 0);
        CHECK_CONTAINS(test_stderr(), "loop 0 has not come round for 200 ms: task \"blocker\" (");
        CHECK_CONTAINS(test_stderr(), " block_the_loop+0x");
        test_stderr_end();
}
