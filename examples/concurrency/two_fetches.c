/* examples/concurrency/two_fetches.c - two things at once, and both are over when the block is over. */
#include <aeon.h>
#include <stdio.h>

struct page {
        const char *host;
        aeon_duration takes;
        int status;
};

static int fetch(void *arg)
{
        struct page *p = arg;
        int r = aeon_sleep(p->takes); /* stands for the network: only this task waits */
        if (r < 0) {
                printf("%s: stopped, because %s\n", p->host, aeon_cancel_reason());
                return r;
        }
        if (!p->status)
                return aeon_fail(-ECONNREFUSED, "%s does not answer", p->host);
        printf("%s: %d\n", p->host, p->status);
        return 0;
}

static int fetch_both(struct page *left, struct page *right)
{
        aeon_group *g;
        int r = aeon_group_open(&g);
        if (r < 0)
                return r;
        aeon_spawn(g, "left", fetch, left);
        aeon_spawn(g, "right", fetch, right);
        return aeon_group_close(g); /* waits for both */
}

static int run(void *arg)
{
        (void)arg;
        struct page a = { "a.example", AEON_MILLISECONDS(20), 200 }, b = { "b.example", AEON_MILLISECONDS(10), 200 };
        int r = fetch_both(&a, &b);
        printf("together: %s\n", aeon_error_describe(r));

        struct page slow = { "slow.example", AEON_SECONDS(60), 200 }, dead = { "dead.example", AEON_MILLISECONDS(10), 0 };
        r = fetch_both(&slow, &dead);
        printf("together: %s\n", aeon_error_describe(r));
        return 0;
}

int main(void)
{
        return aeon_loop_run(run, NULL) < 0;
}
