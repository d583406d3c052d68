/* What the crowd takes and gives back: mutexes, semaphores, conditions, limiters. */
#include "stress.h"

#include <string.h>

/* Stay for a while in something that must be left in the end; mostly a short while, since others wait. */
static int stay(void)
{
        int r = 0;
        for (size_t n = chance(3); n-- && r == 0;)
                r = chance(8) ? SUSPENDED(aeon_checkpoint()) : SUSPENDED(aeon_sleep(stress.plan.tick));
        return r;
}

static int passed_on(int r)
{
        return r == -ECANCELED ? r : 0;
}

/* ------------------------------------------------------------------ mutexes */

enum { LOCKS = 4 };

struct lock {
        aeon_mutex *mutex;
        int users;   /* tasks in a call on it or holding it */
        int waiting; /* of them in lock */
        int inside;  /* of them holding it */
        bool broken;
};
static struct lock locks[LOCKS];

static struct lock *lock_enter(void)
{
        struct lock *l = &locks[chance(LOCKS)];
        l->users++;
        return l;
}

static void lock_leave(struct lock *l)
{
        if (--l->users || !l->broken)
                return;
        aeon_mutex_free(l->mutex);
        *l = (struct lock){ 0 };
        REQUIRE_INT(aeon_mutex_new(&l->mutex), 0);
}

static int lock_take(struct lock *l)
{
        l->waiting++;
        int r = chance(4) ? SUSPENDED(aeon_mutex_lock(l->mutex)) : aeon_mutex_try_lock(l->mutex);
        l->waiting--;
        REQUIRE(r == 0 || r == -ECANCELED || r == -EAGAIN || (r == -EOWNERDEAD && l->broken));
        return r;
}

static int act_lock(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct lock *l = lock_enter();
        int r = lock_take(l);
        if (r == 0) {
                REQUIRE_INT(l->inside++, 0);
                if (chance(10) == 0)
                        REQUIRE_INT(aeon_mutex_try_lock(l->mutex), -EDEADLK);
                r = stay();
                REQUIRE_INT(--l->inside, 0);
                REQUIRE_INT(aeon_mutex_unlock(l->mutex), 0);
        }
        lock_leave(l);
        return passed_on(r);
}

static int lock_and_end(void *arg)
{
        struct lock *l = arg;
        int r = aeon_mutex_lock(l->mutex);
        l->broken = l->broken || r == 0;
        return r;
}

static int act_break(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct lock *l = lock_enter();
        aeon_group *g;
        REQUIRE_INT(aeon_group_open(&g), 0);
        REQUIRE_INT(aeon_spawn_with(g, "breaker", lock_and_end, l, &(aeon_spawn_opts){ .stack_size = 65536 }), 0);
        int r = aeon_group_close(g);
        bool was_cancelled = r == -ECANCELED || (r == 0 && stress.meddling);
        REQUIRE(was_cancelled || (l->broken && (r == -EINVAL || r == -EOWNERDEAD)));
        lock_leave(l);
        return passed_on(r);
}

/* ------------------------------------------------------------------ a semaphore */

enum { MOST = 5, MOST_TOKENS = 10 };

static struct {
        aeon_semaphore *semaphore;
        int waiting, inside;
} few;

static int act_acquire(struct band *band, int depth)
{
        (void)band, (void)depth;
        few.waiting++;
        int r = chance(4) ? SUSPENDED(aeon_semaphore_acquire(few.semaphore)) : aeon_semaphore_try_acquire(few.semaphore);
        few.waiting--;
        REQUIRE(r == 0 || r == -ECANCELED || r == -EAGAIN);
        if (r == 0) {
                REQUIRE(++few.inside <= MOST);
                r = stay();
                few.inside--;
                REQUIRE_INT(aeon_semaphore_release(few.semaphore), 0);
        }
        return passed_on(r);
}

/* ------------------------------------------------------------------ a condition */

static struct {
        aeon_mutex *mutex;
        aeon_cond *changed;
        struct list listeners; /* in order of arrival */
        int work;
        long done;
} yard = { .listeners = LIST_INIT(yard.listeners) };

struct listener {
        struct list in_yard;
        const struct aeon_task *task;
        bool told;
};

/* Who a notify must reach: the first that still waits, and was not cancelled. */
static struct listener *next_listener(void)
{
        struct listener *l;
        list_foreach (l, &yard.listeners, in_yard)
                if (!l->told && l->task->waiting && !strcmp(l->task->waiting->what, "condition"))
                        return l;
        return NULL;
}

static void notify(bool all)
{
        struct listener *l;
        bool more = true;
        for (; more && (l = next_listener()); more = all)
                l->told = true;
        (all ? aeon_cond_notify_all : aeon_cond_notify)(yard.changed);
}

