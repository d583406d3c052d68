/* Settings that are loaded again at SIGHUP: the new set as a whole, or the old one. */
#include "harness.h"

#include "failing.h"

#include <aeon/app.h>
#include <aeon/error.h>
#include <aeon/settings.h>
#include <aeon/var.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define POOL(F) F(i64, size, .def = "4", .min = 1) F(secret, password)
AEON_RECORD(pool, POOL);

#define SETTINGS(F)                    \
        F(str, host, .def = "nowhere") \
        F(list(i64), ports)            \
        F(record(pool), pool)
AEON_RECORD(settings, SETTINGS);

AEON_APP_VAR_MUTABLE(reloaded, struct settings);

static int reloads;

static void write_settings(const char *host, const char *size)
{
        char text[200];
        snprintf(text, sizeof text, "APP_HOST=%s\nAPP_POOL__SIZE=%s\n", host, size);
        test_write_file(".env", text);
}

static int load(aeon_app *app, struct settings **ret_settings)
{
        return settings_load(app, ret_settings, &(aeon_settings_opts){ .prefix = "APP_", .secrets_folder = "secrets" });
}

static int load_and_take(aeon_app *app)
{
        struct settings *s;
        int r = load(app, &s);
        return r < 0 ? r : reloaded_set(s);
}

static void check_config(const char *host, int64_t size)
{
        const struct settings *s = reloaded_get();
        CHECK_STR(s->host, host);
        CHECK_INT(s->pool.size, size);
        CHECK_STR(s->pool.password, "from secrets");
        CHECK_INT(s->ports.items[1], 8081);
}

static int hang_up(aeon_app *app)
{
        (void)app;
        kill(getpid(), SIGHUP);
        return 0;
}

static void run_with_settings(void (*define)(aeon_app *app))
{
        static char *arguments[] = { "--ports", "8080", "8081" };
        clearenv();
        REQUIRE_INT(chdir(test_folder()), 0);
        mkdir("secrets", 0700);
        test_write_file("secrets/app_pool__password", "from secrets\n");
        write_settings("first", "1");
        CHECK_INT(aeon_app_run(define, &(aeon_app_opts){ .quiet = true, .argc = 3, .argv = arguments }), 0);
}

/* ------------------------------------------------------------------ swapped or kept */

static const struct settings *before;

/* Called in front of load_and_take(), whose result it cannot see: what came of it is there to be seen at the next SIGHUP. */
static int change_the_file(aeon_app *app)
{
        switch (++reloads) {
        case 1:
                check_config("first", 1);
                write_settings("second", "2");
                break;
        case 2:
                check_config("second", 2);
                before = reloaded_get();
                write_settings("third", "none");
                break;
        case 3:
                CHECK(reloaded_get() == before);
                check_config("second", 2); /* not even the host, which was right */
                write_settings("fourth", "4");
                break;
        default:
                check_config("fourth", 4);
                CHECK_STR(before->host, "second"); /* who has them in hand keeps them */
                return aeon_app_stop(app, 0);
        }
        return hang_up(app); /* once more, when this reload is over */
}

static void changes_its_settings(aeon_app *app)
{
        aeon_on_startup(app, load_and_take);
        aeon_on_ready(app, hang_up);
        aeon_on_reload(app, change_the_file);
        aeon_on_reload(app, load_and_take);
}

PLAIN_TEST(a_reload_takes_all_settings_or_none)
{
        run_with_settings(changes_its_settings);
        CHECK_INT(reloads, 4);
}

/* ------------------------------------------------------------------ memory that runs out */

static int reload_without_memory(aeon_app *app)
{
        struct settings *s = NULL;
        REQUIRE_INT(load(app, &s), 0); /* makes what is made once */
        write_settings("second", "2");
        long live = failing_live();
        int n = 1, r;
        for (; failing_once(n), r = load(app, &s), failing_end(); n++) {
                CHECK_INT(r, -ENOMEM);
                CHECK(*aeon_error_text());
                aeon_error_clear();
                CHECK_INT(failing_live(), live);
                check_config("first", 1);
        }
        CHECK(n > 20 || test_is_slow());
        REQUIRE_INT(r, 0);
        reloaded_set(s);
        check_config("second", 2);
        reloads++;
        return aeon_app_stop(app, 0);
}

static void reloads_without_memory(aeon_app *app)
{
        aeon_on_startup(app, load_and_take);
        aeon_on_ready(app, hang_up);
        aeon_on_reload(app, reload_without_memory);
}

PLAIN_TEST(a_reload_survives_every_failed_allocation)
{
        run_with_settings(reloads_without_memory);
        CHECK_INT(reloads, 1);
}
