/* What runs the tasks of one loop.
 *
 * DESIGN
 *   The runner owns the scheduler, the heap of deadlines and the root of the scope tree. It knows no I/O: a DRIVER supplies the
 *   clock and waits for the outside world. The libuv driver is in src/loop, a virtual clock in virtual_clock.c.
 *
 *       while tasks live:
 *               run a batch of ready tasks
 *               poll the driver, until the earliest deadline, or not at all when tasks are ready
 *               fire the deadlines that have passed
 */
#pragma once

#include "base/heap.h"
#include "fiber/fault.h"
#include "task/task.h"

struct driver {
        aeon_time (*now)(struct driver *driver);
        /* Wait for events until the clock reads @until (AEON_NEVER: as long as it takes; a past time: only look), and run their
         * callbacks. Errors: a negative errno ends the runner. -EDEADLK: nothing can ever happen. */
        int (*poll)(struct driver *driver, aeon_time until);
};

enum timer_kind { TIMER_SCOPE, TIMER_SLEEP };

struct runner {
        struct sched sched; /* first: aeon__sched is a runner */
        struct driver *driver;
        struct heap deadlines;
        aeon_scope root;                              /* parent of the first task's scopes; never cancelled */
        size_t tasks;                                 /* alive */
        unsigned batch;                               /* how many tasks run between two looks at the outside world */
        aeon_group *spare_groups, **last_spare_group; /* closed ones, in order of closing */
        size_t spare_group_count;
        void **loop_vars; /* by slot */
        unsigned loop_var_count;
        int result;              /* of the first task */
        struct error_slot error; /* its words */
        void *owner;             /* of the room above: what else belongs to this loop */
};

static inline struct runner *aeon__runner_now(void)
{
        return (struct runner *)(void *)aeon__sched;
}

static inline aeon_time aeon__runner_clock(struct runner *runner)
{
        return runner->driver->now(runner->driver);
}

void aeon__runner_init(struct runner *runner, struct driver *driver);
void aeon__runner_done(struct runner *runner);

/* Run @fn(@arg) as the first task and everything it starts; returns its result, its words in the caller's error slot. */
int aeon__runner_run(struct runner *runner, aeon_task_fn *fn, void *arg);

/* What that consists of, for who turns several runners: make the first task; one round of batch, poll, deadlines; and, when no task is
 * left, the result. */
int aeon__runner_begin(struct runner *runner, aeon_task_fn *fn, void *arg);
int aeon__runner_turn(struct runner *runner);
int aeon__runner_result(struct runner *runner);

/* The clock of a thread outside its loops; NULL: the system's. */
extern __thread struct driver *aeon__thread_clock;

/* ------------------------------------------------------------------ between the files of this room */

void aeon__scope_fire(aeon_scope *s); /* its deadline has passed */
void aeon__scope_cancel_for(aeon_scope *s, aeon_cancel_cause cause, const char *reason);
void aeon__scope_enter(aeon_scope *s, struct aeon_task *task, const char *site); /* link it in as @task's innermost */
void aeon__scope_leave(aeon_scope *s, const char *site);                         /* the reverse */
void aeon__scope_move(aeon_scope *s, aeon_scope *parent, const char *opened_at); /* an open one, with what is inside */
const char *aeon__scope_name(const aeon_scope *s);
bool aeon__scope_outer_visible(const aeon_scope *s); /* a cancel from outside reaches into @s */
void aeon__sleep_fire(struct aeon_task *task);
void aeon__group_task_done(aeon_group *g, struct aeon_task *task, int r);
int aeon__group_abandon(aeon_group *g); /* cancel and join one that its task left open */
void aeon__groups_free(struct runner *runner);
int aeon__mutexes_break(struct aeon_task *task, int r); /* it ends with @r and holds mutexes: what it now ends with */

/* The groups that were opened inside of dead scopes: move them into the task's innermost scope. */
void aeon__groups_move_out(struct aeon_task *task);

/* Of aeon_start(): keep @g open (-EINVAL: it is closed; -EXDEV) until released; make the running @task one of @g's. */
int aeon__group_hold(aeon_group *g, const char *name, const char *site);
void aeon__group_release(aeon_group *g);
void aeon__group_take_over(aeon_group *g, struct aeon_task *task);

struct task_vars *aeon__vars_hold(struct task_vars *vars); /* any thread; NULL gives NULL */
void aeon__vars_drop(struct task_vars *vars);
extern __thread struct task_vars **aeon__thread_vars; /* where a thread without a task has them; NULL: it has none */
