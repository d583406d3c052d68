/* examples/debugging/deadlock.c - two tasks, two mutexes, locked in opposite order. */
#include <aeon.h>
#include <stdio.h>

struct pair {
        aeon_mutex *first, *second;
};

static int lock_both(void *arg)
{
        struct pair *p = arg;
        int r = aeon_mutex_lock(p->first);
        if (r < 0)
                return r;
        r = aeon_sleep(AEON_MILLISECONDS(10)); /* meanwhile the other one locks its first, which is our second */
        if (r == 0)
                r = aeon_mutex_lock(p->second);
        if (r == 0)
                aeon_mutex_unlock(p->second);
        aeon_mutex_unlock(p->first);
        return r;
}

static int run(void *arg)
{
        (void)arg;
        aeon_mutex *a, *b;
        aeon_group *g;
        int r = aeon_mutex_new(&a);
        if (r == 0)
                r = aeon_mutex_new(&b);
        if (r == 0)
                r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "left", lock_both, &(struct pair){ a, b });
        aeon_spawn(g, "right", lock_both, &(struct pair){ b, a });
        r = aeon_group_close(g);
        aeon_mutex_free(a);
        aeon_mutex_free(b);
        return r;
}

int main(void)
{
        int r = aeon_loop_run(run, NULL);
        printf("%s\n", aeon_error_describe(r));
        return r < 0;
}
