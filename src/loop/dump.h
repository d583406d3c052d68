/* The dumps of all loops of the process. */
#pragma once

#include "base/text.h"

#include <aeon/debug.h>

struct aeon_loop;

/* Name @loop in dumps; on its thread. */
void aeon__loop_set_title(struct aeon_loop *loop, const char *format, ...) AEON_PRINTF(2, 3);

/* Append the dumps of all loops, each under its title. @json: {"loops": [{"loop", "dump": see aeon_task_dump()} or, of one that
 * does not answer, {"loop", "blocked": null or {"id", "task", "site", "stack"}}]}. Any thread, but a loop's own, which could not answer; blocks for at most 200 ms and a moment per loop that
 * does not answer. */
void aeon__loops_dump(bool json, struct text *out);
void aeon__loops_dump_to_stderr(void);

/* The same for a task, whose loop goes on meanwhile: the watchdog's thread does it. Suspends; not cancellable. Errors: -EINVAL (not
 * called from a task), -ENOMEM. */
int aeon__loops_dump_for_task(bool json, struct text *ret_text);
