/* The condition: a list of waiters, and a mutex that each of them unlocks before and locks after.
 *
 * DESIGN
 *   Locking again cannot be cancelled, so that the code after a wait always holds the mutex. A task that was cancelled while it
 *   waited is in no list any more and uses up no notify. One that was notified has been served, whatever is cancelled afterwards;
 *   only when the mutex broke meanwhile can it do nothing with the notify, and then it passes it on.
 */
#include "task/waiters.h"

struct aeon_cond {
        struct waiters waiters;
};

int aeon_cond_new(aeon_cond **ret_cond)
{
        void *c;
        int r = aeon__waiters_new(sizeof(aeon_cond), "condition", &c);
        if (r < 0)
                return r;
        *ret_cond = c;
        return 0;
}

void aeon_cond_free(aeon_cond *c)
{
        aeon__waiters_free(c ? &c->waiters : NULL);
}

int aeon_cond_wait_at(aeon_cond *c, aeon_mutex *m, const char *site)
{
        struct aeon_task *t = NULL;
        int r = aeon__waiters_enter(&c->waiters, &t);
        if (r < 0)
                return r;
        r = aeon_mutex_unlock(m);
        if (r < 0)
                return r;
        int waited = aeon__waiters_wait(&c->waiters, t, NULL, NULL);
        r = aeon__mutex_lock_again(m, t, site);
        if (r < 0 && waited == 0)
                aeon_cond_notify(c);
        return r < 0 ? r : waited;
}

void aeon_cond_notify(aeon_cond *c)
{
        if (aeon__waiters_may_call(&c->waiters))
                aeon__waiters_wake_one(&c->waiters, 0);
}

void aeon_cond_notify_all(aeon_cond *c)
{
        if (aeon__waiters_may_call(&c->waiters))
                aeon__waiters_wake_all(&c->waiters, 0);
}
