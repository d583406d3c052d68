/* Groups: the owners of tasks.
 *
 * DESIGN
 *   A group is a scope and a list. Its scope is opened by the task that opens the group, so the body runs inside it; it is the
 *   outermost scope of the group's tasks, so a cancel of the group reaches body and tasks alike. The group keeps every FAILURE, task,
 *   code and words, in order; the first one cancels it and is what closing it returns.
 *
 *   Closed groups are kept on a list of the runner, so opening one costs no allocation in the steady state. The list is a queue of some
 *   length: a pointer to a closed group that somebody kept points, for a while, to a group that knows where it was closed.
 */
#include "task/failures.h"
#include "task/misuse.h"
#include "task/runner.h"

#include <aeon/log.h>
#include <stdio.h>
#include <stdlib.h>

enum { SPARE_GROUPS = 16 }; /* closed ones are reused when there are more than this */

struct aeon_group {
        aeon_scope scope;
        struct runner *runner;
        struct list tasks;                                            /* alive, in order of spawning */
        size_t count;                                                 /* of them */
        size_t holds;                                                 /* aeon_start()s whose task has not come over yet */
        struct aeon_task *joiner;                                     /* waits for the tasks; NULL: nobody */
        const char *closing_at;                                       /* aeon_group_close() was called there; NULL: not yet */
        bool closed;                                                  /* it was, and the last task has ended: no other may come */
        void (*task_ended)(void *arg, struct aeon_task *task, int r); /* hears of each end in place of the group; NULL: nobody */
        void *task_ended_arg;
        bool somebody_was_cancelled; /* a task or the body */
        struct failures failures;
        aeon_group *outer; /* the next one around it that its owner has open */
        const char *opened_at;
        aeon_group *next_spare;
};

struct list *aeon__group_tasks(aeon_group *g)
{
        return &g->tasks;
}

aeon_group *aeon__group_outer(aeon_group *g)
{
        return g->outer;
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
        if (runner->spare_group_count <= SPARE_GROUPS)
                return malloc(sizeof(aeon_group));
        aeon_group *g = runner->spare_groups;
        runner->spare_groups = g->next_spare;
        runner->spare_group_count--;
        return g;
}

static void group_give(aeon_group *g)
{
        g->next_spare = NULL;
        *g->runner->last_spare_group = g;
        g->runner->last_spare_group = &g->next_spare;
        g->runner->spare_group_count++;
}

void aeon__groups_free(struct runner *runner)
{
        while (runner->spare_groups) {
                aeon_group *g = runner->spare_groups;
                runner->spare_groups = g->next_spare;
                free(g);
        }
}

int aeon_group_open_at(aeon_group **ret_group, const char *site)
{
        struct aeon_task *t = aeon__task_now();
        if (!t)
                return aeon_fail(-EINVAL, "a group must be opened from a task (%s)", site);
        aeon__scopes_check(t, NULL);
        aeon_group *g = group_take(t->runner);
        if (!g)
                return aeon_fail(-ENOMEM, "no memory for a group");
        g->runner = t->runner;
        list_init(&g->tasks);
        g->count = g->holds = 0;
        g->joiner = NULL;
        g->closing_at = NULL;
        g->closed = false;
        g->task_ended = NULL;
        g->somebody_was_cancelled = false;
        g->failures.count = 0;
        g->opened_at = site;
        g->outer = t->groups;
        t->groups = g;
        aeon_scope_init(&g->scope, NULL);
        g->scope.group = g;
        aeon__scope_enter(&g->scope, t, site);
        *ret_group = g;
        return 0;
}

void aeon__groups_move_out(struct aeon_task *task)
{
        aeon_scope *outer = task->scope, *around = outer;
        while (around != task->outermost && !around->group)
                around = around->parent;
        aeon_group *kept = around != task->outermost ? around->group : NULL;
        if (task->groups == kept)
                return;
        task->scope = &task->groups->scope;
        task->scope->inner.scope = NULL;
        for (aeon_group *g = task->groups; g != kept; g = g->outer)
                aeon__scope_move(&g->scope, g->outer == kept ? outer : &g->outer->scope, g->opened_at);
}

/* ------------------------------------------------------------------ failures */

/* @task failed with @code; the first failure cancels the group. */
static void fail_with(aeon_group *g, const struct aeon_task *task, int code, struct error_slot *words)
{
        if (!g->failures.count) {
                char reason[sizeof g->scope.reason];
                snprintf(reason, sizeof reason, "task \"%s\" failed: %s", task->name, aeon__error_slot_describe(words, code));
                aeon__scope_cancel_for(&g->scope, AEON_CAUSE_FAILURE, reason);
        }
        aeon__failures_add(&g->failures, task->name, code, words);
}

size_t aeon_group_errors(const aeon_group *g, aeon_group_error ret_errors[], size_t room)
{
        return aeon__failures_list(&g->failures, ret_errors, room);
}

/* ------------------------------------------------------------------ use from outside */

/* May tasks be added to @g from here? */
static int may_spawn(const aeon_group *g, const char *name, const char *site)
{
        if (aeon__runner_now() != g->runner)
                return aeon_fail(-EXDEV, "task \"%s\" (%s): its group belongs to another loop", name, site);
        if (!g->closed)
                return 0;
        return aeon__misuse(-EINVAL, "task \"%s\" (%s): its group, opened at %s, was closed at %s", name, site, g->opened_at,
                            g->closing_at);
}

static bool is_usable(const aeon_group *g, const char *call)
{
        if (aeon__scope_is_open(&g->scope))
                return true;
        aeon__misuse(-EINVAL, "%s(): the group, opened at %s, was closed at %s", call, g->opened_at, g->closing_at);
        return false;
}

