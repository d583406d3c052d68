/* Waiting in a list; see waiters.h. */
#include "task/waiters.h"

#include <aeon/log.h>
#include <stdlib.h>

void aeon__waiters_init(struct waiters *w, struct runner *runner, const char *what, const void *object)
{
        *w = (struct waiters){ .runner = runner, .what = what, .object = object };
        list_init(&w->list);
}

int aeon__waiters_new(size_t size, const char *what, void **ret_object)
{
        struct runner *runner = aeon__runner_now();
        if (!runner)
                return aeon_fail(-EINVAL, "no loop runs here, and every %s belongs to one", what);
        struct waiters *w = calloc(1, size);
        if (!w)
                return aeon_fail(-ENOMEM, "no memory for a new %s", what);
        aeon__waiters_init(w, runner, what, w);
        *ret_object = w;
        return 0;
}

void aeon__waiters_free(struct waiters *w)
{
        if (!w)
                return;
        if (list_empty(&w->list)) {
                free(w);
                return;
        }
        /* Of another loop, or of one that has ended, the tasks must not be looked at. */
        const struct waiter *first = list_first(&w->list, struct waiter, in_list);
        if (w->runner == aeon__runner_now())
                aeon_log_error("the %s cannot be freed: task \"%s\", spawned at %s, waits for it (%zu in all)", w->what,
                               first->task->name, first->task->site, aeon__waiters_count(w));
        else
                aeon_log_error("the %s cannot be freed: tasks of another loop wait for it", w->what);
}

size_t aeon__waiters_count(const struct waiters *w)
{
        size_t count = 0;
        for (const struct list *node = w->list.next; node != &w->list; node = node->next)
                count++;
        return count;
}

int aeon__waiters_refuse(const struct waiters *w)
{
        return aeon_fail(-EXDEV, "%s: this belongs to another loop", w->what);
}

bool aeon__waiters_may_call(const struct waiters *w)
{
        if (aeon__waiters_check(w) == 0)
                return true;
        aeon_log_error("%s", aeon_error_text());
        return false;
}

static bool abort_waiter(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        list_remove(&container_of(wait, struct waiter, wait)->in_list);
        return true;
}

int aeon__waiters_wait(struct waiters *w, struct aeon_task *t, const void *key, void *item)
{
        struct sched *s = &t->runner->sched;
        struct waiter self;
        if (w) {
                self = (struct waiter){
                        .wait = { .what = w->what, .object = w->object, .abort = abort_waiter, .describe = w->describe },
                        .task = t,
                        .key = key,
                        .item = item
                };
                list_append(&w->list, &self.in_list);
                aeon__wait_begin(t, &self.wait);
        } else {
                if (aeon__fiber_goes_on(s))
                        return 0;
                t->wake_result = 0;
        }
        aeon__fiber_stop(s, w ? FIBER_PARKED : FIBER_READY);
        return t->wake_result;
}
