/* How long something takes, on the clock of the loop that it runs on, for less than two looks at that. Of one loop, inside it. */
#pragma once

#include "base/ticks.h"
#include "task/runner.h"

static inline uint64_t aeon__stopwatch_start(void)
{
        struct driver *driver = aeon__runner_now()->driver;
        return driver->ticks ? aeon__ticks() : (uint64_t)driver->now(driver);
}

/* Seconds since it was @started. */
static inline double aeon__stopwatch_read(uint64_t started)
{
        struct driver *driver = aeon__runner_now()->driver;
        return driver->ticks ? aeon__ticks_since(started) : (double)(driver->now(driver) - (aeon_time)started) / 1e9;
}