void aeon_group_fail(aeon_group *g, int r)
{
        const struct aeon_task *t = aeon__task_now();
        if (r >= 0 || !is_usable(g, __func__))
                return;
        if (r == -ECANCELED && g->scope.state == SCOPE_CANCELLED)
                g->somebody_was_cancelled = true;
        else
                fail_with(g, t ? t : g->scope.owner, r, aeon__error_current());
}

void aeon_group_cancel(aeon_group *g, const char *reason)
{
        if (is_usable(g, __func__))
                aeon_scope_cancel(&g->scope, reason);
}

int aeon__group_hold(aeon_group *g, const char *name, const char *site)
{
        int r = may_spawn(g, name, site);
        if (r == 0)
                g->holds++;
        return r;
}

/* ------------------------------------------------------------------ tasks */

int aeon_spawn_at(aeon_group *g, const char *name, aeon_task_fn *fn, void *arg, const aeon_spawn_opts *opts, const char *site)
{
        struct runner *runner = g->runner;
        if (__builtin_expect(runner != aeon__runner_now() || g->closed, 0)) {
                int r = may_spawn(g, name, site);
                if (r < 0)
                        return r;
        }
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

static void wake_joiner_if_empty(aeon_group *g)
{
        if (g->count || g->holds || !g->joiner)
                return;
        g->closed = g->closing_at; /* not when the joiner runs: others may run before */
        aeon__wake(g->joiner, 0);
        g->joiner = NULL;
}

void aeon__group_release(aeon_group *g)
{
        g->holds--;
        wake_joiner_if_empty(g);
}

static void remove_task(aeon_group *g, struct aeon_task *task)
{
        list_remove(&task->in_group);
        g->count--;
}

void aeon__group_take_over(aeon_group *g, struct aeon_task *task)
{
        aeon_group *from = task->group;
        remove_task(from, task);
        list_append(&g->tasks, &task->in_group);
        g->count++;
        task->group = g;
        task->outermost = &g->scope;
        if (task->inner.scope)
                aeon__scope_move(task->inner.scope, &g->scope, task->inner.opened_at);
        else
                task->scope = &g->scope;
        wake_joiner_if_empty(from);
}

void aeon__group_task_done(aeon_group *g, struct aeon_task *task, int r)
{
        bool cancelled = r == -ECANCELED && task->scope->state == SCOPE_CANCELLED;
        remove_task(g, task);
        g->somebody_was_cancelled |= cancelled;
        if (g->task_ended)
                g->task_ended(g->task_ended_arg, task, r);
        else if (r < 0 && !cancelled)
                fail_with(g, task, r, &task->error);
        wake_joiner_if_empty(g);
}

void aeon__group_supervise(aeon_group *g, void (*task_ended)(void *arg, struct aeon_task *task, int r), void *arg)
{
        g->task_ended = task_ended;
        g->task_ended_arg = arg;
}

/* ------------------------------------------------------------------ closing */

static void describe_join(const struct wait *wait, const struct aeon_task *task, char *text, size_t size)
{
        (void)task;
        size_t left = ((const aeon_group *)wait->object)->count;
        snprintf(text, size, "its group, %zu task%s left", left, left == 1 ? "" : "s");
}

bool aeon__task_joins(const struct aeon_task *task)
{
        return task->waiting && task->waiting->describe == describe_join;
}

/* No abort function: a cancel reaches the tasks through the scope, and the wait goes on until they have ended. */
static void join(aeon_group *g, struct aeon_task *t)
{
        if (!g->count && !g->holds) {
                g->closed = g->closing_at;
                aeon__wait_skip(t);
        }
        while (g->count || g->holds) {
                struct wait wait = { .what = "group", .object = g, .describe = describe_join };
                g->joiner = t;
                aeon__wait(&wait);
        }
}

static int outcome(aeon_group *g)
{
        if (g->failures.count)
                return aeon__failures_tell(&g->failures);
        if (aeon__scope_outer_visible(&g->scope))
                return -ECANCELED;
        if (g->scope.cause == AEON_CAUSE_DEADLINE && g->somebody_was_cancelled)
                return aeon_fail(-ETIMEDOUT, "the time limit of the group passed");
        return 0;
}

int aeon__group_abandon(aeon_group *g)
{
        aeon_group_cancel(g, "its task returned without closing it");
        return aeon_group_close_at(g, "the end of its task");
}

/* May @t wait for @g here, as its owner and in its body? */
static int may_end(const aeon_group *g, struct aeon_task *t, const char *call, const char *site)
{
        if (t)
                aeon__wait_check(t, call);
        return t && t->scope == &g->scope && g->scope.owner == t ? 0 : aeon__scope_refuse_close(&g->scope, site);
}

int aeon_group_join_at(aeon_group *g, const char *site)
{
        struct aeon_task *t = aeon__task_now();
        int r = may_end(g, t, __func__, site);
        if (r == 0)
                join(g, t);
        return r;
}

int aeon_group_close_at(aeon_group *g, const char *site)
{
        if (!g)
                return 0;
        struct aeon_task *t = aeon__task_now();
        int r = may_end(g, t, __func__, site);
        if (r < 0)
                return r;
        g->closing_at = site;
        join(g, t);
        r = outcome(g);
        g->scope.caught = g->somebody_was_cancelled && r != -ECANCELED;
        t->groups = g->outer;
        aeon__scope_leave(&g->scope, site);
        aeon__failures_done(&g->failures);
        group_give(g);
        return r;
}
