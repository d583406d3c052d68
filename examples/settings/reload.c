/* examples/settings/reload.c - Settings that change while the service runs: kill -HUP reads them again.
 *
 *     $ aeon run reload.c
 *     greeting every 1.0 s: hello
 *
 * Edit .env and send SIGHUP: what is right is taken as a whole; when anything is wrong the log names it, and all stays as it was.
 */
#include <aeon.h>
#include <stdio.h>

#define SETTINGS(F)                                            \
        F(str, greeting, .def = "hello", .doc = "what to say") \
        F(duration, every, .def = "1s", .doc = "how often")
AEON_RECORD(settings, SETTINGS);

AEON_APP_VAR_MUTABLE(config, struct settings);

/* At the start, and again at each SIGHUP. Who still has the old settings in hand keeps them: they live as long as the app. */
static int load(aeon_app *app)
{
        struct settings *s;
        int r = settings_load(app, &s, NULL);
        if (r < 0)
                return r;
        printf("greeting every %.1f s: %s\n", (double)s->every / 1e9, s->greeting);
        fflush(stdout);
        return config_set(s);
}

AEON_APP(app)
{
        aeon_on_startup(app, load);
        aeon_on_reload(app, load);
}
