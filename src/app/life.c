/* The coordinator: the table of steps.
 *
 * DESIGN
 *   start_up() walks steps 2 to 6 inside one scope, which a stop cancels. shut_down() walks steps 8 to 14, and is the undo as well:
 *   it looks at what has been begun (struct progress, the lifespans that are up, the parts each has opened) and stops exactly that.
 *   Commands go to all lifespans at once; await() collects the answers.
 *
 *   Time: ONE deadline for what is in flight (graceful timeout), then one for cleaning up (clean-up timeout), of which each later step
 *   gets at least RESERVE, so that a step that took it all never leaves the next without any. Behind both stands the warden's.
 */
#include "app/app.h"

#include "app/notify.h"

#include "loop/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_stopped(aeon_app *app)
{
        return aeon__stop_level(app) != STOP_NONE;
}

/* ------------------------------------------------------------------ hooks */

struct hook_call {
        aeon_app *app;
        const struct hook *hook;
};

static int hook_on_thread(void *arg)
{
        struct hook_call *call = arg;
        return call->hook->fn(call->app);
}

static int call_hook(aeon_app *app, const struct hook *hook)
{
        struct hook_call call = { app, hook };
        int r = hook->blocking ? aeon_offload(hook_on_thread, &call) : hook->fn(app);
        atomic_fetch_add(&app->moves, 1);
        return r;
}

static int run_hook(aeon_app *app, aeon_hook_kind kind, const struct hook *hook)
{
        static const enum call_kind kinds[HOOK_KINDS] = {
                [AEON_ON_STARTUP] = CALL_ON_STARTUP,
                [AEON_AFTER_STARTUP] = CALL_AFTER_STARTUP,
                [AEON_ON_READY] = CALL_ON_READY,
                [AEON_ON_SHUTDOWN] = CALL_ON_SHUTDOWN,
                [AEON_AFTER_SHUTDOWN] = CALL_AFTER_SHUTDOWN,
                [AEON_ON_RELOAD] = CALL_ON_RELOAD,
        };
        struct call call = { .kind = kinds[kind], .name = hook->name, .index = hook->index };
        int r = aeon__call_begin(app, &call);
        return aeon__call_end(app, &call, r < 0 ? r : call_hook(app, hook));
}

static const char *const hook_names[HOOK_KINDS] = {
        [AEON_ON_STARTUP] = "start-up hook",   [AEON_AFTER_STARTUP] = "after-start-up hook",   [AEON_ON_READY] = "ready hook",
        [AEON_ON_SHUTDOWN] = "shut-down hook", [AEON_AFTER_SHUTDOWN] = "after-shut-down hook", [AEON_ON_RELOAD] = "reload hook",
};

/* On the way up: the first failure, or a stop, ends the row. 0: all have succeeded, whatever was asked meanwhile. */
static int run_start_hooks(aeon_app *app, aeon_hook_kind kind)
{
        for (const struct hook *hook = app->hooks[kind]; hook; hook = hook->next) {
                if (is_stopped(app))
                        return -ECANCELED;
                int r = run_hook(app, kind, hook);
                if (r >= 0)
                        continue;
                if (r != -ECANCELED || !is_stopped(app))
                        aeon__stop(app, app->settings_failed ? 2 : 1, "%s \"%s\" failed: %s", hook_names[kind], hook->name,
                                   aeon_error_describe(r));
                return r;
        }
        return 0;
}

/* On the way down: every one runs, each under what is left of the budget. */
static void run_stop_hooks(aeon_app *app, aeon_hook_kind kind, aeon_time budget_end)
{
        for (const struct hook *hook = app->hooks[kind]; hook; hook = hook->next) {
                aeon_time now = aeon_now();
                aeon_scope s;
                aeon_scope_open(&s, &(aeon_scope_opts){ .deadline = budget_end > now + RESERVE ? budget_end : now + RESERVE,
                                                        .shield = true,
                                                        .name = hook->name });
                int r = aeon_scope_close(&s, run_hook(app, kind, hook));
                if (r < 0)
                        aeon__stop(app, 1, "%s \"%s\" failed: %s", hook_names[kind], hook->name, aeon_error_describe(r));
        }
}

