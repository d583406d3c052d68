/* The table of steps: their order, and what a failure at each of them undoes. */
#include "life.h"

#include <aeon/thread.h>
#include <aeon/var.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct way *way_to(const char *at)
{
        const struct way *way = life_ways;
        while (strcmp(way->at, at) != 0)
                way++;
        return way;
}

/* ------------------------------------------------------------------ order */

PLAIN_TEST(every_step_comes_in_the_order_of_the_table)
{
        CHECK_INT(life_run(NULL, 1), 0);
        life_check_way(way_to("serving"));
}

PLAIN_TEST(every_loop_has_its_steps_in_the_same_order)
{
        CHECK_INT(life_run(NULL, 1), 0);
        char one[1024];
        snprintf(one, sizeof one, "%s", trace_of(0));
        CHECK_INT(life_run(NULL, 3), 0);
        for (int loop = 0; loop < 3; loop++)
                CHECK_STR(trace_of(loop), one);
        CHECK_INT(trace_ready_count(), 2);
}

/* ------------------------------------------------------------------ failures */

PLAIN_TEST(a_failing_step_of_the_start_undoes_what_had_started)
{
        for (const struct way *way = life_ways; strcmp(way->at, "serving") != 0; way++) {
                fprintf(stderr, "    %s\n", way->at);
                CHECK_INT(life_run(&(struct act){ way->at, life_break }, 1), 1);
                life_check_way(way);
                CHECK_CONTAINS(life_cause, "it broke");
        }
}

PLAIN_TEST(a_part_that_cannot_bind_starts_nothing)
{
        CHECK_INT(life_run(&(struct act){ "bind.a", life_break }, 1), 1);
        CHECK_STR(trace_of(0), "bind.a free.a free.b");
        CHECK_INT(life_run(&(struct act){ "bind.b", life_break }, 1), 1);
        CHECK_STR(trace_of(0), "bind.a bind.b unbind.a free.a free.b");
}

static int fail_task(void *arg)
{
        (void)arg;
        return aeon_fail(-EIO, "it broke");
}

static int cancel_the_lifespan(aeon_app *app)
{
        (void)app;
        aeon_group_cancel(life_group, "enough of this");
        return 0;
}

static int break_a_task_of_the_lifespan(aeon_app *app)
{
        (void)app;
        return aeon_spawn(life_group, "worker", fail_task, NULL);
}

static int break_a_task_of_a_part(aeon_app *app)
{
        (void)app;
        return aeon_spawn(life_parts_group, "pump", fail_task, NULL);
}

PLAIN_TEST(a_lifespan_that_dies_while_serving_stops_the_app)
{
        static const struct {
                int (*does)(aeon_app *app);
                const char *cause, *also;
        } deaths[] = {
                { cancel_the_lifespan, "enough of this", "" },
                { break_a_task_of_the_lifespan, "task \"worker\" failed", "it broke" },
                { break_a_task_of_a_part, "task \"pump\" failed", "it broke" },
        };
        for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++) {
                CHECK_INT(life_run(&(struct act){ "serving", deaths[i].does }, 1), 3);
                life_check_way(way_to("serving"));
                CHECK_CONTAINS(life_cause, deaths[i].cause);
                CHECK_CONTAINS(life_also, deaths[i].also);
        }
}

PLAIN_TEST(a_failure_on_the_way_down_keeps_no_later_step_from_running)
{
        static const struct {
                const char *at;
                int code;
        } rows[] = { { "down", 1 }, { "leave", 3 }, { "end", 1 } };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                fprintf(stderr, "    %s\n", rows[i].at);
                CHECK_INT(life_run(&(struct act){ rows[i].at, life_break }, 1), rows[i].code);
                life_check_way(way_to("serving"));
                CHECK_CONTAINS(life_cause, "asked to stop"); /* which came first */
                CHECK_CONTAINS(life_also, "it broke");
        }
}

static int watch_badly(void *self, aeon_app *app)
{
        (void)self, (void)app;
        return aeon_fail(-EIO, "it broke");
}

