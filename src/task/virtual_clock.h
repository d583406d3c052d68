/* A driver without a world, for tests: time stands still while anything runs, and jumps to the next deadline when all tasks wait.
 * When there is no deadline either, nothing can ever happen: a deadlock. */
#pragma once

#include "task/runner.h"

struct virtual_clock {
        struct driver driver;
        aeon_time time;
        struct list idlers; /* tasks in aeon__virtual_idle() */
};

/* Wait until every other task waits; before the clock jumps. Suspends. Errors: -ECANCELED. */
int aeon__virtual_idle(void);

/* Run @fn(@arg) on a fresh runner with a virtual clock that begins at 1 s. */
int aeon__virtual_run(aeon_task_fn *fn, void *arg);
