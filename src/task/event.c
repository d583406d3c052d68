/* The one-shot event: a flag and a list of waiters in order of arrival. */
#include "task/runner.h"

#include <aeon/sync.h>
#include <stdlib.h>

struct aeon_event {
        struct runner *runner;
        bool set;
        struct list waiters; /* struct waiter; empty once set */
};

struct waiter {
        struct wait wait;
        struct list in_event;
        struct aeon_task *task;
};

int aeon_event_new(aeon_event **ret_event)
{
        struct runner *runner = aeon__runner_now();
        if (!runner)
                return aeon_fail(-EINVAL, "an event belongs to a loop, so it must be made in one");
        aeon_event *e = malloc(sizeof *e);
        if (!e)
                return aeon_fail(-ENOMEM, "no memory for an event");
        *e = (aeon_event){ .runner = runner };
        list_init(&e->waiters);
        *ret_event = e;
        return 0;
}

void aeon_event_free(aeon_event *e)
{
        free(e);
}

void aeon_event_set(aeon_event *e)
{
        e->set = true;
        struct list *node;
        while ((node = list_pop(&e->waiters)))
                aeon__wake(container_of(node, struct waiter, in_event)->task, 0);
}

bool aeon_event_is_set(const aeon_event *e)
{
        return e->set;
}

static bool abort_event(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        list_remove(&container_of(wait, struct waiter, wait)->in_event);
        return true;
}

int aeon_event_wait(aeon_event *e)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (e->runner != t->runner)
                return aeon_fail(-EXDEV, "the event belongs to another loop");
        if (e->set) {
                aeon__wait_skip(t);
                return 0;
        }
        struct waiter self = { .wait = { .what = "event", .object = e, .abort = abort_event }, .task = t };
        list_append(&e->waiters, &self.in_event);
        return aeon__wait(&self.wait);
}
