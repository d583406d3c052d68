/* What the programmer got wrong; see misuse.h. */
#include "task/misuse.h"

#include "task/runner.h"

#include <aeon/log.h>
#include <execinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ words */

/* The public name of a function: "aeon_start_at" is behind the macro aeon_start(). */
static int name_length(const char *function)
{
        size_t length = strlen(function);
        return (int)(length > 3 && !strcmp(function + length - 3, "_at") ? length - 3 : length);
}

int aeon__misuse(int code, const char *format, ...)
{
        char text[512];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        aeon_log_error("%s", text);
        return aeon_fail_at(code, true, AEON_HERE, "%s", text);
}

/* "scope "fetch"", "a group". */
static const char *label(const aeon_scope *s, char *text, size_t size)
{
        snprintf(text, size, s->name ? "scope \"%s\"" : s->group ? "a group" : "a scope", s->name);
        return text;
}

/* Where the open @s was opened. */
static const char *opened_at(const aeon_scope *s)
{
        const struct aeon_task *t = s->owner;
        return s->parent == t->outermost ? t->inner.opened_at : s->parent->inner.opened_at;
}

/* ------------------------------------------------------------------ refusals */

void aeon__wait_refuse(const char *call)
{
        aeon_fail(-EINVAL, "%.*s() suspends, so it must be called from a task", name_length(call), call);
}

int aeon__scope_refuse_enter(const aeon_scope *s, const char *site)
{
        char name[64];
        label(s, name, sizeof name);
        if (s->state == SCOPE_CLOSED)
                return aeon__misuse(-EALREADY, "%s was closed at %s; it cannot be entered again at %s", name, s->closed_at, site);
        if (aeon__scope_is_open(s))
                return aeon__misuse(-EALREADY, "%s was opened at %s; it cannot be entered again at %s", name, opened_at(s), site);
        return aeon__misuse(-EINVAL, "a scope is entered at %s that was never made by aeon_scope_init()", site);
}

int aeon__scope_refuse_close(const aeon_scope *s, const char *site)
{
        const struct aeon_task *t = aeon__task_now();
        const char *by = t ? t->name : "(none)";
        char name[64], inner[64];
        if (s->state == SCOPE_CLOSED)
                return aeon__misuse(-EINVAL, "%s was closed at %s; it cannot be closed again at %s", label(s, name, sizeof name),
                                    s->closed_at, site);
        if (!aeon__scope_is_open(s))
                return aeon__misuse(-EINVAL, "what is closed at %s by task \"%s\" is no open scope", site, by);
        if (!t || s->owner != t)
                return aeon__misuse(-EINVAL, "%s was opened at %s by task \"%s\"; task \"%s\" cannot close it at %s",
                                    label(s, name, sizeof name), opened_at(s), s->owner->name, by, site);
        if (t->scope == s)
                return aeon__misuse(-EINVAL, "the scope closed at %s belongs to the group opened at %s: close that", site,
                                    opened_at(s));
        return aeon__misuse(
                -EINVAL, "task \"%s\": %s, opened at %s, cannot be closed at %s: %s, opened at %s, is still open inside it", by,
                label(s, name, sizeof name), opened_at(s), site, label(t->scope, inner, sizeof inner), opened_at(t->scope));
}

void aeon__scope_refuse_foreign(const aeon_scope *s)
{
        char name[64];
        aeon__misuse(-EXDEV, "%s, opened at %s by task \"%s\", belongs to another loop than task \"%s\", which tries to cancel it",
                     label(s, name, sizeof name), opened_at(s), s->owner->name, aeon__task_now()->name);
}

/* ------------------------------------------------------------------ scopes whose frame is gone */

void aeon__scope_overwritten(const struct aeon_task *task)
{
        const struct aeon__inner *inner = &task->inner;
        while (inner->scope && aeon__scope_is_open(inner->scope))
                inner = &inner->scope->inner;
        aeon_log_error("task \"%s\" (spawned at %s): the scope opened at %s was overwritten while it was open", task->name,
                       task->site, inner->scope ? inner->opened_at : "(unknown)");
        abort();
}

static bool is_dead(const struct aeon_task *t, const aeon_scope *s, uintptr_t frame, const aeon_scope *opening)
{
        return (aeon__task_stack_holds(t, s) && (uintptr_t)s < frame) || (opening && aeon__scopes_overlap(s, opening));
}

