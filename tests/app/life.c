/* The app that writes down what happens to it; see life.h. */
#include "life.h"

#include "app/app.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------ the trace */

enum { TRACE_LIMIT = 256 };

static struct {
        pthread_mutex_t lock;
        unsigned count;
        struct {
                char name[32];
                int loop;
                bool ready;
        } words[TRACE_LIMIT];
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

void trace(const char *name, int loop, bool ready)
{
        pthread_mutex_lock(&seen.lock);
        if (seen.count < TRACE_LIMIT) {
                snprintf(seen.words[seen.count].name, sizeof seen.words[0].name, "%s", name);
                seen.words[seen.count].loop = loop;
                seen.words[seen.count++].ready = ready;
        }
        pthread_mutex_unlock(&seen.lock);
}

void trace_clear(void)
{
        seen.count = 0;
}

const char *trace_of(int loop)
{
        static char text[4096];
        size_t used = 0;
        text[0] = '\0';
        for (unsigned i = 0; i < seen.count; i++)
                if ((seen.words[i].loop == loop || seen.words[i].loop == NO_LOOP) && used < sizeof text)
                        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? " " : "", seen.words[i].name);
        return text;
}

unsigned trace_count(const char *name, bool ready_only)
{
        unsigned count = 0;
        pthread_mutex_lock(&seen.lock);
        for (unsigned i = 0; i < seen.count; i++)
                count += !strcmp(seen.words[i].name, name) && (seen.words[i].ready || !ready_only);
        pthread_mutex_unlock(&seen.lock);
        return count;
}

unsigned trace_ready_count(void)
{
        unsigned count = 0;
        for (unsigned i = 0; i < seen.count; i++)
                count += seen.words[i].ready;
        return count;
}

/* ------------------------------------------------------------------ instants */

static struct act act;
static _Atomic bool ready_hook_done;

char life_cause[512], life_also[512];
aeon_group *life_group, *life_parts_group;

static int instant(const char *name, aeon_app *app, int loop)
{
        trace(name, loop, aeon_app_is_ready(app));
        bool mine = act.at && !strcmp(act.at, name) && (loop == NO_LOOP || loop == (int)act.loop);
        return mine ? act.does(app) : 0;
}

static int instant_of(const char *name, const void *part, aeon_app *app, int loop)
{
        char whole[32];
        snprintf(whole, sizeof whole, "%s.%s", name, (const char *)part);
        return instant(whole, app, loop);
}

int life_break(aeon_app *app)
{
        (void)app;
        return aeon_fail(-EIO, "it broke");
}

int life_sigterm(aeon_app *app)
{
        (void)app;
        kill(getpid(), SIGTERM);
        return aeon_sleep(AEON_MINUTES(1));
}

/* ------------------------------------------------------------------ parts */

static int part_bind(void *self, aeon_app *app)
{
        return instant_of("bind", self, app, NO_LOOP);
}

/* On a thread of its own, so it is no instant: it has no place in the order. */
static int part_watch(void *self, aeon_app *app)
{
        (void)self;
        trace("watch", -2, aeon_app_is_ready(app));
        int r = aeon_sleep(AEON_NEVER);
        trace("unwatch", -2, aeon_app_is_ready(app));
        return r;
}

static int part_open(void *self, aeon_lifespan *life)
{
        if (aeon_lifespan_index(life) == 0)
                life_parts_group = aeon_lifespan_group(life);
        return instant_of("open", self, aeon_lifespan_app(life), (int)aeon_lifespan_index(life));
}

static int part_serve(void *self, aeon_lifespan *life)
{
        return instant_of("serve", self, aeon_lifespan_app(life), (int)aeon_lifespan_index(life));
}

static void part_quiesce(void *self, aeon_lifespan *life)
{
        instant_of("quiesce", self, aeon_lifespan_app(life), (int)aeon_lifespan_index(life));
}

static void part_close(void *self, aeon_lifespan *life)
{
        instant_of("close", self, aeon_lifespan_app(life), (int)aeon_lifespan_index(life));
}

static void part_unbind(void *self, aeon_app *app)
{
        instant_of("unbind", self, app, NO_LOOP);
        snprintf(life_cause, sizeof life_cause, "%s", app->stop.cause ? app->stop.cause : "");
        snprintf(life_also, sizeof life_also, "%s", app->stop.also ? app->stop.also : "");
}

static void part_free(void *self)
{
        char whole[32];
        snprintf(whole, sizeof whole, "free.%s", (const char *)self);
        trace(whole, NO_LOOP, false);
}

#define RECORDER(letter)                                                                                        \
        {                                                                                                       \
                .name = letter, .bind = part_bind, .watch = part_watch, .open = part_open, .serve = part_serve, \
                .quiesce = part_quiesce, .close = part_close, .unbind = part_unbind, .free = part_free          \
        }
static const aeon_part recorder_a = RECORDER("a"), recorder_b = RECORDER("b");

/* ------------------------------------------------------------------ hooks and the lifespan */

static void undo(void *name)
{
        trace(name, NO_LOOP, false);
}

static int start1(aeon_app *app)
{
        aeon_app_defer(app, undo, "undo1");
        return instant("start1", app, NO_LOOP);
}

static int start2(aeon_app *app)
{
        aeon_app_defer(app, undo, "undo2");
        return instant("start2", app, NO_LOOP);
}

