/* Background tasks on a virtual clock: restarts, escalation, stopping, their list. */
#include "beside_app.h"

#include "app/beside.h"

#include <aeon/error.h>
#include <aeon/scope.h>
#include <aeon/sync.h>
#include <aeon/var.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ tasks to supervise */

enum { STARTS_NOTED = 16 };

static int starts;
static aeon_time started[STARTS_NOTED];

static void note_start(void)
{
        if (starts < STARTS_NOTED)
                started[starts] = aeon_now();
        starts++;
}

/* Runs for *@length and fails. */
static int fail_after(void *length)
{
        note_start();
        int r = aeon_sleep(*(aeon_duration *)length);
        return r < 0 ? r : aeon_fail(-EIO, "failure %d", starts);
}

static int return_after(void *length)
{
        note_start();
        return aeon_sleep(*(aeon_duration *)length);
}

static int wait_for_the_end(void *unused)
{
        (void)unused;
        note_start();
        return aeon_sleep(AEON_NEVER);
}

/* Does not come back from its cancellation for *@length. */
static int be_stubborn(void *length)
{
        note_start();
        int r = aeon_sleep(AEON_NEVER);
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        aeon_sleep(*(aeon_duration *)length);
        aeon_scope_close(&shield, 0);
        return r;
}

static aeon_duration none, second = AEON_SECONDS(1), minute = AEON_SECONDS(60);

/* What the done callback was told. */
static int ends;
static aeon_background_end last_end;
static char last_error[256];

static void note_end(void *arg, const aeon_background_end *end)
{
        (void)arg;
        ends++;
        last_end = *end;
        last_end.name = NULL; /* borrowed */
        snprintf(last_error, sizeof last_error, "%s", end->error);
}

static void check_end(aeon_end_reason reason, int result, const char *error)
{
        CHECK_INT(ends, 1);
        CHECK_INT(last_end.reason, reason);
        CHECK_INT(last_end.result, result);
        CHECK_STR(last_error, error);
}

/* ------------------------------------------------------------------ one run */

BESIDE_TEST(a_task_that_returns_is_done)
{
        CHECK_INT(aeon_background(app, "one", return_after, &second, &(aeon_background_opts){ .done = note_end }), 0);
        aeon_checkpoint();
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_RUNNING);
        CHECK_INT(background_info(app, "one")->since, AEON_SECONDS(1));
        aeon_sleep(minute);
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_DONE);
        CHECK_INT(background_info(app, "one")->since, AEON_SECONDS(2));
        CHECK_STR(background_info(app, "one")->error, "");
        CHECK_CONTAINS(background_info(app, "one")->site, "test_background.c:");
        check_end(AEON_END_RETURNED, 0, "");
        CHECK_INT(starts, 1);
}

BESIDE_TEST(a_task_that_fails_and_is_not_restarted_has_failed_and_the_app_goes_on)
{
        CHECK_INT(aeon_background(app, "one", fail_after, &second, &(aeon_background_opts){ .done = note_end }), 0);
        aeon_sleep(minute);
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_FAILED);
        CHECK_STR(background_info(app, "one")->error, "failure 1");
        CHECK_INT(background_info(app, "one")->restarts, 0);
        check_end(AEON_END_FAILED, -EIO, "failure 1");
        CHECK_INT(starts, 1);
        CHECK_INT(aeon__stop_level(app), 0);
}

static void with_an_essential_task(aeon_app *app)
{
        CHECK_INT(aeon_background(app, "vital", fail_after, &second, &(aeon_background_opts){ .essential = true }), 0);
        aeon_sleep(minute);
        CHECK_STR(app->stop.cause, "essential task \"vital\" failed: failure 1");
}

PLAIN_TEST(an_essential_task_that_fails_stops_the_app_with_code_3)
{
        CHECK_INT(beside_app_run(NULL, with_an_essential_task), 3);
}

