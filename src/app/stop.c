/* Asking the app to stop: from any thread, in any state; the first cause wins. */
#include "app/app.h"

#include "loop/loop.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* On the main loop, outside any task: interrupt what the coordinator is waiting for, and wake it. */
static void on_stop(void *arg)
{
        aeon_app *app = arg;
        if (app->start_scope) {
                aeon_scope_cancel(app->start_scope, app->stop.cause);
                for (unsigned i = 0; i < app->opts.loops; i++)
                        aeon__lifespan_stop_starting(&app->lives[i]);
        }
        if (app->reload_scope)
                aeon_scope_cancel(app->reload_scope, app->stop.cause);
        bool hurry = aeon__stop_level(app) >= STOP_HURRY;
        if (app->patience && hurry)
                aeon_scope_cancel(app->patience, "a second signal");
        if (app->start_patience && hurry)
                aeon_scope_set_deadline(app->start_patience, aeon_now() + RESERVE);
        if (app->notes)
                aeon_try_send(app->notes, &(struct note){ .kind = NOTE_STOP });
}

static void announce(aeon_app *app)
{
        aeon_loop *loop = atomic_load(&app->main_loop);
        if (loop)
                aeon__post_surely(loop, on_stop, app);
}

/* Keep what came after the first cause: the report lists it. Called with the lock held. */
static void keep_also(struct stop *stop, const char *words)
{
        char *longer = NULL;
        if (asprintf(&longer, "%s%s\n", stop->also ? stop->also : "", words) < 0)
                return;
        free(stop->also);
        stop->also = longer;
}

bool aeon__stop(aeon_app *app, int code, const char *format, ...)
{
        struct stop *stop = &app->stop;
        char *words = NULL;
        va_list arguments;
        va_start(arguments, format);
        if (vasprintf(&words, format, arguments) < 0)
                words = NULL;
        va_end(arguments);

        pthread_mutex_lock(&stop->lock);
        bool first = aeon__stop_level(app) == STOP_NONE;
        if (first) {
                stop->code = code;
                stop->cause = words;
                atomic_store(&stop->level, STOP_ASKED);
                atomic_store(&app->ready, false); /* here, not by the coordinator, whom a hook may keep */
                aeon__warden_deadline(app);
        } else if (code != 0) {
                keep_also(stop, words ? words : "out of memory");
        }
        if (!first && stop->code == 0)
                stop->code = code; /* a clean stop that met a failure on its way is not clean */
        pthread_mutex_unlock(&stop->lock);
        if (app->watcher)
                app->watcher->stop(app->watcher, code);
        if (first)
                announce(app);
        else
                free(words);
        return first;
}

bool aeon__become_ready(aeon_app *app)
{
        pthread_mutex_lock(&app->stop.lock); /* a stop comes before it or after it */
        bool ready = aeon__stop_level(app) == STOP_NONE;
        atomic_store(&app->started, ready);
        atomic_store(&app->ready, ready);
        pthread_mutex_unlock(&app->stop.lock);
        return ready;
}

void aeon__stop_hurry(aeon_app *app)
{
        atomic_store(&app->stop.level, STOP_HURRY);
        announce(app);
}

static void on_reload(void *arg)
{
        aeon_app *app = arg;
        if (app->notes)
                aeon_try_send(app->notes, &(struct note){ .kind = NOTE_RELOAD });
}

void aeon__reload(aeon_app *app)
{
        aeon_loop *loop = atomic_load(&app->main_loop);
        if (loop)
                aeon__post_surely(loop, on_reload, app);
}

int aeon_app_stop(aeon_app *app, int code)
{
        aeon__stop(app, code, "the service asked to stop with code %d", code);
        return 0;
}
