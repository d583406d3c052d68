/* A periodic task, between periodic.c (declaring, asking, listing) and ticker.c (its ticks and runs).
 *
 * DESIGN
 *   Each periodic task has a TICKER, a fiber that sleeps until something is due, begins runs, and never runs user code. A run is a
 *   fiber of its own; when it ends it wakes the ticker. So does whoever triggers, pauses or resumes.
 *
 *   Ticks are counted out as they come:
 *
 *       tick --on time--> may a run begin? --yes--> run
 *         |                      | no
 *         | late                 v
 *         +-------------> left out (counted as missed), or WAITING, by .missed and .overlap
 *                                                      |
 *                          as soon as a run may begin  +--> run
 *
 *   Every tick ends as one of the three: ticks == runs + missed + waiting, but for runs that were triggered.
 *
 *   A rate and a delay count on the monotonic clock, cron on the wall clock; `tick` is a time on the task's own clock.
 */
#pragma once

#include "app/beside.h"
#include "app/cron.h"

struct periodic {
        struct beside base;      /* first */
        aeon_periodic_opts opts; /* with defaults filled in; .cron and .zone are not kept */
        struct cron cron;        /* iff there is a zone */
        struct zone *zone;       /* NULL: not by cron */
        unsigned at_once;        /* how many runs may go on at a time */

        /* The task's loop only. */
        aeon_scope nap; /* around the ticker's sleep */
        bool napping;
        aeon_time last;       /* cron: no tick up to here comes any more */
        unsigned failures;    /* in a row */
        aeon_time not_before; /* monotonic: the pause after a failure */
        bool triggered;

        /* Under the app's lock; changed on the task's loop. */
        aeon_time tick;      /* the next; AEON_NEVER: none is known */
        aeon_duration shift; /* how much later its run is to begin: jitter */
        uint64_t waiting;    /* ticks that came and could not run, and are to */
        unsigned running;
        bool paused, stopped;
        uint64_t runs, missed, failed;
        aeon_duration last_duration;
        char error[256];
};

static inline struct periodic *periodic_of(struct beside *b)
{
        return container_of(b, struct periodic, base);
}

/* When the run of the next tick is due. */
static inline aeon_time periodic_due(const struct periodic *p)
{
        return p->tick == AEON_NEVER ? AEON_NEVER : p->tick + p->shift;
}

/* Now, on the clock of the task's ticks. */
aeon_time aeon__periodic_clock(const struct periodic *p);

/* The ticker: start it, and let it look again. On the task's loop. */
int aeon__ticker_start(struct beside *b);
void aeon__ticker_wake(struct periodic *p);

/* Forget the ticks that wait, and those that came during the pause that ends or begins now. */
void aeon__ticker_pause(struct periodic *p);
void aeon__ticker_resume(struct periodic *p);
