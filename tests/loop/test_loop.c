/* The libuv loop: time, who can wake it, its end. */
#include "harness.h"

#include "loop/loop.h"

#include <aeon/error.h>
#include <aeon/loop.h>
#include <aeon/scope.h>
#include <aeon/signal.h>
#include <aeon/stream.h>
#include <aeon/sync.h>
#include <aeon/thread.h>
#include <aeon/time.h>
#include <signal.h>

TEST(sleep_never_wakes_early)
{
        for (int i = 1; i <= 5; i++) {
                aeon_time begin = aeon_now();
                CHECK_INT(aeon_sleep(AEON_MICROSECONDS(700) * i), 0);
                CHECK(aeon_now() - begin >= AEON_MICROSECONDS(700) * i);
        }
}

TEST(a_deadline_interrupts_a_sleep)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = AEON_MILLISECONDS(20) });
        CHECK_INT(aeon_scope_close(&s, aeon_sleep(AEON_HOURS(1))), -ETIMEDOUT);
}

/* ------------------------------------------------------------------ fairness */

static void set_event(void *arg)
{
        aeon_event_set(arg);
}

static int spawn_for_ever(void *arg)
{
        int r = aeon_checkpoint();
        return r < 0 ? r : aeon_spawn(arg, "next", spawn_for_ever, arg);
}

static int cancel_later(void *arg)
{
        int r = aeon_sleep(AEON_MILLISECONDS(1));
        aeon_group_cancel(arg, "time is up");
        return r;
}

TEST(tasks_that_spawn_for_ever_starve_neither_a_timer_nor_a_post)
{
        aeon_group *g;
        aeon_event *posted;
        REQUIRE_INT(aeon_event_new(&posted), 0);
        REQUIRE_INT(aeon_group_open(&g), 0);
        for (int i = 0; i < 100; i++)
                aeon_spawn(g, "spawner", spawn_for_ever, g);
        CHECK_INT(aeon_post(aeon_loop_current(), set_event, posted), 0);
        CHECK_INT(aeon_event_wait(posted), 0);
        aeon_spawn(g, "timer", cancel_later, g);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_event_free(posted);
}

/* ------------------------------------------------------------------ who can wake a loop */

static bool can_be_woken(void)
{
        return aeon__loop_can_be_woken(aeon__loop_now());
}

TEST(a_loop_that_nobody_holds_cannot_be_woken)
{
        CHECK(!can_be_woken());
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0); /* its own timer does not count */
        CHECK(!can_be_woken());
}

TEST(a_holder_can_wake_a_loop)
{
        aeon_loop *loop = aeon_loop_hold(aeon_loop_current());
        CHECK(can_be_woken());
        aeon_loop_release(loop);
        CHECK(!can_be_woken());
}

TEST(whoever_has_a_handle_and_no_hold_can_wake_a_loop)
{
        CHECK(aeon_loop_current() != NULL);
        CHECK(can_be_woken());
}

static void do_nothing(void *arg)
{
        (void)arg;
}

TEST(what_was_posted_can_wake_a_loop)
{
        CHECK_INT(aeon_post(aeon__loop_now(), do_nothing, NULL), 0);
        CHECK(can_be_woken());
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK(!can_be_woken());
}

TEST(an_open_signal_receiver_can_wake_a_loop)
{
        aeon_signals *s;
        REQUIRE_INT(aeon_signals_open((int[]){ SIGUSR1 }, 1, &s), 0);
        CHECK(can_be_woken());
        aeon_signals_close(s);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK(!can_be_woken());
}

static int accept_nobody(void *arg)
{
        aeon_stream *s;
        CHECK_INT(aeon_listener_accept(arg, &s), -EBADF);
        return 0;
}

TEST(a_listener_can_wake_a_loop_while_a_task_accepts)
{
        int fd;
        aeon_listener *l;
        aeon_group *g;
        REQUIRE_INT(aeon_socket_bind("127.0.0.1:0", &fd), 0);
        REQUIRE_INT(aeon_listener_open(fd, &l), 0);
        CHECK(!can_be_woken());
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_spawn(g, "server", accept_nobody, l), 0);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0); /* in whatever order turns are taken, it has had one */
        CHECK(can_be_woken());
        aeon_listener_close(l);
        CHECK_INT(aeon_group_close(g), 0);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(1)), 0);
        CHECK(!can_be_woken());
}

/* ------------------------------------------------------------------ the end */

static int fail_with_words(void *arg)
{
        (void)arg;
        return aeon_fail(-ENOENT, "nothing here");
}

PLAIN_TEST(the_result_and_words_of_the_first_task_are_the_loops)
{
        CHECK_INT(aeon_loop_run(fail_with_words, NULL), -ENOENT);
        CHECK_STR(aeon_error_text(), "nothing here");
}
