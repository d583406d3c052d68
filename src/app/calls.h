/* Where the app calls what is not its own: hooks, lifespans, parts, tasks.
 *
 * DESIGN
 *   In a simulation a WATCHER stands at each of these places. It hears of every call before and after, may hold it up (its functions
 *   run in the caller's task and may suspend), and may have it fail without being made. Outside of one there is no watcher, and a
 *   call is a call.
 *
 *       aeon_app  ----before----> watcher
 *           |                        | 0: go on; a negative errno: that is the result
 *           |----call---->  hook, part, lifespan
 *           |                        |
 *           '-----after------> watcher
 */
#pragma once

#include <aeon/app.h>
#include <aeon/task.h>

/* In the order of the table of steps. */
enum call_kind {
        CALL_BIND,
        CALL_ON_STARTUP,
        CALL_ENTER, /* a lifespan's function, up to aeon_lifespan_serve() */
        CALL_OPEN,
        CALL_AFTER_STARTUP,
        CALL_SERVE,
        CALL_ON_READY,
        CALL_ON_RELOAD,
        CALL_TASK,    /* one run of a background or periodic task */
        CALL_HANDLER, /* what aeon_lifespan_handle() starts */
        CALL_QUIESCE,
        CALL_ON_SHUTDOWN,
        CALL_CLOSE,
        CALL_LEAVE, /* a lifespan's function, from aeon_lifespan_serve() on; a failure is that of the function */
        CALL_AFTER_SHUTDOWN,
        CALL_UNBIND,
        CALL_DEFERRED,
        CALL_KINDS
};

struct call {
        enum call_kind kind;
        const char *name; /* of the hook, part or task; "" when there is none */
        unsigned index;   /* which of its kind, in order of registration */
        unsigned loop;    /* 0 for what the process does once */
};

struct watcher {
        aeon_app *app;                       /* while it lives; set and cleared by the app */
        void (*declared)(struct watcher *w); /* what the app has is known, and nothing of it has begun */
        int (*before)(struct watcher *w, const struct call *call);
        int (*after)(struct watcher *w, const struct call *call, int r); /* returns the result, or another */
        void (*stop)(struct watcher *w, int code);                       /* aeon__stop() was called */
        void (*report)(struct watcher *w, const char *text);             /* in place of stderr */
        void (*exit)(struct watcher *w, int code); /* in place of _exit(): the life goes on, for its memory's sake */
};

/* The app with somebody who watches. */
/* What aeon_use_args() declared; NULL: nothing. */
struct aeon_record;
AEON_API const struct aeon_record *aeon__args_record(const aeon_app *app);

/* What aeon_app_describe() said, with defaults filled in. Borrowed. */
aeon_app_description aeon__app_description(const aeon_app *app);

/* Declare an app, look at it, and throw it away: nothing starts. For --help and documents. Errors: -ENOMEM; -EINVAL its arguments. */
AEON_API int aeon__app_declare(void (*define)(aeon_app *app), const aeon_app_opts *opts, void (*look)(aeon_app *app, void *arg),
                               void *arg);

/* aeon_use_part(), also for the supervisor of workers: its own life is to have the part. Errors: -ENOMEM. */
int aeon__use_part_anyway(aeon_app *app, const aeon_part *part, void *self);

int aeon__app_run(void (*define)(aeon_app *app), const aeon_app_opts *opts, struct watcher *watcher);
