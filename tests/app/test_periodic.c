/* Periodic tasks on a virtual clock: which ticks become runs, and when. */
#include "ticking.h"

#include "loop/world.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <stdio.h>
#include <stdlib.h>

/* ------------------------------------------------------------------ when ticks come */

PERIODIC_TEST(a_rate_is_kept_however_long_the_runs_take, .every = AEON_SECONDS(10))
{
        static const aeon_duration some[] = { AEON_SECONDS(3), AEON_SECONDS(9), 0 };
        set_lengths(some, 3);
        aeon_sleep(AEON_SECONDS(45));
        CHECK_STR(begun(), "0 10 20 30 40");
        CHECK_INT(periodic_info(app, "task")->missed, 0);
}

PERIODIC_TEST(ten_ticks_a_second_are_ten_runs_a_second, .every = AEON_MILLISECONDS(100))
{
        aeon_sleep(AEON_SECONDS(3) - 1);
        CHECK_INT(runs, 30);
        CHECK_INT(began[29], AEON_MILLISECONDS(2900));
}

PERIODIC_TEST(a_delay_counts_from_the_end_of_the_run, .delay = AEON_SECONDS(10))
{
        static const aeon_duration some[] = { AEON_SECONDS(3), AEON_SECONDS(25), 0 };
        set_lengths(some, 3);
        aeon_sleep(AEON_SECONDS(60));
        CHECK_STR(begun(), "0 13 48 58");
        CHECK_INT(periodic_info(app, "task")->missed, 0);
}

PERIODIC_TEST(the_first_tick_may_come_after_one_period, .every = AEON_SECONDS(10), .first = AEON_FIRST_LATER)
{
        aeon_sleep(AEON_SECONDS(25));
        CHECK_STR(begun(), "10 20");
}

PERIODIC_TEST(the_first_delay_may_come_first, .delay = AEON_SECONDS(10), .first = AEON_FIRST_LATER)
{
        aeon_sleep(AEON_SECONDS(25));
        CHECK_STR(begun(), "10 20");
}

static void aligned_body(aeon_app *app)
{
        (void)app;
        aeon_sleep(AEON_SECONDS(130));
}

PLAIN_TEST(ticks_may_be_aligned_to_the_wall_clock)
{
        static const struct {
                const char *wall, *begun;
        } rows[] = { { "2026-05-01T12:00:17Z", "43 103" },
                     { "2026-05-01T12:01:00Z", "0 60 120" },
                     { "2026-05-01T12:00:59Z", "1 61 121" } };
        options = (aeon_periodic_opts){ .every = AEON_SECONDS(60), .first = AEON_FIRST_ALIGNED };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                set_wall(rows[i].wall);
                CHECK_INT(beside_app_run(declare_task, aligned_body), 0);
                CHECK_STR(begun(), rows[i].begun);
        }
}

PERIODIC_TEST(jitter_comes_on_top_of_each_tick_and_the_grid_stays, .every = AEON_SECONDS(10), .jitter = 0.5)
{
        aeon_duration least = AEON_NEVER, most = 0;
        aeon_sleep(AEON_SECONDS(10) * RUNS_NOTED - 1);
        REQUIRE_INT(runs, RUNS_NOTED);
        for (int i = 0; i < RUNS_NOTED; i++) {
                aeon_duration late = began[i] - AEON_SECONDS(10) * i;
                CHECK(late >= 0 && late <= AEON_SECONDS(5));
                least = late < least ? late : least;
                most = late > most ? late : most;
        }
        CHECK(most - least > AEON_SECONDS(1)); /* by chance not so once in 10^42 runs */
}

/* ------------------------------------------------------------------ missed ticks and overlapping runs: the table of docs/periodic.md */

static void overrun_body(aeon_app *app)
{
        aeon_sleep(AEON_SECONDS(65));
        const aeon_periodic_info *info = periodic_info(app, "task");
        CHECK_INT(info->runs + info->missed, 7); /* ticks at 0, 10, ..., 60 */
}

