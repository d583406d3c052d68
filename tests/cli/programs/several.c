/* Two apps, neither called `app`. */
#include <aeon.h>

static int stop(aeon_app *app)
{
        aeon_log_info("this is %s", aeon_app_name(app));
        return aeon_app_stop(app, 0);
}

AEON_APP(web)
{
        aeon_on_ready(web, stop);
}

AEON_APP(mail)
{
        aeon_on_ready(mail, stop);
}
