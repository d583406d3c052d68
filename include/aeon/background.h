/* aeon/background.h - tasks that run beside the handlers for as long as the app serves, restarted when they fail.
 *
 *         aeon_background(app, "mailer", mailer, NULL, &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE });
 *
 * A background task is a function that has no end of its own, or a long one: a consumer, a watcher, a connection that is kept up. The
 * app starts it at step 6, cancels it at step 11 and waits for it (docs/lifecycle.md). It belongs to the app, not to who started it:
 * it inherits the task variables of its loop's lifespan, and no scope but the app's.
 *
 *         pending --> running <--> backoff            between two runs it pauses
 *                        |
 *                        +--> stopping                told to stop, by aeon_background_stop() or by the app
 *                        |        |
 *                        +--------+--> done, failed   over; a failed one has an error
 *
 * The pause before the n-th restart in a row is random, from 0 to .first_pause * 2^(n-1), at most .longest_pause: services that fell
 * together do not come back together. A run of .stable or longer makes the next restart a first one again. */
#ifndef AEON_BACKGROUND_H
#define AEON_BACKGROUND_H

#include <aeon/app.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum aeon_restart {
        AEON_RESTART_NEVER,
        AEON_RESTART_ON_FAILURE, /* when it returned a negative errno */
        AEON_RESTART_ALWAYS,     /* when it returned at all */
} aeon_restart;

/* What becomes of the app when a task is restarted too often. Each includes the one before. */
typedef enum aeon_escalation {
        AEON_ESCALATE_LOG,       /* an error in the log */
        AEON_ESCALATE_NOT_READY, /* the app is not ready until a run has lasted for .stable, or the task is over */
        AEON_ESCALATE_STOP,      /* the task is not restarted any more, and the app stops with exit code 3 */
} aeon_escalation;

/* Where a task runs, when the app has several loops (--loops). */
typedef enum aeon_placement {
        AEON_MAIN_LOOP,  /* once, on the first loop */
        AEON_THIS_LOOP,  /* once, on the loop of who starts it; on the first one when that is none */
        AEON_EVERY_LOOP, /* once on each: they share name and argument, and nothing else */
} aeon_placement;

/* Why a task is over. */
typedef enum aeon_end_reason {
        AEON_END_RETURNED,  /* with 0 or more, and is not restarted */
        AEON_END_FAILED,    /* with a negative errno, and is not restarted (any more); or it could not be started at all */
        AEON_END_CANCELLED, /* told to stop, and it did; also when it had never begun */
        AEON_END_TIMED_OUT, /* its last run took longer than .timeout */
        AEON_END_ABANDONED, /* told to stop, and it did not in time: it may still run */
} aeon_end_reason;

typedef struct aeon_background_end {
        const char *name; /* everything here is borrowed until the callback returns */
        unsigned loop;
        aeon_end_reason reason;
        int result;        /* of the last run; -ECANCELED when there was none, or it has not ended */
        const char *error; /* the words of a failure; "" otherwise */
} aeon_background_end;

/* Hears of the end of a task: exactly once for each one that was accepted (AEON_EVERY_LOOP: for each loop). So it may free @arg, the
 * task's own argument, unless the task was abandoned or shares it with those of other loops. Called on the task's loop; must not suspend. One that never began is told
 * on the thread of aeon_background_stop(), or of aeon_app_run() when the app ends: then before what aeon_app_defer() was given. */
typedef void aeon_background_done_fn(void *arg, const aeon_background_end *end);

typedef struct aeon_background_opts {
        aeon_restart restart;          /* AEON_RESTART_NEVER */
        aeon_duration first_pause;     /* 0.1 s */
        aeon_duration longest_pause;   /* 30 s */
        aeon_duration stable;          /* 60 s */
        int intensity;                 /* 5: more restarts than this within .window escalate; negative: none do */
        aeon_duration window;          /* 60 s */
        aeon_escalation escalation;    /* AEON_ESCALATE_LOG */
        bool essential;                /* when it is over by a failure, the app stops with exit code 3 */
        aeon_duration timeout;         /* of one run, which is then cancelled and has failed with -ETIMEDOUT; 0: none */
        aeon_duration stop_timeout;    /* 5 s: how long aeon_background_stop() waits for its end */
        aeon_placement placement;      /* AEON_MAIN_LOOP */
        aeon_background_done_fn *done; /* NULL: nobody hears */
} aeon_background_opts;

/* Have @fn(@arg) run beside the handlers: from step 6 on when the app is still coming up, at once when it serves. @name is copied;
 * it is unique among background and periodic tasks until the task is over. NULL @opts: defaults.
 *
 * Does not suspend. Any thread; in the declaration of the app, in hooks and in handlers.
 *
 * Errors: -EEXIST     the name is taken; the text names both places
 *         -EINVAL     an option is negative or not known
 *         -ESHUTDOWN  the app has stopped serving
 *         -ENOMEM
 * In the declaration nobody needs to look: the app keeps the first error and refuses to start. */
#define aeon_background(app, name, fn, ...) aeon_background_at((app), (name), (fn), __VA_ARGS__, AEON_HERE)
AEON_API int aeon_background_at(aeon_app *app, const char *name, aeon_task_fn *fn, void *arg, const aeon_background_opts *opts,
                                const char *site);

/* Cancel the task, wherever it runs, and wait until it is over. A task that does not come back from its cancellation within its
 * .stop_timeout is abandoned: its callback is told, and its name stays taken for as long as it runs. 0 also when it was over already.
 *
 * Suspends; from a task of any of the app's loops. Cancellable: the task is stopped all the same. A task that stops itself gets
 * -ECANCELED at once.
 *
 * Errors: -ENOENT     there is no background task of this name
 *         -ETIMEDOUT  it was abandoned
 *         -ECANCELED  -ENOMEM  -EINVAL (not called from a task) */
AEON_API AEON_SUSPENDS int aeon_background_stop(aeon_app *app, const char *name);

typedef enum aeon_background_state {
        AEON_BACKGROUND_PENDING,
        AEON_BACKGROUND_RUNNING,
        AEON_BACKGROUND_BACKOFF,
        AEON_BACKGROUND_STOPPING,
        AEON_BACKGROUND_DONE,
        AEON_BACKGROUND_FAILED, /* also: timed out or abandoned */
} aeon_background_state;

typedef struct aeon_background_info {
        const char *name;
        const char *site; /* where it was started, "mail.c:31" */
        unsigned loop;
        aeon_background_state state;
        aeon_time since;   /* when that state began */
        unsigned restarts; /* so far */
        const char *error; /* of the last run that failed; "" when none did */
} aeon_background_info;

/* A snapshot of all background tasks, in order of their start: how many, and in *@ret_list one block to free() (NULL when there are
 * none). Of those that were started while the app served and are over, the last 64 are kept.
 *
 * Never suspends. Any thread. Errors: -ENOMEM */
AEON_API AEON_MUST_CHECK int aeon_background_list(aeon_app *app, aeon_background_info **ret_list);

/* "running", "backoff" and so on. Static. */
AEON_API const char *aeon_background_state_name(aeon_background_state state);

#ifdef __cplusplus
}
#endif
#endif
