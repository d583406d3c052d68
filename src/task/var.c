/* Loop and task variables. (App variables belong to the room that knows apps.)
 *
 * DESIGN
 *   A loop variable gets a slot number, process-wide, when it is first set; each runner has a table by slot.
 *
 *   Task variables live in a small table that a task shares with those it spawned, and copies before it writes while it shares. So
 *   spawning costs one count, and a task's writes never show anywhere else. The table may travel to a pool thread: its count is
 *   atomic, and a shared table is never written.
 */
#include "task/runner.h"

#include <aeon/var.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ loop variables */

static unsigned slot_of(aeon_var *var)
{
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
        static unsigned last;
        unsigned slot = __atomic_load_n(&var->slot, __ATOMIC_ACQUIRE);
        if (slot)
                return slot;
        pthread_mutex_lock(&lock);
        if (!var->slot)
                __atomic_store_n(&var->slot, ++last, __ATOMIC_RELEASE);
        pthread_mutex_unlock(&lock);
        return var->slot;
}

int aeon_loop_var_set(aeon_var *var, void *value)
{
        struct runner *runner = aeon__runner_now();
        if (!runner)
                return aeon_fail(-EINVAL, "loop variable \"%s\" can only be set in a loop", var->name);
        unsigned slot = slot_of(var);
        if (slot >= runner->loop_var_count) {
                void **vars = realloc(runner->loop_vars, (slot + 1) * sizeof *vars);
                if (!vars)
                        return aeon_fail(-ENOMEM, "no memory for loop variable \"%s\"", var->name);
                memset(vars + runner->loop_var_count, 0, (slot + 1 - runner->loop_var_count) * sizeof *vars);
                runner->loop_vars = vars;
                runner->loop_var_count = slot + 1;
        }
        runner->loop_vars[slot] = value;
        return 0;
}

void *aeon_loop_var_get(const aeon_var *var)
{
        const struct runner *runner = aeon__runner_now();
        unsigned slot = __atomic_load_n(&var->slot, __ATOMIC_ACQUIRE);
        return runner && slot < runner->loop_var_count ? runner->loop_vars[slot] : NULL;
}

/* ------------------------------------------------------------------ task variables */

struct task_vars {
        _Atomic unsigned holders;
        unsigned count;
        struct {
                const aeon_var *var;
                void *value;
                struct counted *counted; /* the value, when the table holds it; NULL: it is its setter's */
        } entries[];
};

__thread struct task_vars **aeon__thread_vars;

struct task_vars *aeon__vars_hold(struct task_vars *vars)
{
        if (vars)
                atomic_fetch_add_explicit(&vars->holders, 1, memory_order_relaxed);
        return vars;
}

static void counted_drop(struct counted *value)
{
        if (value && atomic_fetch_sub_explicit(&value->holders, 1, memory_order_acq_rel) == 1)
                free(value);
}

void aeon__vars_drop(struct task_vars *vars)
{
        if (!vars || atomic_fetch_sub_explicit(&vars->holders, 1, memory_order_acq_rel) != 1)
                return;
        for (unsigned i = 0; i < vars->count; i++)
                counted_drop(vars->entries[i].counted);
        free(vars);
}

/* NULL: whoever asks has none. */
static struct task_vars **current_vars(void)
{
        struct aeon_task *t = aeon__task_now();
        return t ? &t->vars : aeon__thread_vars;
}

static unsigned find(const struct task_vars *vars, const aeon_var *var)
{
        unsigned i = 0;
        while (vars && i < vars->count && vars->entries[i].var != var)
                i++;
        return i;
}

/* A table of one's own with room for @count entries, holding what @vars held. */
static struct task_vars *own_copy(struct task_vars *vars, unsigned count)
{
        struct task_vars *copy = malloc(sizeof *copy + count * sizeof copy->entries[0]);
        if (!copy)
                return NULL;
        copy->holders = 1;
        copy->count = vars ? vars->count : 0;
        if (vars)
                memcpy(copy->entries, vars->entries, vars->count * sizeof vars->entries[0]);
        for (unsigned i = 0; i < copy->count; i++)
                if (copy->entries[i].counted)
                        atomic_fetch_add_explicit(&copy->entries[i].counted->holders, 1, memory_order_relaxed);
        return copy;
}

static int set(aeon_var *var, void *value, struct counted *counted)
{
        struct task_vars **at = current_vars();
        if (!at)
                return aeon_fail(-EINVAL, "task variable \"%s\" can only be set in a task", var->name);
        struct task_vars *vars = *at;
        unsigned i = find(vars, var);
        bool fits = vars && i < vars->count;
        if (!fits || atomic_load_explicit(&vars->holders, memory_order_acquire) > 1) {
                struct task_vars *copy = own_copy(vars, (vars ? vars->count : 0) + !fits);
                if (!copy)
                        return aeon_fail(-ENOMEM, "no memory for task variable \"%s\"", var->name);
                aeon__vars_drop(vars);
                *at = vars = copy;
        }
        if (!fits)
                vars->entries[vars->count++].var = var;
        else
                counted_drop(vars->entries[i].counted);
        vars->entries[i].value = value;
        vars->entries[i].counted = counted;
        return 0;
}

int aeon_task_var_set(aeon_var *var, void *value)
{
        return set(var, value, NULL);
}

int aeon__task_var_set_counted(aeon_var *var, struct counted *value)
{
        int r = set(var, value, value);
        if (r < 0)
                counted_drop(value);
        return r;
}

void *aeon_task_var_get(const aeon_var *var)
{
        struct task_vars **at = current_vars();
        const struct task_vars *vars = at ? *at : NULL;
        unsigned i = find(vars, var);
        return vars && i < vars->count ? vars->entries[i].value : NULL;
}
