/* A background task, between the files that run it (background.c) and that look at it (background_list.c). */
#pragma once

#include "app/beside.h"

struct background {
        struct beside base;        /* first */
        aeon_background_opts opts; /* with defaults filled in */
        aeon_scope whole;          /* ready before the fiber begins, so that it can be cancelled at any time */
        aeon_time *restarted;      /* when, the last opts.intensity times: a ring; NULL when nothing escalates */

        /* Under the app's lock; changed on the task's loop. */
        aeon_background_state state;
        aeon_time since;
        unsigned restarts;
        bool escalated; /* restarted too often since it was last stable */
        bool told;      /* that it is over */
        char error[256];
};

static inline struct background *background_of(struct beside *b)
{
        return container_of(b, struct background, base);
}

/* Who waits in aeon_background_stop(). */
struct stop_waiter {
        struct stop_waiter *next;
        const char *name; /* of the task */
        aeon_loop *loop;
        aeon_event *ended; /* of that loop */
};

/* Take those that wait for @name off the list, if no task of that name runs any more. With the app's lock held; wake them without it. */
struct stop_waiter *aeon__stop_waiters_take(aeon_app *app, const char *name);
void aeon__stop_waiters_wake(struct stop_waiter *waiters);
