/* The semaphore. While somebody waits the value is 0: what is released goes to a waiter, not through the value. */
#include "task/waiters.h"

struct aeon_semaphore {
        struct waiters waiters;
        size_t value;
        size_t maximum; /* SIZE_MAX: none */
};

int aeon_semaphore_new(size_t value, size_t maximum, aeon_semaphore **ret_semaphore)
{
        if (maximum && value > maximum)
                return aeon_fail(-EINVAL, "a semaphore that begins at %zu cannot have the maximum %zu", value, maximum);
        void *memory;
        int r = aeon__waiters_new(sizeof(aeon_semaphore), "semaphore", &memory);
        if (r < 0)
                return r;
        aeon_semaphore *s = memory;
        s->value = value;
        s->maximum = maximum ? maximum : SIZE_MAX;
        *ret_semaphore = s;
        return 0;
}

void aeon_semaphore_free(aeon_semaphore *s)
{
        aeon__waiters_free(s ? &s->waiters : NULL);
}

int aeon_semaphore_acquire(aeon_semaphore *s)
{
        struct aeon_task *t = NULL;
        int r = aeon__waiters_enter(&s->waiters, &t);
        if (r < 0)
                return r;
        if (s->value == 0)
                return aeon__waiters_wait(&s->waiters, t, NULL, NULL);
        s->value--;
        return aeon__waiters_skip(t);
}

int aeon_semaphore_try_acquire(aeon_semaphore *s)
{
        int r = aeon__waiters_check(&s->waiters);
        if (r < 0)
                return r;
        if (s->value == 0)
                return -EAGAIN;
        s->value--;
        return 0;
}

int aeon_semaphore_release(aeon_semaphore *s)
{
        int r = aeon__waiters_check(&s->waiters);
        if (r < 0)
                return r;
        if (s->value == s->maximum)
                return aeon_fail(-EOVERFLOW, "the semaphore is at its maximum, %zu: more was released than acquired", s->maximum);
        if (!aeon__waiters_wake_one(&s->waiters, 0))
                s->value++;
        return 0;
}

size_t aeon_semaphore_value(const aeon_semaphore *s)
{
        return s->value;
}
