/* The mutex.
 *
 * DESIGN
 *   Unlocking hands the mutex over: it belongs to the next waiter before that task runs, so nobody can come in between. A waiter's
 *   key is the place in the source where it asked, which becomes the place where it locked.
 *
 *       unlocked  owner == NULL, not broken, and nobody waits
 *       locked    owner != NULL, and the mutex is in the list owner->held
 *       broken    for good: the owner ended, and nobody waits
 *
 *   A task that ends with a non-empty list breaks what is in it (task.c looks at the one pointer).
 */
#include "task/waiters.h"

#include <aeon/log.h>
#include <stdio.h>

struct aeon_mutex {
        struct waiters waiters;
        struct aeon_task *owner;
        const char *site;      /* where it was locked last */
        aeon_mutex *next_held; /* the next one that the owner holds */
        bool broken;
        char broken_by[sizeof((struct aeon_task *)0)->name];
};

static void describe_wait(const struct wait *wait, const struct aeon_task *task, char *text, size_t size)
{
        (void)task;
        const aeon_mutex *m = wait->object;
        snprintf(text, size, "mutex that \"%s\" #%llu locked at %s", m->owner ? m->owner->name : "?",
                 (unsigned long long)(m->owner ? m->owner->id : 0), m->site);
}

int aeon_mutex_new(aeon_mutex **ret_mutex)
{
        void *m;
        int r = aeon__waiters_new(sizeof(aeon_mutex), "mutex", &m);
        if (r < 0)
                return r;
        ((aeon_mutex *)m)->waiters.describe = describe_wait;
        *ret_mutex = m;
        return 0;
}

void aeon_mutex_free(aeon_mutex *m)
{
        if (m && m->owner)
                aeon_log_error("the mutex cannot be freed: it is locked (at %s)", m->site);
        else
                aeon__waiters_free(m ? &m->waiters : NULL);
}

/* ------------------------------------------------------------------ locking */

static void give(aeon_mutex *m, struct aeon_task *t, const char *site)
{
        m->owner = t;
        m->site = site;
        m->next_held = t->held;
        t->held = m;
}

/* 0: @t has it now. Errors: -EAGAIN, -EDEADLK, -EOWNERDEAD. */
static int take(aeon_mutex *m, struct aeon_task *t, const char *site)
{
        if (m->broken)
                return aeon_fail(-EOWNERDEAD, "the mutex is broken: task \"%s\" locked it at %s and ended", m->broken_by, m->site);
        if (m->owner == t)
                return aeon_fail(-EDEADLK, "task \"%s\" holds the mutex already: it locked it at %s", t->name, m->site);
        if (m->owner)
                return -EAGAIN;
        give(m, t, site);
        return 0;
}

/* After a wait: those who wake together may free the mutex one by one, so it must not be looked at. */
static int in_words(int r)
{
        return r == -EOWNERDEAD ? aeon_fail(-EOWNERDEAD, "the mutex broke: the task that held it ended") : r;
}

int aeon_mutex_lock_at(aeon_mutex *m, const char *site)
{
        struct aeon_task *t = NULL;
        int r = aeon__waiters_enter(&m->waiters, &t);
        if (r < 0)
                return r;
        r = take(m, t, site);
        if (r == 0)
                return aeon__waiters_skip(t);
        if (r != -EAGAIN)
                return r;
        return in_words(aeon__waiters_wait(&m->waiters, t, site, NULL));
}

int aeon__mutex_lock_again(aeon_mutex *m, struct aeon_task *t, const char *site)
{
        int r = take(m, t, site);
        if (r != -EAGAIN)
                return r;
        struct waiter self = { .wait = { .what = "mutex", .object = m, .describe = describe_wait }, .task = t, .key = site };
        list_append(&m->waiters.list, &self.in_list);
        return in_words(aeon__wait(&self.wait));
}

int aeon_mutex_try_lock_at(aeon_mutex *m, const char *site)
{
        struct aeon_task *t = aeon__task_now();
        if (!t)
                return aeon_fail(-EINVAL, "only a task can lock a mutex");
        int r = aeon__waiters_check(&m->waiters);
        return r < 0 ? r : take(m, t, site);
}

/* ------------------------------------------------------------------ unlocking */

static int refuse_unlock(const aeon_mutex *m)
{
        const struct aeon_task *t = aeon__task_now();
        const char *name = t ? t->name : "";
        if (!m->owner)
                return aeon_fail(-EPERM, "task \"%s\" cannot unlock the mutex: nobody holds it", name);
        return aeon_fail(-EPERM, "task \"%s\" cannot unlock the mutex: task \"%s\" holds it, locked at %s", name, m->owner->name,
                         m->site);
}

static void forget_held(aeon_mutex *m)
{
        aeon_mutex **at = &m->owner->held;
        while (*at != m)
                at = &(*at)->next_held;
        *at = m->next_held;
        m->owner = NULL;
}

int aeon_mutex_unlock(aeon_mutex *m)
{
        int r = aeon__waiters_check(&m->waiters);
        if (r < 0)
                return r;
        if (!m->owner || m->owner != aeon__task_now())
                return refuse_unlock(m);
        forget_held(m);
        struct waiter *next = aeon__waiters_pop(&m->waiters);
        if (next) {
                give(m, next->task, next->key);
                aeon__waiter_wake(next, 0);
        }
        return 0;
}

int aeon__mutexes_break(struct aeon_task *task, int r)
{
        while (task->held) {
                aeon_mutex *m = task->held;
                aeon_log_error("the task spawned at %s returned with a mutex locked (at %s); the mutex is broken", task->site,
                               m->site);
                forget_held(m);
                m->broken = true;
                snprintf(m->broken_by, sizeof m->broken_by, "%s", task->name);
                aeon__waiters_wake_all(&m->waiters, -EOWNERDEAD);
        }
        return r < 0 ? r : aeon_fail(-EINVAL, "task \"%s\" returned with a mutex locked", task->name);
}
