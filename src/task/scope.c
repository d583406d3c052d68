/* Cancel scopes.
 *
 * DESIGN
 *   The scopes of a loop form a tree. An open one is SCOPE_OPEN or SCOPE_CANCELLED, and this is kept up to date:
 *
 *       cancelled == cancelled by itself, or (not shielded and the parent is cancelled)
 *
 *   Since a task's scopes close in reverse order, a scope has at most one scope of its own task directly inside (`inner`). What
 *   branches is a group's scope: the outermost scope of each of its tasks is inside it too, and is found through the task.
 *
 *       scope of a group -- inner --> scope -- inner --> scope        opened by the body
 *            | task "a" --- inner --> scope                           opened by the group's tasks
 *            | task "b"                                               has opened none: stands in the group's scope itself
 *
 *   The one function that changes the state, refresh(), walks down from a scope whose cause or shield has changed, without recursion,
 *   and stops wherever nothing changed. When a scope becomes cancelled, the tasks whose INNERMOST scope it is have their waits
 *   aborted: its owner, or, for a group's scope, those of its tasks that have opened none of their own.
 *
 *   A scope is ARMED when it has a finite deadline, is open and not yet cancelled by itself. It is in the runner's heap iff armed.
 *
 *   What happens to a scope that is forgotten or closed in the wrong place is in misuse.c.
 */
#include "task/misuse.h"
#include "task/runner.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ the state, down the tree */

bool aeon__scope_outer_visible(const aeon_scope *s)
{
        return !s->shield && s->parent && s->parent->state == SCOPE_CANCELLED;
}

static uint32_t compute_state(const aeon_scope *s)
{
        return s->cause != AEON_CAUSE_NONE || aeon__scope_outer_visible(s) ? SCOPE_CANCELLED : SCOPE_OPEN;
}

static aeon_scope *inner_of(const struct aeon__inner *inner, const struct aeon_task *task)
{
        if (inner->scope && !aeon__scope_is_open(inner->scope))
                aeon__scope_overwritten(task);
        return inner->scope;
}

/* The outermost scope of the next task of @s's group, after the one at @place. On the way, tasks that have none are told of a cancel. The
 * latest task comes first: its deadline is likely to be among the last in the heap, which are the cheapest to remove. */
static aeon_scope *next_task_scope(const aeon_scope *s, const struct list *place)
{
        struct list *tasks = aeon__group_tasks(s->group);
        for (struct list *node = place->prev; node != tasks; node = node->prev) {
                struct aeon_task *t = container_of(node, struct aeon_task, in_group);
                if (t->inner.scope)
                        return inner_of(&t->inner, t);
                if (s->state == SCOPE_CANCELLED)
                        aeon__task_cancel_wait(t);
        }
        return NULL;
}

static aeon_scope *first_inside(const aeon_scope *s)
{
        if (!s->parent) /* the root, which is the outermost scope of its owner */
                return inner_of(&s->owner->inner, s->owner);
        if (s->inner.scope)
                return inner_of(&s->inner, s->owner);
        return s->group ? next_task_scope(s, aeon__group_tasks(s->group)) : NULL;
}

/* What is inside the same parent, after @s. */
static aeon_scope *next_beside(const aeon_scope *s)
{
        const aeon_scope *parent = s->parent;
        if (!parent->group)
                return NULL;
        return next_task_scope(parent, parent == s->owner->outermost ? &s->owner->in_group : aeon__group_tasks(parent->group));
}

/* @lift: take down every shield on the way, and go all the way. */
static void walk_down(aeon_scope *top, bool lift)
{
        aeon_scope *s = top;
        while (s) {
                uint32_t before = s->state;
                s->shield = s->shield && !lift;
                s->state = compute_state(s);
                bool changed = s->state != before;
                if (changed && s->state == SCOPE_CANCELLED && s->owner->scope == s)
                        aeon__task_cancel_wait(s->owner);
                aeon_scope *next = changed || lift ? first_inside(s) : NULL;
                for (; !next && s != top; s = s->parent)
                        next = next_beside(s);
                s = next;
        }
}

static void refresh(aeon_scope *top)
{
        walk_down(top, false);
}

void aeon__scope_lift_shields(aeon_scope *top)
{
        walk_down(top, true);
}

/* ------------------------------------------------------------------ cancelling */

static void disarm(aeon_scope *s)
{
        if (s->owner)
                aeon__heap_remove(&s->owner->runner->deadlines, &s->timer);
}

/* As much of @text as fits. */
static void keep_text(char *to, size_t size, const char *text)
{
        if (!memccpy(to, text, '\0', size))
                to[size - 1] = '\0';
}

