/* The admin listener: what orchestrators and people ask about the app. See admin.c. */
#pragma once

#include <aeon/app.h>
#include <aeon/http.h>
#include <stdbool.h>

/* Give @app an admin listener on @address ("127.0.0.1:7979", "unix:PATH", "off"; NULL: the first free port of
 * 127.0.0.1:7979..7999).
 * @details: show components to everybody, not only to loopback. To be called before the app's own parts. Errors: -ENOMEM. */
int aeon__admin_use(aeon_app *app, const char *address, bool details);

/* ------------------------------------------------------------------ between the files of the listener */

/* GET and POST /log-level. */
int aeon__admin_log_level(aeon_request *req);
