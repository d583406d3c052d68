/* The ticks and runs of a periodic task; see periodic.h. */
#include "app/periodic.h"

#include "base/random.h"
#include "loop/world.h"

#include <stdio.h>
#include <time.h>

#define SECOND AEON_SECONDS(1)
#define LOOK_AGAIN AEON_SECONDS(60) /* at the wall clock: somebody may have set it */
#define SMALL_STEP AEON_SECONDS(60) /* a wall clock set back by less has been corrected: nothing comes twice */
#define LARGE_STEP AEON_HOURS(3)    /* by more: it was wrong before. Between them it depends; Source: cron(8) of Debian's cron */

enum { TICKS_COUNTED = 1000 }; /* of those by cron that a jump of the clock left behind */

/* ------------------------------------------------------------------ clocks */

/* Nanoseconds since 1970 UTC. */
static int64_t wall_clock(void)
{
        if (aeon__world)
                return aeon__world->now + aeon__world->wall_begin;
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

aeon_time aeon__periodic_clock(const struct periodic *p)
{
        return p->zone ? wall_clock() : aeon_now();
}

static bool is_delay(const struct periodic *p)
{
        return p->opts.delay > 0;
}

static void lock(const struct periodic *p)
{
        pthread_mutex_lock(&p->base.app->lock);
}

static void unlock(const struct periodic *p)
{
        pthread_mutex_unlock(&p->base.app->lock);
}

/* ------------------------------------------------------------------ which tick is next */

static aeon_time cron_after(const struct periodic *p, aeon_time time)
{
        int64_t seconds = aeon__cron_next(&p->cron, p->zone, time / SECOND - (time % SECOND < 0));
        return seconds > AEON_NEVER / SECOND ? AEON_NEVER : seconds * SECOND;
}

static aeon_time tick_after(const struct periodic *p, aeon_time tick)
{
        return p->zone ? cron_after(p, tick) : tick + p->opts.every + p->opts.delay;
}

static void set_tick(struct periodic *p, aeon_time tick)
{
        double share = p->opts.jitter;
        aeon_duration room = share > 0 && tick != AEON_NEVER ? tick_after(p, tick) - tick : 0;
        aeon_duration shift = random_up_to((aeon_duration)((double)room * share));
        lock(p);
        p->tick = tick;
        p->shift = shift;
        unlock(p);
}

static void set_first_tick(struct periodic *p)
{
        aeon_duration period = p->opts.every + p->opts.delay;
        aeon_time now = p->last = aeon__periodic_clock(p);
        if (p->zone) {
                p->triggered = p->triggered || p->opts.first == AEON_FIRST_NOW;
                set_tick(p, cron_after(p, now));
        } else if (p->opts.first == AEON_FIRST_LATER) {
                set_tick(p, now + period);
        } else if (p->opts.first == AEON_FIRST_ALIGNED) {
                set_tick(p, now + (period - wall_clock() % period) % period);
        } else {
                set_tick(p, now);
        }
}

/* ------------------------------------------------------------------ runs */

static bool has_room(const struct periodic *p)
{
        return p->running < p->at_once;
}

static bool may_run(const struct periodic *p)
{
        return has_room(p) && !p->paused && aeon_now() >= p->not_before;
}

static void take_failure(struct periodic *p)
{
        aeon_duration ceiling;
        const char *name = p->base.name;
        switch (p->opts.on_error) {
        case AEON_ON_ERROR_CONTINUE:
                aeon_log_error("periodic task \"%s\" failed: %s", name, p->error);
                p->not_before = aeon_now() + aeon__beside_pause(FIRST_PAUSE, LONGEST_PAUSE, p->failures++, &ceiling);
                break;
        case AEON_ON_ERROR_STOP:
                aeon_log_error("periodic task \"%s\" failed and is not run any more: %s", name, p->error);
                break;
        case AEON_ON_ERROR_FAIL:
                aeon__stop(p->base.app, 3, "periodic task \"%s\" failed: %s", name, p->error);
                break;
        }
}

static void take_result(struct periodic *p, int r, aeon_duration duration)
{
        bool failed = r < 0 && !aeon_cancelled(); /* what is cancelled at the stop may return as it likes */
        lock(p);
        p->running--;
        p->last_duration = duration;
        p->failed += failed;
        if (failed)
                snprintf(p->error, sizeof p->error, "%s", aeon_error_describe(r));
        p->stopped = p->stopped || (failed && p->opts.on_error != AEON_ON_ERROR_CONTINUE);
        unlock(p);
        if (failed)
                take_failure(p);
        else
                p->failures = 0;
        if (is_delay(p)) {
                aeon_time next = aeon_now() + p->opts.delay;
                set_tick(p, next > p->not_before ? next : p->not_before);
        }
}

static int run(void *arg)
{
        struct periodic *p = arg;
        aeon_time begin = aeon_now();
        bool timed_out;
        int r = aeon__beside_run(&p->base, p->opts.timeout, &timed_out);
        take_result(p, r, aeon_now() - begin);
        aeon__ticker_wake(p);
        return 0;
}

static void begin_run(struct periodic *p)
{
        if (is_delay(p))
                set_tick(p, AEON_NEVER); /* its end decides */
        lock(p);
        p->runs++;
        p->running++;
        unlock(p);
        int r = aeon__beside_spawn(&p->base, run);
        if (r < 0)
                take_result(p, r, 0);
}

/* ------------------------------------------------------------------ ticks */

static void leave_out(struct periodic *p, uint64_t ticks)
{
        lock(p);
        p->missed += ticks;
        unlock(p);
}

static void set_waiting(struct periodic *p, uint64_t ticks)
{
        lock(p);
        p->waiting = ticks;
        unlock(p);
}

static void take_missed(struct periodic *p, uint64_t ticks)
{
        if (p->opts.missed == AEON_MISSED_SKIP)
                leave_out(p, ticks);
        else
                set_waiting(p, p->waiting + ticks);
}

static void take_tick(struct periodic *p)
{
        if (may_run(p)) {
                if (p->opts.missed == AEON_MISSED_COALESCE) { /* this run makes up for them */
                        leave_out(p, p->waiting);
                        set_waiting(p, 0);
                }
                begin_run(p);
        } else if (p->opts.overlap == AEON_OVERLAP_QUEUE && !p->waiting) {
                set_waiting(p, 1);
        } else {
                take_missed(p, 1);
        }
}

/* How many ticks, from the next one on, are late by more than they may be at @now; *ret_next: the first that is not. */
static uint64_t count_late(const struct periodic *p, aeon_time now, aeon_time *ret_next)
{
        aeon_duration late = now - periodic_due(p) - p->opts.grace;
        aeon_time tick = p->tick;
        uint64_t count = 0;
        if (late >= 0 && !p->zone) {
                count = (uint64_t)(late / p->opts.every) + 1;
                tick += (aeon_duration)count * p->opts.every;
        } else if (late >= 0) {
                while (tick <= now - p->shift - p->opts.grace && count < TICKS_COUNTED) {
                        tick = tick_after(p, tick);
                        count++;
                }
                if (count == TICKS_COUNTED)
                        tick = cron_after(p, now - p->opts.grace);
        }
        *ret_next = tick;
        return count;
}

/* The wall clock may have been set back: are ticks that it has shown to come again? */
static void look_for_step_back(struct periodic *p, aeon_time now)
{
        aeon_duration allowed = p->cron.follows_clock ? SMALL_STEP : LARGE_STEP;
        if (p->last - now < allowed)
                return;
        aeon_log_info("periodic task \"%s\": the clock was set back by %lld s", p->base.name,
                      (long long)((p->last - now) / SECOND));
        p->last = now;
        set_tick(p, cron_after(p, now));
}

static void take_due_ticks(struct periodic *p)
{
        aeon_time now = aeon__periodic_clock(p), next;
        if (p->paused)
                return;
        if (p->zone)
                look_for_step_back(p, now);
        while (periodic_due(p) <= now && !p->stopped) {
                uint64_t late = is_delay(p) ? 0 : count_late(p, now, &next);
                if (late) {
                        take_missed(p, late);
                        set_tick(p, next);
                        continue;
                }
                aeon_time tick = p->last = p->tick;
                if (!is_delay(p))
                        set_tick(p, tick_after(p, tick));
                take_tick(p);
        }
        if (p->zone && now > p->last)
                p->last = now;
}

/* Runs that were triggered, and those of ticks that had to wait. */
static void make_up(struct periodic *p)
{
        if (p->triggered && has_room(p) && !p->stopped) {
                p->triggered = false;
                begin_run(p);
        }
        while (p->waiting && may_run(p) && !p->stopped) {
                uint64_t merged = p->opts.missed == AEON_MISSED_COALESCE ? p->waiting - 1 : 0;
                leave_out(p, merged);
                set_waiting(p, p->waiting - 1 - merged);
                begin_run(p);
        }
}

/* ------------------------------------------------------------------ the ticker */

static aeon_time when_to_look(const struct periodic *p)
{
        aeon_time now = aeon_now(), when = AEON_NEVER;
        if (!p->paused && p->tick != AEON_NEVER) {
                aeon_duration left = periodic_due(p) - aeon__periodic_clock(p);
                when = now + (p->zone && left > LOOK_AGAIN ? LOOK_AGAIN : left);
        }
        bool held_back = p->waiting && has_room(p) && !p->paused;
        return held_back && p->not_before < when ? p->not_before : when;
}

static int nap(struct periodic *p)
{
        aeon_scope_open(&p->nap, &(aeon_scope_opts){ .name = "until the next tick" });
        p->napping = true;
        int r = aeon_sleep_until(when_to_look(p));
        p->napping = false;
        return aeon_scope_close(&p->nap, r);
}

void aeon__ticker_wake(struct periodic *p)
{
        if (p->napping)
                aeon_scope_cancel(&p->nap, "woken");
}

static int tick_on(void *arg)
{
        struct periodic *p = arg;
        aeon__beside_adopt(&p->base);
        set_first_tick(p);
        int r = 0;
        while (r == 0 && !p->stopped) {
                take_due_ticks(p);
                make_up(p);
                r = p->stopped ? 0 : nap(p);
        }
        return r;
}

int aeon__ticker_start(struct beside *b)
{
        return aeon__beside_spawn(b, tick_on);
}

void aeon__ticker_pause(struct periodic *p)
{
        lock(p);
        p->paused = true;
        p->missed += p->waiting;
        p->waiting = 0;
        unlock(p);
        aeon__ticker_wake(p);
}

void aeon__ticker_resume(struct periodic *p)
{
        if (!p->paused)
                return;
        aeon_time now = aeon__periodic_clock(p);
        if (p->zone)
                set_tick(p, cron_after(p, p->last = now));
        else if (!is_delay(p) && p->tick <= now)
                set_tick(p, p->tick + ((now - p->tick) / p->opts.every + 1) * p->opts.every);
        lock(p);
        p->paused = false;
        unlock(p);
        aeon__ticker_wake(p);
}