static int after(aeon_app *app)
{
        return instant("after", app, NO_LOOP);
}

static int ready(aeon_app *app)
{
        int r = instant("ready", app, NO_LOOP);
        atomic_store(&ready_hook_done, r >= 0 && aeon__stop_level(app) == STOP_NONE); /* after a stop nothing serves any more */
        return r;
}

static int down(aeon_app *app)
{
        return instant("down", app, NO_LOOP);
}

static int end(aeon_app *app)
{
        return instant("end", app, NO_LOOP);
}

static int serve_between(aeon_lifespan *life)
{
        int loop = (int)aeon_lifespan_index(life);
        int r = instant("enter", aeon_lifespan_app(life), loop);
        if (r < 0)
                return r;
        r = aeon_lifespan_serve(life);
        int left = instant("leave", aeon_lifespan_app(life), loop);
        return r < 0 ? r : left;
}

static int lifespan(aeon_lifespan *life)
{
        aeon_group *group;
        int r = aeon_group_open(&group);
        if (r < 0)
                return r;
        if (aeon_lifespan_index(life) == 0)
                life_group = group;
        aeon_group_fail(group, serve_between(life));
        return aeon_group_close(group);
}

/* The one instant of serving; nothing happens there: then the app has had its life. */
static int serving(void *arg)
{
        aeon_app *app = arg;
        int r = 0;
        while (!atomic_load(&ready_hook_done) && r == 0)
                r = aeon_sleep(AEON_MILLISECONDS(1));
        if (r == 0)
                r = instant("serving", app, NO_LOOP);
        if (!act.at || strcmp(act.at, "serving") != 0)
                aeon_app_stop(app, 0);
        return r;
}

static void define(aeon_app *app)
{
        aeon_use_part(app, &recorder_a, "a");
        aeon_use_part(app, &recorder_b, "b");
        aeon_on_startup(app, start1);
        aeon_on_startup(app, start2);
        aeon_after_startup(app, after);
        aeon_on_ready(app, ready);
        aeon_on_shutdown(app, down);
        aeon_after_shutdown(app, end);
        aeon_use_lifespan(app, lifespan);
        aeon_background(app, "serving", serving, app, NULL);
}

static void forget(void)
{
        act = (struct act){ 0 };
        atomic_store(&ready_hook_done, false);
        life_cause[0] = life_also[0] = '\0';
        trace_clear();
}

static int serve_on(aeon_app *app)
{
        (void)app;
        return 0;
}

int life_simulate(aeon_test_fn *test, const aeon_test_opts *opts, aeon_test_result *ret_result)
{
        forget();
        act = (struct act){ .at = "serving", .does = serve_on };
        return aeon_test_run(define, test, opts, ret_result);
}

int life_run(const struct act *what, unsigned loops)
{
        forget();
        if (what)
                act = *what;
        return aeon_app_run(define, &(aeon_app_opts){ .loops = loops, .quiet = true });
}

/* ------------------------------------------------------------------ the ways */

#define BOUND "bind.a bind.b "
#define UNBOUND "end unbind.b unbind.a undo2 undo1"
#define STARTED BOUND "start1 start2 "
#define OPENED STARTED "enter open.a open.b "
#define CLOSED "quiesce.b quiesce.a down close.b close.a leave " UNBOUND

const struct way life_ways[] = {
        { "start1", BOUND "start1", "end unbind.b unbind.a undo1" },
        { "start2", STARTED, UNBOUND },
        { "enter", STARTED "enter", "down " UNBOUND },
        { "open.a", STARTED "enter open.a", "down leave " UNBOUND },
        { "open.b", OPENED, "quiesce.a down close.a leave " UNBOUND },
        { "after", OPENED "after", CLOSED },
        { "serve.a", OPENED "after serve.a", CLOSED },
        { "serve.b", OPENED "after serve.a serve.b", CLOSED },
        { "ready", OPENED "after serve.a serve.b ready", CLOSED },
        { "serving", OPENED "after serve.a serve.b ready serving", CLOSED },
        { NULL, NULL, NULL },
};

void life_check_way(const struct way *way)
{
        char expected[1024];
        size_t length = strlen(way->up);
        snprintf(expected, sizeof expected, "%s%s%s free.a free.b", way->up, way->up[length - 1] == ' ' ? "" : " ", way->down);
        CHECK_STR(trace_of(0), expected);
        CHECK_INT(trace_count("watch", false), 2);
        CHECK_INT(trace_count("unwatch", false), 2);
        /* Ready from the ready hook to the end of serving, and at no other instant. */
        CHECK_INT(trace_ready_count(), trace_count("ready", true) + trace_count("serving", true));
        CHECK_INT(trace_count("ready", true), trace_count("ready", false));
        CHECK_INT(trace_count("serving", true), trace_count("serving", false));
}

/* ------------------------------------------------------------------ apart */

int run_apart(void (*define_it)(aeon_app *app), const aeon_app_opts *opts, char **ret_words)
{
        test_folder(); /* before the fork: both sides use it */
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
                if (!freopen(test_path("stderr"), "w", stderr))
                        _exit(99);
                exit(aeon_app_run(define_it, opts));
        }
        int status = 0;
        waitpid(pid, &status, 0);
        char *words = test_read_file(test_path("stderr"));
        fprintf(stderr, "%s", words ? words : "");
        *ret_words = words;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