PLAIN_TEST(what_becomes_of_ticks_that_come_during_a_run)
{
        static const aeon_duration one_long[] = { AEON_SECONDS(35), AEON_SECONDS(1) };
        static const aeon_duration two_long[] = { AEON_SECONDS(35), AEON_SECONDS(35), AEON_SECONDS(1) };
        static const struct {
                aeon_overlap overlap;
                aeon_missed missed;
                const char *begun;
        } rows[] = {
                { AEON_OVERLAP_FORBID, AEON_MISSED_SKIP, "0 40 50 60" },
                { AEON_OVERLAP_FORBID, AEON_MISSED_COALESCE, "0 35 40 50 60" },
                { AEON_OVERLAP_FORBID, AEON_MISSED_BURST, "0 35 36 37 40 50 60" },
                { AEON_OVERLAP_QUEUE, AEON_MISSED_SKIP, "0 35 40 50 60" },
                { AEON_OVERLAP_QUEUE, AEON_MISSED_COALESCE, "0 35 40 50 60" },
                { AEON_OVERLAP_QUEUE, AEON_MISSED_BURST, "0 35 36 37 40 50 60" },
                { AEON_OVERLAP_ALLOW, AEON_MISSED_SKIP, "0 10 40 50 60" },
                { AEON_OVERLAP_ALLOW, AEON_MISSED_COALESCE, "0 10 35 40 50 60" },
                { AEON_OVERLAP_ALLOW, AEON_MISSED_BURST, "0 10 35 36 40 50 60" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                bool allow = rows[i].overlap == AEON_OVERLAP_ALLOW;
                set_lengths(allow ? two_long : one_long, allow ? 3 : 2);
                options = (aeon_periodic_opts){ .every = AEON_SECONDS(10), .overlap = rows[i].overlap, .missed = rows[i].missed };
                CHECK_INT(beside_app_run(declare_task, overrun_body), 0);
                if (!CHECK_STR(begun(), rows[i].begun))
                        fprintf(stderr, "    overlap %d, missed %d\n", rows[i].overlap, rows[i].missed);
                CHECK_INT(most_at_a_time, allow ? 2 : 1);
        }
}

/* Let @length pass with nothing running: the loop is blocked, or the process stopped. */
static void stall(aeon_duration length)
{
        aeon__world->now += length;
}

static void stall_body(aeon_app *app)
{
        aeon_sleep(AEON_SECONDS(5));
        stall(AEON_SECONDS(37)); /* until 42 s: the ticks of 10 to 40 have passed */
        aeon_sleep(AEON_SECONDS(23));
        const aeon_periodic_info *info = periodic_info(app, "task");
        CHECK_INT(info->runs + info->missed, 7);
}

PLAIN_TEST(what_becomes_of_ticks_that_come_while_the_loop_is_blocked)
{
        static const aeon_duration one[] = { AEON_SECONDS(1) };
        static const struct {
                aeon_missed missed;
                aeon_duration grace;
                const char *begun;
        } rows[] = {
                { AEON_MISSED_SKIP, 0, "0 42 50 60" }, /* the tick of 40 s is late by less than a period */
                { AEON_MISSED_SKIP, AEON_SECONDS(1), "0 50 60" },
                { AEON_MISSED_SKIP, AEON_SECONDS(100), "0 42 50 60" }, /* none is too late, and no two overlap */
                { AEON_MISSED_COALESCE, 0, "0 42 50 60" },
                { AEON_MISSED_COALESCE, AEON_SECONDS(1), "0 42 50 60" },
                { AEON_MISSED_BURST, 0, "0 42 43 44 45 50 60" },
                { AEON_MISSED_BURST, AEON_SECONDS(1), "0 42 43 44 45 50 60" },
        };
        set_lengths(one, 1);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                options = (aeon_periodic_opts){ .every = AEON_SECONDS(10), .missed = rows[i].missed, .grace = rows[i].grace };
                CHECK_INT(beside_app_run(declare_task, stall_body), 0);
                if (!CHECK_STR(begun(), rows[i].begun))
                        fprintf(stderr, "    missed %d, grace %g s\n", rows[i].missed, (double)rows[i].grace / 1e9);
        }
}

static void wait_for_the_last_run(aeon_app *app)
{
        aeon_sleep(AEON_HOURS(2) - 1); /* the runs of no length catch up with whatever waits */
        const aeon_periodic_info *info = periodic_info(app, "task");
        CHECK_INT(info->runs + info->missed, 720);
        CHECK_INT(info->runs, runs);
        CHECK_INT(info->running, 0);
}

