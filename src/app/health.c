/* Health checks and what the probes see of them.
 *
 * DESIGN
 *   Each check has a task of its own on the main loop: run under a time limit, note the result, sleep. A probe reads the notes under
 *   the app's lock and runs nothing. A check that does not even come back from its cancellation is seen by its time: whoever reads
 *   the notes calls it unhealthy when it has been running for longer than its limit.
 */
#include "app/app.h"
#include "app/workers.h"

#include "base/log.h"
#include "base/nearest.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct health_check {
        struct health_check *next;
        char *name;
        aeon_health_fn *fn;
        void *arg;
        aeon_health_opts opts;
        aeon_app *app;
        aeon_scope *pause; /* around the pause between two runs, while it lasts; on the main loop */

        /* Under the app's lock. */
        bool finished;           /* once at least */
        aeon_time running_since; /* 0: not running */
        aeon_status status;
        aeon_time since; /* the status is this one */
        aeon_duration latency;
        unsigned failures; /* in a row */
        char error[256];
};

struct aeon_health { /* one run */
        struct health_check *check;
        char words[256]; /* of "degraded" */
};

/* ------------------------------------------------------------------ declaring */

int aeon_health_check_with(aeon_app *app, const char *name, aeon_health_fn *fn, void *arg, const aeon_health_opts *opts)
{
        struct health_check **at = &app->checks;
        if (app->declaring_aside)
                return 0;
        for (; *at; at = &(*at)->next)
                if (!strcmp((*at)->name, name)) {
                        int r = aeon_fail(-EEXIST, "there are two health checks named \"%s\"", name);
                        aeon__declare_failed(app, r);
                        return r;
                }
        struct health_check *check = calloc(1, sizeof *check);
        char *copy = strdup(name);
        if (!check || !copy) {
                free(check);
                free(copy);
                aeon__declare_failed(app, -ENOMEM);
                return -ENOMEM;
        }
        *check = (struct health_check){ .name = copy, .fn = fn, .arg = arg, .app = app, .status = AEON_UNHEALTHY };
        if (opts)
                check->opts = *opts;
        if (!check->opts.interval)
                check->opts.interval = AEON_SECONDS(10);
        if (!check->opts.timeout)
                check->opts.timeout = AEON_SECONDS(1);
        strcpy(check->error, "not checked yet");
        *at = check;
        return 0;
}

int aeon_health_check(aeon_app *app, const char *name, aeon_health_fn *fn, const aeon_health_opts *opts)
{
        return aeon_health_check_with(app, name, fn, NULL, opts);
}

void aeon__health_free(aeon_app *app)
{
        while (app->checks) {
                struct health_check *check = app->checks;
                app->checks = check->next;
                free(check->name);
                free(check);
        }
}

void *aeon_health_arg(const aeon_health *h)
{
        return h->check->arg;
}

int aeon_health_degraded(aeon_health *h, const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(h->words, sizeof h->words, format, arguments);
        va_end(arguments);
        return 1;
}

/* ------------------------------------------------------------------ running */

static int call_check(aeon_health *h)
{
        const struct health_check *check = h->check;
        aeon_scope limit;
        aeon_scope_open(&limit, &(aeon_scope_opts){ .timeout = check->opts.timeout, .name = check->name });
        int r = aeon_scope_close(&limit, check->fn(h));
        if (r == -ETIMEDOUT && aeon_scope_caught(&limit))
                r = aeon_fail(-ETIMEDOUT, "no answer within %lld ms", (long long)(check->opts.timeout / 1000000));
        return r;
}

static void note_result(struct health_check *check, const aeon_health *h, int r, aeon_time begin)
{
        pthread_mutex_lock(&check->app->lock);
        aeon_status status = r < 0 ? AEON_UNHEALTHY : r > 0 ? AEON_DEGRADED : AEON_HEALTHY;
        aeon_time now = aeon_now();
        if (status != check->status || !check->finished)
                check->since = now;
        check->status = status;
        check->latency = now - begin;
        check->failures = r < 0 ? check->failures + 1 : 0;
        check->finished = true;
        check->running_since = 0;
        snprintf(check->error, sizeof check->error, "%s", r < 0 ? aeon_error_describe(r) : r > 0 ? h->words : "");
        pthread_mutex_unlock(&check->app->lock);
}

/* Until the next run is due, or asked for. */
static int pause_between(struct health_check *check)
{
        aeon_scope pause;
        aeon_scope_open(&pause, &(aeon_scope_opts){ .name = check->name });
        check->pause = &pause;
        int r = check->opts.on_demand ? aeon_sleep_until(AEON_NEVER) : aeon_sleep(check->opts.interval);
        check->pause = NULL;
        return aeon_scope_close(&pause, r);
}

static int check_loop(void *arg)
{
        struct health_check *check = arg;
        int r = 0;
        while (r == 0) {
                aeon_health h = { .check = check };
                aeon_time begin = aeon_now();
                pthread_mutex_lock(&check->app->lock);
                check->running_since = begin;
                pthread_mutex_unlock(&check->app->lock);
                r = call_check(&h);
                if (r == -ECANCELED && aeon_cancelled())
                        break;
                bool was_well = check->failures == 0;
                note_result(check, &h, r, begin);
                if (r < 0 && was_well)
                        aeon_log_warning("health check \"%s\": %s", check->name, check->error);
                else if (r >= 0 && !was_well)
                        aeon_log_info("health check \"%s\" is well again", check->name);
                r = pause_between(check);
        }
        return r;
}

