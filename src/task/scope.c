/* Cancel scopes.
 *
 * DESIGN
 *   The scopes of a loop form a tree. Each keeps `effective`:
 *
 *       effective == cancelled by itself, or (not shielded and the parent is effective)
 *
 *   The one function that changes it, refresh(), walks down from a scope whose cause or shield has changed, without recursion,
 *   and stops wherever nothing changed. When a scope becomes effective, the tasks whose INNERMOST scope it is have their waits
 *   aborted: its owner, or, for a group's scope, those of its tasks that have opened none of their own. Tasks further in are
 *   reached through their own scopes.
 *
 *   A scope is ARMED when it has a finite deadline, is open and not yet cancelled by itself. It is in the runner's heap iff armed.
 */
#include "task/runner.h"

#include <aeon/log.h>
#include <stdio.h>

enum scope_state { SCOPE_NEW, SCOPE_OPEN, SCOPE_CLOSED };

static const char *name_of(const aeon_scope *s)
{
        return s->name ? s->name : s->group ? "group" : "scope";
}

/* ------------------------------------------------------------------ effective cancellation */

static bool compute_effective(const aeon_scope *s)
{
        return s->cause != AEON_CAUSE_NONE || aeon__scope_outer_visible(s);
}

bool aeon__scope_outer_visible(const aeon_scope *s)
{
        return !s->shield && s->parent && s->parent->effective;
}

static void abort_waits(aeon_scope *s)
{
        if (s->owner && s->owner->scope == s)
                aeon__task_cancel_wait(s->owner);
        if (!s->group)
                return;
        struct aeon_task *t = NULL;
        list_foreach (t, aeon__group_tasks(s->group), in_group)
                if (t->scope == s)
                        aeon__task_cancel_wait(t);
}

static void refresh(aeon_scope *top)
{
        aeon_scope *s = top;
        for (;;) {
                bool effective = compute_effective(s);
                bool changed = effective != s->effective;
                s->effective = effective;
                if (changed && effective)
                        abort_waits(s);
                if (changed && s->first_child) {
                        s = s->first_child;
                        continue;
                }
                while (s != top && !s->next)
                        s = s->parent;
                if (s == top)
                        return;
                s = s->next;
        }
}

/* ------------------------------------------------------------------ cancelling */

static void disarm(aeon_scope *s)
{
        if (s->owner)
                aeon__heap_remove(&s->owner->runner->deadlines, &s->timer);
}

void aeon__scope_cancel_for(aeon_scope *s, aeon_cancel_cause cause, const char *reason)
{
        if (s->cause != AEON_CAUSE_NONE || s->state == SCOPE_CLOSED)
                return;
        s->cause = (uint8_t)cause;
        snprintf(s->reason, sizeof s->reason, "%s", reason ? reason : "");
        disarm(s);
        if (s->state == SCOPE_OPEN)
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
        if (s->state == SCOPE_OPEN)
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
        return r < 0 ? aeon_fail(r, "no memory for the deadline of scope \"%s\"", name_of(s)) : 0;
}

int aeon_scope_set_deadline(aeon_scope *s, aeon_time deadline)
{
        if (s->state == SCOPE_CLOSED)
                return aeon_fail(-EINVAL, "scope \"%s\" is closed", name_of(s));
        aeon_time before = s->deadline;
        s->deadline = deadline;
        int r = s->state == SCOPE_OPEN ? arm(s, aeon_now()) : 0;
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
        if (!t)
                return AEON_NEVER;
        if (t->scope->effective)
                return INT64_MIN;
        aeon_time earliest = AEON_NEVER;
        for (const aeon_scope *s = t->scope; s; s = s->shield ? NULL : s->parent)
                if (s->deadline < earliest)
                        earliest = s->deadline;
        return earliest;
}

/* ------------------------------------------------------------------ opening */

