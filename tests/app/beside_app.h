/* An app that is nothing but its background and periodic tasks, on a virtual clock. */
#pragma once

#include "harness.h"

#include "app/app.h"

#include <aeon/background.h>
#include <aeon/periodic.h>

#define BESIDE_APP_BEGIN AEON_SECONDS(1) /* what the clock shows when it begins to serve */
extern int64_t beside_app_wall;          /* and what the wall clock does */

/* Declare an app with @define (may be NULL) and run @body where its only lifespan serves; then stop it as an app is stopped. Returns
 * the exit code that it would have. It lives in a world of its own (src/loop/world.h): the clock stands still while anything runs. */
int beside_app_run(void (*define)(aeon_app *app), void (*body)(aeon_app *app));

/* A test whose body is run so. The app is `app`; there is no declaration. */
#define BESIDE_TEST(name)                                        \
        static void name##_body(aeon_app *app);                  \
        PLAIN_TEST(name)                                         \
        {                                                        \
                CHECK_INT(beside_app_run(NULL, name##_body), 0); \
        }                                                        \
        static void name##_body(aeon_app *app __attribute__((unused)))

/* What a stop of the app does to such tasks; for a body that looks at them meanwhile. */
void beside_app_stop(aeon_app *app);

/* The only task of this kind and name that is not over, or the last that is, as the lists show it. Borrowed until the next call. */
const aeon_background_info *background_info(aeon_app *app, const char *name);
const aeon_periodic_info *periodic_info(aeon_app *app, const char *name);
