/* The loop around the tasks; see runner.h. */
#include "task/runner.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
        BATCH = 512,         /* an empty look at the outside world costs some 200 ns */
        FIRED_AT_ONCE = 128, /* tasks wake while what firing touched of them is still in the cache */
};

__thread struct driver *aeon__thread_clock;

static struct error_slot *running_error_slot(void)
{
        struct aeon_task *t = aeon__task_now();
        return t ? &t->error : NULL;
}

static const char *running_task(uint64_t *ret_id)
{
        struct aeon_task *t = aeon__task_now();
        if (!t)
                return NULL;
        *ret_id = t->id;
        return t->name;
}

static void describe_task(const struct stack *stack, char *text, size_t size)
{
        const struct aeon_task *t =
                (const void *)(((uintptr_t)stack - sizeof(struct aeon_task)) & ~(uintptr_t)15); /* where aeon__stack_take put it */
        snprintf(text, size, "in task \"%s\" (spawned at %s)", t->name, t->site);
}

__attribute__((constructor)) static void connect_rooms_below(void)
{
        aeon__error_owner = running_error_slot;
        aeon__log_task = running_task;
        aeon__fault_describe = describe_task;
}

void aeon__runner_init(struct runner *runner, struct driver *driver)
{
        *runner = (struct runner){ .driver = driver,
                                   .batch = BATCH,
                                   .root = { .deadline = AEON_NEVER, .state = SCOPE_OPEN, .name = "root" } };
        runner->last_spare_group = &runner->spare_groups;
        aeon__sched_init(&runner->sched);
        aeon__runner_look(runner);
        const char *seed = getenv("AEON_SHUFFLE"); /* see fiber.h */
        if (seed)
                runner->sched.shuffle = strtoull(seed, NULL, 10);
}

void aeon__runner_done(struct runner *runner)
{
        aeon__groups_free(runner);
        aeon__heap_done(&runner->deadlines);
        aeon__error_slot_done(&runner->error);
        free(runner->deadlock);
        free(runner->loop_vars);
        aeon__sched_done(&runner->sched);
}

static void fire_deadlines(struct runner *runner)
{
        if (heap_earliest(&runner->deadlines) == AEON_NEVER)
                return;
        aeon_time now = aeon__runner_clock(runner);
        struct aeon__heap_node *node;
        for (unsigned fired = 1; (node = aeon__heap_pop_due(&runner->deadlines, now)); fired++) {
                if (node->kind == TIMER_SCOPE)
                        aeon__scope_fire(container_of(node, aeon_scope, timer));
                else
                        aeon__sleep_fire(container_of(node, struct aeon_task, timer));
                if (fired % FIRED_AT_ONCE == 0)
                        aeon__sched_run(&runner->sched, runner->batch);
        }
}

int aeon__runner_turn(struct runner *runner)
{
        aeon__sched_run(&runner->sched, runner->batch);
        if (runner->tasks == 0)
                return 0;
        bool ready = aeon__sched_has_ready(&runner->sched);
        int r = runner->driver->poll(runner->driver, ready ? INT64_MIN : heap_earliest(&runner->deadlines));
        if (r == -EDEADLK)
                return aeon__deadlock_break(runner);
        if (r < 0)
                return r;
        aeon__runner_look(runner);
        fire_deadlines(runner);
        return 0;
}

int aeon__runner_begin(struct runner *runner, aeon_task_fn *fn, void *arg)
{
        return aeon__task_new(runner, NULL, "main", fn, arg, STACK_LARGE, "the loop");
}

int aeon__runner_result(struct runner *runner)
{
        if (runner->root.cause != AEON_CAUSE_NONE)
                return aeon_fail(-EDEADLK, "%s", aeon__deadlock_words(runner));
        aeon__error_move(&runner->error, aeon__error_current());
        return runner->result;
}

int aeon__runner_run(struct runner *runner, aeon_task_fn *fn, void *arg)
{
        struct fault_guard guard;
        aeon__fault_begin(&guard);
        int r = aeon__runner_begin(runner, fn, arg);
        struct sched *outer = aeon__sched;
        aeon__sched = &runner->sched; /* also while no task runs: what the driver calls belongs to this loop */
        while (r >= 0 && runner->tasks > 0)
                r = aeon__runner_turn(runner);
        aeon__sched = outer;
        aeon__fault_end(&guard);
        return r < 0 ? r : aeon__runner_result(runner);
}

aeon_time aeon_now(void)
{
        struct runner *runner = aeon__runner_now();
        if (runner)
                return aeon__runner_clock(runner);
        if (aeon__thread_clock)
                return aeon__thread_clock->now(aeon__thread_clock);
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (aeon_time)t.tv_sec * 1000000000 + t.tv_nsec;
}
