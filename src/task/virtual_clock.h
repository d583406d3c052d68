/* A driver without a world, for tests: time stands still while anything runs, and jumps to the next deadline when all tasks wait.
 * When there is no deadline either, nothing can ever happen: the runner ends with -EDEADLK. */
#pragma once

#include "task/runner.h"

struct virtual_clock {
        struct driver driver;
        aeon_time time;
};

/* Run @fn(@arg) on a fresh runner with a virtual clock that begins at 1 s. */
int aeon__virtual_run(aeon_task_fn *fn, void *arg);
