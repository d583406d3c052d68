/* Stopping: signals in every step, deadlines for what is in flight, and aeon_app_stop() from everywhere. */
#include "life.h"

#include <aeon/thread.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ signals in every step */

PLAIN_TEST(a_signal_in_any_step_of_the_start_undoes_what_had_started)
{
        for (const struct way *way = life_ways; way->at; way++) {
                fprintf(stderr, "    %s\n", way->at);
                CHECK_INT(life_run(&(struct act){ way->at, life_sigterm }, 1), 0);
                life_check_way(way);
                CHECK_STR(life_cause, "SIGTERM");
                CHECK_STR(life_also, "");
        }
}

PLAIN_TEST(a_signal_reaches_every_loop_that_is_starting)
{
        static const char *const instants[] = { "start2", "enter", "open.b", "serve.a" };
        for (unsigned i = 0; i < sizeof instants / sizeof *instants; i++) {
                CHECK_INT(life_run(&(struct act){ instants[i], life_sigterm, 2 }, 3), 0);
                CHECK_INT(trace_count("close.a", false), trace_count("open.a", false));
                CHECK_INT(trace_count("down", false), strcmp(instants[i], "start2") != 0);
                CHECK_INT(trace_count("end", false), 1);
        }
}

static int send_sigterm(aeon_app *app)
{
        (void)app;
        return kill(getpid(), SIGTERM);
}

PLAIN_TEST(a_signal_on_the_way_down_changes_nothing)
{
        static const char *const instants[] = { "quiesce.b", "down", "close.a", "leave", "end" };
        for (unsigned i = 0; i < sizeof instants / sizeof *instants; i++) {
                CHECK_INT(life_run(&(struct act){ instants[i], send_sigterm }, 1), 0);
                life_check_way(&life_ways[9]);
                CHECK_CONTAINS(life_cause, "asked to stop");
        }
}

/* ------------------------------------------------------------------ handlers */

/* A part that starts one handler on each loop as it begins to serve. */
static aeon_task_fn *handler;
static _Atomic int count, drained, draining_early;

static int start_handler(void *self, aeon_lifespan *life)
{
        (void)self;
        return aeon_lifespan_handle(life, "sleeper", handler, life);
}

static const aeon_part source = { .name = "source", .serve = start_handler };

static void with_handler(aeon_app *app)
{
        aeon_use_part(app, &source, NULL);
}

static int run_with_handler(aeon_task_fn *fn, aeon_app_opts opts)
{
        handler = fn;
        opts.quiet = true;
        return aeon_app_run(with_handler, &opts);
}

static int run_apart_with_handler(aeon_task_fn *fn, aeon_app_opts opts, char **ret_words)
{
        handler = fn;
        return run_apart(with_handler, &opts, ret_words);
}

/* Until the start is complete: unlike being ready, that does not pass. */
static int await_started(aeon_app *app)
{
        int r = 0;
        while (r == 0 && !aeon_app_is_started(app))
                r = aeon_sleep(AEON_MILLISECONDS(1));
        return r;
}

static int finish_when_draining(void *life)
{
        await_started(aeon_lifespan_app(life));
        CHECK(aeon_app_current() == aeon_lifespan_app(life));
        if (aeon_lifespan_index(life) == 0) {
                CHECK(!aeon_event_is_set(aeon_draining()));
                kill(getpid(), SIGTERM);
        }
        CHECK_INT(aeon_event_wait(aeon_draining()), 0);
        CHECK(!aeon_app_is_ready(aeon_lifespan_app(life)) && aeon_app_is_started(aeon_lifespan_app(life)));
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(50)), 0); /* the work goes on to its end */
        count++;
        return -EIO; /* the handler's own business */
}

PLAIN_TEST(handlers_see_the_app_drain_and_finish)
{
        CHECK(aeon_draining() == NULL && aeon_app_current() == NULL);
        CHECK_INT(run_with_handler(finish_when_draining, (aeon_app_opts){ .loops = 3 }), 0);
        CHECK_INT(count, 3);
}

static void note_quiesce(void *self, aeon_lifespan *life)
{
        (void)self, (void)life;
        draining_early = drained;
}

static int note_draining(void *life)
{
        await_started(aeon_lifespan_app(life));
        aeon_app_stop(aeon_lifespan_app(life), 0);
        if (aeon_event_wait(aeon_draining()) == 0)
                drained++;
        return 0;
}

static void with_quiesce(aeon_app *app)
{
        static const aeon_part quiet = { .name = "quiet", .quiesce = note_quiesce };
        with_handler(app);
        aeon_use_part(app, &quiet, NULL);
}

/* Still serving during the drain delay, but everybody knows already. */
PLAIN_TEST(the_drain_delay_comes_between_the_news_and_the_quiet)
{
        handler = note_draining;
        CHECK_INT(aeon_app_run(with_quiesce, &(aeon_app_opts){ .quiet = true, .drain_delay = AEON_MILLISECONDS(200) }), 0);
        CHECK_INT(drained, 1);
        CHECK_INT(draining_early, 1);
}