/* Deadlines of dead scopes: recognised by where they lie. One stand-in takes the place of all, so that nothing dead is written to. */
static void forget_deadlines(struct aeon_task *t, uintptr_t frame, const aeon_scope *opening)
{
        struct heap *h = &t->runner->deadlines;
        struct aeon__heap_node stand_in = { 0 };
        for (uint32_t i = 0; i < h->count; i++)
                if (is_dead(t, container_of(h->slots[i].node, aeon_scope, timer), frame, opening))
                        h->slots[i].node = &stand_in;
        for (uint32_t i = 0; i < h->count;) {
                if (h->slots[i].node != &stand_in) {
                        i++;
                        continue;
                }
                stand_in.place = i + 1;
                aeon__heap_remove(h, &stand_in);
                i = 0; /* the order has changed */
        }
}

static void find_mark(struct aeon_task *t)
{
        t->stack_mark = UINTPTR_MAX;
        for (const aeon_scope *s = t->scope; s != t->outermost; s = s->parent)
                if ((uintptr_t)s < t->stack_mark && aeon__task_stack_holds(t, s))
                        t->stack_mark = (uintptr_t)s;
}

/* Take everything from the first dead scope on out of the tree; groups move out of it. Returns where that one was opened, NULL when
 * none is dead. */
static const char *drop_dead(struct aeon_task *t, uintptr_t frame, const aeon_scope *opening)
{
        aeon_scope *outer = t->outermost;
        struct aeon__inner *inner = &t->inner;
        while (inner->scope && !is_dead(t, inner->scope, frame, opening)) {
                if (!aeon__scope_is_open(inner->scope))
                        aeon__scope_overwritten(t);
                outer = inner->scope;
                inner = &outer->inner;
        }
        if (!inner->scope)
                return NULL;
        const char *site = inner->opened_at;
        inner->scope = NULL;
        t->scope = outer;
        forget_deadlines(t, frame, opening);
        aeon__groups_move_out(t);
        find_mark(t);
        return site;
}

/* @frame is that of a function of this file, not of its caller: what lies between the two may belong to a function into which the caller
 * was inlined. */
static void settle(struct aeon_task *task, uintptr_t frame, const aeon_scope *opening)
{
        const char *site = drop_dead(task, frame, opening);
        if (!site)
                return;
        task->left_open = site;
        aeon_log_error("task \"%s\" (spawned at %s): the scope opened at %s was left open by a function that has returned",
                       task->name, task->site, site);
}

void aeon__scopes_settle(struct aeon_task *task, const aeon_scope *opening)
{
        if (!task->no_suspend)
                settle(task, AEON__FRAME(), opening);
}

/* ------------------------------------------------------------------ no-suspend sections */

static _Noreturn void no_suspend_broken(const struct aeon_task *task, const char *what)
{
        void *frames[32];
        aeon_log_error("task \"%s\" (spawned at %s) %s the no-suspend section that began at %s", task->name, task->site, what,
                       task->no_suspend);
        backtrace_symbols_fd(frames, backtrace(frames, sizeof frames / sizeof *frames), 2);
        abort();
}

void aeon__wait_look(struct aeon_task *task, const char *call)
{
        if (task->no_suspend) {
                char what[128];
                snprintf(what, sizeof what, "calls %.*s(), which suspends, in", name_length(call), call);
                no_suspend_broken(task, what);
        }
        settle(task, AEON__FRAME(), NULL);
}

void aeon_no_suspend_begin_at(const char *site)
{
        struct aeon_task *t = aeon__task_now();
        if (!t)
                return;
        if (t->no_suspend_depth++ == 0)
                t->no_suspend = site;
        t->stack_mark = 0;
}

void aeon_no_suspend_end_at(const char *site)
{
        struct aeon_task *t = aeon__task_now();
        if (!t)
                return;
        if (!t->no_suspend) {
                aeon_log_error("task \"%s\" (spawned at %s): the no-suspend section that ends at %s never began", t->name, t->site,
                               site);
                abort();
        }
        if (--t->no_suspend_depth > 0)
                return;
        t->no_suspend = NULL;
        find_mark(t);
}

/* ------------------------------------------------------------------ the end of a task */

int aeon__scopes_end(struct aeon_task *t, const aeon_scope *outermost, int r)
{
        if (t->no_suspend)
                no_suspend_broken(t, "returned without ending");
        const char *site = drop_dead(t, AEON__FRAME(), NULL);
        const char *what = "scope";
        while (t->scope != outermost && t->scope != t->outermost) {
                aeon_scope *s = t->scope;
                what = s->group ? "group" : "scope";
                site = opened_at(s);
                if (s->group)
                        aeon__group_abandon(s->group);
                else
                        aeon__scope_leave(s, "the end of its task");
        }
        if (site)
                aeon_log_error("task \"%s\" (spawned at %s) returned with the %s open that it had opened at %s", t->name, t->site,
                               what, site);
        else
                site = t->left_open;
        t->left_open = NULL;
        return r < 0 || !site
                       ? r
                       : aeon_fail(-EINVAL, "task \"%s\" (spawned at %s) left open what it opened at %s", t->name, t->site, site);
}
