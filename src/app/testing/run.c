/* One app's life in a world; see aeon/testing.h.
 *
 * DESIGN
 *   aeon_app_run() runs as ever, on the calling thread. Since that thread is in a world (src/loop/world.h), every loop that the app
 *   makes, main, lifespans and warden, becomes a loop of the world, and so is the one of the test's function. The app has a watcher
 *   (src/app/calls.h), which takes what would leave the process: the report and the exit.
 */
#include "app/testing/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { YEAR_2001 = 978307200 };

/* ------------------------------------------------------------------ what the app tells */

static struct aeon_test *test_of(struct watcher *w)
{
        return container_of(w, struct aeon_test, watcher);
}

static void note(struct aeon_test *t, struct moment m)
{
        if (t->ended)
                return;
        m.time = aeon_now();
        m.ready = t->watcher.app && atomic_load(&t->watcher.app->ready);
        snprintf(m.name, sizeof m.name, "%s", m.call.name);
        aeon__story_add(&t->story, &m);
        if (t->rules)
                aeon__rules_judge(t->rules, &m);
        if (*t->result.broken) { /* whatever comes after that may never end by itself */
                t->ended = true;
                aeon__stop(t->watcher.app, 1, "a rule was broken");
        }
}

void aeon__test_note(struct aeon_test *t, enum moment_kind kind, const struct call *call, int result)
{
        static const struct call nothing = { .name = "" };
        note(t, (struct moment){ .kind = kind, .call = call ? *call : nothing, .result = result });
}

void aeon__test_note_fault(struct aeon_test *t, const struct call *call, const aeon_fault *fault)
{
        bool holds_up = fault->does == AEON_FAULT_DELAY || fault->does == AEON_FAULT_HANG || fault->does == AEON_FAULT_STUCK;
        t->result.held_up = t->result.held_up || holds_up;
        note(t, (struct moment){ .kind = MOMENT_FAULT, .call = *call, .result = (int)fault->does, .delay = fault->delay });
}

static void on_declared(struct watcher *w)
{
        struct aeon_test *t = test_of(w);
        t->rules = aeon__rules_new(w->app, t->result.broken, sizeof t->result.broken);
        if (t->rules)
                aeon__plan_scale(&t->plan, aeon__rules_calls(t->rules));
}

static int before_call(struct watcher *w, const struct call *call)
{
        aeon__test_note(test_of(w), MOMENT_BEGAN, call, 0);
        return aeon__plan_apply(test_of(w), call);
}

static int after_call(struct watcher *w, const struct call *call, int r)
{
        r = aeon__plan_result(&test_of(w)->plan, call, r);
        aeon__test_note(test_of(w), MOMENT_ENDED, call, r);
        return r;
}

static void on_stop(struct watcher *w, int code)
{
        aeon__test_note(test_of(w), MOMENT_STOP, NULL, code);
}

static void on_report(struct watcher *w, const char *text)
{
        struct aeon_test *t = test_of(w);
        if (!t->ended)
                snprintf(t->result.report, sizeof t->result.report, "%s", text);
}

static void end(struct aeon_test *t, int code, bool cut)
{
        if (t->ended)
                return;
        if (cut)
                aeon__test_note(t, MOMENT_EXIT, NULL, code);
        if (t->rules) {
                aeon__rules_judge_end(t->rules, code, cut, aeon_now());
                t->result.late = aeon__rules_late(t->rules);
        }
        t->ended = true;
        t->result.exit_code = code;
        t->result.lived = aeon_now() - t->begun;
}

static void on_exit_code(struct watcher *w, int code)
{
        end(test_of(w), code, true);
}

/* ------------------------------------------------------------------ the test's function */

static int test_task(void *arg)
{
        struct aeon_test *t = arg;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = t->opts.limit, .name = "the test's limit" });
        int r = t->fn ? t->fn(t) : 0;
        r = aeon_scope_close(&limit, r);
        aeon__world_idle(); /* a signal that it sent is caught first */
        if (t->watcher.app)
                aeon__stop(t->watcher.app, 0, "the test has ended");
        return r;
}

