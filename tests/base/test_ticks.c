/* Ticks: they measure what the clock does. Where they are not steady nobody uses them, and there is nothing to see. */
#include "harness.h"

#include "base/ticks.h"

#include <pthread.h>
#include <time.h>

static double clock_seconds(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What ticks measure lies between what the clock says inside and outside; all of them may be interrupted anywhere. */
static void measure(double seconds)
{
        double outer = clock_seconds();
        uint64_t begun = aeon__ticks();
        double inner = clock_seconds(), end;
        do
                end = clock_seconds();
        while (end - inner < seconds);
        double measured = aeon__ticks_since(begun);
        outer = clock_seconds() - outer;
        inner = end - inner;
        CHECK(measured >= inner * .999 - 1e-6);
        CHECK(measured <= outer * 1.001 + 1e-6);
}

PLAIN_TEST(ticks_measure_what_the_clock_does)
{
        if (!aeon__ticks_are_steady())
                return;
        for (int i = 0; i < 1000; i++)
                measure(0);
        for (int i = 0; i < 100; i++)
                measure(50e-6);
        for (int i = 0; i < 10; i++)
                measure(10e-3);
        measure(1.1); /* the anchor moves */
        measure(10e-3);
}

PLAIN_TEST(a_better_length_of_a_tick_is_found_by_who_measures_late)
{
        if (!aeon__ticks_are_steady())
                return;
        uint64_t due = atomic_load(&aeon__ticks_due);
        while (aeon__ticks() < due)
                ;
        measure(0);
        CHECK(atomic_load(&aeon__ticks_due) > due);
}

PLAIN_TEST(a_counter_that_went_backwards_measures_nothing)
{
        if (!aeon__ticks_are_steady())
                return;
        CHECK(aeon__ticks_since(aeon__ticks() + 1000000000) == 0);
}

static void *measure_often(void *unused)
{
        for (int i = 0; i < 300; i++)
                measure(i % 100 ? 0 : 3e-3);
        return unused;
}

PLAIN_TEST(threads_may_measure_at_the_same_time)
{
        pthread_t threads[4];
        if (!aeon__ticks_are_steady())
                return;
        for (int i = 0; i < 4; i++)
                REQUIRE(pthread_create(&threads[i], NULL, measure_often, NULL) == 0);
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
}