static int wait_for_work(void)
{
        int r = 0;
        while (r == 0 && yard.work == 0) {
                struct listener self = { .task = aeon__task_now() };
                list_append(&yard.listeners, &self.in_yard);
                r = SUSPENDED(aeon_cond_wait(yard.changed, yard.mutex));
                list_remove(&self.in_yard);
                REQUIRE_INT(r, self.told ? 0 : -ECANCELED);
                REQUIRE_INT(aeon_mutex_try_lock(yard.mutex), -EDEADLK); /* it is ours again */
        }
        return r;
}

static int act_work(struct band *band, int depth)
{
        (void)band, (void)depth;
        int r = SUSPENDED(aeon_mutex_lock(yard.mutex));
        if (r < 0)
                return r;
        if (chance(4)) { /* more want work than there is, and some will have to give up */
                aeon_scope patience;
                REQUIRE_INT(aeon_scope_open(&patience, &(aeon_scope_opts){ .timeout = 1 + some_time() }), 0);
                r = aeon_scope_close(&patience, wait_for_work());
                yard.work -= r == 0;
                yard.done += r == 0;
                REQUIRE(yard.work >= 0);
        } else {
                bool much = chance(8) == 0;
                yard.work += much ? 3 : 1;
                notify(much);
        }
        if (r == 0)
                r = stay();
        REQUIRE_INT(aeon_mutex_unlock(yard.mutex), 0);
        return passed_on(r);
}

/* ------------------------------------------------------------------ a limiter */

static struct {
        aeon_limiter *limiter;
        size_t lent;
} limit;

static int act_borrow(struct band *band, int depth)
{
        (void)band, (void)depth;
        char token; /* the borrower */
        int r = chance(4) ? SUSPENDED(aeon_limiter_acquire(limit.limiter, &token))
                          : aeon_limiter_try_acquire(limit.limiter, &token);
        REQUIRE(r == 0 || r == -ECANCELED || r == -EAGAIN);
        if (r == 0) {
                limit.lent++;
                if (chance(10) == 0)
                        REQUIRE_INT(aeon_limiter_try_acquire(limit.limiter, &token), -EALREADY);
                r = stay();
                limit.lent--;
                REQUIRE_INT(aeon_limiter_release(limit.limiter, &token), 0);
        }
        return passed_on(r);
}

static int act_resize(struct band *band, int depth)
{
        (void)band, (void)depth;
        aeon_limiter_stats stats;
        aeon_limiter_get_stats(limit.limiter, &stats);
        REQUIRE(stats.borrowed >= limit.lent); /* a token may be lent to a task that has not run since */
        REQUIRE_INT(aeon_limiter_resize(limit.limiter, chance(MOST_TOKENS)), 0);
        return 0;
}

/* ------------------------------------------------------------------ for stress.c */

struct act stress_lock_acts[] = {
        { .name = "lock", .weight = 3, .run = act_lock },
        { .name = "break a mutex", .weight = 1, .run = act_break },
        { .name = "acquire", .weight = 3, .run = act_acquire },
        { .name = "work under a condition", .weight = 4, .run = act_work },
        { .name = "borrow", .weight = 3, .run = act_borrow },
        { .name = "resize", .weight = 1, .run = act_resize },
        { 0 },
};

void stress_locks_open(void)
{
        for (size_t i = 0; i < LOCKS; i++)
                REQUIRE_INT(aeon_mutex_new(&locks[i].mutex), 0);
        REQUIRE_INT(aeon_semaphore_new(MOST, MOST, &few.semaphore), 0);
        REQUIRE_INT(aeon_mutex_new(&yard.mutex), 0);
        REQUIRE_INT(aeon_cond_new(&yard.changed), 0);
        REQUIRE_INT(aeon_limiter_new(MOST, &limit.limiter), 0);
}

void stress_locks_check_idle(void)
{
        for (size_t i = 0; i < LOCKS; i++)
                REQUIRE(!(locks[i].waiting && (!locks[i].inside || locks[i].broken)));
        REQUIRE(!(few.waiting && aeon_semaphore_value(few.semaphore)));
        REQUIRE_INT(aeon_semaphore_value(few.semaphore) + (size_t)few.inside, MOST);
        aeon_limiter_stats stats;
        aeon_limiter_get_stats(limit.limiter, &stats);
        REQUIRE_INT(stats.borrowed, limit.lent);
        REQUIRE(!(stats.waiting && stats.borrowed < stats.tokens));
}

void stress_locks_close(void)
{
        REQUIRE(yard.done > 0);
        stress_locks_check_idle();
        for (size_t i = 0; i < LOCKS; i++)
                aeon_mutex_free(locks[i].mutex);
        aeon_semaphore_free(few.semaphore);
        aeon_cond_free(yard.changed);
        aeon_mutex_free(yard.mutex);
        aeon_limiter_free(limit.limiter);
}