static void with_a_failing_watch(aeon_app *app)
{
        static const aeon_part watcher = { .name = "watcher", .watch = watch_badly };
        aeon_use_part(app, &watcher, NULL);
}

PLAIN_TEST(a_part_that_fails_to_watch_stops_the_app)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_a_failing_watch, NULL, &said), 3);
        CHECK_CONTAINS(said, ": watcher: it broke");
        free(said);
}

/* What every loop has begun, it has ended. */
static void check_balance(unsigned loops, const char *failed_at)
{
        static const char *const pairs[][2] = { { "open.a", "close.a" }, { "open.b", "close.b" }, { "enter", "leave" } };
        for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
                unsigned begun = trace_count(pairs[i][0], false) - !strcmp(pairs[i][0], failed_at);
                CHECK(begun <= loops);
                if (strcmp(pairs[i][0], "enter") != 0 || strcmp(failed_at, "enter") != 0) /* one that never served does not leave */
                        CHECK_INT(trace_count(pairs[i][1], false), begun);
        }
        CHECK_INT(trace_count("down", false), 1);
        CHECK_INT(trace_count("end", false), 1);
}

PLAIN_TEST(one_loop_that_fails_to_start_undoes_all)
{
        static const char *const instants[] = { "enter", "open.a", "open.b", "serve.a", "serve.b" };
        for (unsigned i = 0; i < sizeof instants / sizeof *instants; i++)
                for (unsigned loop = 0; loop < 3; loop++) {
                        fprintf(stderr, "    %s on loop %u\n", instants[i], loop);
                        CHECK_INT(life_run(&(struct act){ instants[i], life_break, loop }, 3), 1);
                        check_balance(3, instants[i]);
                        CHECK_CONTAINS(life_cause, "it broke");
                        CHECK_STR(life_also, "");
                        CHECK_INT(trace_ready_count(), 0);
                }
}

/* ------------------------------------------------------------------ lifespans */

static _Atomic int count;
static char words[512];

static int one_fails_and_others_wait(aeon_lifespan *life)
{
        if (aeon_lifespan_index(life) == 1)
                return aeon_fail(-EIO, "loop 1 broke");
        int r = aeon_sleep(AEON_MINUTES(1));
        return r < 0 ? r : aeon_lifespan_serve(life);
}

static void with_one_that_fails(aeon_app *app)
{
        aeon_use_lifespan(app, one_fails_and_others_wait);
}

/* Whether the others have begun to wait, or are not even there yet. */
PLAIN_TEST(a_lifespan_that_fails_ends_the_waits_of_the_others)
{
        for (int i = 0; i < 30; i++)
                CHECK_INT(aeon_app_run(with_one_that_fails, &(aeon_app_opts){ .loops = 4, .quiet = true }), 1);
}

static int all_fail(aeon_lifespan *life)
{
        if (aeon_lifespan_index(life) == 1)
                return aeon_fail(-EIO, "the first one");
        aeon_sleep(AEON_MINUTES(1));
        return aeon_fail(-ENOSPC, "a later one");
}

static void with_all_that_fail(aeon_app *app)
{
        aeon_use_lifespan(app, all_fail);
}

PLAIN_TEST(the_first_failure_is_the_cause)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_all_that_fail, &(aeon_app_opts){ .loops = 3 }, &said), 1);
        CHECK_CONTAINS(said, "code 1 after");
        CHECK_CONTAINS(said, "start failed: the first one");
        CHECK_CONTAINS(said, "also: ");
        CHECK_CONTAINS(said, "a later one");
        free(said);
}

static int stop_soon(void *app)
{
        while (!aeon_app_is_ready(app))
                if (aeon_sleep(AEON_MILLISECONDS(1)) < 0)
                        return -ECANCELED;
        return aeon_app_stop(app, 5);
}

static int decline(aeon_lifespan *life)
{
        (void)life;
        count++;
        return 0;
}

static int decline_with_a_number(aeon_lifespan *life)
{
        return decline(life) + 7;
}

