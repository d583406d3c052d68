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
        aeon_event *begin; /* all have begun, and next_pass is set */
        aeon_time next_pass;
        uint64_t random;
        long waiting, fired;
};

/* Never ends: it is cancelled. */
static int sleeper(void *arg)
{
        struct sleepers *s = arg;
        s->waiting++;
        must(aeon_event_wait(s->begin), "wait");
        s->waiting--;
        aeon_duration mine = (aeon_duration)(random_next(&s->random) % AEON_MILLISECONDS(WINDOW));
        int r;
        while ((r = aeon_sleep_until(s->next_pass + mine)) == 0)
                s->fired++;
        return r;
}

/* Seconds until so many have fired. */
static double fire_all(struct sleepers *s, long live)
{
        long fired = s->fired + live;
        block_until(wall_seconds() + (double)(s->next_pass - aeon_now()) / 1e9 + WINDOW / 1e3);
        s->next_pass = aeon_now() + (aeon_duration)(pass_seconds(live) * 1e9);
        double begin = cpu_seconds();
        while (s->fired < fired)
                must(aeon_checkpoint(), "checkpoint");
        return cpu_seconds() - begin;
}

static double measure_fire(long operations, long live)
{
        struct sleepers s = { .random = 1 };
        aeon_group *g = NULL;
        must(aeon_event_new(&s.begin), "event");
        must(aeon_group_open(&g), "group");
        for (long i = 0; i < live; i++)
                must(aeon_spawn_with(g, "sleep", sleeper, &s, &(aeon_spawn_opts){ .stack_size = 65536 }), "spawn");
        while (s.waiting < live)
                must(aeon_checkpoint(), "checkpoint");
        s.next_pass = aeon_now() + (aeon_duration)(pass_seconds(live) * 1e9);
        aeon_event_set(s.begin);
        while (s.waiting > 0)
                must(aeon_checkpoint(), "checkpoint");
        double seconds = 0;
        long done = 0;
        for (; done < operations; done += live)
                seconds += fire_all(&s, live);
        aeon_group_cancel(g, NULL);
        must(aeon_group_close(g), "close");
        aeon_event_free(s.begin);
        return seconds / (double)done;
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