static int second_signal(void *life)
{
        await_started(aeon_lifespan_app(life));
        kill(getpid(), SIGTERM);
        CHECK_INT(aeon_event_wait(aeon_draining()), 0);
        kill(getpid(), SIGINT);
        CHECK_INT(aeon_sleep(AEON_MINUTES(1)), -ECANCELED);
        CHECK_CONTAINS(aeon_cancel_reason(), "shuts down");
        count++;
        return 0;
}

PLAIN_TEST(a_second_signal_cancels_what_is_in_flight)
{
        CHECK_INT(run_with_handler(second_signal, (aeon_app_opts){ 0 }), 0);
        CHECK_INT(run_with_handler(second_signal, (aeon_app_opts){ .drain_delay = AEON_MINUTES(1) }), 0);
        CHECK_INT(count, 2);
}

/* A first signal to an app that is stopping by itself is not a second one. */
static int signal_a_stopping_app(void *life)
{
        await_started(aeon_lifespan_app(life));
        aeon_app_stop(aeon_lifespan_app(life), 0);
        aeon_event_wait(aeon_draining());
        kill(getpid(), SIGTERM);
        CHECK_INT(aeon_sleep(AEON_MILLISECONDS(200)), 0);
        return 0;
}

PLAIN_TEST(a_signal_to_an_app_that_stops_already_is_patient)
{
        CHECK_INT(run_with_handler(signal_a_stopping_app, (aeon_app_opts){ 0 }), 0);
}

static _Noreturn void block(void)
{
        for (;;)
                usleep(1000);
}

static int third_signal(void *life)
{
        second_signal(life);
        kill(getpid(), SIGTERM);
        block();
}

PLAIN_TEST(a_third_signal_ends_the_process_with_the_report)
{
        char *said = NULL;
        CHECK_INT(run_apart_with_handler(third_signal, (aeon_app_opts){ .name = "loud" }, &said), 128 + SIGTERM);
        CHECK_CONTAINS(said, "SIGINT again");
        CHECK_CONTAINS(said, "loud stopped with code 143");
        CHECK_CONTAINS(said, ": SIGTERM\n");
        CHECK_CONTAINS(said, "cancelled: task \"sleeper\" (");
        CHECK_CONTAINS(said, "also: a third signal, SIGTERM");
        free(said);
}

/* ------------------------------------------------------------------ deadlines */

#define IN_A_HURRY .graceful_timeout = AEON_MILLISECONDS(50), .cleanup_timeout = AEON_MILLISECONDS(50)

static int sleep_too_long(void *life)
{
        await_started(aeon_lifespan_app(life)); /* with a handler on every loop */
        aeon_app_stop(aeon_lifespan_app(life), 0);
        if (aeon_sleep(AEON_MINUTES(1)) == -ECANCELED)
                count++;
        return -ECANCELED;
}

static int note_that_handlers_have_ended(aeon_app *app)
{
        CHECK_INT(count, aeon_app_loops(app));
        return 0;
}

static void with_handler_and_hook(aeon_app *app)
{
        with_handler(app);
        aeon_on_shutdown(app, note_that_handlers_have_ended);
}

PLAIN_TEST(past_the_graceful_timeout_handlers_are_cancelled_and_awaited)
{
        handler = sleep_too_long;
        CHECK_INT(aeon_app_run(with_handler_and_hook,
                               &(aeon_app_opts){ .quiet = true, .loops = 2, .graceful_timeout = AEON_MILLISECONDS(50) }),
                  0);
        CHECK_INT(count, 2);
        char *said = NULL;
        CHECK_INT(run_apart_with_handler(sleep_too_long, (aeon_app_opts){ IN_A_HURRY }, &said), 0);
        CHECK_CONTAINS(said, "cancelled: task \"sleeper\" (");
        CHECK_CONTAINS(said, "test_stop.c:");
        CHECK_CONTAINS(said, "), in sleep\n");
        CHECK(said && !strstr(said, "abandoned"));
        free(said);
}

static int sleep_under_a_shield(void *life)
{
        aeon_scope shield;
        aeon_app_stop(aeon_lifespan_app(life), 0);
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        return aeon_scope_close(&shield, aeon_sleep(AEON_MINUTES(1)));
}

PLAIN_TEST(what_ignores_its_cancellation_is_abandoned_and_named)
{
        for (unsigned loops = 1; loops <= 2; loops++) {
                char *said = NULL;
                CHECK_INT(run_apart_with_handler(sleep_under_a_shield, (aeon_app_opts){ .loops = loops, IN_A_HURRY }, &said), 4);
                CHECK_CONTAINS(said, "stopped with code 4 after");
                CHECK_CONTAINS(said, "abandoned: task \"sleeper\" (");
                CHECK_CONTAINS(said, "test_stop.c:");
                free(said);
        }
}

