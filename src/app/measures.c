/* What the app knows of itself, asked for when somebody wants to see it; see exposition.h. */
#include "app/background.h"
#include "app/exposition.h"
#include "app/periodic.h"
#include "app/workers.h"

#include "aeon_config.h"
#include "base/log.h"
#include "loop/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOP_NAME = 12 };

#define GAUGE AEON_METRIC_GAUGE
#define COUNTER AEON_METRIC_COUNTER

static void one(struct text *out, const char *name, const char *label, const char *value, double number)
{
        aeon__exposition_sample(out, name, (struct label[]){ { label, value }, { 0 } }, number);
}

/* ------------------------------------------------------------------ the app and its loops */

static void write_states(aeon_app *app, struct text *out)
{
        aeon__exposition_family(out, GAUGE, "aeon_build_info", "1; which Aeon this is.");
        one(out, "aeon_build_info", "version", AEON_VERSION, 1);
        aeon__exposition_number(out, GAUGE, "aeon_app_live", "1 while no loop is stuck.", aeon_app_is_live(app));
        aeon__exposition_number(out, GAUGE, "aeon_app_started", "1 once start-up is complete.", aeon_app_is_started(app));
        aeon__exposition_number(out, GAUGE, "aeon_app_ready", "1 while the app takes work.", aeon_app_is_ready(app));
}

aeon_duration aeon__lifespan_lag(struct aeon_lifespan *life)
{
        aeon_duration last = atomic_load(&life->lag);
        aeon_duration waits = atomic_load(&life->pinged) ? aeon_now() - atomic_load(&life->pinged_at) : 0;
        return waits > last ? waits : last;
}

static const char *name_of(const struct aeon_lifespan *life, char name[LOOP_NAME])
{
        snprintf(name, LOOP_NAME, "%u", life->index);
        return name;
}

static void write_loops(aeon_app *app, struct text *out)
{
        char name[LOOP_NAME];
        aeon__exposition_family(out, GAUGE, "aeon_loop_lag_seconds",
                                "How long it took until the loop came round to what was posted to it last.");
        for (unsigned i = 0; i < app->opts.loops; i++)
                one(out, "aeon_loop_lag_seconds", "loop", name_of(&app->lives[i], name),
                    (double)aeon__lifespan_lag(&app->lives[i]) / 1e9);
        aeon__exposition_family(out, GAUGE, "aeon_tasks", "Tasks that live.");
        for (unsigned i = 0; i < app->opts.loops; i++) {
                const aeon_loop *loop = atomic_load(&app->lives[i].loop);
                if (loop)
                        one(out, "aeon_tasks", "loop", name_of(&app->lives[i], name),
                            (double)__atomic_load_n(&loop->runner.tasks, __ATOMIC_RELAXED));
        }
}

/* ------------------------------------------------------------------ workers */

static void write_workers(aeon_app *app, struct text *out)
{
        unsigned count = aeon__workers_count(app);
        if (!count)
                return;
        aeon__exposition_number(out, GAUGE, "aeon_workers", "Workers that there shall be.", count);
        aeon__exposition_number(out, GAUGE, "aeon_workers_ready", "Workers that take work now.", aeon__workers_ready(app));
}

/* ------------------------------------------------------------------ health */

static const char *const status_names[] = { "healthy", "degraded", "unhealthy" };

static void write_overall(aeon_app *app, struct text *out)
{
        aeon_status now = aeon_health_overall(app);
        aeon__exposition_family(out, GAUGE, "aeon_app_status", "1 for the status that the app as a whole has now.");
        for (aeon_status s = AEON_HEALTHY; s <= AEON_UNHEALTHY; s++)
                one(out, "aeon_app_status", "status", status_names[s], s == now);
}

static void write_status(void *arg, const char *name, aeon_status status, aeon_duration latency)
{
        (void)latency;
        for (aeon_status s = AEON_HEALTHY; s <= AEON_UNHEALTHY; s++)
                aeon__exposition_sample(arg, "aeon_health_status",
                                        (struct label[]){ { "component", name }, { "status", status_names[s] }, { 0 } },
                                        s == status);
}

