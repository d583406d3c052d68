/* Background and periodic tasks in whole apps: on several loops, from other threads, and at the app's end. */
#include "life.h"

#include <aeon/periodic.h>
#include <aeon/var.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static aeon_app *the_app;
static _Atomic int starts, others;

static int run_app(void (*define)(aeon_app *app), unsigned loops)
{
        starts = others = 0;
        return aeon_app_run(define, &(aeon_app_opts){ .quiet = true, .loops = loops });
}

/* Wait until @what has come to @wanted. */
static int await_count(_Atomic int *what, int wanted)
{
        int r = 0;
        while (*what < wanted && r == 0)
                r = aeon_sleep(AEON_MILLISECONDS(1));
        return r;
}

static int count_and_wait(void *unused)
{
        (void)unused;
        starts++;
        int r = aeon_sleep(AEON_NEVER);
        others++;
        return r;
}

/* ------------------------------------------------------------------ the end of the app */

static int fail_with_words(void *unused)
{
        (void)unused;
        return aeon_fail(-EIO, "the disk is gone");
}

static void with_an_essential_task(aeon_app *app)
{
        aeon_background(app, "vital", fail_with_words, NULL, &(aeon_background_opts){ .essential = true });
}

PLAIN_TEST(the_failure_of_an_essential_task_ends_the_app_with_code_3)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_an_essential_task, NULL, &said), 3);
        CHECK_CONTAINS(said, "stopped with code 3 after");
        CHECK_CONTAINS(said, "essential task \"vital\" failed: the disk is gone");
        free(said);
}

static void with_a_fatal_periodic_task(aeon_app *app)
{
        aeon_periodic(app, "pulse", fail_with_words, NULL,
                      &(aeon_periodic_opts){ .every = AEON_SECONDS(1), .on_error = AEON_ON_ERROR_FAIL });
}

PLAIN_TEST(a_periodic_task_may_fail_the_app)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_a_fatal_periodic_task, NULL, &said), 3);
        CHECK_CONTAINS(said, "periodic task \"pulse\" failed: the disk is gone");
        free(said);
}

static int all_have_ended(aeon_app *app)
{
        (void)app;
        CHECK_INT(others, 3);
        return 0;
}

static int stop_when_three_run(void *app)
{
        await_count(&starts, 3);
        return aeon_app_stop(app, 0);
}

static void with_waiting_tasks(aeon_app *app)
{
        aeon_on_shutdown(app, all_have_ended);
        aeon_background(app, "one", count_and_wait, NULL, &(aeon_background_opts){ .restart = AEON_RESTART_ALWAYS });
        aeon_background(app, "two", count_and_wait, NULL, &(aeon_background_opts){ .essential = true });
        aeon_periodic(app, "three", count_and_wait, NULL, &(aeon_periodic_opts){ .every = AEON_HOURS(1) });
        aeon_background(app, "stop", stop_when_three_run, app, NULL);
}

PLAIN_TEST(tasks_are_cancelled_at_the_stop_and_awaited_before_the_shut_down_hooks)
{
        CHECK_INT(run_app(with_waiting_tasks, 1), 0);
        CHECK_INT(starts, 3);
        CHECK_INT(others, 3);
}

static int ignore_the_stop(void *app)
{
        aeon_app_stop(app, 0);
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        return aeon_scope_close(&shield, aeon_sleep(AEON_NEVER));
}

static void say_the_end(void *arg, const aeon_background_end *end)
{
        (void)arg;
        fprintf(stderr, "end of %s: %d, %s\n", end->name, end->reason, end->error);
}

static void with_a_deaf_task(aeon_app *app)
{
        aeon_background(app, "deaf", ignore_the_stop, app, &(aeon_background_opts){ .done = say_the_end });
}

PLAIN_TEST(a_task_that_ignores_the_stop_is_abandoned_with_the_app)
{
        char *said = NULL;
        aeon_app_opts opts = { .cleanup_timeout = AEON_MILLISECONDS(50) };
        CHECK_INT(run_apart(with_a_deaf_task, &opts, &said), 4);
        CHECK_CONTAINS(said, "end of deaf: 4, it was told to stop, and did not\n");
        const char *first = said ? strstr(said, "end of deaf") : NULL;
        CHECK(first && !strstr(first + 1, "end of deaf"));
        CHECK_CONTAINS(said, "abandoned: task \"deaf\"");
        free(said);
}

static int ends;

static void count_end(void *arg, const aeon_background_end *end)
{
        (void)arg;
        CHECK_INT(end->reason, AEON_END_CANCELLED);
        CHECK_INT(end->result, -ECANCELED);
        ends++;
}

static int fail_to_start(aeon_app *app)
{
        (void)app;
        return -EIO;
}

