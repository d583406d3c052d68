/* Where another thread is: what it runs, and its stack. */
#pragma once

#include "base/text.h"
#include "task/task.h"

#include <pthread.h>

enum { SAMPLE_FRAMES = 32 };

struct stack_sample {
        uint64_t task_id; /* 0: outside any task */
        char task_name[32];
        const char *task_site;
        int depth;
        const void *frames[SAMPLE_FRAMES]; /* innermost first */
};

/* Look into @thread, which runs the tasks of @sched. With @expected only if @sched's progress is still that. Any other thread; blocks
 * for a moment. The caller knows that @thread and @sched live on meanwhile.
 *
 * Errors: -EAGAIN    it has made progress, or is just switching
 *         -ETIMEDOUT it does not answer: it blocks the signal, or sits in the kernel uninterruptibly */
int aeon__stack_sample(pthread_t thread, const struct sched *sched, const struct sched_progress *expected,
                       struct stack_sample *ret_sample);

/* Print a line per frame, each begun with a line break. */
void aeon__stack_print(struct text *out, const struct stack_sample *sample);