int aeon_scope_init(aeon_scope *s, const aeon_scope_opts *opts)
{
        /* Field by field: the reason's bytes need no zeroing, and scopes are opened often. */
        s->parent = s->first_child = s->next = s->prev = NULL;
        s->owner = NULL;
        s->group = NULL;
        s->deadline = AEON_NEVER;
        s->timeout = 0;
        s->timer = (struct aeon__heap_node){ 0 };
        s->cause = AEON_CAUSE_NONE;
        s->shield = s->effective = s->caught = s->handling = false;
        s->state = SCOPE_NEW;
        s->name = NULL;
        s->reason[0] = '\0';
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

void aeon__scope_enter(aeon_scope *s, struct aeon_task *task)
{
        aeon_scope *parent = task->scope;
        s->parent = parent;
        s->owner = task;
        s->prev = NULL;
        s->next = parent->first_child;
        if (s->next)
                s->next->prev = s;
        parent->first_child = s;
        s->state = SCOPE_OPEN;
        s->effective = compute_effective(s);
        task->scope = s;
}

int aeon_scope_enter(aeon_scope *s)
{
        struct aeon_task *t = aeon__task_now();
        if (!t)
                return aeon_fail(-EINVAL, "a scope must be opened from a task");
        if (s->state != SCOPE_NEW)
                return aeon_fail(-EALREADY, "scope \"%s\" was entered before", name_of(s));
        aeon__scope_enter(s, t);
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

int aeon_scope_open(aeon_scope *s, const aeon_scope_opts *opts)
{
        int r = aeon_scope_init(s, opts);
        return r < 0 ? r : aeon_scope_enter(s);
}

/* ------------------------------------------------------------------ closing */

void aeon__scope_leave(aeon_scope *s)
{
        disarm(s);
        aeon_scope *parent = s->parent;
        if (s->prev)
                s->prev->next = s->next;
        else
                parent->first_child = s->next;
        if (s->next)
                s->next->prev = s->prev;
        s->owner->scope = parent;
        s->owner = NULL;
        s->state = SCOPE_CLOSED;
}

static int misuse(const aeon_scope *s, const struct aeon_task *t)
{
        const char *why = s->state == SCOPE_CLOSED ? "was closed before"
                          : s->owner != t          ? "belongs to another task"
                          : s->group               ? "belongs to a group: close the group"
                                                   : "is not the innermost open one";
        aeon_log_error("scope \"%s\" cannot be closed: it %s (innermost is \"%s\")", name_of(s), why,
                       t ? name_of(t->scope) : "none");
        return aeon_fail(-EINVAL, "scope \"%s\" %s", name_of(s), why);
}

int aeon_scope_close(aeon_scope *s, int r)
{
        if (s->state == SCOPE_NEW)
                return r;
        struct aeon_task *t = aeon__task_now();
        if (!t || s->state != SCOPE_OPEN || t->scope != s || s->group)
                return misuse(s, t);
        aeon__scope_leave(s);
        if (r != -ECANCELED || s->cause == AEON_CAUSE_NONE || aeon__scope_outer_visible(s))
                return r;
        s->caught = true;
        if (s->cause != AEON_CAUSE_DEADLINE)
                return 0;
        return aeon_fail(-ETIMEDOUT, "the time limit of \"%s\" passed", name_of(s));
}

/* ------------------------------------------------------------------ asking */

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
        return t && t->scope->effective;
}

const char *aeon_cancel_reason(void)
{
        static __thread char text[128];
        const struct aeon_task *t = aeon__task_now();
        if (!t || !t->scope->effective)
                return "";
        const aeon_scope *s = t->scope;
        while (s->cause == AEON_CAUSE_NONE)
                s = s->parent;
        if (s->cause == AEON_CAUSE_DEADLINE)
                snprintf(text, sizeof text, "the time limit of \"%s\" passed", name_of(s));
        else
                snprintf(text, sizeof text, "%s", s->reason[0] ? s->reason : "cancelled");
        return text;
}