BESIDE_TEST(a_run_that_takes_too_long_has_timed_out)
{
        CHECK_INT(aeon_background(app, "one", wait_for_the_end, NULL,
                                  &(aeon_background_opts){ .timeout = AEON_SECONDS(5), .done = note_end }),
                  0);
        aeon_sleep(minute);
        CHECK_INT(background_info(app, "one")->since, AEON_SECONDS(6));
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_FAILED);
        check_end(AEON_END_TIMED_OUT, -ETIMEDOUT, "the time limit of \"one\" passed");
}

static aeon_scope left_open;

static int leave_a_scope_open(void *unused)
{
        (void)unused;
        note_start();
        memset(&left_open, 0, sizeof left_open);
        aeon_scope_open(&left_open, &(aeon_scope_opts){ .name = "forgotten" });
        return 0;
}

BESIDE_TEST(a_function_that_leaves_a_scope_open_has_failed_and_is_restarted_well)
{
        CHECK_INT(aeon_background(app, "untidy", leave_a_scope_open, NULL,
                                  &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE, .intensity = -1 }),
                  0);
        aeon_sleep(minute);
        CHECK(starts > 2);
        CHECK_CONTAINS(background_info(app, "untidy")->error, "left open what it opened at ");
        CHECK(background_info(app, "untidy")->restarts + 1 == (unsigned)starts);
}

static int fail_with_words_once(void *unused)
{
        (void)unused;
        note_start();
        return starts == 1 ? aeon_fail(-EIO, "the disk is gone") : -EIO;
}

BESIDE_TEST(an_error_without_words_does_not_get_those_of_the_run_before)
{
        CHECK_INT(aeon_background(app, "one", fail_with_words_once, NULL,
                                  &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE }),
                  0);
        aeon_checkpoint();
        CHECK_STR(background_info(app, "one")->error, "the disk is gone");
        aeon_sleep(second);
        CHECK(starts > 1);
        CHECK_STR(background_info(app, "one")->error, aeon_strerror(-EIO));
}

/* ------------------------------------------------------------------ restarts */

BESIDE_TEST(restart_on_failure_ends_with_a_success)
{
        CHECK_INT(aeon_background(app, "one", return_after, &second,
                                  &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE, .done = note_end }),
                  0);
        aeon_sleep(minute);
        CHECK_INT(starts, 1);
        check_end(AEON_END_RETURNED, 0, "");
}

BESIDE_TEST(restart_always_means_after_a_success_too)
{
        CHECK_INT(aeon_background(app, "one", return_after, &second,
                                  &(aeon_background_opts){ .restart = AEON_RESTART_ALWAYS, .done = note_end }),
                  0);
        aeon_sleep(minute);
        CHECK(starts > 3);
        CHECK_INT(ends, 0);
        CHECK_INT(background_info(app, "one")->restarts, starts - 1);
}

/* Full jitter: anything from nothing to a ceiling that doubles up to the longest. */
PLAIN_TEST(a_pause_is_anything_up_to_a_ceiling_that_doubles)
{
        static const int64_t ceilings_ms[] = { 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000 };
        for (unsigned failures = 0; failures < sizeof ceilings_ms / sizeof *ceilings_ms; failures++) {
                aeon_duration ceiling = 0, least = AEON_NEVER, most = 0;
                for (int i = 0; i < 2000; i++) {
                        aeon_duration pause = aeon__beside_pause(FIRST_PAUSE, LONGEST_PAUSE, failures, &ceiling);
                        least = pause < least ? pause : least;
                        most = pause > most ? pause : most;
                }
                CHECK_INT(ceiling, AEON_MILLISECONDS(ceilings_ms[failures]));
                CHECK(least >= 0 && least < ceiling / 10); /* missed by chance once in 10^91 runs */
                CHECK(most <= ceiling && most > ceiling - ceiling / 10);
        }
        aeon_duration ceiling;
        aeon__beside_pause(AEON_SECONDS(5), AEON_SECONDS(2), 0, &ceiling);
        CHECK_INT(ceiling, AEON_SECONDS(2));
        aeon__beside_pause(AEON_SECONDS(1), AEON_NEVER, 4000000000, &ceiling);
        CHECK_INT(ceiling, AEON_NEVER);
}

