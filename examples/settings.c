/* examples/settings.c - Settings from arguments, the environment, a .env file and defaults: prints them and stops.
 *
 *     $ aeon run settings.c --port 9090
 *     settings host=redis://localhost:6379 port=9090 grace=30.000s token=none
 *
 *     $ echo 'PORT=70000' > bad.env
 *     $ aeon run settings.c --env bad.env        # every bad field is named with file and line; exit code 2
 */
#include <aeon.h>
#include <inttypes.h>
#include <stdio.h>

#define SETTINGS(F)                                                        \
        F(str, host, .def = "redis://localhost:6379", .doc = "broker URL") \
        F(i64, port, .def = "8080", .min = 1, .max = 65535)                \
        F(duration, grace, .def = "30s")                                   \
        F(secret, token)
AEON_RECORD(settings, SETTINGS);

AEON_APP_VAR(config, struct settings);

static int setup(aeon_app *app)
{
        struct settings *s;
        int r = settings_load(app, &s, &(aeon_settings_opts){ .env_file = aeon_app_arg(app, "env", ".env") });
        if (r < 0)
                return r;
        return config_set(s); /* the settings live as long as the app */
}

static int show(aeon_app *app)
{
        const struct settings *s = config_get();
        printf("settings host=%s port=%" PRId64 " grace=%.3fs token=%s\n", s->host, s->port, (double)s->grace / 1e9,
               s->token ? "***" : "none");
        return aeon_app_stop(app, 0);
}

AEON_APP(app)
{
        aeon_on_startup(app, setup);
        aeon_on_startup(app, show);
}
