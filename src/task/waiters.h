/* Tasks that wait for the same thing: what events, mutexes, semaphores, conditions, limiters and channels are made of.
 *
 * DESIGN
 *   For each reason to wait an object has one `struct waiters`: a list of waiting tasks in order of arrival. All suspending calls
 *   on it have this form:
 *
 *       struct aeon_task *t = NULL;
 *       int r = aeon__waiters_enter(&m->waiters, &t);              not in a task, cancelled, of another loop: nothing has happened
 *       if (r < 0)
 *               return r;
 *       if (it can be done at once) {
 *               do it;
 *               return aeon__waiters_skip(t);
 *       }
 *       return aeon__waiters_wait(&m->waiters, t, key, item);      what the waker gave, or -ECANCELED
 *
 *   Whoever lets a waiter go takes it out of the list, does for it what it waits for, and wakes it with the result. Who is in the
 *   list really waits: a cancelled task has taken itself out, and one that waits for the first of several things (select.c) is
 *   taken out of all lists when it is woken through one. So nothing is ever given to a task that cannot take it.
 *
 *   Both ways of stopping, to wait and to let others run, are in ONE function, and the calls that are made often end with a jump to
 *   it. After a switch the processor guesses that the returns lead back to where the task just left was called from. Up to the
 *   public call they do now, whatever the two tasks are doing: one wrong guess a switch is left, which costs about as much as
 *   the switch itself.
 */
#pragma once

#include "task/runner.h"

#include <aeon/sync.h>

struct choice;

struct waiters {
        struct list list;      /* struct waiter by in_list */
        struct runner *runner; /* the loop whose tasks may wait here */
        const char *what;      /* for reports: "event", "send" */
        const void *object;    /* which one */
        void (*describe)(const struct wait *wait, const struct aeon_task *task, char *text, size_t size); /* see struct wait */
};

struct waiter {
        struct wait wait; /* not used by one of several */
        struct list in_list;
        struct aeon_task *task;
        struct choice *choice; /* it is one of these; NULL: the only one */
        const void *key;       /* what tells it from others: a handle, a borrower, a place in the source */
        void *item;            /* where the waker finds or leaves the value */
};

void aeon__waiters_init(struct waiters *w, struct runner *runner, const char *what, const void *object);

/* Memory for an object of which a struct waiters is the first member; the rest is zero. Errors: -EINVAL outside a loop, -ENOMEM. */
int aeon__waiters_new(size_t size, const char *what, void **ret_object);

/* The reverse; NULL is accepted. While somebody waits the object stays, and the log says who waits: a leak can be lived with. */
void aeon__waiters_free(struct waiters *w);

size_t aeon__waiters_count(const struct waiters *w);

/* ------------------------------------------------------------------ waiting */

int aeon__waiters_refuse(const struct waiters *w); /* the words for -EXDEV */

/* Guard of calls that do not suspend. A callback of the loop is in no task, and welcome. Errors: -EXDEV in a task of another loop. */
static inline int aeon__waiters_check(const struct waiters *w)
{
        const struct aeon_task *t = aeon__task_now();
        return __builtin_expect(t && t->runner != w->runner, 0) ? aeon__waiters_refuse(w) : 0;
}

/* The same for calls that return nothing: the words go to the log. */
bool aeon__waiters_may_call(const struct waiters *w);

static inline int aeon__waiters_enter_in(const char *call, const struct waiters *w, struct aeon_task **ret_task)
{
        int r = aeon__wait_enter_in(call, ret_task);
        if (r < 0)
                return r;
        return __builtin_expect((*ret_task)->runner != w->runner, 0) ? aeon__waiters_refuse(w) : 0;
}

/* Guard of calls that suspend. Errors: -EINVAL, -ECANCELED, -EXDEV. */
#define aeon__waiters_enter(w, ret_task) aeon__waiters_enter_in(__func__, (w), (ret_task))

/* Wait in @w (NULL: only let others run) until somebody wakes the running task @t. */
int aeon__waiters_wait(struct waiters *w, struct aeon_task *t, const void *key, void *item);

/* It was done at once: let others run all the same. Returns 0. */
static inline int aeon__waiters_skip(struct aeon_task *t)
{
        return aeon__waiters_wait(NULL, t, NULL, NULL);
}

/* ------------------------------------------------------------------ waking */

void aeon__choice_wake(struct waiter *w, int result); /* in select.c: the task wakes with the index of @w */

/* Wake one that was taken out of its list. */
static inline void aeon__waiter_wake(struct waiter *w, int result)
{
        if (__builtin_expect(w->choice != NULL, 0))
                aeon__choice_wake(w, result);
        else
                aeon__wake(w->task, result);
}

/* Take out the one that waits longest; NULL when there is none. */
static inline struct waiter *aeon__waiters_pop(struct waiters *w)
{
        struct list *node = list_pop(&w->list);
        return node ? container_of(node, struct waiter, in_list) : NULL;
}

/* Take out and wake the one that waits longest. Returns whether there was one. */
static inline bool aeon__waiters_wake_one(struct waiters *w, int result)
{
        struct waiter *first = aeon__waiters_pop(w);
        if (first)
                aeon__waiter_wake(first, result);
        return first != NULL;
}

static inline void aeon__waiters_wake_all(struct waiters *w, int result)
{
        while (aeon__waiters_wake_one(w, result))
                ;
}

/* ------------------------------------------------------------------ between the files that wait */

struct waiters *aeon__event_waiters(aeon_event *e);
int aeon__mutex_lock_again(aeon_mutex *m, struct aeon_task *t, const char *site); /* what no cancel comes in the way of */