BESIDE_TEST(pauses_grow_from_failure_to_failure)
{
        CHECK_INT(aeon_background(app, "one", fail_after, &none,
                                  &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE, .intensity = -1 }),
                  0);
        aeon_sleep(AEON_HOURS(1));
        REQUIRE(starts >= STARTS_NOTED);
        for (int i = 1; i < STARTS_NOTED; i++) {
                aeon_duration ceiling;
                aeon__beside_pause(FIRST_PAUSE, LONGEST_PAUSE, (unsigned)i - 1, &ceiling);
                CHECK(started[i] - started[i - 1] <= ceiling);
        }
        CHECK(started[STARTS_NOTED - 1] - started[0] >
              AEON_SECONDS(1)); /* they did not stay below 0.1 s each: 15 of those are 1.5 s at most */
}

BESIDE_TEST(a_run_that_was_stable_makes_the_next_pause_a_first_one)
{
        static aeon_duration length = AEON_SECONDS(10);
        CHECK_INT(aeon_background(app, "one", fail_after, &length,
                                  &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE, .stable = length }),
                  0);
        aeon_sleep(AEON_HOURS(1));
        REQUIRE(starts >= STARTS_NOTED);
        for (int i = 1; i < STARTS_NOTED; i++)
                CHECK(started[i] - started[i - 1] <= length + FIRST_PAUSE);
}

/* ------------------------------------------------------------------ escalation */

static const aeon_background_opts flaky = {
        .restart = AEON_RESTART_ON_FAILURE,
        .first_pause = 1,
        .longest_pause = 1,
        .intensity = 3,
        .window = AEON_SECONDS(10),
        .stable = AEON_SECONDS(60),
};

/* A run of 5 s each: two restarts within 10 s; of 3 s each: three or four. */
static int restarts_of(aeon_app *app, const char *name, aeon_duration length)
{
        static aeon_duration lengths[4];
        static int used;
        aeon_background_opts opts = flaky;
        opts.escalation = AEON_ESCALATE_STOP;
        lengths[used] = length;
        CHECK_INT(aeon_background(app, name, fail_after, &lengths[used++], &opts), 0);
        aeon_sleep(AEON_SECONDS(50));
        return (int)background_info(app, name)->restarts;
}

static void with_two_rates(aeon_app *app)
{
        CHECK_INT(restarts_of(app, "slow", AEON_SECONDS(5)), 9);
        CHECK_INT(aeon__stop_level(app), 0);
        CHECK_INT(restarts_of(app, "fast", AEON_SECONDS(3)), 3);
        CHECK_CONTAINS(app->stop.cause, "background task \"fast\" had to be restarted more than 3 times within 10s: failure");
        CHECK_INT(background_info(app, "fast")->state, AEON_BACKGROUND_FAILED);
}

PLAIN_TEST(more_restarts_than_the_intensity_within_the_window_may_stop_the_app)
{
        CHECK_INT(beside_app_run(NULL, with_two_rates), 3);
}

BESIDE_TEST(an_escalation_to_the_log_goes_on_restarting)
{
        CHECK_INT(aeon_background(app, "one", fail_after, &second, &flaky), 0);
        aeon_sleep(minute);
        CHECK(starts > 50);
        CHECK(!aeon__beside_spoils_readiness(app));
        CHECK_INT(aeon__stop_level(app), 0);
}

static int fail_six_times(void *unused)
{
        return starts < 6 ? fail_after(&second) : wait_for_the_end(unused);
}

BESIDE_TEST(an_escalation_to_readiness_lasts_until_a_run_is_stable)
{
        aeon_background_opts opts = flaky;
        opts.escalation = AEON_ESCALATE_NOT_READY;
        CHECK_INT(aeon_background(app, "one", fail_six_times, NULL, &opts), 0);
        aeon_sleep(AEON_MILLISECONDS(3500));
        CHECK_INT(starts, 4);
        CHECK(!aeon__beside_spoils_readiness(app));
        aeon_sleep(AEON_SECONDS(1)); /* the fourth restart within 10 s */
        CHECK_INT(starts, 5);
        CHECK(aeon__beside_spoils_readiness(app));
        aeon_sleep(AEON_SECONDS(61));
        CHECK_INT(starts, 7);
        CHECK(aeon__beside_spoils_readiness(app));
        aeon_sleep(AEON_SECONDS(2));
        CHECK_INT(starts, 7);
        CHECK(!aeon__beside_spoils_readiness(app));
}

