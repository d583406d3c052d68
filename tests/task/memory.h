/* What public calls do when memory runs out.
 *
 * DESIGN
 *   A USE is a small program that makes some calls and passes their failures on. It is run again and again, and each time one more
 *   allocation succeeds before all the others fail, then again with only one that fails. Whatever happens, the use must end with 0
 *   or -ENOMEM, with words that name the thing, and nothing may be left allocated.
 *
 *   Every public call must stand in some use: memory_check_listed() compares them with the headers. */
#pragma once

#include "harness.h"

#include <aeon/task.h>

struct memory_use {
        const char *calls; /* "aeon_x aeon_y" */
        aeon_task_fn *run; /* in a task; @arg is not used */
        const char *words; /* in the text when what this use is about fails; NULL: it has a test of its own */
};

/* Run each use of a table that ends with an empty one; @loop runs one as the first task of a fresh loop. */
void memory_run_out(int (*loop)(aeon_task_fn *fn, void *arg), const struct memory_use *uses);

/* Each AEON_API function of include/aeon/NAME.h stands in @uses; @headers ends with NULL. */
void memory_check_listed(const char *const *headers, const struct memory_use *uses);
