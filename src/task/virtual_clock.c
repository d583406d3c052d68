/* The virtual clock; see virtual_clock.h. */
#include "task/virtual_clock.h"

static aeon_time virtual_now(struct driver *driver)
{
        return container_of(driver, struct virtual_clock, driver)->time;
}

static int virtual_poll(struct driver *driver, aeon_time until)
{
        struct virtual_clock *clock = container_of(driver, struct virtual_clock, driver);
        if (until == AEON_NEVER)
                return aeon_fail(-EDEADLK, "every task waits, and nothing can wake any of them");
        if (until > clock->time)
                clock->time = until;
        return 0;
}

int aeon__virtual_run(aeon_task_fn *fn, void *arg)
{
        struct virtual_clock clock = { .driver = { .now = virtual_now, .recent = virtual_now, .poll = virtual_poll },
                                       .time = AEON_SECONDS(1) };
        struct runner runner;
        aeon__runner_init(&runner, &clock.driver);
        int r = aeon__runner_run(&runner, fn, arg);
        aeon__runner_done(&runner);
        return r;
}