BESIDE_TEST(a_task_that_is_over_spoils_no_readiness)
{
        aeon_background_opts opts = flaky;
        opts.escalation = AEON_ESCALATE_NOT_READY;
        CHECK_INT(aeon_background(app, "one", fail_after, &second, &opts), 0);
        aeon_sleep(minute);
        CHECK(aeon__beside_spoils_readiness(app));
        CHECK_INT(aeon_background_stop(app, "one"), 0);
        CHECK(!aeon__beside_spoils_readiness(app));
}

/* ------------------------------------------------------------------ stopping */

BESIDE_TEST(a_stop_cancels_and_waits)
{
        CHECK_INT(aeon_background(app, "one", be_stubborn, &second, &(aeon_background_opts){ .done = note_end }), 0);
        aeon_checkpoint();
        aeon_time begin = aeon_now();
        CHECK_INT(aeon_background_stop(app, "one"), 0);
        CHECK_INT(aeon_now() - begin, second);
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_DONE);
        check_end(AEON_END_CANCELLED, -ECANCELED, "");
        CHECK_INT(aeon_background_stop(app, "one"), 0);
        check_end(AEON_END_CANCELLED, -ECANCELED, "");
}

BESIDE_TEST(a_stop_wakes_a_task_that_backs_off)
{
        CHECK_INT(aeon_background(app, "one", fail_after, &none,
                                  &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE,
                                                           .first_pause = AEON_HOURS(1000),
                                                           .longest_pause = AEON_HOURS(1000),
                                                           .done = note_end }),
                  0);
        aeon_sleep(1);
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_BACKOFF);
        aeon_time begin = aeon_now();
        CHECK_INT(aeon_background_stop(app, "one"), 0);
        CHECK_INT(aeon_now(), begin);
        check_end(AEON_END_CANCELLED, -EIO, "");
        CHECK_INT(starts, 1);
}

BESIDE_TEST(a_stop_that_comes_before_the_first_moment_lets_nothing_run)
{
        CHECK_INT(aeon_background(app, "one", wait_for_the_end, NULL, &(aeon_background_opts){ .done = note_end }), 0);
        CHECK_INT(aeon_background_stop(app, "one"), 0);
        CHECK_INT(starts, 0);
        check_end(AEON_END_CANCELLED, -ECANCELED, "");
}

BESIDE_TEST(a_stop_of_an_unknown_name_suggests_the_nearest)
{
        CHECK_INT(aeon_background(app, "one", wait_for_the_end, NULL, NULL), 0);
        CHECK_INT(aeon_background_stop(app, "two"), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "there is no background task \"two\"");
        CHECK_INT(aeon_background_stop(app, "onne"), -ENOENT);
        CHECK_CONTAINS(aeon_error_text(), "did you mean \"one\"?");
}

static int stop_it(void *app)
{
        return aeon_background_stop(app, "one");
}

BESIDE_TEST(two_may_stop_one_task_and_both_are_woken)
{
        aeon_group *g;
        CHECK_INT(aeon_background(app, "one", be_stubborn, &second, &(aeon_background_opts){ .done = note_end }), 0);
        aeon_checkpoint();
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "stop", stop_it, app);
        aeon_spawn(g, "stop", stop_it, app);
        CHECK_INT(aeon_group_close(g), 0);
        check_end(AEON_END_CANCELLED, -ECANCELED, "");
}

