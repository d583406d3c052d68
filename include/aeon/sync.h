/* aeon/sync.h - waiting for each other.
 *
 * Between two suspending calls a task has its loop to itself, so data that is left consistent at each of them needs no lock. These
 * are for the rest:
 *
 *   event       something has happened, once: everybody who waits goes on
 *   mutex       one task at a time, across suspending calls
 *   semaphore   n at a time
 *   condition   wait, with a mutex unlocked meanwhile, until others say that the data have changed
 *   limiter     n at a time, and it knows who; n can be changed
 *
 * Each belongs to the loop in which it was made. Whoever waits is served in order of arrival, and nobody overtakes. A wait that
 * returns an error has taken nothing. A call that suspends is a checkpoint also when it need not wait.
 *
 * Errors of every call that suspends:
 *   -ECANCELED  an enclosing scope was cancelled, or its deadline passed
 *   -EXDEV      the object belongs to another loop
 *   -EINVAL     not called from a task
 *
 * Freeing one while tasks wait for it is refused: it stays as it is, and the log says who waits. */
#ifndef AEON_SYNC_H
#define AEON_SYNC_H

#include <aeon/attributes.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ event */

/* A one-shot flag that tasks of one loop wait for.
 *
 * States: clear -> set. There is no way back; open a new one instead. */
typedef struct aeon_event aeon_event;

/* Errors: -ENOMEM, -EINVAL (no loop runs here). @ret_event is yours; free it when nobody waits. */
AEON_API AEON_MUST_CHECK int aeon_event_new(aeon_event **ret_event);

/* NULL is accepted. */
AEON_API void aeon_event_free(aeon_event *e);

/* Set @e and wake everybody who waits. Setting it again does nothing. Does not suspend. Owner loop only; a task of another loop is
 * refused in the log, and posts instead (aeon_post()). */
AEON_API void aeon_event_set(aeon_event *e);

/* Whether @e has been set. Owner loop only. */
AEON_API bool aeon_event_is_set(const aeon_event *e);

/* Wait until @e is set; returns at once if it is.
 *
 * Suspends. Cancellable. A set that comes before a cancel wins: the waiter returns 0.
 *
 * Source: Trio reference, Event; concurrency rule 18. */
AEON_API AEON_SUSPENDS int aeon_event_wait(aeon_event *e);

/* ------------------------------------------------------------------ mutex */

/* A lock that one task holds. It is not recursive.
 *
 * States: unlocked <-> locked -> broken. It breaks when the task that holds it ends: what it protects may be half done. The log
 * says which task and where it had locked, the task fails with -EINVAL, and all who wait or come later get -EOWNERDEAD. A broken
 * mutex cannot be mended; whoever knows how to mend the data makes a new one. */
typedef struct aeon_mutex aeon_mutex;

/* Errors: -ENOMEM, -EINVAL (no loop runs here). @ret_mutex is yours. */
AEON_API AEON_MUST_CHECK int aeon_mutex_new(aeon_mutex **ret_mutex);

/* NULL is accepted. A locked mutex is not freed; the log says who holds it. */
AEON_API void aeon_mutex_free(aeon_mutex *m);

/* Lock @m; waits while another task holds it.
 *
 * Suspends. Cancellable, and then it is not locked. Once it was handed over a cancel comes too late: 0 is returned, and it is locked.
 *
 * Errors: -EDEADLK     the running task holds it already; the text says where it locked it
 *         -EOWNERDEAD  it is broken; the text says who has broken it
 * Source: Trio reference, Lock; concurrency rule 19. */
#define aeon_mutex_lock(m) aeon_mutex_lock_at((m), AEON_HERE)
AEON_API AEON_MUST_CHECK AEON_SUSPENDS int aeon_mutex_lock_at(aeon_mutex *m, const char *site);

/* The same without waiting. Never suspends. Errors: as above except -ECANCELED, and -EAGAIN. */
#define aeon_mutex_try_lock(m) aeon_mutex_try_lock_at((m), AEON_HERE)
AEON_API AEON_MUST_CHECK int aeon_mutex_try_lock_at(aeon_mutex *m, const char *site);

/* Unlock @m: the task that has waited longest holds it from now on. Does not suspend.
 *
 * Errors: -EPERM   the running task does not hold it; the text says who does and where it was locked
 *         -EXDEV   it belongs to another loop */
AEON_API int aeon_mutex_unlock(aeon_mutex *m);

/* ------------------------------------------------------------------ semaphore */

/* A number that is taken from and given to; taking from 0 waits. */
typedef struct aeon_semaphore aeon_semaphore;

/* A semaphore that begins at @value and is never released above @maximum (0: no maximum). @ret_semaphore is yours.
 *
 * Errors: -ENOMEM; -EINVAL when @value is above @maximum, or no loop runs here */
AEON_API AEON_MUST_CHECK int aeon_semaphore_new(size_t value, size_t maximum, aeon_semaphore **ret_semaphore);

/* NULL is accepted. */
AEON_API void aeon_semaphore_free(aeon_semaphore *s);

/* Take one; waits while there is none.
 *
 * Suspends. Cancellable, and then nothing was taken. Source: Trio reference, Semaphore; concurrency rule 19. */
