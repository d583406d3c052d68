/* Background and periodic tasks. */
#include "life.h"

#include <aeon/periodic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STARTS_NOTED = 8 };

static aeon_app *the_app;
static _Atomic int starts, others;
static aeon_time started[STARTS_NOTED];

static void note_start(void)
{
        if (starts < STARTS_NOTED)
                started[starts] = aeon_now();
        starts++;
}

/* Stop the app when @starts has come to *@wanted. */
static int stop_after(void *wanted)
{
        int r = 0;
        for (int i = 0; i < 10000 && starts < *(const int *)wanted && r == 0; i++)
                r = aeon_sleep(AEON_MILLISECONDS(1));
        return aeon_app_stop(the_app, 0);
}

static int run_app(void (*define)(aeon_app *app))
{
        starts = others = 0;
        return aeon_app_run(define, &(aeon_app_opts){ .quiet = true });
}

/* ------------------------------------------------------------------ background */

static int fail_four_times(void *unused)
{
        (void)unused;
        CHECK(aeon_app_current() == the_app);
        note_start();
        return starts <= 4 ? aeon_fail(-EIO, "start %d", starts) : 0;
}

static void with_a_failing_task(aeon_app *app)
{
        static const int wanted = 5;
        the_app = app;
        aeon_background(app, "failing", fail_four_times, NULL, &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE });
        aeon_background(app, "stop", stop_after, (void *)(uintptr_t)&wanted, NULL);
}

/* Each pause is at least half of a ceiling that doubles from 100 ms, as no sleep ends early. */
PLAIN_TEST(a_failing_task_is_started_again_after_growing_pauses)
{
        CHECK_INT(run_app(with_a_failing_task), 0);
        CHECK_INT(starts, 5); /* the fifth did not fail, and is not followed by another */
        for (int i = 0; i < 4; i++)
                CHECK(started[i + 1] - started[i] >= AEON_MILLISECONDS(50) << i);
}

static int fail_nine_times(void *unused)
{
        (void)unused;
        note_start();
        return starts <= 9 ? -EIO : 0;
}

static void with_a_stable_task(aeon_app *app)
{
        static const int wanted = 10;
        the_app = app;
        aeon_background(app, "failing", fail_nine_times, NULL,
                        &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE, .stable = AEON_NANOSECONDS(1) });
        aeon_background(app, "stop", stop_after, (void *)(uintptr_t)&wanted, NULL);
}

/* Nine pauses of 0.1 s at most; had they grown, they would last for 25 s at least, and the stop would have come before. */
PLAIN_TEST(a_task_that_was_stable_pauses_as_at_first)
{
        CHECK_INT(run_app(with_a_stable_task), 0);
        CHECK_INT(starts, 10);
}

static int return_at_once(void *result)
{
        note_start();
        return *(const int *)result;
}

static const int good = 0, bad = -EIO;

static void with_a_task_that_always_returns(aeon_app *app)
{
        static const int wanted = 3;
        the_app = app;
        aeon_background(app, "returning", return_at_once, (void *)(uintptr_t)&good,
                        &(aeon_background_opts){ .restart = AEON_RESTART_ALWAYS, .essential = true });
        aeon_background(app, "stop", stop_after, (void *)(uintptr_t)&wanted, NULL);
}

PLAIN_TEST(a_task_that_is_always_restarted_comes_again_after_success)
{
        CHECK_INT(run_app(with_a_task_that_always_returns), 0);
        CHECK(starts >= 3);
}

static int stop_later(void *app)
{
        aeon_sleep(AEON_MILLISECONDS(300));
        return aeon_app_stop(app, 0);
}

static void with_a_task_that_is_never_restarted(aeon_app *app)
{
        aeon_background(app, "once", return_at_once, (void *)(uintptr_t)&bad, NULL);
        aeon_background(app, "stop", stop_later, app, NULL);
}

PLAIN_TEST(a_task_that_is_not_restarted_may_fail_and_the_app_goes_on)
{
        CHECK_INT(run_app(with_a_task_that_is_never_restarted), 0);
        CHECK_INT(starts, 1);
}

static int fail_with_words(void *unused)
{
        (void)unused;
        return aeon_fail(-EIO, "the disk is gone");
}

static void with_an_essential_task(aeon_app *app)
{
        aeon_background(app, "vital", fail_with_words, NULL, &(aeon_background_opts){ .essential = true });
}

PLAIN_TEST(the_failure_of_an_essential_task_stops_the_app)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_an_essential_task, NULL, &said), 3);
        CHECK_CONTAINS(said, "stopped with code 3 after");
        CHECK_CONTAINS(said, "essential task \"vital\" failed: the disk is gone");
        free(said);
}

static int wait_to_be_cancelled(void *app)
{
        note_start();
        int r = aeon_sleep(AEON_NEVER);
        if (r == -ECANCELED && !aeon_app_is_ready(app))
                others++;
        return r;
}

static int all_have_ended(aeon_app *app)
{
        (void)app;
        CHECK_INT(others, 2);
        return 0;
}

static void with_waiting_tasks(aeon_app *app)
{
        static const int wanted = 2;
        the_app = app;
        aeon_on_shutdown(app, all_have_ended);
        aeon_background(app, "one", wait_to_be_cancelled, app, &(aeon_background_opts){ .restart = AEON_RESTART_ALWAYS });
        aeon_background(app, "two", wait_to_be_cancelled, app, &(aeon_background_opts){ .essential = true });
        aeon_background(app, "stop", stop_after, (void *)(uintptr_t)&wanted, NULL);
}

