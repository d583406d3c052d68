/* The warden: a loop that runs no user code, so that it always answers.
 *
 * DESIGN
 *   It catches SIGTERM and SIGINT (first: stop; second: hurry; third: the report and out; SIGUSR1 goes to src/loop/dump.c), runs the watch tasks of parts (the admin
 *   endpoints), pings every loop to see which is stuck, and holds the hard deadline behind all others. Whatever it decides reaches
 *   the app by posts; only the third signal and the hard deadline end the process from here.
 */
#include "app/app.h"

#include "loop/dump.h"
#include "loop/loop.h"

#include <aeon/signal.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PING_INTERVAL AEON_MILLISECONDS(500)

struct warden {
        aeon_app *app;
        struct loop_thread thread;
        aeon_group *group;
        aeon_event *end;
        bool takes_sigusr1;
        struct aeon_lifespan post; /* what its tasks see as their lifespan: only the app is set */
};

/* ------------------------------------------------------------------ the last resort */

static void end_process(aeon_app *app, int code)
{
        aeon__report_write(app, code);
        aeon__exit(app, code);
}

static int end_at_last(struct warden *w, aeon_duration patience)
{
        int r = aeon_sleep(patience + 3 * RESERVE);
        if (r < 0)
                return r;
        aeon__stop(w->app, 4, "the shut-down did not end by its hard deadline");
        end_process(w->app, w->app->stop.code);
        return 0;
}

static int hard_deadline(void *arg)
{
        struct warden *w = arg;
        const aeon_app_opts *o = &w->app->opts;
        return end_at_last(w, o->drain_delay + o->graceful_timeout + o->cleanup_timeout);
}

static int hurried_deadline(void *arg)
{
        struct warden *w = arg;
        return end_at_last(w, w->app->opts.cleanup_timeout);
}

static void arm(struct warden *w, aeon_task_fn *deadline)
{
        if (w->group) /* else the app has ended meanwhile */
                aeon_spawn(w->group, "hard deadline", deadline, w);
}

/* SIGHUP is ours when there is something to reload, or when systemd may send it (Type=notify-reload). */
static bool takes_sighup(const aeon_app *app)
{
        return app->hooks[AEON_ON_RELOAD] || getenv("NOTIFY_SOCKET") || aeon_worker_id();
}

static int watch_signals(void *arg)
{
        struct warden *w = arg;
        aeon_signals *signals = NULL;
        int r = aeon_signals_open((int[]){ SIGTERM, SIGINT, SIGHUP }, takes_sighup(w->app) ? 3 : 2, &signals);
        for (int count = 0; r >= 0;) {
                r = aeon_signals_wait(signals);
                if (r < 0)
                        break;
                if (r == SIGHUP) {
                        aeon__reload(w->app);
                        continue;
                }
                const char *name = sigabbrev_np(r);
                if (++count == 1) { /* the app may be stopping by itself: that is no reason for haste */
                        aeon__stop(w->app, 0, "SIG%s", name);
                        continue;
                }
                if (count == 2) {
                        aeon_log_warning("SIG%s again: cancelling what is in flight", name);
                        aeon__stop_hurry(w->app);
                        arm(w, hurried_deadline);
                        continue;
                }
                aeon__stop(w->app, 128 + r, "a third signal, SIG%s", name);
                end_process(w->app, 128 + r);
        }
        while (signals && aeon_signals_try_wait(signals) > 0)
                ; /* the app has ended, which is all that they could ask for */
        aeon_signals_close(signals);
        return r;
}

static void arm_hard_deadline(void *arg)
{
        arm(arg, hard_deadline);
}

/* By the stop itself, not by the coordinator, whose loop may be the one that is stuck. */
void aeon__warden_deadline(aeon_app *app)
{
        if (app->warden)
                aeon__post_surely(app->warden->thread.loop, arm_hard_deadline, app->warden);
}

/* ------------------------------------------------------------------ stuck loops */

static void pong(void *arg)
{
        struct aeon_lifespan *life = arg;
        atomic_store(&life->lag, aeon_now() - atomic_load(&life->pinged_at));
        atomic_store(&life->pinged, false);
}

static bool is_stuck(struct aeon_lifespan *life)
{
        aeon_loop *loop = atomic_load(&life->loop);
        if (!loop)
                return false;
        if (!atomic_load(&life->pinged)) {
                atomic_store(&life->pinged_at, aeon_now());
                atomic_store(&life->pinged, true);
                if (aeon_post(loop, pong, life) < 0)
                        atomic_store(&life->pinged, false); /* it has ended */
        }
        return aeon_now() - atomic_load(&life->pinged_at) > life->app->opts.stall_limit;
}