void aeon__scope_cancel_for(aeon_scope *s, aeon_cancel_cause cause, const char *reason)
{
        static __thread uint64_t cancels;
        const struct aeon_task *by = cause == AEON_CAUSE_DEADLINE ? NULL : aeon__task_now();
        if (s->cause != AEON_CAUSE_NONE || s->state == SCOPE_CLOSED)
                return;
        if (by && s->owner && s->owner->runner != by->runner) {
                aeon__scope_refuse_foreign(s);
                return;
        }
        s->cause = (uint8_t)cause;
        s->cancel_number = ++cancels;
        keep_text(s->cancelled_by, sizeof s->cancelled_by, by ? by->name : "");
        if (reason)
                keep_text(s->reason, sizeof s->reason, reason);
        else if (cause == AEON_CAUSE_DEADLINE)
                snprintf(s->reason, sizeof s->reason, "the time limit of \"%s\" passed", aeon__scope_name(s));
        else
                snprintf(s->reason, sizeof s->reason, by ? "cancelled by task \"%s\"" : "cancelled", by ? by->name : "");
        disarm(s);
        if (aeon__scope_is_open(s))
                refresh(s);
}

void aeon_scope_cancel(aeon_scope *s, const char *reason)
{
        aeon__scope_cancel_for(s, AEON_CAUSE_ASKED, reason);
}

void aeon__scope_fire(aeon_scope *s)
{
        aeon__scope_cancel_for(s, AEON_CAUSE_DEADLINE, NULL);
}

void aeon_scope_set_shield(aeon_scope *s, bool shield)
{
        s->shield = shield;
        if (aeon__scope_is_open(s))
                refresh(s);
}

/* ------------------------------------------------------------------ deadlines */

/* Make the heap agree with the deadline of an open scope. */
static int arm(aeon_scope *s, aeon_time now)
{
        struct runner *runner = s->owner->runner;
        if (s->cause != AEON_CAUSE_NONE)
                return 0;
        if (s->deadline == AEON_NEVER) {
                aeon__heap_remove(&runner->deadlines, &s->timer);
                return 0;
        }
        if (s->deadline <= now) {
                aeon__scope_fire(s);
                return 0;
        }
        s->timer.kind = TIMER_SCOPE;
        int r = aeon__heap_put(&runner->deadlines, &s->timer, s->deadline);
        return r < 0 ? aeon_fail(r, "no memory for the deadline of scope \"%s\"", aeon__scope_name(s)) : 0;
}

int aeon_scope_set_deadline(aeon_scope *s, aeon_time deadline)
{
        if (s->state == SCOPE_CLOSED)
                return aeon_fail(-EINVAL, "scope \"%s\" was closed at %s", aeon__scope_name(s), s->closed_at);
        aeon_time before = s->deadline;
        s->deadline = deadline;
        /* The clock is not read again, which would cost more than all the rest: what has passed since is found when the turn ends. */
        int r = aeon__scope_is_open(s) ? arm(s, s->owner->runner->sched.time) : 0;
        if (r < 0)
                s->deadline = before;
        return r;
}

aeon_time aeon_scope_deadline(const aeon_scope *s)
{
        return s->deadline;
}

aeon_time aeon_effective_deadline(void)
{
        const struct aeon_task *t = aeon__task_now();
        return t ? aeon__task_deadline(t) : AEON_NEVER;
}

aeon_time aeon__task_deadline(const struct aeon_task *task)
{
        if (task->scope->state == SCOPE_CANCELLED)
                return INT64_MIN;
        aeon_time earliest = AEON_NEVER;
        for (const aeon_scope *s = task->scope; s && aeon__scope_is_open(s); s = s->shield ? NULL : s->parent)
                if (s->deadline < earliest)
                        earliest = s->deadline;
        return earliest;
}

/* ------------------------------------------------------------------ opening */

int aeon_scope_init(aeon_scope *s, const aeon_scope_opts *opts)
{
        /* Field by field, and only what is read before it is next written: scopes are opened often. */
        s->owner = NULL;
        s->group = NULL;
        s->deadline = AEON_NEVER;
        s->timeout = 0;
        s->timer = (struct aeon__heap_node){ 0 };
        s->state = SCOPE_NEW;
        s->cause = AEON_CAUSE_NONE;
        s->shield = s->caught = s->handling = false;
        s->name = NULL;
        if (!opts)
                return 0;
        if (opts->timeout < 0)
                return aeon_fail(-EINVAL, "scope \"%s\": the timeout is negative", opts->name ? opts->name : "scope");
        s->name = opts->name;
        s->shield = opts->shield;
        if (opts->deadline)
                s->deadline = opts->deadline;
        s->timeout = opts->timeout;
        return 0;
}

/* Where the place of the scope inside @parent is kept, for those of @task. */
static struct aeon__inner *inner_place(aeon_scope *parent, struct aeon_task *task)
{
        return parent == task->outermost ? &task->inner : &parent->inner;
}

