/* examples/concurrency/worker_pool.c - three workers, ten jobs, blocking work on threads, a bad job that does not stop the rest. */
#include <aeon.h>
#include <stdio.h>
#include <time.h>

struct pool {
        aeon_receiver *jobs;
        int done, failed;
};

/* Blocks its thread, as code does that knows nothing of tasks. */
static int compress_file(void *arg)
{
        int job = *(int *)arg;
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
        return job == 7 ? aeon_fail(-EIO, "file %d cannot be read", job) : 0;
}

static int worker(void *arg)
{
        struct pool *p = arg;
        int job, r;
        while ((r = aeon_receive(p->jobs, &job)) == 0) {
                r = aeon_offload(compress_file, &job); /* the loop goes on meanwhile */
                if (r == -ECANCELED)
                        return r;
                if (r < 0)
                        printf("job %d: %s\n", job, aeon_error_describe(r));
                r < 0 ? p->failed++ : p->done++;
        }
        return r == AEON_EOF ? 0 : r;
}

static int run(void *arg)
{
        (void)arg;
        struct pool p = { 0 };
        aeon_sender *jobs;
        int r = aeon_channel_open(sizeof(int), 0, &jobs, &p.jobs);
        if (r < 0)
                return r;
        aeon_group *g;
        r = aeon_group_open(&g);
        if (r < 0)
                return r;
        for (int i = 0; i < 3; i++)
                aeon_spawn(g, "worker", worker, &p); /* all three take from the same end */
        for (int job = 1; job <= 10 && r >= 0; job++)
                r = aeon_send(jobs, &job);
        aeon_sender_close(jobs); /* no more jobs: the workers return */
        r = aeon_group_close(g);
        aeon_receiver_close(p.jobs);
        printf("%d done, %d failed\n", p.done, p.failed);
        return r;
}

int main(void)
{
        return aeon_loop_run(run, NULL) < 0;
}
