/* What runs beside the handlers: background and periodic tasks, from ready to stop, on the main loop. */
#include "app/app.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE AEON_MILLISECONDS(100)
#define LONGEST_PAUSE AEON_SECONDS(30)
#define STABLE AEON_SECONDS(60)

struct beside_task {
        struct beside_task *next;
        char *name;
        const char *site;
        aeon_task_fn *fn;
        void *arg;
        aeon_app *app;
        bool periodic;
        aeon_background_opts background;
        aeon_periodic_opts period;
};

/* ------------------------------------------------------------------ declaring */

static int declare(aeon_app *app, const char *name, aeon_task_fn *fn, void *arg, const char *site, struct beside_task **ret_task)
{
        struct beside_task **at = &app->beside;
        for (; *at; at = &(*at)->next)
                if (!strcmp((*at)->name, name)) {
                        int r = aeon_fail(-EEXIST, "two tasks are named \"%s\": at %s and at %s", name, (*at)->site, site);
                        aeon__declare_failed(app, r);
                        return r;
                }
        struct beside_task *task = calloc(1, sizeof *task);
        char *copy = strdup(name);
        if (!task || !copy) {
                free(task);
                free(copy);
                aeon__declare_failed(app, -ENOMEM);
                return -ENOMEM;
        }
        *task = (struct beside_task){ .name = copy, .site = site, .fn = fn, .arg = arg, .app = app };
        *at = *ret_task = task;
        return 0;
}

int aeon_background_at(aeon_app *app, const char *name, aeon_task_fn *fn, void *arg, const aeon_background_opts *opts,
                       const char *site)
{
        struct beside_task *task = NULL;
        int r = declare(app, name, fn, arg, site, &task);
        if (r < 0)
                return r;
        if (opts)
                task->background = *opts;
        return 0;
}

int aeon_periodic_at(aeon_app *app, const char *name, aeon_task_fn *fn, void *arg, const aeon_periodic_opts *opts, const char *site)
{
        if (!opts || opts->every <= 0 || opts->jitter < 0 || opts->jitter > 1) {
                int r = aeon_fail(-EINVAL, "periodic task \"%s\" (%s) needs .every above 0 and .jitter from 0 to 1", name, site);
                aeon__declare_failed(app, r);
                return r;
        }
        struct beside_task *task = NULL;
        int r = declare(app, name, fn, arg, site, &task);
        if (r < 0)
                return r;
        task->periodic = true;
        task->period = *opts;
        return 0;
}

void aeon__beside_free(aeon_app *app)
{
        while (app->beside) {
                struct beside_task *task = app->beside;
                app->beside = task->next;
                free(task->name);
                free(task);
        }
}

/* ------------------------------------------------------------------ running */

/* Jitter under a ceiling that doubles: many services that fail together do not come back together. The ceiling's lower half is always
 * waited, so that the pauses are seen to grow. */
static aeon_duration next_pause(unsigned failures)
{
        aeon_duration ceiling = failures > 9 ? LONGEST_PAUSE : FIRST_PAUSE << failures;
        if (ceiling > LONGEST_PAUSE)
                ceiling = LONGEST_PAUSE;
        return ceiling / 2 + random_up_to(ceiling / 2);
}

static int run_background(struct beside_task *task)
{
        aeon_duration stable = task->background.stable ? task->background.stable : STABLE;
        for (unsigned failures = 0;; failures++) {
                aeon_time begin = aeon_now();
                int r = task->fn(task->arg);
                if (aeon_cancelled())
                        return r;
                bool again = task->background.restart == AEON_RESTART_ALWAYS ||
                             (task->background.restart == AEON_RESTART_ON_FAILURE && r < 0);
                if (!again) {
                        if (r < 0)
                                aeon_log_error("background task failed: %s", aeon_error_describe(r));
                        if (r < 0 && task->background.essential)
                                aeon__stop(task->app, 3, "essential task \"%s\" failed: %s", task->name, aeon_error_describe(r));
                        return r;
                }
                if (aeon_now() - begin >= stable)
                        failures = 0;
                aeon_duration pause = next_pause(failures);
                aeon_log_warning("background task %s%s; starting it again in %lld ms", r < 0 ? "failed: " : "returned",
                                 r < 0 ? aeon_error_describe(r) : "", (long long)(pause / 1000000));
                if (aeon_sleep(pause) < 0)
                        return -ECANCELED;
        }
}

static int run_once(const struct beside_task *task)
{
        if (!task->period.timeout)
                return task->fn(task->arg);
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = task->period.timeout, .name = task->name });
        return aeon_scope_close(&limit, task->fn(task->arg));
}

/* Ticks stand on a grid from the first one, so that their rate is kept; those that a long run missed are skipped. */
static int run_periodic(struct beside_task *task)
{
        aeon_duration every = task->period.every, shift = (aeon_duration)((double)every * task->period.jitter);
        for (aeon_time tick = aeon_now();; tick += every) {
                aeon_time now = aeon_now();
                if (tick + every <= now)
                        tick += (now - tick) / every * every;
                if (aeon_sleep_until(tick + random_up_to(shift)) < 0)
                        return -ECANCELED;
                int r = run_once(task);
                if (aeon_cancelled())
                        return r;
                if (r < 0)
                        aeon_log_error("periodic task failed: %s", aeon_error_describe(r));
        }
}

static int run_beside(void *arg)
{
        struct beside_task *task = arg;
        return task->periodic ? run_periodic(task) : run_background(task);
}

int aeon__beside_start(struct aeon_lifespan *life)
{
        if (life->index > 0)
                return 0;
        for (struct beside_task *task = life->app->beside; task; task = task->next) {
                int r = aeon_spawn_at(life->beside, task->name, run_beside, task, NULL, task->site);
                if (r < 0)
                        return r;
        }
        return 0;
}
