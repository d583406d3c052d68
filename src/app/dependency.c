/* Dependencies of handlers; see aeon/dependency.h.
 *
 * DESIGN
 *   What a handler has opened hangs on its scope. A task finds it by walking outwards through the scopes, from task to group to
 *   the task that opened the group, up to the first one that is a handling's. So tasks that the handler has spawned find the same
 *   values, and those that outlive it, because they belong to another group, cannot: their scopes lead elsewhere.
 */
#include <aeon/dependency.h>

#include "task/task.h"

#include <aeon/error.h>
#include <aeon/log.h>
#include <aeon/sync.h>
#include <stdatomic.h>
#include <stdlib.h>

#define CLOSE_LIMIT AEON_SECONDS(5)

struct aeon_opened {
        struct aeon_opened *next;
        const aeon_dependency *dependency; /* as declared */
        const aeon_dependency *used;       /* the same, or its override */
        void *value;
        struct aeon_task *opener; /* while it is being opened, else NULL */
        aeon_event *settled;      /* set when that is over; NULL while nobody waits for it */
        unsigned waiting;
};

/* ------------------------------------------------------------------ a handler's call */

int aeon_handling_init(aeon_handling *h, const aeon_scope_opts *opts)
{
        h->opened = NULL;
        int r = aeon_scope_init(&h->scope, opts);
        h->scope.handling = true;
        return r;
}

int aeon_handling_enter(aeon_handling *h)
{
        return aeon_scope_enter(&h->scope);
}

static int close_one(struct aeon_opened *o, int r)
{
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .timeout = CLOSE_LIMIT, .name = o->used->name });
        int e = o->used->close(o->value, r);
        if (e < 0 && r >= 0)
                aeon_fail(e, "dependency \"%s\"", o->used->name);
        e = aeon_scope_close(&shield, e);
        if (r >= 0)
                return e < 0 ? e : r;
        if (e < 0 && e != r)
                aeon_log_warning("%s", aeon_error_describe(e));
        return r;
}

int aeon_handling_close(aeon_handling *h, int r)
{
        while (h->opened) {
                struct aeon_opened *o = h->opened;
                h->opened = o->next;
                r = close_one(o, r);
                free(o);
        }
        return aeon_scope_close(&h->scope, r);
}

static aeon_handling *handling_now(void)
{
        const struct aeon_task *t = aeon__task_now();
        for (aeon_scope *s = t ? t->scope : NULL; s; s = s->parent)
                if (s->handling)
                        return (aeon_handling *)(void *)s;
        return NULL;
}

/* ------------------------------------------------------------------ opening */

static void unlink_opened(aeon_handling *h, const struct aeon_opened *o)
{
        struct aeon_opened **at = &h->opened;
        while (*at != o)
                at = &(*at)->next;
        *at = o->next;
}

/* Another task of the same handler is opening it: wait, and look again. */
static int await_opener(struct aeon_opened *o)
{
        if (!o->settled) {
                int r = aeon_event_new(&o->settled);
                if (r < 0)
                        return r;
        }
        o->waiting++;
        int r = aeon_event_wait(o->settled);
        if (--o->waiting == 0) {
                aeon_event_free(o->settled);
                o->settled = NULL;
                if (!o->used) /* it could not be opened, and the last one here clears away */
                        free(o);
        }
        return r;
}

/* The opening is over, for better or worse. */
static void settle(aeon_handling *h, struct aeon_opened *o, bool failed)
{
        unlink_opened(h, o);
        o->opener = NULL;
        if (o->settled)
                aeon_event_set(o->settled);
        if (!failed) {
                o->next = h->opened; /* in front of those that its own opening has opened: it is closed before them */
                h->opened = o;
        } else if (o->waiting) {
                o->used = NULL;
        } else {
                free(o);
        }
}

static int open_now(aeon_handling *h, aeon_dependency *dependency, void **ret_value)
{
        struct aeon_opened *o = calloc(1, sizeof *o);
        if (!o)
                return aeon_fail(-ENOMEM, "no memory for dependency \"%s\"", dependency->name);
        const aeon_dependency *other = __atomic_load_n(&dependency->override, __ATOMIC_ACQUIRE);
        o->dependency = dependency;
        o->used = other ? other : dependency;
        o->opener = aeon__task_now();
        o->next = h->opened;
        h->opened = o;
        int r = o->used->open(&o->value);
        void *value = o->value;
        settle(h, o, r < 0);
        if (r < 0)
                return aeon_fail(r, "dependency \"%s\"", dependency->name);
        *ret_value = value;
        return 0;
}

static struct aeon_opened *find(const aeon_handling *h, const aeon_dependency *dependency)
{
        struct aeon_opened *o = h->opened;
        while (o && o->dependency != dependency)
                o = o->next;
        return o;
}

int aeon_dependency_get(aeon_dependency *dependency, void **ret_value)
{
        aeon_handling *h = handling_now();
        if (!h)
                return aeon_fail(-EINVAL, "dependency \"%s\" is only there inside a handler", dependency->name);
        struct aeon_opened *o;
        while ((o = find(h, dependency)) && o->opener) {
                if (o->opener == aeon__task_now())
                        return aeon_fail(-ELOOP, "dependency \"%s\" needs itself", dependency->name);
                int r = await_opener(o);
                if (r < 0)
                        return r;
        }
        if (!o)
                return open_now(h, dependency, ret_value);
        *ret_value = o->value;
        return 0;
}

void aeon_dependency_override(aeon_dependency *dependency, const aeon_dependency *other)
{
        __atomic_store_n(&dependency->override, other, __ATOMIC_RELEASE);
}