PLAIN_TEST(each_tick_has_its_run_or_is_counted_as_missed)
{
        uint64_t state = 1;
        for (int round = 0; round < 90; round++) {
                aeon_duration random[40];
                for (int i = 0; i < 39; i++) /* Source: Knuth, MMIX */
                        random[i] = (aeon_duration)((state = state * 6364136223846793005 + 1442695040888963407) >> 24) %
                                    AEON_SECONDS(60);
                random[39] = 0;
                set_lengths(random, 40);
                options = (aeon_periodic_opts){ .every = AEON_SECONDS(10),
                                                .overlap = (aeon_overlap)(round % 3),
                                                .missed = (aeon_missed)(round / 3 % 3),
                                                .jitter = round % 2 ? 0.2 : 0 };
                options.at_once = options.overlap == AEON_OVERLAP_ALLOW ? 3 : 0;
                CHECK_INT(beside_app_run(declare_task, wait_for_the_last_run), 0);
                CHECK_INT(most_at_a_time, options.at_once ? 3 : 1);
        }
}

PERIODIC_TEST(up_to_at_once_runs_overlap, .every = AEON_SECONDS(1), .overlap = AEON_OVERLAP_ALLOW, .at_once = 4)
{
        static const aeon_duration some[] = { AEON_MILLISECONDS(9500) };
        set_lengths(some, 1);
        aeon_sleep(AEON_MILLISECONDS(12100));
        CHECK_STR(begun(), "0 1 2 3 10 11 12");
        CHECK_INT(most_at_a_time, 4);
        CHECK_INT(periodic_info(app, "task")->missed, 6);
        CHECK_INT(periodic_info(app, "task")->running, 4);
}

PERIODIC_TEST(ticks_of_years_that_were_slept_through_are_counted_at_once, .every = AEON_NANOSECONDS(1000))
{
        aeon_sleep(1);
        stall(AEON_HOURS(24 * 365 * 10));
        aeon_sleep(1);
        CHECK(periodic_info(app, "task")->missed > 315000000000000);
        CHECK_INT(runs, 2);
}

/* ------------------------------------------------------------------ failures */

static void check_failing(aeon_app *app)
{
        aeon_sleep(AEON_HOURS(1) - 1);
        const aeon_periodic_info *info = periodic_info(app, "task");
        CHECK(runs > 50 && runs < 3600);
        CHECK_INT(info->failed, runs);
        CHECK_INT(info->runs + info->missed, 36000);
        CHECK_CONTAINS(info->error, "went wrong");
        for (int i = 1; i < RUNS_NOTED; i++)
                CHECK(began[i] - began[i - 1] <= AEON_MILLISECONDS(30100));
        failing = false;
        aeon_sleep(AEON_SECONDS(31));
        int before = runs;
        aeon_sleep(AEON_SECONDS(1));
        CHECK_INT(runs - before, 10);
}

/* A failing run is followed by others, after pauses that grow to 30 s; they end with the first success. */
PERIODIC_TEST(a_task_that_fails_is_run_again_less_and_less_often, .every = AEON_MILLISECONDS(100))
{
        failing = true;
        check_failing(app);
}

PERIODIC_TEST(a_delay_after_a_failure_is_as_long_as_the_pause_at_least, .delay = AEON_MILLISECONDS(1))
{
        failing = true;
        aeon_sleep(AEON_HOURS(1));
        CHECK(runs > 50 && runs < 3600);
        CHECK_INT(periodic_info(app, "task")->failed, runs);
        CHECK_INT(periodic_info(app, "task")->missed, 0);
}

PERIODIC_TEST(a_failure_may_end_the_task, .every = AEON_SECONDS(10), .on_error = AEON_ON_ERROR_STOP)
{
        aeon_sleep(AEON_SECONDS(15));
        failing = true;
        aeon_sleep(AEON_HOURS(1));
        CHECK_STR(begun(), "0 10 20");
        CHECK(periodic_info(app, "task")->stopped);
        CHECK_INT(periodic_info(app, "task")->next, AEON_NEVER);
        CHECK_INT(aeon_periodic_trigger(app, "task"), -ESHUTDOWN);
        CHECK_CONTAINS(aeon_error_text(), "\"task\"");
}

static void fail_the_app(aeon_app *app)
{
        failing = true;
        aeon_sleep(AEON_HOURS(1));
        CHECK_INT(runs, 1);
        CHECK_STR(app->stop.cause, "periodic task \"task\" failed: run 1 went wrong");
}

PLAIN_TEST(a_failure_may_fail_the_app)
{
        options = (aeon_periodic_opts){ .every = AEON_SECONDS(10), .on_error = AEON_ON_ERROR_FAIL };
        CHECK_INT(beside_app_run(declare_task, fail_the_app), 3);
}

