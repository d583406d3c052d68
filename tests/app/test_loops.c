/* Several loops, for real: each with a thread, a lifespan, variables and subscriptions of its own; and stops from wherever they come. */
#include "life.h"

#include <aeon/app.h>
#include <aeon/broker.h>
#include <aeon/error.h>
#include <aeon/task.h>
#include <aeon/thread.h>
#include <aeon/var.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOPS = 4 };

struct home {
        unsigned index;
        aeon_loop *loop;
        pthread_t thread;
        aeon_group *group;
};
AEON_LOOP_VAR(home, struct home);
AEON_TASK_VAR(context, struct home);

static struct home homes[LOOPS];
static _Atomic int lives_open, handled[LOOPS], finished, cancelled;

static int await_ready(aeon_app *app)
{
        int r = 0;
        while (r == 0 && !aeon_app_is_started(app))
                r = aeon_sleep(AEON_MILLISECONDS(1));
        return r;
}

static int at_home(aeon_lifespan *life)
{
        unsigned i = aeon_lifespan_index(life);
        struct home *h = &homes[i];
        *h = (struct home){ .index = i, .loop = aeon_loop_current(), .thread = pthread_self() };
        CHECK(home_get() == NULL);
        CHECK_INT(home_set(h), 0);
        CHECK_INT(context_set(h), 0);
        int r = aeon_group_open(&h->group);
        if (r < 0)
                return r;
        atomic_fetch_add(&lives_open, 1);
        r = aeon_lifespan_serve(life);
        aeon_group_fail(h->group, r);
        int e = aeon_group_close(h->group);
        CHECK_INT(handled[i] > 0, 1); /* none is left, and none has been lost */
        atomic_fetch_sub(&lives_open, 1);
        return r < 0 ? r : e;
}

/* ------------------------------------------------------------------ where handlers are */

static int work_in_the_background(void *unused)
{
        (void)unused;
        int r = aeon_sleep(AEON_MILLISECONDS(20));
        atomic_fetch_add(&finished, 1);
        return r;
}

/* It holds its loop's only place until all loops have a message: so each of them gets one. */
static int greet(aeon_message *m)
{
        (void)m;
        struct home *h = home_get();
        REQUIRE(h != NULL);
        CHECK(h->loop == aeon_loop_current());
        CHECK(pthread_equal(h->thread, pthread_self()));
        CHECK(context_get() == h); /* the lifespan's task variables too */
        CHECK_INT(aeon_spawn(h->group, "background", work_in_the_background, NULL), 0);
        atomic_fetch_add(&handled[h->index], 1);
        for (int i = 0; i < LOOPS;) {
                int r = handled[i] ? 0 : aeon_sleep(AEON_MILLISECONDS(1));
                if (r < 0)
                        return r;
                i += handled[i] != 0;
        }
        return 0;
}
AEON_RAW_HANDLER(greet);

static int publish_greetings(aeon_app *app)
{
        for (int i = 0; i < LOOPS; i++)
                CHECK_INT(aeon_publish(aeon_app_broker(app), "greetings", AEON_TEXT("hello"), NULL), 0);
        return 0;
}

static int stop_when_all_were_greeted(aeon_app *app)
{
        for (int i = 0; i < LOOPS; i++)
                while (!handled[i])
                        aeon_sleep(AEON_MILLISECONDS(1));
        return aeon_app_stop(app, 0);
}

static void with_homes(aeon_app *app)
{
        aeon_use_broker(app, "memory:");
        aeon_use_lifespan(app, at_home);
        aeon_subscribe(app, "greetings", &greet_handler, &(aeon_subscribe_opts){ .concurrency = 1, .window = 1 });
        aeon_after_startup(app, publish_greetings);
        aeon_on_ready(app, stop_when_all_were_greeted);
}

PLAIN_TEST(every_loop_has_a_thread_a_lifespan_variables_and_subscriptions_of_its_own)
{
        CHECK_INT(aeon_app_run(with_homes, &(aeon_app_opts){ .loops = LOOPS, .quiet = true }), 0);
        for (int i = 0; i < LOOPS; i++) {
                CHECK_INT(handled[i], 1);
                for (int j = 0; j < i; j++)
                        CHECK(homes[i].loop != homes[j].loop && !pthread_equal(homes[i].thread, homes[j].thread));
        }
        CHECK_INT(finished, LOOPS); /* what handlers left in the lifespan's group is awaited */
        CHECK_INT(lives_open, 0);
}

/* ------------------------------------------------------------------ a lifespan that dies */

static unsigned victim;

static int sleep_in_a_handler(void *unused)
{
        (void)unused;
        int r = aeon_sleep(AEON_MINUTES(1));
        if (r == -ECANCELED)
                atomic_fetch_add(&cancelled, 1);
        return r;
}

