/* What `aeon run` and AEON_MAIN programs share: the flags that say how an app is run. */
#pragma once

#include "cli/flags.h"

/* The table, for `aeon run` to find its module among them. */
AEON_API extern const struct command aeon__run_command;
