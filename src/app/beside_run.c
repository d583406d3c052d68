/* How background and periodic tasks run on their loop; see beside.h. */
#include "app/beside.h"

#include "base/random.h"
#include "loop/loop.h"

struct aeon_lifespan *aeon__beside_life(const struct beside *b)
{
        return &b->app->lives[b->loop];
}

int aeon__beside_spawn(struct beside *b, aeon_task_fn *fn)
{
        struct aeon_lifespan *life = aeon__beside_life(b);
        if (!life->beside || life->beside_state == BESIDE_CLOSED)
                return aeon_fail(-ESHUTDOWN, "the app has stopped serving");
        return aeon_spawn_at(life->beside, b->name, fn, b, NULL, b->site);
}

void aeon__beside_adopt(const struct beside *b)
{
        struct aeon_task *t = aeon__task_now();
        struct task_vars *context = aeon__vars_hold(aeon__beside_life(b)->context);
        aeon__vars_drop(t->vars);
        t->vars = context;
}

int aeon__beside_run(const struct beside *b, aeon_duration timeout, bool *ret_timed_out)
{
        aeon_error_clear(); /* so that a code without words does not get those of the run before */
        struct call call = { .kind = CALL_TASK, .name = b->name, .loop = b->loop };
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = timeout, .name = b->name });
        int r = aeon__call_begin(b->app, &call);
        r = aeon_scope_close(&limit, aeon__call_end(b->app, &call, r < 0 ? r : aeon__task_call(b->fn, b->arg)));
        *ret_timed_out = r == -ETIMEDOUT && aeon_scope_caught(&limit);
        return r;
}

aeon_duration aeon__beside_pause(aeon_duration first, aeon_duration longest, unsigned failures, aeon_duration *ret_ceiling)
{
        aeon_duration ceiling = first < longest ? first : longest;
        while (failures-- > 0 && ceiling < longest)
                ceiling = ceiling > longest / 2 ? longest : ceiling * 2;
        *ret_ceiling = ceiling;
        return random_up_to(ceiling);
}