int aeon__health_start(struct aeon_lifespan *life)
{
        if (life->index > 0)
                return 0;
        for (struct health_check *check = life->app->checks; check; check = check->next) {
                int r = aeon_spawn(life->beside, check->name, check_loop, check);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void end_pause(void *arg)
{
        struct health_check *check = arg;
        if (check->pause)
                aeon_scope_cancel(check->pause, "asked for");
}

enum { NAMES_COMPARED = 64 };

int aeon_health_ask(aeon_app *app, const char *name)
{
        const char *names[NAMES_COMPARED] = { 0 };
        size_t count = 0;
        for (struct health_check *check = app->checks; check; check = check->next) {
                if (!strcmp(check->name, name)) {
                        aeon_loop *loop = atomic_load(&app->main_loop);
                        return loop ? aeon_post(loop, end_pause, check) : -ESHUTDOWN;
                }
                if (count < NAMES_COMPARED)
                        names[count++] = check->name;
        }
        const char *near = count ? aeon__nearest(name, names, count) : NULL;
        if (near)
                return aeon_fail(-ENOENT, "there is no health check \"%s\": did you mean \"%s\"?", name, near);
        return aeon_fail(-ENOENT, "there is no health check \"%s\"", name);
}

/* ------------------------------------------------------------------ the probes' view */

static aeon_status status_now(const struct health_check *check)
{
        bool overdue = check->running_since && aeon_now() - check->running_since > check->opts.timeout + AEON_MILLISECONDS(50);
        return !check->finished || overdue ? AEON_UNHEALTHY : check->status;
}

static aeon_status overall(const aeon_app *app)
{
        aeon_status worst = AEON_HEALTHY;
        for (const struct health_check *check = app->checks; check; check = check->next) {
                aeon_status status = status_now(check);
                if (check->opts.impact == AEON_INFO || status == AEON_HEALTHY)
                        continue;
                if (check->opts.impact == AEON_CRITICAL && status == AEON_UNHEALTHY)
                        return AEON_UNHEALTHY;
                worst = AEON_DEGRADED;
        }
        return worst;
}

aeon_status aeon_health_overall(aeon_app *app)
{
        pthread_mutex_lock(&app->lock);
        aeon_status status = overall(app);
        pthread_mutex_unlock(&app->lock);
        return status;
}

bool aeon_app_is_live(aeon_app *app)
{
        return atomic_load(&app->live);
}

bool aeon_app_is_started(aeon_app *app)
{
        return atomic_load(&app->started);
}

bool aeon_app_is_ready(aeon_app *app)
{
        return atomic_load(&app->ready) && aeon_health_overall(app) != AEON_UNHEALTHY && !aeon__beside_spoils_readiness(app) &&
               !aeon__workers_spoil_readiness(app);
}

void aeon__health_each(aeon_app *app, void (*fn)(void *arg, const char *name, aeon_status status, aeon_duration latency), void *arg)
{
        pthread_mutex_lock(&app->lock);
        for (const struct health_check *check = app->checks; check; check = check->next)
                fn(arg, check->name, status_now(check), check->latency);
        pthread_mutex_unlock(&app->lock);
}

static const char *const impact_names[] = { "info", "degrading", "critical" };
static const char *const status_names[] = { "healthy", "degraded", "unhealthy" };

static const char *words_now(const struct health_check *check)
{
        bool overdue = check->running_since && status_now(check) == AEON_UNHEALTHY && check->status != AEON_UNHEALTHY;
        return overdue ? "still running after its time limit" : check->error;
}

static void print_component(FILE *out, const struct health_check *check)
{
        char name[128], error[768];
        const char *words = words_now(check);
        aeon__json_escape(name, sizeof name, check->name, strlen(check->name));
        aeon__json_escape(error, sizeof error, words, strlen(words));
        fprintf(out, "{\"name\":\"%s\",\"status\":\"%s\",\"latency_ms\":%.3f,", name, status_names[status_now(check)],
                (double)check->latency / 1e6);
        if (*words)
                fprintf(out, "\"error\":\"%s\"", error);
        else
                fprintf(out, "\"error\":null");
        fprintf(out, ",\"impact\":\"%s\",\"since_s\":%.3f,\"failures\":%u}", impact_names[check->opts.impact],
                check->finished ? (double)(aeon_now() - check->since) / 1e9 : 0.0, check->failures);
}

char *aeon_health_json(aeon_app *app, bool details)
{
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        if (!out)
                return NULL;
        pthread_mutex_lock(&app->lock);
        fprintf(out, "{\"status\":\"%s\"", status_names[overall(app)]);
        if (details) {
                fputs(",\"components\":[", out);
                for (const struct health_check *check = app->checks; check; check = check->next) {
                        if (check != app->checks)
                                fputc(',', out);
                        print_component(out, check);
                }
                fputc(']', out);
        }
        pthread_mutex_unlock(&app->lock);
        fputs("}", out);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

char *aeon_health_text(aeon_app *app)
{
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        if (!out)
                return NULL;
        pthread_mutex_lock(&app->lock);
        for (const struct health_check *check = app->checks; check; check = check->next) {
                aeon_status status = status_now(check);
                if (status == AEON_HEALTHY)
                        fprintf(out, "[+]%s ok\n", check->name);
                else
                        fprintf(out, "[%c]%s %s: %s\n", status == AEON_DEGRADED ? '~' : '-', check->name, status_names[status],
                                words_now(check));
        }
        pthread_mutex_unlock(&app->lock);
        if (fclose(out) != 0) {
                free(text);
                return NULL;
        }
        return text;
}