/* While serving: a failure is told, and ends the row; what the hooks before it have changed stays changed. */
static void run_reload_hooks(aeon_app *app)
{
        aeon__notify_reloading(app);
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .name = "reload" });
        app->reload_scope = &scope;
        int r = 0;
        const struct hook *hook = app->hooks[AEON_ON_RELOAD];
        for (; hook && r >= 0; hook = hook->next) {
                r = run_hook(app, AEON_ON_RELOAD, hook);
                if (r < 0)
                        aeon_log_error("reload hook \"%s\" failed: %s", hook->name, aeon_error_describe(r));
        }
        app->reload_scope = NULL;
        aeon_scope_close(&scope, r);
        if (r >= 0)
                aeon_log_info(app->hooks[AEON_ON_RELOAD] ? "reloaded" : "nothing to reload: there is no reload hook");
        aeon__notify(app, "READY=1\nSTATUS=%s", r >= 0 ? "reloaded" : "the last reload failed, see the log");
}

/* ------------------------------------------------------------------ notes */

static bool lives_on(const struct aeon_lifespan *life)
{
        return life->up && !life->ended;
}

/* A failure that a note brings becomes a stop at once, so that the first one to arrive is the cause, and what the other loops do to
 * come up is cancelled. @starting says what is coming up; NULL: nothing is. */
static void take_failure(aeon_app *app, const struct note *note, const char *starting)
{
        const char *words = note->words ? note->words : "failed";
        if (starting && (note->result != -ECANCELED || !is_stopped(app)))
                aeon__stop(app, 1, "%s failed: %s", starting, words);
        else if (!starting && note->result != -ECANCELED)
                aeon__stop(app, note->kind == NOTE_ENDED ? 3 : 1, "loop %u: %s", note->life->index, words);
}

static void take_note(aeon_app *app, struct note *note, const char *starting)
{
        struct aeon_lifespan *life = note->life;
        switch (note->kind) {
        case NOTE_UP:
                life->up = true;
                break;
        case NOTE_DONE:
                life->answered = life->answered || note->command == life->commanded; /* not a late answer to an earlier one */
                break;
        case NOTE_DIED:
                aeon__stop(app, 3, "the lifespan of loop %u ended while serving: %s", life->index,
                           note->words ? note->words : "cancelled");
                break;
        case NOTE_ENDED:
                life->ended = life->answered = true;
                break;
        case NOTE_STOP:
        case NOTE_RELOAD: /* for serve() */
        case NOTE_KINDS:
                break;
        }
        atomic_fetch_add(&app->moves, 1);
        if (note->result < 0 && (note->kind == NOTE_DONE || note->kind == NOTE_ENDED))
                take_failure(app, note, starting);
        free(note->words);
}

/* Collect notes until @done says so. Errors: -ECANCELED when the scope around is cancelled. */
static int await(aeon_app *app, bool (*done)(const struct aeon_lifespan *), const char *starting)
{
        for (;;) {
                bool all = true;
                for (unsigned i = 0; i < app->opts.loops; i++)
                        all = all && done(&app->lives[i]);
                if (all)
                        return 0;
                struct note note;
                int r = aeon_receive(app->inbox, &note);
                if (r < 0)
                        return r;
                take_note(app, &note, starting);
        }
}

static bool has_answered(const struct aeon_lifespan *life)
{
        return life->answered || !lives_on(life);
}

static void command_all(aeon_app *app, enum command command)
{
        for (unsigned i = 0; i < app->opts.loops; i++)
                if (lives_on(&app->lives[i]))
                        aeon__lifespan_command(&app->lives[i], command);
}

/* ------------------------------------------------------------------ the way up */

static bool is_up_or_ended(const struct aeon_lifespan *life)
{
        return life->up || life->ended;
}

/* A command of the way up. A stop reaches the lifespans by itself (stop.c), so the answers are awaited under a shield, up to a second
 * signal: then those that ignore their cancellation have a last moment. */
static int await_start(aeon_app *app, bool (*done)(const struct aeon_lifespan *), const char *what)
{
        aeon_scope shield;
        aeon_scope_open(&shield, &(aeon_scope_opts){ .shield = true, .name = what });
        app->start_patience = &shield;
        int r = await(app, done, what);
        app->start_patience = NULL;
        r = aeon_scope_close(&shield, r);
        return r == 0 && is_stopped(app) ? -ECANCELED : r;
}

static int command_start(aeon_app *app, enum command command, const char *what)
{
        if (is_stopped(app))
                return -ECANCELED;
        command_all(app, command);
        return await_start(app, has_answered, what);
}