static int start_sleeper(void *self, aeon_lifespan *life)
{
        (void)self;
        return aeon_lifespan_handle(life, "sleeper", sleep_in_a_handler, NULL);
}

static int die(void *app)
{
        int r = await_ready(app);
        return r < 0 ? r : aeon_fail(-EIO, "the heart stopped");
}

static int mortal(aeon_lifespan *life)
{
        aeon_group *group;
        int r = aeon_group_open(&group);
        if (r < 0)
                return r;
        if (aeon_lifespan_index(life) == victim)
                aeon_spawn(group, "heart", die, aeon_lifespan_app(life));
        r = aeon_lifespan_serve(life);
        int e = aeon_group_close(group);
        atomic_fetch_add(&finished, 1);
        return e < 0 ? e : r;
}

static void with_a_mortal_lifespan(aeon_app *app)
{
        static const aeon_part sleepers = { .name = "sleepers", .serve = start_sleeper };
        aeon_use_part(app, &sleepers, NULL);
        aeon_use_lifespan(app, mortal);
}

PLAIN_TEST(a_lifespan_that_dies_on_any_loop_stops_the_app_with_its_cause)
{
        for (victim = 0; victim < LOOPS; victim++) {
                char *said = NULL, cause[80];
                snprintf(cause, sizeof cause, ": the lifespan of loop %u ended while serving: task \"heart\" failed", victim);
                CHECK_INT(run_apart(with_a_mortal_lifespan,
                                    &(aeon_app_opts){ .loops = LOOPS, .graceful_timeout = AEON_MILLISECONDS(10) }, &said),
                          3);
                CHECK_CONTAINS(said, cause);
                CHECK_CONTAINS(said, "the heart stopped");
                free(said);
        }
}

PLAIN_TEST(when_one_lifespan_dies_the_others_are_left_in_order)
{
        victim = 2;
        CHECK_INT(aeon_app_run(with_a_mortal_lifespan,
                               &(aeon_app_opts){ .loops = LOOPS, .quiet = true, .graceful_timeout = AEON_MILLISECONDS(10) }),
                  3);
        CHECK_INT(finished, LOOPS);
        CHECK_INT(cancelled, LOOPS); /* the victim's handler by its lifespan, the others by the stop */
}

/* ------------------------------------------------------------------ stops from wherever */

static pthread_t thread;
static bool early;

static void *stop_without_signals(void *app)
{
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, NULL);
        while (!early && !aeon_app_is_ready(app))
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
        CHECK_INT(pthread_create(&thread, NULL, stop_without_signals, app), 0);
        CHECK_INT(aeon_app_defer(app, join_thread, NULL), 0);
        return early ? aeon_sleep(AEON_MINUTES(1)) : 0;
}

static void stopped_by_a_thread(aeon_app *app)
{
        aeon_on_startup(app, start_thread);
}

PLAIN_TEST(a_thread_that_knows_no_signals_stops_the_app)
{
        for (int i = 0; i < 2; i++) {
                early = i;
                CHECK_INT(aeon_app_run(stopped_by_a_thread, &(aeon_app_opts){ .loops = LOOPS, .quiet = true }), 7);
        }
}

static int stop_on_pool(void *app)
{
        return aeon_app_stop(app, 9);
}

static int ask_the_pool(void *life)
{
        aeon_app *app = aeon_lifespan_app(life);
        int r = await_ready(app);
        if (r < 0 || aeon_lifespan_index(life) != victim)
                return r;
        atomic_fetch_add(&finished, 1);
        return aeon_offload(stop_on_pool, app);
}

static int start_asking(void *self, aeon_lifespan *life)
{
        (void)self;
        return aeon_lifespan_handle(life, "asker", ask_the_pool, life);
}

static void stopped_by_the_pool(aeon_app *app)
{
        static const aeon_part askers = { .name = "askers", .serve = start_asking };
        aeon_use_part(app, &askers, NULL);
}

PLAIN_TEST(a_pool_thread_stops_the_app_from_any_loop)
{
        for (victim = 0; victim < LOOPS; victim++)
                CHECK_INT(aeon_app_run(stopped_by_the_pool, &(aeon_app_opts){ .loops = LOOPS, .quiet = true }), 9);
        CHECK_INT(finished, LOOPS);
}

static int stop_in_a_blocking_hook(aeon_app *app)
{
        return aeon_app_stop(app, 11);
}

static void stopped_by_a_blocking_hook(aeon_app *app)
{
        aeon_hook_add(app, AEON_AFTER_STARTUP, stop_in_a_blocking_hook, "stop", &(aeon_hook_opts){ .blocking = true });
}

PLAIN_TEST(a_blocking_hook_stops_the_app)
{
        CHECK_INT(aeon_app_run(stopped_by_a_blocking_hook, &(aeon_app_opts){ .loops = LOOPS, .quiet = true }), 11);
}