static void declining(aeon_app *app)
{
        aeon_use_lifespan(app, decline);
        aeon_background(app, "stop", stop_soon, app, NULL);
}

static void declining_with_a_number(aeon_app *app)
{
        aeon_use_lifespan(app, decline_with_a_number);
        aeon_background(app, "stop", stop_soon, app, NULL);
}

PLAIN_TEST(a_loop_whose_lifespan_declines_serves_without_it)
{
        CHECK_INT(aeon_app_run(declining, &(aeon_app_opts){ .loops = 2, .quiet = true }), 5);
        CHECK_INT(count, 2);
        CHECK_INT(aeon_app_run(declining_with_a_number, &(aeon_app_opts){ .quiet = true }), 5);
        CHECK_INT(count, 3);
}

static int serve_twice(aeon_lifespan *life)
{
        int r = aeon_lifespan_serve(life);
        CHECK_INT(aeon_lifespan_serve(life), -EALREADY);
        count++;
        return r;
}

static void serving_twice(aeon_app *app)
{
        aeon_use_lifespan(app, serve_twice);
        aeon_background(app, "stop", stop_soon, app, NULL);
}

PLAIN_TEST(a_lifespan_serves_once)
{
        CHECK_INT(aeon_app_run(serving_twice, &(aeon_app_opts){ .quiet = true }), 5);
        CHECK_INT(count, 1);
}

static void note_count(void *arg)
{
        count += *(int *)arg;
}

static void two_lifespans(aeon_app *app)
{
        int *one = aeon_app_alloc(app, sizeof *one);
        *one = 1;
        aeon_app_defer(app, note_count, one);
        aeon_use_lifespan(app, decline);
        CHECK_INT(aeon_use_lifespan(app, decline), -EEXIST);
}

PLAIN_TEST(an_app_with_a_wrong_declaration_does_not_start_and_leaves_nothing)
{
        CHECK_INT(aeon_app_run(two_lifespans, &(aeon_app_opts){ .quiet = true }), 2);
        CHECK_INT(count, 1); /* the deferred call, and no lifespan */
}

/* ------------------------------------------------------------------ what the app keeps */

AEON_APP_VAR(config, int);

static void add_word(void *word)
{
        strcat(words, word);
}

static int keep_things(aeon_app *app)
{
        static int value = 42;
        char *zeroed = aeon_app_alloc(app, 100);
        CHECK(zeroed && zeroed[0] == 0 && zeroed[99] == 0);
        CHECK(aeon_app_alloc(app, 0) != NULL);
        CHECK_INT(aeon_app_defer(app, add_word, "first "), 0);
        CHECK_INT(aeon_app_defer(app, add_word, "second "), 0);
        CHECK(config_get() == NULL);
        CHECK_INT(config_set(&value), 0);
        return aeon_app_arg(app, "fail", NULL) ? aeon_fail(-EIO, "as asked") : 0;
}

static int set_late(aeon_app *app)
{
        (void)app;
        CHECK_INT(config_set(NULL), -EPERM);
        CHECK_CONTAINS(aeon_error_text(), "config");
        CHECK(config_get() && *config_get() == 42);
        return 0;
}

static void keeping(aeon_app *app)
{
        aeon_on_startup(app, keep_things);
        aeon_on_ready(app, set_late);
        aeon_on_shutdown(app, set_late);
        aeon_background(app, "stop", stop_soon, app, NULL);
}

PLAIN_TEST(app_variables_are_sealed_when_ready_and_cleared_at_the_end)
{
        CHECK_INT(aeon_app_run(keeping, &(aeon_app_opts){ .quiet = true }), 5);
        CHECK(config_get() == NULL);
        CHECK_STR(words, "second first ");
        CHECK_INT(config_set(NULL), 0);
}

PLAIN_TEST(what_was_deferred_runs_in_reverse_also_when_the_start_fails)
{
        static char *arguments[] = { "--fail" };
        CHECK_INT(aeon_app_run(keeping, &(aeon_app_opts){ .quiet = true, .argc = 1, .argv = arguments }), 1);
        CHECK_STR(words, "second first ");
        CHECK(config_get() == NULL);
}

