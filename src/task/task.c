/* A task's beginning, waiting and end; see task.h. */
#include "task/task.h"

#include "task/misuse.h"
#include "task/runner.h"

#include <stdatomic.h>
#include <string.h>

/* ------------------------------------------------------------------ waiting */

void aeon__wake_now(struct aeon_task *task, int result)
{
        if (task->runner->sched.running) {
                aeon__wake(task, result);
                return;
        }
        task->waiting = NULL;
        task->wake_result = result;
        aeon__runner_look(task->runner);
        aeon__sched_run_now(&task->runner->sched, &task->fiber);
}

void aeon__task_cancel_wait(struct aeon_task *task)
{
        struct wait *wait = task->waiting;
        if (!wait || !wait->abort || task->abort_called)
                return;
        task->abort_called = true;
        if (wait->abort(wait, task))
                aeon__wake(task, -ECANCELED);
}

int aeon_checkpoint(void)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        return r < 0 ? r : aeon__wait_pass(t);
}

/* ------------------------------------------------------------------ how many there are */

static _Atomic uint64_t last_id;

uint64_t aeon__tasks_spawned(void)
{
        return atomic_load_explicit(&last_id, memory_order_relaxed);
}

/* Other threads read it, to show it. */
static void count_task(struct runner *runner, size_t more)
{
        __atomic_store_n(&runner->tasks, runner->tasks + more, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ the end of a task */

/* A body has returned: what it left open, back to @outermost, is closed for it, loudly, and it has failed. */
static int end_body(struct aeon_task *t, const aeon_scope *outermost, int r)
{
        if (t->held)
                r = aeon__mutexes_break(t, r);
        if (__builtin_expect(t->scope != outermost || t->left_open || t->no_suspend, 0))
                r = aeon__scopes_end(t, outermost, r);
        return r;
}

int aeon__task_call(aeon_task_fn *fn, void *arg)
{
        struct aeon_task *t = aeon__task_now();
        const aeon_scope *outermost = t->scope;
        return end_body(t, outermost, fn(arg));
}

static void task_main(struct fiber *fiber)
{
        struct aeon_task *t = (struct aeon_task *)(void *)fiber;
        struct runner *runner = t->runner;
        int r = t->fn(t->arg);
        r = end_body(t, t->outermost, r); /* which a start may have changed */
        if (t->group) {
                aeon__group_task_done(t->group, t, r);
        } else {
                runner->root.owner = NULL;
                runner->result = r;
                aeon__error_move(&t->error, &runner->error);
        }
        if (t->error.error)
                aeon__error_slot_done(&t->error);
        if (t->vars)
                aeon__vars_drop(t->vars);
        count_task(runner, (size_t)-1);
}

/* ------------------------------------------------------------------ the beginning */

int aeon__task_new(struct runner *runner, aeon_group *group, const char *name, aeon_task_fn *fn, void *arg, enum stack_class class,
                   const char *site)
{
        void *block;
        int r = aeon__fiber_new(&runner->sched, class, sizeof(struct aeon_task), task_main, &block);
        if (r < 0)
                return r;
        /* Field by field: the fiber is there already, and zeroing the whole block costs more than the rest of the spawn. */
        struct aeon_task *t = block, *spawner = aeon__task_now();
        t->runner = runner;
        t->group = group;
        t->scope = t->outermost = group ? aeon_group_scope(group) : &runner->root;
        t->inner.scope = NULL;
        t->stack_mark = UINTPTR_MAX;
        t->groups = NULL;
        t->start = NULL;
        t->left_open = t->no_suspend = NULL;
        t->no_suspend_depth = 0;
        t->waiting = NULL;
        t->timer = (struct aeon__heap_node){ .kind = TIMER_SLEEP };
        t->wake_result = 0;
        t->abort_called = false;
        t->vars = spawner ? spawner->vars : aeon__thread_vars ? *aeon__thread_vars : NULL;
        if (t->vars)
                aeon__vars_hold(t->vars);
        t->error = (struct error_slot){ 0 };
        t->fn = fn;
        t->arg = arg;
        t->held = NULL;
        t->site = site;
        t->spawned_at = runner->sched.time;
        t->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
        list_init(&t->in_group);
        strncpy(t->name, name ? name : "", sizeof t->name - 1);
        t->name[sizeof t->name - 1] = '\0';
        count_task(runner, 1);
        if (group)
                list_append(aeon__group_tasks(group), &t->in_group);
        else
                runner->root.owner = t;
        aeon__fiber_ready(&runner->sched, &t->fiber);
        return 0;
}

aeon_task *aeon_task_current(void)
{
        return aeon__task_now();
}

const char *aeon_task_name(const aeon_task *task)
{
        return task->name;
}

const char *aeon_task_site(const aeon_task *task)
{
        return task->site;
}

uint64_t aeon_task_id(const aeon_task *task)
{
        return task->id;
}