void aeon__scope_enter(aeon_scope *s, struct aeon_task *task, const char *site)
{
        aeon_scope *parent = task->scope;
        *inner_place(parent, task) = (struct aeon__inner){ .scope = s, .opened_at = site };
        s->parent = parent;
        s->inner.scope = NULL;
        s->owner = task;
        s->outer_mark = task->stack_mark;
        if ((uintptr_t)s < task->stack_mark && aeon__task_stack_holds(task, s))
                task->stack_mark = (uintptr_t)s;
        s->state = compute_state(s);
        task->scope = s;
}

void aeon__scope_move(aeon_scope *s, aeon_scope *parent, const char *opened_at)
{
        *inner_place(parent, s->owner) = (struct aeon__inner){ .scope = s, .opened_at = opened_at };
        s->parent = parent;
        refresh(s);
}

int aeon_scope_enter_at(aeon_scope *s, const char *site)
{
        struct aeon_task *t = aeon__task_now();
        if (!t)
                return aeon_fail(-EINVAL, "a scope must be opened from a task (%s)", site);
        if (s->state != SCOPE_NEW)
                return aeon__scope_refuse_enter(s, site);
        aeon__scopes_check(t, s);
        aeon__scope_enter(s, t, site);
        if (s->deadline == AEON_NEVER && !s->timeout)
                return 0;
        aeon_time now = aeon__runner_clock(t->runner);
        if (s->timeout && s->timeout < s->deadline - (now > 0 ? now : 0))
                s->deadline = now + s->timeout;
        int r = arm(s, now);
        if (r < 0)
                s->deadline = AEON_NEVER; /* it will never fire */
        return r;
}

int aeon_scope_open_at(aeon_scope *s, const aeon_scope_opts *opts, const char *site)
{
        int r = aeon_scope_init(s, opts);
        return r < 0 ? r : aeon_scope_enter_at(s, site);
}

/* ------------------------------------------------------------------ closing */

void aeon__scope_leave(aeon_scope *s, const char *site)
{
        struct aeon_task *t = s->owner;
        disarm(s);
        inner_place(s->parent, t)->scope = NULL;
        t->scope = s->parent;
        if (t->stack_mark == (uintptr_t)s)
                t->stack_mark = s->outer_mark;
        s->owner = NULL;
        s->state = SCOPE_CLOSED;
        s->closed_at = site;
}

int aeon_scope_close_at(aeon_scope *s, int r, const char *site)
{
        if (s->state == SCOPE_NEW)
                return r;
        struct aeon_task *t = aeon__task_now();
        if (t)
                aeon__scopes_check(t, NULL);
        if (!t || t->scope != s || s->group)
                return aeon__scope_refuse_close(s, site);
        aeon__scope_leave(s, site);
        if (r != -ECANCELED || s->cause == AEON_CAUSE_NONE || aeon__scope_outer_visible(s))
                return r;
        s->caught = true;
        /* Whoever was stopped may have said what it was waiting for. */
        bool told = aeon__error_slot_has(aeon__error_current(), -ECANCELED);
        if (s->cause != AEON_CAUSE_DEADLINE) {
                if (told)
                        aeon_error_clear();
                return 0;
        }
        return aeon_fail(-ETIMEDOUT, "the time limit of \"%s\" passed%s%s", aeon__scope_name(s), told ? ": " : "",
                         told ? aeon_error_text() : "");
}

/* ------------------------------------------------------------------ asking */

const char *aeon__scope_name(const aeon_scope *s)
{
        return s->name ? s->name : s->group ? "group" : "scope";
}

bool aeon_scope_cancelled(const aeon_scope *s)
{
        return s->cause != AEON_CAUSE_NONE;
}

bool aeon_scope_caught(const aeon_scope *s)
{
        return s->caught;
}

bool aeon_cancelled(void)
{
        const struct aeon_task *t = aeon__task_now();
        return t && t->scope->state == SCOPE_CANCELLED;
}

/* The earliest of the cancels that reach @s; NULL when none does. */
static const aeon_scope *first_cancelled(const aeon_scope *s)
{
        const aeon_scope *first = s->cause == AEON_CAUSE_NONE ? NULL : s;
        if (!aeon__scope_is_open(s))
                return first;
        while (aeon__scope_outer_visible(s)) {
                s = s->parent;
                if (s->cause != AEON_CAUSE_NONE && (!first || s->cancel_number < first->cancel_number))
                        first = s;
        }
        return first;
}

const char *aeon_scope_reason(const aeon_scope *s)
{
        const aeon_scope *first = first_cancelled(s);
        return first ? first->reason : "";
}

aeon_cancel_cause aeon_scope_cause(const aeon_scope *s)
{
        const aeon_scope *first = first_cancelled(s);
        return first ? (aeon_cancel_cause)first->cause : AEON_CAUSE_NONE;
}

const char *aeon_scope_cancelled_by(const aeon_scope *s)
{
        const aeon_scope *first = first_cancelled(s);
        return first ? first->cancelled_by : "";
}

const char *aeon_cancel_reason(void)
{
        const struct aeon_task *t = aeon__task_now();
        return t ? aeon_scope_reason(t->scope) : "";
}