static int look_at_arguments(aeon_app *app)
{
        CHECK_STR(aeon_app_arg(app, "env", NULL), ".env.test");
        CHECK_STR(aeon_app_arg(app, "cache", NULL), "false");
        CHECK_STR(aeon_app_arg(app, "verbose", NULL), "true");
        CHECK_STR(aeon_app_arg(app, "tag", NULL), "c");
        CHECK_STR(aeon_app_arg(app, "max_size", NULL), "-5");
        CHECK_STR(aeon_app_arg(app, "absent", "otherwise"), "otherwise");
        CHECK(aeon_app_arg(app, "absent", NULL) == NULL);
        CHECK_STR(aeon_app_name(app), "arguments");
        return aeon_app_stop(app, 0);
}

static void with_arguments(aeon_app *app)
{
        aeon_on_startup(app, look_at_arguments);
}

PLAIN_TEST(hooks_see_the_apps_arguments)
{
        static char *good[] = { "--env", ".env.test", "--no-cache", "--verbose", "--tag", "a", "b", "--tag=c", "--max-size", "-5" };
        static char *bad[] = { "--=x" };
        CHECK_INT(aeon_app_run(with_arguments, &(aeon_app_opts){ .name = "arguments", .quiet = true, .argc = 10, .argv = good }),
                  0);
        CHECK_INT(aeon_app_run(with_arguments, &(aeon_app_opts){ .quiet = true, .argc = 1, .argv = bad }), 2);
}

/* ------------------------------------------------------------------ blocking hooks */

static pthread_t main_thread;
static _Atomic bool loop_moves;

static int move(void *arg)
{
        (void)arg;
        loop_moves = true;
        return 0;
}

static int start_moving(void *self, aeon_lifespan *life)
{
        (void)self;
        return aeon_spawn(aeon_lifespan_group(life), "move", move, NULL);
}

/* On its own thread it sees the loop move on. */
static int wait_for_move(aeon_app *app)
{
        CHECK(!pthread_equal(pthread_self(), main_thread));
        for (int i = 0; i < 5000 && !loop_moves; i++)
                usleep(1000);
        CHECK(loop_moves);
        return aeon_app_stop(app, 0);
}

static void blocking(aeon_app *app)
{
        static const aeon_part mover = { .name = "mover", .open = start_moving };
        aeon_use_part(app, &mover, NULL);
        aeon_hook_add(app, AEON_AFTER_STARTUP, wait_for_move, "wait_for_move", &(aeon_hook_opts){ .blocking = true });
}

static int fail_blocking(aeon_app *app)
{
        (void)app;
        return aeon_fail(-EIO, "a thread's words");
}

static void blocking_and_failing(aeon_app *app)
{
        aeon_hook_add(app, AEON_ON_STARTUP, fail_blocking, "fail_blocking", &(aeon_hook_opts){ .blocking = true });
}

static int wait_for_cancel(aeon_app *app)
{
        (void)app;
        kill(getpid(), SIGTERM);
        for (int i = 0; i < 10000 && !aeon_offload_cancelled(); i++)
                usleep(1000);
        count += aeon_offload_cancelled();
        return 0;
}

static void blocking_and_stopped(aeon_app *app)
{
        aeon_hook_add(app, AEON_ON_STARTUP, wait_for_cancel, "wait_for_cancel", &(aeon_hook_opts){ .blocking = true });
}

PLAIN_TEST(a_blocking_hook_leaves_the_loop_alone)
{
        char *said = NULL;
        CHECK_INT(run_apart(blocking_and_failing, NULL, &said), 1);
        CHECK_CONTAINS(said, "\"fail_blocking\" failed: a thread's words");
        free(said);
        main_thread = pthread_self();
        CHECK_INT(aeon_app_run(blocking, &(aeon_app_opts){ .quiet = true }), 0);
        CHECK_INT(aeon_app_run(blocking_and_stopped, &(aeon_app_opts){ .quiet = true }), 0);
        CHECK_INT(count, 1);
}
