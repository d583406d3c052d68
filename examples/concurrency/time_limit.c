/* examples/concurrency/time_limit.c - one time limit around any amount of code. */
#include <aeon.h>
#include <stdio.h>

static int ask_three_servers(void)
{
        for (int i = 1; i <= 3; i++) {
                int r = aeon_sleep(AEON_MILLISECONDS(40)); /* no time-out here, nor in anything that it calls */
                if (r < 0)
                        return r;
                printf("server %d answered\n", i);
        }
        return 3;
}

static int ask_within(aeon_duration limit)
{
        aeon_scope s;
        aeon_scope_open(&s, &(aeon_scope_opts){ .timeout = limit, .name = "the survey" });
        return aeon_scope_close(&s, ask_three_servers());
}

static int run(void *arg)
{
        (void)arg;
        printf("%d answers\n", ask_within(AEON_SECONDS(10)));
        int r = ask_within(AEON_MILLISECONDS(60));
        printf("%s\n", r == -ETIMEDOUT ? aeon_error_text() : "in time");
        return 0;
}

int main(void)
{
        return aeon_loop_run(run, NULL) < 0;
}