void *aeon_test_arg(aeon_test *t)
{
        return t->opts.arg;
}

aeon_app *aeon_test_app(aeon_test *t)
{
        return t->ended ? NULL : t->watcher.app;
}

static bool is_ready_or_ended(void *arg)
{
        struct aeon_test *t = arg;
        return t->ended || (t->watcher.app && aeon_app_is_ready(t->watcher.app));
}

int aeon_test_await_ready(aeon_test *t)
{
        int r = aeon__world_await(is_ready_or_ended, t);
        return r == 0 && t->ended ? aeon_fail(-ESHUTDOWN, "the app ended with code %d", t->result.exit_code) : r;
}

static bool has_ended(void *arg)
{
        return ((struct aeon_test *)arg)->ended;
}

int aeon_test_await_end(aeon_test *t)
{
        int r = aeon__world_await(has_ended, t);
        return r < 0 ? r : t->result.exit_code;
}

int aeon_test_idle(aeon_test *t)
{
        (void)t;
        return aeon__world_idle();
}

int aeon_test_signal(aeon_test *t, int signal)
{
        int r = aeon__world_signal(&t->world, signal);
        if (r == -ESRCH)
                return aeon_fail(-ESRCH, "nobody catches signal %d", signal);
        if (r == 0)
                aeon__test_note(t, MOMENT_SIGNAL, NULL, signal);
        return 0;
}

/* ------------------------------------------------------------------ running */

static const struct watcher watching = {
        .declared = on_declared,
        .before = before_call,
        .after = after_call,
        .stop = on_stop,
        .report = on_report,
        .exit = on_exit_code,
};

struct aeon_test *aeon__test_new(aeon_test_fn *fn, const aeon_test_opts *opts)
{
        struct aeon_test *t = calloc(1, sizeof *t);
        if (!t)
                return NULL;
        if (opts)
                t->opts = *opts;
        t->watcher = watching;
        t->fn = fn;
        t->opts.seed = t->opts.seed ? t->opts.seed : 1;
        t->opts.limit = t->opts.limit ? t->opts.limit : 7 * AEON_HOURS(24);
        t->opts.date = t->opts.date ? t->opts.date : YEAR_2001;
        t->opts.app.quiet = true;
        return t;
}

void aeon__test_free(struct aeon_test *t)
{
        aeon__rules_free(t->rules);
        free(t);
}

static int run(struct aeon_test *t, void (*define)(aeon_app *app))
{
        int r = aeon__loop_thread_start(&t->thread, test_task, t);
        if (r < 0)
                return r;
        t->begun = aeon_now();
        int code = aeon__app_run(define, &t->opts.app, &t->watcher);
        end(t, code, false);
        return aeon__loop_thread_join(&t->thread);
}

int aeon__test_live(struct aeon_test *t, void (*define)(aeon_app *app))
{
        if (aeon__world)
                return aeon_fail(-EBUSY, "a test cannot run inside another");
        int r = aeon__plan_read(&t->plan, t->opts.faults);
        if (r < 0)
                return r;
        aeon__world_begin(&t->world, t->opts.seed);
        t->world.wall_begin = t->opts.date * AEON_SECONDS(1) - t->world.now;
        r = run(t, define);
        aeon__world_end(&t->world);
        t->result.digest = t->story.digest;
        if (r == 0 && t->world.deadlocks)
                return aeon_fail(-EDEADLK, "something waited for ever and ignored its cancellation: the log names it");
        return r == 0 && *t->result.broken ? aeon_fail(-EPROTO, "a rule was broken: %s", t->result.broken) : r;
}

int aeon_test_run(void (*define)(aeon_app *app), aeon_test_fn *test, const aeon_test_opts *opts, aeon_test_result *ret_result)
{
        struct aeon_test *t = aeon__test_new(test, opts);
        if (!t)
                return aeon_fail(-ENOMEM, "no memory for a test");
        int r = aeon__test_live(t, define);
        if (ret_result)
                *ret_result = t->result;
        aeon__test_free(t);
        return r;
}