static void write_latency(void *arg, const char *name, aeon_status status, aeon_duration latency)
{
        (void)status;
        one(arg, "aeon_health_check_seconds", "component", name, (double)latency / 1e9);
}

static void write_health(aeon_app *app, struct text *out)
{
        write_overall(app, out);
        aeon__exposition_family(out, GAUGE, "aeon_health_status", "1 for the status that the component has now.");
        aeon__health_each(app, write_status, out);
        aeon__exposition_family(out, GAUGE, "aeon_health_check_seconds", "How long the component's last check took.");
        aeon__health_each(app, write_latency, out);
}

/* ------------------------------------------------------------------ background and periodic tasks */

static void write_background(aeon_app *app, struct text *out)
{
        aeon_background_info *list = NULL;
        int count = aeon_background_list(app, &list);
        unsigned states[AEON_BACKGROUND_FAILED + 1] = { 0 };
        for (int i = 0; i < count; i++)
                states[list[i].state]++;
        free(list);
        aeon__exposition_family(out, GAUGE, "aeon_background_tasks", "Background tasks by state.");
        for (aeon_background_state s = AEON_BACKGROUND_PENDING; s <= AEON_BACKGROUND_FAILED; s++)
                one(out, "aeon_background_tasks", "state", aeon_background_state_name(s), states[s]);
}

/* A number of a periodic task; the loop tells those apart that are placed on every loop. */
struct column {
        aeon_metric_kind kind;
        const char *name, *help;
        double (*value)(const aeon_periodic_info *info);
};

static double runs_of(const aeon_periodic_info *info)
{
        return (double)info->runs;
}

static double missed_of(const aeon_periodic_info *info)
{
        return (double)info->missed;
}

static double failed_of(const aeon_periodic_info *info)
{
        return (double)info->failed;
}

static double running_of(const aeon_periodic_info *info)
{
        return info->running;
}

static double last_of(const aeon_periodic_info *info)
{
        return (double)info->last_duration / 1e9;
}

static const struct column columns[] = {
        { COUNTER, "aeon_periodic_runs_total", "Runs that have begun.", runs_of },
        { COUNTER, "aeon_periodic_missed_total", "Ticks that got no run of their own.", missed_of },
        { COUNTER, "aeon_periodic_failed_total", "Runs that have failed.", failed_of },
        { GAUGE, "aeon_periodic_running", "Runs that go on.", running_of },
        { GAUGE, "aeon_periodic_last_run_seconds", "How long the run took that ended last.", last_of },
};

static void write_periodic(aeon_app *app, struct text *out)
{
        aeon_periodic_info *list = NULL;
        int count = aeon_periodic_list(app, &list);
        for (size_t c = 0; c < sizeof columns / sizeof *columns && count > 0; c++) {
                aeon__exposition_family(out, columns[c].kind, columns[c].name, columns[c].help);
                for (int i = 0; i < count; i++) {
                        char loop[LOOP_NAME];
                        snprintf(loop, sizeof loop, "%u", list[i].loop);
                        aeon__exposition_sample(out, columns[c].name,
                                                (struct label[]){ { "task", list[i].name }, { "loop", loop }, { 0 } },
                                                columns[c].value(&list[i]));
                }
        }
        free(list);
}

void aeon__measures_write(aeon_app *app, struct text *out)
{
        write_states(app, out);
        write_loops(app, out);
        write_workers(app, out);
        write_health(app, out);
        write_background(app, out);
        write_periodic(app, out);
        aeon__exposition_number(out, COUNTER, "aeon_tasks_spawned_total", "Tasks that were spawned.",
                                (double)aeon__tasks_spawned());
        aeon__exposition_number(out, COUNTER, "aeon_log_lines_dropped_total", "Log lines that their reader was too slow for.",
                                (double)aeon__log_dropped());
}