static void with_a_start_that_fails(aeon_app *app)
{
        aeon_on_startup(app, fail_to_start);
        aeon_background(app, "never", count_and_wait, NULL,
                        &(aeon_background_opts){ .done = count_end, .placement = AEON_EVERY_LOOP });
}

static void with_a_declaration_that_fails(aeon_app *app)
{
        aeon_background(app, "never", count_and_wait, NULL, &(aeon_background_opts){ .done = count_end });
        CHECK_INT(aeon_background(app, "never", count_and_wait, NULL, NULL), -EEXIST);
}

PLAIN_TEST(the_end_of_a_task_that_never_started_is_told_too)
{
        CHECK_INT(run_app(with_a_start_that_fails, 2), 1);
        CHECK_INT(ends, 2);
        CHECK_INT(run_app(with_a_declaration_that_fails, 1), 2);
        CHECK_INT(ends, 3);
        CHECK_INT(starts, 0);
}

/* ------------------------------------------------------------------ names */

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

/* ------------------------------------------------------------------ several loops */

enum { LOOPS = 3 };

AEON_LOOP_VAR(index_of_loop, unsigned);
static unsigned indices[LOOPS] = { 0, 1, 2 };
static _Atomic int ran_on[LOOPS];

static int lifespan(aeon_lifespan *life)
{
        index_of_loop_set(&indices[aeon_lifespan_index(life)]);
        return aeon_lifespan_serve(life);
}

static int note_loop(void *unused)
{
        (void)unused;
        ran_on[*index_of_loop_get()]++;
        return count_and_wait(NULL);
}

/* On the last loop: start a task here, and one on the first loop; stop what runs on all, and on the first; then the app. */
static int drive_from_the_last_loop(void *app)
{
        if (*index_of_loop_get() != LOOPS - 1)
                return 0;
        await_count(&starts, LOOPS + 1);
        for (unsigned i = 0; i < LOOPS; i++)
                CHECK_INT(ran_on[i], i == 0 ? 2 : 1); /* "everywhere", and "main" on the first */
        CHECK_INT(aeon_background(app, "here", note_loop, NULL, &(aeon_background_opts){ .placement = AEON_THIS_LOOP }), 0);
        CHECK_INT(aeon_background(app, "there", note_loop, NULL, NULL), 0);
        CHECK_INT(aeon_background(app, "there", note_loop, NULL, NULL), -EEXIST);
        await_count(&starts, LOOPS + 3);
        CHECK_INT(ran_on[0], 3);
        CHECK_INT(ran_on[LOOPS - 1], 2);
        CHECK_INT(aeon_background_stop(app, "everywhere"), 0);
        CHECK_INT(others, LOOPS);
        CHECK_INT(aeon_background_stop(app, "main"), 0);
        CHECK_INT(aeon_background_stop(app, "there"), 0);
        CHECK_INT(others, LOOPS + 2);
        return aeon_app_stop(app, 0);
}

static void with_loops(aeon_app *app)
{
        aeon_use_lifespan(app, lifespan);
        aeon_background(app, "everywhere", note_loop, NULL, &(aeon_background_opts){ .placement = AEON_EVERY_LOOP });
        aeon_background(app, "main", note_loop, NULL, NULL);
        aeon_background(app, "driver", drive_from_the_last_loop, app, &(aeon_background_opts){ .placement = AEON_EVERY_LOOP });
}

PLAIN_TEST(a_task_runs_where_it_is_placed_and_is_started_and_stopped_from_any_loop)
{
        CHECK_INT(run_app(with_loops, LOOPS), 0);
        CHECK_INT(others, LOOPS + 3);
}

static int note_tick(void *unused)
{
        (void)unused;
        ran_on[*index_of_loop_get()]++;
        starts++;
        return 0;
}

/* From the last loop: pause, trigger and resume what runs on all of them. */
static int drive_ticks_from_the_last_loop(void *app)
{
        if (*index_of_loop_get() != LOOPS - 1)
                return 0;
        await_count(&starts, LOOPS);
        CHECK_INT(aeon_periodic_pause(app, "hourly"), 0);
        CHECK_INT(aeon_periodic_trigger(app, "hourly"), 0);
        await_count(&starts, 2 * LOOPS);
        CHECK_INT(aeon_periodic_resume(app, "hourly"), 0);
        CHECK_INT(aeon_periodic_trigger(app, "hourly"), 0);
        await_count(&starts, 3 * LOOPS);
        for (unsigned i = 0; i < LOOPS; i++)
                CHECK_INT(ran_on[i], 3);
        CHECK_INT(aeon_periodic(app, "late", note_tick, NULL, &(aeon_periodic_opts){ .every = 1 }), -EPERM);
        return aeon_app_stop(app, 0);
}

