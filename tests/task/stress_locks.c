/* What the crowd shares: mutexes with conditions, semaphores, limiters. Who is inside is counted, and so nothing can hide. */
#include "stress.h"

enum { LOCKS = 16, PLACES = 3, TOKENS = 5 };

static struct lock {
        aeon_mutex *mutex;
        aeon_cond *cond;
        int inside, waiting, waiting_for_notify;
        aeon_semaphore *semaphore;
        int acquired, acquiring;
        aeon_limiter *limiter;
        size_t tokens;
        int borrowed, borrowing;
} locks[LOCKS];

/* Inside for a while; mostly a short one, or all would queue here. */
static int stay(void)
{
        return chance(50) ? SUSPENDED(aeon_checkpoint()) : SUSPENDED(aeon_sleep(some_time()));
}

/* ------------------------------------------------------------------ mutex and condition */

static void enter(struct lock *l)
{
        REQUIRE_INT(l->inside++, 0);
}

static void leave(struct lock *l)
{
        REQUIRE_INT(l->inside--, 1);
}

static int lock(struct lock *l)
{
        l->waiting++;
        int r = chance(4) ? SUSPENDED(aeon_mutex_lock(l->mutex)) : aeon_mutex_try_lock(l->mutex);
        l->waiting--;
        bool wanted = l->inside || l->waiting || l->waiting_for_notify; /* one of these may have it and not know yet */
        REQUIRE(r == 0 || r == -ECANCELED || (r == -EAGAIN && wanted));
        if (r == 0)
                enter(l);
        return r;
}

static void unlock(struct lock *l)
{
        leave(l);
        REQUIRE_INT(aeon_mutex_unlock(l->mutex), 0);
}

static int act_lock(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct lock *l = &locks[chance(LOCKS)];
        int r = lock(l);
        if (r < 0)
                return r == -EAGAIN ? 0 : r;
        REQUIRE_INT(aeon_mutex_try_lock(l->mutex), -EDEADLK);
        r = stay();
        unlock(l);
        return r;
}

static int act_wait_for_notify(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct lock *l = &locks[chance(LOCKS)];
        int r = lock(l);
        if (r < 0)
                return r == -EAGAIN ? 0 : r;
        leave(l);
        l->waiting_for_notify++;
        r = SUSPENDED(aeon_cond_wait(l->cond, l->mutex));
        l->waiting_for_notify--;
        enter(l); /* whatever it returned */
        REQUIRE(r == 0 || r == -ECANCELED);
        unlock(l);
        return r;
}

static int act_notify(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct lock *l = &locks[chance(LOCKS)];
        if (chance(2))
                aeon_cond_notify(l->cond);
        else
                aeon_cond_notify_all(l->cond);
        return 0;
}

/* ------------------------------------------------------------------ semaphore and limiter */

static int act_acquire(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct lock *l = &locks[chance(LOCKS)];
        l->acquiring++;
        int r = chance(4) ? SUSPENDED(aeon_semaphore_acquire(l->semaphore)) : aeon_semaphore_try_acquire(l->semaphore);
        l->acquiring--;
        if (r < 0)
                return r == -EAGAIN ? 0 : r;
        REQUIRE(++l->acquired <= PLACES);
        r = stay();
        l->acquired--;
        REQUIRE_INT(aeon_semaphore_release(l->semaphore), 0);
        return r;
}

static int act_borrow(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct lock *l = &locks[chance(LOCKS)];
        char other;
        const void *borrower = chance(2) ? &other : NULL;
        l->borrowing++;
        int r = chance(4) ? SUSPENDED(aeon_limiter_acquire(l->limiter, borrower)) : aeon_limiter_try_acquire(l->limiter, borrower);
        l->borrowing--;
        if (r < 0)
                return r == -EAGAIN ? 0 : r;
        REQUIRE(++l->borrowed <= TOKENS);
        r = stay();
        l->borrowed--;
        REQUIRE_INT(aeon_limiter_release(l->limiter, borrower), 0);
        return r;
}

static int act_resize(struct band *band, int depth)
{
        (void)band, (void)depth;
        struct lock *l = &locks[chance(LOCKS)];
        l->tokens = 1 + chance(TOKENS);
        REQUIRE_INT(aeon_limiter_resize(l->limiter, l->tokens), 0);
        return 0;
}

/* ------------------------------------------------------------------ for the keeper */

struct act stress_lock_acts[] = {
        { .name = "lock", .weight = 4, .run = act_lock },
        { .name = "wait for a notify", .weight = 2, .run = act_wait_for_notify },
        { .name = "notify", .weight = 4, .run = act_notify },
        { .name = "acquire", .weight = 4, .run = act_acquire },
        { .name = "borrow", .weight = 4, .run = act_borrow },
        { .name = "resize", .weight = 1, .run = act_resize },
        { 0 },
};

void stress_locks_open(void)
{
        for (size_t i = 0; i < LOCKS; i++) {
                locks[i] = (struct lock){ .tokens = TOKENS };
                REQUIRE_INT(aeon_mutex_new(&locks[i].mutex), 0);
                REQUIRE_INT(aeon_cond_new(&locks[i].cond), 0);
                REQUIRE_INT(aeon_semaphore_new(PLACES, PLACES, &locks[i].semaphore), 0);
                REQUIRE_INT(aeon_limiter_new(TOKENS, &locks[i].limiter), 0);
        }
}

void stress_locks_check_idle(void)
{
        for (size_t i = 0; i < LOCKS; i++) {
                const struct lock *l = &locks[i];
                aeon_limiter_stats stats;
                aeon_limiter_get_stats(l->limiter, &stats);
                REQUIRE(!(l->waiting && !l->inside));
                REQUIRE(!(l->acquiring && l->acquired < PLACES));
                REQUIRE_INT(aeon_semaphore_value(l->semaphore), PLACES - l->acquired);
                REQUIRE(!(l->borrowing && stats.borrowed < l->tokens));
                REQUIRE_INT(stats.borrowed, l->borrowed);
                REQUIRE_INT(stats.waiting, l->borrowing);
        }
}

void stress_locks_close(void)
{
        stress_locks_check_idle();
        for (size_t i = 0; i < LOCKS; i++) {
                struct lock *l = &locks[i];
                REQUIRE(!l->inside && !l->waiting && !l->waiting_for_notify && !l->acquired && !l->borrowed);
                REQUIRE_INT(aeon_mutex_try_lock(l->mutex), 0);
                REQUIRE_INT(aeon_mutex_unlock(l->mutex), 0);
                aeon_mutex_free(l->mutex);
                aeon_cond_free(l->cond);
                aeon_semaphore_free(l->semaphore);
                aeon_limiter_free(l->limiter);
        }
}
