/* Tasks as the rest of the house sees them: how to wait, how to wake, how to be cancelled while waiting.
 *
 * DESIGN
 *   A task is a fiber whose control block is struct aeon_task. Its cancel scopes form a tree with those of all other tasks of the
 *   loop: a scope's parent is the scope around it, and a group's scope is the parent of its tasks' outermost scopes. Each scope
 *   keeps `effective`, whether it is cancelled by itself or from outside, up to date (scope.c), so asking costs one load.
 *
 *   Everything that blocks does it the same way:
 *
 *       struct aeon_task *t;
 *       int r = aeon__wait_enter(&t);               not in a task: -EINVAL; cancelled: -ECANCELED, and nothing has happened
 *       if (r < 0) return r;
 *       if (it can be done at once) { do it; aeon__wait_skip(); return 0; }
 *       put yourself into somebody's list;
 *       return aeon__wait(&wait);                   the waker's result, or -ECANCELED after abort() took you out of the list
 *
 *   Each wait has one ABORT function, called at most once, when a cancel reaches the waiting task. It returns true when the wait
 *   was undone (the task wakes with -ECANCELED) and false when the completion, already on its way or merely hurried, will wake
 *   it. A task that was woken and has not run yet cannot be aborted any more: what was delivered is not lost.
 */
#pragma once

#include "base/error.h"
#include "base/list.h"
#include "fiber/fiber.h"

#include <aeon/task.h>

struct runner;
struct task_vars;

struct wait {
        const char *what;                                         /* for reports: "sleep", "event", "read" */
        const void *object;                                       /* which one; may be NULL */
        bool (*abort)(struct wait *wait, struct aeon_task *task); /* NULL: cancellation waits for the completion */
};

struct aeon_task {
        struct fiber fiber; /* first: a fiber's block is its task */
        struct runner *runner;
        aeon_group *group;            /* NULL for a loop's first task */
        struct list in_group;         /* its place among the group's tasks */
        aeon_scope *scope;            /* innermost open scope */
        aeon_scope *outermost;        /* what scope was when the task began: its group's scope */
        struct wait *waiting;         /* NULL while it runs or is ready */
        struct aeon__heap_node timer; /* of a sleep */
        int wake_result;              /* what aeon__wait() returns */
        bool abort_called;            /* the present wait's abort function has run */
        struct task_vars *vars;       /* shared, copied on write; NULL: none set */
        struct error_slot error;
        aeon_task_fn *fn;
        void *arg;
        struct aeon_mutex *held; /* the mutexes it has locked, the latest first */
        const char *site; /* where it was spawned */
        uint64_t id;
        char name[32];
};

/* The running task; NULL outside. */
static inline struct aeon_task *aeon__task_now(void)
{
        struct sched *s = aeon__sched;
        return s ? (struct aeon_task *)(void *)s->running : NULL;
}

void aeon__wait_refuse(void); /* the words for -EINVAL */

/* Guard of every suspending call. Errors: -EINVAL (with words) outside a task, -ECANCELED. */
static inline int aeon__wait_enter(struct aeon_task **ret_task)
{
        struct aeon_task *t = aeon__task_now();
        if (__builtin_expect(!t, 0)) {
                aeon__wait_refuse();
                return -EINVAL;
        }
        if (t->scope->effective)
                return -ECANCELED;
        *ret_task = t;
        return 0;
}

/* It could be done at once: let others run all the same. */
static inline void aeon__wait_skip(struct aeon_task *task)
{
        (void)task;
        aeon__fiber_yield(aeon__sched);
}

/* From now on the running task @t waits; it must stop before anything else can happen. */
static inline void aeon__wait_begin(struct aeon_task *t, struct wait *wait)
{
        t->waiting = wait;
        t->abort_called = false;
}

/* Park the running task until aeon__wake(). */
static inline int aeon__wait(struct wait *wait)
{
        struct aeon_task *t = aeon__task_now();
        aeon__wait_begin(t, wait);
        aeon__fiber_stop(aeon__sched, FIBER_PARKED);
        return t->wake_result;
}

/* Wake a waiting task; its aeon__wait() returns @result. Exactly once per wait; the waker has taken it out of its list. Owner loop,
 * from a task or from the main context. */
static inline void aeon__wake(struct aeon_task *task, int result)
{
        task->waiting = NULL;
        task->wake_result = result;
        aeon__fiber_ready((struct sched *)(void *)task->runner, &task->fiber);
}

/* The same from the main context (an I/O callback), running the task at once. */
void aeon__wake_now(struct aeon_task *task, int result);

/* A cancel has reached @task: abort its wait if it has one. */
void aeon__task_cancel_wait(struct aeon_task *task);

/* Make a task; it runs first when its runner gets to it. @group NULL: the runner's first task. */
int aeon__task_new(struct runner *runner, aeon_group *group, const char *name, aeon_task_fn *fn, void *arg, enum stack_class class,
                   const char *site);

/* The tasks of @g that live, in order of spawning: struct aeon_task by in_group. */
struct list *aeon__group_tasks(aeon_group *g);

/* From now on tasks of @g that end, whatever way, are told to @task_ended (it runs in the ending task, which no longer counts) and
 * their failures do not fail the group. For the house's own supervisors. */
void aeon__group_supervise(aeon_group *g, void (*task_ended)(void *arg, struct aeon_task *task, int r), void *arg);
