/* Tasks as the rest of the house sees them: how to wait, how to wake, how to be cancelled while waiting.
 *
 * DESIGN
 *   A task is a fiber whose control block is struct aeon_task. Its cancel scopes form a tree with those of all other tasks of the
 *   loop: a scope's parent is the scope around it, and a group's scope is the parent of its tasks' outermost scopes. Each scope
 *   knows at any time whether it is cancelled, by itself or from outside (scope.c), so asking costs one load.
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
struct start;
struct task_vars;

/* Words that do not stand in memory by chance: see misuse.h. */
enum scope_state {
        SCOPE_NEW = 0x5c09e001,
        SCOPE_OPEN = 0x5c09e002,
        SCOPE_CANCELLED = 0x5c09e003, /* open, and cancelled by itself or from outside */
        SCOPE_CLOSED = 0x5c09e004,
};

static inline bool aeon__scope_is_open(const aeon_scope *s)
{
        return s->state == SCOPE_OPEN || s->state == SCOPE_CANCELLED;
}

struct wait {
        const char *what;                                         /* for reports: "sleep", "event", "read" */
        const void *object;                                       /* which one; may be NULL */
        bool (*abort)(struct wait *wait, struct aeon_task *task); /* NULL: cancellation waits for the completion */
        /* For reports, in place of "what object": "mutex 0x55d0c8, held by task "left"". NULL: what and object say it all. */
        void (*describe)(const struct wait *wait, const struct aeon_task *task, char *text, size_t size);
};

struct aeon_task {
        struct fiber fiber; /* first: a fiber's block is its task */
        struct runner *runner;
        aeon_group *group;            /* NULL for a loop's first task */
        struct list in_group;         /* its place among the group's tasks */
        aeon_scope *scope;            /* innermost open scope */
        aeon_scope *outermost;        /* what scope was when the task began: its group's scope */
        struct aeon__inner inner;     /* the outermost of those that it opened itself */
        uintptr_t stack_mark;         /* its lowest open scope on its own stack; UINTPTR_MAX: none. See misuse.h */
        aeon_group *groups;           /* that it has open, innermost first */
        struct start *start;          /* of the aeon_start() that waits for it; NULL: none */
        struct wait *waiting;         /* NULL while it runs or is ready */
        struct aeon__heap_node timer; /* of a sleep */
        int wake_result;              /* what aeon__wait() returns */
        bool abort_called;            /* the present wait's abort function has run */
        struct task_vars *vars;       /* shared, copied on write; NULL: none set */
        struct error_slot error;
        aeon_task_fn *fn;
        void *arg;
        struct aeon_mutex *held; /* the mutexes it has locked, the latest first */
        const char *site;        /* where it was spawned */
        aeon_time spawned_at;    /* on the scheduler's coarse clock */
        aeon_time waiting_since; /* likewise, of the present or the latest wait */
        const char *left_open;   /* where a scope was opened that a function of its left open; NULL: none */
        const char *no_suspend;  /* where the no-suspend section began that it is in; NULL: in none */
        unsigned no_suspend_depth;
        uint64_t id;
        char name[32];
};

/* The running task; NULL outside. */
static inline struct aeon_task *aeon__task_now(void)
{
        struct sched *s = aeon__sched;
        return s ? (struct aeon_task *)(void *)s->running : NULL;
}

/* The frame of the calling function, and so the end of its caller's. */
#define AEON__FRAME() ((uintptr_t)__builtin_frame_address(0))

__attribute__((cold)) void aeon__wait_refuse(const char *call); /* the words for -EINVAL */
__attribute__((cold, noinline)) void aeon__wait_look(struct aeon_task *task, const char *call);
_Noreturn void aeon__scope_overwritten(const struct aeon_task *task);

/* A call of @task may suspend: look for what makes that wrong (see misuse.h). */
static inline void aeon__wait_check(struct aeon_task *task, const char *call)
{
        if (__builtin_expect(task->stack_mark < AEON__FRAME(), 0))
                aeon__wait_look(task, call);
}

static inline int aeon__wait_enter_in(const char *call, struct aeon_task **ret_task)
{
        struct aeon_task *t = aeon__task_now();
        if (__builtin_expect(!t, 0)) {
                aeon__wait_refuse(call);
                return -EINVAL;
        }
        aeon__wait_check(t, call);
        if (__builtin_expect(t->scope->state != SCOPE_OPEN, 0)) {
                if (t->scope->state != SCOPE_CANCELLED)
                        aeon__scope_overwritten(t);
                return -ECANCELED;
        }
        *ret_task = t;
        return 0;
}

/* Guard of every suspending call. Errors: -EINVAL (with words) outside a task, -ECANCELED. */
#define aeon__wait_enter(ret_task) aeon__wait_enter_in(__func__, (ret_task))

/* It could be done at once: let others run all the same. */
static inline void aeon__wait_skip(struct aeon_task *task)
{
        (void)task;
        aeon__fiber_yield(aeon__sched);
}

/* The same for a call whose point that is: 0, or -ECANCELED when a cancel came meanwhile. */
static inline int aeon__wait_pass(struct aeon_task *task)
{
        aeon__fiber_yield(aeon__sched);
        return task->scope->state == SCOPE_CANCELLED ? -ECANCELED : 0;
}

/* From now on the running task @t waits; it must stop before anything else can happen. */
static inline void aeon__wait_begin(struct aeon_task *t, struct wait *wait)
{
        t->waiting = wait;
        t->waiting_since = aeon__sched->time;
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

/* Is @address on the stack of @task? */
static inline bool aeon__task_stack_holds(const struct aeon_task *task, const void *address)
{
        return (uintptr_t)address - (uintptr_t)task->fiber.context.low < task->fiber.context.size;
}

/* aeon_log_with() for a name that is known to be one. */
int aeon__log_with(const char *name, const char *value);

/* How many tasks this process has made so far. Any thread. */
uint64_t aeon__tasks_spawned(void);

/* Call @fn(@arg) in the running task, as if it were a task's body: what it leaves open is closed for it, and it has failed. */
int aeon__task_call(aeon_task_fn *fn, void *arg);

/* The tasks of @g that live, in order of spawning: struct aeon_task by in_group. */
struct list *aeon__group_tasks(aeon_group *g);

/* The group around @g that the same task has open; NULL when @g is the outermost. With task->groups: the tree of tasks, downwards. */
aeon_group *aeon__group_outer(aeon_group *g);

/* From now on tasks of @g that end, whatever way, are told to @task_ended (it runs in the ending task, which no longer counts) and
 * their failures do not fail the group. For the house's own supervisors. */
void aeon__group_supervise(aeon_group *g, void (*task_ended)(void *arg, struct aeon_task *task, int r), void *arg);
