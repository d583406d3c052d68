/* Loops of a world: a runner on the world's clock, a mailbox, and nobody behind them. */
#include "loop/loop.h"
#include "loop/thread.h"

enum { LONGEST_TURN = 8 };

static unsigned draw_length(struct aeon_loop *loop)
{
        return 1 + aeon__world_draw(loop->world, LONGEST_TURN);
}

/* ------------------------------------------------------------------ as an actor */

static aeon_time loop_now(struct driver *driver)
{
        return container_of(driver, struct aeon_loop, driver)->world->now;
}

static int loop_poll(struct driver *driver, aeon_time until)
{
        (void)until; /* the world waits */
        struct aeon_loop *loop = container_of(driver, struct aeon_loop, driver);
        aeon__mailbox_run(&loop->mailbox, draw_length(loop));
        return 0;
}

static aeon_time loop_ready_at(const struct actor *actor)
{
        const struct aeon_loop *loop = container_of(actor, const struct aeon_loop, actor);
        bool now = aeon__sched_has_ready(&loop->runner.sched) || aeon__mailbox_pending(&loop->mailbox);
        return now ? INT64_MIN : heap_earliest(&loop->runner.deadlines);
}

static void loop_ends(struct aeon_loop *loop)
{
        struct loop_thread *t = loop->world_thread;
        t->result = aeon__runner_result(&loop->runner);
        aeon__error_move(aeon__error_current(), &t->error);
        t->ended = true;
        list_remove(&loop->actor.place);
        aeon__loop_end(loop);
        aeon__loop_thread_up(t, t->result);
        if (t->joiner)
                aeon__wake(t->joiner, 0);
}

/* A few tasks at a time, so that loops can come between each other's tasks. */
static void loop_act(struct actor *actor)
{
        struct aeon_loop *loop = container_of(actor, struct aeon_loop, actor);
        struct sched *outer = aeon__sched;
        loop->runner.batch = draw_length(loop);
        aeon__sched = &loop->runner.sched;
        aeon__runner_turn(&loop->runner);
        aeon__sched = outer;
        if (loop->runner.tasks == 0)
                loop_ends(loop);
}

struct driver aeon__world_driver(void)
{
        return (struct driver){ .now = loop_now, .poll = loop_poll };
}

static void loop_unlock(struct actor *actor, bool harder)
{
        struct aeon_loop *loop = container_of(actor, struct aeon_loop, actor);
        if (loop->runner.root.cause == AEON_CAUSE_NONE)
                aeon__deadlock_break(&loop->runner);
        if (harder)
                aeon__scope_lift_shields(&loop->runner.root);
}

void aeon__world_adopt(struct aeon_loop *loop)
{
        loop->actor = (struct actor){ .ready_at = loop_ready_at, .act = loop_act, .unlock = loop_unlock };
        loop->runner.sched.main = loop->world->here;
        loop->runner.sched.shuffle = aeon__world_draw(loop->world, 2) ? 0 : loop->world->chance; /* every other one */
}

/* ------------------------------------------------------------------ in place of a thread */

int aeon__world_thread_start(struct loop_thread *t)
{
        struct aeon_loop *loop = NULL;
        int r = aeon__loop_new(&loop);
        if (r < 0)
                return r;
        loop->first = t->fn;
        loop->first_arg = t->arg;
        struct sched *starter = aeon__sched;
        aeon__sched = NULL; /* a thread inherits nothing of the task that made it */
        r = aeon__runner_begin(&loop->runner, aeon__loop_first, loop);
        aeon__sched = starter;
        if (r < 0) {
                aeon__loop_end(loop);
                aeon_loop_release(loop);
                return aeon_fail(r, "no memory for a loop");
        }
        t->loop = loop;
        loop->world_thread = t;
        aeon__world_add(loop->world, &loop->actor);
        return 0;
}

static bool is_up(void *thread)
{
        return ((struct loop_thread *)thread)->is_up;
}

static bool has_ended(void *thread)
{
        return ((struct loop_thread *)thread)->ended;
}

int aeon__world_thread_await_up(struct loop_thread *t)
{
        int r = aeon__world_run(t->loop->world, is_up, t);
        return r < 0 ? r : t->up_result;
}

void aeon__world_thread_join(struct loop_thread *t)
{
        if (t->ended)
                return;
        if (aeon__task_now()) {
                struct wait wait = { .what = "the end of a loop", .object = t->loop };
                t->joiner = aeon__task_now();
                aeon__wait(&wait);
        } else if (aeon__world_run(t->loop->world, has_ended, t) < 0) {
                t->result = -EDEADLK;
                aeon__error_move(aeon__error_current(), &t->error);
                list_remove(&t->loop->actor.place);
        }
}

int aeon__world_loop_run(aeon_task_fn *fn, void *arg)
{
        struct loop_thread t;
        if (aeon__task_now())
                return aeon_fail(-ENOTSUP, "in a test's world no loop runs inside a task of another");
        int r = aeon__loop_thread_start(&t, fn, arg);
        return r < 0 ? r : aeon__loop_thread_join(&t);
}
