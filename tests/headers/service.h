/* Everything that a macro declares may stand in a header. */
#pragma once

#include <aeon.h>

#define POINT(F)                                                                                                                       \
        F(i64, x, .def = "1", .min = 0, .max = 10)                                                                                     \
        F(str, name, .doc = "how it is called")
AEON_RECORD(point, POINT);

AEON_APP_VAR(config, struct point);
AEON_LOOP_VAR(pool, struct point);
AEON_TASK_VAR(user, const char);