PERIODIC_TEST(a_run_may_be_limited, .every = AEON_SECONDS(10), .timeout = AEON_SECONDS(2))
{
        static const aeon_duration some[] = { AEON_SECONDS(60) };
        set_lengths(some, 1);
        aeon_sleep(AEON_SECONDS(25));
        CHECK_STR(begun(), "0 10 20");
        CHECK_INT(periodic_info(app, "task")->failed, 3);
        CHECK_INT(periodic_info(app, "task")->last_duration, AEON_SECONDS(2));
        CHECK_STR(periodic_info(app, "task")->error, "the time limit of \"task\" passed");
}

/* ------------------------------------------------------------------ trigger, pause, resume */

PERIODIC_TEST(a_trigger_runs_it_at_once_and_moves_no_tick, .every = AEON_SECONDS(10))
{
        aeon_sleep(AEON_SECONDS(13));
        CHECK_INT(aeon_periodic_trigger(app, "task"), 0);
        aeon_sleep(AEON_SECONDS(10));
        CHECK_STR(begun(), "0 10 13 20");
        CHECK_INT(periodic_info(app, "task")->runs, 4);
}

PERIODIC_TEST(triggers_during_a_run_are_one_run_after_it, .every = AEON_HOURS(1))
{
        static const aeon_duration some[] = { AEON_SECONDS(10), AEON_SECONDS(1) };
        set_lengths(some, 2);
        aeon_sleep(AEON_SECONDS(2));
        for (int i = 0; i < 5; i++)
                CHECK_INT(aeon_periodic_trigger(app, "task"), 0);
        aeon_sleep(AEON_SECONDS(20));
        CHECK_STR(begun(), "0 10");
        CHECK_INT(most_at_a_time, 1);
}

PERIODIC_TEST(a_trigger_does_not_wait_for_the_pause_after_a_failure, .every = AEON_HOURS(1))
{
        failing = true;
        aeon_checkpoint();
        for (int i = 2; i < 30; i++) {
                aeon_time before = aeon_now();
                CHECK_INT(aeon_periodic_trigger(app, "task"), 0);
                while (runs < i && aeon_checkpoint() == 0)
                        ;
                aeon_checkpoint();
                CHECK_INT(aeon_now(), before);
        }
}

PERIODIC_TEST(a_delay_follows_a_triggered_run, .delay = AEON_SECONDS(10))
{
        static const aeon_duration some[] = { 0, AEON_SECONDS(8), 0 };
        set_lengths(some, 3);
        aeon_sleep(AEON_SECONDS(6));
        CHECK_INT(aeon_periodic_trigger(app, "task"), 0);
        aeon_sleep(AEON_SECONDS(20));
        CHECK_STR(begun(), "0 6 24");
}

PERIODIC_TEST(a_paused_task_runs_when_triggered_only_and_its_grid_stays, .every = AEON_SECONDS(10), .missed = AEON_MISSED_BURST)
{
        aeon_sleep(AEON_SECONDS(15));
        CHECK_INT(aeon_periodic_pause(app, "task"), 0);
        CHECK(periodic_info(app, "task")->paused);
        CHECK_INT(periodic_info(app, "task")->next, AEON_NEVER);
        aeon_sleep(AEON_SECONDS(30));
        CHECK_INT(aeon_periodic_trigger(app, "task"), 0);
        aeon_sleep(AEON_SECONDS(8));
        CHECK_INT(aeon_periodic_resume(app, "task"), 0);
        CHECK_INT(aeon_periodic_resume(app, "task"), 0);
        CHECK_INT(periodic_info(app, "task")->next, AEON_SECONDS(7));
        aeon_sleep(AEON_SECONDS(20));
        CHECK_STR(begun(), "0 10 45 60 70");
        CHECK_INT(periodic_info(app, "task")->missed, 0);
}

PERIODIC_TEST(a_pause_lets_the_run_end_and_drops_what_waits, .every = AEON_SECONDS(10), .overlap = AEON_OVERLAP_QUEUE)
{
        static const aeon_duration some[] = { AEON_SECONDS(15), 0 };
        set_lengths(some, 2);
        aeon_sleep(AEON_SECONDS(12));
        CHECK_INT(aeon_periodic_pause(app, "task"), 0);
        aeon_sleep(AEON_SECONDS(30));
        CHECK_STR(begun(), "0");
        CHECK_INT(periodic_info(app, "task")->running, 0);
        CHECK_INT(periodic_info(app, "task")->missed, 1);
}