AEON_API AEON_MUST_CHECK AEON_SUSPENDS int aeon_semaphore_acquire(aeon_semaphore *s);

/* The same without waiting. Never suspends. Errors: -EAGAIN, -EXDEV. */
AEON_API AEON_MUST_CHECK int aeon_semaphore_try_acquire(aeon_semaphore *s);

/* Give one: to the task that has waited longest, else to the value. Any task or callback of the loop. Does not suspend.
 *
 * Errors: -EOVERFLOW  the value is at its maximum already: something was released twice
 *         -EXDEV      it belongs to another loop */
AEON_API int aeon_semaphore_release(aeon_semaphore *s);

/* How many could be taken now. Owner loop only. */
AEON_API size_t aeon_semaphore_value(const aeon_semaphore *s);

/* ------------------------------------------------------------------ condition */

/* Waiting until others have changed what a mutex protects:
 *
 *         r = aeon_mutex_lock(m);
 *         while (r == 0 && !queue_has_work(q))
 *                 r = aeon_cond_wait(c, m);
 *
 * A notify wakes those who wait at that moment; it is not remembered. */
typedef struct aeon_cond aeon_cond;

/* Errors: -ENOMEM, -EINVAL (no loop runs here). @ret_cond is yours. */
AEON_API AEON_MUST_CHECK int aeon_cond_new(aeon_cond **ret_cond);

/* NULL is accepted. */
AEON_API void aeon_cond_free(aeon_cond *c);

/* Unlock @m, wait for a notify, lock @m again.
 *
 * Suspends. Cancellable; @m is locked again even then, so the code after it is the same whatever it returns. A notify that comes
 * before a cancel wins: 0 is returned.
 *
 * Errors: -EPERM       the running task does not hold @m; nothing has happened
 *         -EOWNERDEAD  @m broke meanwhile and is NOT locked; a notify that had come was passed on
 * Source: Trio reference, Condition; concurrency rule 19. */
#define aeon_cond_wait(c, m) aeon_cond_wait_at((c), (m), AEON_HERE)
AEON_API AEON_MUST_CHECK AEON_SUSPENDS int aeon_cond_wait_at(aeon_cond *c, aeon_mutex *m, const char *site);

/* Wake the task that has waited longest, or all. A cancelled task does not wait any more, so it uses up no notify. Any task or
 * callback of the loop, holding the mutex or not. Does not suspend. A task of another loop is refused in the log. */
AEON_API void aeon_cond_notify(aeon_cond *c);
AEON_API void aeon_cond_notify_all(aeon_cond *c);

/* ------------------------------------------------------------------ limiter */

/* A number of tokens, each lent to a borrower, who has at most one. Borrowers are tasks, or any address that stands for what a task
 * works for. What a semaphore cannot: it notices a token returned by somebody who has none, and it can be resized. Nobody returns
 * the token of a task that has ended. */
typedef struct aeon_limiter aeon_limiter;

typedef struct aeon_limiter_stats {
        size_t tokens;   /* how many there are */
        size_t borrowed; /* of them; more than all after a resize, until enough came back */
        size_t waiting;  /* tasks that wait for one */
} aeon_limiter_stats;

/* @tokens may be 0: nobody gets one until a resize. @ret_limiter is yours. Errors: -ENOMEM, -EINVAL (no loop runs here). */
AEON_API AEON_MUST_CHECK int aeon_limiter_new(size_t tokens, aeon_limiter **ret_limiter);

/* NULL is accepted. Tokens that are lent go with it. */
AEON_API void aeon_limiter_free(aeon_limiter *l);

/* Borrow a token for @borrower (NULL: the running task); waits while all are lent.
 *
 * Suspends. Cancellable, and then none was borrowed.
 *
 * Errors: -EALREADY  @borrower has one, or got one while this call waited
 *         -ENOMEM
 * Source: AnyIO, CapacityLimiter; concurrency rule 19. */
AEON_API AEON_MUST_CHECK AEON_SUSPENDS int aeon_limiter_acquire(aeon_limiter *l, const void *borrower);

/* The same without waiting. Never suspends. Errors: as above except -ECANCELED, and -EAGAIN; -EINVAL: @borrower is NULL outside a task. */
AEON_API AEON_MUST_CHECK int aeon_limiter_try_acquire(aeon_limiter *l, const void *borrower);

/* Give @borrower's token back (NULL: the running task's). Any task or callback of the loop. Does not suspend.
 *
 * Errors: -EPERM   @borrower has none
 *         -EXDEV   it belongs to another loop */
AEON_API int aeon_limiter_release(aeon_limiter *l, const void *borrower);

/* From now on there are @tokens. More of them go to those who wait; fewer take away from nobody, but nothing is lent until less than
 * the new number is out. Any task or callback of the loop. Does not suspend. Errors: -EXDEV. */
AEON_API int aeon_limiter_resize(aeon_limiter *l, size_t tokens);

/* How it stands now. Owner loop only. */
AEON_API void aeon_limiter_get_stats(const aeon_limiter *l, aeon_limiter_stats *ret_stats);

#ifdef __cplusplus
}
#endif
#endif
