/* From aeon_app_run() to the exit code: step 0, the loops, and the last lines of step 14. */
#include "app/app.h"

#include "app/notify.h"
#include "app/tracing.h"
#include "app/worker.h"
#include "app/workers.h"
#include "base/metrics.h"
#include "loop/world.h"

#include <signal.h>
#include <stdlib.h>

static aeon_duration or_default(aeon_duration value, aeon_duration otherwise)
{
        return value ? value : otherwise;
}

/* The rest of what was asked for is the supervisor's: it has spent the drain delay before we hear of a stop. */
static void be_worker(aeon_app_opts *o)
{
        o->workers = 0;
        o->drain_delay = o->grace_period = 0;
        aeon__worker_begin();
}

static aeon_app *app_new(const aeon_app_opts *opts)
{
        aeon_app *app = calloc(1, sizeof *app);
        if (!app)
                return NULL;
        if (opts)
                app->opts = *opts;
        aeon_app_opts *o = &app->opts;
        o->name = o->name ? o->name : "app";
        o->loops = o->loops ? o->loops : 1;
        o->workers = o->reload && !o->workers ? 1 : o->workers;
        if (o->explain_settings || aeon__world) /* one process can say it; and in a test's world there is one */
                o->workers = 0;
        o->graceful_timeout = or_default(o->graceful_timeout, AEON_SECONDS(30));
        o->cleanup_timeout = or_default(o->cleanup_timeout, AEON_SECONDS(5));
        o->stall_limit = or_default(o->stall_limit, AEON_SECONDS(10));
        if (aeon_worker_id())
                be_worker(o);
        else if (o->workers)
                o->loops = 1; /* in a supervisor */
        pthread_mutex_init(&app->lock, NULL);
        pthread_mutex_init(&app->stop.lock, NULL);
        atomic_store(&app->live, true);
        return app;
}

static void free_parts(struct part_entry *first)
{
        for (struct part_entry *entry = first, *next; entry; entry = next) {
                next = entry->next;
                if (entry->part->free)
                        entry->part->free(entry->self);
                free(entry);
        }
}

static void app_free(aeon_app *app)
{
        for (unsigned i = 0; app->lives && i < app->opts.loops; i++) {
                aeon_loop_release(atomic_load(&app->lives[i].loop));
                aeon_event_free(app->lives[i].draining);
                free(app->lives[i].part_open);
        }
        free(app->lives);
        free(app->title);
        free(app->version);
        free(app->doc);
        free_parts(app->parts);
        free_parts(app->aside);
        for (int kind = 0; kind < HOOK_KINDS; kind++)
                while (app->hooks[kind]) {
                        struct hook *hook = app->hooks[kind];
                        app->hooks[kind] = hook->next;
                        free(hook);
                }
        aeon_app_reset(app, NULL);
        aeon__health_free(app);
        aeon__beside_free(app);
        aeon__report_free(app);
        aeon__arguments_free(&app->arguments);
        aeon_record_free(app->args);
        aeon_loop_release(atomic_load(&app->main_loop));
        pthread_mutex_destroy(&app->lock);
        pthread_mutex_destroy(&app->stop.lock);
        free(app->stop.cause);
        free(app->stop.also);
        free(app->declare_words);
        free(app);
}

/* What the declarations ask for in memory. */
static int make_lives(aeon_app *app)
{
        app->lives = calloc(app->opts.loops, sizeof *app->lives);
        if (!app->lives)
                return aeon_fail(-ENOMEM, "no memory for %u loops", app->opts.loops);
        for (unsigned i = 0; i < app->opts.loops; i++) {
                struct aeon_lifespan *life = &app->lives[i];
                life->app = app;
                life->index = i;
                life->waiting_for = -1;
                life->part_open = calloc(app->part_count + 1, sizeof *life->part_open);
                if (!life->part_open)
                        return aeon_fail(-ENOMEM, "no memory for %u parts", app->part_count);
        }
        return aeon__report_new(app);
}

static int bind_parts(aeon_app *app)
{
        for (struct part_entry *e = app->parts; e; e = e->next) {
                struct call call = { .kind = CALL_BIND, .name = e->part->name, .index = e->index };
                int r = aeon__call_begin(app, &call);
                if (r == 0 && e->part->bind)
                        r = e->part->bind(e->self, app);
                if (aeon__call_end(app, &call, r) < 0)
                        return r;
                e->bound = true;
        }
        return 0;
}

static void unbind_parts(aeon_app *app)
{
        for (struct part_entry *e = app->last_part; e; e = e->previous) {
                struct call call = { .kind = CALL_UNBIND, .name = e->part->name, .index = e->index };
                if (!e->bound)
                        continue;
                aeon__call_begin(app, &call);
                if (e->part->unbind)
                        e->part->unbind(e->self, app);
                aeon__call_end(app, &call, 0);
        }
}

