/* Groups: the owners of tasks.
 *
 * DESIGN
 *   A group is a scope and a list. Its scope is opened by the task that opens the group, so the body runs inside it; the tasks'
 *   outermost scopes have it as parent, so a cancel of the group reaches body and tasks alike. The group keeps the FIRST failure,
 *   code and words, and cancels itself with it.
 *
 *   Closed groups are kept on a list of the runner: opening one costs no allocation in the steady state.
 */
#include "task/runner.h"

#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>

struct aeon_group {
        aeon_scope scope;
        struct runner *runner;
        struct list tasks;                                            /* alive, in order of spawning */
        size_t count;                                                 /* of them */
        struct aeon_task *joiner;                                     /* waits in aeon_group_close(); NULL: nobody yet */
        bool closed;                                                  /* joined: its last task has ended, and no other may come */
        void (*task_ended)(void *arg, struct aeon_task *task, int r); /* hears of each end in place of the group; NULL: nobody */
        void *task_ended_arg;
        bool a_task_was_cancelled;
        int first_code; /* of the first failure; 0: none */
        struct error_slot first_error;
        aeon_group *next_spare;
};

struct list *aeon__group_tasks(aeon_group *g)
{
        return &g->tasks;
}

aeon_scope *aeon_group_scope(aeon_group *g)
{
        return &g->scope;
}

size_t aeon_group_size(const aeon_group *g)
{
        return g->count;
}

/* ------------------------------------------------------------------ opening */

static aeon_group *group_take(struct runner *runner)
{
        aeon_group *g = runner->spare_groups;
        if (g)
                runner->spare_groups = g->next_spare;
        else
                g = malloc(sizeof *g);
        return g;
}

static void group_give(aeon_group *g)
{
        aeon__error_slot_done(&g->first_error);
        g->next_spare = g->runner->spare_groups;
        g->runner->spare_groups = g;
}

void aeon__groups_free(struct runner *runner)
{
        while (runner->spare_groups) {
                aeon_group *g = runner->spare_groups;
                runner->spare_groups = g->next_spare;
                free(g);
        }
}

int aeon_group_open(aeon_group **ret_group)
{
        struct aeon_task *t = aeon__task_now();
        if (!t)
                return aeon_fail(-EINVAL, "a group must be opened from a task");
        aeon_group *g = group_take(t->runner);
        if (!g)
                return aeon_fail(-ENOMEM, "no memory for a group");
        g->runner = t->runner;
        list_init(&g->tasks);
        g->count = 0;
        g->joiner = NULL;
        g->closed = false;
        g->task_ended = NULL;
        g->a_task_was_cancelled = false;
        g->first_code = 0;
        g->first_error = (struct error_slot){ 0 };
        aeon_scope_init(&g->scope, NULL);
        g->scope.group = g;
        aeon__scope_enter(&g->scope, t);
        *ret_group = g;
        return 0;
}

/* ------------------------------------------------------------------ failures */

static void fail_with(aeon_group *g, int code, struct error_slot *words, const char *who)
{
        if (g->first_code < 0) {
                aeon_log_debug("%s failed too: %s", who, aeon__error_slot_describe(words, code));
                return;
        }
        g->first_code = code;
        if (aeon__error_slot_has(words, code))
                aeon__error_move(words, &g->first_error);
        char reason[56];
        snprintf(reason, sizeof reason, "%s failed", who);
        aeon__scope_cancel_for(&g->scope, AEON_CAUSE_FAILURE, reason);
}

void aeon_group_fail(aeon_group *g, int r)
{
        if (r >= 0 || (r == -ECANCELED && g->scope.effective))
                return;
        fail_with(g, r, aeon__error_current(), "the body");
}

void aeon_group_cancel(aeon_group *g, const char *reason)
{
        aeon_scope_cancel(&g->scope, reason);
}

/* ------------------------------------------------------------------ tasks */