/* The watchdog has told of the slow task long ago; this tells where it is now. */
static void report_stuck(struct aeon_lifespan *life)
{
        struct stack_sample sample;
        struct text stack = { 0 };
        char limit[DURATION_WORDS];
        aeon__duration_words(life->app->opts.stall_limit, limit);
        if (aeon__watchdog_sample(atomic_load(&life->loop), &sample) < 0) {
                aeon_log_error("loop %u has not come round for %s, and its thread does not say where it is", life->index, limit);
                return;
        }
        aeon__stack_print(&stack, &sample);
        const char *where = stack.data ? stack.data : " ?";
        if (sample.task_id)
                aeon_log_error("loop %u has not come round for %s: task \"%s\" (%s) is in%s", life->index, limit, sample.task_name,
                               sample.task_site, where);
        else
                aeon_log_error("loop %u has not come round for %s: it is, outside any task, in%s", life->index, limit, where);
        aeon__text_done(&stack);
}

static int watch_loops(void *arg)
{
        struct warden *w = arg;
        unsigned n = w->app->opts.loops;
        int r = 0;
        while (r == 0) {
                bool live = true;
                for (unsigned i = 0; i < n; i++) {
                        struct aeon_lifespan *life = &w->app->lives[i];
                        bool stuck = is_stuck(life);
                        if (stuck && atomic_load(&w->app->live))
                                report_stuck(life);
                        live = !stuck && live;
                }
                if (!atomic_exchange(&w->app->live, live) && live)
                        aeon_log_error("every loop comes round again");
                r = aeon_sleep(PING_INTERVAL);
        }
        return r;
}

/* ------------------------------------------------------------------ its life */

struct watch {
        aeon_app *app;
        struct part_entry *entry;
};

static int watch_part(void *arg)
{
        struct watch watch = *(struct watch *)arg;
        free(arg);
        int r = watch.entry->part->watch(watch.entry->self, watch.app);
        if (r < 0 && r != -ECANCELED)
                aeon__stop(watch.app, 3, "%s: %s", watch.entry->part->name, aeon_error_describe(r));
        return 0;
}

static int start_watches(struct warden *w)
{
        for (struct part_entry *e = w->app->parts; e; e = e->next) {
                if (!e->part->watch)
                        continue;
                struct watch *watch = malloc(sizeof *watch);
                if (!watch)
                        return aeon_fail(-ENOMEM, "no memory for %s", e->part->name);
                *watch = (struct watch){ w->app, e };
                int r = aeon_spawn(w->group, e->part->name, watch_part, watch);
                if (r < 0) {
                        free(watch);
                        return r;
                }
        }
        return 0;
}

static int warden_task(void *arg)
{
        struct warden *w = arg;
        aeon__runner_now()->owner = &w->post;
        aeon__loop_set_title(aeon__loop_now(), "warden");
        aeon__watchdog_leave_out(aeon__loop_now());
        int r = aeon_event_new(&w->end);
        if (r == 0)
                r = aeon_group_open(&w->group);
        if (r == 0 && !w->app->opts.no_signals)
                r = aeon_spawn(w->group, "signals", watch_signals, w);
        if (r == 0 && !w->app->watcher) /* while a simulated loop works the clock stands still, so none is ever stuck */
                r = aeon_spawn(w->group, "loops", watch_loops, w);
        if (r == 0)
                r = start_watches(w);
        if (r == 0)
                r = aeon_checkpoint(); /* signals are caught and endpoints answer before anything starts */
        aeon__loop_thread_up(&w->thread, r);
        if (r == 0)
                aeon_event_wait(w->end);
        aeon_group *group = w->group;
        w->group = NULL;
        if (group) {
                aeon_group_cancel(group, "the app has ended");
                r = aeon_group_close(group);
        }
        aeon_event_free(w->end);
        return r;
}

/* Whoever has set a handler of his own before us keeps it. */
static bool take_sigusr1(const aeon_app *app)
{
        struct sigaction now;
        return !aeon__world && !app->opts.no_signals && sigaction(SIGUSR1, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
               now.sa_handler == SIG_DFL && aeon_task_dump_on_signal(SIGUSR1) == 0;
}

static void warden_free(struct warden *w)
{
        if (w->takes_sigusr1)
                aeon_task_dump_on_signal(0);
        aeon__loop_thread_join(&w->thread);
        free(w);
}

int aeon__warden_start(aeon_app *app)
{
        struct warden *w = calloc(1, sizeof *w);
        if (!w)
                return aeon_fail(-ENOMEM, "no memory for the warden");
        w->app = w->post.app = app;
        w->takes_sigusr1 = take_sigusr1(app);
        int r = aeon__loop_thread_start(&w->thread, warden_task, w);
        if (r == 0)
                r = aeon__loop_thread_await_up(&w->thread);
        if (r < 0) {
                warden_free(w);
                return aeon_fail(r, "the warden cannot start");
        }
        pthread_mutex_lock(&app->stop.lock);
        app->warden = w;
        if (aeon__stop_level(app) != STOP_NONE)
                aeon__warden_deadline(app);
        pthread_mutex_unlock(&app->stop.lock);
        return 0;
}

static void set_end(void *arg)
{
        aeon_event_set(((struct warden *)arg)->end);
}

void aeon__warden_end(aeon_app *app)
{
        struct warden *w = app->warden;
        pthread_mutex_lock(&app->stop.lock);
        app->warden = NULL;
        pthread_mutex_unlock(&app->stop.lock);
        aeon__post_surely(w->thread.loop, set_end, w);
        warden_free(w);
}
