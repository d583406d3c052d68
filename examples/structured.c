/* Structured concurrency, without an app: tasks that belong to a block of code, deadlines, and clean-up that cannot be cut short.
 *
 *     $ cc structured.c -o structured $(pkg-config --cflags --libs aeon) && ./structured
 *     both came: 20 and 22
 *     left was stopped: task "right" failed
 *     one failed: the right side is down
 *     left was stopped: the time limit of "deadline" passed
 *     flushed all the same
 *     too late: it took more than 50 ms
 */
#include <aeon.h>
#include <stdio.h>

struct pair {
        int left, right;
        aeon_duration left_takes;
        bool right_fails;
};

/* Clean-up that must finish even when cancelled: outer cancels are held off, for half a second at most. */
static int flush(int r)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .shield = true, .timeout = AEON_MILLISECONDS(500), .name = "flush" });
        int e = aeon_sleep(AEON_MILLISECONDS(10));
        if (e == 0)
                puts("flushed all the same");
        return aeon_scope_close(&s, r < 0 ? r : e);
}

static int fetch_left(void *arg)
{
        struct pair *p = arg;
        int r = aeon_sleep(p->left_takes);
        if (r < 0) {
                printf("left was stopped: %s\n", aeon_cancel_reason());
                return p->right_fails ? r : flush(r);
        }
        p->left = 20;
        return 0;
}

static int fetch_right(void *arg)
{
        struct pair *p = arg;
        if (p->right_fails)
                return aeon_fail(-ECONNREFUSED, "the right side is down");
        p->right = 22;
        return aeon_sleep(AEON_MILLISECONDS(10));
}

static int fetch_both(struct pair *p)
{
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "left", fetch_left, p);
        aeon_spawn(g, "right", fetch_right, p);
        return aeon_group_close(g); /* joins both; the first failure cancels the other and is returned */
}

static int fetch_in_time(struct pair *p, aeon_duration timeout)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = timeout, .name = "deadline" });
        return aeon_scope_close(&s, fetch_both(p)); /* -ETIMEDOUT when its own deadline stopped it */
}

static int demonstrate(void *arg)
{
        (void)arg;
        struct pair quick = { .left_takes = AEON_MILLISECONDS(20) };
        if (fetch_both(&quick) == 0)
                printf("both came: %d and %d\n", quick.left, quick.right);

        struct pair broken = { .left_takes = AEON_SECONDS(60), .right_fails = true };
        int r = fetch_both(&broken);
        printf("one failed: %s\n", aeon_error_describe(r));

        struct pair slow = { .left_takes = AEON_SECONDS(60) };
        if (fetch_in_time(&slow, AEON_MILLISECONDS(50)) == -ETIMEDOUT)
                puts("too late: it took more than 50 ms");
        return 0;
}

int main(void)
{
        return aeon_loop_run(demonstrate, NULL) < 0;
}