int aeon_spawn_at(aeon_group *g, const char *name, aeon_task_fn *fn, void *arg, const aeon_spawn_opts *opts, const char *site)
{
        struct runner *runner = g->runner;
        if (runner != aeon__runner_now() && aeon__runner_now())
                return aeon_fail(-EINVAL, "task \"%s\": its group belongs to another loop (%s)", name, site);
        if (g->closed)
                return aeon_fail(-EINVAL, "task \"%s\": its group is closed (%s)", name, site);
        size_t wanted = opts && opts->stack_size ? opts->stack_size : STACK_LARGE_SIZE;
        if (wanted > STACK_LARGE_SIZE)
                return aeon_fail(-E2BIG, "task \"%s\": stacks have at most %d KiB (%s)", name, STACK_LARGE_SIZE / 1024, site);
        enum stack_class class = wanted <= STACK_SMALL_SIZE ? STACK_SMALL : STACK_LARGE;
        int r = aeon__task_new(runner, g, name, fn, arg, class, site);
        if (r < 0) {
                r = aeon_fail(r, "task \"%s\" (%s)", name, site);
                if (!g->task_ended) /* a supervisor hears of it from its own call */
                        aeon_group_fail(g, r);
                return r;
        }
        g->count++;
        return 0;
}

void aeon__group_task_done(aeon_group *g, struct aeon_task *task, int r)
{
        list_remove(&task->in_group);
        g->count--;
        if (r == -ECANCELED && task->scope->effective)
                g->a_task_was_cancelled = true;
        if (g->task_ended) {
                g->task_ended(g->task_ended_arg, task, r);
        } else if (r < 0 && !(r == -ECANCELED && task->scope->effective)) {
                char who[48];
                snprintf(who, sizeof who, "task \"%s\"", task->name);
                fail_with(g, r, &task->error, who);
        }
        if (g->count == 0 && g->joiner) {
                g->closed = true; /* not when the joiner runs: others may run before */
                aeon__wake(g->joiner, 0);
        }
}

void aeon__group_supervise(aeon_group *g, void (*task_ended)(void *arg, struct aeon_task *task, int r), void *arg)
{
        g->task_ended = task_ended;
        g->task_ended_arg = arg;
}

/* ------------------------------------------------------------------ closing */

static void join(aeon_group *g, struct aeon_task *t)
{
        if (g->count == 0) {
                g->closed = true;
                aeon__wait_skip(t);
                return;
        }
        /* No abort function: a cancel reaches the tasks through the scope, and the wait goes on until they have ended. */
        struct wait wait = { .what = "group", .object = g };
        g->joiner = t;
        aeon__wait(&wait);
}

static int outcome(aeon_group *g)
{
        if (g->first_code < 0) {
                if (g->first_error.error)
                        aeon__error_move(&g->first_error, aeon__error_current());
                return g->first_code;
        }
        if (aeon__scope_outer_visible(&g->scope))
                return -ECANCELED;
        if (g->scope.cause == AEON_CAUSE_DEADLINE && g->a_task_was_cancelled)
                return aeon_fail(-ETIMEDOUT, "the time limit of the group passed");
        return 0;
}

int aeon__group_abandon(aeon_group *g)
{
        aeon_group_cancel(g, "its task returned without closing it");
        return aeon_group_close(g);
}

int aeon_group_close(aeon_group *g)
{
        struct aeon_task *t = aeon__task_now();
        if (!t || t->scope != &g->scope || g->scope.owner != t) {
                aeon_log_error("a group cannot be closed here: it is not the innermost scope of the running task (which is \"%s\")",
                               t && t->scope->name ? t->scope->name : "unnamed");
                return aeon_fail(-EINVAL, "the group is not the innermost scope of the running task");
        }
        join(g, t);
        int r = outcome(g);
        g->scope.caught = g->a_task_was_cancelled && r != -ECANCELED;
        aeon__scope_leave(&g->scope);
        group_give(g);
        return r;
}