static int start_lifespans(aeon_app *app, aeon_group *group)
{
        if (is_stopped(app))
                return -ECANCELED;
        app->progress.lives_begun = true;
        for (unsigned i = 0; i < app->opts.loops; i++) {
                struct aeon_lifespan *life = &app->lives[i];
                int r = i == 0 ? aeon_spawn(group, "lifespan", aeon__lifespan_task, life)
                               : aeon__loop_thread_start(&life->thread, aeon__lifespan_task, life);
                if (r < 0) {
                        for (; i < app->opts.loops; i++)
                                app->lives[i].ended = true;
                        aeon__stop(app, 1, "loop %u cannot be started: %s", life->index, aeon_error_describe(r));
                        break;
                }
        }
        return await_start(app, is_up_or_ended, "the lifespan's start");
}

/* "2 loops", "4 workers". */
static const char *size_words(const aeon_app *app, char text[static 32])
{
        unsigned n = app->opts.workers ? app->opts.workers : app->opts.loops;
        snprintf(text, 32, "%u %s%s", n, app->opts.workers ? "worker" : "loop", n == 1 ? "" : "s");
        return text;
}

static void say_ready(aeon_app *app, aeon_time begin)
{
        if (app->opts.quiet)
                return;
        char size[32];
        aeon_log_info("%s is ready after %.1f ms (%s%s%s)", app->opts.name, (double)(aeon_now() - begin) / 1e6,
                      size_words(app, size), app->admin_address[0] ? ", admin endpoints on " : "", app->admin_address);
}

static int start_up(aeon_app *app, aeon_group *group)
{
        aeon_time begin = aeon_now();
        app->progress.hooks_begun = true;
        int r = run_start_hooks(app, AEON_ON_STARTUP);
        if (r < 0)
                return r;
        app->progress.hooks_done = true;
        r = start_lifespans(app, group);
        if (r < 0)
                return r;
        r = command_start(app, COMMAND_OPEN, "the start of brokers");
        if (r < 0)
                return r;
        r = run_start_hooks(app, AEON_AFTER_STARTUP);
        if (r < 0)
                return r;
        r = command_start(app, COMMAND_SERVE, "the start of listeners");
        if (r < 0)
                return r;
        if (!aeon__become_ready(app))
                return -ECANCELED;
        say_ready(app, begin);
        char size[32];
        aeon__notify(app, "READY=1\nSTATUS=serving on %s", size_words(app, size));
        return run_start_hooks(app, AEON_ON_READY);
}

/* Walk up, interruptible: a stop cancels the scope. */
static int try_start(aeon_app *app, aeon_group *group)
{
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .name = "start-up" });
        app->start_scope = &scope;
        if (is_stopped(app)) /* asked before there was a loop to tell */
                aeon_scope_cancel(&scope, app->stop.cause);
        int r = aeon_cancelled() ? -ECANCELED : start_up(app, group);
        app->start_scope = NULL;
        aeon_scope_close(&scope, r);
        return r;
}

static void serve(aeon_app *app)
{
        aeon__report_step(app, STEP_SERVE);
        struct note note;
        while (!is_stopped(app) && aeon_receive(app->inbox, &note) == 0) {
                take_note(app, &note, NULL);
                if (note.kind == NOTE_ENDED)
                        aeon__stop(app, 3, "the lifespan of loop %u returned while serving", note.life->index);
                else if (note.kind == NOTE_RELOAD)
                        run_reload_hooks(app);
        }
}

/* ------------------------------------------------------------------ the way down */

/* Await answers until @deadline (or a second signal, when @impatient). 0: all came. */
static int await_until(aeon_app *app, bool (*done)(const struct aeon_lifespan *), aeon_time deadline, bool impatient)
{
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .deadline = deadline, .shield = true, .name = "shut-down" });
        app->patience = impatient ? &scope : NULL;
        if (impatient && aeon__stop_level(app) >= STOP_HURRY)
                aeon_scope_cancel(&scope, "a second signal");
        int r = await(app, done, NULL);
        app->patience = NULL;
        aeon_scope_close(&scope, r);
        return r;
}

static void wait_drain_delay(aeon_app *app)
{
        if (!app->opts.drain_delay || aeon__stop_level(app) >= STOP_HURRY)
                return;
        aeon_scope scope;
        aeon_scope_open(&scope, &(aeon_scope_opts){ .shield = true, .name = "drain delay" });
        app->patience = &scope;
        int r = aeon_sleep(app->opts.drain_delay);
        app->patience = NULL;
        aeon_scope_close(&scope, r);
}

static bool has_ended(const struct aeon_lifespan *life)
{
        return life->ended;
}