BESIDE_TEST(a_task_that_does_not_stop_in_time_is_abandoned_and_its_name_taken_until_it_ends)
{
        CHECK_INT(aeon_background(app, "one", be_stubborn, &minute,
                                  &(aeon_background_opts){ .stop_timeout = AEON_SECONDS(3), .done = note_end }),
                  0);
        aeon_checkpoint();
        CHECK_INT(aeon_background_stop(app, "one"), -ETIMEDOUT);
        CHECK_CONTAINS(aeon_error_text(), "background task \"one\" did not stop within 3s");
        CHECK_INT(aeon_now(), AEON_SECONDS(4));
        check_end(AEON_END_ABANDONED, -ECANCELED, "it was told to stop, and did not");
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_FAILED);
        CHECK_INT(aeon_background(app, "one", wait_for_the_end, NULL, NULL), -EEXIST);
        aeon_sleep(minute);
        CHECK_INT(aeon_background(app, "one", wait_for_the_end, NULL, NULL), 0);
        CHECK_INT(ends, 1);
}

BESIDE_TEST(who_is_cancelled_while_stopping_a_task_stops_it_all_the_same)
{
        aeon_scope limit;
        CHECK_INT(aeon_background(app, "one", be_stubborn, &minute,
                                  &(aeon_background_opts){ .stop_timeout = AEON_HOURS(1), .done = note_end }),
                  0);
        aeon_checkpoint();
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = second });
        CHECK_INT(aeon_background_stop(app, "one"), -ECANCELED);
        CHECK_INT(aeon_scope_close(&limit, -ECANCELED), -ETIMEDOUT);
        CHECK_INT(ends, 0);
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_STOPPING);
        aeon_sleep(minute);
        check_end(AEON_END_CANCELLED, -ECANCELED, "");
}

static int stop_myself(void *app)
{
        note_start();
        int r = aeon_background_stop(app, "one");
        CHECK_INT(r, -ECANCELED);
        return r;
}

BESIDE_TEST(a_task_may_stop_itself)
{
        CHECK_INT(aeon_background(app, "one", stop_myself, app,
                                  &(aeon_background_opts){ .restart = AEON_RESTART_ALWAYS, .done = note_end }),
                  0);
        aeon_sleep(second);
        CHECK_INT(starts, 1);
        check_end(AEON_END_CANCELLED, -ECANCELED, "");
}

static int fail_when_stopped(void *unused)
{
        (void)unused;
        aeon_sleep(AEON_NEVER);
        return aeon_fail(-EPIPE, "the last letter is lost");
}

static void with_a_failing_end(aeon_app *app)
{
        CHECK_INT(aeon_background(app, "vital", fail_when_stopped, NULL,
                                  &(aeon_background_opts){ .essential = true, .restart = AEON_RESTART_ALWAYS, .done = note_end }),
                  0);
        aeon_checkpoint();
        CHECK_INT(aeon_background_stop(app, "vital"), 0);
        check_end(AEON_END_FAILED, -EPIPE, "the last letter is lost");
}

PLAIN_TEST(a_failure_while_it_is_stopped_is_a_failure)
{
        CHECK_INT(beside_app_run(NULL, with_a_failing_end), 3);
}

BESIDE_TEST(the_end_of_the_app_cancels_every_task)
{
        CHECK_INT(aeon_background(app, "one", be_stubborn, &second, &(aeon_background_opts){ .done = note_end }), 0);
        aeon_checkpoint();
        beside_app_stop(app);
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_STOPPING);
        CHECK_INT(aeon_background(app, "two", wait_for_the_end, NULL, NULL), -ESHUTDOWN);
        CHECK_CONTAINS(aeon_error_text(), "\"two\"");
        CHECK_CONTAINS(aeon_error_text(), "too late");
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        aeon_sleep(minute);
        aeon_scope_close(&shield, 0);
        check_end(AEON_END_CANCELLED, -ECANCELED, "");
}

/* ------------------------------------------------------------------ starting */

static void declare_one(aeon_app *app)
{
        CHECK_INT(aeon_background(app, "one", wait_for_the_end, NULL, &(aeon_background_opts){ .done = note_end }), 0);
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_PENDING);
}

