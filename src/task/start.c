/* Starting a task and waiting until it is ready.
 *
 * DESIGN
 *   The caller opens a group of its own around the wait and spawns the task into that one, so that a cancel of the caller, the task's
 *   failure and the waiting are what they are in any group. The target is HELD: it does not close meanwhile. aeon_started() moves
 *   the task, with what it has opened, over to the target; the caller's group is then empty, and closes.
 *
 *       caller's scope -> group of the start -> task          aeon_started()          target group -> task
 */
#include "task/runner.h"

struct start {
        aeon_group *target;
        void *value;
        bool done;
};

static struct start over; /* task->start of a task that has said it */

static int run_until_ready(struct start *start, const char *name, aeon_task_fn *fn, void *arg, const aeon_spawn_opts *opts,
                           const char *site)
{
        aeon_group *g;
        int r = aeon_group_open_at(&g, site);
        if (r < 0)
                return r;
        r = aeon_spawn_at(g, name, fn, arg, opts, site); /* a failure is also the group's */
        if (r == 0)
                list_first(aeon__group_tasks(g), struct aeon_task, in_group)->start = start;
        r = aeon_group_close_at(g, site);
        if (start->done)
                return 0; /* also when the caller was cancelled since: what was delivered is not lost */
        return r < 0 ? r : aeon_fail(-EPROTO, "task \"%s\" (%s) returned without calling aeon_started()", name, site);
}

int aeon_start_at(aeon_group *g, const char *name, aeon_task_fn *fn, void *arg, void **ret_value, const aeon_spawn_opts *opts,
                  const char *site)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        r = aeon__group_hold(g, name, site);
        if (r < 0)
                return r;
        struct start start = { .target = g };
        r = run_until_ready(&start, name, fn, arg, opts, site);
        aeon__group_release(g);
        if (r == 0 && ret_value)
                *ret_value = start.value;
        return r;
}

int aeon_started(void *value)
{
        struct aeon_task *t = aeon__task_now();
        if (!t)
                return aeon_fail(-EINVAL, "aeon_started() must be called from a task");
        struct start *start = t->start;
        if (!start)
                return 0;
        if (start == &over)
                return aeon_fail(-EALREADY, "task \"%s\" (spawned at %s) called aeon_started() twice", t->name, t->site);
        if (t->outermost->state == SCOPE_CANCELLED)
                return -ECANCELED;
        start->value = value;
        start->done = true;
        t->start = &over;
        aeon__group_take_over(start->target, t);
        return 0;
}
