/* What runs beside the handlers: a health check, a background task that is restarted when it fails, and a periodic one.
 *
 *     $ aeon run beside.c --admin 127.0.0.1:7979
 *     refreshed 1
 *     mailer: 1 letter sent, then the line broke        # and again after a pause that grows
 *
 *     $ curl http://127.0.0.1:7979/healthz              # in another terminal: "degraded" while the queue is long
 */
#include <aeon.h>
#include <stdio.h>

static int refreshed, waiting = 7;

static int check_outbox(aeon_health *h)
{
        return waiting > 5 ? aeon_health_degraded(h, "%d letters are waiting", waiting) : 0;
}

static int mailer(void *arg)
{
        (void)arg;
        int r = aeon_sleep(AEON_MILLISECONDS(100));
        if (r < 0)
                return r; /* told to stop */
        waiting--;
        puts("mailer: 1 letter sent, then the line broke");
        fflush(stdout);
        return waiting > 0 ? aeon_fail(-ECONNRESET, "the mail server hung up") : 0;
}

static int refresh(void *arg)
{
        (void)arg;
        printf("refreshed %d\n", ++refreshed);
        fflush(stdout);
        return 0;
}

AEON_APP(app)
{
        aeon_health_check(app, "outbox", check_outbox,
                          &(aeon_health_opts){ .interval = AEON_SECONDS(1), .impact = AEON_DEGRADING });
        aeon_background(app, "mailer", mailer, NULL, &(aeon_background_opts){ .restart = AEON_RESTART_ON_FAILURE });
        aeon_periodic(app, "refresh", refresh, NULL, &(aeon_periodic_opts){ .every = AEON_SECONDS(1), .jitter = 0.1 });
}
