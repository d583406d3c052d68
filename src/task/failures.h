/* The failures of one group, in order.
 *
 * DESIGN
 *   A list whose first element needs no memory: the failure that decides what the group returns cannot be lost. A later one for which
 *   there is no memory goes to the log.
 */
#pragma once

#include "base/error.h"

#include <aeon/task.h>

struct failure {
        struct failure *next;
        struct error_slot words;
        int code;
        char task[32];
};

struct failures {
        size_t count; /* 0: nothing below is valid */
        struct failure first, *last;
};

/* @task failed with @code; what it said is taken out of @words. */
void aeon__failures_add(struct failures *list, const char *task, int code, struct error_slot *words);

/* Make the words of @list, which is not empty, the running task's error: those of the first failure alone, or each with its task. Returns
 * the first one's code. */
int aeon__failures_tell(struct failures *list);

/* See aeon_group_errors(). */
size_t aeon__failures_list(const struct failures *list, aeon_group_error ret_errors[], size_t room);

/* Free what the failures hold; the list is empty again. */
void aeon__failures_done(struct failures *list);
