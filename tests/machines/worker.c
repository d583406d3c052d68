/* One machine's share of the work: aeon run worker.c --url URL --from 'NAME?OPTIONS', or --name NAME --publish N
 *
 * Prints "did N" for each number it has handled, and publishes the numbers 1 to N first when asked to. */
#include <aeon.h>
#include <stdio.h>
#include <stdlib.h>

static int work(aeon_message *m)
{
        int r = aeon_sleep(AEON_MILLISECONDS(20));
        if (r >= 0) {
                printf("did %s\n", (const char *)aeon_message_body(m));
                fflush(stdout);
        }
        return r;
}
AEON_RAW_HANDLER(work);

static int publish_one(void *arg)
{
        aeon_app *app = aeon_app_current();
        char text[16];
        snprintf(text, sizeof text, "%d", (int)(intptr_t)arg);
        return aeon_publish(aeon_app_broker(app), aeon_app_arg(app, "name", NULL), AEON_TEXT(text), NULL);
}

static int publish_all(aeon_app *app)
{
        int count = atoi(aeon_app_arg(app, "publish", "0"));
        aeon_group *g;
        int r = count ? aeon_group_open(&g) : 0;
        if (r < 0 || !count)
                return r;
        for (int i = 1; i <= count && r >= 0; i++)
                r = aeon_spawn(g, "publish", publish_one, (void *)(intptr_t)i);
        r = aeon_group_close(g);
        return r < 0 ? r : aeon_app_stop(app, 0);
}

AEON_APP(app)
{
        aeon_use_broker(app, aeon_app_arg(app, "url", NULL));
        if (!aeon_app_arg(app, "publish", NULL))
                aeon_subscribe(app, aeon_app_arg(app, "from", NULL), &work_handler,
                               &(aeon_subscribe_opts){ .concurrency = 8, .window = 16 });
        aeon_on_ready(app, publish_all);
}