static void pause_in_the_declaration(aeon_app *app)
{
        declare_task(app);
        CHECK_INT(aeon_periodic_trigger(app, "task"), 0);
        CHECK_INT(aeon_periodic_resume(app, "task"), 0);
        CHECK_INT(aeon_periodic_pause(app, "task"), 0);
}

static void resume_later(aeon_app *app)
{
        aeon_sleep(AEON_SECONDS(25));
        CHECK_STR(begun(), "0"); /* the trigger's */
        CHECK_INT(aeon_periodic_resume(app, "task"), 0);
        aeon_sleep(AEON_SECONDS(10));
        CHECK_STR(begun(), "0 30");
}

PLAIN_TEST(what_is_asked_before_the_app_serves_is_done_when_it_does)
{
        options = (aeon_periodic_opts){ .every = AEON_SECONDS(10) };
        CHECK_INT(beside_app_run(pause_in_the_declaration, resume_later), 0);
}

PERIODIC_TEST(an_unknown_name_is_refused_with_the_nearest, .every = AEON_SECONDS(10))
{
        CHECK_INT(aeon_periodic_trigger(app, "taks"), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "there is no periodic task \"taks\": did you mean \"task\"?");
        CHECK_INT(aeon_periodic_pause(app, "other"), -ENOENT);
        CHECK_INT(aeon_periodic_resume(app, "other"), -ENOENT);
}

PERIODIC_TEST(a_stop_wakes_a_sleeping_task_at_once, .every = AEON_HOURS(1))
{
        aeon_sleep(AEON_SECONDS(1));
        aeon_time before = aeon_now();
        CHECK_INT(aeon_group_size(app->lives[0].beside), 1);
        beside_app_stop(app);
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        while (aeon_group_size(app->lives[0].beside))
                aeon_checkpoint();
        aeon_scope_close(&shield, 0);
        CHECK_INT(aeon_now(), before);
}

/* ------------------------------------------------------------------ what is refused */

static int never_run(void *unused)
{
        (void)unused;
        runs++;
        return 0;
}

static const aeon_periodic_opts *refused;

static void with_refused_options(aeon_app *app)
{
        CHECK_INT(aeon_periodic(app, "odd", never_run, NULL, refused), -EINVAL);
        CHECK_CONTAINS(aeon_error_text(), "periodic task \"odd\" (");
        CHECK_INT(app->declare_error, -EINVAL);
        app->declare_error = 0;
        free(app->declare_words);
}

static void do_nothing(aeon_app *app)
{
        (void)app;
}

PLAIN_TEST(impossible_options_of_a_periodic_task_are_refused)
{
        static const aeon_periodic_opts rows[] = {
                { 0 },
                { .every = -1 },
                { .delay = -1 },
                { .every = 1, .delay = 1 },
                { .every = 1, .cron = "* * * * *" },
                { .delay = 1, .cron = "* * * * *" },
                { .cron = "nonsense" },
                { .cron = "0 0 30 2 *" },
                { .every = 1, .zone = "UTC" },
                { .every = 1, .jitter = -0.1 },
                { .every = 1, .jitter = 1.1 },
                { .every = 1, .jitter = __builtin_nan("") },
                { .every = 1, .timeout = -1 },
                { .every = 1, .grace = -1 },
                { .every = AEON_NEVER },
                { .delay = 1, .missed = AEON_MISSED_BURST },
                { .delay = 1, .overlap = AEON_OVERLAP_QUEUE },
                { .delay = 1, .grace = 1 },
                { .every = 1, .at_once = 2 },
                { .every = 1, .missed = (aeon_missed)3 },
                { .every = 1, .overlap = (aeon_overlap)3 },
                { .every = 1, .first = (aeon_first)4 },
                { .every = 1, .on_error = (aeon_on_error)3 },
                { .every = 1, .placement = (aeon_placement)3 },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                refused = &rows[i];
                CHECK_INT(beside_app_run(with_refused_options, do_nothing), 0);
        }
        CHECK_INT(runs, 0);
}

static void with_an_unknown_zone(aeon_app *app)
{
        CHECK_INT(aeon_periodic(app, "odd", never_run, NULL, &(aeon_periodic_opts){ .cron = "@daily", .zone = "Europe/Berln" }),
                  -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "periodic task \"odd\" (");
        CHECK_CONTAINS(aeon_error_text(), "there is no time zone \"Europe/Berln\"");
        app->declare_error = 0;
        free(app->declare_words);
}

PLAIN_TEST(a_periodic_task_in_an_unknown_zone_is_refused)
{
        CHECK_INT(beside_app_run(with_an_unknown_zone, do_nothing), 0);
}
