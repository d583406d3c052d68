/* Drawing lots, moving the clock; see world.h. */
#include "loop/world.h"

#include "base/random.h"

__thread struct world *aeon__world;

enum { BEGIN_SECONDS = 1000, DEADLOCKS_BROKEN = 10 };

/* ------------------------------------------------------------------ beginning and end */

static aeon_time world_now(struct driver *clock)
{
        return container_of(clock, struct world, clock)->now;
}

void aeon__world_begin(struct world *w, uint64_t seed)
{
        *w = (struct world){ .clock = { .now = world_now }, .now = AEON_SECONDS(BEGIN_SECONDS), .chance = seed };
        w->users_chance = random_next(&w->chance);
        list_init(&w->actors);
        list_init(&w->waiters);
        list_init(&w->signals);
        aeon__fault_begin(&w->fault_guard);
        struct sched here;
        aeon__sched_init(&here);
        w->here = here.main;
        w->outside = aeon__sched;
        aeon__sched = NULL; /* between two turns nobody is in a task */
        aeon__thread_clock = &w->clock;
        aeon__random_state = &w->users_chance;
        aeon__world = w;
}

void aeon__world_end(struct world *w)
{
        aeon__world = NULL;
        aeon__random_state = NULL;
        aeon__thread_clock = NULL;
        aeon__sched = w->outside;
        aeon__fault_end(&w->fault_guard);
}

unsigned aeon__world_draw(struct world *w, unsigned limit)
{
        return (unsigned)(random_next(&w->chance) % limit);
}

void aeon__world_add(struct world *w, struct actor *actor)
{
        static const uint8_t weights[] = { 1, 4, 4, 16 };
        actor->weight = weights[aeon__world_draw(w, sizeof weights)];
        list_append(&w->actors, &actor->place);
}

/* ------------------------------------------------------------------ tasks that watch */

struct waiter {
        struct list place;
        struct wait wait;
        struct aeon_task *task;
        bool (*done)(void *arg); /* NULL: when everything is idle */
        void *arg;
};

static bool abort_waiting(struct wait *wait, struct aeon_task *task)
{
        (void)task;
        list_remove(&container_of(wait, struct waiter, wait)->place);
        return true;
}

static int await(bool (*done)(void *arg), void *arg, const char *what)
{
        struct aeon_task *t = NULL;
        int r = aeon__wait_enter(&t);
        if (r < 0)
                return r;
        struct waiter waiter = { .wait = { .what = what, .abort = abort_waiting }, .task = t, .done = done, .arg = arg };
        list_append(&aeon__world->waiters, &waiter.place);
        return aeon__wait(&waiter.wait);
}

int aeon__world_idle(void)
{
        return await(NULL, NULL, "everything to be idle");
}

int aeon__world_await(bool (*done)(void *arg), void *arg)
{
        return done(arg) ? aeon_checkpoint() : await(done, arg, "the app");
}

/* Wake those whose time has come; true when there were any. */
static bool wake_waiters(struct world *w, bool idle)
{
        bool any = false;
        struct waiter *waiter, *following;
        list_foreach_safe (waiter, following, &w->waiters, place)
                if (waiter->done ? waiter->done(waiter->arg) : idle) {
                        list_remove(&waiter->place);
                        aeon__wake(waiter->task, 0);
                        any = true;
                }
        return any;
}

/* ------------------------------------------------------------------ one after another */

/* One of those that can act, each as often as its weight says; NULL when there is none, and *@ret_next is then when there will be. */
static struct actor *draw(struct world *w, aeon_time *ret_next)
{
        struct actor *actor, *drawn = NULL;
        unsigned total = 0;
        *ret_next = AEON_NEVER;
        list_foreach (actor, &w->actors, place) {
                aeon_time at = actor->ready_at(actor);
                if (at < *ret_next)
                        *ret_next = at;
                if (at > w->now)
                        continue;
                total += actor->weight;
                if (aeon__world_draw(w, total) < actor->weight)
                        drawn = actor;
        }
        return drawn;
}

/* What waits for ever may hold memory that somebody is to have back. */
static int break_deadlock(struct world *w)
{
        struct actor *actor;
        if (w->deadlocks++ < DEADLOCKS_BROKEN)
                list_foreach (actor, &w->actors, place)
                        actor->unlock(actor, w->deadlocks > 1);
        aeon_time next = AEON_NEVER;
        list_foreach (actor, &w->actors, place)
                if (actor->ready_at(actor) < next)
                        next = actor->ready_at(actor);
        return next == AEON_NEVER ? aeon_fail(-EDEADLK, "every task waits, and nothing can wake any of them") : 0;
}

static int step(struct world *w)
{
        aeon_time next;
        struct actor *drawn = draw(w, &next);
        if (drawn) {
                drawn->act(drawn);
                wake_waiters(w, false);
                return 0;
        }
        if (wake_waiters(w, true))
                return 0;
        if (next == AEON_NEVER)
                return break_deadlock(w);
        w->now = next;
        return 0;
}

int aeon__world_run(struct world *w, bool (*done)(void *arg), void *arg)
{
        int r = 0;
        while (r == 0 && !done(arg))
                r = step(w);
        return r;
}