PLAIN_TEST(tasks_are_cancelled_at_the_stop_and_awaited_before_the_shut_down_hooks)
{
        CHECK_INT(run_app(with_waiting_tasks), 0);
        CHECK_INT(starts, 2);
        CHECK_INT(others, 2);
}

static void with_twins(aeon_app *app)
{
        CHECK_INT(aeon_background(app, "twin", fail_with_words, NULL, NULL), 0);
        CHECK_INT(aeon_periodic(app, "twin", fail_with_words, NULL, &(aeon_periodic_opts){ .every = 1 }), -EEXIST);
}

PLAIN_TEST(two_tasks_of_one_name_are_refused_with_both_places)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_twins, NULL, &said), 2);
        CHECK_CONTAINS(said, "two tasks are named \"twin\": at ");
        const char *first = said ? strstr(said, "test_beside.c:") : NULL;
        CHECK(first && strstr(first + 1, "test_beside.c:"));
        free(said);
}

/* ------------------------------------------------------------------ periodic */

static int tick(void *unused)
{
        (void)unused;
        note_start();
        return 0;
}

static void with_ticks(aeon_app *app)
{
        static const int wanted = 6;
        the_app = app;
        aeon_periodic(app, "tick", tick, NULL, &(aeon_periodic_opts){ .every = AEON_MILLISECONDS(20) });
        aeon_background(app, "stop", stop_after, (void *)(uintptr_t)&wanted, NULL);
}

/* No tick comes before its place on the grid; late ones are the machine's affair. */
PLAIN_TEST(a_periodic_task_keeps_its_rate)
{
        CHECK_INT(run_app(with_ticks), 0);
        CHECK(starts >= 6);
        for (int i = 1; i < 6; i++)
                CHECK(started[i] - started[0] > AEON_MILLISECONDS(20) * (i - 1));
}

static int fail_each_time(void *unused)
{
        (void)unused;
        note_start();
        return aeon_fail(-EIO, "tick %d went wrong", starts);
}

static void with_failing_ticks(aeon_app *app)
{
        static const int wanted = 3;
        the_app = app;
        aeon_periodic(app, "failing tick", fail_each_time, NULL,
                      &(aeon_periodic_opts){ .every = AEON_MILLISECONDS(5), .jitter = 0.5 });
        aeon_background(app, "stop", stop_after, (void *)(uintptr_t)&wanted, NULL);
}

PLAIN_TEST(a_failing_run_is_logged_and_the_next_one_comes)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_failing_ticks, NULL, &said), 0);
        CHECK_CONTAINS(said, "failing tick");
        CHECK_CONTAINS(said, "tick 1 went wrong");
        CHECK_CONTAINS(said, "tick 3 went wrong");
        free(said);
}

static int run_too_long(void *unused)
{
        (void)unused;
        note_start();
        int r = aeon_sleep(AEON_MINUTES(1));
        others += r == -ECANCELED;
        return r;
}

static void with_limited_ticks(aeon_app *app)
{
        static const int wanted = 3;
        the_app = app;
        aeon_periodic(app, "long", run_too_long, NULL,
                      &(aeon_periodic_opts){ .every = AEON_MILLISECONDS(5), .timeout = AEON_MILLISECONDS(12) });
        aeon_background(app, "stop", stop_after, (void *)(uintptr_t)&wanted, NULL);
}

/* A run of 12 ms misses two ticks of 5 ms, and they are skipped: a next run begins at least a run after the one before. */
PLAIN_TEST(a_run_may_be_limited_and_never_overlaps)
{
        CHECK_INT(run_app(with_limited_ticks), 0);
        CHECK(starts >= 3);
        CHECK_INT(others, starts);
        for (int i = 1; i < 3; i++)
                CHECK(started[i] - started[i - 1] >= AEON_MILLISECONDS(12));
}

static void with_a_rare_tick(aeon_app *app)
{
        static const int wanted = 1;
        the_app = app;
        aeon_periodic(app, "rare", tick, NULL, &(aeon_periodic_opts){ .every = AEON_HOURS(1) });
        aeon_background(app, "stop", stop_after, (void *)(uintptr_t)&wanted, NULL);
}

PLAIN_TEST(the_first_run_is_at_once_and_a_stop_wakes_the_rest)
{
        aeon_time begin = aeon_now();
        CHECK_INT(run_app(with_a_rare_tick), 0);
        CHECK_INT(starts, 1);
        CHECK(aeon_now() - begin < AEON_SECONDS(5) * (test_is_slow() ? 5 : 1));
}

static aeon_periodic_opts refused;

static void with_refused_options(aeon_app *app)
{
        CHECK_INT(aeon_periodic(app, "odd", tick, NULL, &refused), -EINVAL);
}

PLAIN_TEST(impossible_periods_are_refused)
{
        static const aeon_periodic_opts rows[] = {
                { 0 }, { .every = -1 }, { .every = 1, .jitter = -0.1 }, { .every = 1, .jitter = 1.1 }
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                refused = rows[i];
                CHECK_INT(run_app(with_refused_options), 2);
        }
        CHECK_INT(starts, 0);
}