/* It does not even start; the exit code is @code. */
static void refuse(aeon_app *app, int code, int r, const char *what)
{
        aeon_log_error("%s: %s", what, aeon_error_describe(r));
        app->refused = code;
}

/* Up to the last moment something may ask for a stop with a code, or fail. */
static int exit_code(const aeon_app *app)
{
        if (app->refused)
                return app->refused;
        return app->abandoned && app->stop.code == 0 ? 4 : app->stop.code;
}

/* Told before there is anything to lose: a supervisor that kills in the middle of a drain makes it worthless. */
static void check_grace(const aeon_app *app)
{
        const aeon_app_opts *o = &app->opts;
        aeon_duration worst = o->drain_delay + o->graceful_timeout + o->cleanup_timeout;
        if (o->grace_period && worst > o->grace_period)
                aeon_log_warning(
                        "a stop may take %.1f s (drain delay %.1f s, graceful timeout %.1f s, clean-up timeout %.1f s), but after "
                        "%.1f s it will be killed: lower one of them, or raise the grace period",
                        (double)worst / 1e9, (double)o->drain_delay / 1e9, (double)o->graceful_timeout / 1e9,
                        (double)o->cleanup_timeout / 1e9, (double)o->grace_period / 1e9);
}

/* Steps 0 to 14, between a complete declaration and the freeing of memory. */
static void live(aeon_app *app)
{
        int r = bind_parts(app);
        if (r == 0)
                r = aeon__warden_start(app);
        if (r < 0) {
                refuse(app, 1, r, "cannot start");
                return;
        }
        aeon__report_step(app, STEP_START);
        r = aeon_loop_run(aeon__coordinate, app);
        if (r < 0)
                aeon__stop(app, 1, "%s", aeon_error_describe(r));
        aeon__warden_end(app);
}

static void declare_and_live(aeon_app *app, void (*define)(aeon_app *app))
{
        int r = aeon__arguments_parse(app->opts.argc, app->opts.argv, &app->arguments);
        if (r < 0) {
                refuse(app, 2, r, "bad arguments");
                return;
        }
        app->declaring_aside = app->opts.workers;
        define(app);
        app->declaring_aside = false;
        r = aeon__args_load(app);
        if (r < 0) {
                refuse(app, 2, r, "bad arguments");
                return;
        }
        if (!app->watcher && aeon__notify_use(app) < 0) /* a simulated life is nothing to tell systemd */
                aeon__declare_failed(app, -ENOMEM);
        int traced = app->watcher ? 0 : aeon__tracing_use(app);
        if (traced < 0 && !app->declare_error)
                aeon__declare_failed(app, traced);
        if (aeon__metrics_refusal() && !app->declare_error)
                aeon__declare_failed(app, aeon_fail(-EINVAL, "%s", aeon__metrics_refusal()));
        check_grace(app);
        if (app->opts.workers && (r = aeon__workers_use(app)) < 0)
                aeon__declare_failed(app, r);
        if (app->declare_error) {
                aeon_log_error("%s cannot start: %s", app->opts.name, app->declare_words ? app->declare_words : "out of memory");
                app->refused = 2;
                return;
        }
        r = make_lives(app);
        if (r < 0) {
                refuse(app, 1, r, "cannot start");
                return;
        }
        atomic_store(&aeon__app_running, app);
        if (app->watcher)
                app->watcher->declared(app->watcher);
        live(app);
        unbind_parts(app);
        atomic_store(&aeon__app_running, NULL);
}

int aeon__app_run(void (*define)(aeon_app *app), const aeon_app_opts *opts, struct watcher *watcher)
{
        aeon_app *app = app_new(opts);
        if (!app) {
                aeon_log_error("cannot start: no memory for an app");
                return 1;
        }
        app->watcher = watcher;
        if (watcher)
                watcher->app = app;
        signal(SIGPIPE, SIG_IGN);
        declare_and_live(app, define);
        aeon__beside_end(app);
        aeon__app_vars_clear();
        aeon__run_deferred(app);
        int code = exit_code(app);
        aeon__report_write(app, code);
        if (watcher)
                watcher->app = NULL;
        app_free(app);
        return code;
}

int aeon__app_declare(void (*define)(aeon_app *app), const aeon_app_opts *opts, void (*look)(aeon_app *app, void *arg), void *arg)
{
        aeon_app *app = app_new(opts);
        if (!app)
                return aeon_fail(-ENOMEM, "no memory for an app");
        int r = aeon__arguments_parse(app->opts.argc, app->opts.argv, &app->arguments);
        if (r >= 0) {
                define(app);
                look(app, arg);
        }
        aeon__app_vars_clear();
        aeon__run_deferred(app);
        app_free(app);
        return r;
}

int aeon_app_run(void (*define)(aeon_app *app), const aeon_app_opts *opts)
{
        return aeon__app_run(define, opts, NULL);
}
