/* The app between the files of this room.
 *
 * DESIGN
 *   Three kinds of loop take part in a life:
 *
 *     the MAIN loop     on the thread that called aeon_app_run(). Its first task is the COORDINATOR (life.c): it walks the table of
 *                       steps, runs the hooks, and decides when the app stops.
 *     LIFESPANS         one per loop (lifespan.c); the first shares the main loop, the others have threads. Each runs the user's
 *                       lifespan function, and inside aeon_lifespan_serve() carries out what the coordinator commands: open, serve,
 *                       quiesce, drain, cancel, close, leave.
 *     the WARDEN        a loop on a thread of its own (warden.c) that runs no user code: signals, the admin endpoints, the look-out
 *                       for loops that are stuck, and the hard deadline, when nothing else works any more.
 *
 *   They talk by posts only: commands to a lifespan, NOTES back to the coordinator's inbox. What several threads read is atomic or
 *   under the app's lock.
 *
 *        coordinator --command--> lifespan[i]        warden --stop--> coordinator
 *             ^------- note ----------'
 */
#pragma once

#include "app/calls.h"
#include "base/list.h"
#include "loop/thread.h"
#include "settings/arguments.h"

#include <aeon/app.h>
#include <aeon/background.h>
#include <aeon/channel.h>
#include <aeon/error.h>
#include <aeon/health.h>
#include <aeon/log.h>
#include <aeon/periodic.h>
#include <aeon/record.h>
#include <aeon/thread.h>
#include <pthread.h>
#include <stdatomic.h>

enum { HOOK_KINDS = AEON_ON_RELOAD + 1 };

#define RESERVE AEON_SECONDS(1) /* what a step of the way down has at least, though its budget is spent */

struct hook {
        struct hook *next;
        aeon_hook_fn *fn;
        const char *name;
        unsigned index; /* among those of its kind */
        bool blocking;
};

struct part_entry {
        struct part_entry *next, *previous;
        const aeon_part *part;
        void *self;
        unsigned index;
        bool bound;
};

/* ------------------------------------------------------------------ the way of a stop */

enum stop_level {
        STOP_NONE,
        STOP_ASKED, /* drain, then shut down */
        STOP_HURRY, /* a second signal: cancel what is in flight now */
};

struct stop {
        pthread_mutex_t lock;
        _Atomic int level;
        int code;    /* of the first cause */
        char *cause; /* in words; NULL: nobody has asked */
        char *also;  /* further failures, a line each; NULL: none */
};

/* ------------------------------------------------------------------ lifespans */

enum command {
        COMMAND_OPEN,
        COMMAND_SERVE,
        COMMAND_QUIESCE,
        COMMAND_DRAIN,  /* answered when nothing is in flight */
        COMMAND_CANCEL, /* cancel what is in flight; answered likewise */
        COMMAND_CLOSE,
        COMMAND_LEAVE, /* answered by NOTE_ENDED */
        COMMANDS
};

enum note_kind {
        NOTE_UP,     /* a lifespan has come to aeon_lifespan_serve() */
        NOTE_DONE,   /* it has carried out its command */
        NOTE_DIED,   /* its serving was cancelled from inside */
        NOTE_ENDED,  /* its function has returned, its thread is about to end */
        NOTE_STOP,   /* somebody asked for a stop, or for more haste */
        NOTE_RELOAD, /* SIGHUP */
        NOTE_KINDS
};

struct note {
        enum note_kind kind;
        enum command command;       /* NOTE_DONE: which */
        struct aeon_lifespan *life; /* NULL for NOTE_STOP and NOTE_RELOAD */
        int result;
        char *words; /* of a failure, to free(); may be NULL */
};

struct aeon_lifespan {
        aeon_app *app;
        unsigned index;
        struct loop_thread thread; /* index > 0 */
        _Atomic(aeon_loop *) loop; /* held from its first task to the end of the app */
        aeon_event *draining;      /* set when the app begins to stop */