static int sleep_under_a_shield_for(void *app)
{
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true });
        aeon_app_stop(app, 9);
        return aeon_scope_close(&shield, aeon_sleep(AEON_MINUTES(1)));
}

static void with_a_stubborn_background_task(aeon_app *app)
{
        aeon_background(app, "stubborn", sleep_under_a_shield_for, app, NULL);
}

/* ... and the first cause keeps its code. */
PLAIN_TEST(a_background_task_that_ignores_its_cancellation_is_named_too)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_a_stubborn_background_task, &(aeon_app_opts){ IN_A_HURRY }, &said), 9);
        CHECK_CONTAINS(said, "abandoned: task \"stubborn\" (");
        CHECK_CONTAINS(said, "test_stop.c:");
        CHECK_CONTAINS(said, "also: something did not end");
        free(said);
}

static int block_one_loop(void *life)
{
        if (aeon_lifespan_index(life) + 1 < aeon_app_loops(aeon_lifespan_app(life)))
                return 0;
        aeon_app_stop(aeon_lifespan_app(life), 0);
        block();
}

PLAIN_TEST(a_handler_that_blocks_its_loop_for_ever_meets_the_hard_deadline)
{
        for (unsigned loops = 1; loops <= 2; loops++) { /* the main loop, and another */
                char *said = NULL;
                CHECK_INT(run_apart_with_handler(block_one_loop, (aeon_app_opts){ .loops = loops, IN_A_HURRY }, &said), 4);
                CHECK_CONTAINS(said, "stopped with code 4 after");
                free(said);
        }
}

static int block_for_ever(aeon_app *app)
{
        (void)app;
        kill(getpid(), SIGTERM);
        block();
}

static void with_a_hook_that_blocks(aeon_app *app)
{
        aeon_on_startup(app, block_for_ever);
}

PLAIN_TEST(a_start_up_hook_that_blocks_for_ever_meets_the_hard_deadline)
{
        char *said = NULL;
        CHECK_INT(run_apart(with_a_hook_that_blocks, &(aeon_app_opts){ IN_A_HURRY }, &said), 4);
        CHECK_CONTAINS(said, "also: the shut-down did not end by its hard deadline");
        free(said);
}

static int sleep_in_shut_down(aeon_app *app)
{
        (void)app;
        count++;
        return aeon_sleep(AEON_MINUTES(1));
}

static int stop_now(aeon_app *app)
{
        return aeon_app_stop(app, 0);
}

static void with_a_slow_end(aeon_app *app)
{
        aeon_on_ready(app, stop_now);
        aeon_on_shutdown(app, sleep_in_shut_down);
        aeon_after_shutdown(app, sleep_in_shut_down);
}

PLAIN_TEST(shut_down_hooks_have_a_reserve_and_a_limit)
{
        CHECK_INT(aeon_app_run(with_a_slow_end, &(aeon_app_opts){ .quiet = true, IN_A_HURRY }), 1);
        CHECK_INT(count, 2);
}

/* ------------------------------------------------------------------ aeon_app_stop */

static int stop_with_5(aeon_app *app)
{
        CHECK_INT(aeon_app_stop(app, 5), 0);
        CHECK_INT(aeon_app_stop(app, 6), 0); /* the first cause is kept */
        return 0;
}

PLAIN_TEST(stop_from_any_step_of_the_start)
{
        for (const struct way *way = life_ways; way->at; way++) {
                fprintf(stderr, "    %s\n", way->at);
                CHECK_INT(life_run(&(struct act){ way->at, stop_with_5 }, 1), 5);
                CHECK_INT(trace_count("end", false), 1);
                CHECK_INT(trace_count("serving", false), !strcmp(way->at, "serving"));
                CHECK_INT(trace_count("close.a", false), trace_count("open.a", false));
                CHECK_CONTAINS(life_cause, "code 5");
                CHECK_CONTAINS(life_also, "code 6");
        }
}

static pthread_t thread;

static void *stop_on_thread(void *app)
{
        while (!aeon_app_is_ready(app))
                usleep(1000);
        aeon_app_stop(app, 7);
        return NULL;
}

static void join_thread(void *unused)
{
        (void)unused;
        pthread_join(thread, NULL);
}

static int start_thread(aeon_app *app)
{
        CHECK_INT(pthread_create(&thread, NULL, stop_on_thread, app), 0);
        return aeon_app_defer(app, join_thread, NULL);
}

static void stopped_by_a_thread(aeon_app *app)
{
        aeon_on_startup(app, start_thread);
}

PLAIN_TEST(stop_from_a_thread)
{
        CHECK_INT(aeon_app_run(stopped_by_a_thread, &(aeon_app_opts){ .quiet = true, .loops = 2 }), 7);
}

static int stop_from_handler(void *life)
{
        await_started(aeon_lifespan_app(life));
        return aeon_app_stop(aeon_app_current(), 8);
}

PLAIN_TEST(stop_from_a_handler_of_any_loop)
{
        CHECK_INT(run_with_handler(stop_from_handler, (aeon_app_opts){ .loops = 3 }), 8);
}
