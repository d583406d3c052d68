/* A service of several processes: each says who it is, and files in its folder tell it what to do. */
#include <aeon.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VERSION "first"

#define SETTINGS(F) F(i64, count, .def = "1")
AEON_RECORD(settings, SETTINGS);

static int say(const char *what)
{
        const char *id = getenv("AEON_WORKER_ID");
        printf("%s %u is %d, environment %s, %s\n", what, aeon_worker_id(), (int)getpid(), id ? id : "none", VERSION);
        fflush(stdout);
        return 0;
}

static int once(aeon_app *app)
{
        (void)app;
        return say("once");
}

static int migrate(aeon_app *app)
{
        (void)app;
        int r = aeon_db_exec(aeon_db_get(NULL), "create table if not exists done (n integer)", NULL);
        return r < 0 ? r : say("migrated by");
}

static int once_ready(aeon_app *app)
{
        (void)app;
        return say("all ready");
}

static int once_over(aeon_app *app)
{
        (void)app;
        return say("all over");
}

static int each(aeon_app *app)
{
        struct settings *s;
        int r = settings_load(app, &s, NULL);
        if (r < 0)
                return r;
        if (access("refuse", F_OK) == 0)
                return aeon_fail(-EIO, "told to refuse");
        printf("count %d\n", (int)s->count);
        fflush(stdout);
        return 0;
}

static int ready(aeon_app *app)
{
        (void)app;
        return say("worker");
}

static int hello(aeon_request *req)
{
        char text[64];
        snprintf(text, sizeof text, "%u %d %s", aeon_worker_id(), (int)getpid(), VERSION);
        return aeon_reply_text(req, 200, text);
}

static int spin(aeon_request *req)
{
        (void)req;
        for (volatile int forever = 1; forever;)
                ;
        return 0;
}

static int slow(aeon_request *req)
{
        say("slow");
        int r = aeon_sleep(AEON_SECONDS(60));
        return r < 0 ? r : aeon_reply_text(req, 200, "done");
}

static int door(aeon_health *h)
{
        (void)h;
        return access("closed", F_OK) == 0 ? aeon_fail(-EIO, "closed") : 0;
}

AEON_APP(app)
{
        static const aeon_hook_opts in_supervisor = { .scope = AEON_ONCE };
        aeon_http_listen(app, &(aeon_http_opts){ .port = 8000 });
        aeon_route(app, "GET /", hello, NULL);
        aeon_route(app, "GET /spin", spin, NULL);
        aeon_route(app, "GET /slow", slow, NULL);
        aeon_use_db(app, NULL, "sqlite:./data.db", NULL);
        aeon_health_check(app, "door", door, &(aeon_health_opts){ .impact = AEON_CRITICAL, .interval = AEON_MILLISECONDS(100) });
        aeon_hook_add(app, AEON_ON_STARTUP, once, "once", &in_supervisor);
        aeon_hook_add(app, AEON_AFTER_STARTUP, migrate, "migrate", &in_supervisor);
        aeon_hook_add(app, AEON_ON_READY, once_ready, "once_ready", &in_supervisor);
        aeon_hook_add(app, AEON_AFTER_SHUTDOWN, once_over, "once_over", &in_supervisor);
        aeon_on_startup(app, each);
        aeon_on_ready(app, ready);
}
