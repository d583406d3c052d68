/* The limiter.
 *
 * DESIGN
 *   Who has a token is in an array of addresses in ascending order, so looking for one is a binary search. A waiter's key is its
 *   borrower. Tokens go to waiters whenever one comes back or the number grows:
 *
 *       somebody waits  ==>  borrowed >= tokens
 *
 *   A borrower may have got a token by the time a second task's wait on behalf of it is served; that one is told so, and
 *   the token goes to the next.
 */
#include "task/waiters.h"

#include <stdlib.h>
#include <string.h>

struct aeon_limiter {
        struct waiters waiters;
        size_t tokens;
        const void **borrowers; /* ascending */
        size_t borrowed;        /* of them */
        size_t room;            /* for them */
};

/* ------------------------------------------------------------------ the borrowers */

/* Whether @borrower has a token; *ret_at is where it stands, or would stand, among the borrowers. */
static bool find(const aeon_limiter *l, const void *borrower, size_t *ret_at)
{
        size_t low = 0, high = l->borrowed;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if ((uintptr_t)l->borrowers[middle] < (uintptr_t)borrower)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_at = low;
        return low < l->borrowed && l->borrowers[low] == borrower;
}

/* Errors: -EALREADY, -ENOMEM; without words, since the borrower's task may be another one. */
static int lend(aeon_limiter *l, const void *borrower)
{
        size_t at;
        if (find(l, borrower, &at))
                return -EALREADY;
        if (l->borrowed == l->room) {
                size_t room = l->room ? l->room * 2 : 16;
                const void **longer = realloc(l->borrowers, room * sizeof *longer);
                if (!longer)
                        return -ENOMEM;
                l->borrowers = longer;
                l->room = room;
        }
        memmove(&l->borrowers[at + 1], &l->borrowers[at], (l->borrowed - at) * sizeof *l->borrowers);
        l->borrowers[at] = borrower;
        l->borrowed++;
        return 0;
}

static void lend_to_waiters(aeon_limiter *l)
{
        struct waiter *next;
        while (l->borrowed < l->tokens && (next = aeon__waiters_pop(&l->waiters)))
                aeon__waiter_wake(next, lend(l, next->key));
}

/* ------------------------------------------------------------------ a limiter's life */

int aeon_limiter_new(size_t tokens, aeon_limiter **ret_limiter)
{
        void *memory;
        int r = aeon__waiters_new(sizeof(aeon_limiter), "limiter", &memory);
        if (r < 0)
                return r;
        aeon_limiter *l = memory;
        l->tokens = tokens;
        *ret_limiter = l;
        return 0;
}

void aeon_limiter_free(aeon_limiter *l)
{
        if (!l)
                return;
        if (list_empty(&l->waiters.list))
                free(l->borrowers);
        aeon__waiters_free(&l->waiters);
}

int aeon_limiter_resize(aeon_limiter *l, size_t tokens)
{
        int r = aeon__waiters_check(&l->waiters);
        if (r < 0)
                return r;
        l->tokens = tokens;
        lend_to_waiters(l);
        return 0;
}

void aeon_limiter_get_stats(const aeon_limiter *l, aeon_limiter_stats *ret_stats)
{
        *ret_stats =
                (aeon_limiter_stats){ .tokens = l->tokens, .borrowed = l->borrowed, .waiting = aeon__waiters_count(&l->waiters) };
}

/* ------------------------------------------------------------------ borrowing */

static int in_words(int r)
{
        if (r == -EALREADY)
                return aeon_fail(-EALREADY, "this borrower has a token of the limiter already");
        if (r == -ENOMEM)
                return aeon_fail(-ENOMEM, "no memory for one more borrower of a limiter");
        return r;
}

static int borrow(aeon_limiter *l, const void *borrower)
{
        size_t at;
        bool lent = l->borrowed >= l->tokens && !find(l, borrower, &at);
        return lent ? -EAGAIN : in_words(lend(l, borrower));
}

int aeon_limiter_acquire(aeon_limiter *l, const void *borrower)
{
        struct aeon_task *t = NULL;
        int r = aeon__waiters_enter(&l->waiters, &t);
        if (r < 0)
                return r;
        if (!borrower)
                borrower = t;
        r = borrow(l, borrower);
        if (r == 0)
                return aeon__waiters_skip(t);
        return r == -EAGAIN ? in_words(aeon__waiters_wait(&l->waiters, t, borrower, NULL)) : r;
}

int aeon_limiter_try_acquire(aeon_limiter *l, const void *borrower)
{
        if (!borrower)
                borrower = aeon__task_now();
        if (!borrower)
                return aeon_fail(-EINVAL, "outside a task a limiter must be told who borrows");
        int r = aeon__waiters_check(&l->waiters);
        return r < 0 ? r : borrow(l, borrower);
}

int aeon_limiter_release(aeon_limiter *l, const void *borrower)
{
        int r = aeon__waiters_check(&l->waiters);
        if (r < 0)
                return r;
        size_t at;
        if (!find(l, borrower ? borrower : aeon__task_now(), &at))
                return aeon_fail(-EPERM, "this borrower has no token of the limiter to give back");
        l->borrowed--;
        memmove(&l->borrowers[at], &l->borrowers[at + 1], (l->borrowed - at) * sizeof *l->borrowers);
        lend_to_waiters(l);
        return 0;
}
