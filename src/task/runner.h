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
#include "base/text.h"
#include "fiber/fault.h"
#include "task/task.h"

#include <aeon/debug.h>

struct driver {
        aeon_time (*now)(struct driver *driver);
        /* The same, as it was when events last came in; NULL when reading the clock is cheap. */
        aeon_time (*recent)(struct driver *driver);
        bool ticks; /* the clock is the machine's, and its ticks (base/ticks.h) measure the same time */
        /* Wait for events until the clock reads @until (AEON_NEVER: as long as it takes; a past time: only look), and run their
         * callbacks. Errors: -EDEADLK: nothing can ever happen (see deadlock.c); another negative errno ends the runner. */
        int (*poll)(struct driver *driver, aeon_time until);
};

enum timer_kind { TIMER_SCOPE, TIMER_SLEEP };

struct runner {
        struct sched sched; /* first: aeon__sched is a runner */
        struct driver *driver;
        struct heap deadlines;
        aeon_scope root; /* parent of the first task's scopes, and owned by it; cancelled only to end a deadlock */
        size_t tasks;    /* alive */
        unsigned batch;  /* how many tasks run between two looks at the outside world */
        aeon_group *spare_groups, **last_spare_group; /* closed ones, in order of closing */
        size_t spare_group_count;
        void **loop_vars; /* by slot */
        unsigned loop_var_count;
        int result;              /* of the first task */
        struct error_slot error; /* its words */
        char *deadlock;          /* once the root is cancelled: who was in it, in words; NULL: no memory for them */
        void *owner;             /* of the room above: what else belongs to this loop */
};

static inline struct runner *aeon__runner_now(void)
{
        return (struct runner *)(void *)aeon__sched;
}

static inline aeon_time aeon__runner_clock(struct runner *runner)
{
        return runner->sched.time = runner->driver->now(runner->driver);
}

/* Read the coarse clock: whatever is about to run tasks does. */
static inline void aeon__runner_look(struct runner *runner)
{
        struct driver *driver = runner->driver;
        aeon_time time = (driver->recent ? driver->recent : driver->now)(driver);
        if (time > runner->sched.time)
                runner->sched.time = time;
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

/* Write all tasks of @runner as aeon_task_dump() does; on its thread, inside a task or not. NULL @opts: defaults. */
void aeon__runner_dump(struct runner *runner, const aeon_dump_opts *opts, struct text *out);

/* ------------------------------------------------------------------ between the files of this room */

aeon_time aeon__task_deadline(const struct aeon_task *task); /* see aeon_effective_deadline() */

/* Nothing can ever wake one of @runner's tasks: report them, and cancel them so that they unwind. -EDEADLK when that was done before,
 * in vain. */
int aeon__deadlock_break(struct runner *runner);

static inline const char *aeon__deadlock_words(const struct runner *runner)
{
        return runner->deadlock ? runner->deadlock : "deadlock";
}

/* The task after @t of a walk that begins with the runner's first one: parents before their children, NULL after the last. Keeps
 * @depth, which begins at 0. */
struct aeon_task *aeon__task_next(struct aeon_task *t, unsigned *depth);
bool aeon__task_joins(const struct aeon_task *task); /* it waits for the tasks of its group */
const char *aeon__task_describe_wait(const struct aeon_task *task, char *text, size_t size); /* "": it does not wait */

void aeon__scope_fire(aeon_scope *s); /* its deadline has passed */
void aeon__scope_cancel_for(aeon_scope *s, aeon_cancel_cause cause, const char *reason);
void aeon__scope_lift_shields(aeon_scope *top); /* all shields inside @top: nothing else can end what waits behind them */
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

/* A value that every table it stands in holds, and the last one frees. */
struct counted {
        _Atomic unsigned holders;
};

/* aeon_task_var_set() for such a value; the caller's hold passes to the table, also when this fails. NULL is accepted. */
struct aeon_var;
int aeon__task_var_set_counted(struct aeon_var *var, struct counted *value);
extern __thread struct task_vars **aeon__thread_vars; /* where a thread without a task has them; NULL: it has none */