static void look_at_one(aeon_app *app)
{
        aeon_checkpoint();
        CHECK_INT(background_info(app, "one")->state, AEON_BACKGROUND_RUNNING);
        CHECK_INT(starts, 1);
}

PLAIN_TEST(a_declared_task_starts_when_the_app_serves)
{
        CHECK_INT(beside_app_run(declare_one, look_at_one), 0);
        check_end(AEON_END_CANCELLED, -ECANCELED, "");
}

BESIDE_TEST(a_name_is_taken_until_its_task_is_over)
{
        CHECK_INT(aeon_background(app, "one", return_after, &second, &(aeon_background_opts){ .done = note_end }), 0);
        CHECK_INT(aeon_background(app, "one", return_after, &second, &(aeon_background_opts){ .done = note_end }), -EEXIST);
        const char *first = strstr(aeon_error_text(), "test_background.c:");
        CHECK(first && strstr(first + 1, "test_background.c:"));
        aeon_sleep(minute);
        CHECK_INT(ends, 1);
        CHECK_INT(aeon_background(app, "one", return_after, &second, &(aeon_background_opts){ .done = note_end }), 0);
        aeon_sleep(minute);
        CHECK_INT(ends, 2);
        aeon_background_info *list = NULL;
        CHECK_INT(aeon_background_list(app, &list), 1);
        free(list);
}

AEON_TASK_VAR(request, const char);
static const char *seen_request = "nothing";

static int look_at_request(void *unused)
{
        (void)unused;
        seen_request = request_get();
        return 0;
}

static int handle(void *app)
{
        request_set("17");
        return aeon_background(app, "one", look_at_request, NULL, NULL);
}

BESIDE_TEST(a_task_does_not_inherit_the_variables_of_the_handler_that_starts_it)
{
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        aeon_spawn(g, "handler", handle, app);
        CHECK_INT(aeon_group_close(g), 0);
        aeon_sleep(second);
        CHECK(seen_request == NULL);
}

BESIDE_TEST(impossible_options_are_refused_and_nothing_starts)
{
        static const aeon_background_opts rows[] = {
                { .first_pause = -1 },
                { .longest_pause = -1 },
                { .stable = -1 },
                { .window = -1 },
                { .timeout = -1 },
                { .stop_timeout = -1 },
                { .intensity = 1001 },
                { .restart = (aeon_restart)3 },
                { .escalation = (aeon_escalation)3 },
                { .placement = (aeon_placement)3 },
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                CHECK_INT(aeon_background(app, "odd", wait_for_the_end, NULL, &rows[i]), -EINVAL);
                CHECK_CONTAINS(aeon_error_text(), "\"odd\"");
        }
        aeon_background_info *list = NULL;
        CHECK_INT(aeon_background_list(app, &list), 0);
        CHECK(list == NULL);
}

/* ------------------------------------------------------------------ the list */

BESIDE_TEST(of_tasks_that_were_started_late_and_are_over_the_last_64_are_listed)
{
        char name[16];
        CHECK_INT(aeon_background(app, "alive", wait_for_the_end, NULL, NULL), 0);
        for (int i = 0; i < 200; i++) {
                snprintf(name, sizeof name, "job %d", i);
                CHECK_INT(aeon_background(app, name, return_after, &none, NULL), 0);
                aeon_sleep(1);
        }
        CHECK_INT(aeon_background(app, "last", wait_for_the_end, NULL, NULL), 0);
        aeon_background_info *list = NULL;
        REQUIRE_INT(aeon_background_list(app, &list), 66);
        CHECK_STR(list[0].name, "alive");
        CHECK_STR(list[1].name, "job 136");
        CHECK_STR(list[64].name, "job 199");
        CHECK_STR(list[65].name, "last");
        free(list);
}

PLAIN_TEST(each_state_has_a_name)
{
        CHECK_STR(aeon_background_state_name(AEON_BACKGROUND_PENDING), "pending");
        CHECK_STR(aeon_background_state_name(AEON_BACKGROUND_FAILED), "failed");
        CHECK_STR(aeon_background_state_name((aeon_background_state)17), "unknown");
}
