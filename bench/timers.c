/* bench-timers: the deadlines of scopes, and sleeps. See timers.h. */
#include "timers.h"

#include <aeon.h>

/* ------------------------------------------------------------------ a scope is a timer */

static aeon_scope *scopes;
static long scope_count;
static aeon_time zero;

static void timers_open(long count)
{
        scope_count = count;
        zero = aeon_now();
        scopes = calloc((size_t)count, sizeof *scopes);
        must(scopes ? 0 : -ENOMEM, "scopes");
        for (long i = 0; i < count; i++)
                must(aeon_scope_open(&scopes[i], NULL), "open");
}

static void timers_close(void)
{
        while (scope_count-- > 0)
                must(aeon_scope_close(&scopes[scope_count], 0), "close");
        free(scopes);
}

static void timer_set(long i, int64_t milliseconds)
{
        must(aeon_scope_set_deadline(&scopes[i], zero + AEON_MILLISECONDS(milliseconds)), "set");
}

static void timer_clear(long i)
{
        must(aeon_scope_set_deadline(&scopes[i], AEON_NEVER), "clear");
}

/* ------------------------------------------------------------------ what fires is a sleep */

struct sleepers {
        aeon_event *armed; /* all have begun: due is set */
        aeon_time due;
        uint64_t random;
        long waiting, fired;
};

static int sleeper(void *arg)
{
        struct sleepers *s = arg;
        s->waiting++;
        must(aeon_event_wait(s->armed), "wait");
        aeon_time mine = s->due + (aeon_time)(random_next(&s->random) % AEON_MILLISECONDS(WINDOW));
        s->waiting--;
        must(aeon_sleep_until(mine), "sleep");
        s->fired++;
        return aeon_sleep(AEON_HOURS(1));
}

/* Seconds for one. */
static double fire_all(long live)
{
        struct sleepers s = { .random = 1 };
        aeon_group *g = NULL;
        must(aeon_event_new(&s.armed), "event");
        must(aeon_group_open(&g), "group");
        for (long i = 0; i < live; i++)
                must(aeon_spawn_with(g, "sleep", sleeper, &s, &(aeon_spawn_opts){ .stack_size = 65536 }), "spawn");
        while (s.waiting < live)
                must(aeon_checkpoint(), "checkpoint");
        s.due = aeon_now() + AEON_MILLISECONDS(10) + AEON_MICROSECONDS(2) * live;
        aeon_event_set(s.armed);
        while (s.waiting > 0)
                must(aeon_checkpoint(), "checkpoint");

        block_until(seconds_of(CLOCK_MONOTONIC) + (double)(s.due - aeon_now()) / 1e9 + WINDOW / 1e3);
        long early = s.fired; /* a slow machine lets some fire while others are still being armed */
        double begin = cpu_seconds();
        while (s.fired < live)
                must(aeon_checkpoint(), "checkpoint");
        double seconds = cpu_seconds() - begin;

        aeon_group_cancel(g, NULL);
        must(aeon_group_close(g), "close");
        aeon_event_free(s.armed);
        must(early < live ? 0 : -ETIMEDOUT, "arm in time");
        return seconds / (double)(live - early);
}

static double measure_fire(long operations, long live)
{
        long rounds = operations / live > 0 ? operations / live : 1;
        double seconds = 0;
        for (long i = 0; i < rounds; i++)
                seconds += fire_all(live);
        return seconds / (double)rounds;
}

static int measure(void *arg)
{
        aeon_watchdog_set_limit(0); /* the body is busy, or stands still, for long: on purpose */
        return measure_timers(arg);
}

int main(int argc, char **argv)
{
        (void)argc;
        return aeon_loop_run(measure, argv) < 0;
}
