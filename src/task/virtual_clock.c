/* The virtual clock; see virtual_clock.h. */
#include "task/virtual_clock.h"

static aeon_time virtual_now(struct driver *driver)
{
        return container_of(driver, struct virtual_clock, driver)->time;
}

struct idler {
        struct wait wait;
        struct list in_clock;
        struct aeon_task *task;
};

static bool wake_idlers(struct virtual_clock *clock)
{
        bool any = !list_empty(&clock->idlers);
        struct list *node;
        while ((node = list_pop(&clock->idlers)))
                aeon__wake(container_of(node, struct idler, in_clock)->task, 0);
        return any;
}

static bool abort_idler(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        list_remove(&container_of(wait, struct idler, wait)->in_clock);
        return true;
}

int aeon__virtual_idle(void)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        struct idler self = { .wait = { .what = "all others to wait", .abort = abort_idler }, .task = t };
        list_append(&container_of(t->runner->driver, struct virtual_clock, driver)->idlers, &self.in_clock);
        return aeon__wait(&self.wait);
}

static int virtual_poll(struct driver *driver, aeon_time until)
{
        struct virtual_clock *clock = container_of(driver, struct virtual_clock, driver);
        if (until != INT64_MIN && wake_idlers(clock))
                return 0;
        if (until == AEON_NEVER)
                return -EDEADLK;
        if (until > clock->time)
                clock->time = until;
        return 0;
}

int aeon__virtual_run(aeon_task_fn *fn, void *arg)
{
        struct virtual_clock clock = { .driver = { .now = virtual_now, .poll = virtual_poll }, .time = AEON_SECONDS(1) };
        list_init(&clock.idlers);
        struct runner runner;
        aeon__runner_init(&runner, &clock.driver);
        int r = aeon__runner_run(&runner, fn, arg);
        aeon__runner_done(&runner);
        return r;
}
