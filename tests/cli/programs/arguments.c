/* Prints what it was handed, and stops. */
#include <aeon.h>
#include <stdio.h>

static int show(aeon_app *app)
{
        printf("loops=%u name=%s color=%s flag=%s\n", aeon_app_loops(app), aeon_app_name(app), aeon_app_arg(app, "color", "none"),
               aeon_app_arg(app, "flag", "none"));
        fflush(stdout);
        return aeon_app_stop(app, 0);
}

AEON_APP(app)
{
        aeon_on_startup(app, show);
}

AEON_MAIN(app);
