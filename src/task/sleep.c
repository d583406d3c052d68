/* Sleeping: a task's own node in the runner's heap. */
#include "task/runner.h"

#include <stdio.h>

static bool abort_sleep(struct wait *wait, struct aeon_task *task)
{
        (void)wait;
        aeon__heap_remove(&task->runner->deadlines, &task->timer);
        return true;
}

static void describe_sleep(const struct wait *wait, const struct aeon_task *task, char *text, size_t size)
{
        (void)wait;
        char left[DURATION_WORDS];
        const struct runner *runner = task->runner;
        if (heap_contains(&task->timer))
                snprintf(text, size, "sleep, %s to go",
                         aeon__duration_words(heap_time(&runner->deadlines, &task->timer) - runner->sched.time, left));
        else
                snprintf(text, size, "sleep without an end");
}

void aeon__sleep_fire(struct aeon_task *task)
{
        aeon__wake(task, 0);
}

static int sleep_until(struct aeon_task *t, aeon_time when)
{
        if (when != AEON_NEVER && aeon__heap_put(&t->runner->deadlines, &t->timer, when) < 0)
                return aeon_fail(-ENOMEM, "no memory for a sleep");
        struct wait wait = { .what = "sleep", .abort = abort_sleep, .describe = describe_sleep };
        return aeon__wait(&wait);
}

int aeon_sleep_until(aeon_time when)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (when != AEON_NEVER && when <= aeon__runner_clock(t->runner))
                return aeon__wait_pass(t);
        return sleep_until(t, when);
}

int aeon_sleep(aeon_duration duration)
{
        if (duration < 0)
                return aeon_fail(-EINVAL, "cannot sleep for a negative time");
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        if (duration == 0)
                return aeon__wait_pass(t);
        aeon_time now = aeon__runner_clock(t->runner);
        return sleep_until(t, duration >= AEON_NEVER - now ? AEON_NEVER : now + duration);
}
