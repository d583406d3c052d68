/* What must be true of a runner whenever no function of the house is in the middle of something. */
#pragma once

#include "task/runner.h"

/* Look at every scope, task and deadline of @runner, and end the test at the first thing that is not as it must be. */
void invariants_check(struct runner *runner);
