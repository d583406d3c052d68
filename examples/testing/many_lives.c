/* examples/testing/many_lives.c - a mistake that nobody has thought of, found by running a thousand lives. */
#include <aeon.h>
#include <aeon/testing.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ the service */

static int connections; /* open now */

static int connect_to(const char *host)
{
        (void)host;
        int r = aeon_sleep(AEON_MILLISECONDS(50));
        if (r == 0)
                connections++;
        return r;
}

static int lifespan(aeon_lifespan *life)
{
        int r = connect_to("db1.example");
        if (r < 0)
                return r;
        r = connect_to("db2.example");
        if (r < 0)
                return r; /* the mistake: the first connection stays open when the second fails, or is interrupted */
        r = aeon_lifespan_serve(life);
        connections -= 2;
        return r;
}

AEON_APP(ledger)
{
        aeon_use_lifespan(ledger, lifespan);
}

/* ------------------------------------------------------------------ the test */

/* Our own rule, held against every life when it is over. */
static int nothing_stays_open(const aeon_test_result *life, void *unused)
{
        (void)life, (void)unused;
        int left = connections;
        connections = 0;
        return left == 0 ? 0 : aeon_fail(-EPROTO, "a connection stayed open");
}

int main(void)
{
        static aeon_simulation_result found, again;
        int r = aeon_test_simulate(aeon_app_define_ledger, &(aeon_simulation_opts){ .check = nothing_stays_open }, &found);
        printf("%s\n", strstr(aeon_error_describe(r), "the app's own rule"));
        printf("a signal came while it started: %s\n",
               strstr(found.story, "enter") && !strstr(found.story, "ready") ? "yes" : "no");

        r = aeon_test_simulate(aeon_app_define_ledger,
                               &(aeon_simulation_opts){ .check = nothing_stays_open, .seed = found.seed, .lives = 1 }, &again);
        printf("the same seed, the same story: %s\n", r < 0 && !strcmp(found.story, again.story) ? "yes" : "no");
        return 0;
}
