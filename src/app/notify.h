/* Telling systemd how the life goes; see notify.c. Without systemd all of this does nothing. */
#pragma once

#include <aeon/app.h>

/* Add the part that speaks to the service manager, if there is one. Errors: -ENOMEM. */
int aeon__notify_use(aeon_app *app);

/* Lines of "NAME=VALUE", as of sd_notify(3). Any thread. */
void aeon__notify(aeon_app *app, const char *format, ...) AEON_PRINTF(2, 3);

/* "RELOADING=1" with the time that systemd wants beside it. */
void aeon__notify_reloading(aeon_app *app);