static void abandon(aeon_app *app)
{
        app->abandoned = true;
        for (unsigned i = 0; i < app->opts.loops; i++)
                if (!app->lives[i].ended)
                        aeon__lifespan_give_up(&app->lives[i]);
}

static aeon_time at_least_reserve(aeon_time deadline)
{
        aeon_time least = aeon_now() + RESERVE;
        return deadline > least ? deadline : least;
}

/* Steps 9 to 11: stop taking work, let what is in flight finish, cancel what did not. Returns when cleaning up must end. */
static aeon_time stop_work(aeon_app *app)
{
        aeon_time graceful_end = aeon_now() + app->opts.graceful_timeout;
        command_all(app, COMMAND_QUIESCE);
        await_until(app, has_answered, at_least_reserve(graceful_end), true);
        command_all(app, COMMAND_DRAIN);
        await_until(app, has_answered, graceful_end, true);

        aeon_time cleanup_end = aeon_now() + app->opts.cleanup_timeout;
        command_all(app, COMMAND_CANCEL);
        if (await_until(app, has_answered, cleanup_end, false) < 0)
                abandon(app);
        return cleanup_end;
}

static void join_threads(aeon_app *app)
{
        for (unsigned i = 1; i < app->opts.loops; i++)
                aeon__loop_thread_join(&app->lives[i].thread);
}

/* Step 13: brokers closed, lifespans left, threads joined. */
static void end_lifespans(aeon_app *app, aeon_time cleanup_end)
{
        command_all(app, COMMAND_CLOSE);
        if (await_until(app, has_answered, at_least_reserve(cleanup_end), false) < 0)
                abandon(app);
        command_all(app, COMMAND_LEAVE);
        if (await_until(app, has_ended, at_least_reserve(cleanup_end), false) < 0) {
                abandon(app);
                if (await_until(app, has_ended, aeon_now() + RESERVE, false) < 0)
                        return;
        }
        join_threads(app);
}

static void shut_down(aeon_app *app)
{
        aeon__notify(app, "STOPPING=1\nSTATUS=stopping: %s", app->stop.cause ? app->stop.cause : "");
        aeon__report_step(app, STEP_DRAIN);
        for (unsigned i = 0; i < app->opts.loops; i++)
                aeon__lifespan_say_draining(&app->lives[i]);
        if (atomic_load(&app->started))
                wait_drain_delay(app);
        aeon_time cleanup_end = aeon_now() + app->opts.cleanup_timeout;
        if (app->progress.lives_begun)
                cleanup_end = stop_work(app);
        aeon__report_step(app, STEP_SHUTDOWN);
        if (app->progress.hooks_done)
                run_stop_hooks(app, AEON_ON_SHUTDOWN, cleanup_end);
        if (app->progress.lives_begun)
                end_lifespans(app, cleanup_end);
        if (app->progress.hooks_begun)
                run_stop_hooks(app, AEON_AFTER_SHUTDOWN, cleanup_end);
}

/* ------------------------------------------------------------------ the whole */

/* Tasks that ignore their cancellation cannot be left running while their memory goes away: the process ends here. */
static void exit_abandoning(aeon_app *app)
{
        bool all_ended = true;
        for (unsigned i = 0; i < app->opts.loops; i++)
                all_ended = all_ended && has_ended(&app->lives[i]);
        if (all_ended || !app->progress.lives_begun)
                return;
        aeon__stop(app, 4, "something did not end, and was abandoned");
        aeon__report_write(app, app->stop.code);
        aeon__exit(app, app->stop.code);
        /* Only a simulation comes here; what it has abandoned ends some time. */
        await_until(app, has_ended, AEON_NEVER, false);
        join_threads(app);
}

int aeon__coordinate(void *arg)
{
        aeon_app *app = arg;
        aeon__runner_now()->owner = &app->lives[0];
        int r = aeon_channel_open(sizeof(struct note), AEON_UNBOUNDED, &app->notes, &app->inbox);
        if (r < 0)
                return r;
        aeon_group *group;
        r = aeon_group_open(&group);
        if (r < 0)
                return r;
        atomic_store(&app->main_loop, aeon_loop_hold(aeon_loop_current()));

        if (try_start(app, group) == 0)
                serve(app);
        shut_down(app);
        exit_abandoning(app);
        aeon__parts_leave(app);

        r = aeon_group_close(group);
        aeon_sender_close(app->notes);
        app->notes = NULL;
        aeon_receiver_close(app->inbox);
        return r;
}
