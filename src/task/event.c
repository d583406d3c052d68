/* The one-shot event: a flag, and those who wait for it. */
#include "task/waiters.h"

struct aeon_event {
        struct waiters waiters; /* empty once set */
        bool set;
};

int aeon_event_new(aeon_event **ret_event)
{
        void *e;
        int r = aeon__waiters_new(sizeof(aeon_event), "event", &e);
        if (r < 0)
                return r;
        *ret_event = e;
        return 0;
}

void aeon_event_free(aeon_event *e)
{
        aeon__waiters_free(e ? &e->waiters : NULL);
}

void aeon_event_set(aeon_event *e)
{
        if (!aeon__waiters_may_call(&e->waiters))
                return;
        e->set = true;
        aeon__waiters_wake_all(&e->waiters, 0);
}

bool aeon_event_is_set(const aeon_event *e)
{
        return e->set;
}

int aeon_event_wait(aeon_event *e)
{
        struct aeon_task *t = NULL;
        int r = aeon__waiters_enter(&e->waiters, &t);
        if (r < 0)
                return r;
        return e->set ? aeon__waiters_skip(t) : aeon__waiters_wait(&e->waiters, t, NULL, NULL);
}

struct waiters *aeon__event_waiters(aeon_event *e)
{
        return &e->waiters;
}