        /* The coordinator's side. */
        enum command commanded; /* the latest */
        bool up, ended, answered;

        /* The lifespan's own side, touched on its loop only. */
        enum { LIFE_STARTING, LIFE_SERVING, LIFE_LEFT } state;
        int left_with;      /* what its leaving shall come to, when a simulation says so */
        bool cancelled;     /* COMMAND_CANCEL was carried out */
        aeon_scope *whole;  /* around the user's function */
        aeon_scope *step;   /* around the command being carried out; NULL between commands */
        aeon_group *parts;  /* tasks of parts: pumps, accept loops */
        aeon_group *beside; /* background and periodic tasks, health checks */
        enum {
                BESIDE_NOT_YET,
                BESIDE_OPEN,
                BESIDE_CLOSED
        } beside_state;            /* may such tasks start? Changed here, under the app's lock */
        struct task_vars *context; /* of the lifespan, for such tasks */
        aeon_group *handlers;
        aeon_sender *commands; /* its inbox: enum command */
        aeon_receiver *inbox;
        int waiting_for;               /* COMMAND_DRAIN or COMMAND_CANCEL while it is not yet fulfilled; -1: none */
        bool *part_open;               /* by number: its open() succeeded */
        struct note notes[NOTE_KINDS]; /* one of each may be under way */
        struct note done[COMMANDS];    /* NOTE_DONE, by command */
        _Atomic bool stop_starting;    /* there is no use in coming up any more */
        bool given_up;
        _Atomic bool pinged; /* a ping of the warden has not come back */
        _Atomic aeon_time pinged_at;
        _Atomic aeon_duration lag; /* how long the last one took that did */
};

/* ------------------------------------------------------------------ the app */

struct aeon_app {
        aeon_app_opts opts; /* with defaults filled in */
        struct arguments arguments;
        const aeon_record *args_record; /* declared arguments; NULL: any */
        void *args;                     /* their values */
        int declare_error;              /* of the first declaration that failed */
        char *declare_words;
        char *title, *version, *doc; /* of its description; NULL: not told */
        struct hook *hooks[HOOK_KINDS];
        aeon_lifespan_fn *lifespan;
        struct part_entry *parts, *last_part;
        unsigned part_count;
        struct part_entry *aside; /* a supervisor's: declared, but its workers' to begin */
        bool declaring_aside;     /* what is declared now is */
        struct health_check *checks;
        struct beside *beside;            /* background and periodic tasks; under the lock once lifespans run */
        struct stop_waiter *stop_waiters; /* who waits for the end of a background task; under the lock */
        struct deferred *deferred;
        struct app_value *values; /* by name */
        char admin_address[128];
        bool settings_failed; /* the failure of a start-up hook is a matter of settings: exit 2 */

        pthread_mutex_t lock; /* of deferred, and of what checks share with the probes */
        struct stop stop;
        _Atomic bool started, ready, live;
        _Atomic unsigned moves; /* grows with each step that is done: while it does, systemd is asked for more time */
        _Atomic(aeon_loop *) main_loop;

        struct aeon_lifespan *lives;
        aeon_sender *notes; /* to the coordinator */
        aeon_receiver *inbox;
        struct progress {
                bool hooks_begun, hooks_done; /* on_startup hooks: the first was called; all succeeded */
                bool lives_begun;             /* lifespans were started */
        } progress;
        aeon_scope *start_scope;    /* around steps 2 to 6 while they run */
        aeon_scope *patience;       /* around the wait for what is in flight, while it runs */
        aeon_scope *start_patience; /* around the wait for lifespans that come up */
        aeon_scope *reload_scope;   /* around the reload hooks while they run */
        bool abandoned;             /* something did not end in time */
        int refused;                /* the exit code of an app that did not even start; 0: it did */

        struct warden *warden; /* under the stop's lock */
        struct report *report;
        struct watcher *watcher; /* NULL: nobody simulates */
};