static int declare_in_a_hook(aeon_app *app)
{
        return aeon_periodic(app, "hourly", note_tick, NULL,
                             &(aeon_periodic_opts){ .every = AEON_HOURS(1), .placement = AEON_EVERY_LOOP });
}

static void with_ticks_on_loops(aeon_app *app)
{
        aeon_use_lifespan(app, lifespan);
        aeon_on_startup(app, declare_in_a_hook);
        aeon_background(app, "driver", drive_ticks_from_the_last_loop, app,
                        &(aeon_background_opts){ .placement = AEON_EVERY_LOOP });
}

PLAIN_TEST(a_periodic_task_on_every_loop_is_triggered_from_any)
{
        CHECK_INT(run_app(with_ticks_on_loops, LOOPS), 0);
        CHECK_INT(starts, 3 * LOOPS);
}

/* Many starts and stops from all loops at once, which the thread sanitizer likes to see. */
static int start_and_stop(void *app)
{
        char name[32];
        for (int i = 0; i < 50; i++) {
                snprintf(name, sizeof name, "job %u.%d", *index_of_loop_get(), i);
                CHECK_INT(aeon_background(app, name, count_and_wait, NULL, &(aeon_background_opts){ .done = NULL }), 0);
                aeon_background_info *list = NULL;
                CHECK(aeon_background_list(app, &list) > 0);
                free(list);
                CHECK_INT(aeon_background_stop(app, name), 0);
        }
        return ++ran_on[0] == LOOPS ? aeon_app_stop(app, 0) : 0;
}

static void with_busy_loops(aeon_app *app)
{
        aeon_use_lifespan(app, lifespan);
        aeon_background(app, "busy", start_and_stop, app, &(aeon_background_opts){ .placement = AEON_EVERY_LOOP });
}

PLAIN_TEST(many_tasks_are_started_and_stopped_from_several_loops)
{
        CHECK_INT(run_app(with_busy_loops, LOOPS), 0);
        CHECK_INT(ran_on[0], LOOPS);
        CHECK_INT(starts, others);
}

/* ------------------------------------------------------------------ readiness */

static int look_at_readiness(void *app)
{
        int r = 0;
        while (aeon_app_is_ready(app) && r == 0)
                r = aeon_sleep(AEON_MILLISECONDS(1));
        CHECK_INT(aeon_background_stop(app, "flaky"), 0);
        CHECK(aeon_app_is_ready(app));
        return aeon_app_stop(app, 0);
}

/* From a ready hook: they must not begin before the app has been ready. */
static int start_a_flaky_task(aeon_app *app)
{
        CHECK(aeon_app_is_ready(app));
        int r = aeon_background(app, "look", look_at_readiness, app, NULL);
        if (r < 0)
                return r;
        return aeon_background(app, "flaky", fail_with_words, NULL,
                               &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE,
                                                        .longest_pause = AEON_MILLISECONDS(1),
                                                        .intensity = 3,
                                                        .escalation = AEON_ESCALATE_NOT_READY });
}

static void with_a_flaky_task(aeon_app *app)
{
        aeon_on_ready(app, start_a_flaky_task);
}

PLAIN_TEST(an_app_is_not_ready_while_a_task_is_restarted_too_often)
{
        CHECK_INT(run_app(with_a_flaky_task, 1), 0);
}

/* ------------------------------------------------------------------ the real clock */

static aeon_time started[6];

static int tick(void *unused)
{
        (void)unused;
        if (starts < 6)
                started[starts] = aeon_now();
        starts++;
        return 0;
}

static int stop_after_six(void *app)
{
        await_count(&starts, 6);
        return aeon_app_stop(app, 0);
}

static void with_ticks(aeon_app *app)
{
        aeon_periodic(app, "tick", tick, NULL, &(aeon_periodic_opts){ .every = AEON_MILLISECONDS(20) });
        aeon_background(app, "stop", stop_after_six, app, NULL);
}

/* No tick comes before its place on the grid; late ones are the machine's affair. */
PLAIN_TEST(a_periodic_task_keeps_its_rate)
{
        CHECK_INT(run_app(with_ticks, 1), 0);
        CHECK(starts >= 6);
        for (int i = 1; i < 6; i++)
                CHECK(started[i] - started[0] > AEON_MILLISECONDS(20) * (i - 1));
}

static int stop_on_the_second(void *unused)
{
        (void)unused;
        return ++starts == 2 ? aeon_app_stop(the_app, 0) : 0;
}

static void with_cron(aeon_app *app)
{
        the_app = app;
        aeon_periodic(app, "each second", stop_on_the_second, NULL,
                      &(aeon_periodic_opts){ .cron = "* * * * * *", .zone = "Asia/Kathmandu" });
}

PLAIN_TEST(a_cron_task_ticks_by_the_real_clock)
{
        CHECK_INT(run_app(with_cron, 1), 0);
        CHECK_INT(starts, 2);
}
