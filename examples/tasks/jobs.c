/* examples/tasks/jobs.c - work that is started while the service runs, and heard of when it ends. */
#include <aeon.h>
#include <stdio.h>
#include <stdlib.h>

struct job {
        int number;
        int pages;
};

static int print_pages(void *arg)
{
        const struct job *job = arg;
        for (int page = 1; page <= job->pages; page++) {
                int r = aeon_sleep(AEON_MILLISECONDS(1));
                if (r < 0)
                        return r; /* told to stop */
                if (page == 13)
                        return aeon_fail(-ENOSPC, "no paper for page 13");
        }
        return 0;
}

static void job_is_over(void *arg, const aeon_background_end *end)
{
        static const char *const words[] = { "printed", "failed", "cancelled", "took too long", "abandoned" };
        struct job *job = arg;
        printf("job %d %s%s%s\n", job->number, words[end->reason], *end->error ? ": " : "", end->error);
        if (end->reason != AEON_END_ABANDONED)
                free(job);
}

static int submit(aeon_app *app, int number, int pages, aeon_restart restart)
{
        char name[32];
        snprintf(name, sizeof name, "job %d", number);
        struct job *job = malloc(sizeof *job);
        if (!job)
                return aeon_fail(-ENOMEM, "no memory for %s", name);
        *job = (struct job){ .number = number, .pages = pages };
        int r = aeon_background(app, name, print_pages, job, &(aeon_background_opts){ .restart = restart, .done = job_is_over });
        if (r < 0)
                free(job); /* it was not accepted, so nobody hears of it */
        return r;
}

static int dispatch(void *arg)
{
        aeon_app *app = arg;
        submit(app, 1, 3, AEON_RESTART_ON_FAILURE);
        submit(app, 2, 20, AEON_RESTART_NEVER);
        submit(app, 3, 20, AEON_RESTART_ALWAYS); /* fails again and again */
        int r = aeon_sleep(AEON_SECONDS(1));
        if (r < 0)
                return r;
        r = aeon_background_stop(app, "job 3");
        aeon_app_stop(app, 0);
        return r;
}

AEON_APP(app)
{
        aeon_background(app, "dispatcher", dispatch, app, &(aeon_background_opts){ .essential = true });
}
AEON_MAIN(app);