/* settings.c */
int aeon__args_load(aeon_app *app); /* read the declared arguments, if any are. Errors: -EINVAL, -ENOMEM */

/* app.c */
void aeon__declare_failed(aeon_app *app, int code);
void aeon__run_deferred(aeon_app *app);
extern _Atomic(aeon_app *) aeon__app_running; /* of the process; app variables are sealed when it is ready */

/* context.c */
void aeon__app_vars_clear(void);

/* The two ends of a call: 0 to make it, or what it is to return unmade; and its result. */
static inline int aeon__call_begin(aeon_app *app, const struct call *call)
{
        return app->watcher ? app->watcher->before(app->watcher, call) : 0;
}

static inline int aeon__call_end(aeon_app *app, const struct call *call, int r)
{
        return app->watcher ? app->watcher->after(app->watcher, call, r) : r;
}

/* End the process. Returns in a simulation, where it has no further effect. */
void aeon__exit(aeon_app *app, int code);

/* stop.c: the first call decides code and cause; true for that one. Any thread. */
bool aeon__stop(aeon_app *app, int code, const char *format, ...) AEON_PRINTF(3, 4);
void aeon__stop_hurry(aeon_app *app);   /* a further signal */
bool aeon__become_ready(aeon_app *app); /* the way up is done; false: a stop was asked before */
void aeon__reload(aeon_app *app);       /* SIGHUP: run the reload hooks. Any thread */
static inline int aeon__stop_level(aeon_app *app)
{
        return atomic_load(&app->stop.level);
}

/* life.c */
int aeon__coordinate(void *app);

/* lifespan.c */
int aeon__lifespan_task(void *life);                                           /* one whole lifespan, as a task of its loop */
void aeon__lifespan_command(struct aeon_lifespan *life, enum command command); /* from the coordinator */
void aeon__lifespan_stop_starting(struct aeon_lifespan *life);                 /* cancel what it does to come up */
void aeon__lifespan_say_draining(struct aeon_lifespan *life);
void aeon__parts_leave(aeon_app *app);                   /* on each loop, when nothing of the app runs there any more */
void aeon__lifespan_give_up(struct aeon_lifespan *life); /* cancel the whole of it: its time is over */

/* warden.c */
int aeon__warden_start(aeon_app *app);
void aeon__warden_deadline(aeon_app *app); /* the hard one begins to run; called with the stop's lock held */
void aeon__warden_end(aeon_app *app);

/* health.c: each component as it is now. With the app's lock held: @fn must not take it. */
void aeon__health_each(aeon_app *app, void (*fn)(void *arg, const char *name, aeon_status status, aeon_duration latency),
                       void *arg);

/* measures.c: how late the loop is now, or was when it was last looked at. Any thread. */
aeon_duration aeon__lifespan_lag(struct aeon_lifespan *life);

/* health.c, beside.c: start what was declared, in the given lifespan's group `beside`. */
int aeon__health_start(struct aeon_lifespan *life);
int aeon__beside_start(struct aeon_lifespan *life);
void aeon__health_free(aeon_app *app);
void aeon__beside_close(struct aeon_lifespan *life);   /* step 11: nothing starts any more */
void aeon__beside_give_up(struct aeon_lifespan *life); /* what has not ended is abandoned */
void aeon__beside_end(aeon_app *app);                  /* the loops have ended: tell of those that never started */
bool aeon__beside_spoils_readiness(aeon_app *app);     /* a background task is restarted too often; any thread */
void aeon__beside_free(aeon_app *app);

/* report.c */
enum report_step { STEP_START, STEP_SERVE, STEP_DRAIN, STEP_SHUTDOWN, STEPS };
int aeon__report_new(aeon_app *app);
void aeon__report_step(aeon_app *app, enum report_step step);                     /* it begins now */
void aeon__report_stragglers(aeon_app *app, aeon_group *group, const char *fate); /* on the group's loop */
void aeon__report_write(aeon_app *app, int code);
void aeon__report_free(aeon_app *app);
