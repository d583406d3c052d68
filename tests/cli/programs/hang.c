/* A start-up hook that never ends: with --how task it can be cancelled, with --how thread it cannot. */
#include <aeon.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int hang(aeon_app *app)
{
        puts("hanging");
        fflush(stdout);
        if (!strcmp(aeon_app_arg(app, "how", "task"), "task"))
                return aeon_sleep_until(AEON_NEVER);
        for (;;)
                pause();
}

static int never(aeon_app *app)
{
        (void)app;
        puts("this must not run");
        fflush(stdout);
        return 0;
}

AEON_APP(app)
{
        aeon_on_startup(app, hang);
        aeon_on_startup(app, never);
        aeon_on_shutdown(app, never);
}
