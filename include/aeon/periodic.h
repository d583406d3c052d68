/* aeon/periodic.h - tasks that run again and again.
 *
 *         aeon_periodic(app, "refresh", refresh, NULL, &(aeon_periodic_opts){ .every = AEON_SECONDS(30), .jitter = 0.1 });
 *         aeon_periodic(app, "poll", poll, NULL, &(aeon_periodic_opts){ .delay = AEON_SECONDS(5) });
 *         aeon_periodic(app, "report", report, NULL, &(aeon_periodic_opts){ .cron = "30 2 * * MON-FRI", .zone = "Europe/Berlin" });
 *
 * A TICK is a time at which a run should begin. What decides them:
 *
 *     .every   a RATE: ticks lie one period apart, however long the runs take. On the monotonic clock, as all of Aeon: it does not see
 *              a suspended machine's sleep.
 *     .delay   a run begins that long after the one before has ended. On the same clock.
 *     .cron    the calendar, in a time zone. On the wall clock, which is looked at once a minute at least: when it is set, ticks that
 *              it jumped over have been missed, and those it shows again do not come again (docs/periodic.md has the exact rules).
 *
 * Runs are tasks that begin at step 6 of the app's life and are cancelled and awaited at step 11. A run that fails is logged with
 * the task's name and the error's text. docs/periodic.md has tables of what becomes of a tick when. */
#ifndef AEON_PERIODIC_H
#define AEON_PERIODIC_H

#include <aeon/app.h>
#include <aeon/background.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What becomes of a tick that was missed: its run could not begin within .grace (a handler blocked the loop, the process was stopped,
 * somebody set the clock), or .overlap did not let it. */
typedef enum aeon_missed {
        AEON_MISSED_SKIP,     /* it is left out */
        AEON_MISSED_COALESCE, /* one run makes up for all of them, as soon as it may begin */
        AEON_MISSED_BURST,    /* each gets its run, one after the other, as soon as they may begin */
} aeon_missed;

/* When a tick comes and the run before has not ended. */
typedef enum aeon_overlap {
        AEON_OVERLAP_FORBID, /* the tick is missed */
        AEON_OVERLAP_QUEUE,  /* one tick waits until the run has ended; further ones are missed */
        AEON_OVERLAP_ALLOW,  /* up to .at_once runs at a time; further ticks are missed */
} aeon_overlap;

/* The first tick. */
typedef enum aeon_first {
        AEON_FIRST_DEFAULT, /* .every and .delay: at once; .cron: at the first time that fits */
        AEON_FIRST_NOW,     /* at once */
        AEON_FIRST_LATER,   /* after one period */
        AEON_FIRST_ALIGNED, /* when the wall clock (UTC) next shows a multiple of the period, e. g. a full minute; from there on the
                               ticks follow the monotonic clock */
} aeon_first;

/* After a run has failed. */
typedef enum aeon_on_error {
        AEON_ON_ERROR_CONTINUE, /* the next tick runs it again, after a pause: random, from 0 to 0.1 s * 2^(failures in a row - 1), at
                                   most 30 s. A tick within the pause is treated as if the run still went on */
        AEON_ON_ERROR_STOP,     /* it is not run any more */
        AEON_ON_ERROR_FAIL,     /* the app stops with exit code 3 */
} aeon_on_error;

typedef struct aeon_periodic_opts {
        /* Exactly one of these three. */
        aeon_duration every;
        aeon_duration delay;
        const char *cron; /* "minute hour day month weekday": *, numbers, lists 1,5, ranges 9-17, steps from 2 on (every second) as
                             in 0-30/2, names (JAN, MON); with six fields a second comes first. Or @yearly, @monthly, @weekly, @daily,
                             @hourly. If both fields of days restrict (do not begin with *), one that fits suffices. Copied */

        const char *zone;         /* of .cron: a name as in "Europe/Berlin", or a rule as TZ holds it. NULL: that of the process */
        double jitter;            /* 0..1: each tick comes later by a random part, up to this share, of the time to the next one */
        aeon_duration timeout;    /* of one run, which is then cancelled and has failed with -ETIMEDOUT; 0: none */
        aeon_missed missed;       /* AEON_MISSED_SKIP */
        aeon_duration grace;      /* a tick that begins later than this is missed. .every: one period; .cron: 60 s */
        aeon_overlap overlap;     /* AEON_OVERLAP_FORBID */
        unsigned at_once;         /* 2: of AEON_OVERLAP_ALLOW */
        aeon_first first;         /* AEON_FIRST_DEFAULT */
        aeon_on_error on_error;   /* AEON_ON_ERROR_CONTINUE */
        aeon_placement placement; /* AEON_MAIN_LOOP. On every loop: each has its own ticks */
} aeon_periodic_opts;

/* Run @fn(@arg) again and again. @name is copied; it is unique among periodic and background tasks.
 *
 * Does not suspend. In the declaration of the app and in hooks, before the app is ready.
 *
 * Errors: -EINVAL  an option is out of its range, does not go with the others, or .cron cannot be read: the text has the field and
 *                  the position
 *         -ENOENT  there is no such .zone (time zones are in Debian's package tzdata)
 *         -EEXIST  the name is taken; the text names both places
 *         -EPERM   the app is ready already
 *         -ENOMEM
 * In the declaration nobody needs to look: the app keeps the first error and refuses to start. */
#define aeon_periodic(app, name, fn, ...) aeon_periodic_at((app), (name), (fn), __VA_ARGS__, AEON_HERE)
AEON_API int aeon_periodic_at(aeon_app *app, const char *name, aeon_task_fn *fn, void *arg, const aeon_periodic_opts *opts,
                              const char *site);

/* Run it once more, now: beside its ticks, which it does not move (those of .delay follow the run), and also while it is paused. When
 * no run may begin because others have not ended, one follows them; several triggers until then are one.
 *
 * Does not suspend. Any thread: it is carried out on the task's own loop, soon. Before the app is ready it is kept until then.
 *
 * Errors: -ENOENT     there is no periodic task of this name
 *         -ESHUTDOWN  it is not run any more
 *         -ENOMEM */
AEON_API int aeon_periodic_trigger(aeon_app *app, const char *name);

/* Let no tick begin a run until aeon_periodic_resume(). A run that goes on is left alone. Ticks that pass meanwhile do not count as
 * missed and are not made up; the first one after the resumption runs. (A .delay that has passed meanwhile runs at once.) Contract and
 * errors as aeon_periodic_trigger(). */
AEON_API int aeon_periodic_pause(aeon_app *app, const char *name);
AEON_API int aeon_periodic_resume(aeon_app *app, const char *name);

typedef struct aeon_periodic_info {
        const char *name;
        const char *site; /* where it was declared, "cache.c:12" */
        unsigned loop;
        bool paused;
        bool stopped;                /* it is not run any more */
        unsigned running;            /* runs that go on */
        uint64_t runs;               /* begun so far */
        uint64_t missed;             /* ticks that got no run of their own and never will */
        uint64_t failed;             /* runs */
        aeon_duration last_duration; /* of the run that ended last; 0: none has */
        aeon_duration next;          /* until the next run is due; AEON_NEVER when none is, or it is not known yet */
        const char *error;           /* of the last run that failed; "" when none did */
} aeon_periodic_info;

/* A snapshot of all periodic tasks, in order of declaration: how many, and in *@ret_list one block to free() (NULL when there are
 * none). Never suspends. Any thread. Errors: -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon_periodic_list(aeon_app *app, aeon_periodic_info **ret_list);

#ifdef __cplusplus
}
#endif
#endif
